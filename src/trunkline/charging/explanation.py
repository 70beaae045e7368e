"""Why a record cost what it cost: the event is run again from what its record kept, and the
result held against what was stored. The hot path carries no trace."""

from datetime import UTC, datetime

import msgspec

from trunkline.charging import history, store
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.journal import RecordKind
from trunkline.charging.model import ChargingAccountId, Service
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.money import Money
from trunkline.platform.db import Reader
from trunkline.rating import (
    BUCKET_SIZE,
    CHARGE,
    EXPIRES,
    FREE,
    GRANTED,
    LABEL,
    POSITION,
    POSITION_END,
    REMAINING,
    RESERVED,
    START,
    STARTS,
    TAKEN,
    UNITS,
    Rater,
    bucket_offset,
)


class UnknownRecord(NotFound):
    code = "unknownRecord"


class NotUsage(Conflict):
    """Only priced usage can be run again."""

    code = "notUsage"


class BucketUse(msgspec.Struct, frozen=True):
    """What a bucket had free for this usage, and what it gave."""

    free: int
    taken: int
    starts: datetime
    expires: datetime


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`stored` is what the journal says, `recomputed` what the same tariff says today. They
    are equal unless the record or the tariff was tampered with (`holds`)."""

    record: str
    tariff: int
    label: str
    service: Service
    units: int
    started: datetime
    buckets: tuple[BucketUse, ...]
    free: int
    stored: Money
    recomputed: Money
    holds: bool


def explain(r: Reader, account: ChargingAccountId, seq: int) -> Explanation:
    """The usage of one journal record, reckoned again. Raises `UnknownChargingAccount`,
    `UnknownRecord`, and `NotUsage` for a record of something else."""
    found = store.account(r, account)
    if found is None:
        raise UnknownChargingAccount(f"there is no charging account {account[:40]!r}")
    row = history.one(r, found.key, seq)
    if row is None:
        raise UnknownRecord(f"{account} has no record {seq}", account=account, seq=seq)
    if row.kind != RecordKind.USAGE or row.slice is None:
        raise NotUsage(f"record {seq} of {account} is no priced usage")
    evidence = msgspec.msgpack.decode(row.slice, type=list[int])
    size = POSITION_END - POSITION
    stored, before = evidence[:-size], evidence[-size:]
    again = stored[:]
    again[POSITION:POSITION_END] = before
    tariff = store.tariff(r, row.tariff)
    Rater(tariff).rate(again)
    currency = found.state.currency
    return Explanation(
        record=f"{account}/{seq}",
        tariff=row.tariff,
        label=tariff.labels[again[LABEL]],
        service=Service(row.service),
        units=stored[UNITS],
        started=datetime.fromtimestamp(stored[START], UTC),
        buckets=tuple(_uses(again)),
        free=again[FREE],
        stored=Money(row.charge, currency),
        recomputed=Money(again[CHARGE], currency),
        holds=again == stored
        and (row.charge, row.units, row.free, row.label)
        == (again[CHARGE], again[GRANTED], again[FREE], again[LABEL]),
    )


def _uses(slice_: list[int]) -> list[BucketUse]:
    """Those that were asked in vain are left out."""
    uses = []
    for offset in range(bucket_offset(0), len(slice_), BUCKET_SIZE):
        bucket = slice_[offset : offset + BUCKET_SIZE]
        if bucket[TAKEN]:
            uses.append(
                BucketUse(
                    bucket[REMAINING] - bucket[RESERVED],
                    bucket[TAKEN],
                    datetime.fromtimestamp(bucket[STARTS], UTC),
                    datetime.fromtimestamp(bucket[EXPIRES], UTC),
                )
            )
    return uses
