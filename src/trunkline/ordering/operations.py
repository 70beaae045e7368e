"""Writes: placing an order, starting it, trying a task again, cancelling and giving up."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from trunkline import inventory
from trunkline.inventory import ProductStatus
from trunkline.ordering import fulfilment, store
from trunkline.ordering.capture import buyer, capture, fingerprint
from trunkline.ordering.decomposition import plan_to_undo
from trunkline.ordering.events import OrderPlaced, StartOrder
from trunkline.ordering.model import (
    LONGEST_TEXT,
    ORDER_LIFECYCLE,
    Action,
    ExternalIdReused,
    ItemRequest,
    OrderId,
    OrderItem,
    OrderNotFound,
    OrderState,
    PastCancelling,
    ProductOrder,
    Standing,
    Task,
    TaskNotFound,
    TaskState,
    UnfitOrder,
    check_items,
    delivered,
)
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx


def place_order(
    tx: Tx,
    *,
    customer: str,
    billing_account: str,
    items: Sequence[ItemRequest],
    now: datetime,
    external_id: str | None = None,
    requested_start: datetime | None = None,
    description: str | None = None,
    category: str | None = None,
    priority: str | None = None,
) -> ProductOrder:
    """Accepts an order: its products are created at today's prices, and its fulfilment starts
    once the transaction is committed, or at `requested_start`.

    A customer's second order under the same `external_id` is the first one; with other
    contents it is refused: `ExternalIdReused`. Raises `UnfitOrder`, `UnknownReference` and
    `NotOrderable`, with the path of what is at fault."""
    check_items(items)
    texts = {
        "externalId": external_id,
        "description": description,
        "category": category,
        "priority": priority,
    }
    for path, text in texts.items():
        longest = 100 if path == "externalId" else LONGEST_TEXT
        if text is not None and not 1 <= len(text) <= longest:
            raise UnfitOrder(f"has 1 to {longest} characters", path=path)
    mark = fingerprint(billing_account, items)
    if external_id is not None:
        known = _known(tx, customer, external_id, mark)
        if known is not None:
            return known
    owner, account = buyer(tx, customer, billing_account)
    later = requested_start is not None and requested_start > now
    order_id = tx.new_id(OrderId, now)
    captured = capture(
        tx,
        items,
        order=order_id,
        owner=owner,
        account=account,
        status=ProductStatus.CREATED if later else ProductStatus.PENDING_ACTIVE,
        now=now,
    )
    order = ProductOrder(
        id=order_id,
        customer=owner.id,
        billing_account=account.id,
        state=OrderState.ACKNOWLEDGED,
        order_date=now,
        items=tuple(captured.items),
        external_id=external_id,
        description=description,
        category=category,
        priority=priority,
        requested_start=requested_start,
    )
    if not store.insert(tx, order, captured.tasks, mark):
        # Another transaction was faster by a moment.
        assert external_id is not None
        first = _known(tx, customer, external_id, mark)
        assert first is not None
        return first
    tx.changed("ProductOrder", order.id, Change.CREATED)
    inventory.create_products(tx, captured.products, now=now)
    tx.emit(OrderPlaced(order=order.id, customer=order.customer))
    tx.emit(StartOrder(order=order.id), not_before=requested_start if later else None)
    return order


def _known(tx: Tx, customer: str, external_id: str, mark: str) -> ProductOrder | None:
    found = store.by_external_id(tx, customer, external_id)
    if found is None:
        return None
    order_id, known_mark = found
    if known_mark != mark:
        raise ExternalIdReused(
            f"{external_id!r} is the order {order_id}, with other contents", path="externalId"
        )
    return store.orders(tx, [order_id])[order_id]


def start_order(tx: Tx, *, order: OrderId, now: datetime) -> ProductOrder:
    """Begins to fulfil an acknowledged order; one that is past that stays as it is."""
    standing = _locked(tx, order)
    if standing.order.state is not OrderState.ACKNOWLEDGED:
        return standing.order
    return fulfilment.proceed(tx, standing, standing, now)


def start_orders(tx: Tx, *, orders: Sequence[OrderId], now: datetime) -> None:
    """The same for several, the first of them first."""
    found = store.locked(tx, orders)
    standing = [_known_to_be(order, found) for order in dict.fromkeys(orders)]
    fresh = [each for each in standing if each.order.state is OrderState.ACKNOWLEDGED]
    fulfilment.proceed_all(tx, [(each, each) for each in fresh], now)


def retry_task(tx: Tx, *, order: OrderId, task: int, now: datetime) -> ProductOrder:
    """Tries a failed task again, and goes on from there. Raises `TaskNotFound`, and
    `IllegalTransition` where it has not failed."""
    before = _locked(tx, order)
    if not 0 <= task < len(before.tasks):
        raise TaskNotFound(f"the order {order} has no task {task}", path="task")
    tasks = list(before.tasks)
    tasks[task] = fulfilment.moved(tasks[task], TaskState.PENDING, now, result={})
    return fulfilment.proceed(tx, before, Standing(before.order, tuple(tasks)), now)


def cancel_order(
    tx: Tx, *, order: OrderId, now: datetime, reason: str | None = None
) -> ProductOrder:
    """Cancels an order and gives back what it took. It ends as `cancelled`, at once or, where
    charging has to answer first, by way of `pendingCancellation`; asked for again on that way,
    nothing changes. Raises `PastCancelling` where a product is delivered or its end has begun,
    and `IllegalTransition` where the order has ended."""
    before = _locked(tx, order)
    standing = before.order
    if standing.cancelling:
        return standing
    ORDER_LIFECYCLE.check(standing.state, OrderState.PENDING_CANCELLATION)
    for item in standing.items:
        _check_undoable(item, before.tasks)
    done = next((task for task in before.tasks if delivered(task)), None)
    if done is not None:
        raise PastCancelling(f"the item {done.item} is delivered: {done.product}", path="state")
    tasks = list(before.tasks)
    items = tuple(_undone(item, tasks, now) for item in standing.items)
    after = msgspec.structs.replace(
        standing,
        items=items,
        cancelling=True,
        cancellation_reason=reason[:LONGEST_TEXT] if reason else None,
    )
    tx.changed("CancelProductOrder", order, Change.CREATED)
    return fulfilment.proceed(tx, before, Standing(after, tuple(tasks)), now)


def give_up_item(tx: Tx, *, order: OrderId, item: str, now: datetime, reason: str) -> ProductOrder:
    """Gives up what is missing of a held item, and gives back what that took. What was
    delivered stays. The item ends as `failed`, and with it the order as `failed` or, where
    something was delivered, `partial`. Raises `UnfitOrder` where there is no such item, and
    `PastCancelling` where it isn't held."""
    before = _locked(tx, order)
    standing = before.order
    given_up = next((each for each in standing.items if each.id == item), None)
    if given_up is None:
        raise UnfitOrder(f"the order {order} has no item {item[:40]!r}", path="productOrderItem")
    if given_up.state is not OrderState.HELD:
        raise PastCancelling(
            f"the item {item} is {given_up.state}, not held", path="productOrderItem"
        )
    _check_undoable(given_up, before.tasks)
    tasks = list(before.tasks)
    undone = msgspec.structs.replace(_undone(given_up, tasks, now), reason=reason[:LONGEST_TEXT])
    items = tuple(undone if each is given_up else each for each in standing.items)
    after = msgspec.structs.replace(standing, items=items)
    return fulfilment.proceed(tx, before, Standing(after, tuple(tasks)), now)


def _locked(tx: Tx, order: OrderId) -> Standing:
    return _known_to_be(order, store.locked(tx, [order]))


def _known_to_be(order: OrderId, found: Mapping[OrderId, Standing]) -> Standing:
    if order not in found:
        raise OrderNotFound(f"there is no order {order[:60]}", path="id")
    return found[order]


def _check_undoable(item: OrderItem, tasks: Sequence[Task]) -> None:
    """Raises `PastCancelling` where `item` has begun to end its product."""
    begun = any(task.item == item.id and task.started_at is not None for task in tasks)
    if item.action is Action.DELETE and begun:
        raise PastCancelling(f"the item {item.id} has begun to end its product", path="state")


def _undone(item: OrderItem, tasks: list[Task], now: datetime) -> OrderItem:
    """`item` on its way back: what has not begun is cancelled in `tasks`, and the tasks that
    undo the rest are added. One that has ended, or is on its way already, stays as it is."""
    if ORDER_LIFECYCLE.is_final(item.state) or item.state is OrderState.PENDING_CANCELLATION:
        return item
    for product in item.products:
        own = [task for task in tasks if task.item == item.id and task.product == product]
        if any(delivered(task) for task in own):
            continue
        done = [t for t in own if t.state in (TaskState.COMPLETED, TaskState.IN_PROGRESS)]
        for task in own:
            if task.state in (TaskState.PENDING, TaskState.FAILED):
                tasks[task.position] = fulfilment.moved(task, TaskState.CANCELLED, now, result=None)
        if item.action is Action.ADD:
            tasks += plan_to_undo(done, item=item.id, product=product, after=len(tasks))
    return msgspec.structs.replace(item, state=OrderState.PENDING_CANCELLATION)
