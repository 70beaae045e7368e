"""Joining a pool, leaving it, and getting back what its members don't use."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from trunkline.charging import hot, notices, ongoing
from trunkline.charging import store as accounts
from trunkline.charging.account import AccountIsClosed, UnknownChargingAccount
from trunkline.charging.hybrid import credit_of
from trunkline.charging.journal import Record
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.notices import NoticeKind
from trunkline.charging.policy.events import BalanceStands
from trunkline.charging.pools import store
from trunkline.charging.pools.events import (
    CallBack,
    JoinPool,
    LeavePool,
    PoolClosed,
    PoolJoined,
    PoolLeft,
    PoolRefilled,
)
from trunkline.charging.pools.exhaustion import forget_spent
from trunkline.charging.pools.leasing import Sides, give_back
from trunkline.charging.pools.shares import (
    has_lease,
    is_idle,
    join,
    part,
    pool_of,
    share_in,
    wait_no_more,
)
from trunkline.charging.state import NO_FLOOR, State, Status
from trunkline.charging.store import Account
from trunkline.charging.terms import Share
from trunkline.kernel.errors import Conflict, Invalid, Refused
from trunkline.kernel.money import CurrencyMismatch
from trunkline.platform.db import Database, Tx

CHUNK = 50
"""Members that one transaction takes back from, and for which the pool's row is held."""


class NotAPool(Refused):
    code = "notAPool"


class AlreadyMember(Conflict):
    """An account is a member of one pool at most."""

    code = "alreadyMember"


class PoolOfOthers(Refused):
    """Money and units don't move between legal entities' books or currencies."""

    code = "poolOfOthers"


def join_pool(tx: Tx, command: JoinPool, now: datetime) -> None:
    """Raises `UnknownChargingAccount`, `AccountIsClosed`, `NotAPool`, `AlreadyMember`,
    `PoolOfOthers`, `CurrencyMismatch` and `Invalid`."""
    member, pool = _held(tx, command.account, command.pool)
    _check_pool(member.state, pool.state)
    limits = _limits(command)
    money_limit = _money_limit(command, member.state, pool.state)
    known = share_in(member.state, pool.key)
    share = known or Share(pool.key, str(pool.id))
    if not join(member.state, share):
        raise AlreadyMember("is a member of another pool", path="account")
    if known is None:
        pool_of(pool.state).members += 1
        store.insert(tx, member.key, pool.key)
    share.limits, share.money_limit = limits, money_limit
    share.left = False
    share.paused = command.paused
    tx.emit_all(forget_spent(member, share))
    wait_no_more(share)
    store.wait_no_more(tx, pool.key, [member.key])
    if share.paused:
        take_back(tx, [member], pool, now)
    else:
        # The pool pays from now on for whoever has nothing of its own.
        tx.emit(BalanceStands(account=member.id))
        notices.tell(tx, member, NoticeKind.REAUTHORISE)
        hot.write(tx, [member, pool], [])
    tx.emit(PoolJoined(account=command.account, pool=command.pool, at=now))


def _check_pool(member: State, pool: State) -> None:
    if pool.terms is None or pool.terms.pool is None:
        raise NotAPool("leases nothing to anybody", path="pool")
    if member.terms is not None and member.terms.pool is not None:
        raise Invalid("is a pool itself", path="account")
    if Status.CLOSED in (member.status, pool.status):
        raise AccountIsClosed("the charging account is closed")
    if (member.entity, member.currency) != (pool.entity, pool.currency):
        raise PoolOfOthers("is of another legal entity or currency", path="pool")


def _limits(command: JoinPool) -> tuple[tuple[int, int], ...]:
    if any(each.units < 0 for each in command.limits):
        raise Invalid("is below zero", path="limits")
    limits = {int(each.service): each.units for each in command.limits}
    if len(limits) < len(command.limits):
        raise Invalid("names a service twice", path="limits")
    return tuple(sorted(limits.items()))


def _money_limit(command: JoinPool, member: State, pool: State) -> int:
    """0 where money isn't shared."""
    if not command.money:
        return 0
    if member.prepaid != pool.prepaid:
        raise Invalid("is shared between accounts that are all prepaid, or postpaid", path="money")
    if credit_of(member) is not None or credit_of(pool) is not None:
        raise Invalid("isn't shared with a hybrid account: units are", path="money")
    if NO_FLOOR in (member.floor, pool.floor):
        raise Invalid("is shared where both have a credit limit", path="money")
    limit = command.money_limit
    if limit is None:
        return -1
    if limit.currency != member.currency:
        raise CurrencyMismatch(f"a limit in {limit.currency}", path="moneyLimit")
    if limit.micros <= 0:
        raise Invalid("is above zero", path="moneyLimit")
    return limit.micros


def leave_pool(tx: Tx, command: LeavePool, now: datetime) -> None:
    """Sessions that use anything of the pool's ask again. Idempotent. Raises
    `UnknownChargingAccount`."""
    member, pool = _held(tx, command.account, command.pool)
    share = share_in(member.state, pool.key)
    if share is None:
        return
    share.left = True
    if share.leases or share.money_leased:
        notices.tell(tx, member, NoticeKind.REAUTHORISE, everyone=True)
    tx.emit_all(forget_spent(member, share))
    take_back(tx, [member], pool, now)
    tx.emit(PoolLeft(account=command.account, pool=command.pool, at=now))


def send_away(tx: Tx, closed: PoolClosed, _now: datetime) -> None:
    """Has a chunk of the pool's members leave it, and sends itself on to the next."""
    pool = accounts.account_id(tx, closed.pool)
    found = store.members_after(tx, closed.pool, closed.after, 10 * CHUNK)
    tx.emit_all(LeavePool(account=each.id, pool=pool) for each in found)
    if len(found) == 10 * CHUNK:
        tx.emit(PoolClosed(pool=closed.pool, after=found[-1].key))


def call_back(tx: Tx, command: CallBack, now: datetime) -> None:
    """Gets back what a chunk of the pool's members lease and don't use, and sends itself on to
    the next."""
    found = store.members_after(tx, command.pool, command.after, 10 * CHUNK)
    idle = [each.key for each in found if has_lease(each.state, command.pool)][:CHUNK]
    if idle:
        held = accounts.hold_many(tx, [*idle, command.pool])
        pool = held.pop(command.pool)
        take_back(tx, list(held.values()), pool, now)
    if idle and len(idle) == CHUNK:
        tx.emit(msgspec.structs.replace(command, after=idle[-1]))
    elif len(found) == 10 * CHUNK:
        tx.emit(msgspec.structs.replace(command, after=found[-1].key))
    elif command.then is not None:
        tx.emit(command.then)


def tell_members(tx: Tx, refilled: PoolRefilled, _now: datetime) -> None:
    """Has a chunk of the members that wait for the pool ask again, and sends itself on to the
    next: whoever has to wait once more by then is told of the next refill."""
    keys = store.who_waits(tx, refilled.pool, refilled.after, CHUNK)
    if not keys:
        return
    held = accounts.hold_many(tx, keys)
    for member in held.values():
        share = share_in(member.state, refilled.pool)
        if share is not None:
            wait_no_more(share)
        notices.tell_of_credit(tx, member)
    hot.write(tx, held.values(), [])
    store.wait_no_more(tx, refilled.pool, keys)
    if len(keys) == CHUNK:
        tx.emit(PoolRefilled(pool=refilled.pool, after=keys[-1]))


def return_leases(database: Database, members: Iterable[int], now: datetime) -> int:
    """Gets back what these accounts have leased for too long; returns from how many."""
    with database.read() as r:
        memberships = store.pools_of(r, members)
    by_pool: dict[int, list[int]] = {}
    for member, pool in memberships:
        by_pool.setdefault(pool, []).append(member)
    epoch = int(now.timestamp())
    for pool, keys in by_pool.items():
        for start in range(0, len(keys), CHUNK):
            with database.transaction() as tx:
                held = accounts.hold_many(tx, [*keys[start : start + CHUNK], pool])
                its = held.pop(pool)
                take_back(
                    tx, [each for each in held.values() if is_idle(each.state, epoch)], its, now
                )
                accounts.set_due(tx, held.values())
    return len({member for member, _ in memberships})


def hold_with_pools(tx: Tx, member: int) -> dict[int, Account]:
    """The account, and those of the pools that it has anything of, held in the order of their
    keys."""
    return accounts.hold_many(tx, [member, *(pool for _, pool in store.pools_of(tx, [member]))])


def take_back(tx: Tx, members: Sequence[Account], pool: Account, now: datetime) -> None:
    """Gets back what these members have of the pool and don't use; all are held, and saved here.
    Who has left, and has nothing more of it, is no member any longer."""
    epoch = int(now.timestamp())
    written: list[tuple[int, Record]] = []
    befores = [(each, ongoing.standing(each.state)) for each in (*members, pool)]
    for member in members:
        share = share_in(member.state, pool.key)
        if share is None:
            continue
        sides = Sides(str(member.id), str(pool.id), [], [])
        empty = give_back(member.state, share, pool.state, sides, epoch)
        written += ((member.key, each) for each in sides.members)
        written += ((pool.key, each) for each in sides.pools)
        if empty and share.left:
            part(member.state, share)
            pool_of(pool.state).members -= 1
            store.delete(tx, member.key, pool.key)
    ongoing.tell(tx, befores, (), now)
    hot.write(tx, [*members, pool], written)
    for account in (*members, pool):
        account.version += 1
    if any(key == pool.key for key, _ in written):
        tx.emit(PoolRefilled(pool=pool.key))


def _held(tx: Tx, member: ChargingAccountId, pool: ChargingAccountId) -> tuple[Account, Account]:
    """Both, held in the order of their keys."""
    if member == pool:
        raise Invalid("is the account itself", path="pool")
    keys = {each.id: each.key for each in accounts.accounts_by_ids(tx, [member, pool])}
    for each in (member, pool):
        if each not in keys:
            raise UnknownChargingAccount(f"there is no charging account {each[:40]!r}")
    held = accounts.hold_many(tx, keys.values())
    return held[keys[member]], held[keys[pool]]
