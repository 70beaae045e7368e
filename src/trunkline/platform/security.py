"""Who may do what: API keys for programs, sign-ins for people.

Secrets are never stored. API keys and session tokens are 256 random bits, of which a SHA-256
is kept; what people type is kept as an argon2id hash. Scopes are `tmf620:read`; `tmf620:*` and
`*` cover what they stand before.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

import msgspec
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Forbidden, Invalid, NotFound, Unavailable
from trunkline.kernel.ids import Id
from trunkline.platform.db import Database, Instant, Json, Reader, Tx, books_metadata

ADMINISTRATOR = "admin"
SESSION_LENGTH = timedelta(hours=12)

FREE_FAILURES = 5
"""Wrong secrets in a row that cost nothing but the attempt."""
LONGEST_WAIT = timedelta(minutes=15)
"""After those, each failure doubles the wait before the next attempt, from one second."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures are counted until so long after the last wait."""


class ApiKeyId(Id):
    prefix = "key"


class Unauthenticated(Forbidden):
    """No credentials, or none that are known."""

    code = "unauthenticated"


class LacksScope(Forbidden):
    code = "lacksScope"


class TooManyAttempts(Unavailable):
    """`fields["seconds"]`: how long to wait."""

    code = "tooManyAttempts"


class NoSuchKey(NotFound):
    code = "noSuchKey"


class Binding(msgspec.Struct, frozen=True):
    """The one customer whose data a caller reaches, and that customer's party."""

    customer: str
    party: str | None = None


class Principal(msgspec.Struct, frozen=True):
    """Who calls, and what they may do; `key` where it is a program with its API key, `binding`
    where it acts for one customer alone."""

    name: str
    scopes: frozenset[str]
    key: ApiKeyId | None = None
    binding: Binding | None = None

    @property
    def identity(self) -> str:
        """What nobody else has: keys may share a name, and have a user's."""
        known = f"{self.name} ({self.key})" if self.key else self.name
        return f"{known} for {self.binding.customer}" if self.binding else known

    def reaches(self, customer: str) -> bool:
        """Whether this customer's data is there for the caller."""
        return self.binding is None or self.binding.customer == customer

    def may(self, scope: str) -> bool:
        area, _, _ = scope.partition(":")
        return not self.scopes.isdisjoint({scope, f"{area}:*", "*"})

    def require(self, scope: str) -> None:
        """Raises `LacksScope`."""
        if not self.may(scope):
            raise LacksScope(f"{self.name} may not do this: {scope} is missing", scope=scope)


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is kept."""

    id: ApiKeyId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


class NewApiKey(msgspec.Struct, frozen=True):
    """A key as it is shown, once."""

    id: ApiKeyId
    name: str
    secret: str


class ConsoleSession(msgspec.Struct, frozen=True):
    """Someone who is signed in. Forms carry `csrf` back."""

    user: str
    csrf: str
    expires_at: datetime
    scopes: frozenset[str]


api_key = sa.Table(
    "api_key",
    books_metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant, nullable=True),
)
user = sa.Table(
    "console_user",
    books_metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("secret_hash", sa.String, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant, nullable=True),
)
session = sa.Table(
    "console_session",
    books_metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("user", sa.String, sa.ForeignKey(user.c.name), nullable=False),
    sa.Column("csrf", sa.String, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
attempts = sa.Table(
    "sign_in_attempts",
    books_metadata,
    sa.Column("who", sa.String, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("wait_until", Instant, nullable=False),
)

_which = sa.bindparam("which", type_=sa.String)
_now = sa.bindparam("now", type_=Instant)
_ADD_KEY = sa.insert(api_key)
_LIVE_KEY = sa.select(api_key).where(
    api_key.c.secret_hash == _which, api_key.c.revoked_at.is_(None)
)
_KEYS = sa.select(api_key).order_by(api_key.c.id)
_REVOKE = (
    sa.update(api_key)
    .where(api_key.c.id == _which, api_key.c.revoked_at.is_(None))
    .values(revoked_at=_now)
)
_ADD_USER = postgresql.insert(user).on_conflict_do_nothing()
_USER = sa.select(user).where(user.c.name == _which, user.c.disabled_at.is_(None))
_ADD_SESSION = sa.insert(session)
_SESSION = (
    sa.select(session, user.c.scopes)
    .join(user)
    .where(session.c.token_hash == _which, session.c.expires_at > _now)
    .where(user.c.disabled_at.is_(None))
)
_END_SESSION = sa.delete(session).where(session.c.token_hash == _which)
_END_SESSIONS = sa.delete(session).where(session.c.user == _which)
_END_OLD_SESSIONS = sa.delete(session).where(session.c.expires_at <= _now)
_ATTEMPTS = sa.select(attempts).where(attempts.c.who.in_(sa.bindparam("whose", expanding=True)))
_insert_attempt = postgresql.insert(attempts)
_NOTE_ATTEMPT = _insert_attempt.on_conflict_do_update(
    index_elements=["who"],
    set_={
        "failures": _insert_attempt.excluded.failures,
        "wait_until": _insert_attempt.excluded.wait_until,
    },
)
_FORGET_ATTEMPTS = sa.delete(attempts).where(attempts.c.wait_until < _now)
_FORGIVE = sa.delete(attempts).where(attempts.c.who == _which)
_SET_SECRET = sa.update(user).where(user.c.name == _which).values(secret_hash=sa.bindparam("hash_"))


def same_secret(one: str, other: str) -> bool:
    """Compares without telling by its duration how much was right."""
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe())


def create_api_key(tx: Tx, *, name: str, scopes: Iterable[str], now: datetime) -> NewApiKey:
    """A new key; its secret can't be shown again. Raises `Invalid` for a scope that is none."""
    wanted = sorted(set(scopes))
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Invalid("a key's name has 1 to 100 printable characters", path="name")
    for scope in wanted:
        area, colon, verb = scope.partition(":")
        if scope != "*" and not (colon and area.isalnum() and (verb == "*" or verb.isalpha())):
            raise Invalid(f"{scope[:40]!r} is not a scope (tmf620:read, tmf620:*, *)", path="scope")
    if not wanted:
        raise Invalid("a key without a scope may do nothing", path="scope")
    key = NewApiKey(tx.new_id(ApiKeyId, now), name, f"tl_{secrets.token_urlsafe(32)}")
    row = {"id": key.id, "name": name, "secret_hash": _digest(key.secret), "scopes": wanted}
    tx.execute(_ADD_KEY, {**row, "created_at": now, "revoked_at": None})
    return key


def revoke_api_key(tx: Tx, *, key: ApiKeyId, now: datetime) -> None:
    """The key is good for nothing from now on. Raises `NoSuchKey`."""
    if tx.execute(_REVOKE, {"which": key, "now": now}).rowcount != 1:
        raise NoSuchKey(f"there is no key {key} that is good")


def api_keys(r: Reader) -> list[ApiKey]:
    """All keys that ever were."""
    return [
        ApiKey(ApiKeyId(row.id), row.name, tuple(row.scopes), row.created_at, row.revoked_at)
        for row in r.execute(_KEYS)
    ]


def authenticate(r: Reader, secret: str) -> Principal:
    """Whose API key this is. Raises `Unauthenticated`."""
    row = r.execute(_LIVE_KEY, {"which": _digest(secret)}).one_or_none()
    if row is None:
        raise Unauthenticated("this API key is not known")
    return Principal(row.name, frozenset(row.scopes), ApiKeyId(row.id))


def ensure_administrator(tx: Tx, now: datetime) -> str | None:
    """At the first start, creates the administrator and returns the generated secret, which is
    shown once; None where there is one already."""
    if tx.execute(_USER, {"which": ADMINISTRATOR}).one_or_none() is not None:
        return None
    secret = secrets.token_urlsafe(15)
    create_user(tx, name=ADMINISTRATOR, secret=secret, scopes=["*"], now=now)
    return secret


def create_user(tx: Tx, *, name: str, secret: str, scopes: Iterable[str], now: datetime) -> None:
    """Someone who may sign in to the console."""
    row = {"name": name, "secret_hash": _hasher().hash(secret), "scopes": sorted(scopes)}
    tx.execute(_ADD_USER, {**row, "created_at": now, "disabled_at": None})


def reset_secret(tx: Tx, *, name: str) -> str:
    """A new generated secret for a user, whose sessions end. Raises `NotFound`."""
    secret = secrets.token_urlsafe(15)
    params = {"which": name, "hash_": _hasher().hash(secret)}
    if tx.execute(_SET_SECRET, params).rowcount != 1:
        raise NotFound(f"there is no user {name!r}")
    tx.execute(_END_SESSIONS, {"which": name})
    return secret


def sign_in(
    database: Database,
    *,
    name: str,
    secret: str,
    address: str,
    now: datetime,
    length: timedelta = SESSION_LENGTH,
) -> tuple[str, ConsoleSession]:
    """A token for the browser, and the session that it opens.

    Raises `Unauthenticated` for a wrong name or secret alike, and `TooManyAttempts` without a
    look at the secret where this name or address has failed too often. It takes the database,
    as a failure is recorded too, and hashing has no place in a write transaction.
    """
    whose = [f"name {name[:100]}", f"address {address[:100]}"]
    with database.read() as r:
        _refuse_impatient(r, whose, now)
        row = r.execute(_USER, {"which": name}).one_or_none()
    right = _verify(row.secret_hash if row else _nobodys_hash(), secret) and row is not None
    with database.transaction() as tx:
        if not right:
            _note_failure(tx, whose, now)
        else:
            assert row is not None
            tx.execute(_FORGIVE, {"which": whose[0]})
            tx.execute(_END_OLD_SESSIONS, {"now": now})
            token = secrets.token_urlsafe(32)
            opened = ConsoleSession(
                name, secrets.token_urlsafe(32), now + length, frozenset(row.scopes)
            )
            columns = {"token_hash": _digest(token), "user": name, "csrf": opened.csrf}
            tx.execute(
                _ADD_SESSION, {**columns, "created_at": now, "expires_at": opened.expires_at}
            )
            return token, opened
    raise Unauthenticated("the name or the secret is wrong")


def _verify(secret_hash: str, secret: str) -> bool:
    try:
        return _hasher().verify(secret_hash, secret)
    except (VerificationError, InvalidHashError):
        return False


def _refuse_impatient(r: Reader, whose: list[str], now: datetime) -> None:
    waits = [row.wait_until for row in r.execute(_ATTEMPTS, {"whose": whose})]
    if waits and max(waits) > now:
        seconds = int((max(waits) - now).total_seconds()) + 1
        raise TooManyAttempts(f"too many attempts: wait {seconds} s", seconds=seconds)


def _note_failure(tx: Tx, whose: list[str], now: datetime) -> None:
    tx.execute(_FORGET_ATTEMPTS, {"now": now - FORGOTTEN_AFTER})
    before = {row.who: row.failures for row in tx.execute(_ATTEMPTS, {"whose": whose})}
    for who in whose:
        failures = before.get(who, 0) + 1
        wait = timedelta()
        if failures > FREE_FAILURES:
            wait = min(timedelta(seconds=2 ** min(failures - FREE_FAILURES - 1, 20)), LONGEST_WAIT)
        tx.execute(_NOTE_ATTEMPT, {"who": who, "failures": failures, "wait_until": now + wait})


def console_session(r: Reader, token: str, now: datetime) -> ConsoleSession | None:
    """The session that this token opens, if it does."""
    row = r.execute(_SESSION, {"which": _digest(token), "now": now}).one_or_none()
    if row is None:
        return None
    return ConsoleSession(row.user, row.csrf, row.expires_at, frozenset(row.scopes))


def sign_out(tx: Tx, token: str) -> None:
    """The token opens nothing from now on."""
    tx.execute(_END_SESSION, {"which": _digest(token)})
