"""From the catalogue to an installed tariff.

Every change of prices asks for one; a request does its work only when no later one stands
behind it, so that a hundred changes in a row compile once. What is compiled is all that is on
sale or held by somebody, as the catalogue has it at that moment.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from trunkline.catalog import (
    Allowance,
    LifecycleStatus,
    Offering,
    RateSheet,
    Step,
    TierPeriod,
    UsageDiscount,
    UsagePrice,
    Where,
    markets,
    offering_ids,
    offerings,
    rate_sheet,
)
from trunkline.charging import store
from trunkline.charging.events import InstallTariff, PublishTariff
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import CurrencyMismatch
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
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    Zone,
    compile_tariff,
)
from trunkline.rating import RateSheet as SheetSource

_PRICED = (LifecycleStatus.ACTIVE, LifecycleStatus.LAUNCHED, LifecycleStatus.RETIRED)
_MINUTE = 60


def request_tariff(tx: Tx, now: datetime) -> None:
    """Asks for a tariff of what the catalogue holds, in force from `now` (books)."""
    request = store.next_tariff_request(tx)
    tx.emit(PublishTariff(request=request, effective_from=now))


def publish_tariff(tx: Tx, command: PublishTariff) -> None:
    """Compiles and sends the tariff, its version the request's number; does nothing where a
    later request waits. Raises `TariffRefused` (books)."""
    if command.request < store.last_tariff_request(tx):
        return
    tariff = compile_tariff(
        tariff_source(tx), version=command.request, effective_from=command.effective_from
    )
    tx.emit(
        InstallTariff(
            version=tariff.version, effective_from=tariff.effective_from, body=tariff.encode()
        )
    )


def tariff_source(r: Reader) -> TariffSource:
    """All plans (offerings that price or include usage), and the rate sheets and zones that they
    name. Calendars are meant in the time zone of the first market, UTC without any. Raises
    `ZoneContradiction`."""
    found = offerings(r, offering_ids(r, *_PRICED)).values()
    charged = sorted((each for each in found if each.charged_services), key=lambda each: each.id)
    names = {
        price.rate_sheet
        for each in charged
        for price in each.usage_prices
        if price.rate_sheet is not None
    }
    sheets = {name: rate_sheet(r, name) for name in sorted(names)}
    first = next(iter(markets(r)), None)
    return TariffSource(
        plans=tuple(plan_source(each, sheets) for each in charged),
        rate_sheets=tuple(_sheet_source(each) for each in sheets.values()),
        time_zone="UTC" if first is None else first.time_zone,
        zones=_zones(charged),
    )


class ZoneContradiction(Invalid):
    """Two prices say different networks of one zone."""

    code = "zoneContradiction"


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
        if price.tier_period is TierPeriod.MONTH and price.steps:
            yield CounterSource(str(price.id), Measure.PRICED)
    for discount in offering.usage_discounts:
        if discount.start:
            yield CounterSource(
                str(discount.id),
                Measure.UNITS,
                discount.service,
                discount.where.rating_group,
                _filters(discount.where),
            )


def _discount(discount: UsageDiscount) -> Discount:
    return Discount(
        hundredths=discount.hundredths,
        service=discount.service,
        rating_group=discount.where.rating_group,
        where=_filters(discount.where),
        counter=str(discount.id) if discount.start else None,
        from_unit=discount.start,
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
    by_month = price.steps and price.tier_period is TierPeriod.MONTH
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
