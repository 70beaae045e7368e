"""What makes an account other than a plain one: a balance that expires, a fee, thresholds that
somebody is told of, a share in a pool, or being one. Encoded within the account's state, so
that fields are only ever added at the end, with a default. Instants are epoch seconds, money is
micros of the account's currency.
"""

import msgspec

from trunkline.charging.model import Circumstances


class Life(msgspec.Struct, array_like=True, gc=False):
    """How long the balance holds: `first_days` from the activation on (0: without an end), and at
    least `top_up_days` from each top-up on (0: a top-up changes that only when it is over); then
    there are `grace_days`."""

    first_days: int = 0
    top_up_days: int = 0
    grace_days: int = 0
    activated: int = 0
    """0 while pre-active."""
    valid_until: int = 0
    """0: for ever."""
    barred: bool = False
    """By people or policy, whatever the validity says."""
    forfeited: int = 0
    """The `valid_until` after whose grace what was left of the money was taken."""
    money_only: bool = False
    """A hybrid account's: when it is over, the money is; bills keep the account active."""


class Watch(msgspec.Struct, array_like=True, gc=False):
    """Somebody is told when the balance falls below one of `thresholds`."""

    thresholds: list[int] = []
    """The highest first."""
    below: int = 0
    """Below so many of them it is, and that was told."""


class Renewal(msgspec.Struct, array_like=True, gc=False):
    """What a month costs, taken from the balance; its allowances come with it."""

    fee: int
    label: str = ""
    paid: list[int] = []
    """The billing months, of this one and the one before, that are paid for."""
    missed: int = 0
    """The month for which the balance was too low when it was last asked for; told once."""
    first: str = ""
    """How days are counted (`rating.Days`) where the first month costs a part; "": it costs all."""


class Lease(msgspec.Struct, array_like=True, gc=False):
    """A slice of a pool's bucket that a member's own bucket holds."""

    bucket: int
    """The member's."""
    of: int
    """The pool's."""
    until: int
    """From then on a job may give back what of it isn't in use."""


class Spent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Usage of this kind nothing pays for any more."""

    service: int
    group: int = -1
    identifier: int = -1
    destination: int = 0
    """The called number as the rating kernel reads it."""
    where: Circumstances | None = None


class Share(msgspec.Struct, array_like=True, gc=False):
    """A member's share in a pool."""

    pool: int
    """The pool's row."""
    pool_id: str
    limits: tuple[tuple[int, int], ...] = ()
    """(service, units): at most so much of it in one of the pool's months."""
    money_limit: int = -1
    """The same for money; -1: no limit, 0: the pool's money isn't shared."""
    month: int = 0
    """The pool's month that `taken` and `money_taken` are of."""
    taken: tuple[tuple[int, int], ...] = ()
    """(service, units): leased in the month, less what was given back."""
    money_taken: int = 0
    leases: tuple[Lease, ...] = ()
    money_leased: int = 0
    """Of the member's money: the pool's, as yet unused. The member's own goes first. Of a postpaid
    member's credit limit: the pool's, used or not."""
    money_until: int = 0
    left: bool = False
    """It has left: what is in use goes back when it ends."""
    vain_until: int = 0
    """Of states that were written before there was `vain`."""
    money_vain_until: int = 0
    """The pool had no money for it: it isn't asked for any before."""
    vain: tuple[tuple[int, int], ...] = ()
    """(a kind of usage, until when): the pool had no units for it, and isn't asked before."""
    waits: bool = False
    """A session of its has too little for the pool had too little: it is told of more."""
    month_ends: int = 0
    """When the pool's month ends that `month` is."""
    before: tuple[tuple[int, int], ...] = ()
    """`taken` of the month before: late usage counts there."""
    paused: bool = False
    """By the pool's owner: as if it had left, until that is taken back."""
    month_starts: int = 0
    told: tuple[tuple[int, int], ...] = ()
    """(a service or money, percent): reached of a limit in `month`, and told."""
    spent: tuple[Spent, ...] = ()
    """What neither the pool nor the member pays for, of which files have told: the host was asked
    to stop it."""

    @property
    def closed(self) -> bool:
        """Nothing more is leased."""
        return self.left or self.paused


class Pool(msgspec.Struct, array_like=True, gc=False):
    """What an account is that leases to others."""

    members: int = 0
    leases: tuple[tuple[int, int], ...] = ()
    """(bucket, members that hold a lease of it)."""
    money_leases: int = 0
    """Members that hold money of it."""
    asked_back: int = 0
    """When idle leases were last called back because there was too little left; 0 since something
    came back."""
    credit_lent: int = 0
    """Of a postpaid pool's credit limit, what members have: the account's floor is without it."""
    told_in: int = 0
    """The month that `told` is of."""
    told: tuple[tuple[int, int], ...] = ()
    """(a service or money, percent): used or lent, and told."""
    emptied: tuple[tuple[Spent, bool], ...] = ()
    """Usage that it had no more units for, when it had money or hadn't: its members were looked
    at."""


class Credit(msgspec.Struct, array_like=True, gc=False):
    """What makes an account a hybrid one: usage that its balance doesn't reach goes onto its
    bill."""

    limit: int
    """At most so much in a billing month, but for what is used beyond grants."""
    billed: int = 0
    """Of the running month, what has gone onto the bill."""
    spent: int = 0
    """What usage has taken from the balance since anything last went onto the bill: what is given
    back goes there first."""


class Terms(msgspec.Struct, array_like=True, gc=False):
    life: Life | None = None
    watch: Watch | None = None
    renewal: Renewal | None = None
    share: Share | None = None
    pool: Pool | None = None
    credit: Credit | None = None
    former: tuple[Share, ...] = ()
    """In pools that the account has left and still has something of, while it is in another."""
