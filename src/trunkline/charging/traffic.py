"""How many requests come: counted in each batch's own commit, so that what is shown was
answered, and no request pays for it with a commit of its own.

A slot is five seconds of one worker, so that workers never wait for each other's count.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from trunkline.kernel.ids import Id
from trunkline.platform.db import Reader, Tx, charging_metadata

SLOT = 5
"""Seconds."""
RECENT = 2
"""Whole slots that the present rate is an average of."""

COUNT = (
    "INSERT INTO charging_traffic (slot, worker, requests) VALUES ({0}, {0}, {0})"
    " ON CONFLICT (slot, worker) DO UPDATE"
    " SET requests = charging_traffic.requests + excluded.requests"
)
"""For the drivers, with their own placeholder."""

Count = tuple[int, str, int]
"""Slot (epoch second), worker, requests: the parameters of `COUNT`."""


class WorkerId(Id):
    """One `GroupCommit`."""

    __slots__ = ()
    prefix = "wrk"


table = sa.Table(
    "charging_traffic",
    charging_metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("worker", sa.String, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
)

_between = table.c.slot >= sa.bindparam("since"), table.c.slot < sa.bindparam("until")
_sum = sa.select(sa.func.coalesce(sa.func.sum(table.c.requests), 0)).where(*_between)
_by_hour = sa.text(
    "SELECT slot / 3600 AS hour, sum(requests) AS requests FROM charging_traffic"
    " WHERE slot >= :since AND slot < :until GROUP BY slot / 3600 ORDER BY hour"
)
_forget = sa.delete(table).where(table.c.slot < sa.bindparam("until"))


def slot_of(epoch: int) -> int:
    return epoch - epoch % SLOT


def requests_between(r: Reader, since: datetime, until: datetime) -> int:
    """Requests answered in the slots that begin from `since` on and before `until`."""
    span = {"since": int(since.timestamp()), "until": int(until.timestamp())}
    return int(r.execute(_sum, span).scalar_one())


def requests_per_second(r: Reader, now: datetime) -> int:
    """Over the last ten seconds or so, rounded up: 0 means none."""
    until = slot_of(int(now.timestamp()))
    span = {"since": until - RECENT * SLOT, "until": until}
    return -(-int(r.execute(_sum, span).scalar_one()) // (RECENT * SLOT))


def requests_by_hour(r: Reader, since: datetime, until: datetime) -> dict[datetime, int]:
    """By the instant at which each hour began; hours without any are missing."""
    span = {"since": int(since.timestamp()), "until": int(until.timestamp())}
    return {
        datetime.fromtimestamp(row.hour * 3600, UTC): int(row.requests)
        for row in r.execute(_by_hour, span)
    }


def forget_traffic(tx: Tx, *, older_than: timedelta, now: datetime) -> int:
    """Drops counts that nobody looks at any more; returns how many."""
    return tx.execute(_forget, {"until": int((now - older_than).timestamp())}).rowcount
