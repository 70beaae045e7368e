"""The life of an account: opened, topped up, moved to another plan, barred, closed. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import UNSET

from trunkline.charging import lifetime, watching
from trunkline.charging.buckets import enter_month, give, is_paid, replace
from trunkline.charging.events import MonthlyFee, NewLimit, OpenAccount, Validity
from trunkline.charging.hybrid import credit_of, left
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.lifetime import DAY
from trunkline.charging.model import BucketGrant
from trunkline.charging.pools.shares import credit_limit, shares
from trunkline.charging.renewal import forfeit, renew
from trunkline.charging.state import NO_FLOOR, State, Status
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Credit, Life, Pool, Renewal, Terms, Watch
from trunkline.customers import AccountKind
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from trunkline.kernel.money import LARGEST, CurrencyMismatch, Money, check_currency
from trunkline.kernel.time import zone


class UnknownChargingAccount(NotFound):
    code = "unknownChargingAccount"


class AccountIsClosed(Conflict):
    code = "chargingAccountClosed"


class IdentityTaken(Conflict):
    """Another account is bound to this identity at the same time."""

    code = "identityTaken"


class NotPrepaid(Refused):
    code = "notPrepaid"


class PlanHasNoTariff(Unavailable):
    """The installed tariff doesn't know the plan, as yet."""

    code = "planHasNoTariff"


class LimitIsShared(Conflict):
    code = "limitIsShared"


class InvalidOpening(Invalid):
    code = "invalidOpening"


class InvalidThresholds(Invalid):
    code = "invalidThresholds"


_MOST_PLANS = 12
"""So many former plans are kept: what is told of an earlier time is priced by the oldest."""
_MOST_DAYS = 3660


def opened(command: OpenAccount) -> State:
    """The state of a new account. Raises `Invalid` for what can't be one."""
    check_currency(command.currency, path="currency")
    zone(command.time_zone, path="timeZone")
    if not 1 <= command.cycle_day <= 31:
        raise InvalidOpening("a cycle begins on day 1 to 31", path="cycleDay")
    if not command.identities and not command.shared:
        raise InvalidOpening("the network must know it by something", path="identities")
    _check_limit(command.credit_limit, command.currency)
    limit, none = command.credit_limit, 0 if command.kind.has_balance else NO_FLOOR
    floor = none if limit is None else -limit.micros
    terms = _terms(command)
    status = Status.PRE_ACTIVE if command.pre_active else Status.ACTIVE
    return State(
        entity=str(command.legal_entity),
        currency=command.currency,
        prepaid=command.kind.has_balance,
        plan=command.plan,
        cycle_day=command.cycle_day,
        time_zone=command.time_zone,
        opened=int(command.opened_at.timestamp()),
        floor=floor,
        status=status,
        terms=terms,
    )


def _check_limit(limit: Money | None, currency: str) -> None:
    if limit is not None and limit.currency != currency:
        raise CurrencyMismatch(f"a limit in {limit.currency}", path="creditLimit")
    if limit is not None and limit.micros < 0:
        raise InvalidOpening("a limit isn't below zero", path="creditLimit")


_NOT_FOR = {
    AccountKind.POSTPAID: ("validity", "fee", "low_balance", "pre_active"),
    AccountKind.HYBRID: ("fee",),
}


def _terms(command: OpenAccount) -> Terms | None:
    """None for a plain account."""
    validity, fee = command.validity, command.fee
    for path in _NOT_FOR.get(command.kind, ()):
        if getattr(command, path):
            raise InvalidOpening("is for prepaid balances", path=path)
    terms = Terms()
    hybrid = command.kind is AccountKind.HYBRID
    if hybrid:
        limit = command.credit_limit
        terms.credit = Credit(0 if limit is None else limit.micros)
    if validity is not None or command.pre_active:
        validity = validity or Validity()
        days = validity.first_days, validity.top_up_days, validity.grace_days
        if not all(0 <= each <= _MOST_DAYS for each in days):
            raise InvalidOpening(f"are 0 to {_MOST_DAYS} days", path="validity")
        terms.life = Life(*days, money_only=hybrid)
        if not command.pre_active:
            opened_at = int(command.opened_at.timestamp())
            terms.life.activated = opened_at
            terms.life.valid_until = opened_at + days[0] * DAY if days[0] else 0
    if fee is not None:
        terms.renewal = _renewal(fee, command.currency)
    if command.low_balance:
        terms.watch = _watch(command.low_balance, command.currency)
        terms.watch.below = sum(each > 0 for each in terms.watch.thresholds)
    if command.shared:
        terms.pool = Pool()
    return None if terms == Terms() else terms


def _renewal(fee: MonthlyFee, currency: str) -> Renewal:
    if fee.amount.currency != currency:
        raise CurrencyMismatch(f"a fee in {fee.amount.currency}", path="fee")
    if not 0 < fee.amount.micros <= LARGEST // 8:
        raise InvalidOpening(f"{fee.amount} is no fee", path="fee")
    return Renewal(fee.amount.micros, fee.label[:100], first=fee.first or "")


def _watch(thresholds: Sequence[Money], currency: str) -> Watch:
    if len(thresholds) > watching.MOST:
        raise InvalidThresholds(f"are {watching.MOST} at most", path="thresholds")
    for each in thresholds:
        if each.currency != currency:
            raise CurrencyMismatch(f"a threshold in {each.currency}", path="thresholds")
        if abs(each.micros) > LARGEST // 8:
            raise InvalidThresholds(f"{each} is no threshold", path="thresholds")
    return Watch(sorted({each.micros for each in thresholds}, reverse=True))


def watch(
    state: State, thresholds: Sequence[Money], instead_of: Sequence[Money] | None = None
) -> None:
    """Other thresholds, `instead_of` some or of all; those that the balance is below of already
    aren't told. Raises `NotPrepaid`, `CurrencyMismatch`, `InvalidThresholds`."""
    _check_open(state)
    if not state.prepaid:
        raise NotPrepaid("a postpaid account has no balance")
    state.terms = state.terms or Terms()
    if instead_of is not None and state.terms.watch is not None:
        gone = {each.micros for each in instead_of}
        stay = [each for each in state.terms.watch.thresholds if each not in gone]
        thresholds = (*thresholds, *(Money(each, state.currency) for each in stay))
    state.terms.watch = _watch(thresholds, state.currency) if thresholds else None
    watching.crossed(state)


def close(state: State, at: datetime) -> None:
    """Nothing more is granted. Open sessions may still report, until they are given up."""
    if state.status != Status.CLOSED:
        lifetime.move(state, Status.CLOSED)
        state.closed = int(at.timestamp())


def set_barred(state: State, *, barred: bool, now: datetime) -> None:
    """Raises `AccountIsClosed`."""
    _check_open(state)
    lifetime.set_barred(state, barred=barred, now=int(now.timestamp()))


def change_plan(
    state: State,
    plan: str,
    at: datetime,
    tariffs: Tariffs,
    records: list[Record],
    fee: MonthlyFee | None = None,
    limit: NewLimit = UNSET,
) -> None:
    """From `at` on, `plan` prices; what is granted already keeps its price until reported. A
    `fee` is asked for from the next month on that isn't paid; one of nothing ends it. A `limit`
    holds at once, for all of the month. Raises `AccountIsClosed`, `PlanHasNoTariff`,
    `LimitIsShared`, and `Invalid` for what is no fee or limit."""
    _check_open(state)
    if fee is not None:
        if not state.prepaid or credit_of(state) is not None:
            raise NotPrepaid("a fee is taken from a prepaid balance, any other is billed")
        _change_fee(state, fee)
    if limit is not UNSET:
        _change_limit(state, limit)
    if plan == state.plan:
        return
    epoch = int(at.timestamp())
    in_force = tariffs.at(epoch)
    to = None if in_force is None else in_force.plan(plan)
    if in_force is None or to is None:
        raise PlanHasNoTariff(f"no tariff has the plan {plan[:40]!r}", plan=plan)
    before = in_force.plan(state.plan)
    month = enter_month(state, epoch, None if before is None else before.allowances, records)
    for session in state.sessions:
        for quota in session.quotas:
            quota.plan = quota.plan or state.plan
    state.plans = (*state.plans, (epoch, state.plan))[-_MOST_PLANS:]
    state.plan = plan
    if state.terms is not None and not is_paid(state.terms, month):
        replace(state, month, (), epoch, records)
        return
    replace(state, month, to.allowances, epoch, records)
    if month not in state.renewed:
        state.renewed.append(month)


def _change_fee(state: State, fee: MonthlyFee) -> None:
    """A fee of nothing ends it."""
    if not fee.amount.micros:
        if state.terms is not None:
            state.terms.renewal = None
        return
    state.terms = state.terms or Terms()
    before, state.terms.renewal = state.terms.renewal, _renewal(fee, state.currency)
    if before is not None:
        state.terms.renewal.paid = before.paid
        state.terms.renewal.first = state.terms.renewal.first or before.first


def _change_limit(state: State, limit: Money | None) -> None:
    """What was used of the limit before counts against it, as does what pools have of it."""
    _check_limit(limit, state.currency)
    credit = credit_of(state)
    if credit is not None:
        credit.limit = 0 if limit is None else limit.micros
        state.floor = -left(credit)
    elif limit is not None:
        state.floor += credit_limit(state) - limit.micros
    elif state.prepaid:
        state.floor = 0
    elif state.floor != NO_FLOOR:
        is_pool = state.terms is not None and state.terms.pool is not None
        if is_pool or any(each.money_limit for each in shares(state)):
            raise LimitIsShared("a limit that is shared with others doesn't end")
        state.floor = NO_FLOOR


def top_up(
    state: State,
    amount: Money,
    at: datetime,
    payment: str,
    records: list[Record],
    days: int | None = None,
    grants: Iterable[BucketGrant] = (),
) -> None:
    """The balance then holds for `days` at least, or as the account's terms say; `grants` are
    given beside it; a fee that waits for it is taken. Raises `NotPrepaid`, `AccountIsClosed`,
    `CurrencyMismatch`, or `Invalid` for an amount that isn't one."""
    _check_open(state)
    if not state.prepaid:
        raise NotPrepaid("a postpaid account is settled by its bills, not topped up")
    if amount.currency != state.currency:
        raise CurrencyMismatch(f"the account is in {state.currency}, not {amount.currency}")
    if days is not None and not 0 <= days <= _MOST_DAYS:
        raise Invalid(f"are 0 to {_MOST_DAYS} days", path="validDays")
    if amount.micros <= 0 or state.money + amount.micros > LARGEST // 8:
        raise Invalid(f"{amount} can't be added to the balance", path="amount")
    epoch = int(at.timestamp())
    lifetime.settle(state, epoch)
    forfeit(state, epoch, records)
    month = enter_month(state, epoch, None, records)
    state.money += amount.micros
    state.seq += 1
    records.append(
        Record(
            state.seq,
            RecordKind.TOP_UP,
            epoch,
            month,
            state.money,
            -amount.micros,
            session=payment,
        )
    )
    for each in grants:
        give(state, each, payment, epoch, month, records)
    if state.terms is not None:
        lifetime.extend(state, epoch, days)
        renew(state, epoch, records)


def _check_open(state: State) -> None:
    if state.status == Status.CLOSED:
        raise AccountIsClosed("the charging account is closed")
