"""The decision about one request of a session: state in; state, answer and records out.

No clock, no store: the same history gives the same answers. What was used is debited before
anything is granted. A session is charged the price of its cumulative usage less what was
debited for it before (the kernel's position), so that neither slices nor retransmissions nor
rounding move its price. A reservation is what the kernel says the grant will cost, so that
usage within a grant never takes the balance below its floor; usage beyond it is debited in
full and shown as overrun.
"""

import hashlib

from trunkline.charging.debit import Turn, debit
from trunkline.charging.grants import POLICY, GrantPolicy, grant, let_go
from trunkline.charging.journal import Record
from trunkline.charging.model import (
    NOT_REQUESTED,
    ChargeAnswer,
    ChargeRequest,
    Circumstances,
    Kind,
    Result,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.state import Done, Quota, Session, State, Status
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid
from trunkline.rating import VOICE, destination

CLOCK_SKEW = 300
"""Seconds by which a network's clock may run ahead; an event further in the future counts as
of now, so that a wrong clock can't begin a month early."""

REMEMBERED = 32
"""Ended sessions and events of one account that are known again when repeated..."""
REMEMBERED_FOR = 600
"""...for so many seconds: Diameter's Tx timer and several retransmissions, with room."""

MOST_UNITS = 1 << 60
"""Past any network's amounts, and far from where a sum could overflow."""

_SUCCESS = Result.SUCCESS
_INITIAL, _TERMINATE = Kind.INITIAL, Kind.TERMINATE
_UNANSWERED = ChargeAnswer(_SUCCESS)


def charge(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
    policy: GrantPolicy = POLICY,
) -> ChargeAnswer:
    """Answers an INITIAL, UPDATE or TERMINATE; `state` becomes what it is after it, and what
    was charged is appended to `records`. `now` is in epoch seconds.

    A request whose number isn't above the session's last is a repetition: it gets the last
    answer and charges nothing."""
    give_up_sessions(state, now)
    session = state.session(request.session)
    if session is not None and request.number <= session.number:
        return session.answer
    if session is None:
        known = repeated(state, request)
        if known is not None:
            return known
        if request.kind != _INITIAL:
            return refusal(request, Result.UNKNOWN_SESSION)
    if not is_sound(request):
        return refusal(request, Result.INVALID)
    if session is None:
        begun = _begin(state, request)
        if isinstance(begun, Result):
            return refusal(request, begun)
        session = begun
    used = _hear(session, request)
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
        where=session.where,
        used=used,
    )
    size = policy.of(session.service)
    quotas = [_quota(turn, session, unit) for unit in request.units]
    results = [
        _settle(turn, quota, unit, tariffs)
        for quota, unit in zip(quotas, request.units, strict=True)
    ]
    if request.kind == _TERMINATE:
        answer = _plain_answer(request, results)
        end_session(state, session)
        remember(state, request, answer, now)
        return answer
    answers = []
    for unit, quota, result in zip(request.units, quotas, results, strict=True):
        granted, validity, final = NOT_REQUESTED, 0, False
        if unit.requested != NOT_REQUESTED and not unit.final:
            result, units, final = grant(turn, quota, unit.requested, size)
            if result is _SUCCESS:
                granted, validity = units, size.validity
            quota.waits = final or result is not _SUCCESS
        answers.append(
            UnitAnswer(unit.rating_group, unit.service_identifier, result, granted, validity, final)
        )
    session.number = request.number
    session.until = now + 2 * size.validity
    session.answer = answer = ChargeAnswer(_SUCCESS, tuple(answers))
    return answer


def _begin(state: State, request: ChargeRequest) -> Session | Result:
    """A session of the account, or why there can't be one."""
    if state.status and state.status != Status.ONE_WAY:
        return Result.DENIED
    try:
        called = destination(request.called)
    except Invalid:
        return Result.INVALID
    session = Session(request.session, request.service, called, -1, 0, _UNANSWERED, [])
    state.sessions.append(session)
    return session


def _hear(session: Session, request: ChargeRequest) -> Circumstances | None:
    """What the request tells of the session's circumstances; returns those it had before."""
    before = session.where
    session.where = request.where or before
    session.notify = request.notify or session.notify
    return before


def _quota(turn: Turn, session: Session, unit: UnitRequest) -> Quota:
    """The session's quota that this unit is about, begun here where it is new."""
    group = -1 if unit.rating_group is None else unit.rating_group
    service = -1 if unit.service_identifier is None else unit.service_identifier
    for quota in session.quotas:
        if quota.rating_group == group and quota.service_identifier == service:
            return quota
    new = turn.quota(unit.rating_group, unit.service_identifier)
    session.quotas.append(new)
    return new


def _settle(turn: Turn, quota: Quota, unit: UnitRequest, tariffs: Tariffs) -> Result:
    """Releases what the quota held and debits what was used, by the tariff and plan that its
    grant was reckoned with, whatever changed since."""
    granted = quota.granted
    let_go(turn.state, quota)
    result = _SUCCESS
    if unit.used:
        in_force, plan = turn.in_force, turn.plan
        if in_force is not None and (quota.plan or quota.tariff != in_force.version):
            in_force = tariffs.version(quota.tariff) if quota.tariff else in_force
            plan = in_force.plan(quota.plan or turn.state.plan)
        overrun = max(unit.used - granted, 0)
        result = debit(turn, quota, unit.used, in_force=in_force, plan=plan, overrun=overrun)
    if turn.service != VOICE:
        quota.since = turn.at
    return result


def instant_of(request: ChargeRequest, now: int) -> int:
    """When the request's usage happened, in epoch seconds."""
    return request.at if request.at <= now + CLOCK_SKEW else now


def is_sound(request: ChargeRequest) -> bool:
    """Whether its amounts can be reckoned with and no two units are about one quota."""
    units = request.units
    if request.at <= 0 or request.money < 0 or request.money > MOST_UNITS:
        return False
    for unit in units:
        if not 0 <= unit.used <= MOST_UNITS or not NOT_REQUESTED <= unit.requested <= MOST_UNITS:
            return False
    if len(units) > 1:
        return len({(unit.rating_group, unit.service_identifier) for unit in units}) == len(units)
    return True


def refusal(request: ChargeRequest, result: Result) -> ChargeAnswer:
    """The whole request, and each of its units, ends with `result`."""
    return ChargeAnswer(
        result,
        tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, result) for unit in request.units
        ),
    )


def _plain_answer(request: ChargeRequest, results: list[Result]) -> ChargeAnswer:
    return ChargeAnswer(
        _SUCCESS,
        tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, result)
            for unit, result in zip(request.units, results, strict=True)
        ),
    )


def give_up_sessions(state: State, now: int) -> None:
    """Releases the sessions that nothing was heard of for twice their grants' validity (RFC
    8506, section 13, Tcc), and forgets what need not be known again."""
    for session in state.sessions:
        if session.until < now:
            for each in [each for each in state.sessions if each.until < now]:
                end_session(state, each)
            break
    if state.done and state.done[0].until < now:
        state.done = [each for each in state.done if each.until >= now]


def end_session(state: State, session: Session) -> None:
    for quota in session.quotas:
        let_go(state, quota)
    state.sessions.remove(session)


def repeated(state: State, request: ChargeRequest) -> ChargeAnswer | None:
    """The answer that was given to this request, where it belongs to what has ended."""
    if not state.done:
        return None
    mark = _hash(request.session)
    for done in state.done:
        if done.session == mark and request.number <= done.number:
            return done.answer
    return None


def remember(state: State, request: ChargeRequest, answer: ChargeAnswer, now: int) -> None:
    """Keeps the answer for retransmissions of the request that ended its session."""
    state.done.append(Done(_hash(request.session), request.number, now + REMEMBERED_FOR, answer))
    if len(state.done) > REMEMBERED:
        del state.done[0]


def _hash(session: str) -> int:
    return int.from_bytes(hashlib.blake2b(session.encode(), digest_size=8).digest(), "big")
