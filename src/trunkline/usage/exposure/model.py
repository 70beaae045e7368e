"""What ended, for how long it could be used still, and how the host stands to stopping it."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from trunkline.charging import Service
from trunkline.inventory import ProductId, ServiceId
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money


class Cause(StrEnum):
    """What came to its end: a prepaid balance (the host suspends the services), what data abroad
    may cost in a month (it bars data roaming), or what a member of a pool has, of the pool or its
    own, for a service (it bars that)."""

    BALANCE = "balance"
    ROAMING = "roaming"
    POOL_DATA = "poolData"
    POOL_VOICE = "poolVoice"
    POOL_SMS = "poolSms"
    POOL_MMS = "poolMms"


POOLS = {
    Service.DATA: Cause.POOL_DATA,
    Service.VOICE: Cause.POOL_VOICE,
    Service.SMS: Cause.POOL_SMS,
    Service.MMS: Cause.POOL_MMS,
}
"""What comes to its end for a member of a pool, by service."""
CHARACTERISTICS = {
    Cause.ROAMING: "dataRoaming",
    Cause.POOL_DATA: "data",
    Cause.POOL_VOICE: "voice",
    Cause.POOL_SMS: "sms",
    Cause.POOL_MMS: "mms",
}
"""The service characteristics that bar a part of a service on the network: "barred", or
"allowed"."""


class BarState(StrEnum):
    ASKED = "asked"
    """The host was told to stop it, and hasn't answered: usage goes on."""
    BARRED = "barred"
    REFUSED = "refused"
    """The host won't stop it, or gave no answer for long: usage goes on."""
    LIFTING = "lifting"
    """The host was told to let it go on, and hasn't answered."""
    KEPT = "kept"
    """The host won't let it go on, or gave no answer for long."""


BAR_LIFECYCLE = Lifecycle(
    "the bar",
    {
        BarState.ASKED: {BarState.BARRED, BarState.REFUSED, BarState.LIFTING},
        BarState.BARRED: {BarState.ASKED, BarState.LIFTING},
        BarState.REFUSED: {BarState.ASKED, BarState.BARRED, BarState.LIFTING},
        BarState.LIFTING: {BarState.ASKED, BarState.BARRED, BarState.KEPT},
        BarState.KEPT: {BarState.BARRED, BarState.LIFTING},
    },
)
UNSETTLED = (BarState.ASKED, BarState.REFUSED, BarState.LIFTING, BarState.KEPT)
"""Those in which the network isn't as it is to be."""
HANDED_OVER = (BarState.REFUSED, BarState.KEPT)
"""Those that a person sees to, if no further try does."""

RETRIES = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""From each refusal to the next try; after the last one a person decides."""


class UnknownBar(NotFound):
    code = "unknownBar"


class NothingRefused(Conflict):
    """Only what the network has refused can be asked for again."""

    code = "nothingRefused"


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What the host was asked to stop for one service; it is forgotten once it is lifted.
    `wanted` says whether it is to be stopped still: what changes before the host has answered
    waits for that. `attempts` failed so far; `reason` is what the host said last."""

    service: ServiceId
    cause: Cause
    product: ProductId
    state: BarState
    asked_at: datetime
    wanted: bool = True
    instruction: str | None = None
    attempts: int = 0
    reason: str | None = None
    ticket: str | None = None


class Exposure(msgspec.Struct, frozen=True):
    """One end: when the usage happened that reached it, when a file told of it, when the network
    had stopped it, and when it went on by right (a top-up, consent, another month). `beyond` is
    what was used past it; with `until` the month ends that it holds for."""

    account: str
    cause: Cause
    reached_at: datetime
    noticed_at: datetime
    barred_at: datetime | None
    restored_at: datetime | None
    beyond: Money
    until: datetime | None = None

    @property
    def delay(self) -> float:
        """Seconds from the usage to the file that told of it."""
        return max((self.noticed_at - self.reached_at).total_seconds(), 0.0)

    @property
    def seconds(self) -> float | None:
        """For how long usage could go on; None as long as it can."""
        if self.barred_at is None:
            return None
        return max((self.barred_at - self.reached_at).total_seconds(), 0.0)

    @property
    def is_open(self) -> bool:
        """Whether usage goes on that nobody pays for."""
        return self.barred_at is None and self.restored_at is None

    @property
    def within(self) -> int:
        """The least of `DELAYS` within which the file came; 0 where it came later than all."""
        return next((bound for bound in DELAYS if self.delay <= bound), 0)


DELAYS = (300, 900, 3600, 6 * 3600)
"""Seconds: the bounds by which exposure is told apart by how late files came."""
MEASURED = timedelta(days=30)


class Exposed(msgspec.Struct, frozen=True):
    """All that was ever exposed by one cause in one currency; `unbarred` of the ends are open
    still."""

    cause: Cause
    ends: int
    unbarred: int
    beyond: Money


class Waived(msgspec.Struct, frozen=True):
    """What of the price of so many records of usage nobody is charged for, by the reason."""

    waiver: str
    records: int
    amount: Money


class Band(msgspec.Struct, frozen=True):
    """The ends that files told of within `within` seconds (0: later than all bounds): how many
    there were, how many can be used past still, what was used past them by currency, and for how
    many seconds, at most, it could be."""

    cause: Cause
    within: int
    ends: int
    unbarred: int
    beyond: tuple[Money, ...]
    longest: int | None
