"""Writes on products."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from trunkline.inventory import service_store, store
from trunkline.inventory.events import (
    ProductCreated,
    ProductStatusChanged,
)
from trunkline.inventory.model import (
    PRODUCT_LIFECYCLE,
    NewProduct,
    Product,
    ProductId,
    ProductInUse,
    ProductNotActive,
    ProductNotFound,
    ProductPrice,
    ProductStatus,
    check_new_product,
)
from trunkline.platform.changes import Change
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
            details=new.details,
        )
        for new in products
    ]
    if created:
        store.insert_products(tx, created)
    for each in created:
        tx.changed("Product", each.id, Change.CREATED)
        if not each.billing_account:
            continue
        tx.emit(
            ProductCreated(
                product=each.id,
                customer=each.customer,
                billing_account=each.billing_account,
                status=each.status,
            )
        )
    return created


def lock_products(tx: Tx, products: Sequence[str]) -> None:
    """Nobody else changes these, or decides on them under this lock, until the transaction
    ends."""
    if products:
        store.products_for_update(tx, products)


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
    for each in after:
        tx.changed("Product", each.id, Change.STATE)
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
        if each.billing_account
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


def amend_product(tx: Tx, product: ProductId, amend: Callable[[Product], Product]) -> Product:
    """Puts what `amend` makes of its name, customer, characteristics and details in their place;
    its status, dates, offering, account and prices stay. Raises `ProductNotFound`."""
    before = store.products_for_update(tx, [product]).get(product)
    if before is None:
        raise ProductNotFound(f"there is no product {product}", path="product")
    after = amend(before)
    if after != before:
        store.amend_product(tx, after)
        tx.changed("Product", product, Change.ATTRIBUTES)
    return after


def change_terms(
    tx: Tx,
    *,
    product: ProductId,
    offering: str,
    offering_name: str,
    prices: Sequence[ProductPrice],
    now: datetime,
) -> Product:
    """From `now` on the product is one of this offering and costs these prices; what it cost
    until then is billed up to then. Raises `ProductNotFound`, and `ProductNotActive` where it is
    not in service."""
    before = store.products_for_update(tx, [product]).get(product)
    if before is None:
        raise ProductNotFound(f"there is no product {product}", path="product")
    if before.status not in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED):
        raise ProductNotActive(f"the product {product} is {before.status}", path="product")
    named = offering_name if before.name == before.offering_name else before.name
    after = msgspec.structs.replace(
        before, name=named, offering=offering, offering_name=offering_name
    )
    dated = [msgspec.structs.replace(each, valid_from=now, valid_until=None) for each in prices]
    store.change_terms(tx, after, dated, now)
    if named != before.name:
        store.amend_product(tx, after)
    tx.changed("Product", product, Change.ATTRIBUTES)
    return after


def delete_product(tx: Tx, *, product: ProductId) -> None:
    """Forgets a product that nothing has come of: it was never in service, or nobody was to pay
    for it and no service realises it. Raises `ProductNotFound` and `ProductInUse`."""
    before = store.products_for_update(tx, [product]).get(product)
    if before is None:
        raise ProductNotFound(f"there is no product {product}", path="product")
    if before.order is not None and before.status in _UNDER_WAY:
        raise ProductInUse(f"the order {before.order} is delivering it: cancel that", path="status")
    if before.start_date is not None and before.billing_account:
        raise ProductInUse(
            f"it is {before.status} and was charged to {before.billing_account}: "
            "an order with the action delete ends it",
            path="status",
        )
    if service_store.services_of(tx, [product]):
        raise ProductInUse("a service realises it", path="realizingService")
    store.delete_product(tx, product)
    tx.changed("Product", product, Change.DELETED)


_UNDER_WAY = (ProductStatus.CREATED, ProductStatus.PENDING_ACTIVE)
