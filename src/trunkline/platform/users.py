"""People who sign in to the console."""

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from trunkline.platform.db import Instant, Json, Reader, books_metadata
from trunkline.platform.principals import EVERYTHING


class User(msgspec.Struct, frozen=True):
    """`scopes` are those that they have without any permission."""

    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None


table = sa.Table(
    "console_user",
    books_metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("secret_hash", sa.String, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant, nullable=True),
)
_ALL = sa.select(table).order_by(table.c.name)
_ENABLED = sa.select(table.c.name, table.c.scopes).where(table.c.disabled_at.is_(None))


def users(r: Reader) -> list[User]:
    """All that ever were, by name."""
    return [
        User(row.name, tuple(row.scopes), row.created_at, row.disabled_at)
        for row in r.execute(_ALL)
    ]


def has_administrator(r: Reader, permitted: Collection[str]) -> bool:
    """Whether somebody may sign in who may do everything: by themselves, or because they are
    among `permitted`."""
    return any(
        EVERYTHING in row.scopes or row.name in permitted for row in r.execute(_ENABLED).all()
    )
