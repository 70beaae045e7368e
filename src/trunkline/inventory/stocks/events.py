"""What happens to stocks."""

from typing import ClassVar

from trunkline.platform.messages import Message


class StockLow(Message, frozen=True, kw_only=True):
    """There is no more left than the stock's alert says."""

    topic: ClassVar[str] = "inventory.stock_low"

    stock: str
    free: int

    @property
    def key(self) -> str:
        return self.stock


class EndReservation(Message, frozen=True, kw_only=True):
    """A command, held back until the reservation's end: give back what it holds."""

    topic: ClassVar[str] = "inventory.end_reservation"

    reservation: str

    @property
    def key(self) -> str:
        return self.reservation
