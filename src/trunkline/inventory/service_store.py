"""The table of services, and all SQL on it."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.inventory.model import (
    ProductId,
    Service,
    ServiceCategory,
    ServiceId,
    ServiceState,
)
from trunkline.inventory.store import product
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

service = sa.Table(
    "service",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("category", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("product_id", sa.ForeignKey(product.c.id)),
    sa.Column("customer_id", sa.String(100), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("service_date", Instant, nullable=False),
    sa.Column("start_date", Instant),
    sa.Column("end_date", Instant),
    sa.Column("characteristics", Json, nullable=False),
    sa.Column("specification_id", sa.String(100)),
    sa.Column("details", Json),
    sa.Index("service_by_product", "product_id", "id"),
    sa.Index("service_by_customer", "customer_id", "id"),
    sa.Index("service_by_state", "state", "id", "category"),
    sa.Index("service_by_specification", "specification_id", "id"),
)

_INSERT_SERVICE = sa.insert(service)
_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)

_REALIZED_BY = (
    sa.select(service.c.product_id, service.c.id, service.c.name, service.c.state)
    .where(service.c.product_id.in_(_ids))
    .order_by(service.c.id)
)

_SERVICES_OF = (
    sa.select(service).where(service.c.product_id.in_(_ids)).order_by(service.c.created_at)
)
_SERVICES_OF_CUSTOMERS = (
    sa.select(service).where(service.c.customer_id.in_(_ids)).order_by(service.c.created_at)
)
_SERVICES = sa.select(service).where(service.c.id.in_(_ids)).order_by(service.c.id)
_SERVICE = sa.select(service).where(service.c.id == sa.bindparam("id"))
_SERVICE_FOR_UPDATE = _SERVICE.with_for_update()
_MOVE_SERVICE = (
    sa.update(service)
    .where(service.c.id == sa.bindparam("which"))
    .values(
        state=sa.bindparam("to"), start_date=sa.bindparam("start"), end_date=sa.bindparam("end")
    )
)

_AMEND_SERVICE = (
    sa.update(service)
    .where(service.c.id == sa.bindparam("which"))
    .values(
        name=sa.bindparam("named"),
        category=sa.bindparam("sort"),
        customer_id=sa.bindparam("owner"),
        characteristics=sa.bindparam("values", type_=Json),
        specification_id=sa.bindparam("specified"),
        details=sa.bindparam("rest", type_=Json),
    )
)
_DELETE_SERVICE = sa.delete(service).where(service.c.id == sa.bindparam("which"))
_SERVICES_FOR_UPDATE = _SERVICES.with_for_update()

_ACTIVE_SERVICES = (
    sa.select(sa.func.count())
    .select_from(service)
    .where(
        service.c.state == ServiceState.ACTIVE.value,
        service.c.category == ServiceCategory.CFS.value,
    )
)


def insert_services(tx: Tx, services: Iterable[Service]) -> None:
    tx.execute(
        _INSERT_SERVICE,
        [
            {
                "id": each.id,
                "name": each.name,
                "category": each.category,
                "state": each.state.value,
                "product_id": each.product,
                "customer_id": each.customer,
                "created_at": each.created_at,
                "service_date": each.service_date,
                "start_date": each.start_date,
                "end_date": each.end_date,
                "characteristics": dict(each.characteristics),
                "specification_id": each.specification,
                "details": dict(each.details) or None,
            }
            for each in services
        ],
    )


def find_service(r: Reader, service_id: ServiceId) -> Service | None:
    row = r.execute(_SERVICE, {"id": service_id}).first()
    return _service(row) if row else None


def service_for_update(tx: Tx, service_id: ServiceId) -> Service | None:
    row = tx.execute(_SERVICE_FOR_UPDATE, {"id": service_id}).first()
    return _service(row) if row else None


def move_service(tx: Tx, moved: Service) -> None:
    """Stores state, start and end."""
    tx.execute(
        _MOVE_SERVICE,
        {
            "which": moved.id,
            "to": moved.state.value,
            "start": moved.start_date,
            "end": moved.end_date,
        },
    )


def services_for_update(tx: Tx, ids: Sequence[str]) -> dict[ServiceId, Service]:
    rows = tx.execute(_SERVICES_FOR_UPDATE, {"ids": list(ids)})
    return {ServiceId(row.id): _service(row) for row in rows}


def amend_service(tx: Tx, service: Service) -> None:
    """Stores what is no lifecycle of it."""
    tx.execute(
        _AMEND_SERVICE,
        {
            "which": service.id,
            "named": service.name,
            "sort": service.category,
            "owner": service.customer,
            "values": dict(service.characteristics),
            "specified": service.specification,
            "rest": dict(service.details) or None,
        },
    )


def delete_service(tx: Tx, service_id: ServiceId) -> None:
    tx.execute(_DELETE_SERVICE, {"which": service_id})


def services(r: Reader, ids: Sequence[str]) -> list[Service]:
    return [_service(row) for row in r.execute(_SERVICES, {"ids": list(ids)})]


def services_of(r: Reader, products: Sequence[str]) -> list[Service]:
    return [_service(row) for row in r.execute(_SERVICES_OF, {"ids": list(products)})]


def services_of_customers(r: Reader, customers: Sequence[str]) -> list[Service]:
    return [_service(row) for row in r.execute(_SERVICES_OF_CUSTOMERS, {"ids": list(customers)})]


def active_services(r: Reader) -> int:
    return int(r.execute(_ACTIVE_SERVICES).scalar_one())


def _service(row: Any) -> Service:
    return Service(
        id=ServiceId(row.id),
        name=row.name,
        category=row.category,
        state=ServiceState(row.state),
        product=ProductId(row.product_id) if row.product_id else None,
        customer=row.customer_id,
        created_at=row.created_at,
        service_date=row.service_date,
        start_date=row.start_date,
        end_date=row.end_date,
        characteristics=row.characteristics,
        specification=row.specification_id,
        details=row.details or {},
    )
