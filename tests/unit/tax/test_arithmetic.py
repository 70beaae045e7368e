"""Worked examples; where a figure is published, its source is named."""

from datetime import date
from decimal import Decimal

import pytest

from trunkline.kernel.money import Money
from trunkline.tax import NoRate, Taxable, Taxed, TaxRate, TaxRounding, calculate_tax


def rate(percent: str, name: str = "VAT", *, position: int = 0, compound: bool = False) -> TaxRate:
    return TaxRate(
        "test",
        "standard",
        name,
        int(Decimal(percent) * 10_000),
        date(2000, 1, 1),
        position=position,
        compound=compound,
    )


def tax(
    amounts: list[str],
    *rates: TaxRate,
    rounding: TaxRounding = TaxRounding.INVOICE,
    inclusive: bool = False,
) -> Taxed:
    lines = [Taxable("standard", Money.of(amount, "EUR")) for amount in amounts]
    return calculate_tax(
        lines, {"standard": rates}, currency="EUR", rounding=rounding, inclusive=inclusive
    )


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


FOUR = ["68.33", "68.33", "57.50", "85.00"]


def test_taxed_as_an_invoice() -> None:
    taxed = tax(FOUR, rate("20"))
    assert (taxed.net, taxed.tax, taxed.gross) == (eur("279.16"), eur("55.83"), eur("334.99"))


def test_taxed_by_line() -> None:
    taxed = tax(FOUR, rate("20"), rounding=TaxRounding.LINE)
    assert (taxed.net, taxed.tax, taxed.gross) == (eur("279.16"), eur("55.84"), eur("335.00"))


def test_a_price_that_contains_its_tax() -> None:
    """Zuora: 2.99 at 4 % is 2.88 and 0.11."""
    taxed = tax(["2.99"], rate("4"), inclusive=True)
    assert (taxed.net, taxed.tax, taxed.gross) == (eur("2.88"), eur("0.11"), eur("2.99"))


def test_two_taxes_on_one_base() -> None:
    """invoiceninja#1453."""
    taxed = tax(["140"], rate("5", "GST"), rate("9.975", "QST", position=1))
    assert [item.tax for item in taxed.items] == [eur("7"), eur("13.97")]
    assert taxed.gross == eur("160.97")


def test_a_compound_tax_lies_on_the_one_before_it() -> None:
    taxed = tax(["140"], rate("5", "GST"), rate("9.975", "QST", position=1, compound=True))
    assert [item.tax for item in taxed.items] == [eur("7"), eur("14.66")]


def test_a_discount_takes_its_tax_off() -> None:
    taxed = tax(["10.00", "-2.50"], rate("20"))
    assert (taxed.net, taxed.tax) == (eur("7.50"), eur("1.50"))


def test_rounding_is_half_away_from_zero_on_both_sides() -> None:
    assert tax(["0.50"], rate("5")).tax == eur("0.03")
    assert tax(["-0.50"], rate("5")).tax == eur("-0.03")


def test_inclusive_lines_share_one_net() -> None:
    """Three of 0.99 at 20 %: 2.97 / 1.2 = 2.475 -> 2.48, while 0.825 three times is 2.49."""
    taxed = tax(["0.99", "0.99", "0.99"], rate("20"), inclusive=True)
    assert (taxed.net, taxed.tax, taxed.gross) == (eur("2.48"), eur("0.49"), eur("2.97"))
    assert sum(line.micros for line in taxed.lines) == taxed.net.micros


def test_a_tax_of_nothing_takes_no_residue() -> None:
    """0.03 at 20 % is 0.025 and 0.005, which both round up."""
    taxed = tax(["0.03"], rate("20"), rate("0", "Levy", position=1), inclusive=True)
    assert [(item.name, item.tax) for item in taxed.items] == [
        ("VAT", eur("0")),
        ("Levy", eur("0")),
    ]
    assert (taxed.net, taxed.gross) == (eur("0.03"), eur("0.03"))


def test_inclusive_by_line() -> None:
    taxed = tax(["0.99", "0.99", "0.99"], rate("20"), inclusive=True, rounding=TaxRounding.LINE)
    assert (taxed.net, taxed.tax) == (eur("2.49"), eur("0.48"))


def test_a_currency_without_minor_units() -> None:
    lines = [Taxable("standard", Money.of("105", "JPY"))]
    taxed = calculate_tax(lines, {"standard": (rate("10"),)}, currency="JPY")
    assert taxed.tax == Money.of("11", "JPY")


def test_categories_are_taxed_apart() -> None:
    reduced = TaxRate("test", "reduced", "VAT", 50_000, date(2000, 1, 1))
    taxed = calculate_tax(
        [Taxable("standard", eur("10")), Taxable("reduced", eur("10"))],
        {"standard": (rate("20"),), "reduced": (reduced,)},
        currency="EUR",
    )
    assert [(item.category, item.base, item.tax) for item in taxed.items] == [
        ("standard", eur("10"), eur("2")),
        ("reduced", eur("10"), eur("0.50")),
    ]


def test_a_category_without_a_rate_is_refused() -> None:
    with pytest.raises(NoRate, match="no tax rate is set for 'standard'"):
        calculate_tax([Taxable("standard", eur("1"))], {}, currency="EUR")


def test_a_percentage_as_people_write_it() -> None:
    assert [str(rate(text).percent) for text in ("20", "9.975", "0", "0.0001", "100")] == [
        "20", "9.975", "0", "0.0001", "100",
    ]  # fmt: skip
