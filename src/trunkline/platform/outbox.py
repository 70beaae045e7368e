"""The outbox: deliveries that were committed together with what caused them.

Each database has one. A row is one message for one subscriber (a `Reaction`'s name); it goes
away in the transaction of its reaction, or, when that is another database's, after the
reaction's transaction has left an `inbox` row there. `due_at` is 0 for "at once".
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

import sqlalchemy as sa

from trunkline.kernel.time import to_micros
from trunkline.platform.messages import Message, Routes

CHANNEL = "trunkline_outbox"
"""PostgreSQL's NOTIFY channel, by which a commit wakes the relays of other processes."""


def channel_name(channel: str) -> str:
    """PostgreSQL's name of a channel of `Tx.knock`."""
    return f"trunkline_{channel}"


PENDING = "pending"
PARKED = "parked"


class OutboxRow(TypedDict):
    """The columns that an emitter fills, in microseconds since 1970 where they are instants."""

    subscriber: str
    topic: str
    key: str
    payload: str
    created_at: int
    due_at: int


def define(metadata: sa.MetaData) -> tuple[sa.Table, sa.Table]:
    """The tables `outbox` and `inbox` in this metadata."""
    outbox = sa.Table(
        "outbox",
        metadata,
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("subscriber", sa.String, nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("state", sa.String, nullable=False, server_default=PENDING),
        sa.Column("last_error", sa.Text, nullable=True),
        # Ids of deleted rows must never come again: an inbox may still know them.
        sqlite_autoincrement=True,
    )
    pending = outbox.c.state == sa.literal_column(f"'{PENDING}'")
    sa.Index(
        "outbox_due",
        outbox.c.due_at,
        outbox.c.id,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    troubled = outbox.c.attempts > sa.literal_column("0")
    sa.Index(
        "outbox_troubled",
        outbox.c.subscriber,
        outbox.c.key,
        outbox.c.id,
        sqlite_where=troubled,
        postgresql_where=troubled,
    )
    inbox = sa.Table(
        "inbox",
        metadata,
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("delivery", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    return outbox, inbox


def rows_of(
    messages: Iterable[Message],
    routes: Routes,
    now: datetime,
    *,
    not_before: datetime | None = None,
) -> list[OutboxRow]:
    """The outbox rows of these messages, in order: one for each reaction on each. For those
    who insert with the driver itself; everyone else calls `Tx.emit`."""
    created_at = to_micros(now)
    due_at = 0 if not_before is None else to_micros(not_before)
    rows: list[OutboxRow] = []
    for message in messages:
        reactions = routes.of(message)
        if not reactions:
            continue
        payload, key = routes.encode(message), message.key
        rows.extend(
            OutboxRow(
                subscriber=reaction.name,
                topic=message.topic,
                key=key,
                payload=payload,
                created_at=created_at,
                due_at=due_at,
            )
            for reaction in reactions
        )
    return rows
