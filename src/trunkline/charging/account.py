"""The life of an account: opened, topped up, moved to another plan, barred, closed. Pure."""

from datetime import datetime

from trunkline.charging.buckets import enter_month, replace
from trunkline.charging.events import OpenAccount
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import NO_FLOOR, State, Status
from trunkline.charging.tariffs import Tariffs
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


class InvalidOpening(Invalid):
    code = "invalidOpening"


def opened(command: OpenAccount) -> State:
    """The state of a new account. Raises `Invalid` for what can't be one."""
    check_currency(command.currency, path="currency")
    zone(command.time_zone, path="timeZone")
    if not 1 <= command.cycle_day <= 31:
        raise InvalidOpening("a cycle begins on day 1 to 31", path="cycleDay")
    if not command.identities:
        raise InvalidOpening("the network must know it by something", path="identities")
    limit = command.credit_limit
    if limit is not None and limit.currency != command.currency:
        raise CurrencyMismatch(f"a limit in {limit.currency}", path="creditLimit")
    if command.kind is AccountKind.PREPAID:
        floor = 0
    else:
        floor = NO_FLOOR if limit is None else -limit.micros
    return State(
        entity=str(command.legal_entity),
        currency=command.currency,
        prepaid=command.kind is AccountKind.PREPAID,
        plan=command.plan,
        cycle_day=command.cycle_day,
        time_zone=command.time_zone,
        opened=int(command.opened_at.timestamp()),
        floor=floor,
    )


def close(state: State, at: datetime) -> None:
    """Nothing more is granted. Open sessions may still report, until they are given up."""
    if state.status != Status.CLOSED:
        state.status = Status.CLOSED
        state.closed = int(at.timestamp())


def set_barred(state: State, *, barred: bool) -> None:
    """Raises `AccountIsClosed`."""
    _check_open(state)
    state.status = Status.BARRED if barred else Status.ACTIVE


def change_plan(
    state: State, plan: str, at: datetime, tariffs: Tariffs, records: list[Record]
) -> None:
    """From `at` on, `plan` prices; what is granted already keeps its price until reported.
    Raises `AccountIsClosed` and `PlanHasNoTariff`."""
    _check_open(state)
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
    state.plan = plan
    replace(state, month, to.allowances, epoch, records)
    if month not in state.renewed:
        state.renewed.append(month)


def top_up(state: State, amount: Money, at: datetime, payment: str, records: list[Record]) -> None:
    """Raises `NotPrepaid`, `AccountIsClosed`, `CurrencyMismatch`, or `Invalid` for an amount
    that isn't one."""
    _check_open(state)
    if not state.prepaid:
        raise NotPrepaid("a postpaid account is settled by its bills, not topped up")
    if amount.currency != state.currency:
        raise CurrencyMismatch(f"the account is in {state.currency}, not {amount.currency}")
    if amount.micros <= 0 or state.money + amount.micros > LARGEST // 8:
        raise Invalid(f"{amount} can't be added to the balance", path="amount")
    epoch = int(at.timestamp())
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


def _check_open(state: State) -> None:
    if state.status == Status.CLOSED:
        raise AccountIsClosed("the charging account is closed")
