"""From the catalogue to an installed tariff.

Every change of prices asks for one; a request does its work only when no later one stands
behind it, so that a hundred changes in a row compile once. What is compiled is all that is on
sale or held by somebody, as the catalogue has it at that moment.
"""

from collections.abc import Iterable
from datetime import datetime

from trunkline.catalog import (
    Allowance,
    LifecycleStatus,
    Offering,
    RateSheet,
    UsagePrice,
    markets,
    offering_ids,
    offerings,
    rate_sheet,
)
from trunkline.charging import store
from trunkline.charging.events import InstallTariff, PublishTariff
from trunkline.kernel.money import CurrencyMismatch
from trunkline.platform.db import Reader, Tx
from trunkline.rating import Allowance as PlanAllowance
from trunkline.rating import (
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    SheetEntry,
    TariffSource,
    UsageRule,
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
    """All plans (offerings that price or include usage) and the rate sheets that they name.
    Calendars are meant in the time zone of the first market, UTC without any."""
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
    )


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
    )


def _rule(price: UsagePrice) -> UsageRule:
    return UsageRule(
        service=price.service.value,
        rate=Rate(
            label=price.name,
            per=price.per.amount,
            steps=(PriceStep(0, price.amount.micros),),
            increments=tuple(Increment(start, units) for start, units in price.increments),
            connection_fee=price.connection_fee.micros,
        ),
        rate_sheet=price.rate_sheet,
        rating_group=price.rating_group,
    )


def _allowances(allowances: Iterable[Allowance]) -> tuple[PlanAllowance, ...]:
    return tuple(
        PlanAllowance(
            id=str(allowance.id),
            name=allowance.name,
            service=allowance.service.value,
            units=allowance.quantity.amount,
            rating_group=allowance.rating_group,
            priority=allowance.priority,
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
