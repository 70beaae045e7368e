"""Billing cycles: which month of an account is to be billed next. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from trunkline.customers import BillingAccountId
from trunkline.kernel.time import Period, add_months, local_midnight, monthly_period


class BillingCycle(msgspec.Struct, frozen=True):
    """Where an account stands: all before `next_start` is billed; the month that begins there
    ends at `next_end`. `next_start` is None before the first bill, whose month holds `since`,
    the account's first activation."""

    account: BillingAccountId
    since: datetime
    next_start: datetime | None
    next_end: datetime


class BilledUsage(msgspec.Struct, frozen=True):
    """What was billed of a charging account's records: all with a sequence number up to `seq`
    and a billing month up to `period`."""

    seq: int
    period: int


def first_month(cycle: BillingCycle, *, cycle_day: int, tz: ZoneInfo) -> Period:
    """The account's first month: nothing before it is billed."""
    return monthly_period(cycle.since, cycle_day=cycle_day, tz=tz)


def month_to_bill(cycle: BillingCycle, *, cycle_day: int, tz: ZoneInfo) -> Period:
    """The month that is billed next. One that began under another cycle day or zone is longer
    or shorter, so that nothing is billed twice or lost."""
    if cycle.next_start is None:
        return first_month(cycle, cycle_day=cycle_day, tz=tz)
    return Period(
        cycle.next_start, monthly_period(cycle.next_start, cycle_day=cycle_day, tz=tz).end
    )


def month_after(month: Period, *, cycle_day: int, tz: ZoneInfo) -> Period:
    """The month that follows."""
    return monthly_period(month.end, cycle_day=cycle_day, tz=tz)


def window(month: Period, months: int, since: datetime, *, cycle_day: int, tz: ZoneInfo) -> Period:
    """The period of a price of several months that `month` lies in. Such periods follow each
    other from the month that holds `since`, the product's start."""
    first = monthly_period(since, cycle_day=cycle_day, tz=tz).start.astimezone(tz).date()
    here = month.start.astimezone(tz).date()
    passed = (here.year - first.year) * 12 + here.month - first.month
    start = add_months(first, passed - passed % months, day_of_month=cycle_day)
    end = add_months(start, months, day_of_month=cycle_day)
    return Period(local_midnight(start, tz), local_midnight(end, tz))
