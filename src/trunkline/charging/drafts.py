"""Many offerings, one tariff: what can't be compiled of one of them doesn't stop the others.

The offering that is at fault keeps the rules that it had, until its own can be compiled. What two
offerings contradict each other in (the networks of a zone) is the fault of the one that changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

import msgspec

from trunkline.catalog import ZoneContradiction
from trunkline.charging.published import Published
from trunkline.kernel.errors import Invalid
from trunkline.rating import (
    Filters,
    PlanSource,
    RateSheet,
    Tariff,
    TariffSource,
    Zone,
    compile_tariff,
)


class Draft(msgspec.Struct, frozen=True):
    """One offering's rules, the zones whose networks it says, and the sheets that it names."""

    plan: PlanSource
    zones: tuple[Zone, ...] = ()
    sheets: tuple[RateSheet, ...] = ()


class Drafts:
    """What is to be one tariff at one instant. `own` is what the offerings say, by their ids,
    `before` what was published for it, `kept` what holds where one of them is refused; `refused`
    grows as they are."""

    def __init__(
        self,
        own: Mapping[str, Draft],
        before: Mapping[str, Draft],
        kept: Mapping[str, Draft],
        refused: dict[str, Invalid],
        time_zone: str,
        at: datetime,
    ) -> None:
        self._own, self._before, self._kept = own, before, kept
        self.refused = refused
        self._time_zone = time_zone
        self._at = at

    def tariff(self, version: int, before: TariffSource | None) -> tuple[TariffSource, Tariff]:
        """The tariff, and what it is compiled from. Raises `Unchanged` where that is what it was
        `before`, and `Invalid` for what is no single offering's fault."""
        while True:
            source = self._source()
            if source == before:
                raise Unchanged
            try:
                return source, compile_tariff(source, version=version, effective_from=self._at)
            except Invalid:
                found = self._faults(source)
                if not found:
                    raise
                self.refused |= found

    def good(self) -> dict[str, Draft]:
        """Those that are not refused."""
        return {plan: draft for plan, draft in self._own.items() if plan not in self.refused}

    def changed(self) -> set[str]:
        """Of these, those that are not as they were."""
        return {plan for plan, draft in self.good().items() if not self._stands(draft)}

    def _source(self) -> TariffSource:
        zones = self._zones()
        while zones is None:
            zones = self._zones()
        chosen = {plan: self._kept[plan] for plan in self.refused if plan in self._kept}
        chosen |= self.good()
        sheets = {sheet.name: sheet for draft in chosen.values() for sheet in draft.sheets}
        return TariffSource(
            plans=tuple(chosen[plan].plan for plan in sorted(chosen)),
            rate_sheets=tuple(sheets[name] for name in sorted(sheets)),
            time_zone=self._time_zone,
            zones=tuple(zones[name] for name in sorted(zones)),
        )

    def _zones(self) -> dict[str, Zone] | None:
        """None where an offering had to be refused."""
        good, zones = self.good(), dict[str, Zone]()
        said = {zone.name for draft in good.values() for zone in draft.zones}
        stands = [plan for plan, draft in good.items() if self._stands(draft)]
        for plan in stands:
            if not self._joins(zones, plan, good[plan].zones):
                return None
        for plan in self.refused:
            kept = self._kept.get(plan)
            if kept is not None:
                add_zones(zones, [zone for zone in kept.zones if zone.name not in said])
        for plan in sorted(good.keys() - set(stands)):
            if not self._joins(zones, plan, good[plan].zones):
                return None
        return zones

    def _stands(self, draft: Draft) -> bool:
        """Whether it is as it was."""
        was = self._before.get(draft.plan.id)
        return was is not None and was.plan == draft.plan and {*draft.zones} <= {*was.zones}

    def _joins(self, zones: dict[str, Zone], plan: str, more: Iterable[Zone]) -> bool:
        try:
            add_zones(zones, more)
        except ZoneContradiction as fault:
            fault.path = f"plan {plan}"
            self.refused[plan] = fault
            return False
        return True

    def _faults(self, source: TariffSource) -> dict[str, Invalid]:
        """Which of the offerings can't be compiled even alone."""
        found: dict[str, Invalid] = {}
        for plan in source.plans:
            if plan.id not in self.refused:
                try:
                    alone = msgspec.structs.replace(source, plans=(plan,))
                    compile_tariff(alone, version=1, effective_from=self._at)
                except Invalid as fault:
                    found[plan.id] = fault
        return found


class Unchanged(Exception):
    """The sources are those of the tariff before."""


def add_zones(zones: dict[str, Zone], more: Iterable[Zone]) -> None:
    """Raises `ZoneContradiction` for other networks of a zone that is there, or one that is
    another zone's."""
    for zone in more:
        if zones.get(zone.name, zone) != zone:
            raise ZoneContradiction(f"zone {zone.name!r} has other networks elsewhere")
        for other in zones.values():
            for network in set(zone.networks) & set(other.networks):
                if other.name != zone.name:
                    raise ZoneContradiction(
                        f"{network} can't be of zone {zone.name!r}: it is of {other.name!r}"
                    )
        zones[zone.name] = zone


def fault_alone(
    draft: Draft, others: Iterable[Draft], time_zone: str, at: datetime
) -> Invalid | None:
    """Why it can't be compiled, with what the others say of zones."""
    zones: dict[str, Zone] = {}
    for each in others:
        with suppress(ZoneContradiction):
            add_zones(zones, each.zones)
    try:
        add_zones(zones, draft.zones)
        source = TariffSource((draft.plan,), draft.sheets, time_zone, tuple(zones.values()))
        compile_tariff(source, version=1, effective_from=at)
    except Invalid as fault:
        fault.path = fault.path or f"plan {draft.plan.id}"
        return fault
    return None


def kept_drafts(
    published: Published, at: datetime, sheets: Mapping[str, RateSheet]
) -> dict[str, Draft]:
    """What was published for this instant, by plan. A sheet that isn't any more what it was then
    (`sheets` are those of now) goes by another name."""
    edition = published.at(at)
    if edition is None:
        return {}
    before = {sheet.name: sheet for sheet in published.sheets}
    return {plan.id: _kept(plan, edition.zones, before, sheets) for plan in edition.plans}


def _kept(
    plan: PlanSource,
    zones: Iterable[Zone],
    before: Mapping[str, RateSheet],
    sheets: Mapping[str, RateSheet],
) -> Draft:
    names = {rule.rate_sheet: rule.rate_sheet for rule in plan.rules if rule.rate_sheet}
    for name in names:
        if sheets.get(name, before[name]) != before[name]:
            names[name] = f"{name}, as {plan.id} has it"
    rules = tuple(
        msgspec.structs.replace(rule, rate_sheet=names[rule.rate_sheet])
        if rule.rate_sheet
        else rule
        for rule in plan.rules
    )
    used = {filters.zone for filters in filters_of(plan)}
    return Draft(
        msgspec.structs.replace(plan, rules=rules),
        tuple(zone for zone in zones if zone.name in used),
        tuple(msgspec.structs.replace(before[name], name=names[name]) for name in names),
    )


def filters_of(plan: PlanSource) -> Iterator[Filters]:
    """All that the plan filters by."""
    yield from (each.where for each in plan.rules)
    yield from (each.where for each in plan.allowances)
    yield from (each.where for each in plan.counters)
    yield from (each.where for each in plan.discounts)
