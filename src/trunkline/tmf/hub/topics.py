"""Topics (TMF688): channels that keep the events that they match, and take those that clients
post; who listens to a topic gets both."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from trunkline.kernel.errors import NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant
from trunkline.platform.changes import Change
from trunkline.platform.db import Database, Reader, Tx
from trunkline.tmf.hub.announcer import News, in_turn, interests
from trunkline.tmf.hub.events import Body, EventId
from trunkline.tmf.hub.listeners import forget_topics, parse_query
from trunkline.tmf.hub.store import NEVER, delivery, event, listener, topic, topic_event
from trunkline.tmf.paths import Path, column, in_json
from trunkline.tmf.query import Page, Query, find

POSTED = "tmf688"
"""The area of what clients post."""

PARKED_KEPT = timedelta(days=30)
"""How long deliveries that were given up wait for somebody who sends them again."""
_CHUNK = 1000
_SETTLED = timedelta(hours=1)


class TopicId(Id):
    prefix = "top"


class NoSuchTopic(NotFound):
    code = "noSuchTopic"


class NoSuchEvent(NotFound):
    code = "noSuchEvent"


_which: Any = sa.bindparam("which")
_ADD = sa.insert(topic)
_REMOVE = sa.delete(topic).where(topic.c.id == _which)
_EMPTY = sa.delete(topic_event).where(topic_event.c.topic_id == _which)
_FIND = sa.select(topic).where(topic.c.id.in_(sa.bindparam("ids", expanding=True)))
_BODIES = sa.select(event.c.id, event.c.area, event.c.body).where(
    event.c.id.in_(sa.bindparam("ids", expanding=True))
)

EVENT_PATHS: dict[str, Path] = {
    "id": column(event.c.id),
    "eventType": column(event.c.type),
    "eventTime": column(event.c.at),
    **{
        name: in_json(event.c.body, name)
        for name in ("eventId", "correlationId", "domain", "priority", "title", "description",
                     "source.id", "reportingSystem.id", "relatedParty.id")
    },
}  # fmt: skip
"""What the events of a topic may be filtered and sorted by."""


def create_topic(tx: Tx, body: Body, now: datetime) -> TopicId:
    """A topic; its queries are filters over events. Raises `Invalid` naming the attribute."""
    for name in ("headerQuery", "contentQuery"):
        parse_query(body.get(name), path=name)
    new = tx.new_id(TopicId, now)
    kept = {name: each for name, each in body.items() if name not in ("id", "href")}
    row = {
        "id": new,
        "name": body.get("name"),
        "header_query": (body.get("headerQuery") or "").strip() or None,
        "content_query": (body.get("contentQuery") or "").strip() or None,
        "body": kept,
        "created_at": now,
    }
    tx.execute(_ADD, row)
    tx.changed("Topic", new, Change.CREATED)
    return new


def delete_topic(tx: Tx, topic_id: str, _now: datetime) -> None:
    """It and its listeners are gone, and what it kept is forgotten."""
    if tx.execute(_REMOVE, {"which": topic_id}).rowcount != 1:
        raise NoSuchTopic(f"there is no topic {topic_id}")
    tx.execute(_EMPTY, {"which": topic_id})
    forget_topics(tx, [topic_id])
    tx.changed("Topic", topic_id, Change.DELETED)


def find_topics(r: Reader, ids: Sequence[str]) -> list[Body]:
    """Their bodies."""
    return [{**row.body, "id": row.id} for row in r.execute(_FIND, {"ids": list(ids)})]


def check_topic(r: Reader, topic_id: str) -> None:
    """Raises `NoSuchTopic`."""
    if not (topic_id.isprintable() and find_topics(r, [topic_id])):
        raise NoSuchTopic(f"there is no topic {topic_id[:100]!r}")


def post_event(tx: Tx, *, topic_id: str, body: Body, now: datetime) -> Body:
    """An event that a client posts: it is in this topic, whatever the topic's queries say (they
    are for what happens here), and goes to those who listen to it. Events with the same source
    keep their order. Returns it with its id."""
    check_topic(tx, topic_id)
    new = tx.new_id(EventId, now)
    said = {name: each for name, each in body.items() if name not in ("id", "href")}
    full = {
        "eventId": new,
        "eventTime": format_instant(now),
        "eventType": "Event",
        "@type": "Event",
        **said,
    }
    source = full.get("source")
    key = (
        f"source {source['id']}" if isinstance(source, dict) and "id" in source else f"event {new}"
    )
    in_turn(tx, [key])
    news = News(interests(tx), now)
    news.add(new, POSTED, full, key=key, topics=[topic_id])
    news.write(tx)
    return {**full, "id": new}


def events(r: Reader, topic_id: str, asked: Query, areas: Iterable[str] | None) -> Page:
    """A page of what a topic keeps, the oldest first; of these areas, where they are given."""
    where = [topic_event.c.topic_id == topic_id, topic_event.c.event_id == event.c.id]
    if areas is not None:
        where.append(event.c.area.in_(sorted(areas)))
    order = (topic_event.c.sequence,)
    return find(r, asked, key=event.c.id, order=order, paths=EVENT_PATHS, where=where)


def bodies(r: Reader, ids: Sequence[str]) -> list[tuple[str, Body]]:
    """Events by id, in this order: the area of each and its body, with its id."""
    found = {row.id: row for row in r.execute(_BODIES, {"ids": list(ids)})}
    return [
        (found[each].area, {"@type": "Event", **found[each].body, "id": each})
        for each in ids
        if each in found
    ]


def kept(r: Reader, topic_id: str, event_id: str) -> tuple[str, Body]:
    """One event of a topic. Raises `NoSuchEvent`."""
    there = sa.select(topic_event.c.event_id).where(
        topic_event.c.topic_id == topic_id, topic_event.c.event_id == event_id
    )
    found = bodies(r, list(r.execute(there).scalars())) if event_id.isprintable() else []
    if not found:
        raise NoSuchEvent(f"there is no event {event_id[:100]!r}")
    return found[0]


def prune(books: Database, now: datetime, *, keep: timedelta, most: int) -> int:
    """Forgets what topics needn't keep: what is older than `keep`, what is beyond the latest
    `most` of a topic; and deliveries that were parked long ago, or whose listener is gone. In
    short transactions; returns how many events were forgotten."""
    with books.read() as r:
        ids = list(r.execute(sa.select(topic.c.id)).scalars())
    for each in ids:
        _prune_topic(books, each, now - keep, most)
    old = sa.and_(delivery.c.due_at == NEVER, delivery.c.created_at < now - PARKED_KEPT)
    # A listener may end while somebody tells it something.
    orphaned = ~sa.exists().where(listener.c.id == delivery.c.listener_id)
    _in_chunks(books, delivery.c.id, (sa.or_(old, orphaned),))
    return _in_chunks(
        books,
        event.c.id,
        (
            event.c.at < now - _SETTLED,
            ~sa.exists().where(delivery.c.event_id == event.c.id),
            ~sa.exists().where(topic_event.c.event_id == event.c.id),
        ),
    )


def _prune_topic(books: Database, topic_id: str, before: datetime, most: int) -> None:
    own = topic_event.c.topic_id == topic_id
    latest = sa.select(topic_event.c.sequence).where(own).order_by(topic_event.c.sequence.desc())
    with books.read() as r:
        last = r.execute(latest.offset(most).limit(1)).scalar()
    old = sa.or_(topic_event.c.at < before, topic_event.c.sequence <= (last or 0))
    while True:
        with books.transaction() as tx:
            some = sa.select(topic_event.c.sequence).where(own, old).limit(_CHUNK)
            ids = list(tx.execute(some).scalars())
            if not ids:
                return
            tx.execute(sa.delete(topic_event).where(topic_event.c.sequence.in_(ids)))


def _in_chunks(
    books: Database, key: sa.Column[Any], where: Sequence[sa.ColumnElement[bool]]
) -> int:
    total = 0
    while True:
        with books.transaction() as tx:
            ids = list(tx.execute(sa.select(key).where(*where).limit(_CHUNK)).scalars())
            if not ids:
                return total
            total += tx.execute(sa.delete(key.table).where(key.in_(ids))).rowcount
