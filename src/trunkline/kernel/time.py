"""Instants and periods. Instants are aware and in UTC; periods are half open: [start, end).

Local time exists only where people and tariffs' calendars do, through an operator's zone.
"""

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from trunkline.kernel.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_LEAP = re.compile(r"[0-9-]{10}T[0-9:]{6}60(\.[0-9]+)?(Z|[+-][0-9:]{5})", re.ASCII)


class Period(msgspec.Struct, frozen=True):
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def overlap(self, other: Self) -> Self | None:
        """What both cover, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return type(self)(start, end) if start < end else None


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exactly: how instants are stored."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`."""
    return _EPOCH + timedelta(microseconds=micros)


def parse_instant(text: str, *, path: str | None = None) -> datetime:
    """An RFC 3339 date-time as an aware UTC instant; a leap second (5.6) is the second after it.
    One without an offset is refused: `Invalid`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        leap = _after_leap(text)
        if leap is None:
            raise Invalid(f"{text[:40]!r} is not an RFC 3339 instant", path=path) from None
        return leap
    if instant.tzinfo is None:
        raise Invalid(f"{text[:40]!r} lacks its offset from UTC (write Z)", path=path)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"{text[:40]!r} is out of range", path=path) from None


def _after_leap(text: str) -> datetime | None:
    """The second after 23:59:60 in UTC; None for what isn't such a second."""
    if not _LEAP.fullmatch(text):
        return None
    try:
        before = datetime.fromisoformat(f"{text[:17]}59{text[19:]}").astimezone(UTC)
        return before + _SECOND if (before.hour, before.minute) == (23, 59) else None
    except (ValueError, OverflowError):
        return None


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond: 2026-11-21T20:50:00.000Z."""
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def zone(name: str, *, path: str | None = None) -> ZoneInfo:
    """The IANA time zone of this name, or `Invalid`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name[:40]!r} is not an IANA time zone", path=path) from None


def add_months(day: date, months: int, *, day_of_month: int | None = None) -> date:
    """`day` moved by whole months; `day_of_month` (1 to 31, default the day's own) is kept
    where the month has it and becomes its last day where not."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day_of_month or day.day, last))


def local_midnight(day: date, tz: ZoneInfo) -> datetime:
    """The instant at which `day` begins in `tz`."""
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)


def monthly_period(instant: datetime, *, cycle_day: int, tz: ZoneInfo) -> Period:
    """The month of the cycle that holds `instant`: from local midnight of `cycle_day` (or the
    month's last day where it is shorter) to the next one."""
    local = instant.astimezone(tz).date()
    start = add_months(local, 0, day_of_month=cycle_day)
    if local < start:
        start = add_months(local, -1, day_of_month=cycle_day)
    end = add_months(start, 1, day_of_month=cycle_day)
    return Period(local_midnight(start, tz), local_midnight(end, tz))
