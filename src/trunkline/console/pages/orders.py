"""Orders: the list by state, one order with its tasks, trying again and cancelling."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote, urlencode

import falcon

from trunkline import customers, ordering
from trunkline.console.web import Console, Desk, form
from trunkline.kernel.errors import Invalid
from trunkline.ordering import (
    ORDER_LIFECYCLE,
    Action,
    OrderId,
    OrderState,
    ProductOrder,
    Task,
    TaskState,
)
from trunkline.platform import audit
from trunkline.platform.db import Reader

PAGE = 50


class Orders:
    """The latest first, all or of one state."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf622:read"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        desk: Desk = req.context.desk
        state = _state(desk.query("state"))
        start = _number(desk.query("start", "0"), "start")
        with self._console.books.read() as r:
            counts = ordering.orders_by_state(r)
            found = ordering.latest_orders(r, state=state, limit=PAGE + 1, offset=start)
            rows = order_rows(r, found[:PAGE])
        more = ""
        if len(found) > PAGE:
            query = {"start": start + PAGE} | ({"state": state.value} if state else {})
            more = f"/console/orders?{urlencode(query)}"
        desk.page(
            resp,
            "orders.html",
            "orders",
            orders=rows,
            orders_by_state=[(each.value, counts[each]) for each in OrderState if each in counts],
            state=state.value if state else "",
            more=more,
        )


class Order:
    """One order: what was asked for, and each task with what it yielded."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf622:read", "POST": "tmf622:write"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response, order: str) -> None:
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            found = ordering.order(r, OrderId.parse(order, path="order"))
            tasks = ordering.tasks(r, found.id)
            customer = customers.customer(r, customers.CustomerId(found.customer))
        desk.page(
            resp,
            "order.html",
            "orders",
            order=found,
            customer_name=customer.name,
            facts=_facts(found, desk),
            items=[_item(item, tasks) for item in found.items],
            is_moving=not ORDER_LIFECYCLE.is_final(found.state)
            and found.state is not OrderState.HELD,
            can_cancel=OrderState.PENDING_CANCELLATION in ORDER_LIFECYCLE.following(found.state)
            and not found.cancelling,
        )

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, order: str) -> None:
        desk: Desk = req.context.desk
        known = OrderId.parse(order, path="order")
        with self._console.books.transaction() as tx:
            ordering.cancel_order(
                tx, order=known, now=desk.now, reason=f"by {desk.user} in the console"
            )
            audit.record(tx, who=desk.user, verb="cancel_order", what=known, now=desk.now)
        desk.go(resp, f"/console/orders/{quote(known)}", "order-cancelled")

    def on_post_retry(self, req: falcon.Request, resp: falcon.Response, order: str) -> None:
        desk: Desk = req.context.desk
        task = _number(form(req).get("task", ""), "task")
        known = OrderId.parse(order, path="order")
        with self._console.books.transaction() as tx:
            ordering.retry_task(tx, order=known, task=task, now=desk.now)
            audit.record(
                tx,
                who=desk.user,
                verb="retry_task",
                what=known,
                detail={"task": task},
                now=desk.now,
            )
        desk.go(resp, f"/console/orders/{quote(known)}", "task-retried")


def order_rows(r: Reader, orders: list[ProductOrder]) -> list[Mapping[str, object]]:
    """Orders as lines of a table, with their customers' names."""
    ids = {customers.CustomerId(each.customer) for each in orders}
    names = {each.id: each.name for each in customers.customers(r, ids).values()}
    return [
        {
            "id": each.id,
            "customer": each.customer,
            "customer_name": names[customers.CustomerId(each.customer)],
            "asked_for": ", ".join(_title(item) for item in each.items),
            "state": each.state.value,
            "placed": each.order_date,
        }
        for each in orders
    ]


def _title(item: ordering.OrderItem) -> str:
    name = item.offering_name or ", ".join(item.products)
    counted = f"{item.quantity} x {name}" if item.quantity > 1 else name
    return counted if item.action is Action.ADD else f"{item.action.value} {counted}"


def _item(item: ordering.OrderItem, tasks: list[Task]) -> Mapping[str, object]:
    return {
        "action": item.action.value,
        "name": item.offering_name or ", ".join(item.products),
        "state": item.state.value,
        "reason": item.reason,
        "tasks": [_task(task) for task in tasks if task.item == item.id],
    }


def _task(task: Task) -> Mapping[str, object]:
    return {
        "position": task.position,
        "kind": task.kind.value,
        "state": task.state.value,
        "reason": task.reason,
        "result": list(task.result.items()),
        "ended": task.ended_at,
        "can_retry": task.state is TaskState.FAILED,
    }


def _facts(order: ProductOrder, desk: Desk) -> list[tuple[str, str]]:
    facts = [("Placed", desk.instant(order.order_date))]
    if order.completion_date:
        facts.append(("Completed", desk.instant(order.completion_date)))
    if order.cancellation_date:
        facts.append(("Cancelled", desk.instant(order.cancellation_date)))
    if order.cancellation_reason:
        facts.append(("Why", order.cancellation_reason))
    if order.external_id:
        facts.append(("External id", order.external_id))
    facts.append(("Billing account", order.billing_account))
    return facts


def _state(text: str) -> OrderState | None:
    try:
        return OrderState(text) if text else None
    except ValueError:
        raise Invalid(f"{text[:40]!r} is no state of an order", path="state") from None


def _number(text: str, path: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f"{text[:20]!r} is not a number", path=path)
    return int(text)
