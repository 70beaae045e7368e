"""Grants: how much of a service may be used next, reserved on buckets and money."""

import msgspec

from trunkline.charging.buckets import release
from trunkline.charging.debit import FIRST_BUCKET, Turn, result_of
from trunkline.charging.model import SERVER_DECIDES, Result
from trunkline.charging.state import Quota, State, Status
from trunkline.rating import BUCKET_COUNT, BUCKET_SIZE, CHARGE, GRANTED, REMAINING, RESERVED, TAKEN


class GrantSize(msgspec.Struct, frozen=True):
    """How one service's quota is cut, in the service's unit.

    A grant is what was asked for (`default` where the server decides), at most `largest`, and
    at most half of what balance and allowances can still pay for, so that no session holds
    all of it; but not less than `smallest` while that much is there."""

    default: int
    smallest: int
    largest: int
    validity: int
    """Seconds."""


class GrantPolicy(msgspec.Struct, frozen=True):
    data: GrantSize = GrantSize(50_000_000, 1_000_000, 10_000_000_000, 3600)
    voice: GrantSize = GrantSize(300, 60, 7200, 1800)
    sms: GrantSize = GrantSize(1, 1, 1000, 600)

    def of(self, service: int) -> GrantSize:
        return (self.data, self.voice, self.sms)[service]


POLICY = GrantPolicy()


def grant(turn: Turn, quota: Quota, requested: int, size: GrantSize) -> tuple[Result, int, bool]:
    """Reserves for the quota. Returns the result, the units granted, and whether they are the
    last ones: nothing is left, nor will another session's reservation come back."""
    state, in_force, plan = turn.state, turn.in_force, turn.plan
    only_free = state.status == Status.ONE_WAY
    if state.status and not only_free:
        return Result.DENIED, 0, False
    if in_force is None or plan is None:
        return Result.RATING_FAILED, 0, False
    wanted = min(size.default if requested == SERVER_DECIDES else requested, size.largest)
    free = 0 if only_free else max(state.money - state.floor - state.held, 0)
    slice_ = turn.slice(plan, quota, wanted, free, buckets=not only_free)
    code = in_force.rate(slice_)
    if code < 0:
        return result_of(code), 0, False
    granted = left = slice_[GRANTED]
    if granted == wanted and not _is_plenty(slice_, wanted, free):
        twice = turn.slice(plan, quota, 2 * wanted, free, buckets=not only_free)
        in_force.rate(twice)
        left = twice[GRANTED]
    elif granted == wanted:
        left = 2 * wanted
    if not left:
        return Result.CREDIT_LIMIT, 0, False
    fair = min(wanted, left, max(left // 2, size.smallest))
    if fair != granted:
        slice_ = turn.slice(plan, quota, fair, free, buckets=not only_free)
        in_force.rate(slice_)
        granted = slice_[GRANTED]
    final = granted == left and not state.holds_anything()
    _reserve(state, quota, slice_)
    quota.granted = granted
    quota.tariff = in_force.version
    quota.plan = ""
    return Result.SUCCESS, granted, final


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
    quota.money = slice_[CHARGE]
    state.held += quota.money
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
    state.held -= quota.money
    assert state.held >= 0, "released more than was held"
    quota.money = 0
    quota.granted = 0
