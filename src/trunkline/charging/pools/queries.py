"""What members use of their pools, from charging's own database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trunkline.charging import store as accounts
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.pools import store
from trunkline.charging.pools.shares import share_in, unused_units, used_money, used_units
from trunkline.charging.state import State
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


def member_use(r: Reader, account: ChargingAccountId, now: datetime) -> MemberUse | None:
    """None for who is no member."""
    found = accounts.account(r, account)
    terms = None if found is None else found.state.terms
    if found is None or terms is None or terms.share is None or terms.share.left:
        return None
    return _use(found.id, found.state, terms.share, now)


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
