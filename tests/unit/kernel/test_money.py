"""Money is exact, conserved when split, and never mixed."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import (
    LARGEST,
    CurrencyMismatch,
    Money,
    Rounding,
    check_currency,
    divide,
    minor_digits,
    to_micros,
)

micros = st.integers(-LARGEST, LARGEST)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("12.50", 12_500_000),
        ("0.000001", 1),
        ("-0.10", -100_000),
        (7, 7_000_000),
        ("1e3", 1_000_000_000),
        (Decimal("0.1"), 100_000),
        ("9223372036854.775807", LARGEST),
        ("-9223372036854.775807", -LARGEST),
    ],
)
def test_amounts_are_exact(amount: str | int | Decimal, expected: int) -> None:
    assert Money.of(amount, "EUR") == Money(expected, "EUR")


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("", "is not an amount"),
        ("twelve", "is not an amount"),
        ("1,50", "is not an amount"),
        ("NaN", "can hold"),
        ("Infinity", "can hold"),
        ("1e400", "can hold"),
        ("9223372036854.775808", "more than the books can hold"),
        ("0.0000001", "more than six decimals"),
        ("1" * 300, "can hold"),
        ("1_000", "is not an amount"),
        ("\u0661\u0662", "is not an amount"),
        ("1.0000000000000000000000000000001", "more than six decimals"),
        ("1e-2000000", "more than six decimals"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_place(amount: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        Money.of(amount, "EUR", path="item[0].price")
    assert str(caught.value).startswith("item[0].price: ")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "EU", "€€€", "E1R "])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid, match="ISO 4217"):
        check_currency(currency, path="currency")


def test_currencies_do_not_mix() -> None:
    one, other = eur("1"), Money.of("1", "USD")
    for mix in (
        lambda: one + other,
        lambda: one - other,
        lambda: one < other,
        lambda: one <= other,
        lambda: one > other,
        lambda: one >= other,
    ):
        with pytest.raises(CurrencyMismatch, match=r"EUR and USD|USD and EUR"):
            mix()
    assert one != other


@given(micros, micros)
def test_adding_and_taking_away_cancel(a: int, b: int) -> None:
    one, other = Money(a, "EUR"), Money(b, "EUR")
    assert one + other - other == one
    assert one + other == other + one
    assert one + -one == Money.zero("EUR")
    assert (one < other) == (a < b)
    assert (one >= other) == (a >= b)
    assert bool(one) == (a != 0)


@given(micros, weights, st.sampled_from([1, 1_000, 10_000, 1_000_000]))
def test_a_split_loses_nothing(amount: int, by: list[int], step: int) -> None:
    parts = Money(amount, "EUR").allocate(by, step=step)
    assert len(parts) == len(by)
    assert sum(part.micros for part in parts) == amount
    assert all(part.micros * amount >= 0 for part in parts), "no part has the other sign"


@given(micros, weights)
def test_a_split_is_fair_to_the_micro(amount: int, by: list[int]) -> None:
    total = sum(by)
    for part, weight in zip(Money(amount, "EUR").allocate(by), by, strict=True):
        assert abs(part.micros * total - amount * weight) < total


@given(st.integers(-(10**15), 10**15), weights)
def test_a_split_into_cents_has_at_most_one_part_that_is_none(amount: int, by: list[int]) -> None:
    parts = Money(amount, "EUR").allocate(by, step=10_000)
    assert sum(part.micros % 10_000 != 0 for part in parts) <= 1


def test_a_published_split() -> None:
    """80 over stand-alone prices of 20, 30 and 40 (KPMG's IFRS 15 handbook, example 5)."""
    parts = eur("80").allocate([20, 30, 40], step=1_000_000)
    assert parts == [eur("18"), eur("27"), eur("35")]


def test_a_split_shown() -> None:
    # 100.00 in three parts: a third is 33.33, and the odd cent goes to the first.
    assert eur("100").allocate([1, 1, 1], step=10_000) == [
        eur("33.34"), eur("33.33"), eur("33.33"),
    ]  # fmt: skip
    # The largest remainder takes it: 0.05 by 1:2:2 is 1, 2 and 2 cents exactly.
    assert eur("0.05").allocate([1, 2, 2], step=10_000) == [eur("0.01"), eur("0.02"), eur("0.02")]
    assert eur("-0.05").allocate([3, 7], step=10_000) == [eur("-0.02"), eur("-0.03")]
    assert eur("1").allocate([0, 1]) == [eur("0"), eur("1")]


@pytest.mark.parametrize("by", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_weights_that_make_no_sense(by: list[int]) -> None:
    with pytest.raises(Invalid):
        eur("1").allocate(by)


@pytest.mark.parametrize(
    ("amount", "up", "even"),
    [
        ("0.005", "0.01", "0.00"),
        ("0.015", "0.02", "0.02"),
        ("0.025", "0.03", "0.02"),
        ("-0.005", "-0.01", "0.00"),
        ("-0.025", "-0.03", "-0.02"),
        ("0.004999", "0.00", "0.00"),
        ("0.005001", "0.01", "0.01"),
    ],
)
def test_halves_are_rounded_as_asked(amount: str, up: str, even: str) -> None:
    assert eur(amount).rounded() == eur(up)
    assert eur(amount).rounded("half_even") == eur(even)


@pytest.mark.parametrize(
    ("currency", "digits", "rounded"), [("JPY", 0, "12"), ("EUR", 2, "12.35"), ("KWD", 3, "12.346")]
)
def test_minor_units_are_the_currencys(currency: str, digits: int, rounded: str) -> None:
    assert minor_digits(currency) == digits
    amount = Money.of("12.3456", currency)
    assert amount.rounded() == Money.of(rounded, currency)


def test_minor_units_are_those_of_iso_4217() -> None:
    """ISO 4217, list one: the column of minor units, where it says other than two."""
    none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    three = "BHD IQD JOD KWD LYD OMR TND"
    four = "CLF UYW"
    for digits, codes in ((0, none), (3, three), (4, four), (2, "EUR USD GBP HUF MGA")):
        assert {minor_digits(code) for code in codes.split()} == {digits}


@given(micros, st.sampled_from(["EUR", "JPY", "KWD"]), st.sampled_from(["half_up", "half_even"]))
def test_rounding_moves_by_at_most_half_a_unit(amount: int, code: str, mode: Rounding) -> None:
    unit = 10 ** (6 - minor_digits(code))
    rounded = Money(amount, code).rounded(mode)
    assert rounded.micros % unit == 0
    assert 2 * abs(rounded.micros - amount) <= unit
    assert rounded.rounded(mode) == rounded


@given(
    st.integers(-(10**30), 10**30),
    st.integers(-(10**12), 10**12).filter(bool),
    st.sampled_from(["half_up", "half_even"]),
)
def test_division_is_that_of_decimals(numerator: int, denominator: int, mode: Rounding) -> None:
    with localcontext(prec=200):
        exact = Decimal(numerator) / Decimal(denominator)
        how = ROUND_HALF_UP if mode == "half_up" else ROUND_HALF_EVEN
        expected = int(exact.quantize(Decimal(1), rounding=how))
        # At 200 digits an inexact quotient can't pass for a half: the denominators are small.
        assert divide(numerator, denominator, mode) == expected


@given(st.integers(-(10**12), 10**12), st.integers(0, 31), st.integers(1, 31))
def test_scaling_is_exact_to_half_a_micro(amount: int, days: int, month: int) -> None:
    scaled = Money(amount, "EUR").scaled(days, month)
    assert 2 * abs(scaled.micros * month - amount * days) <= month


def test_scaling_and_counting_shown() -> None:
    assert eur("30").scaled(10, 31) == eur("9.677419")
    assert eur("0.0042") * 3 == eur("0.0126")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.5", "12.50 EUR"),
        ("0.0042", "0.0042 EUR"),
        ("-1234567.891", "-1,234,567.891 EUR"),
        ("0", "0.00 EUR"),
        ("1000", "1,000.00 EUR"),
    ],
)
def test_how_money_looks(amount: str, text: str) -> None:
    assert str(eur(amount)) == text


@given(micros, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_decimals_and_micros_are_the_same_amount(amount: int, code: str) -> None:
    money = Money(amount, code)
    assert to_micros(money.to_decimal()) == amount
    assert Money.of(money.to_decimal(), code) == money
