"""The hub's tables.

A delivery's `due_at` (microseconds since 1970) tells where it stands: 0 is fresh; an instant is
that of its next attempt, also while it is under way, so that one whose sender was killed comes
again; `NEVER` is parked. Whatever is there holds back what follows it with the same listener and
key. There are no foreign keys to listeners: one that goes away must not fail the order that it
would have heard of.
"""

import sqlalchemy as sa

from trunkline.platform.db import Instant, Json, books_metadata

NEVER = 2**62

listener = sa.Table(
    "hub_listener",
    books_metadata,
    sa.Column("id", sa.String, primary_key=True),
    # The API's area of scopes ("tmf622"), or `TOPICS`.
    sa.Column("area", sa.String, nullable=False),
    sa.Column("topic_id", sa.String, nullable=True, index=True),
    sa.Column("callback", sa.String, nullable=False),
    sa.Column("query", sa.String, nullable=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("owner_key", sa.String, nullable=True),
    # What the owner might do when it said this; of a key, its present scopes count.
    sa.Column("scopes", Json, nullable=False),
    sa.Column("secret", sa.String, nullable=True),
    # Of what it is, so that the same one is not registered twice.
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    # How often in a row it couldn't be reached, and since when; then nothing is sent before
    # `next_at`, and one delivery at a time.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failing_since", Instant, nullable=True),
    sa.Column("next_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text, nullable=True),
)
sa.Index("hub_listener_area", listener.c.area)

topic = sa.Table(
    "hub_topic",
    books_metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=True),
    sa.Column("header_query", sa.String, nullable=True),
    sa.Column("content_query", sa.String, nullable=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

event = sa.Table(
    "hub_event",
    books_metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("area", sa.String, nullable=False),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("body", Json, nullable=False),
)

topic_event = sa.Table(
    "hub_topic_event",
    books_metadata,
    # In the order of their telling.
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("topic_id", sa.String, nullable=False),
    sa.Column("event_id", sa.String, nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
)
sa.Index("hub_topic_event_order", topic_event.c.topic_id, topic_event.c.sequence)

delivery = sa.Table(
    "hub_delivery",
    books_metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("listener_id", sa.String, nullable=False),
    sa.Column("event_id", sa.String, nullable=False, index=True),
    # The resource that the event is about: its deliveries to one listener keep their order.
    sa.Column("key", sa.String, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text, nullable=True),
    sqlite_autoincrement=True,
)
sa.Index("hub_delivery_due", delivery.c.listener_id, delivery.c.due_at, delivery.c.id)
sa.Index("hub_delivery_line", delivery.c.listener_id, delivery.c.key, delivery.c.id)
