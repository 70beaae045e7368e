"""TMF637 Product Inventory, v4. Read only: products are made and changed by orders."""

from trunkline import inventory
from trunkline.inventory import Product, ProductPrice, ProductStatus, product_table
from trunkline.kernel.money import Money as Amount
from trunkline.rest.wire import (
    ACCOUNT,
    CATALOG,
    ORDERING,
    PRODUCTS,
    Characteristic,
    Money,
    Party,
    Ref,
    characteristics,
    customer_party,
    instant,
    ref,
)
from trunkline.tmf import Aggregate, Api, Entity, Timestamp, Wire, column, href, owned_by

_PRODUCTS = f"{PRODUCTS}/product"
_STATUS_WORDS = {ProductStatus.ABORTED: "aborted "}
"""The document's enumeration has this one with a space behind it."""


class Price(Wire):
    duty_free_amount: Money


class Alteration(Wire):
    """Added to the price; taken off it where negative. `agreement` is an extension."""

    name: str
    price_type: str
    price: Price
    agreement: Ref | None = None


class PriceForm(Wire):
    name: str
    price_type: str
    price: Price
    recurring_charge_period: str | None = None
    product_offering_price: Ref | None = None
    product_price_alteration: tuple[Alteration, ...] = ()


class OrderItemRef(Wire):
    order_item_action: str
    order_item_id: str
    product_order_id: str
    product_order_href: str


class ProductForm(Entity, kw_only=True, tag="Product"):
    name: str
    status: str
    is_bundle: bool
    is_customer_visible: bool
    product_offering: Ref
    billing_account: Ref
    related_party: tuple[Party, ...]
    order_date: Timestamp | None = None
    start_date: Timestamp | None = None
    termination_date: Timestamp | None = None
    product_characteristic: tuple[Characteristic, ...] = ()
    product_price: tuple[PriceForm, ...] = ()
    product_order_item: tuple[OrderItemRef, ...] = ()


def _price(amount: Amount) -> Price:
    return Price(duty_free_amount=Money.of(amount))


def _price_form(price: ProductPrice) -> PriceForm:
    months = price.period_months
    recurs = f"{months} month{'s' if months > 1 else ''}" if price.kind == "recurring" else None
    priced = price.offering_price
    return PriceForm(
        name=price.name,
        price_type=price.kind,
        price=_price(price.amount),
        recurring_charge_period=recurs,
        product_offering_price=ref(CATALOG, "ProductOfferingPrice", priced) if priced else None,
        product_price_alteration=tuple(
            Alteration(
                name=each.name,
                price_type=price.kind,
                price=_price(each.amount),
                agreement=Ref(id=each.agreement) if each.agreement else None,
            )
            for each in price.alterations
        ),
    )


def _product(product: Product) -> ProductForm:
    items: tuple[OrderItemRef, ...] = ()
    if product.order and product.order_item:
        item = OrderItemRef(
            order_item_action="add",
            order_item_id=product.order_item,
            product_order_id=product.order,
            product_order_href=href(f"{ORDERING}/productOrder", product.order),
        )
        items = (item,)
    return ProductForm(
        id=product.id,
        href=href(_PRODUCTS, product.id),
        name=product.name,
        status=_STATUS_WORDS.get(product.status, product.status),
        is_bundle=False,
        is_customer_visible=True,
        product_offering=ref(CATALOG, "ProductOffering", product.offering, product.offering_name),
        billing_account=ref(ACCOUNT, "BillingAccount", product.billing_account),
        related_party=(customer_party(product.customer),),
        order_date=instant(product.order_date),
        start_date=instant(product.start_date),
        termination_date=instant(product.termination_date),
        product_characteristic=characteristics(product.characteristics),
        product_price=tuple(map(_price_form, product.prices)),
        product_order_item=items,
    )


_columns = product_table.c

API = Api(
    number="TMF637",
    title="Product Inventory",
    version="4.0.0",
    base=PRODUCTS,
    resources=(
        Aggregate(
            path=_PRODUCTS,
            type="Product",
            key=_columns.id,
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
            },
            find=inventory.products,
            to_wire=_product,
            form=ProductForm,
            owner=owned_by(_columns.customer_id, writes=False),
        ),
    ),
)
