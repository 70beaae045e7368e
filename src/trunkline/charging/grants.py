"""Grants: how much of a service may be used next, reserved on buckets and money."""

from collections.abc import Mapping

import msgspec

from trunkline.charging.buckets import release
from trunkline.charging.changes import Later, over_change
from trunkline.charging.debit import FIRST_BUCKET, Turn, result_of
from trunkline.charging.model import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    FinalUnit,
    Result,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.policy.rules import NO_RULES, Rules
from trunkline.charging.state import Quota, State, Status
from trunkline.charging.tariffs import InForce
from trunkline.rating import (
    BUCKET_COUNT,
    BUCKET_SIZE,
    BY_TIME,
    CHARGE,
    COUNTER_SIZE,
    DATA,
    FREE,
    GRANTED,
    PAID,
    REMAINING,
    RESERVED,
    SMS,
    SMS_IN,
    TAKEN,
    Measure,
    Plan,
    bucket_offset,
    standing,
)


class GrantSize(msgspec.Struct, frozen=True):
    """How quota is cut, in the service's unit, and how it ends.

    A grant is what was asked for (`default` where the server decides), at most `largest`, and
    at most half of what balance and allowances can still pay for, so that no session holds
    all of it; but not less than `smallest` while that much is there."""

    default: int
    smallest: int
    largest: int
    validity: int
    """Seconds."""
    holding: int = 0
    """Seconds without traffic after which the quota comes back; 0: as the gateway likes."""
    threshold: int = 0
    """Percent of the grant: when no more than that is left, more is asked for; 0: as the
    gateway likes."""
    last: FinalUnit | None = None
    """How the service goes on when nothing is left; None: it ends."""


class GrantPolicy(msgspec.Struct, frozen=True):
    """`groups` are sizes of single rating groups, `others` that of services which have none."""

    data: GrantSize = GrantSize(50_000_000, 1_000_000, 10_000_000_000, 3600)
    voice: GrantSize = GrantSize(300, 60, 7200, 1800)
    sms: GrantSize = GrantSize(1, 1, 1000, 600)
    others: GrantSize = GrantSize(1, 1, 1000, 600)
    groups: Mapping[int, GrantSize] = {}
    rules: Rules = NO_RULES

    def of(self, service: int, rating_group: int | None = None) -> GrantSize:
        if self.groups and rating_group is not None:
            found = self.groups.get(rating_group)
            if found is not None:
                return found
        if service == DATA:
            return self.data
        if service in BY_TIME:
            return self.voice
        return self.sms if service in (SMS, SMS_IN) else self.others


POLICY = GrantPolicy()


def freely(unit: UnitRequest, size: GrantSize, *, last: bool = False) -> UnitAnswer:
    """What always passes is granted without asking what is left, and nothing is reserved for it;
    with the `last` report nothing more is asked for."""
    answer = UnitAnswer(unit.rating_group, unit.service_identifier, Result.SUCCESS)
    if unit.requested != NOT_REQUESTED and not unit.final and not last:
        wanted = size.default if unit.requested == SERVER_DECIDES else unit.requested
        answer.granted = min(wanted, size.largest)
        answer.validity, answer.holding = size.validity, size.holding
    return answer


def grant(
    turn: Turn,
    quota: Quota,
    requested: int,
    size: GrantSize,
    later: Later | None = None,
    most: int | None = None,
) -> tuple[Result, int, bool]:
    """Reserves for the quota. Returns the result, the units granted, and whether they are the
    last ones: nothing is left, nor will another session's reservation come back. Where another
    tariff takes effect while the grant holds, what is reserved pays for the units whenever they
    are used. `most` is what they may cost, however much money there is."""
    state, in_force, plan = turn.state, turn.in_force, turn.plan
    only_free = state.status == Status.ONE_WAY
    if state.status and not only_free:
        return Result.DENIED, 0, False
    if in_force is None or plan is None:
        return Result.RATING_FAILED, 0, False
    wanted = size.default if requested == SERVER_DECIDES else requested
    if wanted > size.largest:
        wanted = size.largest
    free = 0 if only_free else state.money - state.floor - state.held
    if free < 0:
        free = 0
    if most is not None and most < free:
        free = most
    slice_ = turn.slice(plan, quota, wanted, free, buckets=not only_free)
    code = in_force.rate(slice_)
    if code < 0:
        return result_of(code), 0, False
    if not free and _is_unpaid(turn, quota, plan, slice_):
        return Result.CREDIT_LIMIT, 0, False
    granted = left = slice_[GRANTED]
    if granted == wanted and _is_plenty(slice_, wanted, free):
        left = 2 * wanted
    else:
        if granted == wanted:
            twice = turn.slice(plan, quota, 2 * wanted, free, buckets=not only_free)
            in_force.rate(twice)
            left = twice[GRANTED]
        if not left:
            return Result.CREDIT_LIMIT, 0, False
        fair = min(wanted, left, max(left // 2, size.smallest))
        if fair != granted:
            slice_ = turn.slice(plan, quota, fair, free, buckets=not only_free)
            in_force.rate(slice_)
            granted = slice_[GRANTED]
    final = granted == left and not state.holds_anything()
    if plan.shifting:
        slice_ = _at_worst(turn, quota, plan, in_force, slice_, free)
        if not slice_[GRANTED]:
            return Result.CREDIT_LIMIT, 0, False
        final = final and slice_[GRANTED] == granted
        granted = slice_[GRANTED]
    if later is not None:
        least = min(granted, size.smallest)
        dearest = over_change(turn, quota, plan, in_force, slice_, free // 2, later)
        if dearest is None or dearest[GRANTED] < least:
            dearest = over_change(turn, quota, plan, in_force, slice_, free, later)
        if dearest is not None:
            slice_ = dearest
            final = final and slice_[GRANTED] == granted
            granted = slice_[GRANTED]
            quota.change = later.starts
    _reserve(state, quota, slice_)
    quota.granted = granted
    return Result.SUCCESS, granted, final


def _at_worst(
    turn: Turn, quota: Quota, plan: Plan, in_force: InForce, slice_: list[int], free: int
) -> list[int]:
    """The slice of a grant with the most in CHARGE that it may cost at any point, whether what
    others have been granted is used before it or not; of fewer units where money reaches no
    further."""
    units_ahead = sum(
        other.granted
        for session in turn.state.sessions
        for other in session.quotas
        if other is not quota
        and (session.service if other.service < 0 else other.service) == turn.service
    )
    money_ahead = turn.state.held
    buckets = slice_[BUCKET_COUNT] > 0
    units = slice_[GRANTED]

    def rated(limit: int, *, ahead: bool) -> list[int]:
        asked = turn.slice(plan, quota, units, limit, buckets=buckets)
        first = bucket_offset(asked[BUCKET_COUNT])
        for index, counter in enumerate(plan.counters):
            if ahead:
                by_money = counter.measure is Measure.MONEY
                asked[first + index * COUNTER_SIZE] += money_ahead if by_money else units_ahead
        in_force.rate(asked)
        return asked

    cases = (False, True) if units_ahead or money_ahead else (False,)
    for ahead in cases:
        units = rated(free, ahead=ahead)[GRANTED]
    most = 0
    for ahead in cases:
        low = high = max(rated(free, ahead=ahead)[CHARGE], 0)
        if rated(low, ahead=ahead)[GRANTED] < units:
            high = free
        while low < high:
            middle = (low + high) // 2
            if rated(middle, ahead=ahead)[GRANTED] < units:
                low = middle + 1
            else:
                high = middle
        most = max(most, high)
    found = rated(free, ahead=False)
    found[CHARGE] = most
    return found


def _is_unpaid(turn: Turn, quota: Quota, plan: Plan, slice_: list[int]) -> bool:
    """Whether all of the slice has a price, of which so little is granted that it is rounded to
    nothing, and what the session was charged before doesn't pay for any of it either."""
    if slice_[CHARGE] or slice_[FREE] or not slice_[PAID]:
        return False
    before = standing(turn.slice(plan, quota, 0, 0, buckets=False))
    pays = before.ahead > 0 or before.exact < before.charged
    return not pays and standing(slice_).exact > before.exact


def _is_plenty(slice_: list[int], wanted: int, free: int) -> bool:
    """Whether as much again is left by all appearances, so that the kernel need not be asked.
    Where a later step is much dearer this may err; then a last grant isn't told as the last."""
    cost = slice_[CHARGE]
    if cost:
        return 3 * cost <= free
    room = 0
    for index in range(slice_[BUCKET_COUNT]):
        offset = FIRST_BUCKET + index * BUCKET_SIZE
        taken = slice_[offset + TAKEN]
        if taken:
            room += slice_[offset + REMAINING] - slice_[offset + RESERVED] - taken
    return room > 2 * wanted


def _reserve(state: State, quota: Quota, slice_: list[int]) -> None:
    charge = slice_[CHARGE]
    assert charge >= 0, "a reservation of less than nothing"
    quota.money += charge
    state.held += charge
    if not slice_[BUCKET_COUNT]:
        return
    for index, bucket in enumerate(state.buckets):
        offset = index * BUCKET_SIZE
        taken = slice_[FIRST_BUCKET + offset + TAKEN]
        if taken:
            state.flat[offset + RESERVED] += taken
            quota.holds += (bucket.number, taken)


def let_go(state: State, quota: Quota) -> None:
    """Releases whatever the quota holds."""
    if quota.holds:
        release(state, quota.holds)
        quota.holds = []
    if quota.money:
        state.held -= quota.money
        assert state.held >= 0, "released more than was held"
        quota.money = 0
    quota.granted = 0
    quota.change = 0
