"""Organizations within organizations, on TMF632's wire.

A parent's children and a child's parent are one fact, told at both ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.customers import Organization, PartyId
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.wire import PARTY
from trunkline.tmf import Body, documents, href

_PARENT = "organizationParentRelationship"
_CHILDREN = "organizationChildRelationship"


def relationships(r: Reader, firms: Sequence[Organization]) -> dict[PartyId, Body]:
    """What each says of its parent and its children."""
    parts = customers.parts_of(r, [each.id for each in firms])
    above = customers.parties(r, {each.parent for each in firms if each.parent is not None})
    told: dict[PartyId, Body] = {}
    for firm in firms:
        body: Body = {}
        told[firm.id] = body
        if firm.parent is not None and firm.parent in above:
            name = above[firm.parent].name
            body[_PARENT] = _related(firm.parent, name, firm.parent_relationship)
        if parts[firm.id]:
            body[_CHILDREN] = [
                _related(each.id, each.name, each.parent_relationship) for each in parts[firm.id]
            ]
    return told


def check_tree(body: Mapping[str, Any]) -> None:
    """Raises `Invalid` for a relationship without its organization."""
    named = [(_PARENT, body[_PARENT])] if _PARENT in body else []
    named += [(f"{_CHILDREN}[{i}]", each) for i, each in enumerate(body.get(_CHILDREN, ()))]
    for path, each in named:
        if "organization" not in each:
            raise Invalid("is required", path=f"{path}.organization")


def place(tx: Tx, firm: PartyId, body: Body, before: Body, now: datetime) -> None:
    """Brings parent and children to what the body says; `before` said something already."""
    parent = body.get(_PARENT)
    if _key(parent) != _key(before.get(_PARENT)):
        with documents.placed(f"{_PARENT}.organization"):
            _place(tx, firm, None if parent is None else _id(parent), parent, now)
    wanted = {_id(each): (index, each) for index, each in enumerate(body.get(_CHILDREN, ()))}
    present = {_id(each): each for each in before.get(_CHILDREN, ())}
    for child, (index, each) in wanted.items():
        if child not in present or _key(each) != _key(present[child]):
            with documents.placed(f"{_CHILDREN}[{index}].organization"):
                _place(tx, child, firm, each, now)
    for child in present.keys() - wanted.keys():
        customers.place_organization(tx, organization=child, parent=None, now=now)


def _place(
    tx: Tx, firm: PartyId, parent: PartyId | None, said: Mapping[str, Any] | None, now: datetime
) -> None:
    customers.place_organization(
        tx,
        organization=firm,
        parent=parent,
        relationship=None if said is None else said.get("relationshipType"),
        now=now,
    )


def _related(ident: PartyId, name: str, relationship: str | None) -> Body:
    organization = {
        "id": ident,
        "href": href(f"{PARTY}/organization", ident),
        "name": name,
        "@referredType": "Organization",
    }
    said = {} if relationship is None else {"relationshipType": relationship}
    return {**said, "organization": organization}


def _id(related: Mapping[str, Any]) -> PartyId:
    return PartyId(related["organization"]["id"])


def _key(related: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    if related is None:
        return None
    return _id(related), related.get("relationshipType")
