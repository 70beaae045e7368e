"""TMF622 Product Ordering, v4.

An order is for one billing account (its own, or the same of all items); its customer is the
account's, and a related party that is a customer must be that one. A wished number comes as
the product characteristic `msisdn`. Cancelling is a PATCH of `state` to cancelled, or a
CancelProductOrder, which has the id of the order that it cancels.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline import customers, ordering
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.ordering import (
    Action,
    ItemRequest,
    OrderId,
    OrderItem,
    OrderState,
    ProductOrder,
    order_item,
    product_order,
)
from trunkline.platform.db import Reader, Tx
from trunkline.rest.wire import (
    ACCOUNT,
    CATALOG,
    ORDERING,
    PRODUCTS,
    Characteristic,
    Party,
    PartyIn,
    Ref,
    RefIn,
    characteristics,
    customer_among,
    customer_party,
    instant,
    placed,
    ref,
    values_of,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Moment,
    Task,
    Timestamp,
    Verb,
    Wire,
    child,
    href,
    owned_by,
)

_ORDERS = f"{ORDERING}/productOrder"
_CANCELS = f"{ORDERING}/cancelProductOrder"


class Note(Wire):
    """Why an item is held or failed; `id` is the item's."""

    id: str
    text: str


class ItemProduct(Wire):
    """The product that the item is about; without an id where it creates several."""

    id: str | None = None
    href: str | None = None
    product_characteristic: tuple[Characteristic, ...] = ()


class ItemForm(Wire):
    id: str
    action: str
    quantity: int
    state: str
    product_offering: Ref | None = None
    product: ItemProduct | None = None


class OrderForm(Entity, kw_only=True, tag="ProductOrder"):
    state: str
    order_date: Timestamp
    billing_account: Ref
    related_party: tuple[Party, ...]
    product_order_item: tuple[ItemForm, ...]
    external_id: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None
    requested_start_date: Timestamp | None = None
    completion_date: Timestamp | None = None
    cancellation_date: Timestamp | None = None
    cancellation_reason: str | None = None
    note: tuple[Note, ...] = ()


class ProductIn(Wire):
    id: str | None = None
    product_characteristic: tuple[Characteristic, ...] = ()


class OrderItemIn(Wire):
    id: str
    action: Action
    quantity: int = 1
    product_offering: RefIn | None = None
    product: ProductIn = msgspec.field(default_factory=ProductIn)
    billing_account: RefIn | None = None


class OrderCreate(Wire):
    product_order_item: tuple[OrderItemIn, ...]
    billing_account: RefIn | None = None
    related_party: tuple[PartyIn, ...] = ()
    external_id: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None
    requested_start_date: Moment | None = None


class Cancelling(Wire):
    state: str
    cancellation_reason: str | None = None


class CancelForm(Entity, kw_only=True, tag="CancelProductOrder"):
    product_order: Ref
    state: str
    cancellation_reason: str | None = None
    effective_cancellation_date: Timestamp | None = None


class CancelCreate(Wire):
    product_order: RefIn
    cancellation_reason: str | None = None


def _order(order: ProductOrder) -> OrderForm:
    return OrderForm(
        id=order.id,
        href=href(_ORDERS, order.id),
        state=order.state,
        order_date=format_instant(order.order_date),
        billing_account=ref(ACCOUNT, "BillingAccount", order.billing_account),
        related_party=(customer_party(order.customer),),
        product_order_item=tuple(map(_item, order.items)),
        external_id=order.external_id,
        description=order.description,
        category=order.category,
        priority=order.priority,
        requested_start_date=instant(order.requested_start),
        completion_date=instant(order.completion_date),
        cancellation_date=instant(order.cancellation_date),
        cancellation_reason=order.cancellation_reason,
        note=tuple(Note(id=each.id, text=each.reason) for each in order.items if each.reason),
    )


def _item(item: OrderItem) -> ItemForm:
    only = item.products[0] if len(item.products) == 1 else None
    product = ItemProduct(
        id=only,
        href=href(f"{PRODUCTS}/product", only) if only else None,
        product_characteristic=characteristics(item.characteristics),
    )
    return ItemForm(
        id=item.id,
        action=item.action,
        quantity=item.quantity,
        state=item.state,
        product_offering=ref(CATALOG, "ProductOffering", item.offering, item.offering_name)
        if item.offering
        else None,
        product=product,
    )


def _place(tx: Tx, new: OrderCreate, now: datetime) -> str:
    account = _account(new)
    customer = customer_among(new.related_party)
    if customer is None:
        with placed(unknown="billingAccount.id"):
            customer = customers.billing_account(tx, BillingAccountId(account)).customer
    return ordering.place_order(
        tx,
        customer=customer,
        billing_account=account,
        items=[_request(item, i) for i, item in enumerate(new.product_order_item)],
        external_id=new.external_id,
        requested_start=new.requested_start_date,
        description=new.description,
        category=new.category,
        priority=new.priority,
        now=now,
    ).id


def _account(new: OrderCreate) -> str:
    account = new.billing_account.id if new.billing_account else None
    for i, item in enumerate(new.product_order_item):
        own = item.billing_account.id if item.billing_account else account
        if account is not None and own != account:
            raise Invalid(
                "an order is for one billing account",
                path=f"productOrderItem[{i}].billingAccount.id",
            )
        account = own
    if account is None:
        raise Invalid("is required", path="billingAccount")
    return account


def _request(item: OrderItemIn, index: int) -> ItemRequest:
    path = f"productOrderItem[{index}].product.productCharacteristic"
    values = values_of(item.product.product_characteristic, path)
    for place, (name, value) in enumerate(values.items()):
        if not isinstance(value, str):
            raise Invalid(f"{name[:40]} is not a text", path=f"{path}[{place}].value")
    return ItemRequest(
        action=item.action,
        id=item.id,
        offering=item.product_offering.id if item.product_offering else None,
        product=item.product.id,
        quantity=item.quantity,
        characteristics=values,
    )


def _cancel(tx: Tx, ident: str, patch: Cancelling, now: datetime) -> None:
    ordering.cancel_order(tx, order=OrderId(ident), reason=patch.cancellation_reason, now=now)


def _request_cancel(tx: Tx, new: CancelCreate, now: datetime) -> str:
    with placed({"id": "productOrder.id"}):
        return ordering.cancel_order(
            tx, order=OrderId(new.product_order.id), reason=new.cancellation_reason, now=now
        ).id


def _cancelling(r: Reader, ids: Sequence[str]) -> list[ProductOrder]:
    return [order for order in ordering.orders(r, ids) if order.cancelling]


def _cancellation(order: ProductOrder) -> CancelForm:
    done = order.state is OrderState.CANCELLED
    return CancelForm(
        id=order.id,
        href=href(_CANCELS, order.id),
        product_order=ref(ORDERING, "ProductOrder", order.id),
        state="done" if done else "inProgress",
        cancellation_reason=order.cancellation_reason,
        effective_cancellation_date=instant(order.cancellation_date),
    )


_of_order = order_item.c.order_id == product_order.c.id

API = Api(
    number="TMF622",
    title="Product Ordering",
    version="4.0.0",
    base=ORDERING,
    resources=(
        Aggregate(
            path=_ORDERS,
            type="ProductOrder",
            key=product_order.c.id,
            paths={
                "state": product_order.c.state,
                "orderDate": product_order.c.order_date,
                "completionDate": product_order.c.completion_date,
                "cancellationDate": product_order.c.cancellation_date,
                "requestedStartDate": product_order.c.requested_start,
                "externalId": product_order.c.external_id,
                "category": product_order.c.category,
                "priority": product_order.c.priority,
                "billingAccount.id": product_order.c.billing_account_id,
                "relatedParty.id": product_order.c.customer_id,
                "productOrderItem.state": child(order_item.c.state, on=_of_order),
                "productOrderItem.action": child(order_item.c.action, on=_of_order),
                "productOrderItem.productOffering.id": child(
                    order_item.c.offering_id, on=_of_order
                ),
            },
            find=ordering.orders,
            to_wire=_order,
            form=OrderForm,
            owner=owned_by(product_order.c.customer_id, claims="relatedParty"),
            accepts=OrderCreate,
            create=_place,
            verbs=(Verb(on="state", to=frozenset({"cancelled"}), form=Cancelling, run=_cancel),),
        ),
        Task(
            path=_CANCELS,
            type="CancelProductOrder",
            key=product_order.c.id,
            where=product_order.c.cancelling,
            paths={
                "productOrder.id": product_order.c.id,
                "effectiveCancellationDate": product_order.c.cancellation_date,
            },
            find=_cancelling,
            to_wire=_cancellation,
            form=CancelForm,
            owner=owned_by(product_order.c.customer_id),
            accepts=CancelCreate,
            create=_request_cancel,
        ),
    ),
)
