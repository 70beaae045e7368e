"""What members use of their pools, from charging's own database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trunkline.charging import store as accounts
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.pools import store
from trunkline.charging.pools.shares import share_in, unused_units, used_money, used_units
from trunkline.charging.queries import Balance, balances_by_id
from trunkline.charging.state import State, Status
from trunkline.charging.terms import Share
from trunkline.kernel.money import Money
from trunkline.platform.db import Reader


class MemberUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has used of its pool since the pool's month began, and what it may."""

    account: ChargingAccountId
    pool: ChargingAccountId
    units: Mapping[int, int]
    """By service, in its unit."""
    limits: Mapping[int, int]
    """Of those that have one."""
    money: Money
    money_limit: Money | None
    shares_money: bool
    paused: bool
    lent: Mapping[int, int]
    """By the pool's bucket, what the member has leased and not used."""
    since: datetime | None
    until: datetime | None
    """The pool's month; None where the member hasn't leased anything in it yet."""


class SharedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one service that a member shares: what it has `used` of its pool in the pool's
    month, at most `limit`, and what is `left` to it, wherever that is just now: with the pool, or
    leased by it."""

    service: int
    name: str
    used: int
    limit: int | None
    left: int
    reserved: int


class MemberShare(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has of its pool; `money` is what is left to it of the pool's money or credit,
    None where that isn't shared."""

    use: MemberUse
    units: tuple[SharedUnits, ...]
    money: Money | None


def member_shares(
    r: Reader, balances: Iterable[Balance], now: datetime
) -> dict[ChargingAccountId, MemberShare]:
    """Of those of these accounts that are members."""
    members = {each.account: each for each in balances if each.pool is not None}
    if not members:
        return {}
    found = accounts.accounts_by_ids(r, list(members))
    uses = [each for each in (_own_use(account, now) for account in found) if each is not None]
    pools = balances_by_id(r, {each.pool for each in uses}, now)
    return {each.account: _share(members[each.account], pools[each.pool], each) for each in uses}


def _share(member: Balance, pool: Balance, use: MemberUse) -> MemberShare:
    lends = pool.status is Status.ACTIVE and not use.paused
    return MemberShare(
        use=use,
        units=tuple(_shared_units(member, pool, use, lends=lends)),
        money=_shared_money(member, pool, use, lends=lends) if use.shares_money else None,
    )


def _shared_units(
    member: Balance, pool: Balance, use: MemberUse, *, lends: bool
) -> Iterator[SharedUnits]:
    leased = [each for each in member.buckets if each.shared]
    names: dict[int, dict[str, None]] = {}
    there, held, reserved = Counter[int](), Counter[int](), Counter[int]()
    for each in (*pool.buckets, *leased):
        there[each.service] += each.remaining
        names.setdefault(each.service, {})[each.name] = None
    for each in leased:
        held[each.service] += each.remaining
        reserved[each.service] += each.reserved
    for service in sorted(there.keys() | use.units.keys() | use.limits.keys()):
        used, limit = use.units.get(service, 0), use.limits.get(service)
        # What is reserved is used to its end, also by who is paused.
        left = there[service] if lends else reserved[service] if use.paused else held[service]
        if limit is not None:
            left = max(min(left, limit - used), 0)
        yield SharedUnits(
            service=service,
            name=", ".join(names.get(service, ())),
            used=used,
            limit=limit,
            left=left,
            reserved=reserved[service],
        )


def _shared_money(member: Balance, pool: Balance, use: MemberUse, *, lends: bool) -> Money:
    left = member.shared_money or Money.zero(member.money.currency)
    if lends and pool.lendable is not None:
        left += pool.lendable
    if use.money_limit is not None:
        left = max(min(left, use.money_limit - use.money), Money.zero(left.currency))
    return left


def member_uses(
    r: Reader, pool: ChargingAccountId, now: datetime, most: int
) -> Sequence[MemberUse]:
    """Of the pool's members, those that joined it first."""
    found = accounts.account(r, pool)
    if found is None:
        return ()
    members = [
        (each, share_in(each.state, found.key))
        for each in store.members_after(r, found.key, 0, most)
    ]
    return [
        _use(each.id, each.state, share, now)
        for each, share in members
        if share is not None and not share.left
    ]


def _own_use(account: accounts.Account, now: datetime) -> MemberUse | None:
    terms = account.state.terms
    if terms is None or terms.share is None or terms.share.left:
        return None
    return _use(account.id, account.state, terms.share, now)


def _use(account: ChargingAccountId, state: State, share: Share, now: datetime) -> MemberUse:
    running = now.timestamp() < share.month_ends
    return MemberUse(
        account=account,
        pool=ChargingAccountId(share.pool_id),
        units=used_units(state, share) if running else {},
        limits=dict(share.limits),
        money=Money(used_money(state, share) if running else 0, state.currency),
        money_limit=Money(share.money_limit, state.currency) if share.money_limit > 0 else None,
        shares_money=share.money_limit != 0,
        paused=share.paused,
        lent=unused_units(state, share),
        since=datetime.fromtimestamp(share.month_starts, UTC) if running else None,
        until=datetime.fromtimestamp(share.month_ends, UTC) if running else None,
    )
