"""TMF621 Trouble Ticket, v4.

Extensions: `expectedResponseDate`, by when somebody takes the ticket up, `responseDate`, when
that was, and `breach`, the targets that were missed and when.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.customers import TICKETS, TicketId, trouble_ticket
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import DescribedReference, Note, RelatedEntity, RelatedParty
from trunkline.rest.forms.party_types import Attachment, addressed, unaddressed
from trunkline.rest.forms.references import check_entities
from trunkline.rest.forms.wire import Typed
from trunkline.tmf import Api, Moment, documents, in_json, owned_by

_BASE = "/tmf-api/troubleTicket/v4"
_BODY = trouble_ticket.c.body
_REFERENCES = ("relatedParty", "relatedEntity")
_bare = unaddressed(*_REFERENCES)


class StatusChange(Typed, kw_only=True):
    change_date: Moment | None = None
    change_reason: str | None = None
    status: str | None = None


class TroubleTicketRelationship(Typed, kw_only=True):
    id: str | None = None
    href: str | None = None
    name: str | None = None
    relationship_type: str | None = None


class TroubleTicket(Typed, kw_only=True):
    description: str
    severity: str
    ticket_type: str
    name: str | None = None
    priority: str | None = None
    external_id: str | None = None
    status: str | None = None
    status_change_reason: str | None = None
    creation_date: Moment | None = None
    last_update: Moment | None = None
    expected_resolution_date: Moment | None = None
    requested_resolution_date: Moment | None = None
    resolution_date: Moment | None = None
    status_change_date: Moment | None = None
    attachment: tuple[Attachment, ...] | None = None
    channel: DescribedReference | None = None
    note: tuple[Note, ...] | None = None
    related_entity: tuple[RelatedEntity, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    status_change: tuple[StatusChange, ...] | None = None
    trouble_ticket_relationship: tuple[TroubleTicketRelationship, ...] | None = None


def _create(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    check_entities(tx, body, None, "relatedEntity")
    return str(customers.open_ticket(tx, _bare(body), now=now)["id"])


def _replace(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    def changing(before: Mapping[str, Any]) -> Mapping[str, Any]:
        check_entities(tx, body, before, "relatedEntity")
        return _bare(body)

    customers.change_ticket(tx, ticket=TicketId(ident), changing=changing, now=now)


API = Api(
    number="TMF621",
    title="Trouble Ticket",
    version="4.0.0",
    base=_BASE,
    resources=(
        documents.as_resource(
            TICKETS,
            path=f"{_BASE}/troubleTicket",
            schema=TroubleTicket,
            state_event="StatusChangeEvent",
            arrivals={"resolved": "ResolvedEvent", "pending": "InformationRequiredEvent"},
            paths={
                "status": trouble_ticket.c.status,
                "severity": trouble_ticket.c.severity,
                "priority": trouble_ticket.c.priority,
                "ticketType": trouble_ticket.c.ticket_type,
                "externalId": trouble_ticket.c.external_id,
                "creationDate": trouble_ticket.c.created_at,
                "lastUpdate": trouble_ticket.c.updated_at,
                "expectedResolutionDate": trouble_ticket.c.expected_at,
                "requestedResolutionDate": trouble_ticket.c.requested_at,
                "resolutionDate": trouble_ticket.c.resolved_at,
                "relatedParty.id": documents.naming(TICKETS, "relatedParty"),
                "relatedEntity.id": documents.naming(TICKETS, "relatedEntity"),
                "statusChangeDate": trouble_ticket.c.status_changed_at,
                **{
                    path: in_json(_BODY, path)
                    for path in (
                        "name", "description", "statusChangeReason", "channel.id", "channel.name",
                        "relatedParty.role", "relatedParty.name", "relatedEntity.role",
                        "note.author", "note.text", "troubleTicketRelationship.id",
                        "attachment.name", "breach.target", "@type",
                    )
                },
            },
            owner=owned_by(
                trouble_ticket.c.customer_id, deletes=False, claims="relatedParty"
            ),
            create=_create,
            replace=_replace,
            to_wire=addressed(*_REFERENCES),
        ),
    ),
)  # fmt: skip
