"""Carries an order's tasks out, as far as they can go, and stores where that led.

`proceed` runs every task that waits for nothing. A task ends at once, or stays in progress
until another's answer comes (`answered`, `refused`), or fails with a reason and waits for a
person. Each runs in the transaction that stores its outcome, so that none takes effect twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.charging import ChargingAccountId
from trunkline.charging.events import CloseAccount, OpenAccount
from trunkline.inventory import ProductId, ProductStatus, ServiceState
from trunkline.kernel.errors import TrunklineError
from trunkline.ordering import store
from trunkline.ordering.events import OrderCompleted, OrderStateChanged
from trunkline.ordering.model import (
    LONGEST_TEXT,
    ORDER_LIFECYCLE,
    TASK_LIFECYCLE,
    Action,
    OrderItem,
    OrderState,
    ProductOrder,
    Task,
    TaskKind,
    TaskState,
    item_state,
    order_state,
    ready,
)
from trunkline.platform.db import Tx


class Step(msgspec.Struct, frozen=True):
    """A task about to run, with what it may look at."""

    order: ProductOrder
    item: OrderItem
    task: Task
    tasks: Sequence[Task]

    @property
    def product(self) -> ProductId:
        return ProductId(self.task.product)

    def result_of(self, kind: TaskKind) -> dict[str, str]:
        """What the same product's task of this kind yielded."""
        for task in self.tasks:
            if task.product == self.task.product and task.kind is kind:
                return dict(task.result)
        raise AssertionError(f"{self.order.id} has no {kind} for {self.task.product}")


Result = dict[str, str]
Run = Callable[[Tx, Step, datetime], Result | None]
"""Returns what the task yielded, or None where an answer has to be waited for. Raises a
`TrunklineError` with the reason why it can't be done."""


def _reserve_number(tx: Tx, step: Step, _now: datetime) -> Result:
    asked = step.item.characteristics.get("msisdn")
    wished = inventory.Msisdn(asked) if asked else None
    number = inventory.reserve_number(tx, holder=step.product, wished=wished)
    return {"msisdn": number.value}


def _reserve_sim(tx: Tx, step: Step, _now: datetime) -> Result:
    sim = inventory.reserve_sim(tx, holder=step.product)
    assert sim.imsi is not None
    return {"iccid": sim.value, "imsi": sim.imsi}


def _open_charging(tx: Tx, step: Step, now: datetime) -> None:
    account = customers.billing_account(tx, customers.BillingAccountId(step.order.billing_account))
    owner = customers.customer(tx, customers.CustomerId(step.order.customer))
    assert step.item.offering is not None
    tx.emit(
        OpenAccount(
            account=ChargingAccountId(step.product),
            billing_account=account.id,
            legal_entity=account.legal_entity,
            currency=account.currency,
            kind=account.kind,
            plan=step.item.offering,
            cycle_day=account.cycle_day,
            time_zone=catalog.market_of_brand(tx, owner.brand).time_zone,
            identities=(
                ("imsi", step.result_of(TaskKind.RESERVE_SIM)["imsi"]),
                ("msisdn", step.result_of(TaskKind.RESERVE_NUMBER)["msisdn"]),
            ),
            opened_at=now,
        )
    )


def _activate_service(tx: Tx, step: Step, now: datetime) -> Result:
    inventory.assign_resources(tx, holder=step.product, product=step.product)
    sim = step.result_of(TaskKind.RESERVE_SIM)
    service = inventory.create_service(
        tx,
        product=step.product,
        customer=step.order.customer,
        name=step.item.offering_name or "Mobile",
        characteristics={**step.result_of(TaskKind.RESERVE_NUMBER), **sim},
        now=now,
    )
    return {"service": service.id}


def _activate_product(tx: Tx, step: Step, now: datetime) -> Result:
    inventory.change_product_status(tx, product=step.product, status=ProductStatus.ACTIVE, now=now)
    return {}


def _close_charging(tx: Tx, step: Step, now: datetime) -> None:
    if step.item.action is Action.DELETE:
        inventory.change_product_status(
            tx, product=step.product, status=ProductStatus.PENDING_TERMINATE, now=now
        )
    tx.emit(CloseAccount(account=ChargingAccountId(step.product), closed_at=now))


def _terminate_service(tx: Tx, step: Step, now: datetime) -> Result:
    for service in inventory.services_of(tx, [step.product]):
        if service.state is not ServiceState.TERMINATED:
            inventory.change_service_state(
                tx, service=service.id, state=ServiceState.TERMINATED, now=now
            )
    inventory.take_back_resources(tx, product=step.product, now=now)
    return {}


def _terminate_product(tx: Tx, step: Step, now: datetime) -> Result:
    inventory.change_product_status(
        tx, product=step.product, status=ProductStatus.TERMINATED, now=now
    )
    return {}


def _release_reservations(tx: Tx, step: Step, _now: datetime) -> Result:
    released = inventory.release_resources(tx, holder=step.product)
    return {str(each.kind): each.value for each in released}


def _cancel_product(tx: Tx, step: Step, now: datetime) -> Result:
    inventory.change_product_status(
        tx, product=step.product, status=ProductStatus.CANCELLED, now=now
    )
    return {}


_RUN: dict[TaskKind, Run] = {
    TaskKind.RESERVE_NUMBER: _reserve_number,
    TaskKind.RESERVE_SIM: _reserve_sim,
    TaskKind.OPEN_CHARGING: _open_charging,
    TaskKind.ACTIVATE_SERVICE: _activate_service,
    TaskKind.ACTIVATE_PRODUCT: _activate_product,
    TaskKind.CLOSE_CHARGING: _close_charging,
    TaskKind.TERMINATE_SERVICE: _terminate_service,
    TaskKind.TERMINATE_PRODUCT: _terminate_product,
    TaskKind.RELEASE_RESERVATIONS: _release_reservations,
    TaskKind.CANCEL_PRODUCT: _cancel_product,
}
assert _RUN.keys() == set(TaskKind)


def moved(
    task: Task, to: TaskState, now: datetime, *, reason: str | None = None, result: Result | None
) -> Task:
    """`task` in another state. Raises `IllegalTransition`."""
    TASK_LIFECYCLE.check(task.state, to)
    begun = task.state is TaskState.PENDING and to is not TaskState.CANCELLED
    ended = to in (TaskState.COMPLETED, TaskState.CANCELLED, TaskState.FAILED)
    return msgspec.structs.replace(
        task,
        state=to,
        attempts=task.attempts + begun,
        started_at=now if begun else task.started_at,
        ended_at=now if ended else None,
        reason=reason[:LONGEST_TEXT] if reason else None,
        result=task.result if result is None else result,
    )


def proceed(
    tx: Tx,
    before: ProductOrder,
    order: ProductOrder,
    tasks_before: Sequence[Task],
    tasks: Sequence[Task],
    now: datetime,
) -> ProductOrder:
    """Runs what is ready of an order that is locked and stood as `before` and `tasks_before`;
    stores it, and returns it as it stands then."""
    standing = list(tasks)
    items = {item.id: item for item in order.items}
    while (task := ready(standing)) is not None:
        step = Step(order, items[task.item], task, standing)
        standing[task.position] = _run(tx, step, now)
    after_items = tuple(
        item_state(
            item,
            [task for task in standing if task.item == item.id],
            cancelling=order.cancelling,
        )
        for item in order.items
    )
    state = order_state(after_items, standing, cancelling=order.cancelling)
    ended = ORDER_LIFECYCLE.is_final(state)
    cancelled = state is OrderState.CANCELLED
    after = msgspec.structs.replace(
        order,
        state=state,
        items=after_items,
        completion_date=now if ended and not cancelled else None,
        cancellation_date=now if cancelled else None,
    )
    if state is not before.state:
        ORDER_LIFECYCLE.check(before.state, state)
        tx.emit(
            OrderStateChanged(
                order=after.id, customer=after.customer, previous=before.state, state=state, at=now
            )
        )
        if state is OrderState.COMPLETED:
            tx.emit(OrderCompleted(order=after.id, customer=after.customer, at=now))
    store.save(tx, before, after, tasks_before, standing)
    return after


def _run(tx: Tx, step: Step, now: datetime) -> Task:
    try:
        result = _RUN[step.task.kind](tx, step, now)
    except TrunklineError as error:
        return moved(step.task, TaskState.FAILED, now, reason=error.reason, result={})
    if result is None:
        return moved(step.task, TaskState.IN_PROGRESS, now, result={})
    return moved(step.task, TaskState.COMPLETED, now, result=result)


def answered(tx: Tx, product: str, kind: TaskKind, now: datetime) -> None:
    """The answer that a product's task of this kind waits for has come. Where none waits (the
    answer came before, or somebody else asked) nothing happens."""
    settle(tx, product, kind, TaskState.COMPLETED, None, now)


def refused(tx: Tx, product: str, kind: TaskKind, reason: str, now: datetime) -> None:
    """What the task waits for will not come. On the way to being undone there is nothing left
    to undo; otherwise the task has failed."""
    settle(tx, product, kind, TaskState.FAILED, reason, now)


def settle(
    tx: Tx, product: str, kind: TaskKind, to: TaskState, reason: str | None, now: datetime
) -> None:
    """Ends the waiting of a product's task of this kind, and lets its order go on."""
    order_id = store.order_with_task(tx, product, kind, (TaskState.IN_PROGRESS,))
    found = store.locked(tx, order_id) if order_id is not None else None
    if found is None:
        return
    order, before = found
    tasks = list(before)
    undone = {item.id for item in order.items if item.state is OrderState.PENDING_CANCELLATION}
    for task in before:
        waits = task.state is TaskState.IN_PROGRESS
        if task.product != product or task.kind is not kind or not waits:
            continue
        if to is TaskState.FAILED and task.item in undone:
            tasks[task.position] = moved(task, TaskState.CANCELLED, now, reason=reason, result=None)
            _drop_close(tasks, product, now)
        else:
            tasks[task.position] = moved(task, to, now, reason=reason, result=None)
    proceed(tx, order, order, before, tasks, now)


def _drop_close(tasks: list[Task], product: str, now: datetime) -> None:
    """An account that was never opened needs no closing."""
    for task in tuple(tasks):
        if (
            task.product == product
            and task.kind is TaskKind.CLOSE_CHARGING
            and task.state is TaskState.PENDING
        ):
            tasks[task.position] = moved(task, TaskState.CANCELLED, now, result=None)
