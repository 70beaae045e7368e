"""Who changed what of a party or a customer, and when: appended, never rewritten.

What was said is personal, so it can be erased; that something was said then stays.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.customers.store import PERSONAL
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant
from trunkline.platform import audit
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

_KEPT = frozenset({"id", "updated_at", "created_at", "details", "extensions", "characteristics"})
_WITHIN = ("details", "extensions", "characteristics")


class ChangeId(Id):
    __slots__ = ()
    prefix = "chg"


party_change = sa.Table(
    "party_change",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("resource", sa.String(20), nullable=False),
    sa.Column("resource_id", sa.String(100), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("attribute", sa.String(200), nullable=False),
    sa.Column("before", Json, info=PERSONAL),
    sa.Column("after", Json, info=PERSONAL),
    sa.Column("is_erased", sa.Boolean, nullable=False),
    sa.Index("party_change_by_resource", "resource_id", "id"),
    sa.Index("party_change_by_time", "at", "id"),
)
_APPEND = sa.insert(party_change)
_OF = (
    sa.select(party_change)
    .where(party_change.c.resource_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(party_change.c.id)
)
_ERASE = (
    sa.update(party_change)
    .where(party_change.c.resource_id.in_(sa.bindparam("ids", expanding=True)))
    .values(before=None, after=None, is_erased=True)
)


def record(tx: Tx, resource: str, before: msgspec.Struct, after: msgspec.Struct) -> None:
    """Appends what differs between two states of one party or customer. Who did it is the
    transaction's caller; a program of the operator's has the name of its user."""
    old, new = _attributes(before), _attributes(after)
    now: datetime = after.updated_at  # type: ignore[attr-defined]
    who = audit.operating_system_user() if tx.caller is None else tx.caller.identity
    rows = [
        {
            "id": tx.new_id(ChangeId, now),
            "resource": resource,
            "resource_id": after.id,  # type: ignore[attr-defined]
            "at": now,
            "who": who[:200],
            "attribute": name[:200],
            "before": old.get(name),
            "after": new.get(name),
            "is_erased": False,
        }
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if rows:
        tx.execute(_APPEND, rows)


def changes_of(r: Reader, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What was changed of these, in its order, as plain JSON."""
    return [
        {
            "id": row.resource_id,
            "at": format_instant(row.at),
            "who": row.who,
            "attribute": row.attribute,
            "before": row.before,
            "after": row.after,
        }
        for row in r.execute(_OF, {"ids": list(ids)})
    ]


def erase_history(tx: Tx, ids: list[str]) -> int:
    """Forgets what was said of these parties and customers; returns of how many changes."""
    return tx.execute(_ERASE, {"ids": ids}).rowcount if ids else 0


def _attributes(state: msgspec.Struct) -> dict[str, Any]:
    """By name: the typed ones, and inside of what is kept as it is."""
    plain: Mapping[str, Any] = msgspec.to_builtins(state, enc_hook=str)
    flat = {name: each for name, each in plain.items() if name not in _KEPT and each is not None}
    for outer in _WITHIN:
        for name, each in plain.get(outer, {}).items():
            flat[f"{outer}.{name}"] = each
    return flat
