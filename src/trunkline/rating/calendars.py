"""Calendars in numbers: the local week and its holidays, and when a zone's clocks change."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from trunkline.rating.layout import DAY, WEEK
from trunkline.rating.model import HOLIDAY, Window

_PAST = timedelta(days=2 * 366)
_FUTURE = timedelta(days=20 * 366)
_EPOCH = date(1970, 1, 1)


class BadCalendar(ValueError):
    """What is wrong with it."""


def slots(windows: Sequence[Window], *, holidays: bool) -> list[tuple[int, int]]:
    """The local week as (from second, index of the window or -1), from Monday's midnight; with
    `holidays`, the day of one goes on after it. Raises `BadCalendar`."""
    spans: list[tuple[int, int, int]] = []
    for index, window in enumerate(windows):
        if not 0 <= window.start < window.end <= DAY:
            raise BadCalendar(f"a window from {window.start} to {window.end}")
        if not window.days or not all(0 <= day <= HOLIDAY for day in window.days):
            raise BadCalendar(f"a window on days {window.days}")
        if HOLIDAY in window.days and not holidays:
            raise BadCalendar("a window on holidays, and no holiday")
        spans += (
            (day * DAY + window.start, day * DAY + window.end, index)
            for day in sorted(set(window.days))
        )
    spans.sort()
    found: list[tuple[int, int]] = []
    reached = 0
    for start, end, index in spans:
        if start < reached:
            raise BadCalendar("two windows overlap")
        if start > reached:
            found.append((reached, -1))
        found.append((start, index))
        reached = end
    if reached < (WEEK + DAY if holidays else WEEK):
        found.append((reached, -1))
    if holidays and all(second != WEEK for second, _ in found):
        found.append((WEEK, -1))
        found.sort()
    return found


def days_of(holidays: Sequence[date]) -> list[int]:
    """How many, then each as days since the epoch, ascending."""
    days = sorted({(each - _EPOCH).days for each in holidays})
    return [len(days), *days]


def transitions(tz: ZoneInfo, around: datetime) -> list[int]:
    """How many, then (epoch second, offset from UTC) for each change of the zone's offset."""
    instant = (around.astimezone(UTC) - _PAST).replace(microsecond=0)
    until = around.astimezone(UTC) + _FUTURE
    flat = [_epoch(instant), _offset(instant, tz)]
    while instant < until:
        later = instant + timedelta(days=7)
        if _offset(later, tz) != flat[-1]:
            low, high = _epoch(instant), _epoch(later)
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(datetime.fromtimestamp(middle, UTC), tz) == flat[-1]:
                    low = middle
                else:
                    high = middle
            flat += (high, _offset(datetime.fromtimestamp(high, UTC), tz))
            later = datetime.fromtimestamp(high, UTC)
        instant = later
    return [len(flat) // 2, *flat]


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


def _offset(instant: datetime, tz: ZoneInfo) -> int:
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
