"""Grants that reach over a change of price: what they may cost at most, however their use is
split at the change. Pure.

Between the points at which a price by unit may become another, what a split costs rises or falls
evenly with the units that are used before the change. So the dearest split is at such a point
(`rating.course`), at an end, or where an allowance or a fee comes in. Where the two prices count in
other increments, or find other allowances, increments may overlap: so much is added.
"""

from typing import NamedTuple

from trunkline.charging.debit import FIRST_BUCKET, Turn
from trunkline.charging.state import Quota, State
from trunkline.charging.tariffs import InForce
from trunkline.rating import (
    BUCKET_COUNT,
    BUCKET_SIZE,
    BY_TIME,
    CHARGE,
    EXPIRES,
    FREE,
    GRANTED,
    PAID,
    POS_PAID,
    POSITION,
    POSITION_END,
    REMAINING,
    RESERVED,
    START,
    TAKEN,
    Course,
    Plan,
)

_MOST_SPLITS = 64
_MOST_TRIES = 8
"""Of one grant; where more are worth a try, it ends at the change."""


class Later(NamedTuple):
    """The tariff that takes effect next, from `starts` on."""

    starts: int
    in_force: InForce


class _Use(NamedTuple):
    """What a split comes to: the units that money reaches for, what they cost, whether money pays
    for any of them, and what they take from each bucket."""

    units: int
    charge: int
    paid: bool
    takes: list[int]


def over_change(
    turn: Turn,
    quota: Quota,
    plan: Plan,
    in_force: InForce,
    slice_: list[int],
    free: int,
    later: Later,
) -> list[int] | None:
    """The slice of a grant with the most in CHARGE that it may cost and in TAKEN that it may take,
    whatever of it is used before the change; of fewer units where `free` reaches no further. None
    where it must end at the change instead: the next tariff doesn't price it, money doesn't reach
    that far, or its price goes by more than the units of the session: by what is used otherwise or,
    after the change, by the hour, too."""
    next_plan = later.in_force.plan(turn.state.plan)
    if next_plan is None or plan.shifting or next_plan.shifting:
        return None
    change = _Change(turn, quota, (in_force, plan), (later.in_force, next_plan), later.starts)
    units, buckets = slice_[GRANTED], slice_[BUCKET_COUNT] > 0
    after = change.after(units, free, buckets=buckets)
    course = in_force.course(slice_, quota.position)
    next_course = later.in_force.course(after, quota.position)
    if course is None or next_course is None or next_course.times:
        return None
    alike = _alike(turn.state, slice_, after, course, next_course)
    slack = overlap = 0
    if not alike:
        overlap = course.first.coarsest + next_course.first.coarsest - 2
        slack = -(-overlap * next_course.total // next_course.first.per)
    if course.first.per != next_course.first.per and (course.times or not course.first.whole):
        slack += 1  # what is less than a micro may have to be rounded at the change
    limit = free
    known = {0: _use(after), units: _use(slice_)}
    for _ in range(_MOST_TRIES):
        splits = {0, units}
        if not (alike and course.even and next_course.even):
            splits |= _splits(turn.state, quota, slice_, after, course, next_course, units)
        if len(splits) > _MOST_SPLITS:
            return None
        uses = [
            known.get(split) or change.used(split, units, limit, buckets=buckets)
            for split in splits
        ]
        reached = min(each.units for each in uses)
        charge = max(each.charge for each in uses)
        if slack and any(each.paid for each in uses):
            charge += slack
        if reached == units and charge <= free:
            return _at_most(slice_, units, charge, uses, overlap)
        units, limit, known = reached, free - slack, {}
        if not units:
            break
    return None


class _Change(NamedTuple):
    turn: Turn
    quota: Quota
    now: tuple[InForce, Plan]
    then: tuple[InForce, Plan]
    starts: int

    def used(self, split: int, units: int, limit: int, *, buckets: bool) -> _Use:
        """`split` of the `units` before the change, the others after it."""
        if not split:
            return _use(self.after(units, limit, buckets=buckets))
        before = self.before(split, limit, buckets=buckets)
        used = _use(before)
        if used.units < split or split == units:
            return used
        after = _use(self.after(units - split, limit - used.charge, before, buckets=buckets))
        takes = [one + other for one, other in zip(used.takes, after.takes, strict=True)]
        charge, paid = used.charge + after.charge, used.paid or after.paid
        return _Use(split + after.units, charge, paid, takes)

    def before(self, units: int, limit: int, *, buckets: bool) -> list[int]:
        in_force, plan = self.now
        slice_ = self.turn.slice(plan, self.quota, units, limit, buckets=buckets)
        in_force.rate(slice_)
        return slice_

    def after(
        self, units: int, limit: int, before: list[int] | None = None, *, buckets: bool
    ) -> list[int]:
        """Used once the slice `before` was."""
        in_force, plan = self.then
        since = self.quota.since
        slice_ = self.turn.slice(plan, self.quota, units, limit, buckets=buckets)
        if before is not None:
            slice_[POSITION:POSITION_END] = before[POSITION:POSITION_END]
            if self.turn.service in BY_TIME:
                since += before[GRANTED]
            for index, taken in enumerate(_takes(before)):
                at = FIRST_BUCKET + index * BUCKET_SIZE
                slice_[at + REMAINING] -= taken
                from_use = self.turn.state.buckets[index].from_use
                if taken and from_use:
                    slice_[at + EXPIRES] = before[START] + from_use
        slice_[START] = max(since, self.starts)
        in_force.rate(slice_)
        return slice_


def _use(slice_: list[int]) -> _Use:
    return _Use(slice_[GRANTED], slice_[CHARGE], slice_[PAID] > 0, _takes(slice_))


def _takes(slice_: list[int]) -> list[int]:
    end = FIRST_BUCKET + slice_[BUCKET_COUNT] * BUCKET_SIZE
    return slice_[FIRST_BUCKET + TAKEN : end : BUCKET_SIZE]


def _alike(
    state: State, before: list[int], after: list[int], course: Course, next_course: Course
) -> bool:
    """Whether increments lie the same way however use is split."""
    takes = _takes(before)
    return (
        course.first.increments == next_course.first.increments
        and takes == _takes(after)
        and not any(taken and state.buckets[index].from_use for index, taken in enumerate(takes))
    )


def _splits(
    state: State,
    quota: Quota,
    before: list[int],
    after: list[int],
    course: Course,
    next_course: Course,
    units: int,
) -> set[int]:
    """How many units before the change are worth a try."""
    takes = _takes(before)
    fresh = sum(max(b - a, 0) for a, b in zip(takes, _takes(after), strict=True))
    ends = {*next_course.turns, units}
    splits = {0, *course.turns, *course.times, *ends, *(end - fresh for end in ends)}
    covered = quota.position[POS_PAID - POSITION]
    if course.opens:
        splits.add(covered + before[FREE] + 1)
    for index, each in enumerate(takes):
        if each and state.buckets[index].from_use:
            splits.add(covered + 1)
        covered += each
    return {split for split in splits if 0 <= split <= units}


def _at_most(
    slice_: list[int], units: int, charge: int, uses: list[_Use], overlap: int
) -> list[int]:
    found = slice_[:]
    found[GRANTED], found[CHARGE] = units, charge
    for index, taken in enumerate(map(max, zip(*(each.takes for each in uses), strict=True))):
        at = FIRST_BUCKET + index * BUCKET_SIZE
        left = found[at + REMAINING] - found[at + RESERVED]
        found[at + TAKEN] = min(taken + overlap, left) if taken else 0
    return found
