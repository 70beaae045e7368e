"""Tariffs of one plan, and calls rated by them."""

from datetime import UTC, datetime

from trunkline.kernel.money import to_micros
from trunkline.rating import (
    CHARGE,
    FREE,
    GRANTED,
    NO_LIMIT,
    POSITION,
    POSITION_END,
    TAKEN,
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    Rater,
    RateSheet,
    Tariff,
    TariffSource,
    UsageRule,
    Window,
    bucket_offset,
    compile_tariff,
    destination,
    new_slice,
    service_code,
)

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())
"""A Wednesday."""
FOREVER = 1 << 40


def rate_of(
    price: str = "0.10",
    per: int = 1,
    *,
    steps: dict[int, str] | None = None,
    increments: dict[int, int] | None = None,
    fee: str = "0",
    minimum: str = "0",
    windows: tuple[Window, ...] = (),
    label: str = "Usage",
) -> Rate:
    return Rate(
        label=label,
        per=per,
        steps=steps_of({0: price, **(steps or {})}),
        increments=tuple(Increment(unit, size) for unit, size in (increments or {0: 1}).items()),
        connection_fee=to_micros(fee),
        minimum=to_micros(minimum),
        windows=windows,
    )


def steps_of(prices: dict[int, str]) -> tuple[PriceStep, ...]:
    return tuple(PriceStep(unit, to_micros(price)) for unit, price in prices.items())


def tariff_of(
    *rules: UsageRule,
    sheets: tuple[RateSheet, ...] = (),
    allowances: tuple[Allowance, ...] = (),
    time_zone: str = "UTC",
) -> Tariff:
    plan = PlanSource("plan", "EUR", rules, allowances)
    return compile_tariff(
        TariffSource((plan,), sheets, time_zone), version=1, effective_from=JANUARY
    )


def bucket(
    units: int,
    service: str = "data",
    *,
    group: int = -1,
    reserved: int = 0,
    starts: int = 0,
    expires: int = FOREVER,
) -> tuple[int, ...]:
    return units, reserved, service_code(service), group, starts, expires


class Session:
    """A session that keeps its position and debits its buckets, as charging does."""

    def __init__(
        self,
        tariff: Tariff,
        service: str = "data",
        *,
        number: str = "",
        group: int = -1,
        start: int = NOON,
        limit: int = NO_LIMIT,
        buckets: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.rater = Rater(tariff)
        self.service = service_code(service)
        self.destination = destination(number)
        self.group = group
        self.at = start
        self.limit = limit
        self.buckets = [list(each) for each in buckets]
        self.position: list[int] | None = None
        self.slice: list[int] = []
        self.charged = self.granted = self.free = 0

    def use(self, units: int) -> int:
        """Rate and debit the next units; returns the kernel's code."""
        self.slice = new_slice(
            0,
            self.service,
            group=self.group,
            destination=self.destination,
            start=self.at,
            units=units,
            limit=self.limit,
            position=self.position,
            buckets=self.buckets,
        )
        code = self.rater.rate(self.slice)
        if code < 0:
            return code
        self.position = self.slice[POSITION:POSITION_END]
        self.charged += self.slice[CHARGE]
        self.granted += self.slice[GRANTED]
        self.free += self.slice[FREE]
        if self.limit != NO_LIMIT:
            self.limit -= self.slice[CHARGE]
        if self.service == service_code("voice"):
            self.at += self.slice[GRANTED]
        for index, each in enumerate(self.buckets):
            each[0] -= self.taken(index)
        return code

    def taken(self, index: int) -> int:
        """What the last slice took from a bucket."""
        return self.slice[bucket_offset(index) + TAKEN]


def price_of(tariff: Tariff, units: int, service: str = "data", **session: object) -> int:
    """Micros for one session in one go."""
    one = Session(tariff, service, **session)  # type: ignore[arg-type]
    assert one.use(units) == 0
    return one.charged
