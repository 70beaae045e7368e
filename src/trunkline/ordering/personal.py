"""Personal data in what was asked for, quoted and ordered: forgotten with who it was.

What was ordered, when and at which price stays; who, where to and in which words goes.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from trunkline import customers, inventory, messaging
from trunkline.customers import PartyId
from trunkline.customers.events import PartyErased
from trunkline.inventory import ProductStatus
from trunkline.kernel.errors import Conflict
from trunkline.ordering import store
from trunkline.ordering.cancellations import CANCELLATION
from trunkline.ordering.carts.operations import CART
from trunkline.ordering.model import ORDER_LIFECYCLE, OrderState
from trunkline.ordering.qualification.operations import QUALIFICATION
from trunkline.ordering.quotes.kind import QUOTE
from trunkline.ordering.service_orders.kinds import CANCEL_SERVICE_ORDERS, SERVICE_ORDERS
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx

_GONE = frozenset(
    {
        "attachment", "cancellationReason", "contact", "contactMedium", "note",
        "notificationContact", "place", "productCharacteristic", "productSerialNumber",
        "serviceCharacteristic",
    }
)  # fmt: skip
"""Attributes that say who gets something, where, and as what."""
_ASKED = (QUALIFICATION, QUOTE, CART, SERVICE_ORDERS)
_OVER = (ProductStatus.TERMINATED, ProductStatus.CANCELLED, ProductStatus.ABORTED)
_item = store.order_item.c
_service_order = SERVICE_ORDERS.table.c
_ITEMS = sa.select(_item.order_id, _item.position, _item.details).where(
    _item.order_id.in_(sa.bindparam("ids", expanding=True))
)


class StillServed(Conflict):
    """Something is being delivered to them, or they have it: that ends first."""

    code = "stillServed"


def erase_personal_data(tx: Tx, *, party: PartyId, now: datetime) -> None:
    """Forgets who a party is, here and (as they hear of it) in every domain. Raises
    `PartyNotFound`, `StillACustomer`, and `StillServed` where an order of theirs is open or a
    product in service."""
    for customer in customers.customers_of_party(tx, party):
        _check_over(tx, customer.id)
    messaging.erase_personal_data(tx, party=party, now=now)


def _check_over(r: Reader, customer: str) -> None:
    for table in (store.product_order.c, _service_order):
        theirs = sa.select(table.id, table.state).where(table.customer_id == customer)
        for row in r.execute(theirs):
            if not ORDER_LIFECYCLE.is_final(OrderState(row.state)):
                raise StillServed(f"the order {row.id} is {row.state}", path="state")
    for product in inventory.products_of_customer(r, customer):
        if product.status not in _OVER:
            raise StillServed(f"the product {product.id} is {product.status}", path="status")


def forget_party(tx: Tx, event: PartyErased, now: datetime) -> None:
    """What was asked for and ordered no longer tells who did."""
    ids = event.known_as
    for kind in _ASKED:
        owner = kind.table.c.customer_id
        customers.erase_in(tx, owner, ids, ids, kind=kind, gone=_GONE, now=now)
    orders = customers.erase_in(
        tx,
        store.product_order.c.customer_id,
        ids,
        ids,
        column="details",
        beside={"description": None, "cancellation_reason": None},
        gone=_GONE,
        now=now,
    )
    for order in orders:
        tx.changed("ProductOrder", order, Change.ATTRIBUTES)
    _forget_items(tx, orders, ids)
    placed = tx.execute(
        sa.select(_service_order.id).where(_service_order.customer_id.in_(list(ids)))
    )
    for kind, of in ((CANCELLATION, orders), (CANCEL_SERVICE_ORDERS, list(placed.scalars()))):
        owner = kind.table.c.order_id
        customers.erase_in(tx, owner, of, ids, kind=kind, gone=_GONE, now=now)


def _forget_items(tx: Tx, orders: Collection[str], ids: Collection[str]) -> None:
    for row in tx.execute(_ITEMS, {"ids": list(orders)}).all() if orders else ():
        left = customers.scrubbed(row.details, ids, gone=_GONE)
        tx.execute(
            sa.update(store.order_item)
            .where(_item.order_id == row.order_id, _item.position == row.position)
            .values(details=left, characteristics={})
        )
