"""The table of those who tried wrong codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.vouchers.lockouts.model import Lockout

lockout = sa.Table(
    "voucher_lockout",
    books_metadata,
    sa.Column("who", sa.String(200), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False, index=True),
)

_LOCKS = sa.select(lockout).where(lockout.c.who.in_(sa.bindparam("whose", expanding=True)))
_BEGIN_LOCK = postgresql.insert(lockout).on_conflict_do_nothing()
_HOLD_LOCKS = _LOCKS.order_by(lockout.c.who).with_for_update()
_SET_LOCK = (
    sa.update(lockout)
    .where(lockout.c.who == sa.bindparam("which", type_=sa.String))
    .values(
        failures=sa.bindparam("failures_", type_=sa.Integer),
        failed_at=sa.bindparam("failed_at_", type_=Instant),
        until=sa.bindparam("until_", type_=Instant),
    )
)
_LOCKED = (
    sa.select(lockout)
    .where(lockout.c.until > sa.bindparam("now", type_=Instant))
    .order_by(lockout.c.until.desc(), lockout.c.who)
    .limit(sa.bindparam("limit"))
)
_TIDY = sa.delete(lockout).where(
    lockout.c.who.in_(sa.bindparam("whose", expanding=True)), lockout.c.failures == 0
)
_FORGET = sa.delete(lockout).where(
    lockout.c.until < sa.bindparam("before", type_=Instant),
    lockout.c.failed_at < sa.bindparam("before", type_=Instant),
)
_FREE = sa.delete(lockout).where(lockout.c.who == sa.bindparam("which", type_=sa.String))


def hold_locks(tx: Tx, whose: Sequence[str], now: datetime) -> dict[str, Lockout]:
    """The counts of these, which nobody else changes until the transaction ends."""
    tx.execute(
        _BEGIN_LOCK,
        [{"who": each, "failures": 0, "failed_at": now, "until": now} for each in sorted(whose)],
    )
    return {row.who: _of_lock(row) for row in tx.execute(_HOLD_LOCKS, {"whose": list(whose)})}


def locks_of(r: Reader, whose: Sequence[str]) -> dict[str, Lockout]:
    return {row.who: _of_lock(row) for row in r.execute(_LOCKS, {"whose": list(whose)})}


def tidy_locks(tx: Tx, whose: Sequence[str]) -> None:
    """Of these, those who have not failed need not be kept."""
    tx.execute(_TIDY, {"whose": list(whose)})


def forget_locks(tx: Tx, before: datetime) -> int:
    """Those that were over before then; how many that were."""
    return tx.execute(_FORGET, {"before": before}).rowcount


def save_lock(tx: Tx, changed: Lockout) -> None:
    values = {
        "which": changed.who,
        "failures_": changed.failures,
        "failed_at_": changed.failed_at,
        "until_": changed.until,
    }
    tx.execute(_SET_LOCK, values)


def locked(r: Reader, now: datetime, limit: int) -> list[Lockout]:
    return [_of_lock(row) for row in r.execute(_LOCKED, {"now": now, "limit": limit})]


def free(tx: Tx, who: str) -> bool:
    return tx.execute(_FREE, {"which": who}).rowcount == 1


def _of_lock(row: Any) -> Lockout:
    return Lockout(who=row.who, failures=row.failures, failed_at=row.failed_at, until=row.until)
