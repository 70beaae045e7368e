"""Where trouble tickets are kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.customers.bodies import LONGEST, check_short
from trunkline.customers.references import check_parties, customer_of
from trunkline.customers.tickets.model import (
    BEGINS,
    DELETABLE,
    TICKET_LIFECYCLE,
    USUAL_TARGETS,
    NotDeletable,
    Targets,
    TicketId,
    complete_ticket,
)
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
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


ticket_target = sa.Table(
    "ticket_target",
    books_metadata,
    sa.Column("priority", sa.String(20), primary_key=True),
    sa.Column("response_minutes", sa.BigInteger, nullable=False),
    sa.Column("resolution_minutes", sa.BigInteger, nullable=False),
)
_MINUTE = timedelta(minutes=1)
# PostgreSQL's construct renders the clause that both engines understand.
_target = postgresql.insert(ticket_target)
_SET_TARGET = _target.on_conflict_do_update(
    index_elements=["priority"],
    set_={name: _target.excluded[name] for name in ("response_minutes", "resolution_minutes")},
)
_TARGETS = sa.select(ticket_target).order_by(ticket_target.c.priority)
Known = tuple[tuple[str, Targets], ...]


def targets(r: Reader) -> Known:
    """By priority, as they were declared, or as usual."""
    found = tuple(
        (
            row.priority,
            Targets(row.response_minutes * _MINUTE, row.resolution_minutes * _MINUTE),
        )
        for row in r.execute(_TARGETS)
    )
    return found or tuple(USUAL_TARGETS.items())


def set_targets(tx: Tx, wanted: Mapping[str, Targets]) -> None:
    """Of all priorities."""
    tx.execute(
        _SET_TARGET,
        [
            {
                "priority": priority,
                "response_minutes": each.response // _MINUTE,
                "resolution_minutes": each.resolution // _MINUTE,
            }
            for priority, each in sorted(wanted.items())
        ],
    )


@cache
def kind_by(known: Known) -> Kind:
    """Tickets with these targets."""
    return replace(TICKETS, complete=partial(complete_ticket, targets=dict(known)))
