"""What moves between a pool and its members. Pure.

A lease is a part of what a pool has that one member holds for a while, so that it charges from
its own row and the pool's is not touched again until the lease is used up: a fleet charges like
strangers. Of units it is a bucket of the member's like any other, behind its own; of money, a part
of its balance; of credit, a part of its limit. Each unit is in one place at any time (with the
pool, leased, or used), and the journals of both sides record each move.

How much is leased adapts: many grants ahead while the pool is full, a fair part of what is left
when it isn't, never less than a block. What of a lease isn't in use goes back after a while, when
its month is over, when the member leaves, or when the pool runs short.
"""

from typing import NamedTuple

from trunkline.charging.buckets import LEASED, made_way, recount
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.pools.needs import Want, serving
from trunkline.charging.pools.shares import (
    allowed,
    count_taken,
    find,
    idle,
    idle_money,
    place_of,
    pool_of,
    renew_share,
    settle_money,
    share_of,
)
from trunkline.charging.state import Bucket, State
from trunkline.charging.terms import Lease, Pool, Share
from trunkline.rating import (
    BUCKET_SERVICE,
    BUCKET_SIZE,
    EXPIRES,
    REMAINING,
    RESERVED,
    TAKEN,
    Plan,
)

LEASED_FOR = 3600
"""Seconds after which what of a lease isn't in use may go back."""
FAIR = 4
"""A lease is at most this part of what is left for each who holds one."""
AHEAD = 32
"""A lease is at most so many times what is missing."""
BLOCKS = (10_000_000, 300, 5)
"""By service, in its unit: the least that is leased while the pool has that much."""
BLOCK = 1
"""Of other services."""
MONEY_BLOCK = 1_000_000


class Sides(NamedTuple):
    """What the journals call the two, and where they write."""

    member: str
    pool: str
    members: list[Record]
    pools: list[Record]


def lease(member: State, pool: State, plan: Plan, want: Want, sides: Sides, now: int) -> int:
    """Moves units from the pool's buckets to the member's, towards what is wanted, at most until
    the pool's month ends: returns how many. `plan` is the member's. An allowance that holds from
    its first use on begins to with the first lease of it."""
    share, its = share_of(member), pool_of(pool)
    renew_share(share, pool)
    moved = 0
    for place in serving(pool, plan, want):
        if moved >= want.units:
            break
        bucket, offset = pool.buckets[place], place * BUCKET_SIZE
        flat = pool.flat
        expires = want.at + bucket.from_use if bucket.from_use else flat[offset + EXPIRES]
        ends = min(expires, pool.ends)
        left = min(
            flat[offset + REMAINING] - flat[offset + RESERVED],
            allowed(share, pool, want.service, ends),
        )
        held = _lease_of(member, share, bucket.number, ends)
        active = _count(its, bucket.number) + (held is None)
        has = 0 if held is None else idle(member, held)
        missing = want.units - moved
        units = _size(missing, left, active, _block(want.service), has)
        if want.used:
            units = max(units, min(missing, left))
        if units <= 0:
            continue
        flat[offset + EXPIRES], bucket.from_use = expires, 0
        flat[offset + REMAINING] -= units
        if made_way(bucket):
            recount(pool, place, units, now, sides.pools)
        count_taken(share, pool, want.service, ends, units)
        if held is None:
            _add(its, bucket.number, 1)
            held = _begin(member, share, pool, place, ends)
        own = place_of(member, held.bucket)
        member.flat[own * BUCKET_SIZE + REMAINING] += units
        member.buckets[own].granted += units
        held.until = now + LEASED_FOR
        _note(member, pool, units, want.service, held, now, sides)
        moved += units
    return moved


def _size(missing: int, left: int, active: int, block: int, idle: int) -> int:
    """How much is leased to one of `active` members that has so much `idle` of it and still
    misses some: many grants ahead, but no more than a fair part with what it has; what it misses
    at any rate, up to a block."""
    fair = max(left // (FAIR * active), min(missing, block))
    ahead = max(block, min(fair, AHEAD * missing)) - idle
    return min(left, max(ahead, min(missing, block)))


def _block(service: int) -> int:
    return BLOCKS[service] if service < len(BLOCKS) else BLOCK


def lease_money(member: State, pool: State, missing: int, sides: Sides, now: int) -> int:
    """The same for money, or for credit where both are postpaid: then the pool's limit falls by
    what the member's rises. Both are of one entity and currency."""
    share, its = share_of(member), pool_of(pool)
    renew_share(share, pool)
    left = pool.money - pool.floor - pool.held
    if share.money_limit >= 0:
        left = min(left, share.money_limit - share.money_taken)
    active = its.money_leases + (not share.money_until)
    micros = _size(missing, left, active, MONEY_BLOCK, idle_money(member, share))
    if micros <= 0:
        return 0
    if not share.money_until:
        its.money_leases += 1
    share.money_until = now + LEASED_FOR
    share.money_leased += micros
    share.money_taken += micros
    _move_money(member, pool, micros, now, sides)
    return micros


def give_back(member: State, share: Share, pool: State, sides: Sides, now: int) -> bool:
    """Returns to the pool what of the member's leases isn't in use; True when nothing is left
    with the member, not even in use."""
    its = pool_of(pool)
    settle_money(member)
    renew_share(share, pool)
    for held in share.leases:
        place = place_of(member, held.bucket)
        flat, offset = member.flat, place * BUCKET_SIZE
        units = idle(member, held)
        if units > 0:
            its.asked_back = 0
            service = flat[offset + BUCKET_SERVICE]
            flat[offset + REMAINING] -= units
            member.buckets[place].granted -= units
            count_taken(share, pool, service, flat[offset + EXPIRES], -units)
            _note(member, pool, -units, service, held, now, sides)
            _take_in(pool, held.of, service, units, now, sides.pools)
        if not flat[offset + RESERVED]:
            del member.buckets[place]
            del flat[offset : offset + BUCKET_SIZE]
            share.leases = tuple(each for each in share.leases if each is not held)
            _add(its, held.of, -1)
    money = idle_money(member, share)
    if money:
        its.asked_back = 0
        share.money_leased -= money
        share.money_taken -= money
        _move_money(member, pool, -money, now, sides)
    if share.money_until and not share.money_leased:
        share.money_until = 0
        its.money_leases -= 1
    return not share.leases and not share.money_leased


def _take_in(
    pool: State, number: int, service: int, units: int, now: int, records: list[Record]
) -> None:
    """Puts units back where they came from; where that was the month before's, into the month that
    they roll over to, and where it was another plan's, to what took its place. What is older still
    has expired."""
    place = find(pool, number)
    if place is None:
        _record(pool, RecordKind.EXPIRED, now, records, units, service, number)
        return
    pool.flat[place * BUCKET_SIZE + REMAINING] += units
    bucket = pool.buckets[place]
    if made_way(bucket):
        recount(pool, place, -units, now, records)
        return
    into = find(pool, bucket.into) if bucket.into else None
    moved = min(units, bucket.rollover)
    if into is None or not moved:
        return
    bucket.rollover -= moved
    bucket.granted -= moved
    pool.flat[place * BUCKET_SIZE + REMAINING] -= moved
    pool.buckets[into].granted += moved
    pool.flat[into * BUCKET_SIZE + REMAINING] += moved
    _record(pool, RecordKind.ALLOWANCE, now, records, moved, service, bucket.into, bucket.allowance)


def _lease_of(member: State, share: Share, of: int, ends: int) -> Lease | None:
    for each in share.leases:
        offset = place_of(member, each.bucket) * BUCKET_SIZE
        if each.of == of and member.flat[offset + EXPIRES] == ends:
            return each
    return None


def _begin(member: State, share: Share, pool: State, place: int, ends: int) -> Lease:
    """An empty bucket of the member like the pool's at `place`, in the pool's order behind the
    member's own."""
    bucket, offset = pool.buckets[place], place * BUCKET_SIZE
    flat = pool.flat[offset : offset + BUCKET_SIZE]
    flat[REMAINING] = flat[RESERVED] = flat[TAKEN] = 0
    flat[EXPIRES] = ends
    later = {each.bucket for each in share.leases if (find(pool, each.of) or 0) > place}
    own = next(
        (index for index, each in enumerate(member.buckets) if each.number in later),
        len(member.buckets),
    )
    member.last_bucket += 1
    member.buckets.insert(
        own, Bucket(member.last_bucket, bucket.allowance, LEASED, 0, bucket.name, bucket.where)
    )
    member.flat[own * BUCKET_SIZE : own * BUCKET_SIZE] = flat
    held = Lease(member.last_bucket, bucket.number, 0)
    share.leases = (*share.leases, held)
    return held


def _count(pool: Pool, bucket: int) -> int:
    return sum(holders for of, holders in pool.leases if of == bucket)


def _add(pool: Pool, bucket: int, holders: int) -> None:
    counts = dict(pool.leases)
    counts[bucket] = counts.get(bucket, 0) + holders
    pool.leases = tuple(sorted((of, count) for of, count in counts.items() if count > 0))


def _note(
    member: State, pool: State, units: int, service: int, held: Lease, now: int, sides: Sides
) -> None:
    kind = RecordKind.LEASE
    _record(member, kind, now, sides.members, units, service, held.bucket, sides.pool)
    _record(pool, kind, now, sides.pools, -units, service, held.of, sides.member)


def _record(
    state: State,
    kind: RecordKind,
    now: int,
    records: list[Record],
    units: int,
    service: int,
    number: int,
    other: str = "",
) -> None:
    state.seq += 1
    records.append(
        Record(
            state.seq,
            kind,
            now,
            state.period,
            state.money,
            units=units,
            service=service,
            session=other,
            number=number,
        )
    )


def _move_money(member: State, pool: State, micros: int, now: int, sides: Sides) -> None:
    """Or credit: that moves limits, and nobody's money."""
    if not member.prepaid:
        pool_of(pool).credit_lent += micros
    for state, moved, other, records in (
        (member, micros, sides.pool, sides.members),
        (pool, -micros, sides.member, sides.pools),
    ):
        if state.prepaid:
            state.money += moved
        else:
            state.floor -= moved
        state.seq += 1
        records.append(
            Record(
                state.seq,
                RecordKind.LEASE,
                now,
                state.period,
                state.money,
                -moved if state.prepaid else 0,
                0 if state.prepaid else moved,
                session=other,
            )
        )
