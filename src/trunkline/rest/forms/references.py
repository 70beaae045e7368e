"""What a reference of any type may name: who knows it, and where it is found.

Documents of the customers' domain refer upwards, too (a ticket to a product, an interaction to
a bill). Types that stand in no row here are mastered elsewhere, and taken on trust; so are those
of which settings say so.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from trunkline import billing, catalog, customers, inventory, ordering, payments
from trunkline.platform.db import Reader
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BILL,
    CARTS,
    CATALOG,
    CUSTOMER,
    ORDERING,
    PARTY,
    PAYMENT,
    PRODUCTS,
    QUALIFICATIONS,
    QUOTES,
    SERVICES,
)
from trunkline.tmf import href
from trunkline.tmf.documents import UnknownReference, at, references

Known = Callable[[Reader, Collection[str]], Collection[str]]


def _in(key: sa.ColumnElement[Any], *conditions: sa.ColumnElement[Any]) -> Known:
    ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
    statement = sa.select(key).where(key.in_(ids), *conditions)
    return lambda r, wanted: set(r.execute(statement, {"ids": list(wanted)}).scalars())


class _Kept:
    """A type that is mastered here: its collection, and who knows of its ids."""

    def __init__(self, collection: str, key: sa.ColumnElement[Any], *where: Any) -> None:
        self.collection = collection
        self.known = _in(key, *where)


_KEPT: dict[str, _Kept] = {
    "individual": _Kept(f"{PARTY}/individual", customers.PARTIES.c.id,
                        customers.PARTIES.c.kind == "individual"),
    "organization": _Kept(f"{PARTY}/organization", customers.PARTIES.c.id,
                          customers.PARTIES.c.kind == "organization"),
    "customer": _Kept(f"{CUSTOMER}/customer", customers.CUSTOMERS.c.id),
    "billingaccount": _Kept(f"{ACCOUNT}/billingAccount", customers.BILLING_ACCOUNTS.c.id),
    "troubleticket": _Kept("/tmf-api/troubleTicket/v4/troubleTicket",
                           customers.TICKETS.table.c.id),
    "partyrole": _Kept("/tmf-api/partyRoleManagement/v4/partyRole", customers.ROLES.table.c.id),
    "agreement": _Kept("/tmf-api/agreementManagement/v4/agreement",
                       customers.AGREEMENTS.table.c.id),
    "partyinteraction": _Kept("/tmf-api/partyInteraction/v4/partyInteraction",
                              customers.INTERACTIONS.table.c.id),
    "partnershipspecification": _Kept(
        "/tmf-api/partnershipManagement/v4/partnershipSpecification",
        customers.PARTNERSHIP_SPECIFICATIONS.table.c.id),
    "agreementspecification": _Kept("/tmf-api/agreementManagement/v4/agreementSpecification",
                                    customers.AGREEMENT_SPECIFICATIONS.table.c.id),
    "partnership": _Kept("/tmf-api/partnershipManagement/v4/partnership",
                         customers.PARTNERSHIPS.table.c.id),
    "product": _Kept(f"{PRODUCTS}/product", inventory.product_table.c.id),
    "service": _Kept(f"{SERVICES}/service", inventory.service_table.c.id),
    "productorder": _Kept(f"{ORDERING}/productOrder", ordering.product_order.c.id),
    "customerbill": _Kept(f"{BILL}/customerBill", billing.INVOICES.c.id),
    "quote": _Kept(f"{QUOTES}/quote", ordering.QUOTE.table.c.id),
    "shoppingcart": _Kept(f"{CARTS}/shoppingCart", ordering.CART.table.c.id),
    "productofferingqualification": _Kept(f"{QUALIFICATIONS}/productOfferingQualification",
                                          ordering.QUALIFICATION.table.c.id),
    "payment": _Kept(f"{PAYMENT}/payment", payments.PAYMENTS.c.id),
    **{
        kind.lower(): _Kept(f"{CATALOG}/{kind}", catalog.DOCUMENTS.c.id,
                            catalog.DOCUMENTS.c.kind == kind)
        for kind in ("productOffering", "productSpecification", "productOfferingPrice")
    },
}  # fmt: skip

_METHODS = _in(payments.PAYMENT_METHODS.table.c.id)


def address(referred_type: object, ident: str) -> str | None:
    """Where what a reference of this type names is found; None where it is mastered
    elsewhere."""
    kept = _KEPT.get(str(referred_type).lower())
    return None if kept is None else href(kept.collection, ident)


def check_entities(
    r: Reader,
    body: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    *paths: str,
    default: str | None = None,
) -> None:
    """Raises `UnknownReference` where a reference at one of the dotted paths names, by a
    `@referredType` that is mastered here (or, where it says none, by `default`), what doesn't
    exist. What `before` named is not asked for again."""
    old = {ident for path in paths for _, _, ident in _typed(before or {}, path, default)}
    asked: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        for place, kind, ident in _typed(body, path, default):
            if ident not in old and kind in _KEPT and not customers.is_elsewhere(r, kind):
                asked.setdefault(kind, []).append((place, ident))
    for kind, named in asked.items():
        there = _KEPT[kind].known(r, {ident for _, ident in named})
        for place, ident in named:
            if ident not in there:
                raise UnknownReference(f"there is no {ident[:100]!r}", path=f"{place}.id")


def _typed(
    body: Mapping[str, Any], path: str, default: str | None
) -> Iterator[tuple[str, str, str]]:
    """The place, the type in lower case and the id of each reference at a dotted path."""
    for place, value in at(body, path):
        if isinstance(value, Mapping) and isinstance(value.get("id"), str):
            kind = value.get("@referredType") or value.get("@type") or default
            yield place, str(kind).lower(), value["id"]


def check_methods(r: Reader, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises `UnknownReference` for a payment method that doesn't exist, whatever its type."""
    old = {ident for _, ident in references(before or {}, "paymentMethod")}
    named = [each for each in references(body, "paymentMethod") if each[1] not in old]
    there = _METHODS(r, {ident for _, ident in named}) if named else ()
    for place, ident in named:
        if ident not in there:
            raise UnknownReference(f"there is no {ident[:100]!r}", path=f"{place}.id")
