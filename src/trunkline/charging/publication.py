"""From the catalogue to installed tariffs.

Every change of prices asks for one; a request does its work only when no later one stands
behind it, so that a hundred changes in a row compile once. What is compiled is all that is on
sale or held by somebody, as the catalogue has it at that moment: a tariff of the prices that hold
now, and one for each instant to come at which some price begins or ends. An offering whose prices
can't be compiled keeps those that it had (`drafts`), and it is told of.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
import structlog

from trunkline.catalog import (
    PRICED,
    Allowance,
    Offering,
    OfferingId,
    RateSheet,
    Step,
    TierPeriod,
    UsageDiscount,
    UsagePrice,
    Where,
    ZoneContradiction,
    markets,
    offering_ids,
    offerings,
    rate_sheet,
)
from trunkline.charging import store
from trunkline.charging.drafts import (
    Draft,
    Drafts,
    Unchanged,
    add_zones,
    fault_alone,
    kept_drafts,
)
from trunkline.charging.events import InstallTariff, PublishTariff
from trunkline.charging.published import (
    Edition,
    Published,
    RefusedPlan,
    keep_published,
    last_published,
    refused_plans,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import CurrencyMismatch
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rating import Allowance as PlanAllowance
from trunkline.rating import (
    CounterSource,
    Discount,
    Filters,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    SheetEntry,
    Tariff,
    Tiers,
    UsageRule,
    Window,
    Zone,
)
from trunkline.rating import RateSheet as SheetSource

log = structlog.get_logger(__name__)

_MINUTE = 60

MOST_AHEAD = 100
"""Instants to come at which prices may change; each takes a tariff of its own."""


def request_tariff(tx: Tx, now: datetime) -> None:
    """Asks for the tariffs of what the catalogue holds, the first in force from `now` (books)."""
    request = store.next_tariff_request(tx)
    tx.emit(PublishTariff(request=request, effective_from=now))


def publish_tariff(tx: Tx, command: PublishTariff) -> None:
    """Compiles and sends the tariffs, their versions the request's number and those behind it;
    does nothing where a later request waits. Raises what `compiled_tariffs` raises (books)."""
    if command.request < store.last_tariff_request(tx):
        return
    found = compiled_tariffs(tx, command.request, command.effective_from)
    further = len(found.tariffs) - 1
    if further and not store.number_tariffs(tx, command.request, further):
        return
    for tariff in found.tariffs:
        tx.emit(
            InstallTariff(
                version=tariff.version, effective_from=tariff.effective_from, body=tariff.encode()
            )
        )
    keep_published(tx, found.sources, _told(found.refused, refused_plans(tx)))


class _Publication(msgspec.Struct, frozen=True):
    """Tariffs, what they are compiled from, and whose prices could not be, by plan."""

    tariffs: list[Tariff]
    sources: Published
    refused: tuple[RefusedPlan, ...]


def compiled_tariffs(r: Reader, version: int, now: datetime) -> _Publication:
    """What the catalogue holds from now on, and from each instant to come at which that changes;
    versions from `version` on. Calendars are meant in the time zone of the first market, UTC
    without any. An offering whose prices can't be compiled has those that it had. Raises
    `TariffRefused` and `ZoneContradiction` for what is no single offering's fault, and
    `TooManyChanges`."""
    catalogue = _catalogue(r, offering_ids(r, *PRICED))
    before = last_published(r)
    announced = [each.effective_from for each in before.editions if each.effective_from > now]
    tariffs: list[Tariff] = []
    editions: list[Edition] = []
    used: dict[str, SheetSource] = {}
    refused: dict[str, RefusedPlan] = {}
    good: dict[str, Draft] = {}
    new: set[str] = set()
    source = None
    for at in (now, *sorted({*_changes(catalogue.charged, now), *announced})):
        own, faults = _drafts(catalogue, at)
        published = kept_drafts(before, at, catalogue.sheets)
        # Of what is as it was, what was announced holds on, too.
        kept = good | {plan: each for plan, each in published.items() if plan not in new}
        drafts = Drafts(own, published, kept, faults, catalogue.time_zone, at)
        try:
            source, tariff = drafts.tariff(version + len(tariffs), source)
            if not before.known:
                # What is in force isn't known: nothing of it may be lost.
                for fault in faults.values():
                    raise fault
        except Unchanged:
            pass
        except Invalid as fault:
            fault.path = _since(at, now, fault)
            raise
        else:
            if len(tariffs) > MOST_AHEAD:
                raise TooManyChanges(f"prices of use change at more than {MOST_AHEAD} instants")
            tariffs.append(tariff)
            editions.append(Edition(at, source.plans, source.zones))
            used |= {sheet.name: sheet for sheet in source.rate_sheets}
        good = {plan: good[plan] for plan in faults if plan in good} | drafts.good()
        new = {plan for plan in faults if plan in new} | drafts.changed()
        for plan in faults.keys() - refused.keys():
            why = faults[plan]
            path = _since(at, now, why)
            refused[plan] = RefusedPlan(plan, why.code, path, why.reason, plan in kept, now)
    sources = Published(tuple(editions), tuple(used[name] for name in sorted(used)))
    return _Publication(tariffs, sources, tuple(refused[plan] for plan in sorted(refused)))


def _since(at: datetime, now: datetime, fault: Invalid) -> str:
    path = fault.path or "prices"
    return f"from {format_instant(at)} on, {path}" if at > now else path


def _told(refused: Iterable[RefusedPlan], before: Iterable[RefusedPlan]) -> tuple[RefusedPlan, ...]:
    """Those that are refused, each since when it has been; the log tells what is new."""
    known = {each.plan: each for each in before}
    found: list[RefusedPlan] = []
    for each in refused:
        was = known.pop(each.plan, None)
        if was is None or (was.path, was.reason) != (each.path, each.reason):
            log.error("prices refused", plan=each.plan, path=each.path, reason=each.reason)
        since = each.since if was is None else was.since
        found.append(msgspec.structs.replace(each, since=since))
    for plan in known:
        log.info("prices no longer refused", plan=plan)
    return tuple(found)


def refusals(r: Reader, which: Iterable[OfferingId], now: datetime) -> dict[OfferingId, Invalid]:
    """Of these offerings, those whose prices of use can't be compiled as they are now, at one of
    the instants at which they change."""
    found: dict[OfferingId, Invalid] = {}
    for offering in offerings(r, which).values():
        if offering.status in PRICED and offering.charged_services:
            fault = _refusal(r, offering, now)
            if fault is not None:
                found[offering.id] = fault
    return found


def _refusal(r: Reader, offering: Offering, now: datetime) -> Invalid | None:
    catalogue = _catalogue(r, [offering.id])
    zoned = any(getattr(price, "where", Where()).zone for price in offering.prices)
    others = [each for each in offering_ids(r, *PRICED) if each != offering.id] if zoned else []
    elsewhere = _catalogue(r, others)
    for at in (now, *_changes(catalogue.charged, now)):
        own, faults = _drafts(catalogue, at)
        beside, _ = _drafts(elsewhere, at)
        found = next(iter(faults.values()), None)
        for draft in own.values():
            found = fault_alone(draft, beside.values(), catalogue.time_zone, at)
        if found is not None:
            found.path = _since(at, now, found)
            return found
    return None


class _Catalogue(msgspec.Struct, frozen=True):
    """What is charged for use, by id, the sheets that it names, and the first market's time zone;
    `currencies` are the sheets'."""

    charged: list[Offering]
    sheets: dict[str, SheetSource]
    currencies: dict[str, str]
    time_zone: str


def _catalogue(r: Reader, which: Iterable[OfferingId]) -> _Catalogue:
    found = offerings(r, which).values()
    charged = sorted((each for each in found if each.charged_services), key=lambda each: each.id)
    names = {price.rate_sheet for each in charged for price in each.usage_prices}
    sheets = {name: rate_sheet(r, name) for name in sorted(filter(None, names))}
    first = next(iter(markets(r)), None)
    return _Catalogue(
        charged,
        {name: _sheet_source(sheet) for name, sheet in sheets.items()},
        {name: sheet.currency for name, sheet in sheets.items()},
        "UTC" if first is None else first.time_zone,
    )


def _changes(charged: Iterable[Offering], now: datetime) -> list[datetime]:
    """The instants to come at which a price begins or ends."""
    bounds = {
        bound
        for offering in charged
        for price in offering.prices
        for bound in (price.valid_from, price.valid_until)
        if bound is not None and bound > now
    }
    return sorted(bounds)


def _drafts(catalogue: _Catalogue, at: datetime) -> tuple[dict[str, Draft], dict[str, Invalid]]:
    """What holds at this instant, and what is refused already. A plan of which nothing holds is
    in neither."""
    own: dict[str, Draft] = {}
    refused: dict[str, Invalid] = {}
    for offering in catalogue.charged:
        priced = offering.priced_at(at)
        if not priced.charged_services:
            continue
        try:
            own[str(priced.id)] = _draft(priced, catalogue)
        except Invalid as fault:
            refused[str(priced.id)] = fault
    return own, refused


class TooManyChanges(Invalid):
    """Of prices, announced for instants to come."""

    code = "tooManyChanges"


def _draft(offering: Offering, catalogue: _Catalogue) -> Draft:
    """Raises `CurrencyMismatch` and `ZoneContradiction`."""
    zones: dict[str, Zone] = {}
    for price in offering.prices:
        zone = getattr(price, "where", Where()).zone
        if zone is not None and zone.networks:
            try:
                add_zones(zones, [Zone(zone.name, tuple(sorted(zone.networks)))])
            except ZoneContradiction as fault:
                fault.path = f"plan {offering.id}, price {price.id}"
                raise
    names = {price.rate_sheet for price in offering.usage_prices}
    return Draft(
        _plan_source(offering, catalogue.currencies),
        tuple(zones[name] for name in sorted(zones)),
        tuple(catalogue.sheets[name] for name in sorted(filter(None, names))),
    )


def _plan_source(offering: Offering, sheets: Mapping[str, str]) -> PlanSource:
    """Raises `CurrencyMismatch` where its usage is priced in two currencies."""
    currencies = {price.amount.currency for price in offering.usage_prices}
    currencies |= {
        sheets[price.rate_sheet] for price in offering.usage_prices if price.rate_sheet is not None
    }
    if len(currencies) > 1:
        raise CurrencyMismatch(
            f"{offering.id} prices usage in {' and '.join(sorted(currencies))}",
            path=f"plan {offering.id}",
        )
    return PlanSource(
        id=str(offering.id),
        currency=currencies.pop() if currencies else "",
        rules=tuple(_rule(price) for price in offering.usage_prices),
        allowances=_allowances(offering.allowances),
        counters=tuple(_counters(offering)),
        discounts=tuple(_discount(each) for each in offering.usage_discounts),
    )


def _counters(offering: Offering) -> Iterator[CounterSource]:
    """Those that it names, and those that its prices by the month and discounts need."""
    for each in offering.usage_counters:
        yield CounterSource(
            each.counter,
            Measure(each.measure.value),
            each.service,
            each.where.rating_group,
            _filters(each.where),
        )
    for price in offering.usage_prices:
        if price.by_spending:
            yield _counter(price, Measure.MONEY)
        elif price.tier_period is TierPeriod.MONTH and price.steps:
            yield CounterSource(str(price.id), Measure.PRICED)
    for discount in offering.usage_discounts:
        if discount.spent:
            yield _counter(discount, Measure.MONEY)
        elif discount.start:
            yield _counter(discount, Measure.UNITS)


def _counter(each: UsagePrice | UsageDiscount, measure: Measure) -> CounterSource:
    """Of the usage that it is for."""
    return CounterSource(
        str(each.id), measure, each.service, each.where.rating_group, _filters(each.where)
    )


def _discount(discount: UsageDiscount) -> Discount:
    return Discount(
        hundredths=discount.hundredths,
        service=discount.service,
        rating_group=discount.where.rating_group,
        where=_filters(discount.where),
        counter=str(discount.id) if discount.start or discount.spent else None,
        from_unit=discount.spent.micros if discount.spent else discount.start,
    )


def _filters(where: Where) -> Filters:
    return Filters(
        service_identifier=where.service_identifier,
        zone=None if where.zone is None else where.zone.name,
        dnn=where.dnn,
        slice=where.slice,
        qos=where.qos,
    )


def _steps(steps: Iterable[Step]) -> tuple[PriceStep, ...]:
    return tuple(PriceStep(each.start, each.amount.micros, each.flat.micros) for each in steps)


def _rule(price: UsagePrice) -> UsageRule:
    by_month = price.by_spending or (price.steps and price.tier_period is TierPeriod.MONTH)
    return UsageRule(
        service=price.service,
        rate=Rate(
            label=price.name,
            per=price.per.amount,
            steps=_steps(price.steps) or (PriceStep(0, price.amount.micros),),
            increments=tuple(Increment(start, units) for start, units in price.increments),
            connection_fee=price.connection_fee.micros,
            minimum=0 if price.minimum is None else price.minimum.micros,
            windows=tuple(
                Window(each.days, each.start, each.end, _steps(each.steps))
                for each in price.windows
            ),
            holidays=price.holidays,
            tiers=Tiers(price.tier_mode.value),
            counter=str(price.id) if by_month else None,
        ),
        rate_sheet=price.rate_sheet,
        rating_group=price.rating_group,
        where=_filters(price.where),
    )


def _allowances(allowances: Iterable[Allowance]) -> tuple[PlanAllowance, ...]:
    return tuple(
        PlanAllowance(
            id=str(allowance.id),
            name=allowance.name,
            service=allowance.service,
            units=allowance.quantity.amount,
            rating_group=allowance.rating_group,
            priority=allowance.priority,
            where=_filters(allowance.where),
            validity=allowance.validity,
            first_use=allowance.first_use,
            rollover=allowance.rollover,
        )
        for allowance in allowances
    )


def _sheet_source(sheet: RateSheet) -> SheetSource:
    return SheetSource(
        name=sheet.name,
        entries=tuple(
            SheetEntry(
                prefix=entry.prefix,
                rate=Rate(
                    label=entry.destination,
                    per=_MINUTE,
                    steps=(PriceStep(0, entry.price_per_minute.micros),),
                    increments=(Increment(0, entry.charge_period),),
                    connection_fee=entry.connection_charge.micros,
                ),
            )
            for entry in sheet.entries
        ),
    )
