"""What a pool leases to its members, and gets back. Pure.

A lease arrives as an ordinary bucket of the member (or as money on its balance), so that the
pool's row is not touched again until it is used up: a fleet charges like strangers. Its size
adapts: several grants ahead while the pool is full, a fair part of what is left when it isn't,
never less than a block. What a member has of its own goes first. Units are in one place at any
time: pool, lease, or used.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trunkline.charging.debit import meets
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import Circumstances
from trunkline.charging.state import Bucket, State, Status
from trunkline.charging.terms import Lease, Pool, Share
from trunkline.rating import (
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    EXPIRES,
    MOST_UNITS,
    REMAINING,
    RESERVED,
    STARTS,
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
FOREIGN = 1 << 40
"""The period of a lease's bucket: no month of the member's own ends it."""


class Want(NamedTuple):
    """Units of a service, in its unit, that are to be there for use from `at` on."""

    service: int
    group: int
    identifier: int
    where: Circumstances | None
    at: int
    units: int
    paid: int = 0
    """Of them, those that an open grant has paid for already, with whatever."""
    used: bool = False
    """They were used, and are due in full, whatever is fair; else they may be."""


def serving(state: State, plan: Plan, want: Want) -> Iterator[int]:
    """The places of the account's buckets that such usage may take from, in their order, full or
    empty. `plan` is the plan of who uses it: it says what filters mean."""
    flat = state.flat
    for place, bucket in enumerate(state.buckets):
        offset = place * BUCKET_SIZE
        if (
            flat[offset + BUCKET_SERVICE] == want.service
            and flat[offset + BUCKET_GROUP] in (-1, want.group)
            and flat[offset + STARTS] <= want.at < flat[offset + EXPIRES]
            and (bucket.where is None or meets(plan, bucket.where, want.identifier, want.where))
        ):
            yield place


def lacking(
    state: State, plan: Plan, wants: Sequence[Want], released: Sequence[int] = ()
) -> list[int]:
    """How many units of each want the account's buckets don't have, each after those before it.
    `released` are reservations that end before (number, units, number, units...)."""
    flat = state.flat
    free = [
        flat[offset + REMAINING] - flat[offset + RESERVED]
        for offset in range(0, len(flat), BUCKET_SIZE)
    ]
    for index in range(0, len(released), 2):
        free[_place(state, released[index])] += released[index + 1]
    missing = []
    for want in wants:
        units = want.units
        for place in serving(state, plan, want):
            taken = min(units, free[place])
            free[place] -= taken
            units -= taken
        missing.append(min(units, want.units - want.paid))
    return missing


def lends(pool: State) -> bool:
    """Whether the account is a pool that has anything to do with its members now."""
    return pool.terms is not None and pool.terms.pool is not None and pool.status == Status.ACTIVE


class Ids(NamedTuple):
    """What the two journals call the other side."""

    member: str
    pool: str


def lease(
    member: State,
    pool: State,
    plan: Plan,
    want: Want,
    ids: Ids,
    records: tuple[list[Record], ...],
    now: int,
) -> int:
    """Moves units from the pool's buckets to the member's, towards what is wanted: returns how
    many. `plan` is the member's. An allowance that holds from its first use on begins to with the
    first lease of it. `records` take the member's and the pool's."""
    share, its = share_of(member), pool_of(pool)
    renew_share(share, pool)
    moved = 0
    for place in serving(pool, plan, want):
        if moved >= want.units:
            break
        bucket, offset = pool.buckets[place], place * BUCKET_SIZE
        flat = pool.flat
        left = min(
            flat[offset + REMAINING] - flat[offset + RESERVED], _allowed(share, want.service)
        )
        held = _lease_of(share, bucket.number)
        active = _count(its, bucket.number) + (held is None)
        idle = 0 if held is None else _idle(member, held)
        missing = want.units - moved
        units = _size(missing, left, active, _block(want.service), idle)
        if want.used:
            units = max(units, min(missing, left))
        if units <= 0:
            continue
        if bucket.from_use:
            flat[offset + EXPIRES] = want.at + bucket.from_use
            bucket.from_use = 0
        flat[offset + REMAINING] -= units
        _count_taken(share, want.service, units)
        if held is None:
            _add(its, bucket.number, 1)
            held = _bucket(member, bucket, flat[offset : offset + BUCKET_SIZE])
            share.leases = (*share.leases, held)
        own = _place(member, held.bucket)
        member.flat[own * BUCKET_SIZE + REMAINING] += units
        member.buckets[own].granted += units
        held.until = now + LEASED_FOR
        _note(member, pool, units, want.service, (held.bucket, bucket.number), now, ids, records)
        moved += units
    return moved


def _idle(state: State, held: Lease) -> int:
    offset = _place(state, held.bucket) * BUCKET_SIZE
    return state.flat[offset + REMAINING] - state.flat[offset + RESERVED]


def _size(missing: int, left: int, active: int, block: int, idle: int) -> int:
    """How much is leased to one of `active` members that has so much `idle` of it and still
    misses some: many grants ahead, but no more than a fair part with what it has; what it misses
    at any rate, up to a block."""
    fair = max(left // (FAIR * active), min(missing, block))
    ahead = max(block, min(fair, AHEAD * missing)) - idle
    return min(left, max(ahead, min(missing, block)))


def _block(service: int) -> int:
    return BLOCKS[service] if service < len(BLOCKS) else BLOCK


def lease_money(
    member: State, pool: State, missing: int, at: int, ids: Ids, records: tuple[list[Record], ...]
) -> int:
    """The same for money, or for credit where both are postpaid: then the pool's limit falls by
    what the member's rises. Both are of one entity and currency."""
    share, its = share_of(member), pool_of(pool)
    renew_share(share, pool)
    left = pool.money - pool.floor - pool.held
    if share.money_limit >= 0:
        left = min(left, share.money_limit - share.money_taken)
    active = its.money_leases + (not share.money_until)
    idle = _idle_money(member, share)
    micros = _size(missing, left, active, MONEY_BLOCK, idle)
    if micros <= 0:
        return 0
    if not share.money_until:
        its.money_leases += 1
    share.money_until = at + LEASED_FOR
    share.money_leased += micros
    share.money_taken += micros
    _move_money(member, pool, micros, at, ids, records)
    return micros


def settle_money(state: State) -> None:
    """After anything was debited: what is left of the balance bounds what is left of the lease,
    for the member's own money goes first. Credit that was lent is used, and free again with the
    month: all of it stays lent until it goes back."""
    share = state.terms.share if state.terms is not None else None
    if share is not None and share.money_leased and state.prepaid:
        share.money_leased = min(share.money_leased, max(state.money, 0))


def _idle_money(state: State, share: Share) -> int:
    """Of what is leased, that which isn't in use."""
    floor = 0 if state.prepaid else state.floor
    return max(min(share.money_leased, state.money - floor - state.held), 0)


def unused_money(state: State, share: Share) -> int:
    """Of what is leased, that which isn't used up."""
    if state.prepaid:
        return share.money_leased
    return max(min(share.money_leased, state.money - state.floor), 0)


def credit_limit(state: State) -> int:
    """The account's own, in micros, wherever a pool has lent it."""
    terms = state.terms
    if terms is None or state.prepaid:
        return -state.floor
    lent = 0 if terms.pool is None else terms.pool.credit_lent
    return lent - state.floor - (0 if terms.share is None else terms.share.money_leased)


def give_back(
    member: State, pool: State, at: int, ids: Ids, records: tuple[list[Record], ...]
) -> bool:
    """Returns to the pool what of the member's leases isn't in use; True when nothing is left
    with the member, not even in use."""
    share, its = share_of(member), pool_of(pool)
    settle_money(member)
    for held in share.leases:
        place = _place(member, held.bucket)
        flat, offset = member.flat, place * BUCKET_SIZE
        idle = _idle(member, held)
        if idle > 0:
            its.asked_back = 0
            service = flat[offset + BUCKET_SERVICE]
            flat[offset + REMAINING] -= idle
            member.buckets[place].granted -= idle
            if share.month == pool.period:
                _count_taken(share, service, -idle)
            its_place = _find(pool, held.of)
            if its_place is not None:
                pool.flat[its_place * BUCKET_SIZE + REMAINING] += idle
            _note(member, pool, -idle, service, (held.bucket, held.of), at, ids, records)
            if its_place is None:
                pool.seq += 1
                records[1].append(
                    Record(
                        pool.seq,
                        RecordKind.EXPIRED,
                        at,
                        pool.period,
                        pool.money,
                        units=idle,
                        service=service,
                        number=held.of,
                    )
                )
        if not flat[offset + RESERVED]:
            del member.buckets[place]
            del flat[offset : offset + BUCKET_SIZE]
            share.leases = tuple(each for each in share.leases if each is not held)
            _add(its, held.of, -1)
    idle_money = _idle_money(member, share)
    if idle_money:
        its.asked_back = 0
        share.money_leased -= idle_money
        if share.month == pool.period:
            share.money_taken -= idle_money
        _move_money(member, pool, -idle_money, at, ids, records)
    if share.money_until and not share.money_leased:
        share.money_until = 0
        its.money_leases -= 1
    return not share.leases and not share.money_leased


def idle_from(state: State) -> int:
    """From when on something of the account's leases may go back, that isn't in use: once it was
    held for its time, or at once (1) where the account left its pool or is terminated; 0 for
    never. What is in use goes back when its session ends."""
    share = state.terms.share if state.terms is not None else None
    if share is None:
        return 0
    gone = share.left or state.status == Status.CLOSED
    if share.left and not share.leases and not share.money_leased:
        return 1
    found = 0
    if share.money_until:
        if _idle_money(state, share) or not share.money_leased:
            found = share.money_until
        elif not state.prepaid:
            found = state.ends
    for held in share.leases:
        reserved = state.flat[_place(state, held.bucket) * BUCKET_SIZE + RESERVED]
        if (not found or held.until < found) and (_idle(state, held) > 0 or not reserved):
            found = held.until
    return 1 if found and gone else found


def is_idle(state: State, epoch: int) -> bool:
    """Whether something of the account's leases may go back now."""
    return 0 < idle_from(state) <= epoch


def wait_no_more(share: Share) -> None:
    """The pool may have something for the member again, whatever it was told before."""
    share.vain = ()
    share.money_vain_until = 0
    share.waits = False


def share_of(state: State) -> Share:
    share = state.terms.share if state.terms is not None else None
    assert share is not None, "only a member leases"
    return share


def pool_of(state: State) -> Pool:
    pool = state.terms.pool if state.terms is not None else None
    assert pool is not None, "only a pool is leased from"
    return pool


def leased(state: State) -> Iterator[tuple[int, int]]:
    """(the member's bucket, the pool's) of each lease."""
    share = state.terms.share if state.terms is not None else None
    for held in share.leases if share is not None else ():
        yield held.bucket, held.of


def renew_share(share: Share, pool: State) -> None:
    """A month of the pool's begins: its limits count anew, but for credit that is still lent."""
    if share.month != pool.period:
        share.month = pool.period
        share.taken = ()
        share.money_taken = 0 if pool.prepaid else share.money_leased


def _allowed(share: Share, service: int) -> int:
    for limited, units in share.limits:
        if limited == service:
            return units - sum(taken for of, taken in share.taken if of == service)
    return MOST_UNITS


def _count_taken(share: Share, service: int, units: int) -> None:
    taken = dict(share.taken)
    taken[service] = taken.get(service, 0) + units
    share.taken = tuple(sorted(taken.items()))


def _lease_of(share: Share, of: int) -> Lease | None:
    return next((each for each in share.leases if each.of == of), None)


def _bucket(member: State, bucket: Bucket, flat: list[int]) -> Lease:
    """An empty bucket of the member like the pool's, behind its own."""
    member.last_bucket += 1
    new = flat[:]
    new[REMAINING] = new[RESERVED] = new[TAKEN] = 0
    member.buckets.append(
        Bucket(member.last_bucket, bucket.allowance, FOREIGN, 0, bucket.name, bucket.where)
    )
    member.flat += new
    return Lease(member.last_bucket, bucket.number, 0)


def _place(state: State, number: int) -> int:
    place = _find(state, number)
    assert place is not None, f"the lease's bucket {number} is gone"
    return place


def _find(state: State, number: int) -> int | None:
    for place, bucket in enumerate(state.buckets):
        if bucket.number == number:
            return place
    return None


def _count(pool: Pool, bucket: int) -> int:
    return sum(holders for of, holders in pool.leases if of == bucket)


def _add(pool: Pool, bucket: int, holders: int) -> None:
    counts = dict(pool.leases)
    counts[bucket] = counts.get(bucket, 0) + holders
    pool.leases = tuple(sorted((of, count) for of, count in counts.items() if count > 0))


def _note(
    member: State,
    pool: State,
    units: int,
    service: int,
    buckets: tuple[int, int],
    at: int,
    ids: Ids,
    records: tuple[list[Record], ...],
) -> None:
    sides = ((member, units, ids.pool), (pool, -units, ids.member))
    for (state, moved, other), number, journal in zip(sides, buckets, records, strict=True):
        state.seq += 1
        journal.append(
            Record(
                state.seq,
                RecordKind.LEASE,
                at,
                state.period,
                state.money,
                units=moved,
                service=service,
                session=other,
                number=number,
            )
        )


def _move_money(
    member: State, pool: State, micros: int, at: int, ids: Ids, records: tuple[list[Record], ...]
) -> None:
    """Or credit: that moves limits, and nobody's money."""
    if not member.prepaid:
        pool_of(pool).credit_lent += micros
    sides = ((member, micros, ids.pool), (pool, -micros, ids.member))
    for (state, moved, other), journal in zip(sides, records, strict=True):
        if state.prepaid:
            state.money += moved
        else:
            state.floor -= moved
        state.seq += 1
        journal.append(
            Record(
                state.seq,
                RecordKind.LEASE,
                at,
                state.period,
                state.money,
                -moved if state.prepaid else 0,
                0 if state.prepaid else moved,
                session=other,
            )
        )
