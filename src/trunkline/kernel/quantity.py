"""Quantities of what a network delivers: whole numbers of a unit's base (bytes, seconds...)."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Self

import msgspec

from trunkline.kernel.errors import Invalid


class Unit(StrEnum):
    """The base units that usage is counted in."""

    BYTES = "bytes"
    SECONDS = "seconds"
    MESSAGES = "messages"
    EVENTS = "events"
    MICROS = "micros"
    """Millionths of a currency unit: what events that have a price of their own are counted in."""


_NAMES: dict[str, tuple[Unit, int]] = {
    "b": (Unit.BYTES, 1), "bytes": (Unit.BYTES, 1), "octets": (Unit.BYTES, 1),
    "kb": (Unit.BYTES, 10**3), "mb": (Unit.BYTES, 10**6), "gb": (Unit.BYTES, 10**9),
    "tb": (Unit.BYTES, 10**12), "kib": (Unit.BYTES, 2**10), "mib": (Unit.BYTES, 2**20),
    "gib": (Unit.BYTES, 2**30),
    "s": (Unit.SECONDS, 1), "sec": (Unit.SECONDS, 1), "second": (Unit.SECONDS, 1),
    "seconds": (Unit.SECONDS, 1), "min": (Unit.SECONDS, 60), "minute": (Unit.SECONDS, 60),
    "minutes": (Unit.SECONDS, 60), "hour": (Unit.SECONDS, 3600), "hours": (Unit.SECONDS, 3600),
    "message": (Unit.MESSAGES, 1), "messages": (Unit.MESSAGES, 1), "sms": (Unit.MESSAGES, 1),
    "event": (Unit.EVENTS, 1), "events": (Unit.EVENTS, 1),
}  # fmt: skip


class Quantity(msgspec.Struct, frozen=True):
    """`amount` of `unit`, in the unit's base."""

    amount: int
    unit: Unit

    @classmethod
    def parse(cls, amount: str | int | Decimal, units: str, *, path: str | None = None) -> Self:
        """TM Forum's Quantity (`{amount: 5, units: "GB"}`) in base units. Raises `Invalid`
        where the unit is unknown or the amount is not a whole number of the base."""
        try:
            unit, factor = _NAMES[units.strip().lower()]
        except KeyError:
            raise Invalid(f"{units[:20]!r} is not a known unit", path=path) from None
        try:
            value = Decimal(amount) * factor
        except InvalidOperation:
            raise Invalid(f"{str(amount)[:40]!r} is not a number", path=path) from None
        if not value.is_finite() or value != value.to_integral_value() or abs(value) >= 2**63:
            raise Invalid(f"{amount} {units} is not a whole number of {unit}", path=path)
        return cls(int(value), unit)

    def __str__(self) -> str:
        return f"{self.amount:,} {self.unit}"
