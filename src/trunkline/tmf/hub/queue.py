"""The deliveries as a queue: what is claimed, and what comes of it.

What is claimed is due again a while later: a sender that is killed loses nothing. Of what belongs
in one order only the first is claimed, and the next once that one's end is committed: so even what
comes twice comes before what follows it. A listener's row is locked while its deliveries are
claimed, so that two senders don't take the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.kernel.time import to_micros
from trunkline.platform.db import Instant, Reader, Tx
from trunkline.tmf.hub.store import NEVER, delivery, event, listener, topic_event

LEASE = timedelta(seconds=30)
"""How long what was claimed is left alone."""
AT_ONCE = 16
"""Deliveries of one listener that one sender has under way, at most."""

DELAYS = (1, 5, 30, 120, 600, 3600, 3600, 3600)
"""Seconds before each retry of an event that a listener declines; then it is parked."""
ABSENCE = (1, 2, 5, 15, 30, 60)
"""Seconds between the attempts to reach a listener that is away; the last goes on."""
PATIENCE = timedelta(days=3)
"""An event that couldn't be delivered for so long, its listener being away, is parked."""

_LISTENER_COLUMNS = ("callback", "query", "secret", "failures", "topic_id")


class Claimed(msgspec.Struct, frozen=True):
    """A delivery that is ours for a while, and where it goes."""

    id: int
    listener: str
    key: str
    event: str
    event_type: str
    body: Any
    attempts: int
    created_at: datetime
    callback: str
    query: str | None
    secret: str | None
    topic: str | None
    failures: int
    """Its listener's, when it was claimed."""


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended. `error` is None where it was taken; `is_away` says that the listener
    couldn't be reached, `wait` for how many seconds it asked. Where nothing was tried, as the
    sender stops, `released` is set."""

    delivery: Claimed
    error: str | None = None
    is_away: bool = False
    wait: int | None = None
    released: bool = False


_now = sa.bindparam("now", type_=sa.BigInteger)
_row, _earlier = delivery.alias("row"), delivery.alias("earlier")
_ready = (
    _row.c.due_at <= _now,
    ~sa.exists().where(
        _earlier.c.listener_id == _row.c.listener_id,
        _earlier.c.key == _row.c.key,
        _earlier.c.id < _row.c.id,
    ),
)
_WITH_WORK = (
    sa.select(listener.c.id)
    .where(
        listener.c.next_at <= _now,
        listener.c.id.not_in(sa.bindparam("busy", type_=sa.String, expanding=True)),
        sa.exists().where(_row.c.listener_id == listener.c.id, *_ready),
    )
    .order_by(listener.c.next_at, listener.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_LOCK = (
    sa.select(listener.c.id, *(listener.c[name] for name in _LISTENER_COLUMNS))
    .where(
        listener.c.id.in_(sa.bindparam("ids", type_=sa.String, expanding=True)),
        listener.c.next_at <= _now,
    )
    .with_for_update(skip_locked=True)
)
_READY = (
    sa.select(_row, event.c.type.label("event_type"), event.c.body)
    .join(event, event.c.id == _row.c.event_id)
    .where(_row.c.listener_id == sa.bindparam("which"), *_ready)
    .order_by(_row.c.due_at, _row.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_LEASE = (
    sa.update(delivery)
    .where(delivery.c.id.in_(sa.bindparam("ids", type_=sa.BigInteger, expanding=True)))
    .values(due_at=sa.bindparam("until", type_=sa.BigInteger))
)
_PROBE = (
    sa.update(listener)
    .where(listener.c.id == sa.bindparam("which"))
    .values(next_at=sa.bindparam("until", type_=sa.BigInteger))
)
_GONE = sa.delete(delivery).where(
    delivery.c.id.in_(sa.bindparam("ids", type_=sa.BigInteger, expanding=True))
)
_FORGET = sa.delete(event).where(
    event.c.id.in_(sa.bindparam("ids", type_=sa.String, expanding=True)),
    ~sa.exists().where(delivery.c.event_id == event.c.id),
    ~sa.exists().where(topic_event.c.event_id == event.c.id),
)
_FAILED = (
    sa.update(delivery)
    .where(delivery.c.id == sa.bindparam("which"))
    .values(
        due_at=sa.bindparam("due_at_"),
        attempts=sa.bindparam("attempts_"),
        last_error=sa.bindparam("error_"),
    )
)
_REACHED = (
    sa.update(listener)
    .where(listener.c.id == sa.bindparam("which"), listener.c.failures > 0)
    .values(failures=0, failing_since=None, next_at=0, last_error=None)
)
_AWAY = (
    sa.update(listener)
    .where(listener.c.id == sa.bindparam("which"))
    .values(
        failures=listener.c.failures + 1,
        failing_since=sa.func.coalesce(
            listener.c.failing_since, sa.bindparam("since", type_=Instant)
        ),
        next_at=sa.bindparam("next_at_"),
        last_error=sa.bindparam("error_"),
    )
)
_FAILURES = sa.select(listener.c.id, listener.c.failures, listener.c.next_at).where(
    listener.c.id.in_(sa.bindparam("ids", type_=sa.String, expanding=True))
)
_NEXT_DUE = sa.select(sa.func.min(delivery.c.due_at)).where(delivery.c.due_at > _now)
_NEXT_LISTENER = sa.select(sa.func.min(listener.c.next_at)).where(listener.c.next_at > _now)


def with_work(r: Reader, now: datetime, *, busy: Iterable[str], most: int) -> list[str]:
    """Listeners that something can be sent to, without the busy ones."""
    params = {"now": to_micros(now), "busy": sorted(busy), "most": most}
    return list(r.execute(_WITH_WORK, params).scalars())


def claim(
    tx: Tx, ids: Sequence[str], now: datetime, *, under_way: Mapping[str, int]
) -> list[Claimed]:
    """The deliveries of these listeners that may be sent now, in their order; of a listener
    that couldn't be reached only one."""
    micros, until = to_micros(now), to_micros(now + LEASE)
    taken: list[Claimed] = []
    for found in tx.execute(_LOCK, {"ids": list(ids), "now": micros}).all():
        most = 1 if found.failures else AT_ONCE - under_way.get(found.id, 0)
        ready = tx.execute(_READY, {"which": found.id, "now": micros, "most": most}).all()
        taken += [_claimed(row, found) for row in ready]
        if found.failures and ready:
            tx.execute(_PROBE, {"which": found.id, "until": until})
    if taken:
        tx.execute(_LEASE, {"ids": [each.id for each in taken], "until": until})
    return taken


def _claimed(row: Any, found: Any) -> Claimed:
    return Claimed(
        id=row.id,
        listener=found.id,
        key=row.key,
        event=row.event_id,
        event_type=row.event_type,
        body=row.body,
        attempts=row.attempts,
        created_at=row.created_at,
        callback=found.callback,
        query=found.query,
        secret=found.secret,
        topic=found.topic_id,
        failures=found.failures,
    )


def record(tx: Tx, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Notes how attempts ended: what was taken is gone; what failed waits or is parked."""
    done = [each.delivery for each in outcomes if each.error is None and not each.released]
    if done:
        tx.execute(_GONE, {"ids": [each.id for each in done]})
        tx.execute(_FORGET, {"ids": sorted({each.event for each in done})})
    released = [each.delivery.id for each in outcomes if each.released]
    if released:
        tx.execute(_LEASE, {"ids": released, "until": 0})
    next_at = _note_listeners(tx, [each for each in outcomes if not each.released], now)
    for each in outcomes:
        if each.error is not None:
            tx.execute(_FAILED, _failure(each, next_at.get(each.delivery.listener), now))


def _failure(outcome: Outcome, next_at: int | None, now: datetime) -> dict[str, Any]:
    """An event that is declined is tried so often; one whose listener is away, until it is
    back, or `PATIENCE` has run out."""
    known = outcome.delivery
    attempts = known.attempts if outcome.is_away else known.attempts + 1
    due = NEVER
    if outcome.is_away and now - known.created_at < PATIENCE:
        due = next_at or to_micros(now + timedelta(seconds=ABSENCE[0]))
    elif not outcome.is_away and attempts <= len(DELAYS):
        due = to_micros(now + timedelta(seconds=DELAYS[attempts - 1]))
    return {
        "which": known.id,
        "attempts_": attempts,
        "due_at_": due,
        "error_": outcome.error,
    }


def _note_listeners(tx: Tx, tried: Sequence[Outcome], now: datetime) -> dict[str, int]:
    """Whoever took or declined something is there; whoever only failed is away, and nothing is
    sent to it before the instant that is returned."""
    there = {each.delivery.listener for each in tried if not each.is_away}
    away = {each.delivery.listener: each for each in tried if each.is_away}
    for name in sorted(there):
        tx.execute(_REACHED, {"which": name})
    gone = sorted(away.keys() - there)
    next_at = {}
    for row in tx.execute(_FAILURES, {"ids": gone}).all() if gone else ():
        outcome = away[row.id]
        if row.failures != outcome.delivery.failures:  # noted by another of the same moment
            next_at[row.id] = row.next_at
            continue
        delay = ABSENCE[min(row.failures, len(ABSENCE) - 1)]
        wait = timedelta(seconds=max(delay, outcome.wait or 0))
        next_at[row.id] = to_micros(now + wait)
        values = {"next_at_": next_at[row.id], "since": now, "error_": outcome.error}
        tx.execute(_AWAY, {"which": row.id, **values})
    return next_at


def next_due(r: Reader, now: datetime) -> int | None:
    """The next instant at which something may fall due, in microseconds."""
    found = [
        r.execute(each, {"now": to_micros(now)}).scalar() for each in (_NEXT_DUE, _NEXT_LISTENER)
    ]
    known = [each for each in found if each is not None and each < NEVER]
    return min(known, default=None)
