"""Sessions that are charged in money: whoever asks prices the service, and reserves and reports
amounts instead of units (RFC 8506, 8.22). Pure.

An amount is granted as far as the balance reaches; what is reported is debited in full, but for
amounts that no balance can be reckoned with.
"""

from trunkline.charging.debit import Turn, note_passed
from trunkline.charging.grants import POLICY, GrantPolicy, let_go
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import (
    NOT_REQUESTED,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Result,
    UnitAnswer,
)
from trunkline.charging.policy.roaming import roamed, room
from trunkline.charging.policy.rules import Rules
from trunkline.charging.sessions import (
    answered,
    begin,
    ended,
    give_up_sessions,
    refusal,
    session_of,
    settled,
    turn_of,
)
from trunkline.charging.state import NO_FLOOR, Quota, Session, State, Status
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import DATA


def charge_in_money(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
    policy: GrantPolicy = POLICY,
) -> ChargeAnswer:
    """Answers an INITIAL, UPDATE or TERMINATE that asks for or reports money. Repetitions,
    sessions, what always passes and what data abroad may cost are as for `charge`; the one unit
    of the answer tells validity and the end."""
    give_up_sessions(state, now)
    session, late = session_of(state, request)
    answer = settled(state, session, request)
    if answer is not None:
        return answer
    if request.spent < 0 or state.money - request.spent < NO_FLOOR:
        return refusal(request, Result.INVALID)
    if session is None:
        begun = _begin(state, request, policy.rules)
        if isinstance(begun, Result):
            return refusal(request, begun)
        session = begun
    turn = turn_of(state, session, request, tariffs, now, records)
    quota = _quota(turn, session)
    let_go(state, quota)
    spent = 0 if session.passes >= 0 else request.spent
    if spent:
        _debit(turn, spent)
    elif request.spent:
        note_passed(turn, quota, 0, session.passes)
    roaming = policy.rules.roaming
    if roaming is not None:
        roamed(turn, roaming, spent, told=request.where)
    if late or request.kind is Kind.TERMINATE:
        answer = ChargeAnswer(Result.SUCCESS, (), spent, state.currency)
        ended(state, session, request, answer, now)
        return answer
    validity = policy.of(session.service).validity
    session.until = now + 2 * validity
    answer = _granted(turn, session, quota, request, policy.rules, validity)
    answer.cost = spent
    answered(session, request.number, answer)
    return answer


def _begin(state: State, request: ChargeRequest, rules: Rules) -> Session | Result:
    passes = rules.passing.called(request.called) if request.called else -1
    if state.status != Status.ACTIVE and passes < 0:
        return Result.DENIED
    return begin(state, request, passes)


def _quota(turn: Turn, session: Session) -> Quota:
    for quota in session.quotas:
        if quota.rating_group == quota.service_identifier == -1:
            return quota
    session.quotas.append(turn.quota(None, None))
    return session.quotas[-1]


def _granted(
    turn: Turn,
    session: Session,
    quota: Quota,
    request: ChargeRequest,
    rules: Rules,
    validity: int,
) -> ChargeAnswer:
    """Reserves what is asked for, or what is left of it; nothing for what always passes."""
    state = turn.state
    granted = 0
    result = Result.SUCCESS
    if session.passes >= 0:
        granted = request.money
    elif request.money and state.status != Status.ACTIVE:
        result = Result.DENIED
    elif request.money:
        granted = min(request.money, _free(turn, session, rules))
        result = Result.SUCCESS if granted else Result.CREDIT_LIMIT
    final = 0 < granted < request.money and not state.holds_anything()
    if session.passes < 0:
        quota.money = granted
        state.held += granted
    quota.waits = final or result is not Result.SUCCESS
    unit = UnitAnswer(None, None, result, NOT_REQUESTED, validity if granted else 0, final)
    return ChargeAnswer(Result.SUCCESS, (unit,), 0, state.currency, money=granted)


def _free(turn: Turn, session: Session, rules: Rules) -> int:
    """What money may still be spent on this: the balance's, and abroad what abroad may cost."""
    state = turn.state
    free = max(state.money - state.floor - state.held, 0)
    roaming = rules.roaming
    if roaming is not None and session.service == DATA and roaming.limits_data(turn.where):
        most = room(state, roaming, turn.month)
        return free if most is None else min(free, most)
    return free


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
