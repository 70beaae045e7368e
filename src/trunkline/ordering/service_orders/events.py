"""What service orders tell themselves to do."""

from typing import ClassVar

from trunkline.platform.messages import Message


class _AboutServiceOrder(Message, frozen=True, kw_only=True):
    order: str

    @property
    def key(self) -> str:
        return self.order


class StartServiceOrder(_AboutServiceOrder, frozen=True, kw_only=True):
    """A command, held back where a later start was asked for."""

    topic: ClassVar[str] = "ordering.start_service_order"


class CancelWhenDue(_AboutServiceOrder, frozen=True, kw_only=True):
    """A command, held back until the day that was asked for."""

    topic: ClassVar[str] = "ordering.cancel_service_order"

    cancellation: str
