"""What prices are made of, as others describe them to the tariff compiler.

Money is in micros of the plan's currency, quantities in the service's base unit: bytes for
data, seconds for voice, messages for sms.
"""

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.rating.kernel import DATA, SMS, VOICE

SERVICES = {"data": DATA, "voice": VOICE, "sms": SMS}
"""The services that have usage, by the catalogue's names, and the kernel's codes for them."""


class UnknownService(Invalid):
    code = "unknownService"


def service_code(service: str, *, path: str | None = None) -> int:
    """The kernel's code of `data`, `voice` or `sms`. Raises `UnknownService`."""
    try:
        return SERVICES[service]
    except KeyError:
        known = ", ".join(SERVICES)
        raise UnknownService(f"{service[:20]!r} is none of {known}", path=path) from None


class PriceStep(msgspec.Struct, frozen=True):
    """From the session's unit `from_unit` on (0 is the first), `price` micros for every `per`
    units of the rate."""

    from_unit: int
    price: int


class Increment(msgspec.Struct, frozen=True):
    """From the session's unit `from_unit` on, usage counts in whole multiples of `units`; an
    increment is charged when it starts, at the price of its first unit."""

    from_unit: int
    units: int


class Window(msgspec.Struct, frozen=True):
    """On `days` (0 is Monday), from second `start` of the local day up to `end` (at most
    86,400), these steps apply instead of the rate's own."""

    days: tuple[int, ...]
    start: int
    end: int
    steps: tuple[PriceStep, ...]


class Rate(msgspec.Struct, frozen=True):
    """One price of usage. `label` is what a bill groups by. The connection fee falls due with
    the first increment that money pays for, and from then on a session costs at least
    `minimum`; a session that allowances cover, or one without usage, costs nothing."""

    label: str
    per: int
    steps: tuple[PriceStep, ...]
    increments: tuple[Increment, ...] = (Increment(0, 1),)
    connection_fee: int = 0
    minimum: int = 0
    windows: tuple[Window, ...] = ()


class SheetEntry(msgspec.Struct, frozen=True):
    """The rate to every number that begins with `prefix` (digits, country code first) and with
    no longer prefix of the same sheet."""

    prefix: str
    rate: Rate


class RateSheet(msgspec.Struct, frozen=True):
    name: str
    entries: tuple[SheetEntry, ...]


class UsageRule(msgspec.Struct, frozen=True):
    """How a plan prices a service: by a rate sheet, by one rate, or by the sheet and, where it
    knows no prefix, by the rate. With a rating group the rule holds for that group alone and
    goes before the one without."""

    service: str
    rate: Rate | None = None
    rate_sheet: str | None = None
    rating_group: int | None = None


class Allowance(msgspec.Struct, frozen=True):
    """Units of a service (of one rating group, or of any) that a plan includes in each period.
    The account holds them as a bucket; of two that fit, the one of lower `priority` goes
    first."""

    id: str
    name: str
    service: str
    units: int
    rating_group: int | None = None
    priority: int = 100


class PlanSource(msgspec.Struct, frozen=True):
    id: str
    currency: str
    rules: tuple[UsageRule, ...] = ()
    allowances: tuple[Allowance, ...] = ()


class TariffSource(msgspec.Struct, frozen=True):
    """All that a tariff is compiled from. `time_zone` (IANA) is the operator's, in which
    windows are meant."""

    plans: tuple[PlanSource, ...]
    rate_sheets: tuple[RateSheet, ...] = ()
    time_zone: str = "UTC"
