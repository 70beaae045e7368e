"""What happens to trouble tickets."""

from datetime import datetime
from typing import ClassVar

from trunkline.customers.tickets.model import Target, TicketId, TicketStatus
from trunkline.platform.messages import Message


class TicketMessage(Message, frozen=True, kw_only=True):
    ticket: TicketId

    @property
    def key(self) -> str:
        return self.ticket


class TicketOpened(TicketMessage, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.ticket_opened"

    customer: str | None


class TicketStatusChanged(TicketMessage, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.ticket_status_changed"

    customer: str | None
    previous: TicketStatus
    status: TicketStatus


class TicketBreached(TicketMessage, frozen=True, kw_only=True):
    """A target was missed."""

    topic: ClassVar[str] = "customers.ticket_breached"

    customer: str | None
    target: Target


class CheckTarget(TicketMessage, frozen=True, kw_only=True):
    """To itself, for the instant `due`: if it is still due then, it is missed."""

    topic: ClassVar[str] = "customers.check_ticket_target"

    target: Target
    due: datetime


class CloseResolved(TicketMessage, frozen=True, kw_only=True):
    """To itself, for when what was resolved at `since` can't be taken up again any more."""

    topic: ClassVar[str] = "customers.close_resolved_ticket"

    since: datetime
