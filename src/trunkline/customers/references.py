"""Whom documents name: parties, customers and roles, told apart by the type of a reference."""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.customers.known import known_parties
from trunkline.platform.db import Reader
from trunkline.tmf.documents import UnknownReference, at

KEPT_HERE = frozenset({"individual", "organization", "party", "customer", "partyrole"})
"""The types (in lower case) of those that are mastered here; all others are taken on trust."""
_CUSTOMER = "customer"


def named_parties(body: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The place and the reference of each at a dotted path; lists are walked through."""
    for place, value in at(body, path):
        if isinstance(value, Mapping) and isinstance(value.get("id"), str):
            yield place, value


def check_parties(
    r: Reader, body: Mapping[str, Any], before: Mapping[str, Any] | None, *paths: str
) -> None:
    """Raises `UnknownReference` for a party of a type that is mastered here, and unknown. What
    `before` named already is not asked for again."""
    for path in paths:
        old = {each["id"] for _, each in named_parties(before or {}, path)}
        named = [
            (place, each["id"])
            for place, each in named_parties(body, path)
            if each["id"] not in old and _type(each) in KEPT_HERE
        ]
        there = known_parties(r, {ident for _, ident in named}) if named else set()
        for place, ident in named:
            if ident not in there:
                raise UnknownReference(f"there is no {ident[:100]!r}", path=f"{place}.id")


def customer_of(body: Mapping[str, Any], path: str = "relatedParty") -> str | None:
    """The id of the customer among the related parties."""
    for _, each in named_parties(body, path):
        if _type(each) == _CUSTOMER or str(each.get("role")).lower() == _CUSTOMER:
            ident: str = each["id"]
            return ident
    return None


def _type(reference: Mapping[str, Any]) -> str:
    return str(reference.get("@referredType", reference.get("@type"))).lower()
