"""Parts of a month: worked examples from the trade."""

from datetime import date

import pytest

from trunkline.kernel.money import Money
from trunkline.rating import Days, InvalidProration, Part, prorate


def month(start: str, end: str) -> tuple[date, date]:
    return date.fromisoformat(start), date.fromisoformat(end)


def part(start: str, end: str, period: tuple[date, date], days: Days) -> Part:
    return prorate(date.fromisoformat(start), date.fromisoformat(end), period=period, days=days)


def test_a_leading_period_by_actual_days() -> None:
    """1 February 2011 with bill day 13: 12 of the 31 days from 13 January (Kill Bill)."""
    period = month("2011-01-13", "2011-02-13")
    assert part("2011-02-01", "2011-02-13", period, Days.ACTUAL) == Part(12, 31)


@pytest.mark.parametrize("year", ["2023", "2024"])
def test_months_of_thirty_days(year: str) -> None:
    """23 May to 15 June are 22 of 30, 0.7333, and so are 23 February to 15 March, leap or
    not."""
    period = month(f"{year}-05-15", f"{year}-06-15")
    assert part(f"{year}-05-23", f"{year}-06-15", period, Days.THIRTY) == Part(22, 30)
    period = month(f"{year}-02-15", f"{year}-03-15")
    assert part(f"{year}-02-23", f"{year}-03-15", period, Days.THIRTY) == Part(22, 30)


def test_an_upgrade_half_way() -> None:
    """From 10 to 20 after 15 of 30 days: 5 back, 10 more (Stripe)."""
    rest = part("2023-06-16", "2023-07-01", month("2023-06-01", "2023-07-01"), Days.ACTUAL)
    more = rest.of(Money.of(20, "EUR")) - rest.of(Money.of(10, "EUR"))
    assert more == Money.of(5, "EUR")


@pytest.mark.parametrize("days", list(Days))
@pytest.mark.parametrize(
    "period",
    [
        ("2023-01-31", "2023-02-28"),
        ("2023-02-01", "2023-03-01"),
        ("2024-02-29", "2024-03-31"),
        ("2023-10-31", "2023-11-30"),
    ],
)
def test_parts_add_up_to_the_whole(days: Days, period: tuple[str, str]) -> None:
    first, last = month(*period)
    for day in range(first.toordinal(), last.toordinal() + 1):
        cut = date.fromordinal(day)
        before = prorate(first, cut, period=(first, last), days=days)
        after = prorate(cut, last, period=(first, last), days=days)
        assert before.denominator == after.denominator
        assert before.numerator + after.numerator == before.denominator


def test_only_parts_of_the_period() -> None:
    period = month("2023-06-01", "2023-07-01")
    with pytest.raises(InvalidProration, match="2023-06-10 to 2023-07-02 is no part of"):
        part("2023-06-10", "2023-07-02", period, Days.ACTUAL)
    with pytest.raises(InvalidProration):
        part("2023-06-10", "2023-06-09", period, Days.ACTUAL)
    with pytest.raises(InvalidProration):
        part("2023-06-01", "2023-06-01", month("2023-06-01", "2023-06-01"), Days.ACTUAL)
