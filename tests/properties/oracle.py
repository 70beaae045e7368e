"""What usage costs, worked out slowly and by other means: increment by increment, in exact
fractions, from the tariff's source, with the calendar's own arithmetic. It shares no code with
the kernel or the compiler."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import TypeVar
from zoneinfo import ZoneInfo

from trunkline.rating import (
    HOLIDAY,
    CounterSource,
    Filters,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    TariffSource,
    Tiers,
    UsageRule,
)

MOST = 1 << 62
"""Micros: no session costs more, whoever pays."""

Item = TypeVar("Item", Increment, PriceStep)


@dataclass
class Bucket:
    units: int
    service: str
    group: int | None
    starts: int
    expires: int
    reserved: int = 0
    taken: int = 0


@dataclass
class Usage:
    service: str
    units: int
    start: int
    group: int | None = None
    number: str = ""
    limit: int | None = None
    buckets: list[Bucket] = field(default_factory=list)
    identifier: int | None = None
    dnn: str = ""
    slice: str = ""
    qos: int | None = None
    network: str = ""
    counters: dict[str, int] = field(default_factory=dict)


@dataclass
class Priced:
    outcome: str
    label: str | None = None
    charge: int = 0
    granted: int = 0
    free: int = 0
    taken: list[int] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)


def price(source: TariffSource, plan_id: str, usage: Usage) -> Priced:
    """The price of a whole session in one go."""
    plan = next((each for each in source.plans if each.id == plan_id), None)
    if plan is None:
        return Priced("unknown plan")
    found = find_rate(source, plan, usage)
    if isinstance(found, str):
        return Priced(found)
    return _Walk(source, plan, usage, found).priced()


BY_TIME = ("voice", "voice-in")
"""Services whose units are seconds that pass."""


class _Walk:
    """Increment by increment."""

    def __init__(self, source: TariffSource, plan: PlanSource, usage: Usage, rate: Rate) -> None:
        self.source, self.plan, self.usage, self.rate = source, plan, usage, rate
        self.zone = ZoneInfo(source.time_zone)
        self.unit = self.paid = 0
        self.cost = Fraction(0)
        self.charge = 0
        self.opened = False

    def priced(self) -> Priced:
        usage = self.usage
        while self.unit < usage.units and self.step():
            pass
        granted = min(self.unit, usage.units)
        added = {}
        for each in self.plan.counters:
            by = {Measure.UNITS: granted, Measure.MONEY: self.charge}
            added[each.id] = by.get(each.measure, self.paid) if self.counts(each) else 0
        return Priced(
            "rated" if granted == usage.units else "short",
            self.rate.label,
            self.charge,
            granted,
            sum(each.taken for each in usage.buckets),
            [each.taken for each in usage.buckets],
            added,
        )

    def step(self) -> bool:
        """One increment more, or none where money doesn't reach."""
        usage, rate = self.usage, self.rate
        instant = usage.start + (self.unit if usage.service in BY_TIME else 0)
        size = in_force(rate.increments, self.unit).units
        bucket = next((each for each in usage.buckets if fits(each, usage, instant)), None)
        if bucket is not None:
            size = min(size, bucket.units - bucket.reserved - bucket.taken)
            bucket.taken += size
            self.unit += size
            return True
        tried = self.cost + self.price_of(size, instant)
        if not self.opened:
            tried += rate.connection_fee
        would = floor(tried + Fraction(1, 2))
        if rate.minimum:
            would = max(would, rate.minimum)
        if would > max(MOST if usage.limit is None else min(usage.limit, MOST), 0):
            return False
        self.cost, self.charge, self.opened = tried, would, True
        self.unit += size
        self.paid += size
        return True

    def price_of(self, size: int, instant: int) -> Fraction:
        rate = self.rate
        steps = steps_at(rate, datetime.fromtimestamp(instant, UTC).astimezone(self.zone))
        if rate.tiers is Tiers.VOLUME:
            before = self.paid + self.usage.counters.get(rate.counter or "", 0)
            rise = self.volume(steps, before + size) - self.volume(steps, before)
            flats = self.flat(steps, before + size) - self.flat(steps, before)
            return rise * (1 - self.discount()) + flats
        at = self.unit if rate.counter is None else self.at(rate.counter)
        price = Fraction(in_force(steps, at).price * size, rate.per) * (1 - self.discount())
        return price + sum(each.flat for each in steps if at <= each.from_unit < at + size)

    def volume(self, steps: tuple[PriceStep, ...], units: int) -> Fraction:
        if units == 0:
            return Fraction(0)
        return Fraction(in_force(steps, units - 1).price * units, self.rate.per)

    def flat(self, steps: tuple[PriceStep, ...], units: int) -> int:
        return in_force(steps, units - 1).flat if units else 0

    def discount(self) -> Fraction:
        found = [
            each.hundredths
            for each in self.plan.discounts
            if each.service in (None, self.usage.service)
            and each.rating_group in (None, self.usage.group)
            and meets(self.source, each.where, self.usage)
            and (each.counter is None or self.at(each.counter) >= each.from_unit)
        ]
        return Fraction(max(found, default=0), 10_000)

    def at(self, name: str) -> int:
        counter = next(each for each in self.plan.counters if each.id == name)
        stands = self.usage.counters.get(name, 0)
        if not self.counts(counter):
            return stands
        by = {Measure.UNITS: self.unit, Measure.MONEY: self.charge}
        return stands + by.get(counter.measure, self.paid)

    def counts(self, counter: CounterSource) -> bool:
        if counter.measure is Measure.PRICED:
            return self.rate.counter == counter.id
        return (
            counter.service in (None, self.usage.service)
            and counter.rating_group in (None, self.usage.group)
            and meets(self.source, counter.where, self.usage)
        )


def zone_of(source: TariffSource, network: str) -> str | None:
    """By the longest beginning of the network's digits."""
    found = [
        (len(digits), zone.name)
        for zone in source.zones
        for digits in zone.networks
        if network.startswith(digits)
    ]
    return max(found)[1] if found else None


def meets(source: TariffSource, asked: Filters, usage: Usage) -> bool:
    return (
        asked.service_identifier in (None, usage.identifier)
        and asked.zone in (None, zone_of(source, usage.network))
        and asked.dnn in (None, usage.dnn)
        and asked.slice in (None, usage.slice)
        and asked.qos in (None, usage.qos)
    )


def find_rate(source: TariffSource, plan: PlanSource, usage: Usage) -> Rate | str:
    """Dimension by dimension, from the first on, rules that name it put others aside."""
    rules = [
        rule
        for rule in plan.rules
        if rule.service == usage.service
        and rule.rating_group in (None, usage.group)
        and meets(source, rule.where, usage)
    ]
    for name in ("group", "service_identifier", "zone", "dnn", "slice", "qos"):

        def named(rule: UsageRule, name: str = name) -> bool:
            value = rule.rating_group if name == "group" else getattr(rule.where, name)
            return value is not None

        rules = [rule for rule in rules if named(rule)] or rules
    if not rules:
        return "no price"
    sheets: list[RateSheet] = [
        sheet for rule in rules for sheet in source.rate_sheets if sheet.name == rule.rate_sheet
    ]
    digits = usage.number.removeprefix("+")
    matches = [
        entry for sheet in sheets for entry in sheet.entries if digits.startswith(entry.prefix)
    ]
    if matches:
        return max(matches, key=lambda entry: len(entry.prefix)).rate
    return next((rule.rate for rule in rules if rule.rate), "unknown destination")


def fits(bucket: Bucket, usage: Usage, instant: int) -> bool:
    return (
        bucket.service == usage.service
        and bucket.group in (None, usage.group)
        and bucket.starts <= instant < bucket.expires
        and bucket.units - bucket.reserved - bucket.taken > 0
    )


def steps_at(rate: Rate, local: datetime) -> tuple[PriceStep, ...]:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    second = (local.replace(tzinfo=None) - midnight) // timedelta(seconds=1)
    day = HOLIDAY if local.date() in rate.holidays else local.weekday()
    for window in rate.windows:
        if day in window.days and window.start <= second < window.end:
            return window.steps
    return rate.steps


def in_force(items: tuple[Item, ...], unit: int) -> Item:
    return max((each for each in items if each.from_unit <= unit), key=lambda e: e.from_unit)
