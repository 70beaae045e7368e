"""Product orders, their items and the tasks that fulfil them, with their lifecycles (TMF622 v4).

Ids of other domains are held as they come. An item's state follows from its tasks and the
order's from its items; nothing else moves them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.inventory import ProductPrice, ProductStatus
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.ordering.qualification.model import Place


class OrderId(Id):
    __slots__ = ()
    prefix = "ord"


class CancellationId(Id):
    __slots__ = ()
    prefix = "cpo"


class Action(StrEnum):
    """TMF622 v4, OrderItemActionType."""

    ADD = "add"
    MODIFY = "modify"
    DELETE = "delete"
    NO_CHANGE = "noChange"


class OrderState(StrEnum):
    """TMF622 v4, ProductOrderStateType; items know all but `partial`."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    ASSESSING_CANCELLATION = "assessingCancellation"
    PENDING_CANCELLATION = "pendingCancellation"


ORDER_LIFECYCLE = Lifecycle(
    "order",
    {
        OrderState.ACKNOWLEDGED: {
            OrderState.REJECTED,
            OrderState.PENDING,
            OrderState.IN_PROGRESS,
            OrderState.HELD,
            OrderState.COMPLETED,
            OrderState.CANCELLED,
            OrderState.ASSESSING_CANCELLATION,
            OrderState.PENDING_CANCELLATION,
        },
        OrderState.PENDING: {
            OrderState.IN_PROGRESS,
            OrderState.HELD,
            OrderState.COMPLETED,
            OrderState.FAILED,
            OrderState.PARTIAL,
            OrderState.ASSESSING_CANCELLATION,
            OrderState.PENDING_CANCELLATION,
            OrderState.CANCELLED,
        },
        OrderState.IN_PROGRESS: {
            OrderState.COMPLETED,
            OrderState.HELD,
            OrderState.PENDING,
            OrderState.FAILED,
            OrderState.PARTIAL,
            OrderState.ASSESSING_CANCELLATION,
            OrderState.PENDING_CANCELLATION,
            OrderState.CANCELLED,
        },
        OrderState.HELD: {
            OrderState.IN_PROGRESS,
            OrderState.PENDING,
            OrderState.COMPLETED,
            OrderState.FAILED,
            OrderState.PARTIAL,
            OrderState.ASSESSING_CANCELLATION,
            OrderState.PENDING_CANCELLATION,
            OrderState.CANCELLED,
        },
        OrderState.ASSESSING_CANCELLATION: {
            OrderState.IN_PROGRESS,
            OrderState.HELD,
            OrderState.PENDING,
            OrderState.PENDING_CANCELLATION,
            OrderState.CANCELLED,
        },
        OrderState.PENDING_CANCELLATION: {OrderState.CANCELLED},
        OrderState.REJECTED: frozenset(),
        OrderState.CANCELLED: frozenset(),
        OrderState.COMPLETED: frozenset(),
        OrderState.FAILED: frozenset(),
        OrderState.PARTIAL: frozenset(),
    },
)


class TaskKind(StrEnum):
    """The steps that an item may decompose into."""

    RESERVE_NUMBER = "reserveNumber"
    RESERVE_SIM = "reserveSim"
    OPEN_CHARGING = "openChargingAccount"
    JOIN_POOL = "joinPool"
    LEAVE_POOL = "leavePool"
    ACTIVATE_SERVICE = "activateService"
    ACTIVATE_PRODUCT = "activateProduct"
    AWAIT_INSTANT = "awaitInstant"
    CHANGE_PLAN = "changePlan"
    CHANGE_PRODUCT = "changeProduct"
    SUSPEND_SERVICE = "suspendService"
    RESUME_SERVICE = "resumeService"
    BAR_CHARGING = "barChargingAccount"
    UNBAR_CHARGING = "unbarChargingAccount"
    SUSPEND_PRODUCT = "suspendProduct"
    RESUME_PRODUCT = "resumeProduct"
    CLOSE_CHARGING = "closeChargingAccount"
    TERMINATE_SERVICE = "terminateService"
    TERMINATE_PRODUCT = "terminateProduct"
    RELEASE_RESERVATIONS = "releaseReservations"
    CANCEL_PRODUCT = "cancelProduct"


class TaskState(StrEnum):
    """`inProgress` waits for another's answer; `failed` waits for a person."""

    PENDING = "pending"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TASK_LIFECYCLE = Lifecycle(
    "task",
    {
        TaskState.PENDING: {
            TaskState.IN_PROGRESS,
            TaskState.COMPLETED,
            TaskState.FAILED,
            TaskState.CANCELLED,
        },
        TaskState.IN_PROGRESS: {TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED},
        TaskState.FAILED: {TaskState.PENDING, TaskState.CANCELLED},
        TaskState.COMPLETED: frozenset(),
        TaskState.CANCELLED: frozenset(),
    },
)


class Effect(StrEnum):
    """When a `modify` takes effect."""

    AT_ONCE = "atOnce"
    NEXT_CYCLE = "nextCycle"
    """As the account's next billing month begins."""


class ItemRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an item asks for. `add` names an `offering`; `modify`, `delete` and `noChange` a
    `product`, `modify` also the offering that it is to become one of. A wished number comes as
    the characteristic `msisdn`. `parts` are those of a bundle's components about which there is
    more to say. `prices` are those that were agreed; None for the catalogue's. `details` is kept
    as it is."""

    action: Action
    id: str | None = None
    """The client's own, unique within the order; None for the item's place, from 1."""
    offering: str | None = None
    product: str | None = None
    quantity: int = 1
    characteristics: Mapping[str, Any] = {}
    places: tuple[Place, ...] = ()
    parts: tuple["ItemRequest", ...] = ()
    prices: tuple[ProductPrice, ...] | None = None
    status: ProductStatus | None = None
    """With `modify`: suspended, or active again."""
    effect: Effect = Effect.AT_ONCE
    details: Mapping[str, Any] = {}


class OrderItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it stands. `products` are those that it creates (`quantity` of them), or the
    one that it changes or deletes (and, of a bundle, those in it); `reason` says why it is held
    or failed. `parent` is the item of the bundle that it is a component of. `prices` is what one
    of it costs."""

    id: str
    action: Action
    state: OrderState
    offering: str | None
    offering_name: str | None
    quantity: int
    products: tuple[str, ...]
    characteristics: Mapping[str, Any] = {}
    reason: str | None = None
    parent: str | None = None
    prices: tuple[ProductPrice, ...] = ()
    details: Mapping[str, Any] = {}


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One step for one product of an item. It may run once all of `depends_on` (positions in
    the same order) are completed. `result` is what it yielded."""

    position: int
    item: str
    product: str
    kind: TaskKind
    state: TaskState = TaskState.PENDING
    depends_on: tuple[int, ...] = ()
    attempts: int = 0
    reason: str | None = None
    result: Mapping[str, str] = {}
    started_at: datetime | None = None
    ended_at: datetime | None = None


class ProductOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's order (TMF622). `cancelling` is set once cancellation was asked for;
    `requested_start` holds its fulfilment back until then. `details` is what its document says
    beside the rest, kept as it came."""

    id: OrderId
    customer: str
    billing_account: str
    state: OrderState
    order_date: datetime
    items: tuple[OrderItem, ...]
    external_id: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None
    requested_start: datetime | None = None
    completion_date: datetime | None = None
    cancellation_date: datetime | None = None
    cancellation_reason: str | None = None
    cancelling: bool = False
    details: Mapping[str, Any] = {}


class Standing(msgspec.Struct, frozen=True):
    """An order with its tasks, by their positions."""

    order: ProductOrder
    tasks: tuple[Task, ...]


_SETTLED = (TaskState.COMPLETED, TaskState.CANCELLED)


def ready(tasks: Sequence[Task]) -> list[Task]:
    """The tasks that wait for nothing any more."""
    settled = {task.position for task in tasks if task.state in _SETTLED}
    return [
        task
        for task in tasks
        if task.state is TaskState.PENDING and settled.issuperset(task.depends_on)
    ]


def item_state(item: OrderItem, tasks: Sequence[Task], *, cancelling: bool) -> OrderItem:
    """`item` in the state that its `tasks` (its own only) put it in: one that only waits for an
    instant is `pending`. One that is being undone
    ends, once no task is left open, as `cancelled` where its order is, otherwise as
    `failed`."""
    if ORDER_LIFECYCLE.is_final(item.state):
        return item
    states = {task.state for task in tasks}
    failed = TaskState.FAILED in states
    open_ = bool(states & {TaskState.PENDING, TaskState.IN_PROGRESS})
    state, reason = item.state, item.reason
    if item.state is OrderState.PENDING_CANCELLATION:
        if not failed and not open_:
            state = OrderState.CANCELLED if cancelling else OrderState.FAILED
    elif failed:
        state = OrderState.HELD
        reason = next(task.reason for task in tasks if task.state is TaskState.FAILED)
    elif open_:
        moving = {task.kind for task in tasks if task.state is TaskState.IN_PROGRESS}
        waits = moving == {TaskKind.AWAIT_INSTANT}
        state, reason = (OrderState.PENDING if waits else OrderState.IN_PROGRESS), None
    else:
        state, reason = OrderState.COMPLETED, None
    return msgspec.structs.replace(item, state=state, reason=reason)


def order_state(
    items: Iterable[OrderItem], tasks: Iterable[Task], *, cancelling: bool
) -> OrderState:
    """The state of an order that has been started, from its items': what still moves decides
    before what waits for a person, that before what waits for its time, and all of them before
    what has ended. One that failed after it had delivered something is `partial`."""
    states = {item.state for item in items}
    if OrderState.PENDING_CANCELLATION in states:
        return OrderState.PENDING_CANCELLATION if cancelling else OrderState.IN_PROGRESS
    for moving in (OrderState.IN_PROGRESS, OrderState.HELD, OrderState.PENDING):
        if moving in states:
            return moving
    if cancelling:
        return OrderState.CANCELLED
    if states == {OrderState.FAILED} and not any(delivered(task) for task in tasks):
        return OrderState.FAILED
    return OrderState.COMPLETED if states == {OrderState.COMPLETED} else OrderState.PARTIAL


def delivered(task: Task) -> bool:
    """Whether with this task its product came into service, changed, or left it."""
    return task.state is TaskState.COMPLETED and task.kind in (
        TaskKind.ACTIVATE_PRODUCT,
        TaskKind.CHANGE_PRODUCT,
        TaskKind.SUSPEND_PRODUCT,
        TaskKind.RESUME_PRODUCT,
        TaskKind.TERMINATE_PRODUCT,
    )


class UnknownReference(Invalid):
    """The order names something that doesn't exist."""

    code = "unknownReference"


class UnfitOrder(Invalid):
    code = "unfitOrder"


class NotOrderable(Refused):
    """It exists, but this customer can't order it now."""

    code = "notOrderable"


class OrderNotFound(NotFound):
    code = "orderNotFound"


class TaskNotFound(NotFound):
    code = "taskNotFound"


class PastCancelling(Conflict):
    """Something that the order did can't be undone by cancelling."""

    code = "pastCancelling"


class OrderInUse(Conflict):
    """It can't be deleted: something has come, or is coming, of it."""

    code = "orderInUse"


class NoLongerChangeable(Conflict):
    """What the order has begun, or ended, can't be described otherwise any more."""

    code = "noLongerChangeable"


class ExternalIdReused(Conflict):
    """The same external id came before, with another order."""

    code = "externalIdReused"


MOST_ITEMS = 100
MOST_OF_ONE = 100
LONGEST_TEXT = 500


def check_items(items: Sequence[ItemRequest]) -> None:
    """Raises `UnfitOrder` for what an order can't be, with its path."""
    if not 1 <= len(items) <= MOST_ITEMS:
        raise UnfitOrder(f"an order has 1 to {MOST_ITEMS} items", path="productOrderItem")
    _check_some(items, "productOrderItem", "", set())


def item_id(item: ItemRequest, index: int, prefix: str = "") -> str:
    """Its own, or its place among its like; `prefix` is its bundle's with a dot."""
    return item.id or f"{prefix}{index + 1}"


def _check_some(items: Sequence[ItemRequest], within: str, prefix: str, seen: set[str]) -> None:
    for index, item in enumerate(items):
        at = f"{within}[{index}]"
        ident = item_id(item, index, prefix)
        if ident in seen or len(ident) > 100:
            raise UnfitOrder(
                f"the item id {ident[:40]!r} is too long or not unique", path=f"{at}.id"
            )
        seen.add(ident)
        _check_item(item, at)
        for part in item.parts:
            if part.action is not item.action or part.parts:
                raise UnfitOrder(
                    "a component is added with its bundle and has no parts", path=f"{at}.action"
                )
        _check_some(item.parts, f"{at}.productOrderItem", f"{ident}.", seen)
    if len(seen) > MOST_ITEMS:
        raise UnfitOrder(f"an order has 1 to {MOST_ITEMS} items", path=within)


def _check_item(item: ItemRequest, at: str) -> None:
    if item.action is Action.ADD and not item.offering:
        raise UnfitOrder("what is added has an offering", path=f"{at}.productOffering.id")
    if item.action is not Action.ADD and not item.product:
        raise UnfitOrder(f"{item.action} is about a product", path=f"{at}.product.id")
    if item.parts and item.action is not Action.ADD:
        raise UnfitOrder("only what is added has parts", path=f"{at}.productOrderItem")
    most = MOST_OF_ONE if item.action is Action.ADD and "msisdn" not in item.characteristics else 1
    if not 1 <= item.quantity <= most:
        raise UnfitOrder(f"{item.quantity} is not from 1 to {most}", path=f"{at}.quantity")
