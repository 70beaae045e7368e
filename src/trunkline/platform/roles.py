"""Roles, and the permissions that give them to users (TM Forum TMF672).

A role holds scopes; a permission gives a user roles or single scopes, on an asset and for a
period. What is guarded here is the whole operator (`*` or `trunkline`) or one area of it
(`tmf620`): permissions on other assets are kept and guard nothing. A user is somebody who signs
in, by name, or an API key, by its id; one who has no account yet may be given permissions
ahead. Whatever changes counts at once.

Nobody gives, changes or takes what exceeds their own scopes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.platform import users
from trunkline.platform.changes import Change
from trunkline.platform.collisions import collision
from trunkline.platform.db import (
    Instant,
    Json,
    Reader,
    Tx,
    books_metadata,
    decode_json,
    encode_json,
)
from trunkline.platform.principals import EVERYTHING, LacksScope, Principal, is_scope
from trunkline.platform.storable import check_storable

Body = dict[str, Any]

ADMINISTRATOR_ROLE = "administrator"
SUBSCRIBER_ROLE = "subscriber"
"""What a token that is bound to a customer may do, unless it is issued for less."""
THE_OPERATOR = ("*", "trunkline")
_MOST = 500
_LONGEST_NAME = 200
_ALL = ("*", "all")


class RoleId(Id):
    prefix = "role"


class PermissionId(Id):
    prefix = "perm"


class NoSuchRole(NotFound):
    code = "noSuchRole"


class NoSuchPermission(NotFound):
    code = "noSuchPermission"


class BuiltIn(Conflict):
    """The administrator's role is what it is."""

    code = "builtIn"


class LastAdministrator(Conflict):
    """Nobody would be left who may do everything."""

    code = "lastAdministrator"


role = sa.Table(
    "user_role",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("body", Json, nullable=False),
)
permission = sa.Table(
    "user_permission",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("valid_from", Instant, nullable=True),
    sa.Column("valid_to", Instant, nullable=True),
    sa.Column("gives", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("user_permission_by_user", "user"),
)

_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_ROLES = sa.select(role).where(role.c.id.in_(_ids))
_PERMISSIONS = sa.select(permission).where(permission.c.id.in_(_ids))
_LOCKED = {
    table: sa.select(table).where(table.c.id == sa.bindparam("ident")).with_for_update()
    for table in (role, permission)
}
_UPDATE = {
    table: sa.update(table).where(table.c.id == sa.bindparam("ident"))
    for table in (role, permission)
}
_INSERT = {table: sa.insert(table) for table in (role, permission)}
_now = sa.bindparam("now", type_=Instant)
_VALID = sa.and_(
    sa.or_(permission.c.valid_from.is_(None), permission.c.valid_from <= _now),
    sa.or_(permission.c.valid_to.is_(None), permission.c.valid_to > _now),
)
_GIVEN = sa.select(permission.c.gives).where(
    permission.c.user == sa.bindparam("user", type_=sa.String), _VALID
)
_TO_COME = sa.select(permission.c.gives).where(
    permission.c.user == sa.bindparam("user", type_=sa.String),
    sa.or_(permission.c.valid_to.is_(None), permission.c.valid_to > _now),
)
_FOR_GOOD = sa.select(permission.c.user, permission.c.gives).where(
    _VALID, permission.c.valid_to.is_(None)
)


def roles(r: Reader, ids: Collection[str]) -> list[Body]:
    """The bodies of those that exist."""
    return [row.body for row in r.execute(_ROLES, {"ids": list(ids)})] if ids else []


def permissions(r: Reader, ids: Collection[str]) -> list[Body]:
    """The bodies of those that exist."""
    return [row.body for row in r.execute(_PERMISSIONS, {"ids": list(ids)})] if ids else []


def role_scopes(r: Reader, ident: str) -> frozenset[str]:
    """What a role allows; nothing where there is none."""
    return frozenset(_scopes_of(r, [ident]).get(ident, ()))


def granted(r: Reader, user: str, now: datetime) -> frozenset[str]:
    """The scopes that a user's permissions give at `now`."""
    return _union(r, r.execute(_GIVEN, {"user": user, "now": now}).scalars().all())


def promised(r: Reader, user: str, now: datetime) -> frozenset[str]:
    """The scopes that they give at `now` or will give."""
    return _union(r, r.execute(_TO_COME, {"user": user, "now": now}).scalars().all())


def administrators(r: Reader, now: datetime) -> set[str]:
    """Users whom permissions without an end allow everything."""
    rows = r.execute(_FOR_GOOD, {"now": now}).all()
    return {row.user for row in rows if EVERYTHING in _union(r, [row.gives])}


def create_role(tx: Tx, body: Mapping[str, Any], *, by: Principal | None, now: datetime) -> Body:
    """A new role; `by` is who makes it, None for the operating system's user. Raises `Invalid`
    and, where it holds more than who makes it, `LacksScope`."""
    ident = str(tx.new_id(RoleId, now))
    made = _plain(body) | {"id": ident}
    columns = _role_columns(made)
    _require(by, columns["scopes"], "entitlement")
    row = {"id": ident, "created_at": now, "updated_at": now, "body": made}
    tx.execute(_INSERT[role], row | columns)
    tx.changed("UserRole", ident, Change.CREATED)
    return made


def change_role(
    tx: Tx, ident: str, body: Mapping[str, Any], *, by: Principal | None, now: datetime
) -> Body:
    """Puts `body` in the place of the present one. Raises `NoSuchRole`, `BuiltIn`, `Invalid`,
    and `LacksScope` where the role holds, or would hold, more than who changes it."""
    row = tx.execute(_LOCKED[role], {"ident": ident}).first()
    if row is None:
        raise NoSuchRole(f"there is no role {ident[:100]!r}")
    if ident == ADMINISTRATOR_ROLE:
        raise BuiltIn("the administrator's role can't be changed")
    _require(by, row.scopes, "entitlement")
    made = _plain(body) | {"id": ident}
    columns = _role_columns(made)
    _require(by, columns["scopes"], "entitlement")
    place = {"ident": ident, "updated_at": now, "body": made}
    with administrator_kept(tx, now):
        tx.execute(_UPDATE[role], place | columns)
    tx.changed("UserRole", ident, Change.ATTRIBUTES)
    return made


def give(tx: Tx, *, user: str, role: str, by: Principal | None, now: datetime) -> Body:
    """A permission without an end: the role, on the whole operator. Raises `NoSuchRole`."""
    asset = {"id": THE_OPERATOR[1], "@referredType": "Operator"}
    body = {
        "user": {"id": user, "@referredType": "User"},
        "assetUserRole": [{"manageableAsset": asset, "userRole": {"id": role}}],
        "validFor": {"startDateTime": format_instant(now)},
    }
    return create_permission(tx, body, by=by, now=now)


def create_permission(
    tx: Tx, body: Mapping[str, Any], *, by: Principal | None, now: datetime
) -> Body:
    """Raises `NoSuchRole` and `Invalid` with their paths, and `LacksScope` for what exceeds
    whoever gives it."""
    ident = str(tx.new_id(PermissionId, now))
    made = _plain(body) | {"id": ident, "creationDate": format_instant(now)}
    if by is not None:
        type_ = "ApiKey" if by.key else "User"
        granter = {"id": by.key or by.name, "name": by.name, "role": "granter"}
        made.setdefault("granter", granter | {"@referredType": type_})
    columns = _permission_columns(tx, made)
    _require(by, _union(tx, [columns["gives"]]), "assetUserRole")
    row = {"id": ident, "created_at": now, "updated_at": now, "body": made}
    with collision(taken=Conflict("it was given at this moment")):
        tx.execute(_INSERT[permission], row | columns)
    tx.changed("Permission", ident, Change.CREATED)
    return made


def change_permission(
    tx: Tx, ident: str, body: Mapping[str, Any], *, by: Principal | None, now: datetime
) -> Body:
    """Puts `body` in the place of the present one: to take a permission away, end its period.
    Raises `NoSuchPermission`, what `create_permission` raises, and `LacksScope` too where it
    gave more than whoever changes it has."""
    row = tx.execute(_LOCKED[permission], {"ident": ident}).first()
    if row is None:
        raise NoSuchPermission(f"there is no permission {ident[:100]!r}")
    _require(by, _union(tx, [row.gives]), "assetUserRole")
    made = _plain(body) | {"id": ident}
    if made.get("creationDate") != row.body["creationDate"]:
        raise Invalid("can't be changed", path="creationDate")
    columns = _permission_columns(tx, made)
    _require(by, _union(tx, [columns["gives"]]), "assetUserRole")
    place = {"ident": ident, "updated_at": now, "body": made}
    with administrator_kept(tx, now):
        tx.execute(_UPDATE[permission], place | columns)
    tx.changed("Permission", ident, Change.ATTRIBUTES)
    return made


@contextmanager
def administrator_kept(tx: Tx, now: datetime) -> Iterator[None]:
    """Raises `LastAdministrator` where what is done inside takes the last one's rights, one
    transaction after another."""
    tx.execute(_LOCKED[role], {"ident": ADMINISTRATOR_ROLE})
    had_one = _has_administrator(tx, now)
    yield
    if had_one and not _has_administrator(tx, now):
        raise LastAdministrator("nobody would be left who may do everything")


def _has_administrator(tx: Tx, now: datetime) -> bool:
    return users.has_administrator(tx, administrators(tx, now))


def _require(by: Principal | None, scopes: Iterable[str], path: str) -> None:
    for scope in sorted(scopes):
        if by is not None and not by.may(scope):
            reason = f"it holds {scope[:80]}, which {by.name} lacks"
            raise LacksScope(reason, path=path, scope=scope)


def _plain(body: Mapping[str, Any]) -> Body:
    plain: Body = decode_json(encode_json(body))
    check_storable(plain)
    return plain


def _role_columns(body: Body) -> dict[str, Any]:
    given: Sequence[Any] = body["entitlement"]
    if len(given) > _MOST:
        raise Invalid(f"has at most {_MOST}", path="entitlement")
    name = body.get("involvementRole")
    if name is not None and len(name) > _LONGEST_NAME:
        raise Invalid(f"has at most {_LONGEST_NAME} characters", path="involvementRole")
    return {"name": name, "scopes": sorted({scope for each in given for scope in _scope(each)})}


def _scope(given: Mapping[str, Any]) -> Iterator[str]:
    """The scope that TMF672's words mean, if they mean one: `function` is the area, `action`
    the verb."""
    area, verb = (
        "*" if each in _ALL else each for each in (given.get("function"), given.get("action"))
    )
    scope = EVERYTHING if area == verb == "*" else f"{area}:{verb}"
    if is_scope(scope):
        yield scope


def _permission_columns(tx: Tx, body: Body) -> dict[str, Any]:
    starts, ends = _period(body["validFor"])
    user = body["user"]["id"]
    if not 1 <= len(user) <= 100 or not user.isprintable():
        raise Invalid("has 1 to 100 printable characters", path="user.id")
    gives = [*_roles_given(tx, body), *_privileges_given(body)]
    if len(gives) > _MOST:
        raise Invalid(f"gives more than {_MOST} things", path="assetUserRole")
    return {"user": user, "valid_from": starts, "valid_to": ends, "gives": gives}


def _period(period: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    starts, ends = (
        None if (text := period.get(name)) is None else parse_instant(text, path=f"validFor.{name}")
        for name in ("startDateTime", "endDateTime")
    )
    if starts is not None and ends is not None and ends < starts:
        raise Invalid("is before startDateTime", path="validFor.endDateTime")
    return starts, ends


def _roles_given(tx: Tx, body: Body) -> Iterator[dict[str, str]]:
    given: Sequence[Any] = body.get("assetUserRole") or ()
    known = _scopes_of(tx, {each["userRole"]["id"] for each in given})
    for index, each in enumerate(given):
        ident = each["userRole"]["id"]
        if ident not in known:
            path = f"assetUserRole[{index}].userRole.id"
            raise NoSuchRole(f"there is no role {ident[:100]!r}", path=path)
        yield {"asset": each["manageableAsset"]["id"], "role": ident}


def _privileges_given(body: Body) -> Iterator[dict[str, str]]:
    for each in body.get("privilege") or ():
        for scope in _scope(each):
            yield {"asset": each["manageableAsset"]["id"], "scope": scope}


def _union(r: Reader, given: Iterable[Sequence[Mapping[str, str]]]) -> frozenset[str]:
    gifts = [each for gives in given for each in gives]
    known = _scopes_of(r, {each["role"] for each in gifts if "role" in each})
    found: set[str] = set()
    for each in gifts:
        scopes = known.get(each["role"], ()) if "role" in each else (each["scope"],)
        found.update(_on(each["asset"], scopes))
    return frozenset(found)


def _on(asset: str, scopes: Iterable[str]) -> Iterator[str]:
    """What scopes allow on an asset: all of it on the operator, their part on an area."""
    for scope in scopes:
        area, _, verb = scope.partition(":")
        if asset in THE_OPERATOR:
            yield scope
        elif asset.isalnum() and scope == EVERYTHING:
            yield f"{asset}:*"
        elif asset.isalnum() and area in (asset, "*"):
            yield f"{asset}:{verb}"


def _scopes_of(r: Reader, ids: Collection[str]) -> dict[str, list[str]]:
    if not ids:
        return {}
    return {row.id: row.scopes for row in r.execute(_ROLES, {"ids": list(ids)})}
