"""Buckets: units of a service that a month's allowances include, and how months begin."""

from collections.abc import Iterable

from trunkline.charging.hybrid import begin_month
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.lifetime import DAY
from trunkline.charging.model import BucketGrant
from trunkline.charging.months import epoch_bounds, month_at
from trunkline.charging.state import Bucket, State
from trunkline.charging.terms import Terms
from trunkline.rating import (
    ANYWHERE,
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    EXPIRES,
    REMAINING,
    RESERVED,
    STARTS,
    Allowance,
    Filters,
    service_code,
)

LEASED = 1 << 40
"""`Bucket.period` of what a pool lends: no month of the member's own ends it."""
_NO_MONTH = 0
"""`Bucket.period` of what no month's allowances gave."""
_Of = tuple[int, int, Filters | None]
"""Service, rating group, and whatever else an allowance is for."""


def enter_month(
    state: State, at: int, allowances: tuple[Allowance, ...] | None, records: list[Record]
) -> int:
    """The billing month of `at`, begun where this is the first that is heard of it: its
    allowances are granted, and a postpaid account's credit limit is free again. Usage of the
    month before finds that month's buckets; what is older still finds none. Without
    `allowances` (the plan has no tariff yet), or while the month's fee isn't paid, they are
    granted at a later touch."""
    if state.starts <= at < state.ends:
        month = state.period
    else:
        month = month_at(at, state.cycle_day, state.time_zone)
        if month > state.period:
            _advance(state, month, at, records)
    if (
        month not in state.renewed
        and month >= state.period - 1
        and allowances is not None
        and (state.terms is None or is_paid(state.terms, month))
    ):
        state.renewed.append(month)
        for allowance in allowances:
            if allowance.rollover:
                _roll_over(state, month, allowance, at, records)
        grant(state, month, allowances, at, records)
    return month


def _roll_over(
    state: State, month: int, allowance: Allowance, at: int, records: list[Record]
) -> None:
    """What remains of the month before goes over, once and up to the allowance's most, and is
    used first. A month in which nothing happened had the allowance all the same; what is
    reserved stays where it is, and what members have leased follows when it comes back."""
    opened = month_at(state.opened, state.cycle_day, state.time_zone)
    unused = month - 1 not in state.renewed and opened < month
    if unused and (state.terms is None or is_paid(state.terms, month - 1)):
        grant(state, month - 1, (allowance,), at, records)
    for index, bucket in enumerate(state.buckets):
        if bucket.allowance != allowance.id or bucket.period != month - 1 or not bucket.rollover:
            continue
        if made_way(bucket):
            continue
        offset = index * BUCKET_SIZE
        free = state.flat[offset + REMAINING] - state.flat[offset + RESERVED]
        moved = max(min(free, allowance.rollover), 0)
        if moved or _is_leased(state, bucket.number):
            state.flat[offset + REMAINING] -= moved
            bucket.granted -= moved
            bucket.rollover = allowance.rollover - moved
            _add(state, month, allowance, moved, at, records, rolls=False)
            bucket.into = state.last_bucket
        return


def _is_leased(state: State, bucket: int) -> bool:
    pool = None if state.terms is None else state.terms.pool
    return pool is not None and any(of == bucket for of, _ in pool.leases)


def is_paid(terms: Terms, month: int) -> bool:
    """Whether nothing stands between the month and its allowances."""
    return terms.renewal is None or month in terms.renewal.paid


def _advance(state: State, month: int, at: int, records: list[Record]) -> None:
    state.period = month
    state.starts, state.ends = epoch_bounds(month, state.cycle_day, state.time_zone)
    state.renewed = [each for each in state.renewed if each >= month - 1]
    for index in range(len(state.buckets) - 1, -1, -1):
        offset = index * BUCKET_SIZE
        if (
            state.buckets[index].period < month - 1
            and not state.flat[offset + RESERVED]
            and state.flat[offset + EXPIRES] <= at
        ):
            _note_expired(state, index, month, at, records)
            del state.buckets[index]
            del state.flat[offset : offset + BUCKET_SIZE]
    if state.prepaid:
        begin_month(state, month, at, records)
    elif state.money:
        freed, state.money = state.money, 0
        state.seq += 1
        records.append(Record(state.seq, RecordKind.NEW_MONTH, at, month, balance=0, charge=freed))


def _note_expired(state: State, index: int, month: int, at: int, records: list[Record]) -> None:
    offset = index * BUCKET_SIZE
    units = state.flat[offset + REMAINING]
    if units > 0:
        state.seq += 1
        records.append(
            Record(
                state.seq,
                RecordKind.EXPIRED,
                at,
                month,
                state.money,
                units=units,
                service=state.flat[offset + BUCKET_SERVICE],
                rating_group=state.flat[offset + BUCKET_GROUP],
                session=state.buckets[index].allowance,
                number=state.buckets[index].number,
            )
        )


def grant(
    state: State,
    month: int,
    allowances: Iterable[Allowance],
    at: int,
    records: list[Record],
    *,
    consumed: dict[_Of, int] | None = None,
) -> None:
    """A bucket for each of these allowances, good in `month` or for as long as it says, less
    the units that count as `consumed` of its kind."""
    for allowance in allowances:
        service = service_code(allowance.service)
        group = -1 if allowance.rating_group is None else allowance.rating_group
        units = allowance.units
        if consumed:
            of = service, group, _where(allowance)
            gone = min(units, consumed.get(of, 0))
            units -= gone
            consumed[of] = consumed.get(of, 0) - gone
        _add(state, month, allowance, units, at, records)


def _add(
    state: State,
    month: int,
    allowance: Allowance,
    units: int,
    at: int,
    records: list[Record],
    *,
    rolls: bool = True,
) -> None:
    starts, expires = epoch_bounds(month, state.cycle_day, state.time_zone)
    if allowance.validity and not allowance.first_use:
        expires = max(starts, state.opened) + allowance.validity
    service = service_code(allowance.service)
    group = -1 if allowance.rating_group is None else allowance.rating_group
    state.last_bucket += 1
    bucket = Bucket(
        state.last_bucket,
        allowance.id,
        month,
        units,
        allowance.name,
        _where(allowance),
        allowance.validity if allowance.first_use else 0,
        allowance.rollover if rolls else 0,
    )
    place = _behind_own(state)
    _put(state, bucket, place, (service, group, starts, expires), at, month, records)


def _behind_own(state: State) -> int:
    """The place behind all that isn't a pool's: that is used after it."""
    for place, bucket in enumerate(state.buckets):
        if bucket.period == LEASED:
            return place
    return len(state.buckets)


def give(
    state: State, gift: BucketGrant, source: str, at: int, month: int, records: list[Record]
) -> None:
    """A bucket of no month's: a change of plan leaves it alone. It is used before those of its
    service that hold longer."""
    service = service_code(gift.service)
    expires = at + gift.days * DAY
    last = _behind_own(state)
    place = next(
        (
            index
            for index in range(last)
            if state.flat[index * BUCKET_SIZE + BUCKET_SERVICE] == service
            and state.flat[index * BUCKET_SIZE + EXPIRES] > expires
        ),
        last,
    )
    state.last_bucket += 1
    bucket = Bucket(state.last_bucket, source, _NO_MONTH, gift.units, gift.name)
    _put(state, bucket, place, (service, -1, at, expires), at, month, records)


def _put(
    state: State,
    bucket: Bucket,
    place: int,
    held: tuple[int, int, int, int],
    at: int,
    month: int,
    records: list[Record],
) -> None:
    """`held` is its service, rating group, start and end."""
    service, group, starts, expires = held
    state.buckets.insert(place, bucket)
    offset = place * BUCKET_SIZE
    state.flat[offset:offset] = (bucket.granted, 0, service, group, starts, expires, 0)
    _note(state, place, bucket.granted, at, month, records)


def _note(state: State, place: int, units: int, at: int, month: int, records: list[Record]) -> None:
    bucket, (service, group, _) = state.buckets[place], _of(state, place)
    state.seq += 1
    records.append(
        Record(
            state.seq,
            RecordKind.ALLOWANCE,
            at,
            month,
            balance=state.money,
            units=units,
            service=service,
            rating_group=group,
            session=bucket.allowance,
            number=bucket.number,
        )
    )


def _where(allowance: Allowance) -> Filters | None:
    return None if allowance.where == ANYWHERE else allowance.where


def replace(
    state: State, month: int, allowances: Iterable[Allowance], at: int, records: list[Record]
) -> None:
    """The month's buckets make way at `at` for others; what was consumed of them, and of those that
    made way before, counts as consumed of the new. So does what is consumed of them yet (`recount`)
    by use from before `at`. What is reserved on them is reserved on the new, as far as these have
    it."""
    consumed: dict[_Of, int] = {}
    flat = state.flat
    for index, bucket in enumerate(state.buckets):
        if bucket.period != month:
            continue
        offset = index * BUCKET_SIZE
        of = _of(state, index)
        consumed[of] = consumed.get(of, 0) + bucket.granted - flat[offset + REMAINING]
        flat[offset + EXPIRES] = min(flat[offset + EXPIRES], max(at, flat[offset + STARTS]))
        bucket.rollover, bucket.into, bucket.from_use = 0, bucket.number, 0
    grant(state, month, allowances, at, records, consumed=consumed)
    for index, bucket in enumerate(state.buckets):
        if bucket.period == month and made_way(bucket):
            bucket.rollover = consumed.pop(_of(state, index), 0)
    _hand_over(state, month)


def _of(state: State, place: int) -> _Of:
    offset = place * BUCKET_SIZE
    flat = state.flat
    return flat[offset + BUCKET_SERVICE], flat[offset + BUCKET_GROUP], state.buckets[place].where


def made_way(bucket: Bucket) -> bool:
    """Whether another plan's allowances took its place: its `rollover` is what was consumed of it
    beyond what they had."""
    return bucket.into == bucket.number


def _in_place_of(state: State, place: int) -> list[int]:
    """The places of the buckets that one made way for."""
    month, of = state.buckets[place].period, _of(state, place)
    return [
        index
        for index, bucket in enumerate(state.buckets)
        if bucket.period == month and not made_way(bucket) and _of(state, index) == of
    ]


def _hand_over(state: State, month: int) -> None:
    places = {bucket.number: place for place, bucket in enumerate(state.buckets)}
    for session in state.sessions:
        for quota in session.quotas:
            holds: list[int] = []
            for number, units in zip(quota.holds[::2], quota.holds[1::2], strict=True):
                place, left = places[number], units
                if state.buckets[place].period == month and made_way(state.buckets[place]):
                    for to in _in_place_of(state, place):
                        offset = to * BUCKET_SIZE
                        free = state.flat[offset + REMAINING] - state.flat[offset + RESERVED]
                        moved = min(left, free)
                        if moved:
                            state.flat[place * BUCKET_SIZE + RESERVED] -= moved
                            state.flat[offset + RESERVED] += moved
                            holds += (state.buckets[to].number, moved)
                            left -= moved
                if left:
                    holds += (number, left)
            quota.holds = holds


def recount(state: State, place: int, units: int, at: int, records: list[Record]) -> None:
    """So many more units of a bucket that has made way are consumed, or, below zero, fewer: of what
    took its place, too."""
    bucket, flat = state.buckets[place], state.flat
    others = _in_place_of(state, place)
    if units > 0:
        for index in others:
            offset = index * BUCKET_SIZE
            taken = min(units, flat[offset + REMAINING] - flat[offset + RESERVED])
            if taken:
                _add_to(state, index, -taken, at, records)
                units -= taken
        bucket.rollover += units
        return
    of = _of(state, place)
    for index, each in enumerate(state.buckets):
        if each.period == bucket.period and made_way(each) and _of(state, index) == of:
            settled = min(-units, each.rollover)
            each.rollover -= settled
            units += settled
    if units and others:
        _add_to(state, others[0], -units, at, records)


def _add_to(state: State, place: int, units: int, at: int, records: list[Record]) -> None:
    bucket = state.buckets[place]
    bucket.granted += units
    state.flat[place * BUCKET_SIZE + REMAINING] += units
    _note(state, place, units, at, bucket.period, records)


def release(state: State, holds: list[int]) -> None:
    """Undoes these reservations (number, units, number, units...)."""
    for place in range(0, len(holds), 2):
        offset = _offset(state, holds[place])
        state.flat[offset + RESERVED] -= holds[place + 1]
        assert state.flat[offset + RESERVED] >= 0, "released more than was reserved"


def _offset(state: State, number: int) -> int:
    for index, bucket in enumerate(state.buckets):
        if bucket.number == number:
            return index * BUCKET_SIZE
    raise AssertionError(f"bucket {number} is gone with a reservation on it")
