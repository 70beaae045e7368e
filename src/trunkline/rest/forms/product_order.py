"""Product orders on the wire (TMF622 v4): what comes in, what goes out, and what is kept as it
came.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import field

from trunkline.inventory import ProductStatus
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.ordering import (
    Action,
    Effect,
    ItemRequest,
    OrderItem,
    ProductOrder,
    places,
    price_body,
    total_bodies,
)
from trunkline.rest.forms.entities import DescribedReference, Reference, ReferenceInRole
from trunkline.rest.forms.product import ProductTerm
from trunkline.rest.forms.sales import ItemReference, Priced, Product, Relation, Remark, addressed
from trunkline.rest.forms.wire import (
    ACCOUNT,
    CATALOG,
    CUSTOMER,
    ORDERING,
    PRODUCTS,
    PartyIn,
    Typed,
    instant,
    ref,
    values_of,
)
from trunkline.tmf import Body, Moment, Timestamp, Wire, href
from trunkline.tmf.wire import plain

_AUTHOR = "Trunkline"
ORDERS = f"{ORDERING}/productOrder"

_KNOWN = frozenset(
    {
        "id", "href", "externalId", "description", "category", "priority", "requestedStartDate",
        "productOrderItem", "billingAccount", "state", "orderDate", "completionDate",
        "expectedCompletionDate", "cancellationDate", "cancellationReason", "orderTotalPrice",
    }
)  # fmt: skip
"""What an order has fields for, or the server alone says."""
_KNOWN_OF_ITEMS = frozenset(
    {
        "id", "action", "quantity", "state", "productOffering", "product", "itemPrice",
        "itemTotalPrice", "productOrderItem",
    }
)  # fmt: skip


class QuoteItemReference(Reference, kw_only=True):
    quote_id: str
    quote_href: str | None = None
    quote_name: str | None = None


class Participant(PartyIn, kw_only=True):
    """RelatedParty; `@referredType` may be missing."""

    href: str | None = None
    name: str | None = None
    type: str | None = field(name="@type", default=None)
    base_type: str | None = field(name="@baseType", default=None)
    schema_location: str | None = field(name="@schemaLocation", default=None)


class OrderItemIn(Typed, kw_only=True):
    """`effect`, an extension, says when a `modify` takes effect."""

    id: str
    action: Action
    quantity: int = 1
    effect: Effect = Effect.AT_ONCE
    appointment: DescribedReference | None = None
    billing_account: Reference | None = None
    item_price: tuple[Priced, ...] = ()
    item_term: tuple[ProductTerm, ...] = ()
    item_total_price: tuple[Priced, ...] = ()
    payment: tuple[Reference, ...] = ()
    product: Product = field(default_factory=Product)
    product_offering: Reference | None = None
    product_offering_qualification_item: ItemReference | None = None
    product_order_item: "tuple[OrderItemIn, ...]" = ()
    product_order_item_relationship: tuple[Relation, ...] = ()
    qualification: tuple[Reference, ...] = ()
    quote_item: QuoteItemReference | None = None


class OrderIn(Typed, kw_only=True):
    """What a client may say of an order."""

    product_order_item: tuple[OrderItemIn, ...] = ()
    billing_account: Reference | None = None
    related_party: tuple[Participant, ...] = ()
    external_id: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None
    notification_contact: str | None = None
    requested_completion_date: Moment | None = None
    requested_start_date: Moment | None = None
    cancellation_reason: str | None = None
    agreement: tuple[Reference, ...] = ()
    channel: tuple[ReferenceInRole, ...] = ()
    note: tuple[Remark, ...] = ()
    order_total_price: tuple[Priced, ...] = ()
    payment: tuple[Reference, ...] = ()
    product_offering_qualification: tuple[Reference, ...] = ()
    quote: tuple[Reference, ...] = ()
    shopping_cart: Reference | None = None


class ItemForm(Wire):
    id: str
    action: str
    quantity: int
    state: str
    product_offering: dict[str, Any] | None = None
    product: dict[str, Any] | None = None
    item_price: tuple[dict[str, Any], ...] = ()
    item_total_price: tuple[dict[str, Any], ...] = ()
    product_order_item: "tuple[ItemForm, ...]" = ()


class OrderForm(Wire, kw_only=True):
    id: str
    href: str
    state: str
    order_date: Timestamp
    billing_account: dict[str, Any]
    related_party: tuple[dict[str, Any], ...]
    product_order_item: tuple[dict[str, Any], ...]
    external_id: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None
    requested_start_date: Timestamp | None = None
    completion_date: Timestamp | None = None
    cancellation_date: Timestamp | None = None
    cancellation_reason: str | None = None
    order_total_price: tuple[dict[str, Any], ...] = ()
    note: tuple[dict[str, Any], ...] = ()
    type: str = field(name="@type")


def details_of(body: Body) -> Body:
    """What of an order's body is kept as it came."""
    return {name: each for name, each in body.items() if name not in _KNOWN}


def request_of(item: OrderItemIn, body: Body, path: str) -> ItemRequest:
    """An item as ordering takes it. Raises `Invalid` with its path."""
    at = f"{path}.product.productCharacteristic"
    values = values_of((body.get("product") or {}).get("productCharacteristic") or (), at)
    for place, (name, value) in enumerate(values.items()):
        if name == "msisdn" and not isinstance(value, str):
            raise Invalid("is not a text", path=f"{at}[{place}].value")
    kept = {name: each for name, each in body.items() if name not in _KNOWN_OF_ITEMS}
    about = {
        name: each
        for name, each in (body.get("product") or {}).items()
        if name not in ("id", "href")
    }
    return ItemRequest(
        action=item.action,
        id=item.id,
        offering=item.product_offering.id if item.product_offering else _offering(item.product),
        product=item.product.id,
        quantity=item.quantity,
        characteristics=values,
        places=tuple(places(about.get("place"))),
        parts=tuple(
            request_of(each, inside, f"{path}.productOrderItem[{place}]")
            for place, (each, inside) in enumerate(
                zip(item.product_order_item, body.get("productOrderItem") or (), strict=True)
            )
        ),
        status=_wanted_status(item),
        effect=item.effect,
        details=kept | ({"product": about} if about else {}),
    )


def _wanted_status(item: OrderItemIn) -> ProductStatus | None:
    """What a `modify` is to make of its product."""
    if item.action is not Action.MODIFY or item.product.status is None:
        return None
    return ProductStatus(item.product.status.strip())


def _offering(product: Product) -> str | None:
    return product.product_offering.id if product.product_offering else None


def order_form(order: ProductOrder) -> Any:
    """An order as it is shown."""
    form = OrderForm(
        type="ProductOrder",
        id=order.id,
        href=href(ORDERS, order.id),
        state=order.state,
        order_date=format_instant(order.order_date),
        billing_account=plain(ref(ACCOUNT, "BillingAccount", order.billing_account)),
        related_party=tuple(_parties(order)),
        product_order_item=tuple(
            _item(item, order.items) for item in order.items if item.parent is None
        ),
        external_id=order.external_id,
        description=order.description,
        category=order.category,
        priority=order.priority,
        requested_start_date=instant(order.requested_start),
        completion_date=instant(order.completion_date),
        cancellation_date=instant(order.cancellation_date),
        cancellation_reason=order.cancellation_reason,
        order_total_price=tuple(
            total_bodies((price, item.quantity) for item in order.items for price in item.prices)
        ),
        note=tuple(_notes(order)),
    )
    others = {
        name: each for name, each in order.details.items() if name not in ("relatedParty", "note")
    }
    return plain(form) | others if others else form


def _notes(order: ProductOrder) -> Iterable[Body]:
    """The client's, and why items are held or failed."""
    for place, note in enumerate(order.details.get("note") or (), start=1):
        yield {"id": str(place), **note}
    for item in order.items:
        if item.reason:
            yield {"id": item.id, "text": item.reason, "author": _AUTHOR}


def is_ours(note: Body, items: Collection[str]) -> bool:
    """Whether it is one that the order shows by itself."""
    return note.get("author") == _AUTHOR and str(note.get("id")) in items


def _parties(order: ProductOrder) -> Iterable[Body]:
    """The customer, and whoever else was named."""
    yield {
        "id": order.customer,
        "href": href(f"{CUSTOMER}/customer", order.customer),
        "role": "customer",
        "@referredType": "Customer",
    }
    for party in order.details.get("relatedParty") or ():
        if party["id"] != order.customer:
            yield {"@referredType": "Party", **party}


def _item(item: OrderItem, items: Sequence[OrderItem]) -> Body:
    kept = dict(item.details)
    about = kept.pop("product", {})
    shown: Body = {
        "id": item.id,
        "action": item.action.value,
        "quantity": item.quantity,
        "state": item.state.value,
        **kept,
    }
    if item.offering:
        shown["productOffering"] = plain(
            ref(CATALOG, "ProductOffering", item.offering, item.offering_name)
        )
    shown["product"] = _product(item, about)
    if item.prices:
        shown["itemPrice"] = [addressed(price_body(each)) for each in item.prices]
        shown["itemTotalPrice"] = total_bodies((each, item.quantity) for each in item.prices)
    below = [_item(each, items) for each in items if each.parent == item.id]
    if below:
        shown["productOrderItem"] = below
    return shown


def _product(item: OrderItem, about: Mapping[str, Any]) -> Body:
    """The product that the item is about; without an id where it creates several."""
    shown = dict(about)
    if item.characteristics:
        given = {each["name"]: each for each in about.get("productCharacteristic") or ()}
        shown["productCharacteristic"] = [
            {**given.get(name, {}), "name": name, "value": value}
            for name, value in item.characteristics.items()
        ]
    if len(item.products) == 1 or item.action is not Action.ADD:
        shown = {
            "id": item.products[0],
            "href": href(f"{PRODUCTS}/product", item.products[0]),
        } | shown
    elif item.products:
        shown["product"] = [
            {"id": each, "href": href(f"{PRODUCTS}/product", each)} for each in item.products
        ]
    return shown
