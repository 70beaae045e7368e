"""Idempotency keys: the same request, sent again, gets the first one's answer.

The answer is stored in the transaction of what the request did. A request that failed left
nothing and may be sent again under its key.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Conflict
from trunkline.platform.db import Instant, Tx, books_metadata

AGE = timedelta(days=7)
"""How long a key is remembered."""


class KeyReused(Conflict):
    """The key came with another request before."""

    code = "idempotencyKeyReused"


answer = sa.Table(
    "idempotent_answer",
    books_metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=True),
    sa.Column("created_at", Instant, nullable=False, index=True),
)
_key = sa.bindparam("which", type_=sa.String)
_CLAIM = postgresql.insert(answer).on_conflict_do_nothing()
_STORE = sa.update(answer).where(answer.c.key == _key)
_FIND = sa.select(answer).where(answer.c.key == _key)
_FORGET = sa.delete(answer).where(answer.c.key == _key)
_OLD = (
    sa.select(answer.c.key)
    .where(answer.c.created_at < sa.bindparam("before", type_=Instant))
    .limit(sa.bindparam("limit"))
)
_FORGET_MANY = sa.delete(answer).where(answer.c.key.in_(sa.bindparam("keys", expanding=True)))


def once(
    tx: Tx, key: str, request: bytes, run: Callable[[], bytes], *, now: datetime | None = None
) -> bytes:
    """The answer of `run`, or, when this key was used within `AGE`, the one stored then.

    `key` must carry who calls and what for, not only what the client chose; `request` is all
    that distinguishes the request. Two that come at once wait for each other. Raises
    `KeyReused` where the key came with another request.
    """
    now = now or tx.database.now()
    request_hash = hashlib.sha256(request).hexdigest()
    claim = {"key": key, "request_hash": request_hash, "answer": None, "created_at": now}
    # Where the key is old, another may use it again at the same moment: one of the two does.
    while tx.execute(_CLAIM, claim).rowcount == 0:
        row = tx.execute(_FIND, {"which": key}).first()
        if row is None:
            continue
        if row.created_at >= now - AGE:
            if row.request_hash != request_hash:
                raise KeyReused("this idempotency key came with another request before", key=key)
            return bytes(row.answer)
        tx.execute(_FORGET, {"which": key})
    result = run()
    tx.execute(_STORE, {"which": key, "answer": result})
    return result


def forget_old(tx: Tx, now: datetime, *, limit: int = 500) -> int:
    """Removes up to `limit` keys that are past their age; returns how many."""
    keys = list(tx.execute(_OLD, {"before": now - AGE, "limit": limit}).scalars())
    if keys:
        tx.execute(_FORGET_MANY, {"keys": keys})
    return len(keys)
