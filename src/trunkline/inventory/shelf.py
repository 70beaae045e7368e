"""The table of what is kept in stock, numbers and SIMs, and all SQL on it.

That no two holders ever get the same resource rests on `_RESERVE_FREE`, `_RESERVE_ANY` and
`_RESERVE_THIS`, one statement each, which finds and takes, and on `_LOCK_SOME` with `_TAKE`, which
takes what it has locked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.inventory.model import (
    ProductId,
    Resource,
    ResourceId,
    ResourceKind,
    ResourceState,
)
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

resource = sa.Table(
    "resource",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("value", sa.String(200)),
    sa.Column("imsi", sa.String(15), unique=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("holder", sa.String(200)),
    sa.Column("product_id", sa.String(100)),
    sa.Column("quarantined_until", Instant),
    sa.Column("name", sa.String(200)),
    sa.Column("category", sa.String(200)),
    sa.Column("is_physical", sa.Boolean),
    sa.Column("status", sa.String(20)),
    sa.Column("administrative_state", sa.String(20)),
    sa.Column("operational_state", sa.String(20)),
    sa.Column("usage_state", sa.String(20)),
    sa.Column("details", Json),
    sa.Index(
        "resource_in_stock",
        "kind",
        "value",
        unique=True,
        sqlite_where=sa.text("kind <> 'other'"),
        postgresql_where=sa.text("kind <> 'other'"),
    ),
    sa.Index("resource_by_state", "kind", "state", "value"),
    sa.Index("resource_by_value", "value", "id"),
    sa.Index("resource_by_name", "name", "id"),
    sa.Index("resource_by_category", "category", "id"),
    sa.Index("resource_by_status", "status", "id"),
    sa.Index("resource_by_usage", "usage_state", "id"),
    sa.Index("resource_by_holder", "holder"),
    sa.Index("resource_by_product", "product_id", "id"),
)


def standing(state: ResourceState) -> dict[str, str]:
    """What a number or a card in this state shows (TMF639), beside the state itself."""
    status, usage, administrative = _SHOWN[state]
    return {
        "state": state.value,
        "status": status,
        "usage_state": usage,
        "administrative_state": administrative,
        "operational_state": "disable" if state is ResourceState.RETIRED else "enable",
    }


_SHOWN = {
    ResourceState.AVAILABLE: ("available", "idle", "unlocked"),
    ResourceState.RESERVED: ("reserved", "idle", "unlocked"),
    ResourceState.ASSIGNED: ("reserved", "active", "unlocked"),
    ResourceState.QUARANTINED: ("suspended", "idle", "locked"),
    ResourceState.SUSPENDED: ("suspended", "idle", "locked"),
    ResourceState.RETIRED: ("suspended", "idle", "shutdown"),
}
_ADD_RESOURCE = {
    "sqlite": sqlite.insert(resource).on_conflict_do_nothing().returning(resource.c.id),
    "postgresql": postgresql.insert(resource).on_conflict_do_nothing().returning(resource.c.id),
}

_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_shelf = resource.alias("shelf")
_kind: sa.BindParameter[Any] = sa.bindparam("of_kind")
_AVAILABLE = "available"


def _reserving(*, free: bool) -> sa.sql.dml.ReturningUpdate[Any]:
    """The lowest on the shelf; a `free` one is passed over if another transaction holds it, any
    is waited for. On SQLite the writer is alone, and the lock is left out."""
    lowest = (
        sa.select(_shelf.c.id)
        .where(_shelf.c.kind == _kind, _shelf.c.state == _AVAILABLE)
        .order_by(_shelf.c.value)
        .limit(1)
        .with_for_update(skip_locked=free, of=_shelf)
    )
    return (
        sa.update(resource)
        .where(resource.c.id == lowest.scalar_subquery())
        .values(**standing(ResourceState.RESERVED), holder=sa.bindparam("by"))
        .returning(*resource.c)
    )


_RESERVE_FREE = _reserving(free=True)
_RESERVE_ANY = _reserving(free=False)
_SOME_ON_SHELF = (
    sa.select(_shelf)
    .where(_shelf.c.kind == _kind, _shelf.c.state == _AVAILABLE)
    .order_by(_shelf.c.value)
    .limit(sa.bindparam("most"))
)
_LOCK_FREE = _SOME_ON_SHELF.with_for_update(skip_locked=True)
_LOCK_SOME = _SOME_ON_SHELF.with_for_update()
_TAKE = (
    sa.update(resource)
    .where(resource.c.id == sa.bindparam("which"), resource.c.state == _AVAILABLE)
    .values(**standing(ResourceState.RESERVED), holder=sa.bindparam("by"))
)
_RESERVE_THIS = (
    sa.update(resource)
    .where(
        resource.c.kind == _kind,
        resource.c.value == sa.bindparam("wished"),
        resource.c.state == _AVAILABLE,
    )
    .values(**standing(ResourceState.RESERVED), holder=sa.bindparam("by"))
    .returning(*resource.c)
)
_ASSIGN = (
    sa.update(resource)
    .where(
        resource.c.holder == sa.bindparam("held_by"),
        resource.c.state == ResourceState.RESERVED.value,
    )
    .values(**standing(ResourceState.ASSIGNED), product_id=sa.bindparam("to_product"))
)
_RESERVED_BY = sa.select(resource).where(
    resource.c.holder.in_(_ids), resource.c.state == ResourceState.RESERVED.value
)
_RELEASE = (
    sa.update(resource)
    .where(
        resource.c.holder == sa.bindparam("held_by"),
        resource.c.state == ResourceState.RESERVED.value,
    )
    .values(**standing(ResourceState.AVAILABLE), holder=None)
    .returning(*resource.c)
)
_TAKE_BACK = (
    sa.update(resource)
    .where(
        resource.c.product_id == sa.bindparam("from_product"),
        resource.c.state == ResourceState.ASSIGNED.value,
    )
    .values(
        **{
            column: sa.case((resource.c.kind == ResourceKind.NUMBER.value, rests), else_=retires)
            for (column, rests), retires in zip(
                standing(ResourceState.QUARANTINED).items(),
                standing(ResourceState.RETIRED).values(),
                strict=True,
            )
        },
        quarantined_until=sa.case(
            (resource.c.kind == ResourceKind.NUMBER.value, sa.bindparam("until", type_=Instant)),
        ),
    )
    .returning(*resource.c)
)
_END_QUARANTINE = (
    sa.update(resource)
    .where(
        resource.c.id == sa.bindparam("which"),
        resource.c.state == ResourceState.QUARANTINED.value,
        resource.c.quarantined_until <= sa.bindparam("at", type_=Instant),
    )
    .values(
        **standing(ResourceState.AVAILABLE), holder=None, product_id=None, quarantined_until=None
    )
)
_ONE = sa.select(resource).where(resource.c.id == sa.bindparam("which")).with_for_update()
_SOME = sa.select(resource).where(resource.c.id.in_(_ids)).order_by(resource.c.id)
_ADD_OTHER = sa.insert(resource)
_AMEND = (
    sa.update(resource)
    .where(resource.c.id == sa.bindparam("which"))
    .values(
        name=sa.bindparam("named"),
        value=sa.bindparam("worth"),
        category=sa.bindparam("sort"),
        details=sa.bindparam("rest", type_=Json),
    )
)
_MOVE = sa.update(resource).where(resource.c.id == sa.bindparam("which"))
_DELETE = sa.delete(resource).where(resource.c.id == sa.bindparam("which"))
_RESOURCE = sa.select(resource).where(
    resource.c.kind == _kind, resource.c.value == sa.bindparam("which")
)
_NUMBERS_FROM = (
    sa.select(resource)
    .where(
        resource.c.kind == ResourceKind.NUMBER.value,
        resource.c.product_id.is_not(None),
        resource.c.value >= sa.bindparam("first"),
        resource.c.value < sa.bindparam("beyond"),
    )
    .order_by(resource.c.value)
    .limit(sa.bindparam("most"))
)
_TAKEN = sa.select(resource.c.value, resource.c.imsi).where(
    resource.c.kind == _kind,
    resource.c.value.in_(_ids) | resource.c.imsi.in_(sa.bindparam("imsis", expanding=True)),
)
_RESOURCES_OF = sa.select(resource).where(resource.c.product_id.in_(_ids)).order_by(resource.c.kind)
_COUNT = (
    sa.select(sa.func.count())
    .select_from(resource)
    .where(resource.c.kind == _kind, resource.c.state == sa.bindparam("in_state"))
)
_LEVELS = sa.select(resource.c.kind, resource.c.state, sa.func.count().label("held")).group_by(
    resource.c.kind, resource.c.state
)


def add(tx: Tx, resources: Sequence[Resource]) -> list[ResourceId]:
    """Adds those whose value is new, and says which that were."""
    result = tx.execute(
        _ADD_RESOURCE[tx.dialect],
        [
            {
                "id": each.id,
                "kind": each.kind.value,
                "value": each.value,
                "imsi": each.imsi,
                **standing(each.state),
                "name": each.name or each.value,
                "category": each.category,
                "is_physical": each.kind is ResourceKind.SIM,
                "details": dict(each.details) or None,
            }
            for each in resources
        ],
    )
    return [ResourceId(row.id) for row in result]


def add_other(tx: Tx, new: Resource) -> None:
    values = {
        "id": new.id,
        "kind": new.kind.value,
        "value": new.value or None,
        "state": new.state.value,
        "name": new.name,
        "category": new.category,
        "is_physical": new.is_physical,
        "details": dict(new.details) or None,
    }
    tx.execute(_ADD_OTHER, values | _states(new))


def _states(of: Resource) -> dict[str, str | None]:
    return {
        "status": of.status,
        "administrative_state": of.administrative_state,
        "operational_state": of.operational_state,
        "usage_state": of.usage_state,
    }


def locked(tx: Tx, which: ResourceId) -> Resource | None:
    row = tx.execute(_ONE, {"which": which}).first()
    return _resource(row) if row else None


def resources(r: Reader, ids: Sequence[str]) -> list[Resource]:
    return [_resource(row) for row in r.execute(_SOME, {"ids": list(ids)})]


def amend(tx: Tx, after: Resource) -> None:
    tx.execute(
        _AMEND,
        {
            "which": after.id,
            "named": after.name,
            "worth": after.value or None,
            "sort": after.category,
            "rest": dict(after.details) or None,
        },
    )


def move(tx: Tx, which: ResourceId, to: ResourceState, holder: str | None) -> None:
    """A number or a card, by hand."""
    tx.execute(_MOVE, {"which": which, **standing(to), "holder": holder, "quarantined_until": None})


def move_other(tx: Tx, after: Resource) -> None:
    tx.execute(_MOVE, {"which": after.id, **_states(after)})


def delete(tx: Tx, which: ResourceId) -> None:
    tx.execute(_DELETE, {"which": which})


def taken(r: Reader, values: Sequence[str], imsis: Sequence[str]) -> dict[str, str | None]:
    """The IMSI of each SIM that has one of these ICCIDs or one of these IMSIs."""
    params = {"of_kind": ResourceKind.SIM.value, "ids": list(values), "imsis": list(imsis)}
    return {row.value: row.imsi for row in r.execute(_TAKEN, params)}


def reserve_any(tx: Tx, kind: ResourceKind, holder: str) -> Resource | None:
    """A free one. Where there is none, those are waited for that others have locked: they may
    leave them on the shelf."""
    params = {"of_kind": kind.value, "by": holder}
    row = tx.execute(_RESERVE_FREE, params).first() or tx.execute(_RESERVE_ANY, params).first()
    return _resource(row) if row else None


def reserve_some(tx: Tx, kind: ResourceKind, holders: Sequence[str]) -> list[Resource]:
    """One for each holder, in their order, or none at all where there are not enough; those are
    waited for that others have locked, where it takes them."""
    params = {"of_kind": kind.value, "most": len(holders)}
    rows = tx.execute(_LOCK_FREE, params).all()
    if len(rows) < len(holders):
        rows = tx.execute(_LOCK_SOME, params).all()
    if len(rows) < len(holders):
        return []
    pairs = list(zip(rows, holders, strict=True))
    took = tx.execute(_TAKE, [{"which": row.id, "by": holder} for row, holder in pairs])
    assert took.rowcount == len(pairs), "what is locked stays on the shelf"
    return [
        msgspec.structs.replace(_resource(row), state=ResourceState.RESERVED, holder=holder)
        for row, holder in pairs
    ]


def reserve_this(tx: Tx, kind: ResourceKind, value: str, holder: str) -> Resource | None:
    params = {"of_kind": kind.value, "wished": value, "by": holder}
    row = tx.execute(_RESERVE_THIS, params).first()
    return _resource(row) if row else None


def assign(tx: Tx, products: Mapping[str, ProductId]) -> int:
    params = [{"held_by": holder, "to_product": product} for holder, product in products.items()]
    return int(tx.execute(_ASSIGN, params).rowcount)


def reserved_by(r: Reader, holders: Sequence[str]) -> list[Resource]:
    return [_resource(row) for row in r.execute(_RESERVED_BY, {"ids": list(holders)})]


def release(tx: Tx, holder: str) -> list[Resource]:
    return [_resource(row) for row in tx.execute(_RELEASE, {"held_by": holder})]


def take_back(tx: Tx, product: ProductId, until: datetime) -> list[Resource]:
    params = {"from_product": product, "until": until}
    return [_resource(row) for row in tx.execute(_TAKE_BACK, params)]


def end_quarantine(tx: Tx, resource_id: ResourceId, at: datetime) -> bool:
    return tx.execute(_END_QUARANTINE, {"which": resource_id, "at": at}).rowcount == 1


def find(r: Reader, kind: ResourceKind, value: str) -> Resource | None:
    row = r.execute(_RESOURCE, {"of_kind": kind.value, "which": value}).first()
    return _resource(row) if row else None


def numbers_beginning(r: Reader, digits: str, limit: int) -> list[Resource]:
    # What sorts right behind all digits is a colon.
    params = {"first": digits, "beyond": f"{digits}:", "most": limit}
    return [_resource(row) for row in r.execute(_NUMBERS_FROM, params)]


def resources_of(r: Reader, products: Sequence[str]) -> list[Resource]:
    return [_resource(row) for row in r.execute(_RESOURCES_OF, {"ids": list(products)})]


def count(r: Reader, kind: ResourceKind, state: ResourceState) -> int:
    params = {"of_kind": kind.value, "in_state": state.value}
    return int(r.execute(_COUNT, params).scalar_one())


def levels(r: Reader) -> dict[tuple[ResourceKind, ResourceState], int]:
    return {
        (ResourceKind(row.kind), ResourceState(row.state)): row.held for row in r.execute(_LEVELS)
    }


def _resource(row: Any) -> Resource:
    return Resource(
        id=ResourceId(row.id),
        kind=ResourceKind(row.kind),
        value=row.value or "",
        state=ResourceState(row.state),
        imsi=row.imsi,
        holder=row.holder,
        product=ProductId(row.product_id) if row.product_id else None,
        quarantined_until=row.quarantined_until,
        name=row.name or row.value or "",
        category=row.category,
        is_physical=bool(row.is_physical),
        status=row.status,
        administrative_state=row.administrative_state,
        operational_state=row.operational_state,
        usage_state=row.usage_state,
        details=row.details or {},
    )
