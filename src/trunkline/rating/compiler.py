"""From a tariff's source to its table. Refuses what could overflow or has no single meaning,
naming the plan and the price."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import gcd
from zoneinfo import ZoneInfo

from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import zone
from trunkline.rating import kernel
from trunkline.rating.model import (
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    TariffSource,
    UsageRule,
    Window,
    service_code,
)
from trunkline.rating.tariff import Plan, Tariff

_DAY = 86_400
_LARGEST_UNIT = 1 << 60
_LARGEST_PRODUCT = 1 << 61
_ZONE_PAST = timedelta(days=2 * 366)
_ZONE_FUTURE = timedelta(days=20 * 366)


class TariffRefused(Invalid):
    """The source can't become a table; `path` names the plan or sheet, and the price."""

    code = "tariffRefused"


def compile_tariff(source: TariffSource, *, version: int, effective_from: datetime) -> Tariff:
    """The tariff of `source`. Local time follows the zone's rules as known today, from two
    years before `effective_from` to twenty after. Raises `TariffRefused`."""
    return _Compiler(source, effective_from).tariff(version)


class _Compiler:
    """The table under construction. Equal steps, rules and zones are written once."""

    def __init__(self, source: TariffSource, effective_from: datetime) -> None:
        self.source = source
        self.effective_from = effective_from
        self.zone = zone(source.time_zone, path="timeZone")
        self.table: list[int] = []
        self.labels: dict[str, int] = {}
        self.written: dict[tuple[int, ...], int] = {}
        self.nodes: dict[str, int] = {}
        self.sheets = {sheet.name: sheet for sheet in source.rate_sheets}
        if len(self.sheets) != len(source.rate_sheets):
            raise TariffRefused("two rate sheets of one name", path="rateSheets")

    def tariff(self, version: int) -> Tariff:
        count = len(self.source.plans)
        self.table = [count] + [0] * (count * kernel.SERVICE_COUNT)
        plans: list[Plan] = []
        seen: set[str] = set()
        for index, source in enumerate(self.source.plans):
            if source.id in seen:
                raise TariffRefused("two plans of one id", path=f"plan {source.id}")
            seen.add(source.id)
            self.plan(source, index)
            plans.append(_plan(source, index))
        return Tariff(
            version=version,
            effective_from=self.effective_from,
            table=tuple(self.table),
            labels=tuple(self.labels),
            plans=tuple(plans),
        )

    def append(self, numbers: Sequence[int]) -> int:
        """Write `numbers`, or find them written; where they begin."""
        key = tuple(numbers)
        offset = self.written.get(key)
        if offset is None:
            offset = self.written[key] = len(self.table)
            self.table += key
        return offset

    def plan(self, plan: PlanSource, index: int) -> None:
        groups: dict[int, dict[int, list[int]]] = {}
        for number, rule in enumerate(plan.rules):
            path = f"plan {plan.id}, usage rule {number + 1}"
            service = service_code(rule.service, path=path)
            group = _group(rule.rating_group, path)
            entry = groups.setdefault(service, {}).setdefault(group, [0, 0])
            self.rule(rule, entry, service, path)
        for service, by_group in groups.items():
            flat = [len(by_group)]
            for group in sorted(by_group):
                flat += (group, *by_group[group])
            self.table[kernel.PLANS + index * kernel.SERVICE_COUNT + service] = self.append(flat)

    def rule(self, rule: UsageRule, entry: list[int], service: int, path: str) -> None:
        if rule.rate is None and rule.rate_sheet is None:
            raise TariffRefused("has neither a rate nor a rate sheet", path=path)
        if rule.rate_sheet is not None:
            if entry[0]:
                raise TariffRefused("a second rate sheet for the same usage", path=path)
            sheet = self.sheets.get(rule.rate_sheet)
            if sheet is None:
                raise TariffRefused(f"rate sheet {rule.rate_sheet!r} does not exist", path=path)
            entry[0] = self.sheet(sheet, service)
        if rule.rate is not None:
            if entry[1]:
                raise TariffRefused("a second rate for the same usage", path=path)
            entry[1] = self.rate(rule.rate, service, f"{path}, {rule.rate.label!r}")

    def sheet(self, sheet: RateSheet, service: int) -> int:
        """The root node of the sheet's prefixes."""
        name = f"{sheet.name}/{service}"
        if name in self.nodes:
            return self.nodes[name]
        root: _Node = _Node()
        for entry in sheet.entries:
            path = f"rate sheet {sheet.name}, prefix {entry.prefix[:20]}"
            digits = entry.prefix.removeprefix("+")
            if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
                raise TariffRefused("a prefix is 1 to 15 digits", path=path)
            node = root
            for digit in digits:
                node = node.children.setdefault(int(digit), _Node())
            if node.rule:
                raise TariffRefused("the prefix stands there twice", path=path)
            node.rule = self.rate(entry.rate, service, path)
        self.nodes[name] = self.node(root)
        return self.nodes[name]

    def node(self, node: "_Node") -> int:
        offset = len(self.table)
        self.table += [0] * kernel.NODE_RULE + [node.rule]
        for digit, child in node.children.items():
            self.table[offset + digit] = self.node(child) if child.children else -child.rule
        return offset

    def rate(self, rate: Rate, service: int, path: str) -> int:
        timed = service == kernel.VOICE
        _check_amounts(rate, path)
        divisor = rate.per
        for step in _all_steps(rate):
            divisor = gcd(divisor, step.price)
        per = rate.per // divisor
        slots = _slots(rate.windows, path) if rate.windows else [(0, -1)]
        lists = [self.steps(rate.steps, rate.increments, divisor, per, path)]
        lists += (
            self.steps(window.steps, rate.increments, divisor, per, path) for window in rate.windows
        )
        zone_offset = 0
        if rate.windows:
            zone_offset = self.append(_transitions(self.zone, self.effective_from))
        label = self.labels.setdefault(rate.label, len(self.labels))
        flat = [label, rate.connection_fee, rate.minimum, per, int(timed), zone_offset, len(slots)]
        for second, window in slots:
            flat += (second, lists[window + 1])
        return self.append(flat)

    def steps(
        self,
        prices: tuple[PriceStep, ...],
        increments: tuple[Increment, ...],
        divisor: int,
        per: int,
        path: str,
    ) -> int:
        _check_from_units([step.from_unit for step in prices], "price step", path)
        price_at = {step.from_unit: step.price for step in prices}
        units_at = {increment.from_unit: increment.units for increment in increments}
        bounds = sorted({*price_at, *units_at})
        price = units = 0
        flat = [len(bounds)]
        for bound in bounds:
            price = price_at.get(bound, price)
            units = units_at.get(bound, units)
            if (price // divisor + 1) * per > _LARGEST_PRODUCT:
                raise TariffRefused(
                    f"{price} micros for {per * divisor} units is too large", path=path
                )
            flat += (bound, units, price // divisor)
        return self.append(flat)


class _Node:
    __slots__ = ("children", "rule")

    def __init__(self) -> None:
        self.children: dict[int, _Node] = {}
        self.rule = 0


def _all_steps(rate: Rate) -> Iterable[PriceStep]:
    yield from rate.steps
    for window in rate.windows:
        yield from window.steps


def _plan(source: PlanSource, index: int) -> Plan:
    for allowance in source.allowances:
        path = f"plan {source.id}, allowance {allowance.id}"
        service_code(allowance.service, path=path)
        _group(allowance.rating_group, path)
        if not 0 < allowance.units <= _LARGEST_UNIT:
            raise TariffRefused(f"{allowance.units} units can't be held", path=path)
    ordered = sorted(source.allowances, key=_allowance_order)
    return Plan(source.id, index, source.currency, tuple(ordered))


def _allowance_order(allowance: Allowance) -> tuple[int, bool]:
    return allowance.priority, allowance.rating_group is None


def _group(rating_group: int | None, path: str) -> int:
    if rating_group is None:
        return -1
    if not 0 <= rating_group < 1 << 32:
        raise TariffRefused(f"{rating_group} is not a rating group", path=path)
    return rating_group


def _check_amounts(rate: Rate, path: str) -> None:
    if not 0 < rate.per <= _LARGEST_UNIT:
        raise TariffRefused(f"a price for {rate.per} units has no meaning here", path=path)
    amounts = (rate.connection_fee, rate.minimum, *(step.price for step in _all_steps(rate)))
    for amount in amounts:
        if not 0 <= amount <= _LARGEST_PRODUCT:
            raise TariffRefused(f"{amount} micros can't be charged", path=path)
    _check_from_units([each.from_unit for each in rate.increments], "increment", path)
    for increment in rate.increments:
        if not 0 < increment.units <= _LARGEST_UNIT:
            raise TariffRefused(f"an increment of {increment.units} units", path=path)


def _check_from_units(bounds: list[int], what: str, path: str) -> None:
    if not bounds or min(bounds) != 0:
        raise TariffRefused(f"the first {what} must begin at unit 0", path=path)
    if len(set(bounds)) != len(bounds):
        raise TariffRefused(f"two {what}s begin at one unit", path=path)
    if max(bounds) > _LARGEST_UNIT:
        raise TariffRefused(f"a {what} begins past all usage", path=path)


def _slots(windows: tuple[Window, ...], path: str) -> list[tuple[int, int]]:
    """The local week as (from second, index of the window or -1), from Monday's midnight."""
    spans: list[tuple[int, int, int]] = []
    for index, window in enumerate(windows):
        if not 0 <= window.start < window.end <= _DAY:
            raise TariffRefused(f"a window from {window.start} to {window.end}", path=path)
        if not window.days or not all(0 <= day <= 6 for day in window.days):
            raise TariffRefused(f"a window on days {window.days}", path=path)
        spans += (
            (day * _DAY + window.start, day * _DAY + window.end, index)
            for day in sorted(set(window.days))
        )
    spans.sort()
    slots: list[tuple[int, int]] = []
    reached = 0
    for start, end, index in spans:
        if start < reached:
            raise TariffRefused("two windows overlap", path=path)
        if start > reached:
            slots.append((reached, -1))
        slots.append((start, index))
        reached = end
    if reached < kernel.WEEK:
        slots.append((reached, -1))
    return slots


def _transitions(tz: ZoneInfo, around: datetime) -> list[int]:
    """How many, then (epoch second, offset from UTC) for each change of the zone's offset."""
    instant = (around.astimezone(UTC) - _ZONE_PAST).replace(microsecond=0)
    until = around.astimezone(UTC) + _ZONE_FUTURE
    flat = [_epoch(instant), _offset(instant, tz)]
    while instant < until:
        later = instant + timedelta(days=7)
        if _offset(later, tz) != flat[-1]:
            low, high = _epoch(instant), _epoch(later)
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(datetime.fromtimestamp(middle, UTC), tz) == flat[-1]:
                    low = middle
                else:
                    high = middle
            flat += (high, _offset(datetime.fromtimestamp(high, UTC), tz))
            later = datetime.fromtimestamp(high, UTC)
        instant = later
    return [len(flat) // 2, *flat]


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


def _offset(instant: datetime, tz: ZoneInfo) -> int:
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
