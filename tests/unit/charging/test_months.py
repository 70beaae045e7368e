"""Billing months, in the account's own zone."""

from datetime import UTC, datetime

import pytest

from trunkline.charging import billing_month, month_bounds


@pytest.mark.parametrize(
    ("instant", "cycle_day", "zone", "month"),
    [
        (datetime(2026, 11, 3, tzinfo=UTC), 1, "UTC", (2026, 11)),
        (datetime(2026, 11, 3, tzinfo=UTC), 13, "UTC", (2026, 10)),
        (datetime(2026, 11, 13, tzinfo=UTC), 13, "UTC", (2026, 11)),
        (datetime(2026, 1, 5, tzinfo=UTC), 13, "UTC", (2025, 12)),
        (datetime(2026, 10, 31, 23, 30, tzinfo=UTC), 1, "Europe/Stockholm", (2026, 11)),
        (datetime(2026, 2, 28, 12, tzinfo=UTC), 31, "UTC", (2026, 2)),
        (datetime(2026, 3, 30, 12, tzinfo=UTC), 31, "UTC", (2026, 2)),
        (datetime(2026, 3, 31, 12, tzinfo=UTC), 31, "UTC", (2026, 3)),
    ],
)
def test_the_month_of_an_instant(
    instant: datetime, cycle_day: int, zone: str, month: tuple[int, int]
) -> None:
    index = billing_month(instant, cycle_day=cycle_day, time_zone=zone)
    assert index == month[0] * 12 + month[1] - 1
    start, end = month_bounds(index, cycle_day=cycle_day, time_zone=zone)
    assert start <= instant < end
    following, _ = month_bounds(index + 1, cycle_day=cycle_day, time_zone=zone)
    assert following == end
