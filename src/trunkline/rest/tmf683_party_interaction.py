"""TMF683 Party Interaction, v4."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.customers import INTERACTIONS, party_interaction
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import Note, RelatedParty
from trunkline.rest.forms.party_types import (
    REFERRED,
    Attachment,
    addressed,
    check_addressed,
    unaddressed,
)
from trunkline.rest.forms.references import check_entities
from trunkline.rest.forms.wire import PeriodIn, Some, Typed
from trunkline.tmf import Api, Moment, documents, in_json, owned_by

_BASE = "/tmf-api/partyInteraction/v4"
_BODY = party_interaction.c.body
_PARTIES = ("relatedParty", "interactionItem.relatedParty", "note.relatedParty")
_REFERENCES = (*_PARTIES, "interactionItem.item")
_bare = unaddressed(*_REFERENCES)


class RelatedChannel(Typed, kw_only=True):
    id: str
    href: str
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name=REFERRED, default=None)


class Subject(Typed, kw_only=True):
    """RelatedEntityRefOrValue."""

    role: str
    id: str | None = None
    href: str | None = None
    name: str | None = None
    referred_type: str | None = msgspec.field(name=REFERRED, default=None)


class InteractionItem(Typed, kw_only=True):
    id: str | None = None
    creation_date: Moment | None = None
    reason: str | None = None
    resolution: str | None = None
    attachment: tuple[Attachment, ...] | None = None
    channel: tuple[RelatedChannel, ...] | None = None
    item: Subject | None = None
    item_date: PeriodIn | None = None
    note: tuple[Note, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None


class InteractionRelationship(Typed, kw_only=True):
    id: str | None = None
    href: str | None = None
    relationship_type: str | None = None


class PartyInteraction(Typed, kw_only=True):
    interaction_date: PeriodIn
    reason: str
    status: str
    direction: str
    channel: Some[RelatedChannel]
    description: str | None = None
    creation_date: Moment | None = None
    status_change_date: Moment | None = None
    attachment: tuple[Attachment, ...] | None = None
    interaction_item: tuple[InteractionItem, ...] | None = None
    interaction_relationship: tuple[InteractionRelationship, ...] | None = None
    note: tuple[Note, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None


def _check(tx: Tx, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    check_entities(tx, body, before, "interactionItem.item")
    check_addressed(body, *_PARTIES)


def _create(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    _check(tx, body, None)
    return str(documents.create(tx, INTERACTIONS, _bare(body), now)["id"])


def _replace(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    def changing(before: Mapping[str, Any]) -> Mapping[str, Any]:
        _check(tx, body, before)
        return _bare(body)

    documents.change(tx, INTERACTIONS, ident, changing, now)


API = Api(
    number="TMF683",
    title="Party Interaction",
    version="4.0.0",
    base=_BASE,
    resources=(
        documents.as_resource(
            INTERACTIONS,
            path=f"{_BASE}/partyInteraction",
            schema=PartyInteraction,
            state_event="StatusChangeEvent",
            paths={
                "status": party_interaction.c.status,
                "direction": party_interaction.c.direction,
                "reason": party_interaction.c.reason,
                "creationDate": party_interaction.c.created_at,
                "relatedParty.id": documents.naming(INTERACTIONS, "relatedParty"),
                "interactionItem.item.id": documents.naming(INTERACTIONS, "interactionItem.item"),
                "statusChangeDate": party_interaction.c.status_changed_at,
                "interactionDate.startDateTime": party_interaction.c.starts,
                "interactionDate.endDateTime": party_interaction.c.ends,
                **{
                    path: in_json(_BODY, path)
                    for path in (
                        "description", "channel.id", "channel.name", "relatedParty.role",
                        "relatedParty.name", "interactionItem.reason",
                        "interactionItem.resolution", "note.author", "note.text",
                        "interactionRelationship.id", "@type",
                    )
                },
            },
            owner=owned_by(
                party_interaction.c.customer_id, deletes=False, claims="relatedParty"
            ),
            create=_create,
            replace=_replace,
            to_wire=addressed(*_REFERENCES),
        ),
    ),
)  # fmt: skip
