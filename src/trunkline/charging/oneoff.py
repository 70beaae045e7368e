"""What has no session: the network's one-time events, and usage that a record told of later."""

from collections.abc import Sequence

import msgspec

from trunkline.charging.debit import Turn, debit, note_passed
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import (
    NOT_REQUESTED,
    Action,
    ChargeAnswer,
    ChargeRequest,
    Result,
    Service,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.policy.passing import passed_event
from trunkline.charging.policy.roaming import roamed
from trunkline.charging.policy.rules import NO_RULES, Rules
from trunkline.charging.policy.waiving import chargeable, waive
from trunkline.charging.sessions import (
    called_number,
    instant_of,
    is_sound,
    refusal,
    remember,
    repeated,
)
from trunkline.charging.state import Quota, State, Status
from trunkline.charging.tariffs import InForce, Tariffs
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import LARGEST
from trunkline.rating import BY_TIME, CHARGE, NO_LIMIT, RATED, RECEIVED, Plan

_ONE = (UnitRequest(requested=1),)


def charge_event(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
    rules: Rules = NO_RULES,
) -> ChargeAnswer:
    """Answers an EVENT (RFC 8506, section 6). A direct debit is made whole or not at all, unit
    by unit; but what it reports without asking for it was delivered, and is debited in full
    whatever the balance. A refund in units is worth what they cost outside allowances. What
    always passes is charged nothing, whatever the account's state; but money back is asked for
    like any other."""
    known = repeated(state, request)
    if known is not None:
        return known
    if not is_sound(request):
        return refusal(request, Result.INVALID)
    if request.called and not request.money and request.action is not Action.REFUND:
        why = rules.passing.called(request.called)
        if why >= 0:
            return _pass(state, request, tariffs, now, records, why)
    debits = request.action is Action.DIRECT_DEBIT
    asks = debits and not (request.units and all(map(_was_delivered, request.units)))
    if state.status == Status.CLOSED or (asks and not _may_ask(state, request)):
        return refusal(request, Result.DENIED)
    turn = _turn(state, request, tariffs, instant_of(request, now), records)
    if turn is None:
        return refusal(request, Result.INVALID)
    first = len(records)
    content = _as_content(turn, request) if request.money else None
    if content is not None:
        answer = _of_content(turn, content)
        if not debits and request.action is not Action.REFUND:
            return answer
    elif debits:
        answer = _debit(turn, request)
    elif request.action is Action.REFUND:
        answer = _refund(turn, request)
    else:
        return _enquire(turn, request)
    if rules.roaming is not None:
        turn.service = turn.usual
        charged = sum(each.charge for each in records[first:] if each.service == turn.usual)
        roamed(turn, rules.roaming, charged, told=request.where)
    remember(state, request, answer, now)
    return answer


def charged_before(
    request: ChargeRequest, currency: str, charged: Sequence[Record]
) -> ChargeAnswer:
    """The answer to an event that was charged so long ago that only these records know of it."""
    granted = {(each.rating_group, each.service_identifier): each.units for each in charged}
    unrated = {
        (each.rating_group, each.service_identifier)
        for each in charged
        if each.kind == RecordKind.UNRATED
    }
    answers = []
    for unit in request.units if not request.money else ():
        names = unit.rating_group, unit.service_identifier
        of = _number(names[0]), _number(names[1])
        units = granted.get(of, NOT_REQUESTED)
        result = Result.RATING_FAILED if of in unrated else Result.SUCCESS
        if request.action is not Action.DIRECT_DEBIT or _was_delivered(unit):
            units = NOT_REQUESTED
        elif units == NOT_REQUESTED:
            result = Result.CREDIT_LIMIT
        answers.append(UnitAnswer(*names, result, units))
    cost = sum(each.charge for each in charged)
    overall = _overall(answers) if answers else Result.SUCCESS
    return ChargeAnswer(overall, tuple(answers), cost, currency)


def _number(name: int | None) -> int:
    return -1 if name is None else name


def _pass(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
    why: int,
) -> ChargeAnswer:
    answer = passed_event(request)
    answer.currency = state.currency
    if request.action is Action.CHECK_BALANCE:
        answer.enough = True
    if request.action is not Action.DIRECT_DEBIT:
        return answer
    turn = _turn(state, request, tariffs, instant_of(request, now), records)
    if turn is None:
        return refusal(request, Result.INVALID)
    for unit in request.units or _ONE:
        note_passed(turn, turn.quota_of(unit), _amount(unit), why)
    remember(state, request, answer, now)
    return answer


def _as_content(turn: Turn, request: ChargeRequest) -> ChargeRequest | None:
    """An event that costs an amount of its own, as usage of so much content; None where the plan
    has no price for that: then it costs what it says."""
    if turn.plan is None or turn.in_force is None:
        return None
    first = request.units[0] if request.units else _ONE[0]
    unit = UnitRequest(
        first.rating_group, first.service_identifier, request.money, service=Service.CONTENT
    )
    quota = turn.quota_of(unit)
    slice_ = turn.slice(turn.plan, quota, request.money, NO_LIMIT, buckets=False)
    if turn.in_force.rate(slice_) < 0:
        turn.service = turn.usual
        return None
    return msgspec.structs.replace(request, money=0, units=(unit,))


def _of_content(turn: Turn, request: ChargeRequest) -> ChargeAnswer:
    """Answers as an event in money is answered: without units."""
    if request.action is Action.DIRECT_DEBIT:
        answer = _debit(turn, request)
    elif request.action is Action.REFUND:
        answer = _refund(turn, request)
    else:
        answer = _enquire(turn, request)
    answer.units = ()
    return answer


def charge_usage(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    records: list[Record],
    rules: Rules = NO_RULES,
) -> Result:
    """Debits the one unit of usage that a record told of, in full, whatever the balance; the last
    of `records` is then its own. Where another tariff or plan took effect during a call, each part
    has one. Of data past what it may cost abroad the rest is waived (`policy.waiving`)."""
    [unit] = request.units
    if not is_sound(request):
        return Result.INVALID
    turn = _turn(state, request, tariffs, request.at, records)
    if turn is None:
        return Result.INVALID
    quota = turn.quota_of(unit)
    result = Result.SUCCESS
    before = state.money
    why = rules.passing.why(request.service, request.called, unit.rating_group)
    if why >= 0:
        note_passed(turn, quota, unit.used, why)
    else:
        most = chargeable(turn, rules.roaming)
        result = _debit_parts(turn, quota, unit.used, tariffs)
        if rules.roaming is not None and most < NO_LIMIT and result is Result.SUCCESS:
            waive(turn, rules.roaming, most)
    if rules.roaming is not None:
        roamed(turn, rules.roaming, before - state.money, told=request.where)
    return result


def _debit_parts(turn: Turn, quota: Quota, units: int, tariffs: Tariffs) -> Result:
    """Each part of a call by the tariff and the plan of its time; all of it or, where a part has no
    price, nothing, unless it was received: that part passes. What isn't counted in seconds happened
    at its instant."""
    change = _next_change(turn, tariffs, quota.since) if turn.service in BY_TIME else 0
    if not 0 < change < quota.since + units:
        return debit(turn, quota, units, turn.in_force, turn.plan)
    parts: list[tuple[int, InForce | None, Plan | None]] = []
    at, end = quota.since, quota.since + units
    while at < end:
        until = min(change, end) if change else end
        in_force = tariffs.at(at)
        plan = None if in_force is None else in_force.plan(turn.state.plan_at(at))
        parts.append((until - at, in_force, plan))
        at, change = until, _next_change(turn, tariffs, until)
    if turn.service not in RECEIVED and not all(_has_price(turn, quota, *part) for part in parts):
        return debit(turn, quota, units, None, None)
    for part, in_force, plan in parts:
        result = debit(turn, quota, part, in_force, plan)
    return result


def _next_change(turn: Turn, tariffs: Tariffs, at: int) -> int:
    """When the first tariff or plan after `at` begins; 0 for never."""
    tariff, plan = tariffs.next_after(at), turn.state.next_plan_after(at)
    return min(tariff, plan) if tariff and plan else tariff or plan


def _has_price(
    turn: Turn, quota: Quota, units: int, in_force: InForce | None, plan: Plan | None
) -> bool:
    if in_force is None or plan is None:
        return False
    return in_force.rate(turn.slice(plan, quota, units, NO_LIMIT, buckets=False)) >= 0


def _turn(
    state: State, request: ChargeRequest, tariffs: Tariffs, at: int, records: list[Record]
) -> Turn | None:
    """None where the called number is none."""
    try:
        called = called_number(request.called)
    except Invalid:
        return None
    return Turn(
        state,
        records,
        tariffs.at(at),
        at=at,
        service=request.service,
        destination=called,
        session=request.session,
        number=request.number,
        where=request.where,
        plan=state.plan_at(at),
    )


def _may_ask(state: State, request: ChargeRequest) -> bool:
    """One way, who pays may still be called, as far as that costs nothing."""
    if state.status == Status.ONE_WAY:
        return request.service in RECEIVED
    return state.status == Status.ACTIVE


def _was_delivered(unit: UnitRequest) -> bool:
    return unit.requested == NOT_REQUESTED and unit.used > 0


def _amount(unit: UnitRequest) -> int:
    return max(unit.requested, unit.used, 0) or 1


def _free(state: State) -> int:
    return max(state.money - state.floor - state.held, 0)


def _debit(turn: Turn, request: ChargeRequest) -> ChargeAnswer:
    state = turn.state
    before = state.money
    if request.money:
        if request.money > _free(state):
            return refusal(request, Result.CREDIT_LIMIT)
        _move_money(turn, RecordKind.USAGE, request.money)
        return ChargeAnswer(Result.SUCCESS, (), request.money, state.currency)
    answers = []
    for unit in request.units or _ONE:
        quota = turn.quota_of(unit)
        amount = _amount(unit)
        result = _paid(turn, quota, unit, amount)
        given = result is Result.SUCCESS and not _was_delivered(unit)
        granted = amount if given else NOT_REQUESTED
        answers.append(UnitAnswer(unit.rating_group, unit.service_identifier, result, granted))
    return ChargeAnswer(
        _overall(answers),
        tuple(answers) if request.units else (),
        before - state.money,
        state.currency,
    )


def _paid(turn: Turn, quota: Quota, unit: UnitRequest, amount: int) -> Result:
    """Debited where the balance can pay for it, or it was delivered anyway."""
    state, in_force, plan = turn.state, turn.in_force, turn.plan
    pays = state.status == Status.ACTIVE or _was_delivered(unit)
    result = debit(turn, quota, amount, in_force, plan, limit=_free(state) if pays else 0)
    if result is Result.SUCCESS or not _was_delivered(unit):
        return result
    overrun = amount if result is Result.CREDIT_LIMIT else 0
    return debit(turn, quota, amount, in_force, plan, overrun)


def _overall(answers: list[UnitAnswer]) -> Result:
    """One that succeeded makes the event a success; otherwise the first refusal counts."""
    if any(each.result is Result.SUCCESS for each in answers):
        return Result.SUCCESS
    return answers[0].result


def _refund(turn: Turn, request: ChargeRequest) -> ChargeAnswer:
    amount = request.money
    answers: tuple[UnitAnswer, ...] = ()
    if not amount:
        costs = _costs(turn, request, buckets=False)
        if costs is None:
            return refusal(request, Result.RATING_FAILED)
        amount = sum(costs)
        answers = tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, Result.SUCCESS)
            for unit in request.units
        )
    if turn.state.money + amount > LARGEST // 8:
        return refusal(request, Result.INVALID)
    if amount:
        _move_money(turn, RecordKind.REFUND, -amount)
    return ChargeAnswer(Result.SUCCESS, answers, -amount, turn.state.currency)


def _enquire(turn: Turn, request: ChargeRequest) -> ChargeAnswer:
    """The price, or whether it could be paid; nothing is charged or reserved."""
    state = turn.state
    free = _free(state)
    if request.money:
        return ChargeAnswer(
            Result.SUCCESS, (), request.money, state.currency, request.money <= free
        )
    costs = _costs(turn, request, buckets=True)
    if costs is None:
        return refusal(request, Result.RATING_FAILED)
    cost = sum(costs)
    return ChargeAnswer(
        Result.SUCCESS,
        tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, Result.SUCCESS)
            for unit in request.units
        ),
        cost,
        state.currency,
        cost <= free if request.action is Action.CHECK_BALANCE else None,
    )


def _costs(turn: Turn, request: ChargeRequest, *, buckets: bool) -> list[int] | None:
    """What each unit would cost and how much it is; None where one has no price."""
    costs = []
    for unit in request.units or _ONE:
        quota = turn.quota_of(unit)
        cost = _cost(turn, quota, _amount(unit), buckets=buckets)
        if cost is None and turn.service not in RECEIVED:
            return None
        costs.append(cost or 0)
    return costs


def _cost(turn: Turn, quota: Quota, units: int, *, buckets: bool) -> int | None:
    if turn.in_force is None or turn.plan is None:
        return None
    slice_ = turn.slice(turn.plan, quota, units, NO_LIMIT, buckets=buckets)
    return slice_[CHARGE] if turn.in_force.rate(slice_) == RATED else None


def _move_money(turn: Turn, kind: RecordKind, charge: int) -> None:
    state = turn.state
    state.money -= charge
    state.seq += 1
    turn.records.append(
        Record(
            state.seq,
            kind,
            turn.at,
            turn.month,
            state.money,
            charge,
            service=turn.service,
            session=turn.session,
            number=turn.number,
        )
    )
