"""Whom documents name: parties, customers and roles, told apart by the type of a reference."""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.customers.known import PARTY_TYPES, known_parties_of
from trunkline.platform.db import Reader
from trunkline.tmf.documents import UnknownReference, at

_CUSTOMER = "customer"


def named_parties(body: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The place and the reference of each at a dotted path; lists are walked through."""
    for place, value in at(body, path):
        if isinstance(value, Mapping) and isinstance(value.get("id"), str):
            yield place, value


def check_parties(
    r: Reader, body: Mapping[str, Any], before: Mapping[str, Any] | None, *paths: str
) -> None:
    """Raises `UnknownReference` for a party of a type that is mastered here, and unknown; all
    other types are taken on trust. What `before` named is not asked for again."""
    old = {_key(each) for path in paths for _, each in named_parties(before or {}, path)}
    asked: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        for place, each in named_parties(body, path):
            kind, ident = key = _key(each)
            if key not in old and kind in PARTY_TYPES:
                asked.setdefault(kind, []).append((place, ident))
    for kind, named in asked.items():
        there = known_parties_of(r, kind, {ident for _, ident in named})
        for place, ident in named:
            if ident not in there:
                raise UnknownReference(f"there is no {kind} {ident[:100]!r}", path=f"{place}.id")


def named_customers(body: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Those among them that are customers."""
    for place, each in named_parties(body, path):
        if _key(each)[0] == _CUSTOMER:
            yield place, each


def customer_of(body: Mapping[str, Any], path: str = "relatedParty") -> str | None:
    """The id of the customer among the related parties."""
    return next((str(each["id"]) for _, each in named_customers(body, path)), None)


def _key(reference: Mapping[str, Any]) -> tuple[str, str]:
    """Its type, in lower case, and its id. Who plays the customer, and has no type, is one."""
    kind = reference.get("@referredType") or reference.get("role")
    return str(kind).lower(), reference["id"]
