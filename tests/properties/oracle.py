"""What usage costs, worked out slowly and by other means: increment by increment, in exact
fractions, from the tariff's source, with the calendar's own arithmetic. It shares no code with
the kernel or the compiler."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import TypeVar
from zoneinfo import ZoneInfo

from trunkline.rating import Increment, PlanSource, PriceStep, Rate, TariffSource

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


@dataclass
class Priced:
    outcome: str
    label: str | None = None
    charge: int = 0
    granted: int = 0
    free: int = 0
    taken: list[int] = field(default_factory=list)


def price(source: TariffSource, plan_id: str, usage: Usage) -> Priced:
    """The price of a whole session in one go."""
    plan = next((each for each in source.plans if each.id == plan_id), None)
    if plan is None:
        return Priced("unknown plan")
    found = find_rate(source, plan, usage)
    if isinstance(found, str):
        return Priced(found)
    zone = ZoneInfo(source.time_zone)
    unit = 0
    cost = Fraction(0)
    charge = 0
    opened = False
    while unit < usage.units:
        instant = usage.start + (unit if usage.service == "voice" else 0)
        size = in_force(found.increments, unit).units
        bucket = next((each for each in usage.buckets if fits(each, usage, instant)), None)
        if bucket is not None:
            size = min(size, bucket.units - bucket.reserved - bucket.taken)
            bucket.taken += size
            unit += size
            continue
        steps = steps_at(found, datetime.fromtimestamp(instant, UTC).astimezone(zone))
        tried = cost + Fraction(in_force(steps, unit).price * size, found.per)
        if not opened:
            tried += found.connection_fee
        would = max(floor(tried + Fraction(1, 2)), found.minimum)
        if would > max(MOST if usage.limit is None else min(usage.limit, MOST), charge):
            break
        cost, charge, opened = tried, would, True
        unit += size
    granted = min(unit, usage.units)
    return Priced(
        "rated" if granted == usage.units else "short",
        found.label,
        charge,
        granted,
        sum(each.taken for each in usage.buckets),
        [each.taken for each in usage.buckets],
    )


def find_rate(source: TariffSource, plan: PlanSource, usage: Usage) -> Rate | str:
    rules = [rule for rule in plan.rules if rule.service == usage.service]
    own = [rule for rule in rules if rule.rating_group is not None
           and rule.rating_group == usage.group]  # fmt: skip
    rules = own or [rule for rule in rules if rule.rating_group is None]
    if not rules:
        return "no price"
    digits = usage.number.removeprefix("+")
    matches = [
        entry
        for rule in rules
        for sheet in source.rate_sheets
        if sheet.name == rule.rate_sheet
        for entry in sheet.entries
        if digits.startswith(entry.prefix)
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
    for window in rate.windows:
        if local.weekday() in window.days and window.start <= second < window.end:
            return window.steps
    return rate.steps


def in_force(items: tuple[Item, ...], unit: int) -> Item:
    return max((each for each in items if each.from_unit <= unit), key=lambda e: e.from_unit)
