"""Debiting usage: what the rating kernel reckons is taken from buckets and money, and written
into the journal with all that is needed to reckon it again."""

from collections.abc import Sequence

from trunkline.charging.buckets import enter_month, made_way, recount
from trunkline.charging.counters import count, counted
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import Circumstances, Pass, Result, UnitRequest
from trunkline.charging.state import NO_FLOOR, Quota, State
from trunkline.charging.tariffs import InForce
from trunkline.rating import (
    ADDED,
    BUCKET_COUNT,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    BY_TIME,
    CHARGE,
    COUNTER_SIZE,
    EXPIRES,
    FREE,
    LABEL,
    NO_LIMIT,
    POSITION,
    POSITION_END,
    RATED,
    RECEIVED,
    REMAINING,
    RESERVED,
    START,
    TAKEN,
    TOO_LARGE,
    UNITS,
    Filters,
    Plan,
    bucket_offset,
    evidence,
)

FIRST_BUCKET = bucket_offset(0)
_UNTOLD = Circumstances()
_FRESH = [0] * (POSITION_END - POSITION)


class Turn:
    """One request's handling: the account, the instant, the tariff in force, and the records
    that come of it. Making one begins the billing month where this is its first touch."""

    __slots__ = (
        "at",
        "destination",
        "in_force",
        "month",
        "number",
        "plan",
        "records",
        "service",
        "session",
        "state",
        "used",
        "usual",
        "where",
    )

    def __init__(
        self,
        state: State,
        records: list[Record],
        in_force: InForce | None,
        *,
        at: int,
        service: int,
        destination: int,
        session: str,
        number: int,
        where: Circumstances | None = None,
        used: Circumstances | None = None,
        plan: str | None = None,
    ) -> None:
        """`where` holds from now on; what is reported was `used` where the request before it
        said. `plan` is the account's at `at` where that isn't its present one."""
        self.state = state
        self.records = records
        self.in_force = in_force
        self.at = at
        self.service = self.usual = service
        self.destination = destination
        self.session = session
        self.number = number
        self.where = where
        self.used = used or where
        self.plan: Plan | None = None if in_force is None else in_force.plan(plan or state.plan)
        allowances = None if self.plan is None else self.plan.allowances
        self.month = enter_month(state, at, allowances, records)

    def turn_to(self, quota: Quota) -> None:
        """What follows is about this one, and by its own service where it has one."""
        self.service = self.usual if quota.service < 0 else quota.service

    def quota_of(self, unit: UnitRequest) -> Quota:
        """What this unit is about, as a quota that begins now; and what follows is about it."""
        quota = self.quota(unit.rating_group, unit.service_identifier)
        quota.upf, quota.service = unit.upf, unit.service
        self.turn_to(quota)
        return quota

    def quota(self, rating_group: int | None, service_identifier: int | None) -> Quota:
        """A quota that begins now."""
        return Quota(
            -1 if rating_group is None else rating_group,
            -1 if service_identifier is None else service_identifier,
            self.at,
            0 if self.in_force is None else self.in_force.version,
            _FRESH[:],
        )

    def slice(
        self,
        plan: Plan,
        quota: Quota,
        units: int,
        limit: int,
        *,
        buckets: bool = True,
        used: bool = False,
    ) -> list[int]:
        """The kernel's input (`trunkline.rating` describes it), with the account's buckets as
        they are or without any; `used` for what was, not for what may be."""
        state = self.state
        flat: Sequence[int] = state.flat if buckets else ()
        for bucket in state.buckets:
            if bucket.where is not None and buckets:
                flat = self.fitting(plan, quota, self.used if used else self.where)
                break
        where = 0
        if plan.filtered:
            where = self.place(plan, quota, self.used if used else self.where)
        slice_ = [
            plan.index,
            self.service,
            quota.rating_group,
            self.destination,
            where,
            quota.since,
            units,
            limit,
            *quota.position,
            *(0, 0, 0, 0, -1),
            len(state.buckets) if buckets else 0,
            len(plan.counters),
            *flat,
        ]
        if plan.counters:
            for counter in plan.counters:
                slice_ += (counted(state, counter.id, self.month), 0)
        return slice_

    def price_change(self, quota: Quota, in_force: InForce | None, at: int) -> int:
        """When this tariff's calendar changes the price of what is used from `at` on, in epoch
        seconds; 0 for never, and where units are seconds: those are priced by their own
        instants."""
        if in_force is None or self.service in BY_TIME:
            return 0
        plan = self.plan if in_force is self.in_force else in_force.plan(self.state.plan)
        if plan is None or not plan.calendared:
            return 0
        asked = self.slice(plan, quota, 0, 0, buckets=False)
        asked[START] = at
        return at + in_force.lasts(asked)

    def fitting(self, plan: Plan, quota: Quota, where: Circumstances | None) -> list[int]:
        """The buckets as the kernel reads them; those that are for something else are of no
        service."""
        flat = self.state.flat[:]
        for index, bucket in enumerate(self.state.buckets):
            if bucket.where is not None and not meets(
                plan, bucket.where, quota.service_identifier, where
            ):
                flat[index * BUCKET_SIZE + BUCKET_SERVICE] = -1
        return flat

    def place(self, plan: Plan, quota: Quota, where: Circumstances | None) -> int:
        """The kernel's WHERE."""
        if where is None:
            return plan.places.where(service_identifier=quota.service_identifier)
        return plan.places.where(
            service_identifier=quota.service_identifier,
            dnn=where.dnn,
            slice_=where.slice,
            qos=where.qos,
            network=where.network,
        )


def meets(
    plan: Plan, filters: Filters, service_identifier: int, where: Circumstances | None
) -> bool:
    """Whether usage under these circumstances is what a bucket with these filters is for."""
    where = where or _UNTOLD
    return plan.places.meets(
        filters,
        service_identifier=service_identifier,
        dnn=where.dnn,
        slice_=where.slice,
        qos=where.qos,
        network=where.network,
    )


def debit(
    turn: Turn,
    quota: Quota,
    units: int,
    in_force: InForce | None,
    plan: Plan | None,
    overrun: int = 0,
    reserved: int = NO_LIMIT,
    holds: Sequence[int] = (),
    *,
    limit: int = NO_LIMIT,
) -> Result:
    """Debits `units` under the quota, and moves it on. What no price is found for is noted
    in the journal and charged nothing: RATING_FAILED, but what was received passes. Under a
    `limit` nothing was delivered yet: what can't be paid in full is not debited at all,
    CREDIT_LIMIT, and what has no price is not noted. What was granted pays with what was `reserved`
    for it, in money and on buckets (`holds`), where it would cost more by now."""
    if in_force is None or plan is None:
        return _unpriced(turn, quota, units, overrun, limit, Result.RATING_FAILED)
    slice_ = turn.slice(plan, quota, units, limit, used=True)
    before = quota.position
    code = in_force.rate(slice_)
    if slice_[CHARGE] > reserved and slice_[BUCKET_COUNT]:
        then = _as_reserved(turn, turn.slice(plan, quota, units, NO_LIMIT, used=True), holds)
        if in_force.rate(then) == RATED and then[CHARGE] < slice_[CHARGE]:
            slice_ = then
    if code > 0:
        return Result.CREDIT_LIMIT
    if code == RATED and turn.state.money - slice_[CHARGE] < NO_FLOOR:
        code = TOO_LARGE
    if code < 0:
        return _unpriced(turn, quota, units, overrun, limit, result_of(code))
    take(turn, slice_)
    if plan.counters:
        _count(turn, plan, slice_)
    quota.position = slice_[POSITION:POSITION_END]
    if turn.service in BY_TIME:
        quota.since += units
    _journal(turn, quota, slice_, in_force.version, overrun, evidence(slice_, before))
    return Result.SUCCESS


def _as_reserved(turn: Turn, slice_: list[int], holds: Sequence[int]) -> list[int]:
    """The slice with nothing in its buckets but what its grant reserved on them, though one may
    have ended since. What a bucket regained after the grant may otherwise cost more: paid
    increments begin elsewhere then, perhaps one more of them at a dearer step."""
    held: dict[int, int] = {}
    for number, units in zip(holds[::2], holds[1::2], strict=True):
        held[number] = held.get(number, 0) + units
    ends = slice_[START] + slice_[UNITS] + 1
    for index, bucket in enumerate(turn.state.buckets):
        offset = FIRST_BUCKET + index * BUCKET_SIZE
        free = slice_[offset + REMAINING] - slice_[offset + RESERVED]
        units = min(held.get(bucket.number, 0), free)
        slice_[offset + RESERVED] = slice_[offset + REMAINING] - units
        if units and slice_[offset + EXPIRES] < ends:
            slice_[offset + EXPIRES] = ends
    return slice_


def take(turn: Turn, slice_: list[int]) -> None:
    """Takes what the kernel reckoned from buckets and money."""
    state = turn.state
    flat = state.flat
    late: list[tuple[int, int]] = []
    for index, bucket in enumerate(state.buckets):
        offset = index * BUCKET_SIZE
        taken = slice_[FIRST_BUCKET + offset + TAKEN]
        if taken:
            flat[offset + REMAINING] -= taken
            if bucket.from_use:
                flat[offset + EXPIRES] = slice_[START] + bucket.from_use
                bucket.from_use = 0
            if bucket.into and made_way(bucket):
                late.append((index, taken))
    for place, units in late:
        recount(state, place, units, turn.at, turn.records)
    state.money -= slice_[CHARGE]


def _count(turn: Turn, plan: Plan, slice_: list[int]) -> None:
    offset = bucket_offset(slice_[BUCKET_COUNT]) + ADDED
    for index, counter in enumerate(plan.counters):
        added = slice_[offset + index * COUNTER_SIZE]
        if added:
            count(turn.state, counter.id, turn.month, added)


def result_of(code: int) -> Result:
    """The kernel's refusals, in the network's terms."""
    return Result.INVALID if code == TOO_LARGE else Result.RATING_FAILED


def _journal(
    turn: Turn, quota: Quota, slice_: list[int], tariff: int, overrun: int, kept: list[int]
) -> None:
    state = turn.state
    state.seq += 1
    turn.records.append(
        Record(
            state.seq,
            RecordKind.USAGE,
            turn.at,
            turn.month,
            state.money,
            slice_[CHARGE],
            slice_[UNITS],
            slice_[FREE],
            overrun,
            turn.service,
            quota.rating_group,
            quota.service_identifier,
            tariff,
            slice_[LABEL],
            turn.session,
            turn.number,
            kept,
        )
    )


def _unpriced(
    turn: Turn, quota: Quota, units: int, overrun: int, limit: int, result: Result
) -> Result:
    if comes_free(turn, result):
        note_passed(turn, quota, units, Pass.RECEIVED)
        if turn.service in BY_TIME:
            quota.since += units
        return Result.SUCCESS
    if limit == NO_LIMIT:
        _note(turn, quota, units, RecordKind.UNRATED, overrun=overrun)
    return result


def comes_free(turn: Turn, result: Result) -> bool:
    """Whether what ended so was received, and no price names it: nobody pays for that."""
    return result is Result.RATING_FAILED and turn.service in RECEIVED


def note_passed(turn: Turn, quota: Quota, units: int, why: int) -> None:
    """Into the journal: this was used, and charged nothing."""
    _note(turn, quota, units, RecordKind.PASSED, label=int(why))


def _note(
    turn: Turn, quota: Quota, units: int, kind: RecordKind, *, overrun: int = 0, label: int = -1
) -> None:
    state = turn.state
    state.seq += 1
    turn.records.append(
        Record(
            state.seq,
            kind,
            turn.at,
            turn.month,
            state.money,
            units=units,
            overrun=overrun,
            service=turn.service,
            rating_group=quota.rating_group,
            service_identifier=quota.service_identifier,
            label=label,
            session=turn.session,
            number=turn.number,
        )
    )
