"""The clock of tickets: what becomes due by itself."""

from datetime import datetime

from trunkline.customers.tickets.events import CheckTarget, CloseResolved
from trunkline.customers.tickets.model import TicketStatus
from trunkline.customers.tickets.operations import miss_target, move_ticket
from trunkline.customers.tickets.store import TICKETS
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.tmf import documents

_UNTOUCHED = "Nobody came back to it"


def _check_target(tx: Tx, message: CheckTarget, now: datetime) -> None:
    miss_target(tx, ticket=message.ticket, target=message.target, at=message.due, now=now)


def _close(tx: Tx, message: CloseResolved, now: datetime) -> None:
    """Unless it was taken up again since."""
    found = documents.find(tx, TICKETS, [message.ticket])
    resolved = {"status": TicketStatus.RESOLVED, "resolutionDate": format_instant(message.since)}
    if found and resolved.items() <= found[0].items():
        move_ticket(tx, ticket=message.ticket, to=TicketStatus.CLOSED, reason=_UNTOUCHED, now=now)


REACTIONS = (
    Reaction("customers.check_ticket_target", CheckTarget, _check_target, "books"),
    Reaction("customers.close_resolved_ticket", CloseResolved, _close, "books"),
)
