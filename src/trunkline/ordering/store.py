"""The tables of orders, their items and tasks, and all SQL on them."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.inventory import PriceAlteration, PriceKind, ProductPrice
from trunkline.kernel.money import Money
from trunkline.ordering.model import (
    Action,
    OrderId,
    OrderItem,
    OrderState,
    ProductOrder,
    Standing,
    Task,
    TaskKind,
    TaskState,
)
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.tmf import documents

product_order = sa.Table(
    "product_order",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("customer_id", sa.String(100), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("order_date", Instant, nullable=False),
    sa.Column("external_id", sa.String(100)),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("description", sa.String(500)),
    sa.Column("category", sa.String(500)),
    sa.Column("priority", sa.String(500)),
    sa.Column("requested_start", Instant),
    sa.Column("completion_date", Instant),
    sa.Column("cancellation_date", Instant),
    sa.Column("cancellation_reason", sa.String(500)),
    sa.Column("cancelling", sa.Boolean, nullable=False),
    sa.Column("details", Json),
    sa.UniqueConstraint("customer_id", "external_id"),
    sa.Index("product_order_by_customer", "customer_id", "order_date"),
    sa.Index("product_order_by_state", "state", "id"),
    sa.Index("product_order_by_date", "order_date", "id"),
    sa.Index("product_order_by_account", "billing_account_id", "id"),
)

order_item = sa.Table(
    "product_order_item",
    books_metadata,
    sa.Column("order_id", sa.ForeignKey(product_order.c.id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(100), nullable=False),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("offering_id", sa.String(100)),
    sa.Column("offering_name", sa.String(200)),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("products", Json, nullable=False),
    sa.Column("characteristics", Json, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("parent", sa.String(100)),
    sa.Column("prices", Json),
    sa.Column("details", Json),
)

order_task = sa.Table(
    "product_order_task",
    books_metadata,
    sa.Column("order_id", sa.ForeignKey(product_order.c.id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(100), nullable=False),
    sa.Column("product_id", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("depends_on", Json, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("result", Json, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Index("product_order_task_by_product", "product_id"),
)

order_cancellation = documents.table(
    "product_order_cancellation",
    sa.Column("order_id", sa.ForeignKey(product_order.c.id), nullable=False, index=True),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("requested_at", Instant),
    sa.Column("effective_at", Instant),
)

_INSERT_ORDER = {
    "sqlite": sqlite.insert(product_order).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(product_order).on_conflict_do_nothing(),
}
_INSERT_ITEM = sa.insert(order_item)
_INSERT_TASK = sa.insert(order_task)
_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)

_ORDERS = sa.select(product_order).where(product_order.c.id.in_(_ids))
_LOCK = _ORDERS.order_by(product_order.c.id).with_for_update()
_ITEMS = (
    sa.select(order_item)
    .where(order_item.c.order_id.in_(_ids))
    .order_by(order_item.c.order_id, order_item.c.position)
)
_TASKS = (
    sa.select(order_task)
    .where(order_task.c.order_id.in_(_ids))
    .order_by(order_task.c.order_id, order_task.c.position)
)
_BY_EXTERNAL_ID = sa.select(product_order.c.id, product_order.c.fingerprint).where(
    product_order.c.customer_id == sa.bindparam("customer"),
    product_order.c.external_id == sa.bindparam("external"),
)
_WAITING_FOR = (
    sa.select(order_task.c.product_id, order_task.c.order_id)
    .where(
        order_task.c.product_id.in_(_ids),
        order_task.c.kind == sa.bindparam("of_kind"),
        order_task.c.state.in_(sa.bindparam("states", expanding=True)),
    )
    .order_by(order_task.c.order_id)
)
_SAVE_ORDER = (
    sa.update(product_order)
    .where(product_order.c.id == sa.bindparam("which"))
    .values(
        state=sa.bindparam("to"),
        completion_date=sa.bindparam("completed"),
        cancellation_date=sa.bindparam("cancelled"),
        cancellation_reason=sa.bindparam("why"),
        cancelling=sa.bindparam("undoing"),
    )
)
_SAVE_ITEM = (
    sa.update(order_item)
    .where(
        order_item.c.order_id == sa.bindparam("which"),
        order_item.c.position == sa.bindparam("place"),
    )
    .values(state=sa.bindparam("to"), reason=sa.bindparam("why"))
)
_SAVE_TASK = (
    sa.update(order_task)
    .where(
        order_task.c.order_id == sa.bindparam("which"),
        order_task.c.position == sa.bindparam("place"),
    )
    .values(
        state=sa.bindparam("to"),
        attempts=sa.bindparam("tries"),
        reason=sa.bindparam("why"),
        result=sa.bindparam("yielded"),
        started_at=sa.bindparam("started"),
        ended_at=sa.bindparam("ended"),
    )
)
_OPEN_CANCELLATIONS = (
    sa.select(order_cancellation.c.id)
    .where(
        order_cancellation.c.order_id == sa.bindparam("of_order"),
        order_cancellation.c.state.in_(("acknowledged", "inProgress")),
    )
    .order_by(order_cancellation.c.id)
)
_AMEND_ORDER = (
    sa.update(product_order)
    .where(product_order.c.id == sa.bindparam("which"))
    .values(
        external_id=sa.bindparam("external"),
        description=sa.bindparam("described"),
        category=sa.bindparam("sort"),
        priority=sa.bindparam("urgency"),
        requested_start=sa.bindparam("start", type_=Instant),
        details=sa.bindparam("rest", type_=Json),
    )
)
_DELETE_ORDER = [
    sa.delete(table).where(key == sa.bindparam("which"))
    for table, key in (
        (order_cancellation, order_cancellation.c.order_id),
        (order_task, order_task.c.order_id),
        (order_item, order_item.c.order_id),
        (product_order, product_order.c.id),
    )
]
_COUNTS = sa.select(product_order.c.state, sa.func.count().label("held")).group_by(
    product_order.c.state
)


def insert(tx: Tx, order: ProductOrder, tasks: Sequence[Task], fingerprint: str) -> bool:
    """Inserts an order with its items and tasks; False, and nothing, where its customer has
    one with the same external id."""
    values = {
        "id": order.id,
        "customer_id": order.customer,
        "billing_account_id": order.billing_account,
        "state": order.state.value,
        "order_date": order.order_date,
        "external_id": order.external_id,
        "fingerprint": fingerprint,
        "description": order.description,
        "category": order.category,
        "priority": order.priority,
        "requested_start": order.requested_start,
        "cancelling": order.cancelling,
        "details": dict(order.details) or None,
    }
    if tx.execute(_INSERT_ORDER[tx.dialect], values).rowcount != 1:
        return False
    tx.execute(
        _INSERT_ITEM,
        [
            {
                "order_id": order.id,
                "position": position,
                "id": item.id,
                "action": item.action.value,
                "state": item.state.value,
                "offering_id": item.offering,
                "offering_name": item.offering_name,
                "quantity": item.quantity,
                "products": list(item.products),
                "characteristics": dict(item.characteristics),
                "reason": item.reason,
                "parent": item.parent,
                "prices": [_price_kept(each) for each in item.prices] or None,
                "details": dict(item.details) or None,
            }
            for position, item in enumerate(order.items)
        ],
    )
    _insert_tasks(tx, [(order.id, task) for task in tasks])
    return True


def _insert_tasks(tx: Tx, tasks: Sequence[tuple[OrderId, Task]]) -> None:
    if not tasks:
        return
    tx.execute(
        _INSERT_TASK,
        [
            {
                "order_id": order,
                "position": task.position,
                "item": task.item,
                "product_id": task.product,
                "kind": task.kind.value,
                "state": task.state.value,
                "depends_on": list(task.depends_on),
                "attempts": task.attempts,
                "reason": task.reason,
                "result": dict(task.result),
                "started_at": task.started_at,
                "ended_at": task.ended_at,
            }
            for order, task in tasks
        ],
    )


def by_external_id(r: Reader, customer: str, external_id: str) -> tuple[OrderId, str] | None:
    """The order that came in under this id, and its fingerprint."""
    row = r.execute(_BY_EXTERNAL_ID, {"customer": customer, "external": external_id}).first()
    return (OrderId(row.id), row.fingerprint) if row else None


def orders(r: Reader, ids: Sequence[str]) -> dict[str, ProductOrder]:
    """Those of these ids that exist, with their items."""
    rows = r.execute(_ORDERS, {"ids": list(ids)}).all()
    if not rows:
        return {}
    items: dict[str, list[OrderItem]] = {}
    for row in r.execute(_ITEMS, {"ids": [row.id for row in rows]}):
        items.setdefault(row.order_id, []).append(_item(row))
    return {row.id: _order(row, items[row.id]) for row in rows}


def locked(tx: Tx, ids: Iterable[OrderId]) -> dict[OrderId, Standing]:
    """Those of these orders that exist; nobody else may move them until this transaction
    ends."""
    wanted = {"ids": list(ids)}
    rows = tx.execute(_LOCK, wanted).all() if wanted["ids"] else []
    if not rows:
        return {}
    items: dict[str, list[OrderItem]] = {}
    for row in tx.execute(_ITEMS, wanted):
        items.setdefault(row.order_id, []).append(_item(row))
    tasks: dict[str, list[Task]] = {}
    for row in tx.execute(_TASKS, wanted):
        tasks.setdefault(row.order_id, []).append(_task(row))
    return {
        OrderId(row.id): Standing(_order(row, items[row.id]), tuple(tasks.get(row.id, ())))
        for row in rows
    }


def tasks_of(r: Reader, order: OrderId) -> list[Task]:
    return [_task(row) for row in r.execute(_TASKS, {"ids": [order]})]


def orders_with_task(
    r: Reader, products: Iterable[str], kind: TaskKind, states: Iterable[TaskState]
) -> dict[str, OrderId]:
    """The latest order that has a task of this kind, in one of these states, for each of these
    products that have one."""
    params = {
        "ids": list(products),
        "of_kind": kind.value,
        "states": [each.value for each in states],
    }
    return {row.product_id: OrderId(row.order_id) for row in r.execute(_WAITING_FOR, params)}


def save(tx: Tx, moves: Sequence[tuple[Standing, Standing]]) -> None:
    """Stores by what these orders, before and after, differ: states of orders and items, moved
    tasks, added tasks."""
    orders = [
        {
            "which": after.order.id,
            "to": after.order.state.value,
            "completed": after.order.completion_date,
            "cancelled": after.order.cancellation_date,
            "why": after.order.cancellation_reason,
            "undoing": after.order.cancelling,
        }
        for before, after in moves
        if after.order != before.order
    ]
    if orders:
        tx.execute(_SAVE_ORDER, orders)
    items = [
        {"which": after.order.id, "place": place, "to": item.state.value, "why": item.reason}
        for before, after in moves
        for place, (item, old) in enumerate(zip(after.order.items, before.order.items, strict=True))
        if item is not old and item != old
    ]
    if items:
        tx.execute(_SAVE_ITEM, items)
    moved = [
        {
            "which": after.order.id,
            "place": task.position,
            "to": task.state.value,
            "tries": task.attempts,
            "why": task.reason,
            "yielded": dict(task.result),
            "started": task.started_at,
            "ended": task.ended_at,
        }
        for before, after in moves
        for task, old in zip(after.tasks, before.tasks, strict=False)
        if task is not old
    ]
    if moved:
        tx.execute(_SAVE_TASK, moved)
    added = [
        (after.order.id, task)
        for before, after in moves
        for task in after.tasks[len(before.tasks) :]
    ]
    if added:
        _insert_tasks(tx, added)


def amend(tx: Tx, order: ProductOrder) -> None:
    """Stores what describes an order."""
    tx.execute(
        _AMEND_ORDER,
        {
            "which": order.id,
            "external": order.external_id,
            "described": order.description,
            "sort": order.category,
            "urgency": order.priority,
            "start": order.requested_start,
            "rest": dict(order.details) or None,
        },
    )


def delete(tx: Tx, order: OrderId) -> None:
    """With its items, tasks and cancellations."""
    for statement in _DELETE_ORDER:
        tx.execute(statement, {"which": order})


def open_cancellations(tx: Tx, order: OrderId) -> list[str]:
    return ids_of(tx, _OPEN_CANCELLATIONS, {"of_order": order})


def counts(r: Reader) -> dict[OrderState, int]:
    return {OrderState(row.state): row.held for row in r.execute(_COUNTS)}


def ids_of(r: Reader, statement: sa.Executable, params: dict[str, Any]) -> list[str]:
    return [row.id for row in r.execute(statement, params)]


def _order(row: Any, items: Iterable[OrderItem]) -> ProductOrder:
    return ProductOrder(
        id=OrderId(row.id),
        customer=row.customer_id,
        billing_account=row.billing_account_id,
        state=OrderState(row.state),
        order_date=row.order_date,
        items=tuple(items),
        external_id=row.external_id,
        description=row.description,
        category=row.category,
        priority=row.priority,
        requested_start=row.requested_start,
        completion_date=row.completion_date,
        cancellation_date=row.cancellation_date,
        cancellation_reason=row.cancellation_reason,
        cancelling=row.cancelling,
        details=row.details or {},
    )


def _item(row: Any) -> OrderItem:
    return OrderItem(
        id=row.id,
        action=Action(row.action),
        state=OrderState(row.state),
        offering=row.offering_id,
        offering_name=row.offering_name,
        quantity=row.quantity,
        products=tuple(row.products),
        characteristics=row.characteristics,
        reason=row.reason,
        parent=row.parent,
        prices=tuple(map(_price, row.prices or ())),
        details=row.details or {},
    )


def _price_kept(price: ProductPrice) -> dict[str, Any]:
    """As it is kept with an item: amounts are micros, and what is as usual is left out."""
    kept: dict[str, Any] = {
        "kind": price.kind.value,
        "name": price.name,
        "micros": price.amount.micros,
        "currency": price.amount.currency,
        "months": price.period_months,
        "tax": price.tax_category,
        "of": price.offering_price,
    }
    if price.alterations:
        kept["alterations"] = [
            {"name": each.name, "micros": each.amount.micros, "agreement": each.agreement}
            for each in price.alterations
        ]
    return kept


def _price(kept: dict[str, Any]) -> ProductPrice:
    currency = kept["currency"]
    return ProductPrice(
        kind=PriceKind(kept["kind"]),
        name=kept["name"],
        amount=Money(kept["micros"], currency),
        period_months=kept["months"],
        tax_category=kept["tax"],
        offering_price=kept["of"],
        alterations=tuple(
            PriceAlteration(
                name=each["name"],
                amount=Money(each["micros"], currency),
                agreement=each["agreement"],
            )
            for each in kept.get("alterations", ())
        ),
    )


def _task(row: Any) -> Task:
    return Task(
        position=row.position,
        item=row.item,
        product=row.product_id,
        kind=TaskKind(row.kind),
        state=TaskState(row.state),
        depends_on=tuple(row.depends_on),
        attempts=row.attempts,
        reason=row.reason,
        result=row.result,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
