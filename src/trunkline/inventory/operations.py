"""Writes on products and services."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline.inventory import store
from trunkline.inventory.events import (
    ProductCreated,
    ProductStatusChanged,
    ServiceActivated,
    ServiceCreated,
    ServiceDeactivated,
    ServiceTerminated,
)
from trunkline.inventory.model import (
    PRODUCT_LIFECYCLE,
    SERVICE_LIFECYCLE,
    NewProduct,
    NewService,
    Product,
    ProductId,
    ProductNotFound,
    ProductStatus,
    Service,
    ServiceId,
    ServiceNotFound,
    ServiceState,
    check_new_product,
)
from trunkline.platform.db import Tx


def create_products(tx: Tx, products: Sequence[NewProduct], *, now: datetime) -> list[Product]:
    """Creates all of them, or raises for the first that is unfit (`UnfitProduct`, its path
    `product[i]`) and creates none. Customers, accounts and offerings are taken on trust: the
    caller has them in hand."""
    for index, new in enumerate(products):
        check_new_product(new, path=f"product[{index}]")
    created = [
        Product(
            id=new.id or tx.new_id(ProductId, now),
            name=new.name,
            offering=new.offering,
            offering_name=new.offering_name,
            customer=new.customer,
            billing_account=new.billing_account,
            status=new.status,
            created_at=now,
            start_date=new.start_date,
            order=new.order,
            order_item=new.order_item,
            order_date=new.order_date,
            characteristics=new.characteristics,
            prices=new.prices,
        )
        for new in products
    ]
    if created:
        store.insert_products(tx, created)
    for each in created:
        tx.emit(
            ProductCreated(
                product=each.id,
                customer=each.customer,
                billing_account=each.billing_account,
                status=each.status,
            )
        )
    return created


def create_product(tx: Tx, new: NewProduct, *, now: datetime) -> Product:
    """Creates one; the errors are those of `create_products`."""
    return create_products(tx, (new,), now=now)[0]


def change_product_status(
    tx: Tx, *, product: ProductId, status: ProductStatus, now: datetime
) -> Product:
    """Moves a product. Becoming active for the first time starts it at `now`; being terminated
    ends it at `now`. Returns it without its prices. Raises `ProductNotFound` and
    `IllegalTransition`."""
    return change_products_status(tx, products=(product,), status=status, now=now)[0]


def change_products_status(
    tx: Tx, *, products: Sequence[ProductId], status: ProductStatus, now: datetime
) -> list[Product]:
    """Moves all of these, each once, or raises for the first that can't be moved and moves
    none; the rest is as with `change_product_status`."""
    before = store.products_for_update(tx, products)
    after = [_moved(before.get(each), each, status, now) for each in products]
    store.move_products(tx, after)
    tx.emit_all(
        ProductStatusChanged(
            product=each.id,
            customer=each.customer,
            billing_account=each.billing_account,
            previous=before[each.id].status,
            status=status,
            at=now,
        )
        for each in after
    )
    return after


def _moved(
    before: Product | None, product: ProductId, status: ProductStatus, now: datetime
) -> Product:
    if before is None:
        raise ProductNotFound(f"there is no product {product}", path="product")
    PRODUCT_LIFECYCLE.check(before.status, status, path="status")
    first = status is ProductStatus.ACTIVE and before.start_date is None
    return msgspec.structs.replace(
        before,
        status=status,
        start_date=now if first else before.start_date,
        termination_date=now if status is ProductStatus.TERMINATED else before.termination_date,
    )


def create_services(tx: Tx, services: Sequence[NewService], *, now: datetime) -> list[Service]:
    """Creates the services that realise some products."""
    created = [
        Service(
            id=tx.new_id(ServiceId, now),
            name=new.name,
            category=new.category,
            state=new.state,
            product=new.product,
            customer=new.customer,
            created_at=now,
            service_date=now,
            start_date=now if new.state is ServiceState.ACTIVE else None,
            characteristics=new.characteristics,
        )
        for new in services
    ]
    if created:
        store.insert_services(tx, created)
    for each in created:
        tx.emit(
            ServiceCreated(
                service=each.id, product=each.product, customer=each.customer, state=each.state
            )
        )
        if each.state is ServiceState.ACTIVE:
            tx.emit(
                ServiceActivated(
                    service=each.id, product=each.product, customer=each.customer, at=now
                )
            )
    return created


def create_service(tx: Tx, new: NewService, *, now: datetime) -> Service:
    """Creates one."""
    return create_services(tx, (new,), now=now)[0]


def change_service_state(
    tx: Tx, *, service: ServiceId, state: ServiceState, now: datetime
) -> Service:
    """Moves a service; its first activation starts it and termination ends it, at `now`.
    Raises `ServiceNotFound` and `IllegalTransition`."""
    before = store.service_for_update(tx, service)
    if before is None:
        raise ServiceNotFound(f"there is no service {service}", path="service")
    SERVICE_LIFECYCLE.check(before.state, state)
    after = msgspec.structs.replace(before, state=state)
    if state is ServiceState.ACTIVE and before.start_date is None:
        after = msgspec.structs.replace(after, start_date=now)
    if state is ServiceState.TERMINATED:
        after = msgspec.structs.replace(after, end_date=now)
    store.move_service(tx, after)
    moved = {
        ServiceState.ACTIVE: ServiceActivated,
        ServiceState.INACTIVE: ServiceDeactivated,
        ServiceState.TERMINATED: ServiceTerminated,
    }.get(state)
    if moved is not None:
        tx.emit(moved(service=service, product=after.product, customer=after.customer, at=now))
    return after
