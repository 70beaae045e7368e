"""What the prices of use hold: what is used, where and when a price holds, its steps."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from trunkline.kernel.ids import Id
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit

STANDARD_TAX = "standard"
"""The tax category of a price that names none."""


class PriceId(Id):
    __slots__ = ()
    prefix = "pop"


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """What every price of the catalogue says. It holds from `valid_from` (None: always was) up
    to, and without, `valid_until`."""

    id: PriceId
    name: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def holds_at(self, at: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_until is None or at < self.valid_until
        )

    def meets(self, other: "Priced") -> bool:
        """Whether there are instants at which both hold."""
        starts = [each.valid_from for each in (self, other) if each.valid_from is not None]
        ends = [each.valid_until for each in (self, other) if each.valid_until is not None]
        return not starts or not ends or max(starts) < min(ends)


class Service(StrEnum):
    """What is used and priced by use; beside these, whatever the operator names ("api-call"),
    which is counted in events."""

    DATA = "data"
    VOICE = "voice"
    SMS = "sms"
    MMS = "mms"
    CONTENT = "content"
    """Events that cost an amount of their own: it is what is counted, in micros."""
    VOICE_IN = "voice-in"
    """Calls received."""
    SMS_IN = "sms-in"
    """Messages received."""


_UNITS = {
    Service.DATA: Unit.BYTES,
    Service.VOICE: Unit.SECONDS,
    Service.SMS: Unit.MESSAGES,
    Service.MMS: Unit.MESSAGES,
    Service.CONTENT: Unit.MICROS,
    Service.VOICE_IN: Unit.SECONDS,
    Service.SMS_IN: Unit.MESSAGES,
}


def unit_of(service: str) -> Unit:
    """What the service's usage is counted in."""
    return _UNITS[Service(service)] if service in tuple(Service) else Unit.EVENTS


class Zone(msgspec.Struct, frozen=True):
    """Serving networks by the beginnings of their MCC and MNC. Without any, another price of the
    catalogue says which they are."""

    name: str
    networks: tuple[str, ...] = ()


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances under which a price holds; None for any."""

    rating_group: int | None = None
    service_identifier: int | None = None
    zone: Zone | None = None
    dnn: str | None = None
    slice: str | None = None
    qos: int | None = None


ANYWHERE = Where()


class Step(msgspec.Struct, frozen=True):
    """From this many units on (0: from the first; of a price that goes by what was spent, micros),
    `amount` for each `per`; `flat` once, when it is reached."""

    start: int
    amount: Money
    flat: Money


class TierMode(StrEnum):
    GRADUATED = "graduated"
    """Each unit at its own step's price."""
    VOLUME = "volume"
    """All units at the price of the step that is reached."""


class TierPeriod(StrEnum):
    """Over what units add up to reach a step."""

    SESSION = "session"
    MONTH = "month"


class Window(msgspec.Struct, frozen=True):
    """On `days` (0 is Monday; 7 a holiday), from second `start` of the day up to `end`, local
    time."""

    days: tuple[int, ...]
    start: int
    end: int
    steps: tuple[Step, ...]


class UsagePrice(Priced, frozen=True, kw_only=True, tag="usage"):
    """`amount` for each `per` used, plus `connection_fee` for each use that begins.

    Usage is counted up in blocks: `increments` holds (from, block) in the service's unit, the
    first from 0: ((0, 60), (60, 1)) is a whole first minute, then by the second. Where
    `rate_sheet` is named, a called number that it lists is priced by the sheet alone; `amount`
    is for the others. `steps` say what `amount` is, from where
    on; none: it is the same for all units.
    """

    service: str
    amount: Money
    per: Quantity
    rate_sheet: str | None = None
    increments: tuple[tuple[int, int], ...] = ((0, 1),)
    connection_fee: Money
    tax_category: str = STANDARD_TAX
    where: Where = ANYWHERE
    minimum: Money | None = None
    steps: tuple[Step, ...] = ()
    tier_mode: TierMode = TierMode.GRADUATED
    tier_period: TierPeriod = TierPeriod.SESSION
    by_spending: bool = False
    """Whether steps begin where so much was spent in the month on what the price is for."""
    windows: tuple[Window, ...] = ()
    holidays: tuple[date, ...] = ()

    @property
    def rating_group(self) -> int | None:
        """None for any."""
        return self.where.rating_group


class Allowance(Priced, frozen=True, kw_only=True, tag="allowance"):
    """`quantity` of a service that each month includes; the lower `priority` is used first.
    `validity` is in seconds, 0 for the month, and begins with
    the month or, with `first_use`, when a unit is first used. Up to `rollover` units that remain
    go over into the next month."""

    service: str
    quantity: Quantity
    priority: int = 0
    where: Where = ANYWHERE
    validity: int = 0
    first_use: bool = False
    rollover: int = 0

    @property
    def rating_group(self) -> int | None:
        """None for any."""
        return self.where.rating_group


class UsageDiscount(Priced, frozen=True, kw_only=True, tag="usageDiscount"):
    """`hundredths` of a percent off the usage that fits, once `start` units of it were used in
    the month, or so much was `spent` on it."""

    hundredths: int
    service: str | None = None
    where: Where = ANYWHERE
    start: int = 0
    spent: Money | None = None


class Measure(StrEnum):
    UNITS = "units"
    PAID = "paid"
    MONEY = "money"


class UsageCounter(Priced, frozen=True, kw_only=True, tag="usageCounter"):
    """What is counted in each month for whatever refers to it by `counter`, not for a price."""

    counter: str
    measure: Measure
    service: str | None = None
    where: Where = ANYWHERE
