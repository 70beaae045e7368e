"""Writes: placing an order, starting it, trying a task again, cancelling and giving up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from trunkline import inventory
from trunkline.inventory import ProductStatus
from trunkline.kernel.errors import Conflict
from trunkline.ordering import cancellations, fulfilment, store
from trunkline.ordering.capture import buyer, capture, fingerprint
from trunkline.ordering.decomposition import plan_to_undo
from trunkline.ordering.events import CancelOrder, OrderPlaced, StartOrder
from trunkline.ordering.model import (
    LONGEST_TEXT,
    ORDER_LIFECYCLE,
    Action,
    CancellationId,
    ExternalIdReused,
    ItemRequest,
    NoLongerChangeable,
    OrderId,
    OrderInUse,
    OrderItem,
    OrderNotFound,
    OrderState,
    PastCancelling,
    ProductOrder,
    Standing,
    Task,
    TaskKind,
    TaskNotFound,
    TaskState,
    UnfitOrder,
    check_items,
    delivered,
)
from trunkline.ordering.promoting import CODE
from trunkline.platform.changes import Change
from trunkline.platform.collisions import collision
from trunkline.platform.db import Tx

NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


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
    details: Mapping[str, Any] = NO_DETAILS,
) -> ProductOrder:
    """Accepts an order: its products are created at today's prices, and its fulfilment starts
    once the transaction is committed, or at `requested_start`. `details` is kept as it is; a
    `channel` among it is where it was sold, a `promotionCode` what makes it cheaper.

    A customer's second order under the same `external_id` is the first one; with other
    contents it is refused: `ExternalIdReused`. Raises `UnfitOrder`, `UnknownReference` and
    `NotOrderable`, with the path of what is at fault."""
    check_items(items)
    _check_texts(external_id, description, category, priority)
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
        channels=_channels(details),
        code=details.get(CODE),
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
        details=details,
    )
    if not store.insert(tx, order, captured.tasks, mark):
        # Another transaction was faster by a moment.
        assert external_id is not None
        first = _known(tx, customer, external_id, mark)
        assert first is not None
        return first
    tx.changed("ProductOrder", order.id, Change.CREATED)
    if captured.products:
        inventory.create_products(tx, captured.products, now=now)
    tx.emit(OrderPlaced(order=order.id, customer=order.customer))
    tx.emit(StartOrder(order=order.id), not_before=requested_start if later else None)
    return order


def _check_texts(
    external_id: str | None, description: str | None, category: str | None, priority: str | None
) -> None:
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


def _channels(details: Mapping[str, Any]) -> list[str]:
    """The ids and names of the channels that it was sold through."""
    given = details.get("channel") or ()
    return [each[name] for each in given for name in ("id", "name") if each.get(name)]


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
    """Begins to fulfil an acknowledged order; one that is past that, or whose start was put
    off, stays as it is."""
    standing = _locked(tx, order)
    if not _may_start(standing.order, now):
        return standing.order
    return fulfilment.proceed(tx, standing, standing, now)


def start_orders(tx: Tx, *, orders: Sequence[OrderId], now: datetime) -> None:
    """The same for several, the first of them first; those that are gone need nothing."""
    found = store.locked(tx, orders)
    standing = [found[order] for order in dict.fromkeys(orders) if order in found]
    fresh = [each for each in standing if _may_start(each.order, now)]
    fulfilment.proceed_all(tx, [(each, each) for each in fresh], now)


def _may_start(order: ProductOrder, now: datetime) -> bool:
    begins = order.requested_start
    return order.state is OrderState.ACKNOWLEDGED and (begins is None or begins <= now)


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
    tx: Tx,
    *,
    order: OrderId,
    now: datetime,
    reason: str | None = None,
    request: Mapping[str, Any] = NO_DETAILS,
) -> ProductOrder:
    """Cancels an order and gives back what it took; that it was asked for is kept, with what
    `request` says of it. The order ends as `cancelled`, at once or, where charging has to answer
    first, by way of `pendingCancellation`; asked for again on that way, nothing changes. Raises
    `PastCancelling` where a product is delivered or its end or change has begun, and
    `IllegalTransition` where the order has ended."""
    before = _locked(tx, order)
    if not before.order.cancelling:
        _check_cancellable(before)
        cancellations.note(tx, order, request, reason, now)
    return _cancel(tx, before, reason, now)


def request_cancellation(
    tx: Tx,
    *,
    order: OrderId,
    request: Mapping[str, Any],
    at: datetime | None,
    reason: str | None,
    now: datetime,
) -> CancellationId:
    """Cancels an order as `cancel_order` does, or once the instant `at` has come; the errors
    are the same, and what is past cancelling by then ends with its error."""
    before = _locked(tx, order)
    if not before.order.cancelling or ORDER_LIFECYCLE.is_final(before.order.state):
        _check_cancellable(before)
    if at is not None and at > now:
        later = cancellations.CancellationState.ACKNOWLEDGED
        ident = cancellations.note(tx, order, request, reason, now, state=later)
        tx.emit(CancelOrder(order=order, cancellation=ident), not_before=at)
        return ident
    ident = cancellations.note(tx, order, request, reason, now)
    _cancel(tx, before, reason, now)
    return ident


def cancel_when_due(tx: Tx, *, order: OrderId, cancellation: CancellationId, now: datetime) -> None:
    """The instant that `request_cancellation` waited for has come. An order that is gone or
    cancelled by now needs nothing."""
    before = store.locked(tx, [order]).get(order)
    if before is None or before.order.state is OrderState.CANCELLED:
        return
    try:
        if not before.order.cancelling:
            _check_cancellable(before)
    except Conflict as error:
        cancellations.failed(tx, cancellation, error, now)
        return
    cancellations.begun(tx, cancellation, now)
    _cancel(tx, before, cancellations.reason_of(tx, cancellation), now)


def _check_cancellable(before: Standing) -> None:
    ORDER_LIFECYCLE.check(before.order.state, OrderState.PENDING_CANCELLATION)
    for item in before.order.items:
        _check_undoable(item, before.tasks)
    done = next((task for task in before.tasks if delivered(task)), None)
    if done is not None:
        raise PastCancelling(f"the item {done.item} is delivered: {done.product}", path="state")


def _cancel(tx: Tx, before: Standing, reason: str | None, now: datetime) -> ProductOrder:
    standing = before.order
    if standing.cancelling:
        return standing
    tasks = list(before.tasks)
    items = tuple(_undone(item, tasks, now) for item in standing.items)
    after = msgspec.structs.replace(
        standing,
        items=items,
        cancelling=True,
        cancellation_reason=reason[:LONGEST_TEXT] if reason else None,
    )
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


def amend_order(tx: Tx, *, order: OrderId, now: datetime, **changes: Any) -> ProductOrder:
    """Describes an order otherwise: `external_id`, `description`, `category`, `priority`,
    `details`, until it has ended, and `requested_start` until it has begun. Raises `UnfitOrder`,
    `NoLongerChangeable`, and `ExternalIdReused` where another of the customer's has that id."""
    before = _locked(tx, order).order
    if ORDER_LIFECYCLE.is_final(before.state):
        raise NoLongerChangeable(f"the order is {before.state}", path="state")
    after = msgspec.structs.replace(before, **changes)
    if after == before:
        return before
    _check_texts(after.external_id, after.description, after.category, after.priority)
    if after.requested_start != before.requested_start:
        if before.state is not OrderState.ACKNOWLEDGED:
            raise NoLongerChangeable(
                f"the order is {before.state}: it has begun", path="requestedStartDate"
            )
        tx.emit(StartOrder(order=order), not_before=_later(after.requested_start, now))
    if after.external_id is not None and after.external_id != before.external_id:
        reused = ExternalIdReused(f"{after.external_id!r} is another order", path="externalId")
        if store.by_external_id(tx, after.customer, after.external_id) is not None:
            raise reused
        with collision(taken=reused):
            store.amend(tx, after)
    else:
        store.amend(tx, after)
    tx.changed("ProductOrder", order, Change.ATTRIBUTES)
    return after


def _later(instant: datetime | None, now: datetime) -> datetime | None:
    return instant if instant is not None and instant > now else None


def delete_order(tx: Tx, *, order: OrderId, now: datetime) -> None:
    """Forgets an order of which nothing came: one that has not begun, or that was cancelled,
    with its products. Raises `OrderNotFound` and `OrderInUse`."""
    before = _locked(tx, order)
    state = before.order.state
    if state is OrderState.ACKNOWLEDGED:
        _cancel(tx, before, None, now)
    elif state not in (OrderState.CANCELLED, OrderState.REJECTED):
        final = ORDER_LIFECYCLE.is_final(state)
        advice = "it is kept as the record of what was delivered" if final else "cancel it first"
        raise OrderInUse(f"the order is {state}: {advice}", path="state")
    made = inventory.products_of_order(tx, order)
    if any(each.start_date is not None for each in made):
        raise OrderInUse("the order has delivered something", path="state")
    for product in made:
        inventory.delete_product(tx, product=product.id)
    store.delete(tx, order)
    tx.changed("ProductOrder", order, Change.DELETED)


def _locked(tx: Tx, order: OrderId) -> Standing:
    return _known_to_be(order, store.locked(tx, [order]))


def _known_to_be(order: OrderId, found: Mapping[OrderId, Standing]) -> Standing:
    if order not in found:
        raise OrderNotFound(f"there is no order {order[:60]}", path="id")
    return found[order]


def _check_undoable(item: OrderItem, tasks: Sequence[Task]) -> None:
    """Raises `PastCancelling` where `item` has begun to end or change its product."""
    if item.action is Action.ADD:
        return
    own = (task for task in tasks if task.item == item.id)
    taken = (TaskState.IN_PROGRESS, TaskState.COMPLETED)
    if any(task.state in taken and task.kind is not TaskKind.AWAIT_INSTANT for task in own):
        verb = "end" if item.action is Action.DELETE else "change"
        raise PastCancelling(f"the item {item.id} has begun to {verb} its product", path="state")


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
            waits = task.kind is TaskKind.AWAIT_INSTANT and task.state is TaskState.IN_PROGRESS
            if waits or task.state in (TaskState.PENDING, TaskState.FAILED):
                tasks[task.position] = fulfilment.moved(task, TaskState.CANCELLED, now, result=None)
        if item.action is Action.ADD:
            tasks += plan_to_undo(done, item=item.id, product=product, after=len(tasks))
    return msgspec.structs.replace(item, state=OrderState.PENDING_CANCELLATION)
