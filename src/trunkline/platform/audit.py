"""The audit trail: who did what to what, and when.

Entries are immutable (triggers) and chained: each carries the hash of the one before it, so
that one that is changed, or is taken out of the middle, breaks its chain. There are several
chains, by what an entry is about, so that writers seldom wait for each other. The heads are
worth copying elsewhere: who can rewrite a whole chain and its head leaves no trace in here.
"""

import hashlib
import os
import pwd
import zlib
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.kernel.time import to_micros
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata, encode_json, immutable

CHAINS = 16


class Entry(msgspec.Struct, frozen=True):
    """`who` by their name or key's name, `verb` as an operation is called, `what` an id or a
    path, `detail` what distinguishes it."""

    who: str
    verb: str
    what: str
    detail: Any
    at: datetime


class Break(msgspec.Struct, frozen=True):
    """Where a chain doesn't hold: at this entry, or, with `sequence` 0, at its end."""

    chain: int
    sequence: int
    reason: str


trail = immutable(
    sa.Table(
        "audit_trail",
        books_metadata,
        sa.Column("chain", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False, index=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("verb", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False, index=True),
        sa.Column("detail", Json, nullable=True),
        sa.Column("hash", sa.String(64), nullable=False),
    )
)
head = sa.Table(
    "audit_head",
    books_metadata,
    sa.Column("chain", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
_chain = head.c.chain == sa.bindparam("which", type_=sa.Integer)
_BEGIN = postgresql.insert(head).on_conflict_do_nothing()
_HEAD = sa.select(head).where(_chain).with_for_update()
_MOVE = sa.update(head).where(_chain)
_APPEND = sa.insert(trail)
_columns_of = {column.name: sa.bindparam(column.name, type_=column.type) for column in trail.c}
# PostgreSQL does both on one way there and back.
_APPEND_AND_MOVE = (
    sa.insert(trail)
    .values(_columns_of)
    .add_cte(
        sa.update(head)
        .where(head.c.chain == _columns_of["chain"])
        .values({each: _columns_of[each] for each in ("chain", "sequence", "hash")})
        .cte("moved")
    )
)
_ABOUT = (
    sa.select(trail)
    .where(trail.c.what == sa.bindparam("what", type_=sa.String))
    .order_by(trail.c.at.desc(), trail.c.sequence.desc())
    .limit(sa.bindparam("limit"))
)
_LATEST = (
    sa.select(trail)
    .order_by(trail.c.at.desc(), trail.c.sequence.desc())
    .limit(sa.bindparam("limit"))
)
_CHAIN = (
    sa.select(trail)
    .where(trail.c.chain == sa.bindparam("which", type_=sa.Integer))
    .order_by(trail.c.sequence)
    .execution_options(yield_per=1000)
)
_HEADS = sa.select(head).order_by(head.c.chain)


def record(tx: Tx, *, who: str, verb: str, what: str, now: datetime, detail: object = None) -> None:
    """Adds an entry, in the transaction of what it tells."""
    chain = zlib.crc32(what.encode()) % CHAINS
    last = tx.execute(_HEAD, {"which": chain}).first()
    if last is None:
        tx.execute(_BEGIN, {"chain": chain, "sequence": 0, "hash": ""})
        last = tx.execute(_HEAD, {"which": chain}).one()
    entry = Entry(who, verb, what, detail, now)
    columns = {
        "chain": chain,
        "sequence": last.sequence + 1,
        "hash": _hash(last.hash, last.sequence + 1, entry),
    }
    row = {"at": now, "who": who, "verb": verb, "what": what, "detail": detail}
    if tx.dialect == "postgresql":
        tx.execute(_APPEND_AND_MOVE, {**columns, **row})
        return
    tx.execute(_APPEND, {**columns, **row})
    tx.execute(_MOVE, {"which": chain, **columns})


def operating_system_user() -> str:
    """Who works on this machine: the user of this process, not what its environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"


def _hash(previous: str, sequence: int, entry: Entry) -> str:
    told = [previous, sequence, to_micros(entry.at), entry.who, entry.verb, entry.what]
    detail = _canonical(entry.detail)
    return hashlib.sha256(f"{encode_json(told)}{detail}".encode()).hexdigest()


def _canonical(detail: object) -> str:
    """The same text before and after a database has kept it in its own form."""
    plain = msgspec.json.decode(encode_json(detail))
    return msgspec.json.encode(plain, order="sorted").decode()


def about(r: Reader, what: str, *, limit: int = 100) -> list[Entry]:
    """What was done to this, the latest first."""
    return [_entry(row) for row in r.execute(_ABOUT, {"what": what, "limit": limit})]


def latest(r: Reader, *, limit: int = 100) -> list[Entry]:
    """What was done last."""
    return [_entry(row) for row in r.execute(_LATEST, {"limit": limit})]


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(row.who, row.verb, row.what, row.detail, row.at)


def verify(r: Reader) -> list[Break]:
    """Where the trail was altered; nothing where it wasn't. Read in a snapshot."""
    broken = []
    for end in r.execute(_HEADS).all():
        previous, sequence = "", 0
        for row in r.execute(_CHAIN, {"which": end.chain}):
            sequence += 1
            if row.sequence != sequence:
                broken.append(Break(end.chain, sequence, "an entry is missing"))
                sequence = row.sequence
            elif row.hash != _hash(previous, sequence, _entry(row)):
                broken.append(Break(end.chain, sequence, "the entry was altered"))
            previous = row.hash
        if (sequence, previous) != (end.sequence, end.hash):
            broken.append(Break(end.chain, 0, "entries at the end are missing, or the head is off"))
    return broken
