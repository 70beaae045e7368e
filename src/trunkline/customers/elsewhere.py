"""Parties and customers that another system masters (`Database.elsewhere`).

References to them are taken on trust. Who is billed must be known here all the same: it is
remembered, under the other system's id, by what the reference says, and can be described further
like any other.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunkline.catalog import brands
from trunkline.customers import store
from trunkline.customers.known import CUSTOMER, PARTY, is_elsewhere
from trunkline.customers.model import (
    Customer,
    CustomerId,
    CustomerStatus,
    Individual,
    IndividualStatus,
    Organization,
    OrganizationStatus,
    Party,
    PartyId,
    check_name,
)
from trunkline.customers.operations import keep_customers, keep_parties
from trunkline.customers.references import named_customers
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.platform.collisions import collision
from trunkline.platform.db import Tx
from trunkline.tmf.documents import placed


class JustRemembered(Conflict):
    """Two requests named somebody for the first time; the other was first."""

    code = "justRemembered"


class UnsaidBrand(Invalid):
    """A customer that another system masters is of the only brand; here are several."""

    code = "unsaidBrand"


def remember_party(
    tx: Tx, *, party: str, name: str | None, is_organization: bool = False, now: datetime
) -> None:
    """Keeps a party that is mastered elsewhere and new here; does nothing about any other.
    Raises `Invalid` for an id or a name, and `JustRemembered`."""
    if not is_elsewhere(tx, PARTY):
        return
    ident = PartyId.parse(party, path="id")
    if not store.find_parties(tx, [ident]):
        known = check_name(party if name is None else name, path="name")
        _keep(tx, _party(ident, known, now, is_organization=is_organization))


def remember_customer(tx: Tx, *, customer: str, name: str | None, now: datetime) -> None:
    """The same for a customer, and a party of its name beside it. Raises `UnsaidBrand` too."""
    if not is_elsewhere(tx, CUSTOMER):
        return
    ident = CustomerId.parse(customer, path="id")
    if store.find_customers(tx, [ident]):
        return
    offered = brands(tx)
    if len(offered) != 1:
        raise UnsaidBrand("there is more than one brand: it must be created first", path="id")
    party = _party(
        tx.new_id(PartyId, now),
        check_name(customer if name is None else name, path="name"),
        now,
        is_organization=False,
    )
    _keep(tx, party)
    new = Customer(
        id=ident,
        name=party.name,
        status=CustomerStatus.ACTIVE,
        party=party.id,
        brand=offered[0].id,
        created_at=now,
        updated_at=now,
    )
    with collision(taken=JustRemembered("somebody has just named it too", path="id")):
        keep_customers(tx, [new], {party.id: party})


def remember_customers(tx: Tx, body: Mapping[str, Any], path: str, *, now: datetime) -> None:
    """`remember_customer` of each customer that a document names at a dotted path."""
    for place, each in named_customers(body, path):
        with placed(place):
            remember_customer(tx, customer=each["id"], name=each.get("name"), now=now)


def _party(ident: PartyId, name: str, now: datetime, *, is_organization: bool) -> Party:
    if is_organization:
        status = OrganizationStatus.INITIALIZED
        return Organization(id=ident, name=name, status=status, created_at=now, updated_at=now)
    return Individual(
        id=ident, name=name, status=IndividualStatus.INITIALIZED, created_at=now, updated_at=now
    )


def _keep(tx: Tx, party: Party) -> None:
    with collision(taken=JustRemembered("somebody has just named it too", path="id")):
        keep_parties(tx, [party])
