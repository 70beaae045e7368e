"""What happened to orders, and what ordering tells itself to do next."""

from datetime import datetime
from typing import ClassVar

from trunkline.ordering.model import CancellationId, OrderId, OrderState
from trunkline.platform.messages import Message


class _AboutOrder(Message, frozen=True, kw_only=True):
    order: OrderId

    @property
    def key(self) -> str:
        return self.order


class OrderPlaced(_AboutOrder, frozen=True, kw_only=True):
    topic: ClassVar[str] = "ordering.order_placed"

    customer: str


class StartOrder(_AboutOrder, frozen=True, kw_only=True):
    """A command, held back where a later start was asked for: begin to fulfil this order."""

    topic: ClassVar[str] = "ordering.start_order"


class OrderStateChanged(_AboutOrder, frozen=True, kw_only=True):
    topic: ClassVar[str] = "ordering.order_state_changed"

    customer: str
    previous: OrderState
    state: OrderState
    at: datetime


class OrderCompleted(_AboutOrder, frozen=True, kw_only=True):
    """All of it was delivered."""

    topic: ClassVar[str] = "ordering.order_completed"

    customer: str
    at: datetime


class InstantCame(_AboutOrder, frozen=True, kw_only=True):
    """A command, held back until then: what the order does to this product takes effect."""

    topic: ClassVar[str] = "ordering.instant_came"

    product: str


class CancelOrder(_AboutOrder, frozen=True, kw_only=True):
    """A command, held back until the instant that was asked for: cancel the order."""

    topic: ClassVar[str] = "ordering.cancel_order"

    cancellation: CancellationId
