"""What is known of a person, told and forgotten (GDPR, articles 15, 17 and 20).

Erasure takes names, addresses and words away and leaves the rows: orders, invoices and the
ledger refer to them, and invoices are kept as the law wants them. Consents stay, which hold no
name: that somebody refused must be known for longer than who it was.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.customers import history, store
from trunkline.customers.events import PartyChanged
from trunkline.customers.interactions.store import INTERACTIONS
from trunkline.customers.model import (
    CustomerStatus,
    Individual,
    Organization,
    PartyId,
    PartyNotFound,
    type_of,
)
from trunkline.customers.privacy import store as privacy
from trunkline.customers.privacy.kinds import AGREEMENT, PROFILE
from trunkline.customers.roles.operations import ROLES
from trunkline.customers.searching import terms_of
from trunkline.customers.tables import agreement
from trunkline.customers.tickets.store import TICKETS
from trunkline.kernel.errors import Conflict
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents

ERASED = "erased"
Body = dict[str, Any]

_WORDS = frozenset({"description", "text", "content", "subject", "statusChangeReason"})
_NAMES = frozenset({"name", "email", "phoneNumber", "contactMedium", "ip", "appUserId"})
_GONE = frozenset({"attachment", "channel", "contactMedium"})
_OF_CUSTOMER = {
    "troubleTickets": (TICKETS.table, TICKETS.table.c.customer_id),
    "partyInteractions": (INTERACTIONS.table, INTERACTIONS.table.c.customer_id),
    "agreements": (agreement, agreement.c.customer_id),
    "partyRoles": (ROLES.table, ROLES.table.c.party_id),
    "partyPrivacyProfiles": (PROFILE.table, PROFILE.table.c.party_id),
    "partyPrivacyAgreements": (AGREEMENT.table, AGREEMENT.table.c.party_id),
}
_KINDS = {
    "troubleTickets": TICKETS,
    "partyInteractions": INTERACTIONS,
    "partyRoles": ROLES,
    "partyPrivacyProfiles": PROFILE,
    "partyPrivacyAgreements": AGREEMENT,
}
"""Those whose words are erased; agreements name who they are with, and are contracts."""


class StillACustomer(Conflict):
    """What is known of a customer is needed while they are one."""

    code = "stillACustomer"


def personal_data(r: Reader, party: PartyId) -> Body:
    """All that this domain knows of a party, as plain JSON. Raises `PartyNotFound`."""
    found = _party(r, party)
    customers = store.customers_of_party(r, party)
    ids = [party, *(each.id for each in customers)]
    accounts = store.accounts_of(r, [each.id for each in customers])
    return {
        "party": _plain(found),
        "customers": [_plain(each) for each in customers],
        "billingAccounts": [_plain(each) for each in accounts],
        "consents": [_plain(each) for each in privacy.history(r, [party])],
        "changes": history.changes_of(r, ids),
        **{name: _bodies(r, *of, ids) for name, of in _OF_CUSTOMER.items()},
    }


def erase_party(tx: Tx, *, party: PartyId, now: datetime) -> list[str]:
    """Forgets who a party is, wherever this domain says so; the same again changes nothing
    more. Returns the ids that it was known by: its own and its customers'. Raises
    `PartyNotFound`, and `StillACustomer` while one of its customers isn't closed."""
    present = store.find_parties(tx, [party], lock=True).get(party)
    if present is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    customers = store.customers_of_party(tx, party)
    for each in customers:
        if each.status is not CustomerStatus.CLOSED:
            raise StillACustomer(f"customer {each.id} is {each.status}", path="status")
    nobody = _nobody(present, now)
    store.update_party(tx, nobody)
    for each in customers:
        left = msgspec.structs.replace(
            each, name=ERASED, characteristics={}, details={}, external_id=None, updated_at=now
        )
        store.update_customer(tx, left)
        store.replace_terms(tx, each.id, terms_of(left, nobody, store.accounts_of(tx, [each.id])))
        tx.changed("Customer", each.id, Change.ATTRIBUTES)
    ids = [str(party), *(str(each.id) for each in customers)]
    history.erase_history(tx, ids)
    for name, kind in _KINDS.items():
        table, owner = _OF_CUSTOMER[name]
        for body in _bodies(tx, table, owner, ids):
            _rewrite(tx, kind, body, ids, now)
    tx.changed(type_of(nobody), party, Change.ATTRIBUTES)
    tx.emit(PartyChanged(party=party))
    return ids


def scrubbed(value: Any, ids: Collection[str], *, words: bool = True) -> Any:
    """A JSON value without the names of those with these ids and, with `words`, without what was
    written in it."""
    if isinstance(value, Mapping):
        named = value.get("id") in ids
        return {
            name: ERASED if words and name in _WORDS and isinstance(each, str)
            else scrubbed(each, ids, words=words)
            for name, each in value.items()
            if not (named and name in _NAMES) and not (words and name in _GONE)
        }  # fmt: skip
    if isinstance(value, list):
        return [scrubbed(each, ids, words=words) for each in value]
    return value


def _nobody(party: Individual | Organization, now: datetime) -> Individual | Organization:
    erased: Any = {
        "name": ERASED, "contact_media": (), "external_id": None, "extensions": {},
        "details": {}, "updated_at": now,
    }  # fmt: skip
    if isinstance(party, Individual):
        erased |= {"given_name": None, "family_name": None, "birth_date": None, "gender": None}
    else:
        erased |= {"trading_name": None}
    return msgspec.structs.replace(party, **erased)


def _rewrite(tx: Tx, kind: documents.Kind, body: Body, ids: Collection[str], now: datetime) -> None:
    """Beside the kind's rules, which keep what has ended from changing."""
    left = scrubbed(body, ids, words=kind not in (PROFILE, AGREEMENT))
    if left != body:
        table = kind.table
        tx.execute(
            sa.update(table)
            .where(table.c.id == body["id"])
            .values(body=left, revision=table.c.revision + 1, updated_at=now)
        )
        tx.changed(kind.name, body["id"], Change.ATTRIBUTES)


def _bodies(r: Reader, table: sa.Table, owner: sa.Column[Any], ids: Collection[str]) -> list[Body]:
    found = sa.select(table.c.body).where(owner.in_(list(ids))).order_by(table.c.id)
    return list(r.execute(found).scalars())


def _party(r: Reader, party: PartyId) -> Individual | Organization:
    found = store.find_parties(r, [party]).get(party)
    if found is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    return found


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)
