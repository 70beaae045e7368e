"""The announcer: makes events of what a transaction changed, within that transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.platform import roles
from trunkline.platform.changes import Change, Changed
from trunkline.platform.db import Json, Reader, Tx
from trunkline.platform.principals import covers
from trunkline.platform.security import api_key
from trunkline.tmf import matching, wire
from trunkline.tmf.hub.events import Body, EventId, envelope, heard, names_of
from trunkline.tmf.hub.listeners import TOPICS
from trunkline.tmf.hub.store import delivery, event, listener, topic, topic_event
from trunkline.tmf.query import Query
from trunkline.tmf.resource import Api, Resource

Declared = tuple[Api, Resource[Any]]

_AREAS = sa.bindparam("areas", type_=sa.String, expanding=True)


_none = sa.cast(sa.null(), sa.String)
_INTERESTS = sa.union_all(
    # Listeners whose owner's key, where there is one, is still good.
    sa.select(
        listener.c.id,
        listener.c.area,
        listener.c.topic_id,
        listener.c.query.label("one"),
        _none.label("other"),
        listener.c.scopes.label("scopes"),
        listener.c.owner_key.label("owner_key"),
        api_key.c.scopes.label("present"),
    )
    .outerjoin(
        api_key, sa.and_(api_key.c.id == listener.c.owner_key, api_key.c.revoked_at.is_(None))
    )
    .where(
        sa.or_(listener.c.owner_key.is_(None), api_key.c.id.is_not(None)),
        sa.or_(listener.c.area.in_(_AREAS), listener.c.area == TOPICS),
    ),
    sa.select(
        topic.c.id, _none, topic.c.id, topic.c.header_query, topic.c.content_query,
        sa.cast(sa.null(), Json), _none, sa.cast(sa.null(), Json),
    ),
)  # fmt: skip
_ADD_EVENT = sa.insert(event)
_ADD_DELIVERY = sa.insert(delivery)
_KEEP = sa.insert(topic_event)
_IN_TURN = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended(each, 688)) "
    "FROM (SELECT DISTINCT unnest(CAST(:keys AS text[])) AS each ORDER BY 1) AS keys"
)


class Interest(msgspec.Struct, frozen=True):
    """A listener, or (without an area) a topic: what it wants to hear, and may. A topic takes
    everything: who reads it is shown what it may read."""

    id: str
    area: str | None
    topic: str | None
    queries: tuple[Query, ...]
    scopes: tuple[frozenset[str], ...] | None
    """What its owner might do when it said this, and, of a key, what it may do now: both count."""

    def wants(self, area: str, body: Body) -> bool:
        """Whether it wants an event of this area, and may hear it."""
        may = self.scopes is None or all(covers(each, f"{area}:read") for each in self.scopes)
        return may and all(heard(body, query) for query in self.queries)


class Announcer:
    """Called as `Database.announce`, for the resources that `apis` declare in the books."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._declared: dict[str, list[Declared]] = defaultdict(list)
        for api in apis:
            for resource in api.resources:
                self._declared[resource.type].append((api, resource))

    def __call__(self, tx: Tx, changes: Sequence[Changed]) -> None:
        by_type: dict[str, dict[str, list[Change]]] = {}
        for each in changes:
            if each.resource in self._declared:
                by_type.setdefault(each.resource, {}).setdefault(each.id, []).append(each.change)
        areas = {
            api.scope
            for name in by_type
            for api, resource in self._declared[name]
            if resource.database == tx.database.name
        }
        found = interests(tx, areas) if areas else []
        if not found:
            return
        keys = [f"{name} {ident}" for name, ids in by_type.items() for ident in ids]
        in_turn(tx, keys)
        news = News(found, tx.database.now())
        for name, ids in by_type.items():
            for api, resource in self._declared[name]:
                if resource.database == tx.database.name and news.concerns(api.scope):
                    self._tell(tx, news, api, resource, ids)
        news.write(tx)

    def _tell(
        self,
        tx: Tx,
        news: "News",
        api: Api,
        resource: Resource[Any],
        ids: dict[str, list[Change]],
    ) -> None:
        forms = {
            ident: wire.plain(tx.last_forms[resource.type, ident])
            if (resource.type, ident) in tx.last_forms
            else {"id": ident, "href": wire.href(resource.path, ident), "@type": resource.type}
            for ident, what in ids.items()
            if Change.DELETED in what
        }
        there = [ident for ident in ids if ident not in forms]
        for answer in resource.answers(tx, there) if there else ():
            forms[wire.ident(answer)] = wire.plain(answer)
        for ident, what in ids.items():
            if ident not in forms:  # it isn't one of this declaration's
                continue
            for event_type in names_of(resource, what, forms[ident]):
                new = tx.new_id(EventId, news.now)
                body = envelope(new, event_type, api, resource, forms[ident], news.now)
                news.add(new, api.scope, body, key=f"{resource.type} {ident}")


def interests(r: Reader, areas: Iterable[str] = ()) -> list[Interest]:
    """Who listens to one of these areas, and all topics with those who listen to them."""
    return [
        Interest(
            row.id,
            row.area,
            row.topic_id,
            tuple(_parsed(each) for each in (row.one, row.other) if each),
            None if row.area is None else _rights(r, row),
        )
        for row in r.execute(_INTERESTS, {"areas": sorted(areas)})
    ]


def _rights(r: Reader, row: Any) -> tuple[frozenset[str], ...]:
    said = frozenset(row.scopes)
    if row.owner_key is None:
        return (said,)
    present = frozenset(row.present)
    if row.area == TOPICS or not covers(present, f"{row.area}:read"):
        present |= roles.granted(r, row.owner_key, r.database.now())
    return said, present


@lru_cache(maxsize=1000)
def _parsed(text: str) -> Query:
    return matching.parse(text.strip())


def in_turn(tx: Tx, keys: Iterable[str]) -> None:
    """On PostgreSQL, deliveries get their numbers before they are committed: whoever tells of a
    resource waits here for the one before. (On SQLite there is one writer.)"""
    if tx.dialect == "postgresql":
        tx.execute(_IN_TURN, {"keys": sorted(set(keys))})


class News:
    """The events of one transaction, and what follows from them."""

    def __init__(self, found: Sequence[Interest], now: datetime) -> None:
        self.now = now
        self._listeners = [each for each in found if each.area not in (None, TOPICS)]
        self._topics = [each for each in found if each.area is None]
        self._at_topics: dict[str, list[Interest]] = defaultdict(list)
        for each in found:
            if each.area == TOPICS and each.topic is not None:
                self._at_topics[each.topic].append(each)
        self._events: list[Body] = []
        self._deliveries: list[Body] = []
        self._kept: list[Body] = []

    def concerns(self, area: str) -> bool:
        return bool(self._topics) or any(each.area == area for each in self._listeners)

    def add(
        self,
        ident: EventId,
        area: str,
        body: Body,
        *,
        key: str,
        topics: Sequence[str] | None = None,
    ) -> None:
        """An event, for whom it concerns. With `topics` it is for these and nobody else."""
        hearers, kept = [], []
        if topics is None:
            hearers = [each for each in self._listeners if each.area == area]
            hearers = [each for each in hearers if each.wants(area, body)]
            topics = [each.id for each in self._topics if each.wants(area, body)]
        for each in topics:
            kept.append({"topic_id": each, "event_id": ident, "at": self.now})
            hearers += [one for one in self._at_topics[each] if one.wants(area, body)]
        if not hearers and not kept:
            return
        self._kept += kept
        self._events.append(
            {"id": ident, "area": area, "type": str(body.get("eventType", "")), "at": self.now,
             "body": body}
        )  # fmt: skip
        self._deliveries += [
            {"listener_id": each.id, "event_id": ident, "key": key, "created_at": self.now}
            for each in hearers
        ]

    def write(self, tx: Tx) -> None:
        if self._events:
            tx.execute(_ADD_EVENT, self._events)
        if self._kept:
            tx.execute(_KEEP, self._kept)
        if self._deliveries:
            tx.execute(_ADD_DELIVERY, self._deliveries)
            tx.emitted = True
