"""TMF637 Product Inventory, v4.

Orders make products; a POST records one that is known from elsewhere. A PATCH describes it, and
moves its status where that has no more consequences than an order of its own would have: while
an order delivers it, or a service realises it, that is an order's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.inventory import (
    NewProduct,
    OrderedElsewhere,
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
    Resource,
    Service,
    ServiceState,
    product_table,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept
from trunkline.rest.forms.product import ProductForm
from trunkline.rest.forms.wire import (
    ACCOUNT,
    CATALOG,
    ORDERING,
    PRODUCTS,
    RESOURCES,
    SERVICES,
    Money,
    instant,
    ref,
)
from trunkline.tmf import Api, Body, Document, column, href, owned_by, wire

_PRODUCTS = f"{PRODUCTS}/product"
_PADDED = "aborted "
"""The document's enumeration has this one with a space behind it."""
_COLUMNS = (
    "name", "status", "orderDate", "startDate", "terminationDate", "productOffering",
    "billingAccount", "productPrice",
)  # fmt: skip
_FIXED = (
    "orderDate", "startDate", "terminationDate", "productOffering", "billingAccount",
    "productPrice", "productOrderItem", "realizingService", "realizingResource",
)  # fmt: skip
_CHARACTERISTICS = "productCharacteristic"
_KNOWN = {
    "productOffering": kept.of_catalog("productOffering"),
    "billingAccount": kept.ACCOUNTS,
    "productRelationship.product": kept.PRODUCTS,
    "product": kept.PRODUCTS,
    "realizingService": kept.SERVICES,
    "realizingResource": kept.RESOURCES,
}


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    found = inventory.products(r, ids)
    realised = inventory.realisations(r, [each.id for each in found])
    return [_body(each, *realised.get(each.id, ((), ()))) for each in found]


def _body(product: Product, services: Sequence[Service], resources: Sequence[Resource]) -> Body:
    details = product.details
    body: Body = {
        "id": product.id,
        "@type": "Product",
        "isBundle": False,
        "isCustomerVisible": True,
        **details,
        "name": product.name,
        "status": _PADDED if product.status is ProductStatus.ABORTED else product.status.value,
        "productCharacteristic": kept.shown_characteristics(
            product.characteristics, details.get(_CHARACTERISTICS)
        ),
        "relatedParty": kept.shown_parties(details.get("relatedParty"), product.customer),
        "productPrice": [
            *map(_price_body, product.present_prices),
            *details.get("productPrice", ()),
        ],
        "productRelationship": details.get("productRelationship", []),
        "realizingService": [
            *(_plain(ref(SERVICES, "Service", each.id, each.name)) for each in services),
            *details.get("realizingService", ()),
        ],
        "realizingResource": [
            *(_resource_ref(each) for each in resources),
            *details.get("realizingResource", ()),
        ],
    }
    if product.offering:
        name = product.offering_name or None
        body["productOffering"] = _plain(ref(CATALOG, "ProductOffering", product.offering, name))
    if product.billing_account:
        body["billingAccount"] = _plain(ref(ACCOUNT, "BillingAccount", product.billing_account))
    if product.order and product.order_item:
        body["productOrderItem"] = [_item(product.order, product.order_item)]
    dates = {
        "orderDate": product.order_date,
        "startDate": product.start_date,
        "terminationDate": product.termination_date,
    }
    body |= {name: instant(date) for name, date in dates.items() if date is not None}
    return body


def _plain(value: Any) -> Body:
    plain: Body = wire.plain(value)
    return plain


def _resource_ref(resource: Resource) -> Body:
    found = _plain(ref(RESOURCES, "Resource", resource.id, resource.name))
    return found | {"value": resource.value}


def _item(order: str, item: str) -> Body:
    return {
        "orderItemAction": "add",
        "orderItemId": item,
        "productOrderId": order,
        "productOrderHref": href(f"{ORDERING}/productOrder", order),
    }


def _price_body(price: ProductPrice) -> Body:
    months = price.period_months
    body: Body = {
        "name": price.name,
        "priceType": price.kind.value,
        "price": {"dutyFreeAmount": _plain(Money.of(price.amount))},
    }
    if price.kind is PriceKind.RECURRING:
        body["recurringChargePeriod"] = f"{months} month{'s' if months > 1 else ''}"
    if price.offering_price:
        named = ref(CATALOG, "ProductOfferingPrice", price.offering_price)
        body["productOfferingPrice"] = _plain(named)
    if price.alterations:
        body["productPriceAlteration"] = [_alteration(price, each) for each in price.alterations]
    return body


def _alteration(price: ProductPrice, alteration: PriceAlteration) -> Body:
    body: Body = {
        "name": alteration.name,
        "priceType": price.kind.value,
        "price": {"dutyFreeAmount": _plain(Money.of(alteration.amount))},
    }
    if alteration.agreement:
        body["agreement"] = {"id": alteration.agreement}
    return body


def _create(tx: Tx, given: Body, now: datetime) -> str:
    body = kept.present(given)
    kept.check_references(tx, body, None, _KNOWN, "relatedParty")
    status = ProductStatus(body["status"].strip())
    customer, account = _payer(tx, body)
    offering = body.get("productOffering", {}).get("id", "")
    offering_name = _offering_name(tx, offering)
    started = status in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED)
    prices, others = _prices(body) if account else ((), body.get("productPrice", ()))
    new = NewProduct(
        name=kept.name_of(body, offering_name or "Product"),
        offering=offering,
        offering_name=offering_name,
        customer=customer,
        billing_account=account,
        status=status,
        start_date=_date(body, "startDate") or now if started else None,
        order_date=_date(body, "orderDate"),
        prices=prices,
        characteristics=kept.characteristics_of(body, _CHARACTERISTICS),
        details=_details(body) | ({"productPrice": list(others)} if others else {}),
    )
    return inventory.create_product(tx, new, now=now).id


def _payer(r: Reader, body: Body) -> tuple[str, str]:
    """The customer and the billing account, which belong together."""
    account = body.get("billingAccount", {}).get("id", "")
    customer = kept.customer_in(r, body)
    if not account:
        return customer, ""
    owner = customers.billing_account(r, customers.BillingAccountId(account)).customer
    if customer and customer != owner:
        raise Invalid(f"the account {account} is not one of {customer}", path="billingAccount.id")
    return owner, account


def _offering_name(r: Reader, offering: str) -> str:
    if not offering:
        return ""
    known = catalog.documents(r, catalog.DocumentKind.OFFERING, [offering])
    return str(known[offering].body.get("name", ""))[:200]


def _date(body: Body, attribute: str) -> datetime | None:
    return parse_instant(body[attribute], path=attribute) if attribute in body else None


def _details(body: Body) -> Body:
    without = {*_COLUMNS, "productOrderItem"}
    if kept.plain_only(body, _CHARACTERISTICS):
        without.add(_CHARACTERISTICS)
    return kept.rest_of(body, without=without)


_MONTHS = {"month": 1, "monthly": 1, "quarter": 3, "year": 12, "yearly": 12, "annual": 12}


def _prices(body: Body) -> tuple[tuple[ProductPrice, ...], list[Body]]:
    """What the product is charged by, and the prices that only describe it."""
    prices: list[ProductPrice] = []
    others: list[Body] = []
    for index, each in enumerate(body.get("productPrice", ())):
        amount = each["price"].get("dutyFreeAmount")
        if each["priceType"] not in tuple(PriceKind) or amount is None:
            others.append(each)
            continue
        at = f"productPrice[{index}]"
        prices.append(
            ProductPrice(
                kind=PriceKind(each["priceType"]),
                name=kept.name_of(each, each["priceType"]),
                amount=Amount.of(amount["value"], amount["unit"], path=f"{at}.price"),
                period_months=_months(each.get("recurringChargePeriod"), at),
                offering_price=each.get("productOfferingPrice", {}).get("id"),
                alterations=tuple(_altered(one, at) for one in each.get(_ALTERATIONS, ())),
            )
        )
    return tuple(prices), others


_ALTERATIONS = "productPriceAlteration"


def _altered(given: Mapping[str, Any], at: str) -> PriceAlteration:
    amount = given["price"].get("dutyFreeAmount")
    if amount is None:
        raise Invalid("an alteration has an amount without tax", path=f"{at}.{_ALTERATIONS}")
    path = f"{at}.{_ALTERATIONS}.price"
    return PriceAlteration(
        name=kept.name_of(dict(given), "Alteration"),
        amount=Amount.of(amount["value"], amount["unit"], path=path),
    )


def _months(period: str | None, at: str) -> int:
    """A period such as `month` or `3 months`."""
    count, _, unit = (period or "month").strip().lower().rpartition(" ")
    months = _MONTHS.get(unit.removesuffix("s"))
    if months is None or not (count == "" or (count.isdecimal() and 0 < int(count[:4]) < 1000)):
        raise Invalid("is no number of months or years", path=f"{at}.recurringChargePeriod")
    return months * int(count or 1)


def _replace(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    after = kept.present(after)
    (before,) = _find(tx, [ident])
    names = kept.changed_names(before, after)
    kept.check_fixed(names, _FIXED)
    kept.check_references(tx, after, before, _KNOWN, "relatedParty")
    product = ProductId(ident)
    if names - {"status"}:
        customer = kept.customer_in(tx, after)
        inventory.amend_product(tx, product, lambda it: _amended(it, before, after, customer))
    if "status" in names:
        _move(tx, product, ProductStatus(after["status"].strip()), now)


def _amended(product: Product, before: Body, after: Body, customer: str) -> Product:
    if product.billing_account and customer != product.customer:
        raise Invalid("the customer pays for it, and stays", path="relatedParty")
    changed = kept.changed_names(before, after)
    details = {name: each for name, each in product.details.items() if name not in changed}
    given = {name: each for name, each in _details(after).items() if name in changed}
    return msgspec.structs.replace(
        product,
        name=kept.name_of(after, product.name),
        customer=customer,
        characteristics=kept.characteristics_of(after, _CHARACTERISTICS),
        details=details | given,
    )


def _move(tx: Tx, ident: ProductId, status: ProductStatus, now: datetime) -> None:
    product = inventory.product(tx, ident)
    inventory.PRODUCT_LIFECYCLE.check(product.status, status, path="status")
    if product.order and product.status in (ProductStatus.CREATED, ProductStatus.PENDING_ACTIVE):
        raise OrderedElsewhere(f"the order {product.order} delivers it", path="status")
    for service in inventory.services_of(tx, [ident]):
        if service.state is not ServiceState.TERMINATED:
            raise OrderedElsewhere(
                f"the service {service.id} realises it: a product order (TMF622) with the action "
                "modify or delete changes both",
                path="status",
            )
    inventory.change_product_status(tx, product=ident, status=status, now=now)


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    inventory.delete_product(tx, product=ProductId(ident))


_columns = product_table.c
_services = inventory.service_table.c
_resources = inventory.resource_table.c

API = Api(
    number="TMF637",
    title="Product Inventory",
    version="4.0.0",
    base=PRODUCTS,
    resources=(
        Document(
            path=_PRODUCTS,
            type="Product",
            key=_columns.id,
            owner=owned_by(_columns.customer_id, writes=False),
            paths={
                "name": _columns.name,
                "status": column(_columns.status, parse=lambda text, _: text.strip()),
                "orderDate": _columns.order_date,
                "startDate": _columns.start_date,
                "terminationDate": _columns.termination_date,
                "productOffering.id": _columns.offering_id,
                "productOffering.name": _columns.offering_name,
                "billingAccount.id": _columns.billing_account_id,
                "relatedParty.id": _columns.customer_id,
                "productOrderItem.productOrderId": _columns.order_id,
                "productOrderItem.orderItemId": _columns.order_item,
                "realizingResource.value": kept.found_by(
                    _resources.value, _resources.product_id, _columns.id
                ),
                "realizingService.id": kept.found_by(
                    _services.id, _services.product_id, _columns.id
                ),
            },
            schema=ProductForm,
            find=_find,
            create=_create,
            replace=_replace,
            delete=_delete,
        ),
    ),
)
