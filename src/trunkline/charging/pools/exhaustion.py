"""Members for whom nothing pays any more: their pool is used up, or their limit in it reached, and
they have nothing of their own.

The network's requests are refused then. What files tell of can't be: it is said, so that the host
may stop it, and taken back as soon as anything pays again (`MemberStands`). A pool that is used up
has all its members looked at, some at a time.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from trunkline.charging import hot, ongoing
from trunkline.charging import store as accounts
from trunkline.charging.debit import Turn
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import Record
from trunkline.charging.model import ChargeRequest, ChargingAccountId, Service
from trunkline.charging.pools import store
from trunkline.charging.pools.events import LookAgain, MemberStands, PoolSpent
from trunkline.charging.pools.needs import Want, serving
from trunkline.charging.pools.shares import allowed, lends, pool_of, renew_share
from trunkline.charging.sessions import called_number
from trunkline.charging.state import State, Status
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Share, Spent
from trunkline.kernel.money import Money
from trunkline.platform.db import Tx
from trunkline.rating import (
    BUCKET_SERVICE,
    BUCKET_SIZE,
    CHARGE,
    EXPIRES,
    NO_LIMIT,
    REMAINING,
    RESERVED,
    STARTS,
    Plan,
)

CHUNK = 50
"""Members that one transaction writes..."""
LOOKED_AT = 500
"""...of so many that it looks at."""
SAMPLES = {Service.DATA: 1_000_000, Service.VOICE: 60, Service.SMS: 1, Service.MMS: 1}
"""Of each service that a host's network can stop by itself, units that cost something where any
do."""


class Looked(NamedTuple):
    """After usage that a pool serves: whether anything pays for more of it, and whether the pool
    has just become unable to pay for any of the service, for those who share its money or for those
    who don't."""

    pays: bool
    emptied: bool


def share_in_use(state: State) -> Share | None:
    """Of an account that is a member now."""
    share = None if state.terms is None else state.terms.share
    return None if share is None or share.closed else share


def usage_of(request: ChargeRequest) -> Spent:
    """Of which kind the usage is that a record told of."""
    [unit] = request.units
    return Spent(
        request.service,
        -1 if unit.rating_group is None else unit.rating_group,
        -1 if unit.service_identifier is None else unit.service_identifier,
        called_number(request.called),
        request.where,
    )


def look(
    member: State, pool: State, of: Spent, tariffs: Tariffs, now: int, records: list[Record]
) -> Looked | None:
    """None where the pool has nothing to do with such usage. Both are held; the pool remembers
    that it was used up."""
    in_force = tariffs.at(now)
    plan = None if in_force is None else in_force.plan(member.plan)
    share = share_in_use(member)
    if plan is None or share is None or member.status != Status.ACTIVE:
        return None
    want, its = _want(of, now), pool_of(pool)
    serves = next(serving(pool, plan, want), None) is not None
    if not serves and not share.money_limit:
        return None
    rich = _has_money(pool)
    empty = not _has_any(pool, of.service, now) and (serves or not rich)
    known = any(each.service == of.service and was == rich for each, was in its.emptied)
    if empty and not known:
        its.emptied = (*its.emptied, (of, rich))
    return Looked(pays(member, pool, of, tariffs, now, records), empty and not known)


def look_before(pool: State, now: int) -> None:
    """Before anything is used: of what was used up, the pool remembers what is so still."""
    its = None if pool.terms is None else pool.terms.pool
    if its is None or not its.emptied:
        return
    rich = _has_money(pool)
    its.emptied = tuple(
        (each, was)
        for each, was in its.emptied
        if was == rich and not _has_any(pool, each.service, now)
    )


def pays(
    member: State,
    pool: State | None,
    of: Spent,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
) -> bool:
    """Whether anything pays for more of such usage: units of the member's own or of its pool's,
    money or credit of either; or it costs nothing. The member's month begins where it hasn't."""
    in_force = tariffs.at(now)
    turn = Turn(
        member,
        records,
        in_force,
        at=now,
        service=of.service,
        destination=of.destination,
        session="",
        number=0,
        where=of.where,
    )
    plan, want = turn.plan, _want(of, now)
    if in_force is None or plan is None or _has_money(member) or _has_units(member, plan, want):
        return True
    sample = SAMPLES.get(Service(of.service), 1) if of.service in SAMPLES else 1
    quota = turn.quota(of.group, of.identifier)
    slice_ = turn.slice(plan, quota, sample, NO_LIMIT, buckets=False)
    if in_force.rate(slice_) < 0 or not slice_[CHARGE]:
        return True
    share = share_in_use(member)
    return share is not None and pool is not None and _may_lease(share, pool, plan, want)


def _want(of: Spent, now: int) -> Want:
    return Want(of.service, of.group, of.identifier, of.where, now, 1)


def _has_money(state: State) -> bool:
    return state.money - state.floor - state.held > 0


def _has_units(state: State, plan: Plan, want: Want) -> bool:
    return any(_left(state, place) > 0 for place in serving(state, plan, want))


def _has_any(state: State, service: int, now: int) -> bool:
    """Units of the service, for whatever use of it: the host stops all of it, or nothing."""
    flat = state.flat
    return any(
        flat[offset + BUCKET_SERVICE] == service
        and flat[offset + STARTS] <= now < flat[offset + EXPIRES]
        and flat[offset + REMAINING] > flat[offset + RESERVED]
        for offset in range(0, len(flat), BUCKET_SIZE)
    )


def _left(state: State, place: int) -> int:
    offset = place * BUCKET_SIZE
    return state.flat[offset + REMAINING] - state.flat[offset + RESERVED]


def _may_lease(share: Share, pool: State, plan: Plan, want: Want) -> bool:
    if not lends(pool):
        return False
    renew_share(share, pool)
    if share.money_limit and _has_money(pool):
        return share.money_limit < 0 or share.money_taken < share.money_limit
    return any(
        _left(pool, place) > 0
        and allowed(
            share, pool, want.service, min(pool.flat[place * BUCKET_SIZE + EXPIRES], pool.ends)
        )
        > 0
        for place in serving(pool, plan, want)
    )


def note_spent(member: Account, of: Spent, at: datetime, beyond: int) -> MemberStands:
    """Says that nothing pays for such usage of a member's any more, of which `beyond` was in vain
    already; the share remembers it."""
    state = member.state
    share = share_in_use(state)
    assert share is not None, "only a member's"
    others = (each for each in share.spent if each.service != of.service)
    share.spent = (*others, of)
    return MemberStands(
        account=member.id,
        pool=ChargingAccountId(share.pool_id),
        services=(of.service,),
        reached_at=at,
        beyond=Money(beyond, state.currency),
    )


def look_at_members(tx: Tx, command: PoolSpent, now: datetime) -> None:
    """Says of a chunk of the pool's members who has nothing else, and sends itself on to the
    next."""
    epoch, of = int(now.timestamp()), command.of
    tariffs = installed_tariffs(tx)
    pool = accounts.account(tx, accounts.account_id(tx, command.pool))
    assert pool is not None, "accounts are never deleted"
    found = store.members_after(tx, command.pool, command.after, LOOKED_AT)
    unpaid = (
        each.key
        for each in found
        if _is_new(each.state, command) and not pays(each.state, pool.state, of, tariffs, epoch, [])
    )
    stuck = list(islice(unpaid, CHUNK))
    # With the pool: whoever adds to it finds those who wait from then on.
    held = accounts.hold_many(tx, [*stuck, command.pool] if stuck else [])
    pool = held.pop(command.pool, pool)
    written: list[tuple[int, Record]] = []
    for member in held.values():
        records: list[Record] = []
        before = ongoing.standing(member.state)
        if _is_new(member.state, command) and not pays(
            member.state, pool.state, of, tariffs, epoch, records
        ):
            tx.emit(note_spent(member, of, command.at, 0))
        tx.emit_all(ongoing.news(member, before, epoch))
        written += ((member.key, record) for record in records)
    wait(tx, list(held.values()))
    hot.write(tx, held.values(), written)
    if len(stuck) == CHUNK:
        tx.emit(PoolSpent(pool=command.pool, of=of, at=command.at, after=stuck[-1]))
    elif len(found) == LOOKED_AT:
        tx.emit(PoolSpent(pool=command.pool, of=of, at=command.at, after=found[-1].key))


def _is_new(state: State, command: PoolSpent) -> bool:
    """Whether it isn't known of a member. Who has left may still have something of the pool in use,
    and be in another."""
    share = share_in_use(state)
    if share is None or share.pool != command.pool or state.status != Status.ACTIVE:
        return False
    return all(each.service != command.of.service for each in share.spent)


def wait(tx: Tx, members: Sequence[Account]) -> None:
    """Those for whom nothing pays hear of more in their pool. They are written after it."""
    which = []
    for member in members:
        share = share_in_use(member.state)
        if share is not None and share.spent and not share.waits:
            share.waits = True
            which.append((share.pool, member.key))
    if which:
        store.wait(tx, which)


def look_again(tx: Tx, command: LookAgain, now: datetime) -> None:
    """Something was added to the member or its pool: says what it pays for again."""
    epoch = int(now.timestamp())
    pools = [pool for _, pool in store.pools_of(tx, [command.member])]
    held = accounts.hold_many(tx, [command.member, *pools])
    member = held[command.member]
    share = share_in_use(member.state)
    pool = None if share is None else held.get(share.pool)
    if share is None or not share.spent or pool is None:
        return
    tariffs, records = installed_tariffs(tx), list[Record]()
    before = ongoing.standing(member.state)
    ongoing.enter(member.state, epoch, records)
    paid = [
        each
        for each in share.spent
        if pays(member.state, pool.state, each, tariffs, epoch, records)
    ]
    share.spent = tuple(each for each in share.spent if each not in paid)
    wait(tx, [member])
    written = [(member.state, record) for record in records]
    ongoing.tell(tx, [(member, before)], written, now)
    hot.write(tx, [member], [(member.key, record) for record in records])
    if paid:
        tx.emit(_pays_again(member, share, paid))


def forget_spent(member: Account, share: Share) -> list[MemberStands]:
    """Who joins a pool, or leaves it, is stopped for what its pool doesn't pay no longer. What it
    has of its own counts from then on."""
    spent, share.spent = share.spent, ()
    return [_pays_again(member, share, spent)] if spent else []


def _pays_again(member: Account, share: Share, of: Sequence[Spent]) -> MemberStands:
    return MemberStands(
        account=member.id,
        pool=ChargingAccountId(share.pool_id),
        services=tuple(each.service for each in of),
    )
