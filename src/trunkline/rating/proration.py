"""The part of a period's price that falls to a part of the period."""

from datetime import date
from enum import StrEnum

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money, Rounding


class Days(StrEnum):
    """How days are counted; the offer says which."""

    ACTUAL = "actual"
    """Each day of the period weighs the same, and the period weighs one."""
    THIRTY = "thirty"
    """Every month has thirty days: a 31st counts as a 30th, so its day weighs nothing, and what
    February lacks falls to its last day."""


class InvalidProration(Invalid):
    code = "invalidProration"


class Part(msgspec.Struct, frozen=True):
    """`numerator` over `denominator` of a period's price."""

    numerator: int
    denominator: int

    def of(self, amount: Money, rounding: Rounding = "half_up") -> Money:
        """This part of `amount`, rounded to the micro."""
        return amount.scaled(self.numerator, self.denominator, rounding)


def prorate(start: date, end: date, *, period: tuple[date, date], days: Days) -> Part:
    """The part of `period` (a priced one: a month of a cycle, of any length; both half open)
    that lies between `start` and `end`. Parts that make up a period add up to one, either
    way of counting. Raises `InvalidProration` where the part lies outside."""
    first, last = period
    if not first <= start <= end <= last or thirty_days(first, last) == 0:
        raise InvalidProration(f"{start} to {end} is no part of {first} to {last}")
    if days is Days.ACTUAL:
        return Part((end - start).days, (last - first).days)
    return Part(thirty_days(start, end), thirty_days(first, last))


def thirty_days(start: date, end: date) -> int:
    """Days from `start` up to, and without, `end`, in months of thirty days each."""
    return (
        (end.year - start.year) * 360
        + (end.month - start.month) * 30
        + min(end.day, 30)
        - min(start.day, 30)
    )
