"""What charging knows of a customer: balances with their buckets, and usage by day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trunkline import charging
from trunkline.charging import (
    Balance,
    BucketBalance,
    ChargingAccountId,
    CounterStatus,
    DayOfUsage,
    MemberShare,
    Status,
)
from trunkline.console.charts import stacked_bars
from trunkline.console.rendering import quantity
from trunkline.customers import BillingAccount
from trunkline.inventory import Product
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit
from trunkline.kernel.time import local_midnight
from trunkline.platform.db import Reader
from trunkline.usage import Bar, BarState, Cause

DAYS = 31
"""Of usage, today included."""
MOST = 20
"""Balances on one page."""

_ROWS = (
    (charging.Service.DATA, "Data, MB", 1_000_000),
    (charging.Service.VOICE, "Calls, minutes", 60),
    (charging.Service.SMS, "Messages", 1),
    (charging.Service.MMS, "Multimedia messages", 1),
)
"""A row of the chart: its service, title, and base units in one of its scale."""
_EPOCH = date(1970, 1, 1)


class BucketLine(msgspec.Struct, frozen=True):
    """An allowance; `percent` of it is left. Of a member's pool's, `size` is what the member may
    have of it in the pool's month, None for all there is."""

    name: str
    left: Quantity
    size: Quantity | None
    percent: int
    until: datetime | None
    shared: bool = False


class BalanceCard(msgspec.Struct, frozen=True, kw_only=True):
    """One charging account. A prepaid one has `money`, a postpaid one what it `used`, a hybrid one
    both: what went onto the bill. `shared` is what a member still may have of its pool's money,
    `members` how many draw on a pool, `until` the end of the balance's validity or of grace."""

    product: ChargingAccountId
    name: str
    number: str
    status: str
    money: Money | None
    used: Money | None
    reserved: Money
    limit: Money | None
    until: datetime | None
    expired: bool
    fee: Money | None
    shared: Money | None
    members: int | None
    paused: bool
    sessions: int
    buckets: tuple[BucketLine, ...]
    counters: tuple[CounterStatus, ...]
    bars: tuple[str, ...]
    can_top_up: bool

    @property
    def title(self) -> str:
        return f"+{self.number}" if self.number else self.name


def balance_cards(
    r: Reader,
    accounts: Sequence[BillingAccount],
    products: Sequence[Product],
    numbers: Mapping[str, str],
    bars: Sequence[Bar],
    now: datetime,
) -> list[BalanceCard]:
    """The charging accounts of these billing accounts, those in use first, with what the network
    was asked to stop of them."""
    names: dict[str, str] = {each.id: each.name for each in products}
    found = charging.balances(r, [each.id for each in accounts], now)
    balances = [each for account in accounts for each in found.get(account.id, ())]
    shares = charging.member_shares(r, balances, now)
    counters = charging.counters_of(r, [each.account for each in balances], now)
    cards = [
        _card(
            each,
            shares.get(each.account),
            names.get(each.account, each.account),
            numbers.get(each.account, ""),
            counters.get(each.account, ()),
            [bar for bar in bars if str(bar.product) == each.account],
        )
        for each in balances
    ]
    cards.sort(key=lambda card: card.status == _word(Status.CLOSED))
    return cards[:MOST]


def _word(status: Status) -> str:
    return status.name.lower()


def _card(
    balance: Balance,
    share: MemberShare | None,
    name: str,
    number: str,
    counters: Sequence[CounterStatus],
    bars: Sequence[Bar],
) -> BalanceCard:
    has_balance = balance.kind.has_balance
    money = balance.money
    if share is not None and balance.shared_money is not None:
        money -= balance.shared_money
    return BalanceCard(
        product=balance.account,
        name=name,
        number=number,
        status=_word(balance.status),
        money=money if has_balance else None,
        used=balance.on_bill if has_balance else -balance.money,
        reserved=balance.reserved,
        limit=balance.credit_limit,
        until=balance.valid_until,
        expired=balance.status in (Status.ONE_WAY, Status.EXPIRED),
        fee=balance.fee,
        shared=None if share is None else share.money,
        members=balance.members,
        paused=share is not None and share.use.paused,
        sessions=balance.open_sessions,
        buckets=tuple(_buckets(balance, share)),
        counters=tuple(each for each in counters if each.amount),
        bars=tuple(map(told_of_bar, bars)),
        can_top_up=has_balance and balance.status is not Status.CLOSED,
    )


_STOPPED = {
    Cause.BALANCE: "The line",
    Cause.ROAMING: "Data abroad",
    Cause.POOL_DATA: "Data",
    Cause.POOL_VOICE: "Calling",
    Cause.POOL_SMS: "Messaging",
    Cause.POOL_MMS: "Multimedia messaging",
}
_STANDS = {
    BarState.ASKED: "is to be stopped; the network hasn't answered yet",
    BarState.BARRED: "is stopped on the network",
    BarState.REFUSED: "isn't stopped, the network refuses",
    BarState.LIFTING: "is to go on; the network hasn't answered yet",
    BarState.KEPT: "is stopped still, the network refuses to let it go on",
}


def told_of_bar(bar: Bar) -> str:
    reason = f": {bar.reason}" if bar.reason else ""
    return f"{_STOPPED[bar.cause]} {_STANDS[bar.state]}{reason}"


def _buckets(balance: Balance, share: MemberShare | None) -> Iterator[BucketLine]:
    for bucket in balance.buckets:
        if share is None or not bucket.shared:
            yield _bucket(bucket)
    if share is None:
        return
    for shared in share.units:
        unit = Unit(charging.service_unit(shared.service))
        yield BucketLine(
            name=shared.name or charging.service_name(shared.service).capitalize(),
            left=Quantity(shared.left, unit),
            size=None if shared.limit is None else Quantity(shared.limit, unit),
            percent=shared.left * 100 // shared.limit if shared.limit else 0,
            until=share.use.until,
            shared=True,
        )


def _bucket(bucket: BucketBalance) -> BucketLine:
    unit = Unit(charging.service_unit(bucket.service))
    return BucketLine(
        name=bucket.name,
        left=Quantity(bucket.remaining, unit),
        size=Quantity(bucket.granted, unit),
        percent=bucket.remaining * 100 // bucket.granted if bucket.granted else 0,
        until=bucket.expires,
    )


class UsageChart(msgspec.Struct, frozen=True):
    """`label` says in words what the picture shows."""

    label: str
    option: object


def usage_chart(
    r: Reader, cards: Sequence[BalanceCard], now: datetime, zone: ZoneInfo
) -> UsageChart | None:
    """Usage of all these accounts by day, a row for each service that was used; None without
    any."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    since = local_midnight(first, zone)
    used = [each for card in cards for each in charging.daily_usage(r, card.product, since=since)]
    if not used:
        return None
    days = [first + timedelta(days=place) for place in range(DAYS)]
    rows = [
        (title, [_scaled(used, service, day, scale) for day in days])
        for service, title, scale in _ROWS
        if any(each.service == service for each in used)
    ]
    names = [f"{day.day} {day:%b}" for day in days]
    return UsageChart(f"Usage by day since {names[0]}: {_told(used)}", stacked_bars(names, rows))


def _scaled(
    used: Sequence[DayOfUsage], service: charging.Service, day: date, scale: int
) -> float | None:
    """Units of one day, to a tenth of the scale; None where there is nothing to draw."""
    number = (day - _EPOCH).days
    units = sum(each.units for each in used if each.service == service and each.day == number)
    return round(units / scale, 1) if units else None


def _told(used: Sequence[DayOfUsage]) -> str:
    """12.5 GB, 42 min and 8 messages."""
    sums = [
        (service, sum(each.units for each in used if each.service == service))
        for service, _, _ in _ROWS
    ]
    words = [
        quantity(Quantity(units, Unit(charging.service_unit(service))))
        for service, units in sums
        if units
    ]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
