"""Prices as blocks of numbers in a tariff's table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import gcd
from zoneinfo import ZoneInfo

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.rating import layout
from trunkline.rating.calendars import BadCalendar, days_of, slots, transitions
from trunkline.rating.model import (
    CounterSource,
    Discount,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    Tiers,
    UsageRule,
    service_code,
)
from trunkline.rating.places import Places, holds_within, may_meet

_WHOLE = 10_000


class TariffRefused(Invalid):
    """The source can't become a table; `path` names the plan or sheet, and the price."""

    code = "tariffRefused"


class Place(msgspec.Struct, frozen=True):
    """Where a price stands: it is its plan's rule `number` (from 0), or of that rule's sheet."""

    plan: PlanSource
    number: int
    service: int
    counters: dict[str, int]
    uses: Mapping[str | None, int]
    places: Places
    path: str

    @property
    def rule(self) -> UsageRule:
        return self.plan.rules[self.number]

    def discounts(self) -> list[Discount]:
        """Those that some usage under this rule may get."""
        group = self.rule.rating_group
        return [
            each
            for each in self.plan.discounts
            if (each.service is None or service_code(each.service) == self.service)
            and (each.rating_group is None or group is None or each.rating_group == group)
            and may_meet(each.where, self.rule.where)
        ]

    def is_for_all(self, discount: Discount) -> bool:
        """Whether whatever falls under this rule gets the discount, from its first unit on."""
        return (
            discount.counter is None
            and discount.rating_group in (None, self.rule.rating_group)
            and holds_within(discount.where, self.rule.where)
        )

    def is_its_own(self, sheet: RateSheet) -> bool:
        """Whether the sheet's prices mean something else here than under another rule."""
        return bool(self.discounts()) or any(entry.rate.counter for entry in sheet.entries)

    def counter(self, name: str, path: str) -> CounterSource:
        """A counter that a price may refer to."""
        found = next((each for each in self.plan.counters if each.id == name), None)
        if found is None:
            raise TariffRefused(f"the plan has no counter {name[:40]!r}", path=path)
        return found

    def counts_all(self, counter: CounterSource) -> bool:
        """Whether the counter counts whatever falls under this rule."""
        return (
            counter.service == self.rule.service
            and counter.rating_group in (None, self.rule.rating_group)
            and holds_within(counter.where, self.rule.where)
        )

    def shares(self, counter: CounterSource) -> bool:
        """Whether the counter may count what falls under another rule of the plan."""
        return any(
            number != self.number
            and rule.service == counter.service
            and (
                None in (rule.rating_group, counter.rating_group)
                or rule.rating_group == counter.rating_group
            )
            and may_meet(rule.where, counter.where)
            for number, rule in enumerate(self.plan.rules)
        )


class Blocks:
    """The table as it grows. Equal steps, rules and zones are written once."""

    def __init__(self, zone: ZoneInfo, around: datetime) -> None:
        self.zone = zone
        self.around = around
        self.table: list[int] = [0]
        self.labels: dict[str, int] = {}
        self.written: dict[tuple[int, ...], int] = {}

    def append(self, numbers: Sequence[int]) -> int:
        """Write `numbers`, or find them written; where they begin."""
        key = tuple(numbers)
        offset = self.written.get(key)
        if offset is None:
            offset = self.written[key] = len(self.table)
            self.table += key
        return offset

    def rate(self, rate: Rate, place: Place, path: str) -> int:
        """The offset of the rule."""
        _check_amounts(rate, path)
        flags = layout.TIMED if place.service in layout.BY_TIME else 0
        if rate.holidays and rate.windows:
            flags |= layout.ON_HOLIDAYS
        discounts = place.discounts()
        for each in discounts:
            _check_discount(each, place, path)
        if discounts or rate.counter or rate.tiers is Tiers.VOLUME or _has_flats(rate):
            flags |= layout.FURTHER
            _check_tiers(rate, place, path)
        scale = _scale(discounts)
        divisor = rate.per
        for step in _all_steps(rate):
            divisor = gcd(divisor, step.price)
        per = rate.per // divisor * scale
        zone_offset, found = 0, [(0, -1)]
        if rate.windows:
            zone_offset = self.append(transitions(self.zone, self.around))
            try:
                found = slots(rate.windows, holidays=bool(rate.holidays))
            except BadCalendar as fault:
                raise TariffRefused(str(fault), path=path) from None
        lists = [
            self.steps(rate, steps, divisor, per, scale, flags, path)
            for steps in (rate.steps, *(window.steps for window in rate.windows))
        ]
        label = self.labels.setdefault(rate.label, len(self.labels))
        flat = [label, rate.connection_fee, rate.minimum, per, flags, zone_offset, len(found)]
        for second, window in found:
            flat += (second, lists[window + 1])
        if flags <= layout.TIMED:
            return self.append(flat)
        extras = self.extras(rate, place, discounts, scale)
        return self.append([*reversed(extras), *flat]) + layout.RULE_EXTRAS

    def extras(
        self, rate: Rate, place: Place, discounts: Sequence[Discount], scale: int
    ) -> list[int]:
        """What stands before the rule, from it backwards."""
        rows: list[int] = []
        for each in discounts:
            rows += (
                -1 if each.rating_group is None else each.rating_group,
                *place.places.filtered(each.where),
                0 if each.counter is None else place.counters[each.counter],
                each.from_unit,
                each.hundredths * scale // _WHOLE,
            )
        increments: list[int] = []
        for increment in sorted(rate.increments, key=lambda each: each.from_unit):
            increments += (increment.from_unit, increment.units)
        tiers = layout.FLATS if _has_flats(rate) else layout.GRADUATED
        extras = [0] * layout.RULE_EXTRAS
        for place_, number in (
            (layout.RULE_HOLIDAYS, self.append(days_of(rate.holidays)) if rate.holidays else 0),
            (layout.RULE_INCREMENTS, self.append([len(rate.increments), *increments])),
            (layout.RULE_TIERS, layout.VOLUME if rate.tiers is Tiers.VOLUME else tiers),
            (layout.RULE_COUNTER, place.counters[rate.counter] if rate.counter else 0),
            (layout.RULE_SCALE, scale),
            (layout.RULE_DISCOUNTS, self.append([len(discounts), *rows])),
        ):
            extras[-place_ - 1] = number
        return extras

    def steps(
        self,
        rate: Rate,
        prices: tuple[PriceStep, ...],
        divisor: int,
        per: int,
        scale: int,
        flags: int,
        path: str,
    ) -> int:
        _check_from_units([step.from_unit for step in prices], "price step", path)
        for step in prices:
            if (step.price // divisor * scale + 1) * per > layout.MOST_COST:
                raise TariffRefused(
                    f"{step.price} micros for {rate.per} units is too large", path=path
                )
        if flags & layout.FURTHER:
            return self.append(_further(prices, divisor))
        return self.append(_plain(prices, rate.increments, divisor))


def _further(prices: tuple[PriceStep, ...], divisor: int) -> list[int]:
    flat = [len(prices)]
    for step in sorted(prices, key=lambda each: each.from_unit):
        flat += (step.from_unit, step.price // divisor, step.flat)
    return flat


def _plain(
    prices: tuple[PriceStep, ...], increments: tuple[Increment, ...], divisor: int
) -> list[int]:
    price_at = {step.from_unit: step.price // divisor for step in prices}
    units_at = {increment.from_unit: increment.units for increment in increments}
    bounds = sorted({*price_at, *units_at})
    price = units = 0
    flat = [len(bounds)]
    for bound in bounds:
        price = price_at.get(bound, price)
        units = units_at.get(bound, units)
        flat += (bound, units, price)
    return flat


def _all_steps(rate: Rate) -> Iterable[PriceStep]:
    yield from rate.steps
    for window in rate.windows:
        yield from window.steps


def _has_flats(rate: Rate) -> bool:
    return any(step.flat for step in _all_steps(rate))


def _scale(discounts: Sequence[Discount]) -> int:
    """In how many parts a price must be cut for all of these to be whole."""
    common = _WHOLE
    for each in discounts:
        common = gcd(common, each.hundredths)
    return _WHOLE // common


def _check_amounts(rate: Rate, path: str) -> None:
    if not 0 < rate.per <= layout.MOST_UNITS:
        raise TariffRefused(f"a price for {rate.per} units has no meaning here", path=path)
    amounts = (rate.connection_fee, rate.minimum, *(step.price for step in _all_steps(rate)))
    for amount in amounts:
        if not 0 <= amount <= layout.MOST_COST:
            raise TariffRefused(f"{amount} micros can't be charged", path=path)
    flats = [step.flat for step in _all_steps(rate)]
    if min(flats, default=0) < 0 or sum(flats) > layout.MOST_UNITS:
        raise TariffRefused(f"flat amounts of {sum(flats)} micros can't be charged", path=path)
    _check_from_units([each.from_unit for each in rate.increments], "increment", path)
    for increment in rate.increments:
        if not 0 < increment.units <= layout.MOST_UNITS:
            raise TariffRefused(f"an increment of {increment.units} units", path=path)


def _check_from_units(bounds: list[int], what: str, path: str) -> None:
    if not bounds or min(bounds) != 0:
        raise TariffRefused(f"the first {what} must begin at unit 0", path=path)
    if len(set(bounds)) != len(bounds):
        raise TariffRefused(f"two {what}s begin at one unit", path=path)
    if max(bounds) > layout.MOST_UNITS:
        raise TariffRefused(f"a {what} begins past all usage", path=path)


def _check_tiers(rate: Rate, place: Place, path: str) -> None:
    """Where prices go by a counter, or by volume, not everything has one meaning."""
    counter = None if rate.counter is None else place.counter(rate.counter, path)
    if counter is not None and (rate.tiers is Tiers.VOLUME or _has_flats(rate)):
        priced = counter.measure is Measure.PRICED
        if not priced and (counter.measure is not Measure.PAID or not place.counts_all(counter)):
            raise TariffRefused(
                f"counter {counter.id} must count the paid units of all that this price is for",
                path=path,
            )
        if place.uses[counter.id] > 1 or (not priced and place.shares(counter)):
            raise TariffRefused(
                f"counter {counter.id} counts what has another price, too", path=path
            )
    if rate.tiers is Tiers.VOLUME:
        if rate.windows:
            raise TariffRefused(
                "a volume price has no windows: at another step all units are charged anew, and"
                " by then nobody knows when each was used; use graduated steps",
                path=path,
            )
        if not all(place.is_for_all(each) for each in place.discounts()):
            raise TariffRefused(
                "a volume price gets no discount on part of its usage: make it a step", path=path
            )
        if counter is not None and rate.minimum:
            raise TariffRefused("a minimum by session, a volume by month", path=path)


def _check_discount(discount: Discount, place: Place, path: str) -> None:
    if not 0 < discount.hundredths <= _WHOLE:
        raise TariffRefused(f"a discount of {discount.hundredths} hundredths", path=path)
    if discount.counter is None:
        if discount.from_unit:
            raise TariffRefused("a discount from a unit on, and no counter", path=path)
    else:
        place.counter(discount.counter, path)
    if not 0 <= discount.from_unit <= layout.MOST_UNITS:
        raise TariffRefused("a discount begins past all usage", path=path)
