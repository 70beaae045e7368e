"""Billing months: the periods in which allowances are granted and usage is billed."""

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from trunkline.kernel.time import add_months, local_midnight


def billing_month(instant: datetime, *, cycle_day: int, time_zone: str) -> int:
    """The index of the billing month that holds `instant`: twelve times the year plus the
    month (0 to 11) of the local day on which it begins. Consecutive months have consecutive
    indexes; `month_bounds` is the inverse."""
    local = instant.astimezone(ZoneInfo(time_zone)).date()
    index = local.year * 12 + local.month - 1
    return index if local >= _first_day(index, cycle_day) else index - 1


@lru_cache(maxsize=4096)
def month_bounds(month: int, *, cycle_day: int, time_zone: str) -> tuple[datetime, datetime]:
    """Where this billing month begins and where the next one does."""
    tz = ZoneInfo(time_zone)
    return (
        local_midnight(_first_day(month, cycle_day), tz),
        local_midnight(_first_day(month + 1, cycle_day), tz),
    )


def month_at(epoch: int, cycle_day: int, time_zone: str) -> int:
    """`billing_month` of an epoch second."""
    instant = datetime.fromtimestamp(epoch, UTC)
    return billing_month(instant, cycle_day=cycle_day, time_zone=time_zone)


@lru_cache(maxsize=4096)
def epoch_bounds(month: int, cycle_day: int, time_zone: str) -> tuple[int, int]:
    """`month_bounds` as epoch seconds."""
    start, end = month_bounds(month, cycle_day=cycle_day, time_zone=time_zone)
    return int(start.timestamp()), int(end.timestamp())


def month_days(month: int, cycle_day: int) -> tuple[date, date]:
    """The local days on which this billing month and the next one begin."""
    return _first_day(month, cycle_day), _first_day(month + 1, cycle_day)


def _first_day(month: int, cycle_day: int) -> date:
    year, of_year = divmod(month, 12)
    return add_months(date(year, of_year + 1, 1), 0, day_of_month=cycle_day)
