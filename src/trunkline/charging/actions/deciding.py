"""What an action does to an account's state. Pure; what is refused has changed nothing."""

from datetime import datetime

from trunkline.charging.account import AccountIsClosed, NotPrepaid
from trunkline.charging.actions.model import BalanceTooLow
from trunkline.charging.buckets import enter_month
from trunkline.charging.hybrid import credit_of
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import ChargeAnswer, Result
from trunkline.charging.sessions import end_session
from trunkline.charging.state import RESERVATION, Quota, Session, State, Status
from trunkline.kernel.errors import Conflict, Invalid, Refused
from trunkline.kernel.money import LARGEST, CurrencyMismatch, Money

_MOST_RESERVATIONS = 50


class AccountIsBarred(Conflict):
    code = "chargingAccountBarred"


class OtherEntity(Refused):
    """Prepaid balances don't move between legal entities' books."""

    code = "otherLegalEntity"


class TooManyReservations(Refused):
    code = "tooManyReservations"


def adjust(state: State, amount: Money, at: datetime, action: str, records: list[Record]) -> None:
    """Adds to the balance, or takes from what of it is free. A closed account's rest may still
    be taken. Raises `NotPrepaid`, `CurrencyMismatch`, `AccountIsClosed`, `BalanceTooLow`."""
    _check(state, amount)
    if amount.micros > 0:
        _check_open(state)
        _check_room(state, amount)
    else:
        _check_free(state, -amount)
    _move(state, amount.micros, at, RecordKind.ADJUSTMENT, action, records)


def transfer(
    giver: State,
    taker: State,
    amount: Money,
    at: datetime,
    action: str,
    records: tuple[list[Record], list[Record]],
) -> None:
    """From what is free of one balance to another, of the same entity and currency. `records`
    take the giver's and the taker's. The errors are those of `adjust`, `AccountIsBarred` where
    the giver is, and `OtherEntity`."""
    for state in (giver, taker):
        _check(state, amount)
        _check_open(state)
    if giver.status == Status.BARRED:
        raise AccountIsBarred("the charging account is barred")
    if giver.entity != taker.entity:
        raise OtherEntity("the receiver is another legal entity's customer")
    _check_free(giver, amount)
    _check_room(taker, amount)
    _move(giver, -amount.micros, at, RecordKind.TRANSFER, action, records[0])
    _move(taker, amount.micros, at, RecordKind.TRANSFER, action, records[1])


def reserve(state: State, amount: Money, until: datetime, at: datetime, action: str) -> None:
    """Holds a part of what is free, until it is released or `until`. Raises what `transfer`
    does of a giver, and `TooManyReservations`."""
    _check(state, amount)
    _check_open(state)
    if state.status == Status.BARRED:
        raise AccountIsBarred("the charging account is barred")
    held = sum(session.id.startswith(RESERVATION) for session in state.sessions)
    if held >= _MOST_RESERVATIONS:
        raise TooManyReservations(f"a balance holds at most {_MOST_RESERVATIONS} reservations")
    _check_free(state, amount)
    quota = Quota(-1, -1, int(at.timestamp()), 0, [], money=amount.micros)
    state.held += amount.micros
    state.sessions.append(
        Session(
            RESERVATION + action,
            0,
            0,
            0,
            int(until.timestamp()),
            ChargeAnswer(Result.SUCCESS),
            [quota],
        )
    )


def release(state: State, action: str) -> bool:
    """Lets go of a reservation; False where it is gone already."""
    session = state.session(RESERVATION + action)
    if session is None:
        return False
    end_session(state, session)
    return True


def _check(state: State, amount: Money) -> None:
    if not state.prepaid:
        raise NotPrepaid("a postpaid account has no balance")
    if amount.currency != state.currency:
        raise CurrencyMismatch(f"the account is in {state.currency}, not {amount.currency}")


def _check_open(state: State) -> None:
    if state.status == Status.CLOSED:
        raise AccountIsClosed("the charging account is closed")


def _check_free(state: State, amount: Money) -> None:
    # A hybrid account's limit is for usage: its balance alone moves.
    floor = state.floor if credit_of(state) is None else 0
    free = state.money - floor - state.held
    if amount.micros > free:
        raise BalanceTooLow(f"{Money(max(free, 0), state.currency)} is free", path="amount")


def _check_room(state: State, amount: Money) -> None:
    if state.money + amount.micros > LARGEST // 8:
        raise Invalid(f"{amount} can't be added to the balance", path="amount")


def _move(
    state: State, micros: int, at: datetime, kind: RecordKind, action: str, records: list[Record]
) -> None:
    epoch = int(at.timestamp())
    month = enter_month(state, epoch, None, records)
    state.money += micros
    state.seq += 1
    records.append(Record(state.seq, kind, epoch, month, state.money, -micros, session=action))
