"""What is told of limits: to members of their own, to owners of their pools', at 80 and at 100
percent, once in each of the pool's months. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

from trunkline.charging.pools.events import MONEY, LimitReached, PoolReached
from trunkline.charging.pools.shares import pool_of, share_of, used_money, used_units
from trunkline.charging.state import NO_FLOOR, State
from trunkline.charging.store import Account
from trunkline.charging.terms import Share
from trunkline.kernel.money import Money
from trunkline.rating import BUCKET_SERVICE, BUCKET_SIZE, EXPIRES, REMAINING, STARTS

TOLD_AT = (80, 100)
"""Percent."""
_Told = tuple[tuple[int, int], ...]


def limits_reached(account: Account, phone: str | None, now: int) -> Iterator[LimitReached]:
    """The member's limits that its usage has reached since this was last asked."""
    state, share = account.state, share_of(account.state)
    for of, used, limit in _limits(state, share):
        percent, share.told = _reached(share.told, of, used, limit)
        if percent:
            yield LimitReached(
                account=account.id,
                billing_account=account.billing_account,
                pool=share.pool,
                at=datetime.fromtimestamp(now, UTC),
                phone=phone,
                percent=percent,
                service=of,
                units=0 if of == MONEY else limit,
                money=Money(limit, state.currency) if of == MONEY else None,
            )


def _limits(state: State, share: Share) -> Iterator[tuple[int, int, int]]:
    """(of what, used, limit)."""
    if share.limits:
        used = used_units(state, share)
        for service, limit in share.limits:
            yield service, used.get(service, 0), limit
    if share.money_limit > 0:
        yield MONEY, used_money(state, share), share.money_limit


def pool_reached(account: Account, now: int) -> Iterator[PoolReached]:
    """What of the pool's is lent or used to such a part since this was last asked: units of a
    service that hold now, or its credit limit. A balance has thresholds of its own."""
    state, its = account.state, pool_of(account.state)
    if its.told_in != state.period:
        its.told_in, its.told = state.period, ()
    for of, left, total in _whole(state, now):
        percent, its.told = _reached(its.told, of, total - left, total)
        if percent:
            yield PoolReached(
                account=account.id,
                billing_account=account.billing_account,
                at=datetime.fromtimestamp(now, UTC),
                percent=percent,
                service=of,
                units=0 if of == MONEY else total,
                money=Money(total, state.currency) if of == MONEY else None,
            )


def _whole(state: State, now: int) -> Iterator[tuple[int, int, int]]:
    """(of what, left, in all)."""
    sums: dict[int, tuple[int, int]] = {}
    flat = state.flat
    for place, bucket in enumerate(state.buckets):
        offset = place * BUCKET_SIZE
        if flat[offset + STARTS] <= now < flat[offset + EXPIRES]:
            left, total = sums.get(flat[offset + BUCKET_SERVICE], (0, 0))
            left, total = left + flat[offset + REMAINING], total + bucket.granted
            sums[flat[offset + BUCKET_SERVICE]] = left, total
    for service, (left, total) in sums.items():
        yield service, left, total
    if not state.prepaid and state.floor != NO_FLOOR:
        yield MONEY, state.money - state.floor, pool_of(state).credit_lent - state.floor


def _reached(told: _Told, of: int, used: int, limit: int) -> tuple[int, _Told]:
    """The percentage that is to be told now, 0 for none, and what has been told then."""
    percent = max((each for each in TOLD_AT if used * 100 >= limit * each), default=0)
    before = dict(told)
    if not limit or percent <= before.get(of, 0):
        return 0, told
    return percent, tuple(sorted((before | {of: percent}).items()))
