"""Who listens: registering, finding and forgetting listeners."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.platform.db import Json, Reader, Tx
from trunkline.platform.security import Principal
from trunkline.tmf import matching
from trunkline.tmf.hub.callbacks import parse
from trunkline.tmf.hub.store import delivery, listener
from trunkline.tmf.query import Query

TOPICS = "topics"
"""The area of those who listen to a topic."""
EVERYBODYS = "hub"
"""The area of the scopes by which others' listeners are seen (`hub:read`) and ended."""

MOST = 200
"""Listeners of one owner."""
_MAX_QUERY = 2000
_MAX_SECRET = 200


class ListenerId(Id):
    prefix = "lsn"


class NoSuchListener(NotFound):
    code = "noSuchListener"


class TooManyListeners(Conflict):
    """Each costs every write a little."""

    code = "tooManyListeners"


class Listener(msgspec.Struct, frozen=True):
    """`area` is that of its API's scopes (`tmf622`). `failures` counts the times in a row that
    it could not be reached, since `failing_since`."""

    id: ListenerId
    area: str
    topic: str | None
    callback: str
    query: str | None
    owner: str
    created_at: datetime
    failures: int
    failing_since: datetime | None
    last_error: str | None


_ADD = (
    postgresql.insert(listener)
    .on_conflict_do_nothing(index_elements=["digest"])
    .returning(listener.c.id)
)
_KNOWN = sa.select(listener.c.id).where(listener.c.digest == sa.bindparam("which"))
_HOW_MANY = sa.select(sa.func.count()).where(listener.c.owner == sa.bindparam("owner"))
_RENEW = (
    sa.update(listener)
    .where(listener.c.id == sa.bindparam("which"))
    .values(secret=sa.bindparam("secret_"), scopes=sa.bindparam("scopes_", type_=Json))
)
_REMOVE = sa.delete(listener).where(listener.c.id == sa.bindparam("which"))
_FORGET = sa.delete(delivery).where(delivery.c.listener_id == sa.bindparam("which"))
_SHOWN = [listener.c[name] for name in (
    "id", "area", "topic_id", "callback", "query", "owner", "created_at", "failures",
    "failing_since", "last_error",
)]  # fmt: skip


def parse_query(text: str | None, *, path: str = "query") -> Query | None:
    """A listener's filter; an empty one is none. Raises `Invalid` naming `path` and the
    filter's own."""
    if text is None or not text.strip():
        return None
    if len(text) > _MAX_QUERY:
        raise Invalid(f"has more than {_MAX_QUERY} characters", path=path)
    try:
        return matching.parse(text.strip())
    except Invalid as error:
        raise type(error)(f"{error.path}: {error.reason}", path=path) from None


def register(
    tx: Tx,
    *,
    area: str,
    topic: str | None = None,
    callback: str,
    query: str | None,
    secret: str | None = None,
    owner: Principal,
    now: datetime,
) -> ListenerId:
    """Someone who listens to the events of an API (`area`), or of a topic. The same callback
    and query of the same owner again is the same listener, with its present secret. Raises
    `Invalid` and `TooManyListeners`; whether the callback's address may be sent to,
    `CallbackRule.check` says."""
    parse(callback)
    parse_query(query)
    if secret is not None and not 1 <= len(secret) <= _MAX_SECRET:
        raise Invalid(f"has 1 to {_MAX_SECRET} characters", path="secret")
    said = "\0".join((owner.identity, area, topic or "", callback, query or ""))
    digest = hashlib.sha256(said.encode()).hexdigest()
    new = {
        "id": tx.new_id(ListenerId, now),
        "area": area,
        "topic_id": topic,
        "callback": callback,
        "query": query,
        "owner": owner.identity,
        "owner_key": owner.key,
        "scopes": sorted(owner.scopes),
        "secret": secret,
        "digest": digest,
        "created_at": now,
    }
    added: str | None = tx.execute(_ADD, new).scalar_one_or_none()
    if added is None:
        added = tx.execute(_KNOWN, {"which": digest}).scalar_one()
        tx.execute(_RENEW, {"which": added, "secret_": secret, "scopes_": new["scopes"]})
    elif tx.execute(_HOW_MANY, {"owner": owner.identity}).scalar_one() > MOST:
        raise TooManyListeners(f"there are {MOST} listeners of {owner.name} already")
    return ListenerId(added)


def unregister(tx: Tx, *, listener_id: ListenerId) -> None:
    """It hears nothing more, also of what has happened already. Raises `NoSuchListener`."""
    if tx.execute(_REMOVE, {"which": listener_id}).rowcount != 1:
        raise NoSuchListener(f"there is no listener {listener_id}")
    tx.execute(_FORGET, {"which": listener_id})


def find_listeners(
    r: Reader,
    ids: Sequence[str] | None = None,
    *,
    area: str | None = None,
    topic: str | None = None,
    of: Principal | None = None,
) -> list[Listener]:
    """Those of an area, a topic, or all, by id; those that `of` may see."""
    where: list[sa.ColumnElement[bool]] = []
    if ids is not None:
        where.append(listener.c.id.in_(ids))
    if area is not None:
        where.append(listener.c.area == area)
    if topic is not None:
        where.append(listener.c.topic_id == topic)
    if of is not None and not of.may(f"{EVERYBODYS}:read"):
        where.append(listener.c.owner == of.identity)
    found = r.execute(sa.select(*_SHOWN).where(*where).order_by(listener.c.id))
    return list(map(_listener, found))


def _listener(row: Any) -> Listener:
    fields = row._asdict()
    fields["topic"] = fields.pop("topic_id")
    return Listener(**fields | {"id": ListenerId(row.id)})


def forget_topics(tx: Tx, topics: Iterable[str]) -> None:
    """The listeners of topics that are no more."""
    for each in tx.execute(
        sa.select(listener.c.id).where(listener.c.topic_id.in_(list(topics)))
    ).scalars():
        unregister(tx, listener_id=ListenerId(each))
