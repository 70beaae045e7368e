"""Parties and customers that nobody deals with can be deleted."""

import sqlalchemy as sa

from trunkline.customers import store
from trunkline.customers.events import CustomerDeleted, PartyDeleted
from trunkline.customers.history import party_change
from trunkline.customers.model import (
    CustomerId,
    CustomerInUse,
    CustomerNotFound,
    PartyId,
    PartyInUse,
    PartyNotFound,
    type_of,
)
from trunkline.customers.tables import agreement, party_role
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

_ROLE = sa.select(party_role.c.id).where(party_role.c.party_id == sa.bindparam("of")).limit(1)
_AGREEMENT = sa.select(agreement.c.id).where(agreement.c.customer_id == sa.bindparam("of")).limit(1)
_FORGET = sa.delete(party_change).where(party_change.c.resource_id == sa.bindparam("of"))


def delete_party(tx: Tx, *, party: PartyId) -> None:
    """Raises `PartyNotFound`, or `PartyInUse` where it is a customer, plays a role, or has
    parts."""
    present = store.find_parties(tx, [party], lock=True).get(party)
    if present is None:
        raise PartyNotFound(f"there is no party {party[:60]}")
    for customer in store.customers_of_party(tx, party):
        raise PartyInUse(f"it is the customer {customer.id}")
    role = tx.execute(_ROLE, {"of": party}).scalar()
    if role is not None:
        raise PartyInUse(f"it plays the role {role}")
    for part in store.children_of(tx, [party]):
        raise PartyInUse(f"organization {part.id} is a part of it")
    tx.execute(_FORGET, {"of": party})
    store.delete_party(tx, party, PartyInUse("something refers to it"))
    tx.changed(type_of(present), party, Change.DELETED)
    tx.emit(PartyDeleted(party=party))


def delete_customer(tx: Tx, *, customer: CustomerId) -> None:
    """Raises `CustomerNotFound`, or `CustomerInUse` where it has accounts, agreements, or
    anything else that refers to it."""
    if customer not in store.find_customers(tx, [customer], lock=True):
        raise CustomerNotFound(f"there is no customer {customer[:60]}")
    for account in store.accounts_of(tx, [customer]):
        raise CustomerInUse(f"it has the billing account {account.id}")
    agreed = tx.execute(_AGREEMENT, {"of": customer}).scalar()
    if agreed is not None:
        raise CustomerInUse(f"it has the agreement {agreed}")
    tx.execute(_FORGET, {"of": customer})
    store.delete_customer(tx, customer, CustomerInUse("something refers to it"))
    tx.changed("Customer", customer, Change.DELETED)
    tx.emit(CustomerDeleted(customer=customer))
