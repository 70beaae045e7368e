"""Reads of orders and their tasks."""

from collections.abc import Sequence

import sqlalchemy as sa

from trunkline.ordering import store
from trunkline.ordering.model import (
    OrderId,
    OrderNotFound,
    OrderState,
    ProductOrder,
    Task,
)
from trunkline.platform.db import Reader

_ids = sa.select(store.product_order.c.id)
_OF_CUSTOMER = (
    _ids.where(store.product_order.c.customer_id == sa.bindparam("customer"))
    .order_by(store.product_order.c.order_date.desc(), store.product_order.c.id.desc())
    .limit(sa.bindparam("most"))
)
_LATEST = (
    _ids.order_by(store.product_order.c.order_date.desc(), store.product_order.c.id.desc())
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("skipped"))
)
_LATEST_IN_STATE = (
    _ids.where(store.product_order.c.state == sa.bindparam("state"))
    .order_by(store.product_order.c.order_date.desc(), store.product_order.c.id.desc())
    .limit(sa.bindparam("most"))
    .offset(sa.bindparam("skipped"))
)


def order(r: Reader, order_id: OrderId) -> ProductOrder:
    """One order with its items. Raises `OrderNotFound`."""
    found = store.orders(r, [order_id]).get(order_id)
    if found is None:
        raise OrderNotFound(f"there is no order {order_id[:60]}", path="id")
    return found


def orders(r: Reader, ids: Sequence[str]) -> list[ProductOrder]:
    """Those of these ids that exist, in their order."""
    found = store.orders(r, ids)
    return [found[each] for each in ids if each in found]


def orders_of(r: Reader, customer: str, *, limit: int = 100) -> list[ProductOrder]:
    """A customer's orders, the latest first."""
    return orders(r, store.ids_of(r, _OF_CUSTOMER, {"customer": customer, "most": limit}))


def latest_orders(
    r: Reader, *, state: OrderState | None = None, limit: int = 50, offset: int = 0
) -> list[ProductOrder]:
    """The latest orders, of one state where it is given."""
    params: dict[str, object] = {"most": limit, "skipped": offset}
    if state is None:
        return orders(r, store.ids_of(r, _LATEST, params))
    return orders(r, store.ids_of(r, _LATEST_IN_STATE, params | {"state": state.value}))


def tasks(r: Reader, order_id: OrderId) -> list[Task]:
    """An order's tasks by their positions, those that undo it last."""
    return store.tasks_of(r, order_id)


def orders_by_state(r: Reader) -> dict[OrderState, int]:
    """How many orders stand in each state."""
    return store.counts(r)
