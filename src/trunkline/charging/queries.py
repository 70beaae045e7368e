"""Reads of charging's own database: there is no projection that could lag."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.charging import history, ongoing, store
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.buckets import enter_month
from trunkline.charging.hybrid import credit_of
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import RecordKind
from trunkline.charging.lifetime import next_change, word
from trunkline.charging.model import ChargingAccountId, Identity, service_of
from trunkline.charging.months import billing_month, month_at, month_bounds
from trunkline.charging.policy.passing import reason
from trunkline.charging.policy.waiving import Waiver
from trunkline.charging.pools.shares import credit_limit, leased, unused_money
from trunkline.charging.state import NO_FLOOR, RESERVATION, State, Status
from trunkline.charging.store import FOREVER, Account
from trunkline.charging.tariffs import Tariffs
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money
from trunkline.kernel.time import from_micros, to_micros, zone
from trunkline.platform.db import Reader
from trunkline.rating import (
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    EXPIRES,
    REMAINING,
    RESERVED,
    STARTS,
)

ACCOUNTS = store.accounts
"""The table, for lists that are filtered by its columns."""
NUMBER = store.identities.c.value
"""An MSISDN that an account has now, where `HAS_NUMBER` leads from `ACCOUNTS` to it."""
HAS_NUMBER = sa.and_(
    store.identities.c.account == ACCOUNTS.c.key,
    store.identities.c.kind == "msisdn",
    store.identities.c.valid_to == FOREVER,
)
_NUMBERS = (
    sa.select(ACCOUNTS.c.id, NUMBER)
    .where(HAS_NUMBER, ACCOUNTS.c.id.in_(sa.bindparam("accounts", expanding=True)))
    .order_by(NUMBER)
)


class BucketBalance(msgspec.Struct, frozen=True):
    """Units of a month's allowance. What is `remaining` includes what sessions have reserved."""

    number: int
    allowance: str
    name: str
    service: int
    rating_group: int | None
    granted: int
    remaining: int
    reserved: int
    starts: datetime
    expires: datetime
    shared: bool = False
    """It is a pool's: its own, or leased by it."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands. A postpaid account's `money` is its usage of the running month,
    negated, a hybrid one's its balance; `credit_limit` is None for a prepaid account that can't
    go below zero, and for a postpaid one without a limit."""

    account: ChargingAccountId
    billing_account: BillingAccountId
    kind: AccountKind
    status: Status
    plan: str
    money: Money
    reserved: Money
    credit_limit: Money | None
    open_sessions: int
    buckets: tuple[BucketBalance, ...]
    seq: int
    """Of its last journal record."""
    valid_until: datetime | None = None
    """When the balance's validity, or the grace after it, ends; None: for ever."""
    fee: Money | None = None
    """What each month costs, taken from the balance."""
    pool: ChargingAccountId | None = None
    """Whose member it is."""
    shared_money: Money | None = None
    """Of `money`, or beside `credit_limit`, what is the pool's."""
    members: int | None = None
    """Of a pool: how many lease from it."""
    lendable: Money | None = None
    """Of a pool: the money, or the credit, that members may still lease."""
    on_bill: Money | None = None
    """Of a hybrid account: what of the running month's usage has gone onto its bill, of at most
    `credit_limit` but for what was used beyond grants."""

    @property
    def status_word(self) -> str:
        """The status as people and messages say it."""
        return word(self.status)


class AccountSummary(msgspec.Struct, frozen=True):
    """`seq` is that of the account's last journal record: a bill that is prepared now takes
    none after it."""

    account: ChargingAccountId
    kind: AccountKind
    plan: str
    seq: int


class BoundIdentity(msgspec.Struct, frozen=True):
    kind: str
    value: str
    valid_from: datetime
    valid_to: datetime | None


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """A journal record as people read it; `charge` is negative for what was credited."""

    id: str
    seq: int
    period: int
    kind: RecordKind
    at: datetime
    service: int | None
    rating_group: int | None
    label: str
    units: int
    free: int
    overrun: int
    charge: Money
    balance: Money
    session: str
    number: int


class MonthOfUsage(msgspec.Struct, frozen=True):
    """Of one service, since the billing month began at `since`."""

    since: datetime
    service: int
    units: int
    events: int
    charge: Money


class DayOfUsage(msgspec.Struct, frozen=True):
    """`day` counts local days since 1970-01-01."""

    day: int
    service: int
    units: int
    events: int
    charge: Money


def balance(r: Reader, account: ChargingAccountId, now: datetime) -> Balance:
    """As it would be if the account were used now: a month that has begun has its fee and its
    allowances. Raises `UnknownChargingAccount`."""
    return _balance(_account(r, account), installed_tariffs(r), now)


def balances(
    r: Reader, accounts: Iterable[BillingAccountId], now: datetime
) -> dict[BillingAccountId, list[Balance]]:
    """Those of all charging accounts of these billing accounts; one without any is missing."""
    tariffs = installed_tariffs(r)
    found: dict[BillingAccountId, list[Balance]] = {}
    for each in store.accounts_by_billing_accounts(r, list(accounts)):
        found.setdefault(each.billing_account, []).append(_balance(each, tariffs, now))
    return found


def balances_by_id(
    r: Reader, accounts: Iterable[ChargingAccountId], now: datetime
) -> dict[ChargingAccountId, Balance]:
    """The same by the charging accounts' own ids; those that don't exist are missing."""
    tariffs = installed_tariffs(r)
    found = store.accounts_by_ids(r, list(accounts))
    return {each.id: _balance(each, tariffs, now) for each in found}


def charging_accounts(
    r: Reader, accounts: Iterable[BillingAccountId]
) -> dict[BillingAccountId, list[AccountSummary]]:
    """What a bill must know of the charging accounts of these billing accounts; one without
    any is missing."""
    found: dict[BillingAccountId, list[AccountSummary]] = {}
    for each in store.accounts_by_billing_accounts(r, list(accounts)):
        summary = AccountSummary(each.id, _kind(each.state), each.state.plan, each.state.seq)
        found.setdefault(each.billing_account, []).append(summary)
    return found


def _kind(state: State) -> AccountKind:
    if credit_of(state) is not None:
        return AccountKind.HYBRID
    return AccountKind.PREPAID if state.prepaid else AccountKind.POSTPAID


def _balance(account: Account, tariffs: Tariffs, now: datetime) -> Balance:
    state = account.state
    seq, epoch = state.seq, int(now.timestamp())
    ongoing.enter(state, epoch, [])
    if not state.starts <= epoch < state.ends or state.period not in state.renewed:
        in_force = tariffs.at(epoch)
        plan = None if in_force is None else in_force.plan(state.plan)
        enter_month(state, epoch, None if plan is None else plan.allowances, [])
    limit = on_bill = None
    credit = credit_of(state)
    if credit is not None:
        limit, on_bill = (Money(each, state.currency) for each in (credit.limit, credit.billed))
    elif state.floor != NO_FLOOR and (state.floor or not state.prepaid):
        limit = Money(credit_limit(state), state.currency)
    return Balance(
        account=account.id,
        billing_account=account.billing_account,
        kind=_kind(state),
        status=Status(state.status),
        plan=state.plan,
        money=Money(state.money, state.currency),
        reserved=Money(state.held, state.currency),
        credit_limit=limit,
        open_sessions=sum(not each.id.startswith(RESERVATION) for each in state.sessions),
        buckets=tuple(_buckets(state, epoch)),
        seq=seq,
        valid_until=_instant(next_change(state)),
        fee=_fee(state),
        on_bill=on_bill,
        **_sharing(state),
    )


def _sharing(state: State) -> dict[str, Any]:
    """What a member and a pool say of each other."""
    share = None if state.terms is None else state.terms.share
    pool = None if state.terms is None else state.terms.pool
    found: dict[str, Any] = {}
    if share is not None:
        found["pool"] = ChargingAccountId(share.pool_id)
        if share.money_limit or share.money_leased:
            found["shared_money"] = Money(unused_money(state), state.currency)
    if pool is not None:
        found["members"] = pool.members
        if state.prepaid or state.floor != NO_FLOOR:
            free = state.money - state.floor - state.held
            found["lendable"] = Money(max(free, 0), state.currency)
    return found


def _instant(epoch: int) -> datetime | None:
    return datetime.fromtimestamp(epoch, UTC) if epoch else None


def _fee(state: State) -> Money | None:
    renewal = None if state.terms is None else state.terms.renewal
    return None if renewal is None else Money(renewal.fee, state.currency)


def _buckets(state: State, epoch: int) -> Iterator[BucketBalance]:
    """Those that can be used at this second."""
    is_pool = state.terms is not None and state.terms.pool is not None
    leases = {number for number, _ in leased(state)}
    for index, bucket in enumerate(state.buckets):
        flat = state.flat[index * BUCKET_SIZE : (index + 1) * BUCKET_SIZE]
        if flat[STARTS] <= epoch < flat[EXPIRES]:
            yield BucketBalance(
                number=bucket.number,
                allowance=bucket.allowance,
                name=bucket.name,
                service=service_of(flat[BUCKET_SERVICE]),
                rating_group=None if flat[BUCKET_GROUP] < 0 else flat[BUCKET_GROUP],
                granted=bucket.granted,
                remaining=flat[REMAINING],
                reserved=flat[RESERVED],
                starts=datetime.fromtimestamp(flat[STARTS], UTC),
                expires=datetime.fromtimestamp(flat[EXPIRES], UTC),
                shared=is_pool or bucket.number in leases,
            )


def credited(r: Reader, payments: Sequence[str]) -> set[str]:
    """Those of these payments (by id) whose top-up has reached its balance."""
    return set(store.credited(r, payments))


def identities(r: Reader, account: ChargingAccountId) -> list[BoundIdentity]:
    """What the account is or was known by, the latest first. Raises
    `UnknownChargingAccount`."""
    bound = store.bindings_of_accounts(r, [_account(r, account).key])
    bound.sort(key=lambda each: (-each.valid_from, each.kind, each.value))
    return [
        BoundIdentity(
            each.kind,
            each.value,
            from_micros(each.valid_from),
            None if each.valid_to == FOREVER else from_micros(each.valid_to),
        )
        for each in bound
    ]


def numbers_of(
    r: Reader, ids: Sequence[ChargingAccountId]
) -> Mapping[ChargingAccountId, Sequence[str]]:
    """The MSISDNs that each of these accounts has now; those without one are left out."""
    found: dict[ChargingAccountId, list[str]] = {}
    for row in r.execute(_NUMBERS, {"accounts": list(ids)}) if ids else ():
        found.setdefault(ChargingAccountId(row.id), []).append(row.value)
    return found


def account_of(r: Reader, identity: Identity, at: datetime) -> ChargingAccountId | None:
    """Who had this identity at that instant."""
    instant = to_micros(at)
    for each in store.bindings_of_values(r, [identity[1]]):
        if (each.kind, each.value) == identity and each.valid_from <= instant < each.valid_to:
            return store.account_id(r, each.account)
    return None


def records(
    r: Reader,
    account: ChargingAccountId,
    *,
    before: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[RecordLine]:
    """The account's journal, newest month and record first; `before` is the (period, seq) of
    the last line seen. Raises `UnknownChargingAccount`."""
    found = _account(r, account)
    rows = history.page(r, found.key, before, limit)
    labels = history.labels(r, {row.tariff for row in rows})
    return [_line(found, row, labels) for row in rows]


def _line(account: Account, row: Any, labels: Mapping[int, tuple[str, ...]]) -> RecordLine:
    currency = account.state.currency
    return RecordLine(
        id=f"{account.id}/{row.seq}",
        seq=row.seq,
        period=row.period,
        kind=RecordKind(row.kind),
        at=datetime.fromtimestamp(row.at, UTC),
        service=None if row.service < 0 else service_of(row.service),
        rating_group=None if row.rating_group < 0 else row.rating_group,
        label=_word(row, labels),
        units=row.units,
        free=row.free,
        overrun=row.overrun,
        charge=Money(row.charge, currency),
        balance=Money(row.balance, currency),
        session=row.session,
        number=row.number,
    )


def _word(row: Any, labels: Mapping[int, tuple[str, ...]]) -> str:
    if row.kind == RecordKind.PASSED:
        return reason(row.label)
    if row.kind == RecordKind.WAIVED:
        return Waiver(row.label).word
    return history.label(labels, row.tariff, row.label)


def daily_usage(r: Reader, account: ChargingAccountId, *, since: datetime) -> list[DayOfUsage]:
    """Usage from `since` on by day, in the account's own time zone as it is at `since`. Raises
    `UnknownChargingAccount`."""
    found = _account(r, account)
    state = found.state
    local = since.astimezone(zone(state.time_zone)).utcoffset() or timedelta()
    epoch = int(since.timestamp())
    rows = history.daily(
        r,
        found.key,
        since=epoch,
        period=month_at(epoch, state.cycle_day, state.time_zone),
        offset=int(local.total_seconds()),
    )
    return [
        DayOfUsage(
            day=int(row.day),
            service=service_of(row.service),
            units=int(row.units),
            events=int(row.events),
            charge=Money(int(row.charge), state.currency),
        )
        for row in rows
    ]


def usage_of_month(r: Reader, account: ChargingAccountId, now: datetime) -> list[MonthOfUsage]:
    """What was used in the running billing month, by service. Raises
    `UnknownChargingAccount`."""
    found = _account(r, account)
    state = found.state
    month = billing_month(now, cycle_day=state.cycle_day, time_zone=state.time_zone)
    since, _ = month_bounds(month, cycle_day=state.cycle_day, time_zone=state.time_zone)
    return [
        MonthOfUsage(
            since=max(since, datetime.fromtimestamp(state.opened, UTC)),
            service=service_of(row.service),
            units=int(row.units),
            events=int(row.events),
            charge=Money(int(row.charge), state.currency),
        )
        for row in history.monthly(r, found.key, period=month)
    ]


def charging_account_ids(
    r: Reader,
    *,
    billing_accounts: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
    limit: int,
) -> list[ChargingAccountId]:
    """At most `limit` accounts, in the order of their opening: those of these billing accounts,
    where they are given, that are among these accounts, where those are."""
    wanted = sa.select(ACCOUNTS.c.id).order_by(ACCOUNTS.c.key).limit(limit)
    if billing_accounts is not None:
        wanted = wanted.where(ACCOUNTS.c.billing_account.in_(sorted(billing_accounts)))
    if accounts is not None:
        wanted = wanted.where(ACCOUNTS.c.id.in_(sorted(accounts)))
    return [ChargingAccountId(each) for each in r.execute(wanted).scalars()]


def _account(r: Reader, id_: ChargingAccountId) -> Account:
    found = store.account(r, id_)
    if found is None:
        raise UnknownChargingAccount(f"there is no charging account {id_[:40]!r}", account=id_)
    return found
