"""Usage: one record of what a subscriber consumed, and how it stands."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from trunkline.charging import ChargingAccountId, Circumstances
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money


class UsageId(Id):
    __slots__ = ()
    prefix = "usg"


class UsageBatchId(Id):
    """Records that were sent to charging together."""

    __slots__ = ()
    prefix = "ubt"


class UsageState(StrEnum):
    """TMF635's usage status, as far as it is ours: billing keeps its own account of what it
    has billed."""

    RECEIVED = "received"
    """With charging, which hasn't answered yet."""
    RATED = "rated"
    REJECTED = "rejected"
    """Charging could not: `Usage.error` says why. It waits for a person and a retry."""
    RECYCLED = "recycled"
    """With charging once more."""


LIFECYCLE: Lifecycle[UsageState] = Lifecycle(
    "usage",
    {
        UsageState.RECEIVED: {UsageState.RATED, UsageState.REJECTED},
        UsageState.RECYCLED: {UsageState.RATED, UsageState.REJECTED},
        UsageState.REJECTED: {UsageState.RECYCLED},
        UsageState.RATED: set(),
    },
)


class UnknownUsage(NotFound):
    code = "unknownUsage"


class FileOfOtherSource(Conflict):
    """The very same file came in before, under another source's name."""

    code = "fileOfOtherSource"


class SerialKnown(Conflict):
    """A file of this number came before from the source, and said something else."""

    code = "usageSerialKnown"


class UsageStands(Conflict):
    """What was rated, or is being rated, is part of an account's history."""

    code = "usageStands"


class RecordKnown(Conflict):
    """A record of this source and id came before, and said something else."""

    code = "usageRecordKnown"


class UnreadableFile(Invalid):
    """Not a usage file at all; nothing of it was taken. `path` is the file, and the line."""

    code = "unreadableFile"


class UsageRecord(msgspec.Struct, frozen=True):
    """What a line of a file says. Numbers are E.164 digits without a plus sign; `quantity` is
    in the service's base unit: bytes, seconds, messages, or events for a service that the
    operator named (`service_code`)."""

    record_id: str
    service: int
    subscriber: str
    start: datetime
    quantity: int
    called: str = ""
    rating_group: int | None = None
    service_identifier: int | None = None
    where: Circumstances | None = None


class Usage(msgspec.Struct, frozen=True):
    """A record that was taken in. `source` and the record's own id name it for ever; `charge`
    and what stands beside it is charging's answer."""

    id: UsageId
    source: str
    content: UsageRecord
    file: str | None
    """The file's SHA-256, in hexadecimal; None for what came by itself."""
    line: int | None
    state: UsageState
    batch: UsageBatchId
    received_at: datetime
    description: str | None = None
    specification: str | None = None
    """The id of the UsageSpecification that its sender named."""
    details: Mapping[str, Any] = {}
    """What the sender said beside: kept, never read."""
    account: ChargingAccountId | None = None
    billing_account: BillingAccountId | None = None
    journal_record: str | None = None
    charge: Money | None = None
    free: int = 0
    """Units that allowances covered."""
    label: str | None = None
    """The name of the price."""
    error: str | None = None
    answered_at: datetime | None = None
    waived: Money | None = None
    """What of the price isn't in `charge`: nobody is charged for it..."""
    waiver: str | None = None
    """...and why: a stable code."""


class RejectedLine(NamedTuple):
    """A line of which nothing was taken. `column` is empty where the line as a whole is at
    fault."""

    line: int
    column: str
    reason: str


class UsageFile(msgspec.Struct, frozen=True):
    """A file that was taken in, or is being: how many of its records were new, how many had
    come before, and how many lines were no record."""

    sha256: str
    source: str
    name: str
    size: int
    accepted: int
    duplicates: int
    rejected: int
    started_at: datetime
    finished_at: datetime | None = None
    serial: int | None = None
    """The number under which it came among the files of its source, where they are numbered."""


class MissingFiles(NamedTuple):
    """Of a source's numbered files, these numbers haven't come, though later ones have."""

    source: str
    first: int
    last: int


class ImportReport(msgspec.Struct, frozen=True):
    """What one import did: records that it took, records that were here already, and every
    line of the file that is no record (at most `MOST_TOLD` of them)."""

    file: UsageFile
    accepted: int
    duplicates: int
    rejected: tuple[RejectedLine, ...]


MOST_TOLD = 1000
