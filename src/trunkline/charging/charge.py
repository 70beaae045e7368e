"""The decision about one request of a session: state in; state, answer and records out.

No clock, no store: the same history gives the same answers. What was used is debited before
anything is granted. A session is charged the price of its cumulative usage less what was
debited for it before (the kernel's position), so that neither slices nor retransmissions nor
rounding move its price. A reservation is what the kernel says the grant will cost, so that
usage within a grant never takes the balance below its floor; usage beyond it is debited in
full and shown as overrun.
"""

from collections.abc import Mapping
from itertools import repeat

from trunkline.charging.changes import Later
from trunkline.charging.debit import Turn, comes_free, debit, note_passed
from trunkline.charging.grants import (
    POLICY,
    GrantPolicy,
    GrantSize,
    freely,
    grant,
    let_go,
)
from trunkline.charging.journal import Record
from trunkline.charging.model import (
    NOT_REQUESTED,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Pass,
    Result,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.policy.roaming import RoamingPolicy, roamed, room
from trunkline.charging.sessions import (
    answered,
    begin,
    ended,
    give_up_sessions,
    quota_of,
    refusal,
    session_of,
    settled,
    turn_of,
)
from trunkline.charging.state import Quota, Session, State, Status
from trunkline.charging.tariffs import InForce, Tariffs
from trunkline.rating import BY_TIME, DATA, NO_LIMIT

_SUCCESS = Result.SUCCESS
_TERMINATE = Kind.TERMINATE
_NONE = repeat(-1)


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

    A request that was answered before (`is_repeated`) gets the session's last answer and charges
    nothing. One that the session's last overtook is debited, and granted nothing."""
    give_up_sessions(state, now)
    session, late = session_of(state, request)
    answer = settled(state, session, request)
    if answer is not None:
        return answer
    if session is None:
        begun = _begin(state, request, policy)
        if isinstance(begun, Result):
            return refusal(request, begun)
        session = begun
    turn = turn_of(state, session, request, tariffs, now, records)
    quotas = [_quota(turn, session, unit) for unit in request.units]
    groups = policy.rules.passing.groups
    passes = None
    if session.passes >= 0 or (groups and session.service == DATA):
        passes = [_passes(session, unit, groups) for unit in request.units]
    money, before = state.money, len(records)
    results = [
        _settle(turn, quota, unit, tariffs, why)
        for quota, unit, why in zip(quotas, request.units, passes or _NONE, strict=False)
    ]
    turn.service = turn.usual
    roaming = policy.rules.roaming
    if roaming is not None:
        charged = money - state.money
        if charged and any(quota.service >= 0 for quota in quotas):
            charged = sum(each.charge for each in records[before:] if each.service == turn.usual)
        roamed(turn, roaming, charged, told=request.where)
    if late or request.kind is _TERMINATE:
        answer = _plain_answer(request, results)
        ended(state, session, request, answer, now)
        return answer
    answers, validity = _answers(turn, request.units, quotas, results, passes, tariffs, policy)
    session.until = now + 2 * validity
    answer = ChargeAnswer(_SUCCESS, answers)
    if request.number - session.number == 1:
        session.number, session.answer = request.number, answer
    else:
        answered(session, request.number, answer)
    return answer


def _answers(
    turn: Turn,
    units: tuple[UnitRequest, ...],
    quotas: list[Quota],
    results: list[Result],
    passes: list[int] | None,
    tariffs: Tariffs,
    policy: GrantPolicy,
) -> tuple[tuple[UnitAnswer, ...], int]:
    """What each unit is answered, and the longest time for which one of them may be silent."""
    usual = size = policy.of(turn.service)
    roaming = policy.rules.roaming
    if roaming is not None and (turn.service != DATA or not roaming.limits_data(turn.where)):
        roaming = None
    longest = 0
    answers = []
    for index, unit in enumerate(units):
        quota = quotas[index]
        own = quota.service >= 0
        if own or turn.service != turn.usual:
            turn.turn_to(quota)
        size = policy.of(turn.service, unit.rating_group) if own or policy.groups else usual
        if size.validity > longest:
            longest = size.validity
        if unit.requested == NOT_REQUESTED or unit.final:
            answer = UnitAnswer(unit.rating_group, unit.service_identifier, results[index])
        elif passes is not None and passes[index] >= 0:
            answer = _freely(turn, unit, quota, size, 0)
        else:
            limit = None if own else roaming
            answer = _answered(turn, unit, quota, size, tariffs, limit)
        answers.append(answer)
    return tuple(answers), longest or size.validity


def _begin(state: State, request: ChargeRequest, policy: GrantPolicy) -> Session | Result:
    """A session of the account, or why there can't be one."""
    passing = policy.rules.passing
    passes = passing.called(request.called) if request.called else -1
    if state.status and state.status != Status.ONE_WAY and passes < 0:
        groups = passing.groups if request.service == DATA else ()
        if not any(unit.rating_group in groups for unit in request.units):
            return Result.DENIED
    return begin(state, request, passes)


def _passes(session: Session, unit: UnitRequest, groups: Mapping[int, Pass]) -> int:
    """Why this unit always passes; -1 where it doesn't."""
    if session.passes >= 0 or unit.rating_group is None or session.service != DATA:
        return session.passes
    return groups.get(unit.rating_group, -1)


def _answered(
    turn: Turn,
    unit: UnitRequest,
    quota: Quota,
    size: GrantSize,
    tariffs: Tariffs,
    roaming: RoamingPolicy | None,
) -> UnitAnswer:
    """What is granted of what this unit asks for, for how long, and what follows it."""
    validity = size.validity
    starts = _next_change(turn, quota, tariffs, turn.in_force, turn.at)
    later = None
    if starts and starts < turn.at + validity:
        next_one = tariffs.at(starts)
        later = None if next_one is None else Later(starts, next_one)
    most, last = None, size.last
    if roaming is not None:
        most, last = room(turn.state, roaming, turn.month), roaming.last or last
    result, units, final = grant(turn, quota, unit.requested, size, later, most)
    quota.waits = final or result is not _SUCCESS
    if result is not _SUCCESS:
        if comes_free(turn, result):
            return _freely(turn, unit, quota, size, starts)
        answer = UnitAnswer(unit.rating_group, unit.service_identifier, result)
        if result is Result.CREDIT_LIMIT and last is not None:
            # The gateway redirects or restricts at once, and asks again from time to time.
            answer.final, answer.last, answer.validity = True, last, validity
        return answer
    if later is not None:
        # One change can be told of a grant: it ends with the one after, or with the first where
        # what comes then can't be told now.
        ends = starts
        if quota.change:
            ends = _next_change(turn, quota, tariffs, later.in_force, starts)
        if ends:
            validity = min(validity, ends - turn.at)
    return UnitAnswer(
        unit.rating_group,
        unit.service_identifier,
        result,
        units,
        validity,
        final,
        last if final else None,
        size.holding,
        0 if final or not size.threshold else units * size.threshold // 100,
        quota.change,
    )


def _freely(turn: Turn, unit: UnitRequest, quota: Quota, size: GrantSize, until: int) -> UnitAnswer:
    """Granted whatever is left, up to an instant after which it may cost something (0: never)."""
    answer = freely(unit, size)
    if until:
        answer.validity = min(answer.validity, until - turn.at)
    quota.granted, quota.waits = answer.granted, False
    return answer


def _next_change(
    turn: Turn, quota: Quota, tariffs: Tariffs, in_force: InForce | None, at: int
) -> int:
    """When, after `at`, the quota's price is another: by the next tariff, or by the calendar of
    the one in force then; 0 for never."""
    starts = tariffs.next_after(at)
    change = turn.price_change(quota, in_force, at)
    return change if change and (not starts or change < starts) else starts


def _quota(turn: Turn, session: Session, unit: UnitRequest) -> Quota:
    """The session's quota that this unit is about, begun here where it is new."""
    quota = quota_of(session, unit)
    if quota is None:
        quota = turn.quota_of(unit)
        session.quotas.append(quota)
    elif not quota.upf:
        quota.upf = unit.upf
    quota.service = unit.service
    if quota.service_identifier >= 0 and unit.used > quota.granted:
        _cover(session, quota, unit.used - quota.granted)
    return quota


def _cover(session: Session, quota: Quota, units: int) -> None:
    """What a service has used without a grant of its own was granted to its rating group."""
    for group in session.quotas:
        if (
            group.service_identifier < 0
            and group.rating_group == quota.rating_group
            and group.upf == quota.upf
            and group.granted
        ):
            covered = min(units, group.granted)
            group.granted -= covered
            quota.granted += covered
            quota.tariff, quota.plan, quota.change = group.tariff, group.plan, group.change
            return


def _settle(turn: Turn, quota: Quota, unit: UnitRequest, tariffs: Tariffs, passes: int) -> Result:
    """Releases what the quota held and debits what was used, by the tariff and plan that its
    grant was reckoned with, or of its last report where it had none, whatever changed since: but
    what was used after the change that the grant announced, by the tariff from then on."""
    if quota.service >= 0 or turn.service != turn.usual:
        turn.turn_to(quota)
    granted, change = quota.granted, quota.change
    reserved, holds = quota.money, quota.holds
    if not granted:
        reserved = NO_LIMIT
        if turn.service in BY_TIME:
            change = tariffs.next_after(quota.since)
    let_go(turn.state, quota)
    result = _SUCCESS
    if not unit.used:
        pass
    elif passes >= 0:
        note_passed(turn, quota, unit.used, passes)
    else:
        used, after = unit.used, 0
        overrun = used - granted if used > granted else 0
        if change:
            after = _used_after(turn, quota, unit, change)
            used -= after
        money = turn.state.money
        if used:
            in_force, plan = turn.in_force, turn.plan
            if in_force is not None and (quota.plan or quota.tariff != in_force.version):
                in_force = tariffs.version(quota.tariff) if quota.tariff else in_force
                plan = in_force.plan(quota.plan or turn.state.plan)
            beyond = min(overrun, used) if overrun else 0
            result = debit(turn, quota, used, in_force, plan, beyond, reserved, holds)
            overrun -= beyond
        if after:
            quota.since = max(quota.since, change)
            in_force = tariffs.at(change)
            plan = None if in_force is None else in_force.plan(quota.plan or turn.state.plan)
            reserved -= money - turn.state.money
            result = debit(turn, quota, after, in_force, plan, overrun, reserved, holds)
    if turn.service not in BY_TIME:
        quota.since = turn.at
    quota.plan = ""
    if turn.in_force is not None:
        quota.tariff = turn.in_force.version
    return result


def _used_after(turn: Turn, quota: Quota, unit: UnitRequest, change: int) -> int:
    """Units of this report that fall after the change of tariff: as the gateway counted them
    apart or, where units are seconds that pass, by the clock."""
    if unit.after_change or turn.service not in BY_TIME:
        return unit.after_change
    return min(max(quota.since + unit.used - change, 0), unit.used)


def _plain_answer(request: ChargeRequest, results: list[Result]) -> ChargeAnswer:
    return ChargeAnswer(
        _SUCCESS,
        tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, result)
            for unit, result in zip(request.units, results, strict=True)
        ),
    )
