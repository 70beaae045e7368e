"""Dealings that leave their trace by themselves."""

from datetime import datetime

from trunkline.customers.interactions.model import Direction
from trunkline.customers.interactions.operations import record_interaction
from trunkline.customers.model import CustomerId
from trunkline.customers.tickets.events import TicketOpened
from trunkline.customers.tickets.store import TICKETS
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.tmf import documents

UNSAID = "unsaid"
"""The channel of a ticket that doesn't say its own."""


def _record_ticket(tx: Tx, message: TicketOpened, now: datetime) -> None:
    """A customer that has a ticket has come to us with it."""
    for ticket in documents.find(tx, TICKETS, [message.ticket]):
        if message.customer is not None:
            record_interaction(
                tx,
                customer=CustomerId(message.customer),
                direction=Direction.INBOUND,
                channel=ticket.get("channel", {}).get("id", UNSAID),
                reason=ticket["ticketType"],
                description=ticket.get("name"),
                about=[("TroubleTicket", message.ticket)],
                now=now,
            )


REACTIONS = (Reaction("customers.record_ticket", TicketOpened, _record_ticket, "books"),)
