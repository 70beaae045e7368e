"""Instants are exact; months follow the calendar and the clocks of a zone."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import (
    Period,
    add_months,
    format_instant,
    from_micros,
    local_midnight,
    monthly_period,
    parse_instant,
    to_micros,
    zone,
)

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
instants = st.integers(
    to_micros(datetime(1990, 1, 2, tzinfo=UTC)), to_micros(datetime(2100, 1, 1, tzinfo=UTC))
).map(from_micros)
days = st.dates(date(1990, 1, 1), date(2100, 1, 1))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@given(instants)
def test_micros_are_exact(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant


@given(st.integers(-(10**15), 10**17))
def test_instants_are_exact(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


def test_any_offset_is_the_same_instant() -> None:
    here = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert to_micros(here) == to_micros(utc(2026, 3, 1, 6, 15))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T20:50:00Z", utc(2026, 11, 21, 20, 50)),
        ("2026-11-21T21:50:00+01:00", utc(2026, 11, 21, 20, 50)),
        ("2026-11-21T20:50:00.123456Z", utc(2026, 11, 21, 20, 50, 0, 123456)),
        ("2016-12-31T23:59:60Z", utc(2017, 1, 1)),
        ("1990-12-31T15:59:60.25-08:00", utc(1991, 1, 1, 0, 0, 0, 250_000)),
    ],
)
def test_instants_from_the_wire(text: str, expected: datetime) -> None:
    parsed = parse_instant(text)
    assert parsed == expected
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-21T20:50:00", "lacks its offset"),
        ("2026-11-21", "lacks its offset"),
        ("yesterday", "not an RFC 3339"),
        ("2026-11-21T20:50:60Z", "not an RFC 3339"),
        ("2016-12-31T23:59:61Z", "not an RFC 3339"),
        ("2016-02-30T23:59:60Z", "not an RFC 3339"),
        ("9999-12-31T23:59:60Z", "not an RFC 3339"),
        ("2026-02-30T00:00:00Z", "not an RFC 3339"),
        ("", "not an RFC 3339"),
        ("0001-01-01T00:00:00+23:00", "out of range"),
    ],
)
def test_what_is_no_instant_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        parse_instant(text, path="startDate")
    assert caught.value.path == "startDate"


@given(instants)
def test_instants_go_over_the_wire_to_the_millisecond(instant: datetime) -> None:
    text = format_instant(instant)
    assert text.endswith("Z")
    assert timedelta() <= instant - parse_instant(text) < timedelta(milliseconds=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="IANA"):
        zone(name)


@pytest.mark.parametrize(
    ("day", "months", "keeping", "expected"),
    [
        (date(2026, 1, 31), 1, None, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, None, date(2024, 2, 29)),
        (date(2026, 2, 28), 1, 31, date(2026, 3, 31)),
        (date(2026, 12, 15), 1, None, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, None, date(2025, 12, 15)),
        (date(2026, 3, 31), -13, None, date(2025, 2, 28)),
        (date(2026, 5, 5), 0, 31, date(2026, 5, 31)),
    ],
)
def test_months_keep_their_day(day: date, months: int, keeping: int | None, expected: date) -> None:
    assert add_months(day, months, day_of_month=keeping) == expected


@given(days, st.integers(-200, 200), st.integers(1, 28))
def test_months_there_and_back(day: date, months: int, keeping: int) -> None:
    there = add_months(day, months, day_of_month=keeping)
    assert add_months(there, -months, day_of_month=keeping) == day.replace(day=keeping)


@given(instants, st.integers(1, 31), st.sampled_from(ZONES))
def test_every_instant_is_in_exactly_one_month(instant: datetime, day: int, name: str) -> None:
    tz = ZoneInfo(name)
    period = monthly_period(instant, cycle_day=day, tz=tz)
    assert instant in period
    assert period.end not in period
    following = monthly_period(period.end, cycle_day=day, tz=tz)
    assert following.start == period.end, "months meet without gap or overlap"
    before = monthly_period(period.start - timedelta(microseconds=1), cycle_day=day, tz=tz)
    assert before.end == period.start
    assert timedelta(days=27) < period.end - period.start < timedelta(days=32)
    assert period.start.astimezone(tz).date().day in (day, 28, 29, 30)


def test_months_across_the_change_of_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    march = monthly_period(utc(2026, 3, 15), cycle_day=1, tz=berlin)
    assert march == Period(utc(2026, 2, 28, 23), utc(2026, 3, 31, 22))
    assert march.end - march.start == timedelta(days=31) - timedelta(hours=1)
    october = monthly_period(utc(2026, 10, 15), cycle_day=1, tz=berlin)
    assert october.end - october.start == timedelta(days=31) + timedelta(hours=1)


def test_a_cycle_that_begins_on_the_31st() -> None:
    tz = ZoneInfo("UTC")
    assert monthly_period(utc(2026, 2, 27), cycle_day=31, tz=tz) == Period(
        utc(2026, 1, 31), utc(2026, 2, 28)
    )
    assert monthly_period(utc(2026, 2, 28), cycle_day=31, tz=tz) == Period(
        utc(2026, 2, 28), utc(2026, 3, 31)
    )


def test_a_day_begins_at_its_own_midnight() -> None:
    assert local_midnight(date(2026, 7, 1), ZoneInfo("Asia/Kathmandu")) == utc(2026, 6, 30, 18, 15)


def test_periods_are_half_open() -> None:
    day = Period(utc(2026, 1, 1), utc(2026, 1, 2))
    assert utc(2026, 1, 1) in day
    assert utc(2026, 1, 2) not in day
    assert day.overlap(Period(utc(2026, 1, 2), utc(2026, 1, 3))) is None


@given(instants, instants, instants, instants)
def test_an_overlap_is_what_both_hold(a: datetime, b: datetime, c: datetime, d: datetime) -> None:
    one, other = Period(min(a, b), max(a, b)), Period(min(c, d), max(c, d))
    common = one.overlap(other)
    assert common == other.overlap(one)
    for instant in (a, b, c, d):
        inside = common is not None and instant in common
        assert inside == (instant in one and instant in other)
