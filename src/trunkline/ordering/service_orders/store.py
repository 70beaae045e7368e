"""The tables of service orders and of their items' steps, and all SQL on them."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.inventory import ServiceId
from trunkline.ordering.model import Action, OrderState
from trunkline.ordering.service_orders.model import Step
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.tmf import documents

service_order = documents.table(
    "service_order",
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("external_id", sa.String(200)),
    sa.Column("category", sa.String(200)),
    sa.Column("priority", sa.String(200)),
    sa.Column("customer_id", sa.String(100)),
    sa.Column("order_date", Instant, nullable=False),
    sa.Column("requested_start", Instant),
    sa.Column("start_date", Instant),
    sa.Column("completion_date", Instant),
    sa.Column("cancellation_date", Instant),
    sa.Index("service_order_by_state", "state", "id"),
    sa.Index("service_order_by_external_id", "external_id", "id"),
    sa.Index("service_order_by_customer", "customer_id", "id"),
    sa.Index("service_order_by_category", "category", "id"),
    sa.Index("service_order_by_date", "order_date", "id"),
)

service_order_item = sa.Table(
    "service_order_item",
    books_metadata,
    sa.Column("order_id", sa.String(100), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(100), nullable=False),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("service_id", sa.String(100)),
    sa.Column("waits_for", Json, nullable=False),
    sa.Column("is_undoing", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Index("service_order_item_by_service", "service_id", "state"),
)

cancel_service_order = documents.table(
    "cancel_service_order",
    sa.Column("order_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Index("cancel_service_order_by_order", "order_id", "id"),
    sa.Index("cancel_service_order_by_state", "state", "id"),
)

_INSERT = sa.insert(service_order_item)
_STEPS = (
    sa.select(service_order_item)
    .where(service_order_item.c.order_id == sa.bindparam("of_order"))
    .order_by(service_order_item.c.position)
)
_SAVE = (
    sa.update(service_order_item)
    .where(
        service_order_item.c.order_id == sa.bindparam("of_order"),
        service_order_item.c.position == sa.bindparam("place"),
    )
    .values(
        state=sa.bindparam("to"),
        is_undoing=sa.bindparam("undoing"),
        reason=sa.bindparam("why"),
    )
)
_DELETE = sa.delete(service_order_item).where(
    service_order_item.c.order_id == sa.bindparam("of_order")
)
_WAITING = (
    sa.select(service_order_item.c.order_id)
    .where(
        service_order_item.c.service_id == sa.bindparam("of_service"),
        service_order_item.c.state.in_(
            [OrderState.IN_PROGRESS.value, OrderState.PENDING_CANCELLATION.value]
        ),
    )
    .distinct()
    .order_by(service_order_item.c.order_id)
)
_LOCK = (
    sa.select(service_order.c.id)
    .where(service_order.c.id == sa.bindparam("of_order"))
    .with_for_update()
)
_OPEN_CANCELS = (
    sa.select(cancel_service_order.c.id)
    .where(
        cancel_service_order.c.order_id == sa.bindparam("of_order"),
        cancel_service_order.c.state == "inProgress",
    )
    .order_by(cancel_service_order.c.id)
)


def insert_steps(tx: Tx, order: str, steps: Iterable[Step]) -> None:
    tx.execute(
        _INSERT,
        [
            {
                "order_id": order,
                "position": each.position,
                "item": each.item,
                "action": each.action.value,
                "state": each.state.value,
                "service_id": each.service,
                "waits_for": list(each.waits_for),
                "is_undoing": each.is_undoing,
                "reason": each.reason,
            }
            for each in steps
        ],
    )


def locked_steps(tx: Tx, order: str) -> list[Step]:
    """An order's steps; nobody else moves them until the transaction ends."""
    tx.execute(_LOCK, {"of_order": order})
    return steps_of(tx, order)


def steps_of(r: Reader, order: str) -> list[Step]:
    return [_step(row) for row in r.execute(_STEPS, {"of_order": order})]


def save_steps(tx: Tx, order: str, steps: Sequence[Step]) -> None:
    tx.execute(
        _SAVE,
        [
            {
                "of_order": order,
                "place": each.position,
                "to": each.state.value,
                "undoing": each.is_undoing,
                "why": each.reason,
            }
            for each in steps
        ],
    )


def delete_steps(tx: Tx, order: str) -> None:
    tx.execute(_DELETE, {"of_order": order})


def waiting_for(r: Reader, service: str) -> list[str]:
    """The orders of which an item waits for the network's word on this service."""
    return list(r.execute(_WAITING, {"of_service": service}).scalars())


def open_cancels(r: Reader, order: str) -> list[str]:
    return list(r.execute(_OPEN_CANCELS, {"of_order": order}).scalars())


def _step(row: Any) -> Step:
    return Step(
        position=row.position,
        item=row.item,
        action=Action(row.action),
        state=OrderState(row.state),
        service=ServiceId(row.service_id) if row.service_id else None,
        waits_for=tuple(row.waits_for),
        is_undoing=row.is_undoing,
        reason=row.reason,
    )
