"""A product whose price changed: what it cost is billed up to the change, what it costs from it."""

from datetime import datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.billing.test_charges import bill, day, eur, lines, product, recurring
from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.money import Money


def dated(
    price: ProductPrice, start: datetime | None = None, end: datetime | None = None
) -> ProductPrice:
    return msgspec.structs.replace(price, valid_from=start, valid_until=end)


def test_each_price_is_paid_for_its_days() -> None:
    """10 of 30 days at 30, 20 of 30 at 60: the day of the change is the new price's."""
    change = day("2026-11-11T15:30")
    changed = product(dated(recurring("30"), None, change), dated(recurring("60"), change))
    assert lines(bill(changed)) == [
        ("Fee", "10 of 30 days", "10.00"),
        ("Fee", "20 of 30 days", "40.00"),
    ]
    assert lines(bill(changed, of="2026-12-15")) == [("Fee", "", "60.00")]
    assert lines(bill(changed, of="2026-10-15")) == [("Fee", "", "30.00")]


def test_a_change_at_the_months_beginning_leaves_whole_months() -> None:
    change = day("2026-12-01")
    changed = product(dated(recurring("30"), None, change), dated(recurring("60"), change))
    assert lines(bill(changed)) == [("Fee", "", "30.00")]
    assert lines(bill(changed, of="2026-12-15")) == [("Fee", "", "60.00")]


def test_a_change_on_the_first_day_of_a_product() -> None:
    since = day("2026-11-11T09:00")
    change = day("2026-11-11T10:00")
    changed = product(
        dated(recurring("30"), None, change), dated(recurring("60"), change), since=since
    )
    assert lines(bill(changed)) == [("Fee", "20 of 30 days", "40.00")]


def test_a_price_of_several_months_ends_with_the_change() -> None:
    """A quarter from October on, 92 days: left on 11 November it costs 41 of them, then; the
    year that follows is billed when it ends."""
    change = day("2026-11-11")
    changed = product(
        dated(recurring("92", months=3), None, change),
        dated(recurring("365", months=12), change),
        since=day("2026-10-01"),
    )
    assert bill(changed, of="2026-10-15") is None
    assert lines(bill(changed)) == [("Fee", "41 of 92 days", "41.00")]
    assert bill(changed, of="2026-12-15") is None
    assert lines(bill(changed, of="2027-10-15")) == [("Fee", "355 of 365 days", "355.00")]


def test_a_one_time_price_that_came_later() -> None:
    later = ProductPrice(
        kind=PriceKind.ONE_TIME, name="Change", amount=eur("5"), valid_from=day("2026-11-11")
    )
    assert lines(bill(product(later))) == [("Change", "", "5.00")]
    assert bill(product(later), of="2026-12-15") is None
    assert bill(product(later), of="2026-10-15") is None


def test_a_product_that_ended_after_its_change() -> None:
    change = day("2026-11-11")
    changed = product(
        dated(recurring("30"), None, change),
        dated(recurring("60"), change),
        until=day("2026-11-21"),
    )
    assert lines(bill(changed)) == [
        ("Fee", "10 of 30 days", "10.00"),
        ("Fee", "10 of 30 days", "20.00"),
    ]


@given(st.sets(st.integers(0, 29 * 24 - 1), max_size=6))
def test_however_often_it_changes_every_day_is_paid_once(hours: set[int]) -> None:
    """At one and the same price the parts of a month are the month, to a micro a part."""
    bounds = [None, *(day("2026-11-01T00:30").replace(day=1 + h // 24, hour=h % 24)
                      for h in sorted(hours)), None]  # fmt: skip
    changed = product(*(dated(recurring("30"), start, end) for start, end in pairwise(bounds)))
    made = bill(changed)
    assert made is not None
    total = sum((line.amount for line in made.lines), Money.zero("EUR"))
    assert total == eur("30")


@pytest.mark.parametrize("bound", ["2026-11-01", "2026-12-01"])
def test_an_ended_price_is_not_billed_again(bound: str) -> None:
    changed = product(dated(recurring("30"), None, day(bound)))
    assert bill(changed, of="2026-12-15") is None
