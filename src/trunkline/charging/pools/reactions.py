"""What pools do when they are told, and what people are told of them."""

from collections.abc import Mapping
from datetime import datetime

from trunkline.charging import store
from trunkline.charging.model import Service, service_unit
from trunkline.charging.pools import operations as pools
from trunkline.charging.pools.events import (
    CallBack,
    JoiningRefused,
    JoinPool,
    LeavePool,
    LimitReached,
    LookAgain,
    MemberReached,
    PoolClosed,
    PoolReached,
    PoolRefilled,
    PoolSpent,
)
from trunkline.charging.pools.exhaustion import look_again, look_at_members
from trunkline.customers import BillingAccountId, billing_account
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.messaging import SendMessage, money, notify
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction

_SIZES: Mapping[int, tuple[tuple[str, int], ...]] = {
    Service.DATA: (("GB", 10**9), ("MB", 10**6), ("kB", 1000)),
    Service.VOICE: (("min", 60),),
}


def join_pool(tx: Tx, message: JoinPool, now: datetime) -> None:
    try:
        pools.join_pool(tx, message, now)
    except (Conflict, Invalid, NotFound, Refused) as refusal:
        tx.emit(
            JoiningRefused(
                account=message.account,
                pool=message.pool,
                code=refusal.code,
                reason=str(refusal),
            )
        )


def name_owner(tx: Tx, reached: LimitReached, _now: datetime) -> None:
    """Who owns the pool is known here, and told over there."""
    pool = store.account(tx, store.account_id(tx, reached.pool))
    assert pool is not None, "accounts are never deleted"
    tx.emit(MemberReached(reached=reached, owner=pool.billing_account))


def limit_reached(tx: Tx, event: LimitReached, _now: datetime) -> None:
    _say(tx, event.billing_account, event, _amount(event), event.phone)


def member_reached(tx: Tx, event: MemberReached, _now: datetime) -> None:
    """The owner is told whose limit it is; where that is its own, it was told already."""
    reached = event.reached
    whose = billing_account(tx, reached.billing_account).customer
    if billing_account(tx, event.owner).customer != whose:
        name = reached.phone or reached.account
        _say(tx, event.owner, reached, f"{_amount(reached)} ({name})", None)


def pool_reached(tx: Tx, event: PoolReached, _now: datetime) -> None:
    _say(tx, event.billing_account, event, _amount(event), None)


def _say(
    tx: Tx,
    to: BillingAccountId,
    event: LimitReached | PoolReached,
    counter: str,
    phone: str | None,
) -> None:
    said = {"counter": counter, "percent": str(event.percent)}
    owner = billing_account(tx, to).customer
    notify(tx, SendMessage(template="usage.threshold", customer=owner, variables=said, phone=phone))


def _amount(event: LimitReached | PoolReached) -> str:
    """The limit, as people in any language read it."""
    if event.money is not None:
        return money(event.money)
    for name, size in _SIZES.get(event.service, ()):
        if event.units % size == 0:
            return f"{event.units // size} {name}"
    return f"{event.units} {service_unit(event.service)}"


REACTIONS: tuple[Reaction, ...] = (
    Reaction("charging.join_pool", on=JoinPool, run=join_pool, database="charging"),
    Reaction("charging.leave_pool", on=LeavePool, run=pools.leave_pool, database="charging"),
    Reaction("charging.pool_closed", on=PoolClosed, run=pools.send_away, database="charging"),
    Reaction("charging.call_back", on=CallBack, run=pools.call_back, database="charging"),
    Reaction(
        "charging.pool_refilled", on=PoolRefilled, run=pools.tell_members, database="charging"
    ),
    Reaction("charging.pool_spent", PoolSpent, look_at_members, "charging"),
    Reaction("charging.look_again", LookAgain, look_again, "charging"),
    Reaction("charging.name_owner", on=LimitReached, run=name_owner, database="charging"),
    Reaction("charging.limit_reached", on=LimitReached, run=limit_reached, database="books"),
    Reaction("charging.member_reached", on=MemberReached, run=member_reached, database="books"),
    Reaction("charging.pool_reached", on=PoolReached, run=pool_reached, database="books"),
)
