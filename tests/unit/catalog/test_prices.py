from decimal import Decimal
from typing import Any

import pytest

from tests.unit.catalog.builders import data_allowance, one_time, recurring, voice_usage
from trunkline.catalog import (
    Allowance,
    OneTimePrice,
    PriceId,
    RecurringPrice,
    Service,
    UsagePrice,
    Where,
)
from trunkline.catalog.prices import parse_price
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit

ID = PriceId("p")


def test_a_recurring_price() -> None:
    body = recurring(tax=[{"taxCategory": "reduced"}])
    assert parse_price(body, price_id=ID) == RecurringPrice(
        id=ID, name="Monthly fee", amount=Money.of("19.90", "EUR"), tax_category="reduced"
    )


def test_a_yearly_price_counts_twelve_months() -> None:
    body = recurring(recurringChargePeriodType="Year", recurringChargePeriodLength=2)
    price = parse_price(body, price_id=ID)
    assert isinstance(price, RecurringPrice)
    assert price.period_months == 24


def test_a_one_time_price() -> None:
    price = parse_price(one_time(), price_id=ID)
    assert price == OneTimePrice(id=ID, name="Activation", amount=Money.of(10, "EUR"))


def test_a_price_of_calls_that_are_received() -> None:
    price = parse_price(voice_usage(service="voice-in"), price_id=ID)
    assert isinstance(price, UsagePrice)
    assert (price.service, price.per) == (Service.VOICE_IN, Quantity(60, Unit.SECONDS))


def test_a_usage_price_with_all_it_can_say() -> None:
    body = voice_usage(
        ratingGroup=7,
        rateSheet="world",
        increments=[{"from": 0, "increment": 60}, {"from": 60, "increment": 1}],
        connectionFee={"unit": "EUR", "value": "0.20"},
    )
    assert parse_price(body, price_id=ID) == UsagePrice(
        id=ID,
        name="Calls",
        service=Service.VOICE,
        amount=Money.of("0.09", "EUR"),
        per=Quantity(60, Unit.SECONDS),
        where=Where(rating_group=7),
        rate_sheet="world",
        increments=((0, 60), (60, 1)),
        connection_fee=Money.of("0.2", "EUR"),
    )


def test_an_allowance() -> None:
    assert parse_price(data_allowance(priority=3), price_id=ID) == Allowance(
        id=ID,
        name="10 GB",
        service=Service.DATA,
        quantity=Quantity(10 * 10**9, Unit.BYTES),
        priority=3,
    )


@pytest.mark.parametrize("value", ["0.1", 0.1, Decimal("0.1")])
def test_an_amount_is_the_digits_that_were_written(value: object) -> None:
    price = parse_price(recurring(value=value), price_id=ID)
    assert isinstance(price, RecurringPrice)
    assert price.amount.micros == 100_000


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "priceType": "discount"}])
def test_other_types_are_only_kept(body: dict[str, Any]) -> None:
    assert parse_price(body, price_id=ID) is None


CENT = {"unit": "EUR", "value": "0.01"}
FLAT = {"flat": CENT}
BY_SPENDING = [{"from": 0, "price": CENT}, {"from": {"unit": "EUR", "value": 20}, "price": CENT}]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (recurring(value="ten"), "price.value"),
        (recurring(value=True), "price.value"),
        (recurring(value="-1"), "price.value"),
        (recurring(value="NaN"), "price.value"),
        (recurring(value="0.0000001"), "price.value"),
        (recurring(value=1e300), "price.value"),
        (recurring() | {"price": {"value": 1}}, "price.unit"),
        (recurring() | {"price": {"value": 1, "unit": "euro"}}, "price.value"),
        (recurring() | {"price": 5}, "price"),
        (recurring() | {"price": None}, "price"),
        (recurring(recurringChargePeriodType="week"), "recurringChargePeriodType"),
        (recurring(recurringChargePeriodLength=0), "recurringChargePeriodLength"),
        (recurring(recurringChargePeriodLength=121), "recurringChargePeriodLength"),
        (recurring(priceType=5), "priceType"),
        (recurring(tax=[7]), "tax[0]"),
        (recurring(tax=[{"taxCategory": "x" * 41}]), "tax[0].taxCategory"),
        (voice_usage(service="Fax"), "service"),
        (voice_usage(service=None), "service"),
        (voice_usage(priceType="recurring"), "priceType"),
        (voice_usage(unitOfMeasure=None), "unitOfMeasure"),
        (voice_usage(unitOfMeasure={"amount": 1, "units": "GB"}), "unitOfMeasure.units"),
        (voice_usage(unitOfMeasure={"amount": 1, "units": "furlong"}), "unitOfMeasure"),
        (voice_usage(unitOfMeasure={"amount": 0, "units": "minute"}), "unitOfMeasure.amount"),
        (voice_usage(ratingGroup=2**32), "ratingGroup"),
        (voice_usage(ratingGroup=1.5), "ratingGroup"),
        (voice_usage(ratingGroup=-1), "ratingGroup"),
        (voice_usage(increments=[]), "increments"),
        (voice_usage(increments=[{"from": 0}]), "increments[0].increment"),
        (voice_usage(increments=[{"from": 5, "increment": 1}]), "increments[0].from"),
        (
            voice_usage(increments=[{"from": 0, "increment": 60}, {"from": 90, "increment": 1}]),
            "increments[1].from",
        ),
        (
            voice_usage(increments=[{"from": 0, "increment": 1}, {"from": 0, "increment": 1}]),
            "increments[1].from",
        ),
        (voice_usage(connectionFee={"unit": "USD", "value": 1}), "connectionFee.unit"),
        (voice_usage(connectionFee={"unit": "EUR"}), "connectionFee.value"),
        (voice_usage(tiers=BY_SPENDING), "tierPeriod"),
        (voice_usage(tiers=BY_SPENDING, tierPeriod="month", tierMode="volume"), "tierMode"),
        (
            voice_usage(tiers=[BY_SPENDING[0], BY_SPENDING[1] | FLAT], tierPeriod="month"),
            "tiers",
        ),
        (
            voice_usage(
                tiers=[*BY_SPENDING, {"from": 500_000_000, "price": CENT}], tierPeriod="month"
            ),
            "tiers[2].from",
        ),
        (
            voice_usage(
                tiers=[BY_SPENDING[0], BY_SPENDING[1] | {"from": {"unit": "USD", "value": 1}}],
                tierPeriod="month",
            ),
            "tiers[1].from.unit",
        ),
        (voice_usage(validFor={"startDateTime": "tomorrow"}), "validFor.startDateTime"),
        (
            recurring(
                validFor={
                    "startDateTime": "2026-12-01T00:00:00Z",
                    "endDateTime": "2026-12-01T00:00:00Z",
                }
            ),
            "validFor.endDateTime",
        ),
        (recurring(validFor="2026"), "validFor"),
        (data_allowance(priority=-1), "priority"),
        (data_allowance(rateSheet=5) | {"@type": "UsagePrice"}, "price"),
        (voice_usage(service="voice-in", rateSheet="world"), "rateSheet"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_price(body, price_id=ID, path="productOfferingPrice[2]")
    assert refused.value.path == f"productOfferingPrice[2].{path}"
