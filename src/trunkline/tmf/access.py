"""Which rows of a resource are a customer's: what a subscriber's token reaches.

A caller that is bound to a customer sees, changes and refers to that customer's rows, and to
what is everybody's; all else doesn't exist for it. A resource that doesn't say whose its rows
are is closed to bound callers.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from trunkline.kernel.errors import Forbidden, Invalid
from trunkline.platform.db import Database, Reader
from trunkline.platform.principals import Binding
from trunkline.tmf.paths import Expression

Body = dict[str, Any]
Databases = Mapping[str, Database]
_CUSTOMER = "customer"
_MOST_REFERENCES = 500


class ClosedToSubscribers(Forbidden):
    """A token that is bound to a customer doesn't reach this at all."""

    code = "closedToSubscribers"


@dataclass(frozen=True, kw_only=True, eq=False)
class Owner:
    """Whose a row is. `rows(binding, databases)` is the condition for what is the customer's,
    None where every row is everybody's. `writes` says whether bound callers may change
    anything, except the attributes that are `fixed`, and `deletes` whether they may delete.
    `claims` is an attribute of related parties that a bound caller may leave out: its customer
    is put in."""

    rows: Callable[[Binding, Databases], Expression] | None
    writes: bool = True
    deletes: bool = True
    fixed: frozenset[str] = frozenset()
    claims: str | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that bound callers may use."""
        if not self.writes:
            return ("GET",)
        return ("GET", "POST", "PATCH", "DELETE") if self.deletes else ("GET", "POST", "PATCH")

    def condition(self, binding: Binding, databases: Databases) -> Expression:
        return sa.true() if self.rows is None else self.rows(binding, databases)

    def check_change(self, names: Collection[str]) -> None:
        """Raises `ClosedToSubscribers` for what a bound caller may not change."""
        for name in sorted(self.fixed.intersection(names)):
            raise ClosedToSubscribers("a subscriber can't change it", path=name)

    def claimed(self, body: Body, binding: Binding) -> Body:
        """The body with the caller's customer among its related parties."""
        if self.claims is None:
            return body
        parties = body.get(self.claims, [])
        if not isinstance(parties, list) or any(map(_is_customer, parties)):
            return body
        own = {"id": binding.customer, "role": _CUSTOMER, "@referredType": "Customer"}
        return body | {self.claims: [*parties, own]}


def _is_customer(party: object) -> bool:
    return isinstance(party, dict) and _CUSTOMER in (
        str(party.get("role")).lower(),
        str(party.get("@referredType")).lower(),
    )


PUBLIC = Owner(rows=None, writes=False)
"""Catalogues: bound callers read all of it, and change nothing."""


def published(condition: Expression) -> Owner:
    """The same for rows that meet the condition; the others aren't there for bound callers."""
    return Owner(rows=lambda _binding, _databases: condition, writes=False)


def owned_by(
    *columns: Expression,
    parties: bool = False,
    writes: bool = True,
    deletes: bool = True,
    fixed: Collection[str] = (),
    claims: str | None = None,
) -> Owner:
    """The customer's id stands in one of these columns (or scalar subqueries); with `parties`,
    its party's id will do too."""

    def rows(binding: Binding, _databases: Databases) -> Expression:
        return sa.or_(*(column.in_(_names(binding, parties=parties)) for column in columns))

    return Owner(rows=rows, writes=writes, deletes=deletes, fixed=frozenset(fixed), claims=claims)


def owned_through(
    reference: Expression,
    key: Expression,
    owner: Expression,
    *,
    parties: bool = False,
    writes: bool = True,
    deletes: bool = True,
    fixed: Collection[str] = (),
    claims: str | None = None,
) -> Owner:
    """`reference` points at a row of another table by its `key`, which holds the customer's
    id in `owner`."""

    def rows(binding: Binding, _databases: Databases) -> Expression:
        return reference.in_(sa.select(key).where(owner.in_(_names(binding, parties=parties))))

    return Owner(rows=rows, writes=writes, deletes=deletes, fixed=frozenset(fixed), claims=claims)


def owned_elsewhere(
    reference: Expression, owned: Callable[[Reader, str], Collection[str]], *, writes: bool = True
) -> Owner:
    """For rows outside the books: `owned(books, customer)` gives the values of `reference`
    that are the customer's."""

    def rows(binding: Binding, databases: Databases) -> Expression:
        with databases["books"].read() as r:
            return reference.in_(list(owned(r, binding.customer)))

    return Owner(rows=rows, writes=writes)


def _names(binding: Binding, *, parties: bool) -> list[str]:
    return [binding.customer, *([binding.party] if parties and binding.party else [])]


def references(body: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, id) of all that a body seems to refer to. What is an item or a note of the body
    itself has a name of its own there, which refers to nothing."""
    if isinstance(body, list):
        for index, each in enumerate(body):
            yield from references(each, f"{path}[{index}]")
    elif isinstance(body, dict):
        owns = path.rpartition(".")[2].partition("[")[0]
        for name, value in body.items():
            place = f"{path}.{name}" if path else str(name)
            if not isinstance(value, str):
                yield from references(value, place)
            elif name == "id" and path and not (owns.endswith("Item") or owns == "note"):
                yield place, value
            elif name == "href":
                yield place, value.rstrip("/").rpartition("/")[2]
            elif name.endswith("Id"):
                yield place, value


def named(body: object) -> dict[str, str]:
    """Ids that a body refers to, with their (first) paths. Raises `Invalid` for too many."""
    found: dict[str, str] = {}
    for path, ident in references(body):
        if ident.isprintable() and len(ident) <= 100:
            found.setdefault(ident, path)
        if len(found) > _MOST_REFERENCES:
            raise Invalid(f"more than {_MOST_REFERENCES} references")
    return found
