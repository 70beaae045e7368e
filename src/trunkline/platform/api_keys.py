"""API keys: what programs show. A secret is 256 random bits, of which a SHA-256 is kept."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import Invalid, NotFound
from trunkline.platform import roles
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.platform.principals import (
    ApiKeyId,
    Binding,
    InvalidToken,
    Principal,
    check_scopes,
)


class NoSuchKey(NotFound):
    code = "noSuchKey"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is kept."""

    id: ApiKeyId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    binding: Binding | None = None


class NewApiKey(msgspec.Struct, frozen=True):
    """A key as it is shown, once."""

    id: ApiKeyId
    name: str
    secret: str


table = sa.Table(
    "api_key",
    books_metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("customer_id", sa.String(100), nullable=True),
    sa.Column("party_id", sa.String(100), nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant, nullable=True),
)
_which = sa.bindparam("which", type_=sa.String)
_ADD = sa.insert(table)
_LIVE = sa.select(table).where(table.c.secret_hash == _which, table.c.revoked_at.is_(None))
_LIVE_BY_ID = sa.select(table).where(table.c.id == _which, table.c.revoked_at.is_(None))
_ALL = sa.select(table).order_by(table.c.id)
_REVOKE = (
    sa.update(table)
    .where(table.c.id == _which, table.c.revoked_at.is_(None))
    .values(revoked_at=sa.bindparam("now", type_=Instant))
)


def digest(secret: str) -> str:
    """What is kept of a secret that is random enough to need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create_api_key(
    tx: Tx, *, name: str, scopes: Iterable[str], now: datetime, binding: Binding | None = None
) -> NewApiKey:
    """A new key; its secret can't be shown again. With a `binding` it reaches one customer's
    data only. Raises `Invalid` for a scope that is none."""
    wanted = check_scopes(scopes, path="scope")
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Invalid("a key's name has 1 to 100 printable characters", path="name")
    if not wanted:
        raise Invalid("a key without a scope may do nothing", path="scope")
    key = NewApiKey(tx.new_id(ApiKeyId, now), name, f"tl_{secrets.token_urlsafe(32)}")
    row = {"id": key.id, "name": name, "secret_hash": digest(key.secret), "scopes": wanted}
    bound = {
        "customer_id": binding.customer if binding else None,
        "party_id": binding.party if binding else None,
    }
    tx.execute(_ADD, {**row, **bound, "created_at": now, "revoked_at": None})
    return key


def revoke_api_key(tx: Tx, *, key: ApiKeyId, now: datetime) -> None:
    """The key, and every token that it got, are good for nothing from now on. Raises
    `NoSuchKey`."""
    if tx.execute(_REVOKE, {"which": key, "now": now}).rowcount != 1:
        raise NoSuchKey(f"there is no key {key} that is good")


def api_keys(r: Reader) -> list[ApiKey]:
    """All keys that ever were."""
    return [
        ApiKey(
            ApiKeyId(row.id),
            row.name,
            tuple(row.scopes),
            row.created_at,
            row.revoked_at,
            _binding(row),
        )
        for row in r.execute(_ALL)
    ]


def authenticate(r: Reader, secret: str, now: datetime) -> Principal:
    """Whose API key this is, with what it is permitted beside its own scopes. Raises
    `InvalidToken`."""
    row = r.execute(_LIVE, {"which": digest(secret)}).one_or_none()
    if row is None:
        raise InvalidToken("this API key is not known")
    return _principal(r, row, now)


def live_key(r: Reader, key: str, now: datetime) -> Principal | None:
    """Whose key has this id, unless it was revoked."""
    row = r.execute(_LIVE_BY_ID, {"which": key}).one_or_none()
    return None if row is None else _principal(r, row, now)


def _principal(r: Reader, row: sa.Row[tuple[object, ...]], now: datetime) -> Principal:
    scopes = frozenset(row.scopes) | roles.granted(r, row.id, now)
    return Principal(row.name, scopes, ApiKeyId(row.id), _binding(row))


def _binding(row: sa.Row[tuple[object, ...]]) -> Binding | None:
    return None if row.customer_id is None else Binding(row.customer_id, row.party_id)
