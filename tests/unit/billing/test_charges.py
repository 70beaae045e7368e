"""What a month comes to. Amounts are in euros, the tax is 20 % unless a test says otherwise."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from trunkline.billing import Bill, LineKind, ToBill, UsageCharge, calculate_bill
from trunkline.inventory import (
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
)
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.kernel.time import monthly_period
from trunkline.tax import NoRate, TaxRate, TaxRegime, TaxRounding

UTC_ZONE = ZoneInfo("UTC")
VAT = TaxRate("town", "standard", "VAT", 200_000, date(2000, 1, 1))


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def day(text: str, tz: ZoneInfo = UTC_ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


LONG_AGO = day("2010-01-01")


def recurring(amount: str, *, months: int = 1, agreed: str | None = None) -> ProductPrice:
    alterations = () if agreed is None else (PriceAlteration(name="As agreed", amount=eur(agreed)),)
    return ProductPrice(
        kind=PriceKind.RECURRING,
        name="Fee",
        amount=eur(amount),
        period_months=months,
        alterations=alterations,
    )


def product(
    *prices: ProductPrice, since: datetime = LONG_AGO, until: datetime | None = None
) -> Product:
    return Product(
        id=ProductId("prod_1"),
        name="Mobile",
        offering="off_1",
        offering_name="Mobile",
        customer="cus_1",
        billing_account="bac_1",
        status=ProductStatus.ACTIVE if until is None else ProductStatus.TERMINATED,
        created_at=since,
        start_date=since,
        termination_date=until,
        prices=prices,
    )


def bill(
    *products: Product,
    of: str = "2026-11-15",
    cycle_day: int = 1,
    tz: ZoneInfo = UTC_ZONE,
    usage: Sequence[UsageCharge] = (),
    rounding: TaxRounding = TaxRounding.INVOICE,
    inclusive: bool = False,
    rate: TaxRate = VAT,
    since: datetime = LONG_AGO,
    missed: bool = False,
) -> Bill | None:
    """`missed`: no bill has had the products, as if they had started in the month."""
    month = monthly_period(day(of, tz), cycle_day=cycle_day, tz=tz)
    return calculate_bill(
        ToBill(
            currency="EUR",
            month=month,
            since=since,
            begun={
                each.id
                for each in products
                if each.start_date is not None and each.start_date < month.start and not missed
            },
            cycle_day=cycle_day,
            tz=tz,
            products=products,
            usage=usage,
            regime=TaxRegime("town", rounding, inclusive),
            rates={"standard": (rate,)},
        )
    )


def lines(bill: Bill | None) -> list[tuple[str, str, str]]:
    assert bill is not None
    return [(line.text, line.detail, str(line.amount.to_decimal())) for line in bill.lines]


def postings(bill: Bill | None) -> dict[str, str]:
    assert bill is not None
    assert sum(each.amount.micros for each in bill.postings) == 0
    return {each.account: f"{each.amount.to_decimal():f}" for each in bill.postings}


def test_a_whole_month() -> None:
    made = bill(product(recurring("29.90")))
    assert lines(made) == [("Fee", "", "29.90")]
    assert postings(made) == {"1100": "35.88", "2000": "-5.98", "4000": "-29.90"}


def test_the_leading_part_of_a_month() -> None:
    """From 1 February 2011 with bill day 13: 12 of 31 days (Kill Bill). 10 * 12/31 = 3.870968,
    billed as 3.87; what that leaves goes to rounding."""
    made = bill(product(recurring("10"), since=day("2011-02-01")), of="2011-02-01", cycle_day=13)
    assert lines(made) == [("Fee", "12 of 31 days", "3.87")]
    assert postings(made) == {
        "1100": "4.64",
        "2000": "-0.77",
        "4000": "-3.870968",
        "4900": "0.000968",
    }


def test_a_product_that_ended() -> None:
    made = bill(product(recurring("30"), until=day("2026-11-11T16:00")))
    assert lines(made) == [("Fee", "10 of 30 days", "10.00")]


def test_a_start_counts_its_day_whole_and_local() -> None:
    """23:30 UTC on 10 November is the 11th in Berlin: 20 of 30 days are left."""
    berlin = ZoneInfo("Europe/Berlin")
    since = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)
    assert lines(bill(product(recurring("30"), since=since), tz=berlin)) == [
        ("Fee", "20 of 30 days", "20.00")
    ]


def test_a_month_with_a_change_of_clocks_is_a_month() -> None:
    """October in Berlin has 745 hours, and 31 days."""
    berlin = ZoneInfo("Europe/Berlin")
    assert lines(bill(product(recurring("31")), of="2026-10-15", tz=berlin)) == [
        ("Fee", "", "31.00")
    ]


def test_what_was_not_in_service_is_not_billed() -> None:
    assert bill(product(recurring("30"), since=day("2026-12-01"))) is None
    assert bill(product(recurring("30"), until=day("2026-11-01"))) is None
    assert bill() is None


def test_an_agreement_is_a_line_of_its_own() -> None:
    made = bill(product(recurring("50", agreed="-7.35")))
    assert lines(made) == [("Fee", "", "50.00"), ("As agreed", "", "-7.35")]
    assert postings(made)["4000"] == "-42.65"


def test_one_time_charges_come_once_with_the_product() -> None:
    setup = ProductPrice(kind=PriceKind.ONE_TIME, name="Activation", amount=eur("19"))
    bought = product(setup, recurring("30"), since=day("2026-11-16"))
    made = bill(bought)
    assert lines(made) == [("Fee", "15 of 30 days", "15.00"), ("Activation", "", "19.00")]
    assert postings(made)["4100"] == "-19.00"
    assert lines(bill(bought, of="2026-12-15")) == [("Fee", "", "30.00")]


def test_a_price_of_three_months_comes_when_they_are_over() -> None:
    quarterly = product(recurring("90", months=3), since=day("2026-01-01"))
    assert bill(quarterly, of="2026-01-15") is None
    assert bill(quarterly, of="2026-02-15") is None
    assert lines(bill(quarterly, of="2026-03-15")) == [("Fee", "", "90.00")]


def test_a_price_of_three_months_from_within_one() -> None:
    """January to March have 90 days; from 16 January on 75 of them."""
    quarterly = product(recurring("90", months=3), since=day("2026-01-16"))
    assert lines(bill(quarterly, of="2026-03-15")) == [("Fee", "75 of 90 days", "75.00")]
    assert lines(bill(quarterly, of="2026-06-15")) == [("Fee", "", "90.00")]


def test_a_price_of_three_months_ends_with_its_product() -> None:
    quarterly = product(recurring("90", months=3), since=day("2026-01-01"), until=day("2026-02-15"))
    assert bill(quarterly, of="2026-01-15") is None
    assert lines(bill(quarterly, of="2026-02-10")) == [("Fee", "45 of 90 days", "45.00")]
    assert bill(quarterly, of="2026-03-15") is None


def test_a_price_of_a_year_with_a_cycle_at_the_months_end() -> None:
    yearly = product(recurring("365", months=12), since=day("2026-01-31"))
    assert bill(yearly, of="2026-02-28", cycle_day=31) is None
    assert lines(bill(yearly, of="2026-12-31", cycle_day=31)) == [("Fee", "", "365.00")]


def usage(amount: str, label: str = "Calls") -> UsageCharge:
    return UsageCharge(label, "seconds", 754, 60, 3, eur(amount))


def test_usage_becomes_cents_once() -> None:
    """Three prices of 0.335 are 0.34 each (EN 16931); unbilled is cleared to the micro."""
    made = bill(usage=[usage("0.335"), usage("0.335"), usage("0.335")])
    assert [text for _, _, text in lines(made)] == ["0.34", "0.34", "0.34"]
    assert postings(made) == {"1100": "1.22", "2000": "-0.20", "1110": "-1.005", "4900": "-0.015"}


def test_free_usage_is_shown() -> None:
    made = bill(usage=[usage("0")])
    assert lines(made) == [("Calls", "", "0.00")]
    assert postings(made) == {}


def test_the_sections_follow_each_other() -> None:
    setup = ProductPrice(kind=PriceKind.ONE_TIME, name="Activation", amount=eur("19"))
    made = bill(product(setup, recurring("30"), since=day("2026-11-01")), usage=[usage("1")])
    assert made is not None
    assert [(line.line, line.kind) for line in made.lines] == [
        (1, LineKind.RECURRING),
        (2, LineKind.ONE_TIME),
        (3, LineKind.USAGE),
    ]


FOUR = [recurring(amount) for amount in ("68.33", "68.33", "57.50", "85.00")]


@pytest.mark.parametrize(
    ("rounding", "gross"), [(TaxRounding.INVOICE, "334.99"), (TaxRounding.LINE, "335.00")]
)
def test_the_market_says_where_tax_is_rounded(rounding: TaxRounding, gross: str) -> None:
    made = bill(product(*FOUR), rounding=rounding)
    assert made is not None
    assert made.taxed.gross == eur(gross)


def test_a_price_that_contains_its_tax() -> None:
    """2.99 at 4 % is 2.88 and 0.11 (Zuora)."""
    rate = TaxRate("town", "standard", "VAT", 40_000, date(2000, 1, 1))
    made = bill(product(recurring("2.99")), inclusive=True, rate=rate)
    assert lines(made) == [("Fee", "", "2.88")]
    assert postings(made) == {"1100": "2.99", "2000": "-0.11", "4000": "-2.88"}


def test_usage_that_contains_its_tax() -> None:
    """Charged as 1.203 of revenue; the bill takes the tax of 0.20 out of it again."""
    made = bill(usage=[usage("1.203")], inclusive=True)
    assert lines(made) == [("Calls", "", "1.00")]
    assert postings(made) == {
        "1100": "1.20",
        "2000": "-0.20",
        "1110": "-1.203",
        "4200": "0.20",
        "4900": "0.003",
    }


def test_a_bill_below_zero() -> None:
    made = bill(product(recurring("10", agreed="-15")))
    assert postings(made) == {"1100": "-6.00", "2000": "1.00", "4000": "5.00"}


def test_a_category_without_a_rate() -> None:
    price = ProductPrice(
        kind=PriceKind.RECURRING, name="Book", amount=eur("1"), tax_category="reduced"
    )
    with pytest.raises(NoRate):
        bill(product(price))


def test_a_price_in_another_currency() -> None:
    price = ProductPrice(kind=PriceKind.RECURRING, name="Fee", amount=Money.of("1", "USD"))
    with pytest.raises(CurrencyMismatch, match="the account pays in EUR"):
        bill(product(price))
