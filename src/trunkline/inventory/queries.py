"""Reads of products, services and resources."""

from collections.abc import Sequence

import sqlalchemy as sa

from trunkline.inventory import service_store, shelf, store
from trunkline.inventory.model import (
    Product,
    ProductId,
    ProductNotFound,
    ProductStatus,
    Resource,
    ResourceKind,
    ResourceState,
    Service,
    ServiceId,
    ServiceNotFound,
)
from trunkline.inventory.numbering import Msisdn
from trunkline.kernel.time import Period
from trunkline.platform.db import Reader

_OF_ACCOUNT = sa.select(store.product.c.id).where(
    store.product.c.billing_account_id == sa.bindparam("account")
)
_OF_ACCOUNTS = sa.select(store.product.c.id).where(
    store.product.c.billing_account_id.in_(sa.bindparam("accounts", expanding=True))
)
_OF_CUSTOMER = sa.select(store.product.c.id).where(
    store.product.c.customer_id == sa.bindparam("customer")
)
_OF_ORDER = sa.select(store.product.c.id).where(store.product.c.order_id == sa.bindparam("order"))


def product(r: Reader, product_id: ProductId) -> Product:
    """One product with its prices. Raises `ProductNotFound`."""
    found = store.products(r, [product_id])
    if not found:
        raise ProductNotFound(f"there is no product {product_id}", path="product")
    return found[0]


def products(r: Reader, ids: Sequence[str]) -> list[Product]:
    """Those of `ids` that exist, in the order of their ids."""
    return store.products(r, ids)


def products_of(r: Reader, billing_account: str) -> list[Product]:
    """All products of a billing account, ended ones too, in the order of their ids."""
    return store.products(r, store.ids_of(r, _OF_ACCOUNT, {"account": billing_account}))


def products_of_accounts(r: Reader, accounts: Sequence[str]) -> dict[str, list[Product]]:
    """The same of several, by account; one without any is not in it."""
    ids = store.ids_of(r, _OF_ACCOUNTS, {"accounts": list(accounts)}) if accounts else []
    found: dict[str, list[Product]] = {}
    for each in store.products(r, ids) if ids else ():
        found.setdefault(each.billing_account, []).append(each)
    return found


def products_of_customer(r: Reader, customer: str) -> list[Product]:
    """All products of a customer, ended ones too, in the order of their ids."""
    return store.products(r, store.ids_of(r, _OF_CUSTOMER, {"customer": customer}))


def products_of_order(r: Reader, order: str) -> list[Product]:
    """The products that an order created, in the order of their ids."""
    return store.products(r, store.ids_of(r, _OF_ORDER, {"order": order}))


def products_for_billing(
    r: Reader, accounts: Sequence[str], period: Period
) -> dict[str, list[Product]]:
    """The products of these billing accounts that were in service at any time in `period`,
    with their prices, by account; two statements for the lot (some thousand accounts at
    most). An account without any is not in it."""
    found: dict[str, list[Product]] = {}
    for each in store.products_for_billing(r, accounts, period):
        found.setdefault(each.billing_account, []).append(each)
    return found


def products_by_status(r: Reader) -> dict[ProductStatus, int]:
    """How many products stand in each status."""
    return store.products_by_status(r)


def service(r: Reader, service_id: ServiceId) -> Service:
    """One service. Raises `ServiceNotFound`."""
    found = service_store.find_service(r, service_id)
    if found is None:
        raise ServiceNotFound(f"there is no service {service_id}", path="service")
    return found


def services(r: Reader, ids: Sequence[str]) -> list[Service]:
    """Those of `ids` that exist, in the order of their ids."""
    return service_store.services(r, ids)


def services_of(r: Reader, products: Sequence[ProductId]) -> list[Service]:
    """The services that realise these products, ended ones too, oldest first."""
    return service_store.services_of(r, products) if products else []


def services_of_customers(r: Reader, customers: Sequence[str]) -> list[Service]:
    """The services of these customers, ended ones too, oldest first."""
    return service_store.services_of_customers(r, customers) if customers else []


def realisations(
    r: Reader, products: Sequence[ProductId]
) -> dict[str, tuple[list[Service], list[Resource]]]:
    """What realises these products: services, ended ones too, and numbers and cards."""
    found: dict[str, tuple[list[Service], list[Resource]]] = {}
    for service in services_of(r, products):
        if service.product is not None:
            found.setdefault(service.product, ([], []))[0].append(service)
    for resource in resources_of(r, products):
        if resource.product is not None:
            found.setdefault(resource.product, ([], []))[1].append(resource)
    return found


def active_subscribers(r: Reader) -> int:
    """How many customer-facing services are active."""
    return service_store.active_services(r)


def resources_of(r: Reader, products: Sequence[ProductId]) -> list[Resource]:
    """The numbers and SIMs that these products have, or had and that still rest."""
    return shelf.resources_of(r, products) if products else []


def resources(r: Reader, ids: Sequence[str]) -> list[Resource]:
    """Those of `ids` that exist, in the order of their ids."""
    return shelf.resources(r, ids)


def number(r: Reader, msisdn: Msisdn) -> Resource | None:
    """The number as it stands in stock, with the product that has it; None if it is not ours."""
    return shelf.find(r, ResourceKind.NUMBER, msisdn)


def numbers_beginning(r: Reader, digits: str, *, limit: int = 20) -> list[Resource]:
    """The numbers that products have, or had and that still rest, which begin with `digits`
    (the country code first), in their order."""
    return shelf.numbers_beginning(r, digits, limit)


def stock_levels(r: Reader) -> dict[tuple[ResourceKind, ResourceState], int]:
    """How much of each kind stands in each state."""
    return shelf.levels(r)
