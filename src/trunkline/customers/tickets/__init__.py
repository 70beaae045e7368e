"""Trouble tickets (TMF621): what went wrong for whom, who is at it, and by when it is solved."""

from trunkline.customers.tickets.model import (
    TICKET_LIFECYCLE,
    USUAL_TARGETS,
    Targets,
    TicketId,
    TicketStatus,
)
from trunkline.customers.tickets.operations import (
    change_ticket,
    declare_targets,
    move_ticket,
    open_ticket,
)
from trunkline.customers.tickets.store import TICKETS, trouble_ticket

__all__ = [
    "TICKETS",
    "TICKET_LIFECYCLE",
    "USUAL_TARGETS",
    "Targets",
    "TicketId",
    "TicketStatus",
    "change_ticket",
    "declare_targets",
    "move_ticket",
    "open_ticket",
    "trouble_ticket",
]
