"""A member's share in a pool: what it leases, how much of that lies idle, and how much more it may
have in a month of the pool's. Pure.

A member's own goes first, then what a pool lent that it has left, then what its pool lends. That
holds for units by the order of its buckets, and for money and credit by how what is free is
attributed here: to its pool first, then to those that it has left.
"""

from collections.abc import Iterator

from trunkline.charging.months import month_at
from trunkline.charging.state import State, Status
from trunkline.charging.terms import Lease, Pool, Share, Terms
from trunkline.rating import (
    BUCKET_SERVICE,
    BUCKET_SIZE,
    EXPIRES,
    MOST_UNITS,
    REMAINING,
    RESERVED,
)

AT_ONCE = 1


def shares(state: State) -> tuple[Share, ...]:
    """The account's own pool's, and those in pools that it has left and has something of."""
    terms = state.terms
    if terms is None or terms.share is None:
        return ()
    return (terms.share, *terms.former)


def share_of(state: State) -> Share:
    share = state.terms.share if state.terms is not None else None
    assert share is not None, "only a member leases"
    return share


def share_in(state: State, pool: int) -> Share | None:
    """The account's in the pool with this key; None where it has none."""
    return next((each for each in shares(state) if each.pool == pool), None)


def join(state: State, share: Share) -> bool:
    """Makes it the account's own, in front of those in pools that it has left; False where it is
    in another pool."""
    terms = state.terms = state.terms or Terms()
    if terms.share is not None and terms.share is not share and not terms.share.left:
        return False
    terms.former = tuple(each for each in shares(state) if each is not share)
    terms.share = share
    share.left = False
    return True


def part(state: State, share: Share) -> None:
    """Nothing is left of what it leased."""
    terms = state.terms
    assert terms is not None, "only a member parts"
    rest = [each for each in shares(state) if each is not share]
    terms.share, terms.former = (rest[0] if rest else None), tuple(rest[1:])
    if terms == Terms():
        state.terms = None


def has_lease(state: State, pool: int) -> bool:
    share = share_in(state, pool)
    return share is not None and bool(share.leases or share.money_leased)


def pool_of(state: State) -> Pool:
    pool = state.terms.pool if state.terms is not None else None
    assert pool is not None, "only a pool is leased from"
    return pool


def lends(pool: State) -> bool:
    """Whether the account is a pool that has anything to do with its members now."""
    return pool.terms is not None and pool.terms.pool is not None and pool.status == Status.ACTIVE


def leased(state: State) -> Iterator[tuple[int, int]]:
    """(the member's bucket, the pool's) of each lease."""
    for share in shares(state):
        for held in share.leases:
            yield held.bucket, held.of


def find(state: State, bucket: int) -> int | None:
    """The place of the bucket with this number."""
    for place, each in enumerate(state.buckets):
        if each.number == bucket:
            return place
    return None


def place_of(state: State, bucket: int) -> int:
    place = find(state, bucket)
    assert place is not None, f"the lease's bucket {bucket} is gone"
    return place


def idle(state: State, held: Lease) -> int:
    """Units of the lease that aren't in use."""
    offset = place_of(state, held.bucket) * BUCKET_SIZE
    return state.flat[offset + REMAINING] - state.flat[offset + RESERVED]


def idle_money(state: State, share: Share) -> int:
    """Of what is leased, that which isn't in use."""
    free = state.money - (0 if state.prepaid else state.floor) - state.held
    for each in shares(state):
        found = max(min(each.money_leased, free), 0)
        if each is share:
            return found
        free -= found
    raise AssertionError("no share of this account's")


def settle_money(state: State) -> None:
    """After anything was debited: what is left of the balance bounds what is left of the leases.
    Credit that was lent is used, and free again with the month: all of it stays lent until it goes
    back."""
    if state.prepaid:
        left = max(state.money, 0)
        for share in shares(state):
            if share.money_leased > left:
                share.money_leased = left
            left -= share.money_leased


def lent_money(state: State) -> int:
    """Of the account's money, or of its credit limit, what pools have lent it."""
    return sum(share.money_leased for share in shares(state))


def unused_money(state: State) -> int:
    """Of that, what isn't used up."""
    if state.prepaid:
        return lent_money(state)
    return max(min(lent_money(state), state.money - state.floor), 0)


def credit_limit(state: State) -> int:
    """The account's own, in micros, wherever a pool has lent it."""
    terms = state.terms
    if terms is None or state.prepaid:
        return -state.floor
    lent = 0 if terms.pool is None else terms.pool.credit_lent
    return lent - state.floor - lent_money(state)


def idle_from(state: State) -> int:
    """From when on something of the account's leases may go back, that isn't in use: once it was
    held for its time, or at once where the account left its pool or is terminated; 0 for never.
    What is in use goes back when its session ends."""
    found = 0
    for share in shares(state):
        at = _idle_from(state, share)
        if at and (not found or at < found):
            found = at
    return found


def is_idle(state: State, epoch: int) -> bool:
    """Whether something of the account's leases may go back now."""
    return 0 < idle_from(state) <= epoch


def _idle_from(state: State, share: Share) -> int:
    gone = share.closed or state.status == Status.CLOSED
    if share.left and not share.leases and not share.money_leased:
        return AT_ONCE
    found = 0
    for held in share.leases:
        if not found or held.until < found:
            offset = place_of(state, held.bucket) * BUCKET_SIZE
            reserved = state.flat[offset + RESERVED]
            if not reserved or state.flat[offset + REMAINING] > reserved:
                found = held.until
    if share.money_until and (idle_money(state, share) or not share.money_leased):
        found = min(found, share.money_until) if found else share.money_until
    if found:
        return AT_ONCE if gone else found
    # Credit that was used is free again with the member's month.
    return state.ends if share.money_until and not state.prepaid else 0


def renew_share(share: Share, pool: State) -> None:
    """A month of the pool's begins: its limits count anew, but for money and credit that is lent
    still."""
    if share.month != pool.period:
        share.before = share.taken if share.month == pool.period - 1 else ()
        share.month, share.taken, share.told = pool.period, (), ()
        share.money_taken = share.money_leased
    share.month_starts, share.month_ends = pool.starts, pool.ends


def allowed(share: Share, pool: State, service: int, ends: int) -> int:
    """Units of the service that the member may lease until `ends`."""
    for limited, units in share.limits:
        if limited == service:
            counted = _counted(share, pool, ends)
            return units if counted is None else units - counted.get(service, 0)
    return MOST_UNITS


def count_taken(share: Share, pool: State, service: int, ends: int, units: int) -> None:
    """Counts units of a lease in the month of the pool's in which it ends."""
    counted = _counted(share, pool, ends)
    if counted is None:
        return
    counted[service] = max(counted.get(service, 0) + units, 0)
    found = tuple(sorted(counted.items()))
    if _month_of(pool, ends) == share.month:
        share.taken = found
    else:
        share.before = found


def _counted(share: Share, pool: State, ends: int) -> dict[int, int] | None:
    """None for what is older than the month before."""
    month = _month_of(pool, ends)
    if month == share.month:
        return dict(share.taken)
    return dict(share.before) if month == share.month - 1 else None


def _month_of(pool: State, ends: int) -> int:
    if pool.starts < ends <= pool.ends:
        return pool.period
    return month_at(ends - 1, pool.cycle_day, pool.time_zone)


def used_units(state: State, share: Share) -> dict[int, int]:
    """By service, what the member has used of the pool in the month that the share knows of."""
    found = dict(share.taken)
    for held in share.leases:
        offset = place_of(state, held.bucket) * BUCKET_SIZE
        service = state.flat[offset + BUCKET_SERVICE]
        if service in found and state.flat[offset + EXPIRES] > share.month_starts:
            found[service] -= state.flat[offset + REMAINING]
    return found


def unused_units(state: State, share: Share) -> dict[int, int]:
    """By the pool's bucket, what is leased and not used."""
    found: dict[int, int] = {}
    for held in share.leases:
        offset = place_of(state, held.bucket) * BUCKET_SIZE
        found[held.of] = found.get(held.of, 0) + state.flat[offset + REMAINING]
    return found


def used_money(state: State, share: Share) -> int:
    """The same of money or credit, in micros."""
    unused = share.money_leased
    if not state.prepaid:
        unused = max(min(unused, state.money - state.floor), 0)
    return share.money_taken - unused


def wait_no_more(share: Share) -> None:
    """The pool may have something for the member again, whatever it was told before."""
    share.vain = ()
    share.money_vain_until = 0
    share.waits = False
