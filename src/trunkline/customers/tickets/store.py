"""Where trouble tickets are kept."""

from typing import Any

import sqlalchemy as sa

from trunkline.customers.bodies import LONGEST, check_short
from trunkline.customers.references import check_parties, customer_of
from trunkline.customers.tickets.model import (
    BEGINS,
    DELETABLE,
    TICKET_LIFECYCLE,
    NotDeletable,
    TicketId,
    complete_ticket,
)
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Instant, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

_DATES = {
    "expected_at": "expectedResolutionDate",
    "requested_at": "requestedResolutionDate",
    "resolved_at": "resolutionDate",
    "status_changed_at": "statusChangeDate",
}
_TEXTS = {
    "status": "status",
    "severity": "severity",
    "priority": "priority",
    "ticket_type": "ticketType",
    "external_id": "externalId",
}
trouble_ticket = documents.table(
    "trouble_ticket",
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("severity", sa.String(LONGEST), nullable=False),
    sa.Column("priority", sa.String(LONGEST), nullable=False),
    sa.Column("ticket_type", sa.String(LONGEST), nullable=False),
    sa.Column("external_id", sa.String(LONGEST)),
    sa.Column("customer_id", sa.String(100)),
    *(sa.Column(name, Instant) for name in _DATES),
    sa.Index("trouble_ticket_by_customer", "customer_id", "id"),
    sa.Index("trouble_ticket_by_status", "status", "id"),
    sa.Index("trouble_ticket_by_expected", "expected_at", "id"),
    sa.Index("trouble_ticket_by_created", "created_at", "id"),
    sa.Index("trouble_ticket_by_updated", "updated_at", "id"),
    sa.Index("trouble_ticket_by_external_id", "external_id"),
)


def _columns(body: Body) -> dict[str, Any]:
    check_short(body, _TEXTS.values())
    return {
        **{column: body.get(name) for column, name in _TEXTS.items()},
        **{
            column: parse_instant(body[name], path=name) if name in body else None
            for column, name in _DATES.items()
        },
        "customer_id": customer_of(body),
    }


def _check(tx: Tx, body: Body, before: Body | None) -> None:
    check_parties(tx, body, before, "relatedParty", "note.relatedParty")
    related = list(documents.references(body, "troubleTicketRelationship"))
    there = documents.known(TICKETS)(tx, {ident for _, ident in related})
    for place, ident in related:
        if ident == body["id"] or ident not in there:
            raise documents.UnknownReference(
                f"there is no other ticket {ident[:100]!r}", path=f"{place}.id"
            )


def _deletable(_tx: Tx, body: Body) -> None:
    if body["status"] not in DELETABLE:
        raise NotDeletable(
            f"it is {body['status']}; only what is {', '.join(sorted(DELETABLE))} can be deleted",
            path="status",
        )


TICKETS = Kind(
    name="TroubleTicket",
    ids=TicketId,
    table=trouble_ticket,
    columns=_columns,
    complete=complete_ticket,
    check=_check,
    deletable=_deletable,
    lifecycle=TICKET_LIFECYCLE,
    begins=BEGINS,
    named=("relatedParty", "relatedEntity"),
)
