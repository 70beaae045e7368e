"""Tax against a slow oracle of fractions, which shares no code with it."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.money import Money
from trunkline.tax import Taxable, Taxed, TaxRate, TaxRounding, calculate_tax

CENT = 10_000
cents = st.integers(-1_000_000, 10_000_000)
lines_of_cents = st.lists(cents, min_size=1, max_size=8)
rate_lists = st.lists(st.tuples(st.integers(0, 1_000_000), st.booleans()), min_size=1, max_size=3)


def rates_of(drawn: Sequence[tuple[int, bool]]) -> tuple[TaxRate, ...]:
    return tuple(
        TaxRate(
            "test",
            "standard",
            f"T{place}",
            millionths,
            date(2000, 1, 1),
            position=place,
            compound=compound,
        )
        for place, (millionths, compound) in enumerate(drawn)
    )


def tax(
    lines: Sequence[int],
    rates: tuple[TaxRate, ...],
    rounding: TaxRounding,
    *,
    inclusive: bool = False,
) -> Taxed:
    return calculate_tax(
        [Taxable("standard", Money(each * CENT, "EUR")) for each in lines],
        {"standard": rates},
        currency="EUR",
        rounding=rounding,
        inclusive=inclusive,
    )


def rounded(value: Fraction) -> int:
    """Cents, half away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def oracle(base: int, rates: Sequence[TaxRate]) -> list[int]:
    """Each tax on `base` cents."""
    found: list[int] = []
    for rate in rates:
        over = base + (sum(found) if rate.compound else 0)
        found.append(rounded(Fraction(over * rate.millionths, 1_000_000)))
    return found


@given(lines_of_cents, rate_lists)
def test_on_the_invoice(lines: list[int], drawn: list[tuple[int, bool]]) -> None:
    rates = rates_of(drawn)
    taxed = tax(lines, rates, TaxRounding.INVOICE)
    assert [item.tax.micros // CENT for item in taxed.items] == oracle(sum(lines), rates)
    assert taxed.gross.micros == taxed.net.micros + taxed.tax.micros
    assert taxed.net.micros == sum(lines) * CENT


@given(lines_of_cents, rate_lists)
def test_on_the_line(lines: list[int], drawn: list[tuple[int, bool]]) -> None:
    rates = rates_of(drawn)
    taxed = tax(lines, rates, TaxRounding.LINE)
    by_line = [oracle(line, rates) for line in lines]
    assert [item.tax.micros // CENT for item in taxed.items] == [
        sum(column) for column in zip(*by_line, strict=True)
    ]


@given(lines_of_cents, rate_lists, st.sampled_from(TaxRounding))
def test_what_is_included_comes_out_whole(
    lines: list[int], drawn: list[tuple[int, bool]], rounding: TaxRounding
) -> None:
    """Net and tax make up the prices exactly, all in cents, and the net is right to half a cent
    for each rounding."""
    rates = rates_of(drawn)
    taxed = tax(lines, rates, rounding, inclusive=True)
    assert taxed.gross.micros == sum(lines) * CENT
    assert sum(line.micros for line in taxed.lines) == taxed.net.micros
    amounts = [*taxed.lines, *(item.tax for item in taxed.items)]
    assert all(amount.micros % CENT == 0 for amount in amounts)
    factor, before = Fraction(1), Fraction(0)
    for rate in rates:
        share = Fraction(rate.millionths, 1_000_000) * (1 + before if rate.compound else 1)
        before += share
        factor += share
    groups = len(lines) if rounding is TaxRounding.LINE else 1
    exact = Fraction(sum(lines)) / factor
    assert abs(Fraction(taxed.net.micros, CENT) - exact) <= Fraction(groups, 2)
