"""From a tariff's source to its table. Refuses what could overflow or has no single meaning,
naming the plan and the price."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from trunkline.kernel.time import zone
from trunkline.rating import layout
from trunkline.rating.blocks import Blocks, Place, TariffRefused
from trunkline.rating.model import (
    ANYWHERE,
    Allowance,
    CounterSource,
    Filters,
    Measure,
    PlanSource,
    Rate,
    RateSheet,
    TariffSource,
    Tiers,
    UsageRule,
    service_code,
)
from trunkline.rating.places import (
    InvalidFilter,
    Places,
    check_filters,
    lowered,
    places_of,
    precedence,
)
from trunkline.rating.tariff import Plan, Tariff

_MEASURES = {
    Measure.UNITS: layout.ALL_UNITS,
    Measure.PAID: layout.PAID_UNITS,
    Measure.PRICED: layout.PRICED_UNITS,
    Measure.MONEY: layout.MONEY,
}
_LONGEST_VALIDITY = 10 * 366 * layout.DAY


def compile_tariff(source: TariffSource, *, version: int, effective_from: datetime) -> Tariff:
    """The tariff of `source`. Local time follows the zone's rules as known today, from two
    years before `effective_from` to twenty after. Raises `TariffRefused`."""
    return _Compiler(source, effective_from).tariff(version)


class _Compiler:
    """The table under construction."""

    def __init__(self, source: TariffSource, effective_from: datetime) -> None:
        self.source = source
        self.effective_from = effective_from
        self.places = _places(source)
        self.named = sorted(_named(source))
        self.blocks = Blocks(zone(source.time_zone, path="timeZone"), effective_from)
        self.nodes: dict[tuple[str, int, str | None], int] = {}
        self.sheets = {sheet.name: sheet for sheet in source.rate_sheets}
        if len(self.sheets) != len(source.rate_sheets):
            raise TariffRefused("two rate sheets of one name", path="rateSheets")

    def tariff(self, version: int) -> Tariff:
        services = layout.KNOWN_SERVICES + len(self.named)
        head = [len(self.source.plans), services, *self.named]
        plans: list[Plan] = []
        seen: set[str] = set()
        for index, source in enumerate(self.source.plans):
            if source.id in seen:
                raise TariffRefused("two plans of one id", path=f"plan {source.id}")
            seen.add(source.id)
            head += self.plan(source)
            plans.append(_plan(source, index, self.places, self.sheets))
        table = self.blocks.table
        table[layout.HEAD] = len(table)
        table += head
        return Tariff(
            version=version,
            effective_from=self.effective_from,
            table=tuple(table),
            labels=tuple(self.blocks.labels),
            plans=tuple(plans),
            places=self.places,
        )

    def plan(self, plan: PlanSource) -> list[int]:
        """The plan's row of the head."""
        counters, uses = _counters(plan), self.uses(plan)
        found: dict[int, dict[int, dict[Filters, list[int]]]] = {}
        for number, rule in enumerate(plan.rules):
            path = f"plan {plan.id}, usage rule {number + 1}"
            service = service_code(rule.service, path=path)
            group = _group(rule.rating_group, path)
            by_filters = found.setdefault(service, {}).setdefault(group, {})
            entry = by_filters.setdefault(lowered(rule.where), [0, 0])
            self.rule(rule, entry, Place(plan, number, service, counters, uses, self.places, path))
        row = [0] * (layout.KNOWN_SERVICES + len(self.named) + 1)
        for service, by_group in found.items():
            row[self.column(service)] = self.groups(by_group)
        if plan.counters:
            row[-1] = self.blocks.append(self.counters(plan.counters))
        return row

    def uses(self, plan: PlanSource) -> Counter[str | None]:
        """How many prices of the plan go by each counter."""
        uses: Counter[str | None] = Counter()
        for rule in plan.rules:
            if rule.rate is not None:
                uses[rule.rate.counter] += 1
            sheet = self.sheets.get(rule.rate_sheet or "")
            if sheet is not None:
                uses.update(entry.rate.counter for entry in sheet.entries)
        return uses

    def column(self, service: int) -> int:
        if service < layout.KNOWN_SERVICES:
            return service
        return layout.KNOWN_SERVICES + self.named.index(service)

    def groups(self, by_group: dict[int, dict[Filters, list[int]]]) -> int:
        flat = [len(by_group)]
        for group in sorted(by_group):
            entries = sorted(by_group[group].items(), key=lambda each: precedence(each[0]))
            if group != -1:
                general = by_group.get(-1, {}).items()
                entries += sorted(general, key=lambda each: precedence(each[0]))
            flat += (group, *self.choice(entries))
        return self.blocks.append(flat)

    def choice(self, entries: Sequence[tuple[Filters, list[int]]]) -> tuple[int, int]:
        """A node and a rule; where the first of these doesn't hold for all, the node is a
        choice."""
        rows: list[int] = []
        count = 0
        for filters, (node, rule) in entries:
            mask, value = self.places.filtered(filters)
            if not count and not mask:
                return node, rule
            rows += (mask, value, node, rule)
            count += 1
            if not mask:
                break
        return -self.blocks.append([count, *rows]), 0

    def counters(self, counters: Iterable[CounterSource]) -> list[int]:
        flat: list[int] = []
        count = 0
        for each in counters:
            service = -1 if each.service is None else service_code(each.service)
            group = -1 if each.rating_group is None else each.rating_group
            flat += (service, group, *self.places.filtered(each.where), _MEASURES[each.measure])
            count += 1
        return [count, *flat]

    def rule(self, rule: UsageRule, entry: list[int], place: Place) -> None:
        if rule.rate is None and rule.rate_sheet is None:
            raise TariffRefused("has neither a rate nor a rate sheet", path=place.path)
        if rule.rate_sheet is not None:
            if entry[0]:
                raise TariffRefused("a second rate sheet for the same usage", path=place.path)
            sheet = self.sheets.get(rule.rate_sheet)
            if sheet is None:
                raise TariffRefused(
                    f"rate sheet {rule.rate_sheet!r} does not exist", path=place.path
                )
            entry[0] = self.sheet(sheet, place)
        if rule.rate is not None:
            if entry[1]:
                raise TariffRefused("a second rate for the same usage", path=place.path)
            entry[1] = self.blocks.rate(rule.rate, place, f"{place.path}, {rule.rate.label!r}")

    def sheet(self, sheet: RateSheet, place: Place) -> int:
        """The root node of the sheet's prefixes."""
        own = f"{place.plan.id}/{place.number}" if place.is_its_own(sheet) else None
        name = sheet.name, place.service, own
        if name in self.nodes:
            return self.nodes[name]
        root: _Node = _Node()
        for entry in sheet.entries:
            path = f"rate sheet {sheet.name}, prefix {entry.prefix[:20]}"
            digits = entry.prefix.removeprefix("+").removeprefix("00")
            if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
                raise TariffRefused("a prefix is 1 to 15 digits", path=path)
            node = root
            for digit in digits:
                node = node.children.setdefault(int(digit), _Node())
            if node.rule:
                raise TariffRefused("the prefix stands there twice", path=path)
            node.rule = self.blocks.rate(entry.rate, place, path)
        self.nodes[name] = self.node(root)
        return self.nodes[name]

    def node(self, node: "_Node") -> int:
        table = self.blocks.table
        offset = len(table)
        table += [0] * layout.NODE_RULE + [node.rule]
        for digit, child in node.children.items():
            table[offset + digit] = self.node(child) if child.children else -child.rule
        return offset


class _Node:
    __slots__ = ("children", "rule")

    def __init__(self) -> None:
        self.children: dict[int, _Node] = {}
        self.rule = 0


def _filters(plan: PlanSource) -> Iterator[tuple[str, Filters]]:
    for number, rule in enumerate(plan.rules):
        yield f"plan {plan.id}, usage rule {number + 1}", rule.where
    for allowance in plan.allowances:
        yield f"plan {plan.id}, allowance {allowance.id}", allowance.where
    for counter in plan.counters:
        yield f"plan {plan.id}, counter {counter.id}", counter.where
    for number, discount in enumerate(plan.discounts):
        yield f"plan {plan.id}, discount {number + 1}", discount.where


def _places(source: TariffSource) -> Places:
    seen: dict[Filters, str] = {}
    for plan in source.plans:
        for path, filters in _filters(plan):
            seen.setdefault(filters, path)
    names = {zone.name for zone in source.zones}
    try:
        for filters in seen:
            check_filters(filters, names)
    except InvalidFilter as fault:
        raise TariffRefused(fault.reason, path=f"{seen[filters]}, {fault.path}") from None
    try:
        return places_of(source.zones, seen)
    except InvalidFilter as fault:
        raise TariffRefused(fault.reason, path=fault.path) from None


def _named(source: TariffSource) -> set[int]:
    """The codes of the services that have prices and no column of their own."""
    codes = {
        service_code(rule.service, path=f"plan {plan.id}, usage rule {number + 1}")
        for plan in source.plans
        for number, rule in enumerate(plan.rules)
    }
    return {code for code in codes if code >= layout.KNOWN_SERVICES}


def _counters(plan: PlanSource) -> dict[str, int]:
    """The places of the plan's counters, from 1."""
    places: dict[str, int] = {}
    for counter in plan.counters:
        path = f"plan {plan.id}, counter {counter.id[:40]}"
        if not counter.id or counter.id in places:
            raise TariffRefused("two counters of one id, or one without", path=path)
        if counter.service is not None:
            service_code(counter.service, path=path)
        elif counter.measure in (Measure.UNITS, Measure.PAID):
            raise TariffRefused("units of every service don't add up", path=path)
        _group(counter.rating_group, path)
        places[counter.id] = len(places) + 1
    return places


def _rates(source: PlanSource, sheets: Mapping[str, RateSheet]) -> Iterator[Rate]:
    for rule in source.rules:
        if rule.rate is not None:
            yield rule.rate
        if rule.rate_sheet is not None:
            yield from (entry.rate for entry in sheets[rule.rate_sheet].entries)


def _plan(source: PlanSource, index: int, places: Places, sheets: Mapping[str, RateSheet]) -> Plan:
    for allowance in source.allowances:
        path = f"plan {source.id}, allowance {allowance.id}"
        service_code(allowance.service, path=path)
        _group(allowance.rating_group, path)
        if not 0 < allowance.units <= layout.MOST_UNITS:
            raise TariffRefused(f"{allowance.units} units can't be held", path=path)
        if not 0 <= allowance.validity <= _LONGEST_VALIDITY:
            raise TariffRefused(f"{allowance.validity} seconds can't be waited for", path=path)
        if allowance.first_use and not allowance.validity:
            raise TariffRefused("from its first use on, but for how long isn't said", path=path)
        if not 0 <= allowance.rollover <= layout.MOST_UNITS:
            raise TariffRefused(f"{allowance.rollover} units can't roll over", path=path)
        if allowance.rollover and allowance.validity:
            raise TariffRefused("what has a validity of its own doesn't roll over", path=path)
    ordered = sorted(source.allowances, key=_allowance_order)
    rates = list(_rates(source, sheets))
    by_counter = any(discount.counter for discount in source.discounts)
    return Plan(
        id=source.id,
        index=index,
        currency=source.currency,
        allowances=tuple(ordered),
        counters=source.counters,
        calendared=any(rate.windows for rate in rates),
        shifting=by_counter or any(rate.counter or rate.tiers is Tiers.VOLUME for rate in rates),
        filtered=any(filters != ANYWHERE for _, filters in _filters(source)),
        places=places,
    )


def _allowance_order(allowance: Allowance) -> tuple[int, bool, tuple[bool, ...]]:
    return allowance.priority, allowance.rating_group is None, precedence(allowance.where)


def _group(rating_group: int | None, path: str) -> int:
    if rating_group is None:
        return -1
    if not 0 <= rating_group < 1 << 32:
        raise TariffRefused(f"{rating_group} is not a rating group", path=path)
    return rating_group
