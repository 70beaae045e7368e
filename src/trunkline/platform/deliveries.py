"""The deliveries in an outbox: how the relay finds, takes, fails and removes them."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import NotFound
from trunkline.kernel.time import from_micros, to_micros
from trunkline.platform.db import OUTBOX, Reader, Tx
from trunkline.platform.messages import DatabaseName
from trunkline.platform.outbox import PARKED, PENDING


class Delivery(msgspec.Struct, frozen=True):
    """A row of an outbox."""

    source: DatabaseName
    id: int
    subscriber: str
    topic: str
    key: str
    payload: str
    created_at: datetime
    due_at: datetime | None
    attempts: int
    last_error: str | None


class NotParked(NotFound):
    code = "notParked"


class Statements:
    """What is asked of one database's outbox and inbox."""

    def __init__(self, outbox: sa.Table, inbox: sa.Table) -> None:
        # Literal, so that the partial indexes serve.
        pending: sa.ColumnElement[str] = sa.literal_column(f"'{PENDING}'")
        parked: sa.ColumnElement[str] = sa.literal_column(f"'{PARKED}'")
        none: sa.ColumnElement[int] = sa.literal_column("0")
        row, earlier = outbox.alias("row"), outbox.alias("earlier")
        now = sa.bindparam("now", type_=sa.BigInteger)
        ids = sa.bindparam("ids", type_=sa.BigInteger, expanding=True)
        self.due = (
            sa.select(row)
            .where(row.c.state == pending, row.c.due_at <= now)
            .where(
                ~sa.exists().where(
                    earlier.c.attempts > none,
                    earlier.c.subscriber == row.c.subscriber,
                    earlier.c.key == row.c.key,
                    earlier.c.id < row.c.id,
                )
            )
            .order_by(row.c.due_at, row.c.id)
            .limit(sa.bindparam("limit"))
        )
        # Only rows that are still as they were seen: another relay may have been here since.
        self.take = sa.select(outbox.c.id).where(
            outbox.c.id.in_(ids), outbox.c.state == pending, outbox.c.due_at <= now
        )
        self.lock = self.take.with_for_update(skip_locked=True)
        self.remove = sa.delete(outbox).where(outbox.c.id.in_(ids))
        self.fail = (
            sa.update(outbox)
            .where(outbox.c.id == sa.bindparam("which"), outbox.c.state == pending)
            .values(
                attempts=sa.bindparam("attempts_"),
                due_at=sa.bindparam("due_at_"),
                state=sa.bindparam("state_"),
                last_error=sa.bindparam("error_"),
            )
        )
        self.there = sa.select(outbox.c.id).where(outbox.c.id.in_(ids))
        self.next_due = sa.select(sa.func.min(outbox.c.due_at)).where(
            outbox.c.state == pending, outbox.c.due_at > now
        )
        self.parked = (
            sa.select(outbox)
            .where(outbox.c.state == parked, outbox.c.id > sa.bindparam("after"))
            .order_by(outbox.c.id)
            .limit(sa.bindparam("limit"))
        )
        due = row.c.state == pending, row.c.due_at <= now
        # A delivery's turn came when it was sent, or at the instant it was held back to.
        turn = sa.case((row.c.due_at > row.c.created_at, row.c.due_at), else_=row.c.created_at)
        self.backlog = sa.select(
            sa.func.count().filter(*due).label("due"),
            sa.func.count().filter(row.c.state == pending, row.c.due_at > now).label("later"),
            sa.func.count().filter(row.c.state == parked).label("parked"),
            sa.func.min(turn).filter(*due).label("oldest"),
        )
        self.unpark = (
            sa.update(outbox)
            .where(outbox.c.id == sa.bindparam("which"), outbox.c.state == parked)
            .values(state=PENDING, due_at=0, attempts=1)
        )
        self._define_inbox(inbox)

    def _define_inbox(self, inbox: sa.Table) -> None:
        ids = sa.bindparam("ids", type_=sa.BigInteger, expanding=True)
        source = inbox.c.source == sa.bindparam("source")
        self.received = sa.select(inbox.c.delivery).where(source, inbox.c.delivery.in_(ids))
        self.receive = sa.insert(inbox)
        self.old = (
            sa.select(inbox.c.delivery)
            .where(source, inbox.c.received_at < sa.bindparam("before"))
            .limit(1000)
        )
        self.forget = sa.delete(inbox).where(source, inbox.c.delivery.in_(ids))


STATEMENTS = {name: Statements(*tables) for name, tables in OUTBOX.items()}


def parked(r: Reader, *, after: int = 0, limit: int = 100) -> list[Delivery]:
    """The deliveries of this database that were given up, by id."""
    rows = r.execute(STATEMENTS[r.database.name].parked, {"after": after, "limit": limit})
    return [delivery_of(r.database.name, row) for row in rows]


def backlog(r: Reader, now: datetime) -> tuple[int, int, int, float]:
    """How many deliveries of this database are due, held back and parked, and how long the
    oldest due one has waited, in seconds."""
    row = r.execute(STATEMENTS[r.database.name].backlog, {"now": to_micros(now)}).one()
    oldest = to_micros(now) if row.oldest is None else row.oldest
    return row.due, row.later, row.parked, max(0.0, (to_micros(now) - oldest) / 1_000_000)


def retry_parked(tx: Tx, delivery: int) -> None:
    """Lets a parked delivery run again, at once. Raises `NotParked`."""
    result = tx.execute(STATEMENTS[tx.database.name].unpark, {"which": delivery})
    if result.rowcount != 1:
        raise NotParked(f"no delivery {delivery} is parked in {tx.database.name}")
    tx.emitted = True


def delivery_of(source: DatabaseName, row: Any) -> Delivery:
    return Delivery(
        source=source,
        id=row.id,
        subscriber=row.subscriber,
        topic=row.topic,
        key=row.key,
        payload=row.payload,
        created_at=from_micros(row.created_at),
        due_at=from_micros(row.due_at) if row.due_at else None,
        attempts=row.attempts,
        last_error=row.last_error,
    )
