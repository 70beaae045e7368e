"""What the declarations of inventories and service orders share in keeping bodies: what a client
sent, as far as no column holds it, is kept as it came."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from trunkline import catalog, customers, inventory, ordering
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Reader
from trunkline.rest.forms.references import check_entities
from trunkline.rest.forms.wire import (
    customer_party,
    values_of,
)
from trunkline.tmf import Body, Path, column, wire
from trunkline.tmf.documents import UnknownReference, references

Known = Callable[[Reader, Collection[str]], Collection[str]]
_LONGEST_NAME = 200


def present(value: Any) -> Any:
    """Without what is null: an attribute without a value is absent (TMF630). The `value` of a
    characteristic is whatever it is."""
    if isinstance(value, dict):
        return {
            name: each if name == "value" else present(each)
            for name, each in value.items()
            if each is not None or name == "value"
        }
    if isinstance(value, list):
        return [present(each) for each in value if each is not None]
    return value


def rest_of(body: Body, *, without: Collection[str]) -> Body:
    """What no column holds."""
    left_out = {"id", "href", *without}
    return {name: each for name, each in body.items() if name not in left_out}


def changed_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def check_fixed(names: Collection[str], fixed: Collection[str]) -> None:
    """Raises `Invalid` for what a PATCH may not change."""
    for name in sorted(set(names) & set(fixed)):
        raise Invalid("can't be changed", path=name)


def name_of(body: Body, otherwise: str) -> str:
    """Its name, which may be sought by. Raises `Invalid`."""
    return short(body, "name") or otherwise[:_LONGEST_NAME]


def short(body: Body, attribute: str, longest: int = _LONGEST_NAME) -> str | None:
    """A text that a column holds. Raises `Invalid`."""
    text = body.get(attribute)
    if text is None:
        return None
    if len(text) > longest:
        raise Invalid(f"has at most {longest} characters", path=attribute)
    return str(text)


def characteristics_of(body: Body, attribute: str) -> dict[str, Any]:
    """Values by their names. Raises `Invalid` for a name that comes twice."""
    return values_of(body.get(attribute, ()), attribute)


def shown_characteristics(values: Mapping[str, Any], given: Any) -> list[Body]:
    """The characteristics as a client gave them, with the values that hold now."""
    by_name = {each["name"]: each for each in given or ()}
    return [{**by_name.get(name, {"name": name}), "value": value} for name, value in values.items()]


def plain_only(body: Body, attribute: str) -> bool:
    """Whether its characteristics say nothing but names and values."""
    return all(each.keys() <= {"name", "value"} for each in body.get(attribute, ()))


def _in(key: sa.ColumnElement[Any], *conditions: sa.ColumnElement[Any]) -> Known:
    ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
    statement = sa.select(key).where(key.in_(ids), *conditions)
    return lambda r, wanted: set(r.execute(statement, {"ids": list(wanted)}).scalars())


def of_catalog(kind: str) -> Known:
    """The catalogue's documents of a kind."""
    return _in(catalog.DOCUMENTS.c.id, catalog.DOCUMENTS.c.kind == kind)


ACCOUNTS = _in(customers.BILLING_ACCOUNTS.c.id)
CUSTOMERS = _in(customers.CUSTOMERS.c.id)
PRODUCTS = _in(inventory.product_table.c.id)
SERVICES = _in(inventory.service_table.c.id)
RESOURCES = _in(inventory.resource_table.c.id)
SERVICE_ORDERS = _in(ordering.service_orders.service_order.c.id)


def check_references(
    r: Reader, body: Body, before: Body | None, known: Mapping[str, Known], *parties: str
) -> None:
    """Raises `UnknownReference` for what a body newly names at one of the dotted paths of
    `known`, or by its type at one of `parties`, and doesn't exist. What says by a whole
    address that it is kept by somebody else is taken on trust."""
    for path, knows in known.items():
        old = {ident for _, ident in references(before or {}, path)}
        named = [each for each in references(body, path) if each[1] not in old]
        there = knows(r, {ident for _, ident in named}) if named else ()
        for place, ident in named:
            if ident not in there:
                raise UnknownReference(f"there is no {ident[:100]!r}", path=f"{place}.id")
    check_entities(r, body, before, *parties)


def is_elsewhere(reference: Any) -> bool:
    """Whether a reference says by a whole address that somebody else keeps what it names."""
    address = reference.get("href") if isinstance(reference, dict) else None
    return isinstance(address, str) and address.startswith(("https://", "http://"))


def customer_in(r: Reader, body: Body, attribute: str = "relatedParty") -> str:
    """The customer among the related parties; empty where there is none that is known."""
    named = [
        each["id"]
        for each in body.get(attribute, ())
        if "customer" in (str(each.get("role")).lower(), str(each.get("@referredType")).lower())
    ]
    there = CUSTOMERS(r, named) if named else ()
    return next((each for each in named if each in there), "")


def shown_parties(given: Any, customer: str) -> list[Body]:
    """The related parties as a client gave them, the customer always among them."""
    parties = list(given or ())
    if customer and all(each["id"] != customer for each in parties):
        parties.insert(0, wire.plain(customer_party(customer)))
    return parties


def found_by(value: Any, reference: Any, key: Any) -> Path:
    """A column of rows that refer to this one by `reference`, so many that they are sought
    first: `value` has an index."""
    plain = column(value)
    return Path(
        value,
        plain.parse,
        plain.kind,
        within=lambda found: key.in_(sa.select(reference).where(found)),
        least=sa.select(sa.func.min(value)).where(reference == key).scalar_subquery(),
    )
