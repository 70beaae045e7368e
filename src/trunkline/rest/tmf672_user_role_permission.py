"""TMF672 User Roles and Permissions, v4: what roles allow, and who has them.

Its document carries TMF676's base path by mistake. An entitlement's `function` is the area of a
scope (`tmf620`, `console`, `*`) and its `action` the verb (`read`, `write`, `*`). A permission's
`user` is a user of the console by name, or an API key by id. It guards what it says where its
asset is the operator (id `*` or `trunkline`) or an area (id `tmf620`); permissions on other
assets are kept. The built-in roles are administrator, careAgent, productManager, finance,
readOnly and subscriber (what customers' own tokens may do).
"""

from datetime import datetime
from typing import Any

from trunkline.platform import roles
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import ReferenceInRole, RelatedParty
from trunkline.rest.forms.wire import PERMISSIONS, PeriodIn, Typed
from trunkline.tmf import Api, Document, Moment, in_json

_ROLES = f"{PERMISSIONS}/userRole"
_PERMISSIONS = f"{PERMISSIONS}/permission"
Body = dict[str, Any]


class Entitlement(Typed, kw_only=True):
    function: str | None = None
    action: str | None = None


class UserRole(Typed, kw_only=True):
    entitlement: tuple[Entitlement, ...]
    involvement_role: str | None = None


class AssetUserRole(Typed, kw_only=True):
    manageable_asset: ReferenceInRole
    user_role: ReferenceInRole


class Privilege(Typed, kw_only=True):
    manageable_asset: ReferenceInRole
    function: str
    action: str


class Permission(Typed, kw_only=True):
    user: RelatedParty
    valid_for: PeriodIn
    creation_date: Moment | None = None
    description: str | None = None
    asset_user_role: tuple[AssetUserRole, ...] | None = None
    privilege: tuple[Privilege, ...] | None = None
    granter: RelatedParty | None = None


def _create_role(tx: Tx, body: Body, now: datetime) -> str:
    return str(roles.create_role(tx, body, by=tx.caller, now=now)["id"])


def _change_role(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    roles.change_role(tx, ident, body, by=tx.caller, now=now)


def _create_permission(tx: Tx, body: Body, now: datetime) -> str:
    return str(roles.create_permission(tx, body, by=tx.caller, now=now)["id"])


def _change_permission(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    roles.change_permission(tx, ident, body, by=tx.caller, now=now)


_role = roles.role.c
_permission = roles.permission.c

API = Api(
    number="TMF672",
    title="User Roles and Permissions",
    version="4.0.0",
    base=PERMISSIONS,
    resources=(
        Document(
            path=_ROLES,
            type="UserRole",
            key=_role.id,
            paths={
                "involvementRole": _role.name,
                "entitlement.function": in_json(_role.body, "entitlement.function"),
                "entitlement.action": in_json(_role.body, "entitlement.action"),
            },
            find=roles.roles,
            schema=UserRole,
            create=_create_role,
            replace=_change_role,
        ),
        Document(
            path=_PERMISSIONS,
            type="Permission",
            key=_permission.id,
            paths={
                "creationDate": _permission.created_at,
                "description": in_json(_permission.body, "description"),
                "user.id": _permission.user,
                "validFor.startDateTime": _permission.valid_from,
                "validFor.endDateTime": _permission.valid_to,
                "granter.id": in_json(_permission.body, "granter.id"),
                "assetUserRole.userRole.id": in_json(_permission.body, "assetUserRole.userRole.id"),
                "assetUserRole.manageableAsset.id": in_json(
                    _permission.body, "assetUserRole.manageableAsset.id"
                ),
                "privilege.function": in_json(_permission.body, "privilege.function"),
                "privilege.action": in_json(_permission.body, "privilege.action"),
                "privilege.manageableAsset.id": in_json(
                    _permission.body, "privilege.manageableAsset.id"
                ),
            },
            find=roles.permissions,
            schema=Permission,
            create=_create_permission,
            replace=_change_permission,
        ),
    ),
)
