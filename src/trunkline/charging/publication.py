"""From the catalogue to installed tariffs.

Every change of prices asks for one; a request does its work only when no later one stands
behind it, so that a hundred changes in a row compile once. What is compiled is all that is on
sale or held by somebody, as the catalogue has it at that moment: a tariff of the prices that hold
now, and one for each instant to come at which some price begins or ends.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from trunkline.catalog import (
    PRICED,
    Allowance,
    Offering,
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
from trunkline.charging.events import InstallTariff, PublishTariff
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
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    Zone,
    compile_tariff,
)
from trunkline.rating import RateSheet as SheetSource

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
    tariffs = compiled_tariffs(tx, command.request, command.effective_from)
    if len(tariffs) > 1 and not store.number_tariffs(tx, command.request, len(tariffs) - 1):
        return
    for tariff in tariffs:
        tx.emit(
            InstallTariff(
                version=tariff.version, effective_from=tariff.effective_from, body=tariff.encode()
            )
        )


def compiled_tariffs(r: Reader, version: int, now: datetime) -> list[Tariff]:
    """What the catalogue holds from now on, and from each instant to come at which that changes;
    versions from `version` on. Calendars are meant in the time zone of the first market, UTC
    without any. Raises `TariffRefused`, `ZoneContradiction` and `CurrencyMismatch`, the path
    naming the plan, and `TooManyChanges`."""
    found = offerings(r, offering_ids(r, *PRICED)).values()
    charged = sorted((each for each in found if each.charged_services), key=lambda each: each.id)
    names = {price.rate_sheet for each in charged for price in each.usage_prices}
    sheets = {name: rate_sheet(r, name) for name in sorted(filter(None, names))}
    first = next(iter(markets(r)), None)
    time_zone = "UTC" if first is None else first.time_zone
    tariffs: list[Tariff] = []
    before = None
    for at in (now, *_changes(charged, now)):
        try:
            source = _source(charged, sheets, time_zone, at)
            if source == before:
                continue
            if len(tariffs) > MOST_AHEAD:
                raise TooManyChanges(f"prices of use change at more than {MOST_AHEAD} instants")
            version_ = version + len(tariffs)
            tariffs.append(compile_tariff(source, version=version_, effective_from=at))
        except Invalid as refusal:
            if at > now:
                refusal.path = f"from {format_instant(at)} on, {refusal.path or 'prices'}"
            raise
        before = source
    return tariffs


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


def _source(
    charged: Iterable[Offering], sheets: dict[str, RateSheet], time_zone: str, at: datetime
) -> TariffSource:
    """What holds at this instant. A plan of which nothing holds isn't among it, nor a sheet that
    no price names."""
    priced = (offering.priced_at(at) for offering in charged)
    held = [each for each in priced if each.charged_services]
    named = {price.rate_sheet for each in held for price in each.usage_prices}
    return TariffSource(
        plans=tuple(plan_source(each, sheets) for each in held),
        rate_sheets=tuple(_sheet_source(sheet) for name, sheet in sheets.items() if name in named),
        time_zone=time_zone,
        zones=_zones(held),
    )


class TooManyChanges(Invalid):
    """Of prices, announced for instants to come."""

    code = "tooManyChanges"


def _zones(charged: Iterable[Offering]) -> tuple[Zone, ...]:
    zones: dict[str, tuple[str, ...]] = {}
    for offering in charged:
        for price in offering.prices:
            zone = getattr(price, "where", Where()).zone
            if zone is None or not zone.networks:
                continue
            networks = tuple(sorted(zone.networks))
            if zones.setdefault(zone.name, networks) != networks:
                raise ZoneContradiction(
                    f"zone {zone.name!r} has other networks elsewhere",
                    path=f"plan {offering.id}, price {price.id}",
                )
    return tuple(Zone(name, networks) for name, networks in sorted(zones.items()))


def plan_source(offering: Offering, sheets: dict[str, RateSheet]) -> PlanSource:
    """Raises `CurrencyMismatch` where its usage is priced in two currencies."""
    currencies = {price.amount.currency for price in offering.usage_prices}
    currencies |= {
        sheets[price.rate_sheet].currency
        for price in offering.usage_prices
        if price.rate_sheet is not None
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
