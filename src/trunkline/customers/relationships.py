"""Which organization is a part of which (TMF632: parent and child relationships)."""

from datetime import datetime

import msgspec

from trunkline.customers import history, store
from trunkline.customers.model import (
    CircularRelationship,
    InvalidParty,
    Organization,
    PartyId,
    PartyNotFound,
    check_texts,
)
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx

_DEEPEST = 50


def place_organization(
    tx: Tx,
    *,
    organization: PartyId,
    parent: PartyId | None,
    relationship: str | None = None,
    now: datetime,
) -> Organization:
    """Makes an organization a part of another, or, without one, of none. The rows on the way
    up are locked, so that no two can close a circle. Raises `PartyNotFound`,
    `CircularRelationship`, `InvalidParty`."""
    present = _locked(tx, organization)
    check_texts("", relationshipType=relationship)
    if parent is None:
        relationship = None
    if (present.parent, present.parent_relationship) == (parent, relationship):
        return present
    if parent is not None and parent != present.parent:
        _check_way_up(tx, organization, parent)
    changed = msgspec.structs.replace(
        present, parent=parent, parent_relationship=relationship, updated_at=now
    )
    store.update_party(tx, changed)
    history.record(tx, "Organization", present, changed)
    for each in {organization, present.parent, parent} - {None}:
        tx.changed("Organization", str(each), Change.ATTRIBUTES)
    return changed


def parts_of(r: Reader, organizations: list[PartyId]) -> dict[PartyId, list[Organization]]:
    """The organizations that are parts of these."""
    found: dict[PartyId, list[Organization]] = {each: [] for each in organizations}
    for part in store.children_of(r, organizations):
        assert part.parent is not None
        found[part.parent].append(part)
    return found


def _check_way_up(tx: Tx, organization: PartyId, parent: PartyId) -> None:
    above: PartyId | None = parent
    for _ in range(_DEEPEST):
        if above is None:
            return
        if above == organization:
            raise CircularRelationship("an organization is no part of itself", path="id")
        above = _locked(tx, above).parent
    raise InvalidParty(f"organizations are nested at most {_DEEPEST} deep")


def _locked(tx: Tx, organization: PartyId) -> Organization:
    found = store.find_parties(tx, [organization], lock=True).get(organization)
    if not isinstance(found, Organization):
        raise PartyNotFound(f"there is no organization {organization[:60]}", path="id")
    return found
