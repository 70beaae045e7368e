"""What pools are told from afar, and what they tell."""

from datetime import datetime
from typing import ClassVar

import msgspec

from trunkline.charging.model import ChargingAccountId, Service
from trunkline.charging.terms import Spent
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.platform.messages import Message

MONEY = -1
"""In the place of a service."""


class UnitLimit(msgspec.Struct, frozen=True):
    """`units` of a service, in its unit, for a month of the pool's."""

    service: Service
    units: int


class _AboutMember(Message, frozen=True, kw_only=True):
    account: ChargingAccountId
    pool: ChargingAccountId

    @property
    def key(self) -> str:
        return self.account


class JoinPool(_AboutMember, frozen=True, kw_only=True):
    """A command: what the account lacks it gets from the pool from now on, in each month at most
    `limits`; `money` too, at most `money_limit`, where both are prepaid. Who is a member already
    has other limits from now on; one that is `paused` gets nothing, until it is told otherwise, and
    gives back what it has and isn't in use. Answered by `PoolJoined` or `JoiningRefused`."""

    topic: ClassVar[str] = "charging.join_pool"

    limits: tuple[UnitLimit, ...] = ()
    money: bool = False
    money_limit: Money | None = None
    paused: bool = False


class LeavePool(_AboutMember, frozen=True, kw_only=True):
    """A command: the account gets nothing more of the pool, and what it has of it and isn't in
    use goes back; the rest when it is used no more. Answered by `PoolLeft`."""

    topic: ClassVar[str] = "charging.leave_pool"


class PoolJoined(_AboutMember, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.pool_joined"

    at: datetime


class JoiningRefused(_AboutMember, frozen=True, kw_only=True):
    """Trying again won't help."""

    topic: ClassVar[str] = "charging.joining_refused"

    code: str
    reason: str


class PoolLeft(_AboutMember, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.pool_left"

    at: datetime


class _Reached(Message, frozen=True, kw_only=True):
    account: ChargingAccountId
    billing_account: BillingAccountId
    at: datetime
    percent: int
    service: int
    """Or `MONEY`."""
    units: int
    """The limit, in the service's unit, or `money`."""
    money: Money | None = None

    @property
    def key(self) -> str:
        return self.account


class LimitReached(_Reached, frozen=True, kw_only=True):
    """A member has used so many percent of what it may have of its pool in the pool's month: once
    for each percentage and month."""

    topic: ClassVar[str] = "charging.limit_reached"

    pool: int
    """The pool's row."""
    phone: str | None = None
    """The number that was used."""


class MemberReached(Message, frozen=True, kw_only=True):
    """The same, with the pool's `owner`."""

    topic: ClassVar[str] = "charging.member_reached"

    reached: LimitReached
    owner: BillingAccountId

    @property
    def key(self) -> str:
        return self.reached.account


class PoolReached(_Reached, frozen=True, kw_only=True):
    """Of a pool's units, or credit limit, so many percent are used or with members."""

    topic: ClassVar[str] = "charging.pool_reached"


class MemberStands(_AboutMember, frozen=True, kw_only=True):
    """For these services of a member's something pays again, its pool or the member itself; or,
    with `reached_at`, nothing does any more since usage of then, which a file has told of and
    nothing has paid for by `beyond`."""

    topic: ClassVar[str] = "charging.member_stands"

    services: tuple[int, ...]
    reached_at: datetime | None = None
    beyond: Money | None = None


class PoolSpent(Message, frozen=True, kw_only=True):
    """A command within charging: a pool is used up; say which of its members have nothing else.
    `at` is when that was; `after` is the member from which on to look."""

    topic: ClassVar[str] = "charging.pool_spent"

    pool: int
    of: Spent
    at: datetime
    after: int = 0

    @property
    def key(self) -> str:
        return f"pool/{self.pool}"


class LookAgain(Message, frozen=True, kw_only=True):
    """A command within charging: a member may have something to pay with again."""

    topic: ClassVar[str] = "charging.look_again"

    member: int

    @property
    def key(self) -> str:
        return str(self.member)


class CallBack(Message, frozen=True, kw_only=True):
    """A command within charging: a pool has too little left; get back what its members lease and
    don't use. `after` is the member from which on to look; `then` follows when all are done."""

    topic: ClassVar[str] = "charging.call_back"

    pool: int
    after: int = 0
    then: PoolSpent | None = None

    @property
    def key(self) -> str:
        return f"pool/{self.pool}"


class PoolRefilled(Message, frozen=True, kw_only=True):
    """Within charging: a pool has more than before; members whose sessions wait for it are to be
    told. `after` is the member from which on."""

    topic: ClassVar[str] = "charging.pool_refilled"

    pool: int
    after: int = 0

    @property
    def key(self) -> str:
        return f"pool/{self.pool}"


class PoolClosed(Message, frozen=True, kw_only=True):
    """A command within charging: have the members of a pool that is closed leave it. `after` is the
    member from which on."""

    topic: ClassVar[str] = "charging.pool_closed"

    pool: int
    after: int = 0

    @property
    def key(self) -> str:
        return f"pool/{self.pool}"
