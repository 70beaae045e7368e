"""What prices are made of, as others describe them to the tariff compiler.

Money is in micros of the plan's currency, quantities in the service's base unit: bytes for
data, seconds for calls made and received, messages for sms, sms-in and mms, micros of the event's
own amount for content, and for a service that the operator named, whatever it counts.
"""

from datetime import date
from enum import StrEnum

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.rating.layout import (
    CONTENT,
    DATA,
    FIRST_NAMED,
    MMS,
    SMS,
    SMS_IN,
    VOICE,
    VOICE_IN,
)

SERVICES = {
    "data": DATA,
    "voice": VOICE,
    "sms": SMS,
    "mms": MMS,
    "content": CONTENT,
    "voice-in": VOICE_IN,
    "sms-in": SMS_IN,
}
"""The services that are known everywhere, by the catalogue's names, and the kernel's codes for
them."""

LONGEST_NAME = 11
"""Characters of the name of a service that the operator defines."""

HOLIDAY = 7
"""As a day of a window: one of its rate's holidays, whatever day of the week that is."""

_LETTERS = "-0123456789abcdefghijklmnopqrstuvwxyz"


class UnknownService(Invalid):
    code = "unknownService"


def service_code(service: str, *, path: str | None = None) -> int:
    """The kernel's code of a service: one of `SERVICES`, or of the
    operator's own (1 to 11 of a-z, 0-9 and "-", a letter first: "api-call"), whose code is its
    name in numbers, the same for ever. Raises `UnknownService`."""
    known = SERVICES.get(service)
    if known is not None:
        return known
    letters = [_LETTERS.find(letter) for letter in service]
    if not 1 <= len(letters) <= LONGEST_NAME or min(letters) < 0 or letters[0] < 11:
        raise UnknownService(
            f"{service[:20]!r} is none of {', '.join(SERVICES)}, nor a name of 1 to"
            f" {LONGEST_NAME} of a-z, 0-9 and -, a letter first",
            path=path,
        )
    code = 0
    for letter in letters:
        code = code * 38 + letter + 1
    return FIRST_NAMED + code


def service_name(code: int) -> str:
    """The inverse of `service_code`. Raises `UnknownService`."""
    for name, known in SERVICES.items():
        if known == code:
            return name
    rest = code - FIRST_NAMED
    name = ""
    while rest > 0:
        rest, letter = divmod(rest, 38)
        if letter == 0:
            break
        name = _LETTERS[letter - 1] + name
    if not name or service_code(name) != code:
        raise UnknownService(f"{code} is no service's code")
    return name


class Filters(msgspec.Struct, frozen=True, array_like=True):
    """Over what, and where, something holds; None for any. Of two rules that hold, the one
    goes first that names the first of these that only one of them names: the rating group
    (which stands beside), the service identifier, the zone, the DNN, the slice, the 5QI."""

    service_identifier: int | None = None
    zone: str | None = None
    """Of the serving network: the name of a `Zone` of the tariff."""
    dnn: str | None = None
    """Or APN, without its operator identifier; capitals don't count."""
    slice: str | None = None
    """The S-NSSAI: SST, and "-" and SD in six hexadecimal digits where there is one."""
    qos: int | None = None
    """5QI or QCI, 0 to 255."""


ANYWHERE = Filters()


class Zone(msgspec.Struct, frozen=True):
    """The serving networks whose MCC and MNC begin with one of `networks` (3 to 6 digits, an MCC
    alone for a whole country), where no zone names more of their digits."""

    name: str
    networks: tuple[str, ...]


class Measure(StrEnum):
    """What a counter counts of the usage that fits it."""

    UNITS = "units"
    """All that is used, allowances included."""
    PAID = "paid"
    """What is paid for in money, in the whole increments that are charged."""
    PRICED = "priced"
    """The same, of what falls under the prices of the plan that go by the counter."""
    MONEY = "money"
    """What is charged, in micros."""


class CounterSource(msgspec.Struct, frozen=True):
    """What an account counts in each billing month, of the usage that fits: of one service,
    but for counters of money and of what is priced, which may be of any. Counters of the same id
    go on where an account changes its plan or the tariff its version. Prices may refer to those
    of units, paid or not, and of money; policies to any."""

    id: str
    measure: Measure
    service: str | None = None
    rating_group: int | None = None
    where: Filters = ANYWHERE


class Tiers(StrEnum):
    GRADUATED = "graduated"
    """Each unit at the price of the step that it lies in."""
    VOLUME = "volume"
    """All paid units at the price of the step that the last of them lies in: when usage
    reaches another step, what was charged before is charged anew, and may be given back."""


class PriceStep(msgspec.Struct, frozen=True):
    """From the session's unit `from_unit` on (0 is the first; or the counter's, where the rate
    names one: micros of one of money), `price` micros for every `per` units of the rate, and
    `flat` micros once, with the increment that money pays for and that holds the unit
    `from_unit`."""

    from_unit: int
    price: int
    flat: int = 0


class Increment(msgspec.Struct, frozen=True):
    """From the session's unit `from_unit` on, usage counts in whole multiples of `units`; an
    increment is charged when it starts, at the price of its first unit."""

    from_unit: int
    units: int


class Window(msgspec.Struct, frozen=True):
    """On `days` (0 is Monday; `HOLIDAY`), from second `start` of the local day up to `end` (at
    most 86,400), these steps apply instead of the rate's own. A holiday is no other day: a window
    that doesn't name `HOLIDAY` doesn't hold on it."""

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
    holidays: tuple[date, ...] = ()
    """Dates in the tariff's time zone."""
    tiers: Tiers = Tiers.GRADUATED
    counter: str | None = None
    """The id of the plan's counter that steps go by, across the sessions of a month; None for
    the session's own units (for volume: its paid ones)."""


class SheetEntry(msgspec.Struct, frozen=True):
    """The rate to every number that begins with `prefix` (digits, country code first; "+", or
    "00", may stand before them) and with no longer prefix of the same sheet."""

    prefix: str
    rate: Rate


class RateSheet(msgspec.Struct, frozen=True):
    name: str
    entries: tuple[SheetEntry, ...]


class UsageRule(msgspec.Struct, frozen=True):
    """How a plan prices a service: by a rate sheet, by one rate, or by the sheet and, where it
    knows no prefix, by the rate. The most specific rule holds (`Filters` says which that is)."""

    service: str
    rate: Rate | None = None
    rate_sheet: str | None = None
    rating_group: int | None = None
    where: Filters = ANYWHERE


class Discount(msgspec.Struct, frozen=True):
    """Off the prices by unit (not off connection fees, flat amounts and minimums) of the usage
    that fits, from the counter's `from_unit` on or, without a counter, at once. Of several that
    hold the largest counts."""

    hundredths: int
    """Of a percent: 1,000 is 10 %."""
    service: str | None = None
    rating_group: int | None = None
    where: Filters = ANYWHERE
    counter: str | None = None
    from_unit: int = 0


class Allowance(msgspec.Struct, frozen=True):
    """Units of a service (of one rating group, or of any) that a plan includes in each month.
    The account holds them as a bucket; of two that fit, the one of lower `priority` goes
    first."""

    id: str
    name: str
    service: str
    units: int
    rating_group: int | None = None
    priority: int = 100
    where: Filters = ANYWHERE
    validity: int = 0
    """Seconds for which the units hold from their start, past the month's end too; 0 for the
    month."""
    first_use: bool = False
    """The validity starts when a unit is first taken; until then they hold for the month."""
    rollover: int = 0
    """So many of the units that remain at the month's end, at most, move into the next month,
    where they are used first; once."""


class PlanSource(msgspec.Struct, frozen=True):
    id: str
    currency: str
    rules: tuple[UsageRule, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    counters: tuple[CounterSource, ...] = ()
    discounts: tuple[Discount, ...] = ()


class TariffSource(msgspec.Struct, frozen=True):
    """All that a tariff is compiled from. `time_zone` (IANA) is the operator's, in which
    windows and holidays are meant."""

    plans: tuple[PlanSource, ...]
    rate_sheets: tuple[RateSheet, ...] = ()
    time_zone: str = "UTC"
    zones: tuple[Zone, ...] = ()
