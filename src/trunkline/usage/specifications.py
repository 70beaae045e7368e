"""Usage specifications (TMF635): documents that say what a kind of usage is made of."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.catalog import CATALOG_LIFECYCLE, LifecycleStatus
from trunkline.customers import known_parties
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body
from trunkline.usage import store

_LONGEST = 200


class SpecificationInUse(Conflict):
    code = "usageSpecificationInUse"


class UsageSpecificationId(Id):
    __slots__ = ()
    prefix = "usp"


_table = documents.table(
    "usage_specification",
    sa.Column("name", sa.String(_LONGEST)),
    sa.Column("lifecycle_status", sa.String(40), nullable=False),
    sa.Column("is_bundle", sa.Boolean, nullable=False),
    sa.Index("usage_specification_by_name", "name", "id"),
)


def _columns(body: Body) -> dict[str, Any]:
    return {
        "name": body.get("name"),
        "lifecycle_status": body["lifecycleStatus"],
        "is_bundle": body["isBundle"],
    }


def _complete(body: Body, _before: Body | None, now: datetime) -> Body:
    name = body.get("name")
    if name is not None and not 1 <= len(name.strip()) <= _LONGEST:
        raise Invalid(f"has 1 to {_LONGEST} characters", path="name")
    return {"isBundle": False} | body | {"lastUpdate": format_instant(now)}


def _check_unused(tx: Tx, body: Body) -> None:
    used = sa.select(1).where(store.usage.c.specification_id == body["id"]).limit(1)
    if tx.execute(used).first() is not None:
        raise SpecificationInUse("there is usage of it", path="id")


USAGE_SPECIFICATIONS = documents.Kind(
    name="UsageSpecification",
    ids=UsageSpecificationId,
    table=_table,
    columns=_columns,
    complete=_complete,
    refers={"relatedParty": known_parties},
    deletable=_check_unused,
    lifecycle=CATALOG_LIFECYCLE,
    state="lifecycleStatus",
    begins=tuple(map(str, (LifecycleStatus.ACTIVE, *LifecycleStatus))),
)
