"""Sessions that are charged in money: whoever asks prices the service, and reserves and reports
amounts instead of units (RFC 8506, 8.22). Pure.

An amount is granted as far as the balance reaches; what is reported is debited in full.
"""

from trunkline.charging.debit import Turn
from trunkline.charging.grants import let_go
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import (
    NOT_REQUESTED,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Result,
    UnitAnswer,
)
from trunkline.charging.sessions import (
    called_number,
    end_session,
    give_up_sessions,
    instant_of,
    refusal,
    remember,
    settled,
)
from trunkline.charging.state import Quota, Session, State, Status
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid

_UNANSWERED = ChargeAnswer(Result.SUCCESS)


def charge_in_money(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
    validity: int,
) -> ChargeAnswer:
    """Answers an INITIAL, UPDATE or TERMINATE that asks for or reports money. Repetitions and
    sessions are as for `charge`; the one unit of the answer tells validity and the end."""
    give_up_sessions(state, now)
    session = state.session(request.session)
    answer = settled(state, session, request)
    if answer is not None:
        return answer
    if request.spent < 0:
        return refusal(request, Result.INVALID)
    if session is None:
        begun = _begin(state, request)
        if isinstance(begun, Result):
            return refusal(request, begun)
        session = begun
    session.where = request.where or session.where
    session.notify = request.notify or session.notify
    at = instant_of(request, now)
    turn = Turn(
        state,
        records,
        tariffs.at(at),
        at=at,
        service=session.service,
        destination=session.destination,
        session=session.id,
        number=request.number,
    )
    quota = _quota(turn, session)
    let_go(state, quota)
    if request.spent:
        _debit(turn, request.spent)
    if request.kind is Kind.TERMINATE:
        answer = ChargeAnswer(Result.SUCCESS, (), request.spent, state.currency)
        end_session(state, session)
        remember(state, request, answer, now)
        return answer
    session.number = request.number
    session.until = now + 2 * validity
    session.answer = answer = _granted(state, quota, request, validity)
    return answer


def _begin(state: State, request: ChargeRequest) -> Session | Result:
    if state.status != Status.ACTIVE:
        return Result.DENIED
    try:
        called = called_number(request.called)
    except Invalid:
        return Result.INVALID
    session = Session(request.session, request.service, called, -1, 0, _UNANSWERED, [])
    state.sessions.append(session)
    return session


def _quota(turn: Turn, session: Session) -> Quota:
    for quota in session.quotas:
        if quota.rating_group == quota.service_identifier == -1:
            return quota
    session.quotas.append(turn.quota(None, None))
    return session.quotas[-1]


def _granted(state: State, quota: Quota, request: ChargeRequest, validity: int) -> ChargeAnswer:
    """Reserves what is asked for, or what is left of it."""
    granted = 0
    result = Result.SUCCESS
    if request.money and state.status != Status.ACTIVE:
        result = Result.DENIED
    elif request.money:
        granted = min(request.money, max(state.money - state.floor - state.held, 0))
        result = Result.SUCCESS if granted else Result.CREDIT_LIMIT
    final = 0 < granted < request.money and not state.holds_anything()
    quota.money = granted
    state.held += granted
    quota.waits = final or result is not Result.SUCCESS
    unit = UnitAnswer(None, None, result, NOT_REQUESTED, validity if granted else 0, final)
    return ChargeAnswer(Result.SUCCESS, (unit,), request.spent, state.currency, money=granted)


def _debit(turn: Turn, spent: int) -> None:
    state = turn.state
    state.money -= spent
    state.seq += 1
    turn.records.append(
        Record(
            state.seq,
            RecordKind.USAGE,
            turn.at,
            turn.month,
            state.money,
            spent,
            service=turn.service,
            session=turn.session,
            number=turn.number,
        )
    )
