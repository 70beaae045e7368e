"""Who may do what: API keys for programs, sign-ins for people.

Secrets are never stored. API keys and session tokens are 256 random bits, of which a SHA-256
is kept; what people type is kept as an argon2id hash. Sign-ins, those that fail, and sign-outs
are in the audit trail.
"""

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

import msgspec
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.platform import api_keys as _api_keys
from trunkline.platform import attempts, audit, roles, users
from trunkline.platform.api_keys import ApiKey as ApiKey
from trunkline.platform.api_keys import NewApiKey as NewApiKey
from trunkline.platform.api_keys import NoSuchKey as NoSuchKey
from trunkline.platform.api_keys import api_keys as api_keys
from trunkline.platform.api_keys import authenticate as authenticate
from trunkline.platform.api_keys import create_api_key as create_api_key
from trunkline.platform.api_keys import digest
from trunkline.platform.api_keys import revoke_api_key as revoke_api_key
from trunkline.platform.attempts import FREE_FAILURES as FREE_FAILURES
from trunkline.platform.attempts import LONGEST_WAIT as LONGEST_WAIT
from trunkline.platform.attempts import TooManyAttempts as TooManyAttempts
from trunkline.platform.collisions import collision
from trunkline.platform.db import Database, Instant, Reader, Tx, books_metadata
from trunkline.platform.principals import ApiKeyId as ApiKeyId
from trunkline.platform.principals import Binding as Binding
from trunkline.platform.principals import InvalidToken as InvalidToken
from trunkline.platform.principals import LacksScope as LacksScope
from trunkline.platform.principals import Principal as Principal
from trunkline.platform.principals import Unauthenticated as Unauthenticated
from trunkline.platform.principals import check_scopes as check_scopes

ADMINISTRATOR = "admin"
SESSION_LENGTH = timedelta(hours=12)


class UserExists(Conflict):
    code = "userExists"


class NoSuchUser(NotFound):
    code = "noSuchUser"


class ConsoleSession(msgspec.Struct, frozen=True):
    """Someone who is signed in. Forms carry `csrf` back."""

    user: str
    csrf: str
    expires_at: datetime
    scopes: frozenset[str]


api_key = _api_keys.table
user = users.table
session = sa.Table(
    "console_session",
    books_metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("user", sa.String, sa.ForeignKey(user.c.name), nullable=False),
    sa.Column("csrf", sa.String, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)

_which = sa.bindparam("which", type_=sa.String)
_now = sa.bindparam("now", type_=Instant)
_ADD_USER = sa.insert(user)
_ANY_USER = sa.select(user.c.name).where(user.c.name == _which)
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
_SET_SECRET = sa.update(user).where(user.c.name == _which).values(secret_hash=sa.bindparam("hash_"))
_DISABLE = (
    sa.update(user)
    .where(user.c.name == _which, user.c.disabled_at.is_(None))
    .values(disabled_at=_now)
)
_ENABLE = (
    sa.update(user)
    .where(user.c.name == _which, user.c.disabled_at.is_not(None))
    .values(disabled_at=None)
)


def same_secret(one: str, other: str) -> bool:
    """Compares without telling by its duration how much was right."""
    return hmac.compare_digest(one.encode(), other.encode())


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe())


def ensure_administrator(tx: Tx, now: datetime) -> str | None:
    """At the first start, creates the administrator and returns the generated secret, which is
    shown once; None where there is one already."""
    if tx.execute(_ANY_USER, {"which": ADMINISTRATOR}).one_or_none() is not None:
        return None
    secret = secrets.token_urlsafe(15)
    create_user(tx, name=ADMINISTRATOR, secret=secret, scopes=["*"], now=now)
    return secret


def create_user(tx: Tx, *, name: str, secret: str, scopes: Iterable[str], now: datetime) -> None:
    """Someone who may sign in to the console. Raises `UserExists`, and `Invalid` for a name or
    a scope that is none."""
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Invalid("a name has 1 to 100 printable characters", path="name")
    exists = UserExists(f"there is a user {name!r} already", path="name")
    if tx.execute(_ANY_USER, {"which": name}).one_or_none() is not None:
        raise exists
    wanted = check_scopes(scopes, path="scopes")
    row = {"name": name, "secret_hash": _hasher().hash(secret), "scopes": wanted}
    with collision(taken=exists):
        tx.execute(_ADD_USER, {**row, "created_at": now, "disabled_at": None})


def add_user(tx: Tx, *, name: str, role: str, by: Principal | None, now: datetime) -> str:
    """A user with a role, and the generated secret, which is shown once; `by` None is the
    operating system's user. Raises `UserExists`, `NoSuchRole`, and `LacksScope` where they
    would have more than who adds them."""
    secret = secrets.token_urlsafe(15)
    create_user(tx, name=name, secret=secret, scopes=(), now=now)
    if by is not None:
        for scope in sorted(roles.promised(tx, name, now)):
            by.require(scope)
    roles.give(tx, user=name, role=role, by=by, now=now)
    return secret


def disable_user(tx: Tx, *, name: str, now: datetime) -> None:
    """They sign in no more, and their sessions end. Raises `NoSuchUser`, and
    `LastAdministrator` where nobody else may do everything."""
    with roles.administrator_kept(tx, now):
        if tx.execute(_DISABLE, {"which": name, "now": now}).rowcount != 1:
            raise NoSuchUser(f"there is no user {name[:100]!r} who may sign in")
    tx.execute(_END_SESSIONS, {"which": name})


def enable_user(tx: Tx, *, name: str) -> None:
    """They may sign in again, with the same secret. Raises `NoSuchUser`."""
    if tx.execute(_ENABLE, {"which": name}).rowcount != 1:
        raise NoSuchUser(f"there is no disabled user {name[:100]!r}")


def reset_secret(tx: Tx, *, name: str) -> str:
    """A new generated secret for a user, whose sessions end. Raises `NoSuchUser`."""
    secret = secrets.token_urlsafe(15)
    params = {"which": name, "hash_": _hasher().hash(secret)}
    if tx.execute(_SET_SECRET, params).rowcount != 1:
        raise NoSuchUser(f"there is no user {name[:100]!r}")
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
    look at the secret where this name, or anybody, has failed too often at this address. It
    takes the database, as a failure is recorded too, and hashing has no place in a write
    transaction.
    """
    with database.read() as r:
        attempts.check(r, name, address, now)
        row = r.execute(_USER, {"which": name}).one_or_none()
    right = _verify(row.secret_hash if row else _nobodys_hash(), secret) and row is not None
    with database.transaction() as tx:
        # What was typed for a name may be a secret: only names that exist are kept.
        who = name if row is not None else "unknown user"
        verb = "sign in" if right else "fail to sign in"
        told = {"address": attempts.network(address)}
        audit.record(tx, who=who, verb=verb, what=who, detail=told, now=now)
        if right:
            attempts.forgive(tx, name, address)
            tx.execute(_END_OLD_SESSIONS, {"now": now})
            return _open_session(tx, name, now, length)
        attempts.note_failure(tx, name, address, now)
    raise Unauthenticated("the name or the secret is wrong")


def _open_session(
    tx: Tx, name: str, now: datetime, length: timedelta
) -> tuple[str, ConsoleSession]:
    token = secrets.token_urlsafe(32)
    row = {"token_hash": digest(token), "user": name, "csrf": secrets.token_urlsafe(32)}
    tx.execute(_ADD_SESSION, {**row, "created_at": now, "expires_at": now + length})
    opened = console_session(tx, token, now)
    if opened is None:  # disabled while the secret was verified
        raise Unauthenticated("the name or the secret is wrong")
    return token, opened


def _verify(secret_hash: str, secret: str) -> bool:
    try:
        return _hasher().verify(secret_hash, secret)
    except (VerificationError, InvalidHashError):
        return False


def console_session(r: Reader, token: str, now: datetime) -> ConsoleSession | None:
    """The session that this token opens, if it does, with what its user may do at `now`."""
    row = r.execute(_SESSION, {"which": digest(token), "now": now}).one_or_none()
    if row is None:
        return None
    scopes = frozenset(row.scopes) | roles.granted(r, row.user, now)
    return ConsoleSession(row.user, row.csrf, row.expires_at, scopes)


def sign_out(tx: Tx, token: str, now: datetime) -> None:
    """The token opens nothing from now on."""
    opened = console_session(tx, token, now)
    if opened is not None:
        tx.execute(_END_SESSION, {"which": digest(token)})
        audit.record(tx, who=opened.user, verb="sign out", what=opened.user, now=now)
