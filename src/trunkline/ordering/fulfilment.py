"""Carries an order's tasks out, as far as they can go, and stores where that led.

`proceed` runs every task that waits for nothing, those of several orders together where that
saves statements. A task ends at once, or stays in progress until another's answer comes
(`answered`, `refused`), or fails with a reason and waits for a person. Each runs in the
transaction that stores its outcome, so that none takes effect twice.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.catalog import OfferingId
from trunkline.charging import ChargingAccountId
from trunkline.charging.events import (
    BarAccount,
    ChangePlan,
    CloseAccount,
    UnbarAccount,
)
from trunkline.inventory import ProductId, ProductStatus
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.time import parse_instant
from trunkline.ordering import activation, cancellations, charging_terms, store
from trunkline.ordering.events import InstantCame, OrderCompleted, OrderStateChanged
from trunkline.ordering.model import (
    LONGEST_TEXT,
    ORDER_LIFECYCLE,
    TASK_LIFECYCLE,
    Action,
    OrderItem,
    OrderState,
    ProductOrder,
    Standing,
    Task,
    TaskKind,
    TaskState,
    item_state,
    order_state,
    ready,
)
from trunkline.ordering.notices import tell_of_completion
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx


class Step(msgspec.Struct, frozen=True):
    """A task about to run, with what it may look at. `tasks` are its order's as they stand at
    any time."""

    order: ProductOrder
    item: OrderItem
    task: Task
    tasks: list[Task]

    @property
    def product(self) -> ProductId:
        return ProductId(self.task.product)

    def has(self, kind: TaskKind) -> bool:
        """Whether the same product has a task of this kind."""
        return any(task.product == self.task.product and task.kind is kind for task in self.tasks)

    def result_of(self, kind: TaskKind) -> dict[str, str]:
        """What the same product's task of this kind yielded."""
        for task in self.tasks:
            if task.product == self.task.product and task.kind is kind:
                return dict(task.result)
        raise AssertionError(f"{self.order.id} has no {kind} for {self.task.product}")


Result = dict[str, str]
RunOne = Callable[[Tx, Step, datetime], Result | None]
"""Returns what the task yielded, or None where an answer has to be waited for. Raises a
`TrunklineError` with the reason why it can't be done."""
RunSome = Callable[[Tx, Sequence[Step], datetime], Sequence[Result | None]]
"""The same for several; one that can't be done is raised for before any is begun."""


def _reserve_number(tx: Tx, step: Step, _now: datetime) -> Result:
    asked = step.item.characteristics.get("msisdn")
    wished = inventory.Msisdn(asked) if asked else None
    number = inventory.reserve_number(tx, holder=step.product, wished=wished)
    return {"msisdn": number.value}


def _reserve_numbers(tx: Tx, steps: Sequence[Step], _now: datetime) -> list[Result]:
    numbers = inventory.reserve_numbers(tx, holders=[step.product for step in steps])
    return [{"msisdn": each.value} for each in numbers]


def _reserve_sim(tx: Tx, step: Step, _now: datetime) -> Result:
    return _sim(inventory.reserve_sim(tx, holder=step.product))


def _reserve_sims(tx: Tx, steps: Sequence[Step], _now: datetime) -> list[Result]:
    return [_sim(s) for s in inventory.reserve_sims(tx, holders=[step.product for step in steps])]


def _sim(sim: inventory.Resource) -> Result:
    assert sim.imsi is not None
    return {"iccid": sim.value, "imsi": sim.imsi}


def _open_charging(tx: Tx, steps: Sequence[Step], now: datetime) -> list[None]:
    orders = [step.order for step in steps]
    accounts = customers.billing_accounts(
        tx, {customers.BillingAccountId(each.billing_account) for each in orders}
    )
    owners = customers.customers(tx, {customers.CustomerId(each.customer) for each in orders})
    zones = {
        brand: catalog.market_of_brand(tx, brand).time_zone
        for brand in {owner.brand for owner in owners.values()}
    }
    offerings = catalog.offerings(tx, {OfferingId(str(step.item.offering)) for step in steps})
    for step in steps:
        account = accounts[customers.BillingAccountId(step.order.billing_account)]
        owner = owners[customers.CustomerId(step.order.customer)]
        said = charging_terms.said(offerings, step.item)
        command = charging_terms.opening(
            step.item, step.product, account, said, zone=zones[owner.brand], now=now
        )
        charging_terms.keep(tx, step.product, said, pays=command.fee is not None)
        tx.emit(msgspec.structs.replace(command, identities=_identities(step)))
    return [None] * len(steps)


def _join_pool(tx: Tx, step: Step, _now: datetime) -> None:
    charging_terms.join(tx, step.product, step.item)


def _leave_pool(tx: Tx, step: Step, _now: datetime) -> Result:
    charging_terms.leave(tx, step.product)
    return {}


def _identities(step: Step) -> tuple[tuple[str, str], ...]:
    if not step.has(TaskKind.RESERVE_SIM):
        return ()
    return (
        ("imsi", step.result_of(TaskKind.RESERVE_SIM)["imsi"]),
        ("msisdn", step.result_of(TaskKind.RESERVE_NUMBER)["msisdn"]),
    )


def _activate_services(tx: Tx, steps: Sequence[Step], now: datetime) -> list[Result | None]:
    services = activation.activate(
        tx,
        [
            activation.Wanted(
                product=step.product,
                customer=step.order.customer,
                name=step.item.offering_name or "Mobile",
                characteristics={
                    **step.result_of(TaskKind.RESERVE_NUMBER),
                    **step.result_of(TaskKind.RESERVE_SIM),
                },
            )
            for step in steps
        ],
        now,
    )
    return [{"service": each} if each else None for each in services]


def _activate_products(tx: Tx, steps: Sequence[Step], now: datetime) -> list[Result]:
    inventory.change_products_status(
        tx, products=[step.product for step in steps], status=ProductStatus.ACTIVE, now=now
    )
    return [{} for _ in steps]


def _close_charging(tx: Tx, step: Step, now: datetime) -> None:
    if step.item.action is Action.DELETE:
        inventory.change_product_status(
            tx, product=step.product, status=ProductStatus.PENDING_TERMINATE, now=now
        )
    tx.emit(CloseAccount(account=ChargingAccountId(step.product), closed_at=now))


def _await_instant(tx: Tx, step: Step, now: datetime) -> Result | None:
    until = parse_instant(step.task.result["until"])
    if until <= now:
        return {}
    tx.emit(InstantCame(order=step.order.id, product=step.product), not_before=until)
    return None


def _change_plan(tx: Tx, step: Step, now: datetime) -> None:
    assert step.item.offering is not None
    product = inventory.product(tx, step.product)
    tx.emit(
        ChangePlan(
            account=ChargingAccountId(step.product),
            plan=step.item.offering,
            changed_at=now,
            fee=charging_terms.changed_fee(product, step.item.prices),
            limit=charging_terms.changed_limit(tx, product, step.item),
        )
    )


def _change_product(tx: Tx, step: Step, now: datetime) -> Result:
    """From the instant from which charging has priced by the new plan."""
    item = step.item
    before = inventory.product(tx, step.product)
    if item.offering is not None and item.offering != before.offering:
        others = (task for task in step.tasks if task.product == step.task.product)
        began = (task.started_at for task in others if task.kind is TaskKind.CHANGE_PLAN)
        inventory.change_terms(
            tx,
            product=step.product,
            offering=item.offering,
            offering_name=item.offering_name or before.offering_name,
            prices=item.prices,
            now=next(began, None) or now,
        )
    if item.characteristics:
        inventory.amend_product(
            tx,
            step.product,
            lambda product: msgspec.structs.replace(
                product, characteristics={**product.characteristics, **item.characteristics}
            ),
        )
    return {}


def _on_the_network(bring: Callable[[Tx, ProductId, datetime], bool]) -> RunOne:
    return lambda tx, step, now: {} if bring(tx, step.product, now) else None


def _asking(command: type[BarAccount | UnbarAccount]) -> RunOne:
    """Of charging, which answers."""

    def run(tx: Tx, step: Step, _now: datetime) -> None:
        tx.emit(command(account=ChargingAccountId(step.product)))

    return run


def _becoming(status: ProductStatus) -> RunOne:
    def run(tx: Tx, step: Step, now: datetime) -> Result:
        inventory.change_product_status(tx, product=step.product, status=status, now=now)
        return {}

    return run


def _release_reservations(tx: Tx, step: Step, now: datetime) -> Result:
    activation.give_up(tx, step.product, now)
    released = inventory.release_resources(tx, holder=step.product)
    return {str(each.kind): each.value for each in released}


_RUN_SOME: dict[TaskKind, RunSome] = {
    TaskKind.RESERVE_NUMBER: _reserve_numbers,
    TaskKind.RESERVE_SIM: _reserve_sims,
    TaskKind.OPEN_CHARGING: _open_charging,
    TaskKind.ACTIVATE_SERVICE: _activate_services,
    TaskKind.ACTIVATE_PRODUCT: _activate_products,
}
_RUN_ONE: dict[TaskKind, RunOne] = {
    TaskKind.RESERVE_NUMBER: _reserve_number,
    TaskKind.RESERVE_SIM: _reserve_sim,
    TaskKind.JOIN_POOL: _join_pool,
    TaskKind.LEAVE_POOL: _leave_pool,
    TaskKind.CLOSE_CHARGING: _close_charging,
    TaskKind.TERMINATE_SERVICE: _on_the_network(activation.terminate),
    TaskKind.TERMINATE_PRODUCT: _becoming(ProductStatus.TERMINATED),
    TaskKind.SUSPEND_SERVICE: _on_the_network(activation.rest),
    TaskKind.RESUME_SERVICE: _on_the_network(activation.resume),
    TaskKind.BAR_CHARGING: _asking(BarAccount),
    TaskKind.UNBAR_CHARGING: _asking(UnbarAccount),
    TaskKind.SUSPEND_PRODUCT: _becoming(ProductStatus.SUSPENDED),
    TaskKind.RESUME_PRODUCT: _becoming(ProductStatus.ACTIVE),
    TaskKind.AWAIT_INSTANT: _await_instant,
    TaskKind.CHANGE_PLAN: _change_plan,
    TaskKind.CHANGE_PRODUCT: _change_product,
    TaskKind.RELEASE_RESERVATIONS: _release_reservations,
    TaskKind.CANCEL_PRODUCT: _becoming(ProductStatus.CANCELLED),
}
assert _RUN_ONE.keys() | _RUN_SOME.keys() == set(TaskKind)


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


def proceed(tx: Tx, before: Standing, after: Standing, now: datetime) -> ProductOrder:
    """Runs what is ready of an order that is locked, stood as `before` and has been moved to
    `after`; stores it, and returns it as it stands then."""
    return proceed_all(tx, [(before, after)], now)[0]


def proceed_all(
    tx: Tx, moves: Sequence[tuple[Standing, Standing]], now: datetime
) -> list[ProductOrder]:
    """The same for several orders, each before and after."""
    lists = [list(after.tasks) for _, after in moves]
    while steps := [
        step
        for (_, after), tasks in zip(moves, lists, strict=True)
        for step in _steps(after.order, tasks)
    ]:
        for step, task in _run(tx, steps, now):
            step.tasks[task.position] = task
    ended = [
        (before, _standing(after.order, tasks, now))
        for (before, after), tasks in zip(moves, lists, strict=True)
    ]
    for before, after in ended:
        _tell(tx, before.order, after.order, now)
    store.save(tx, ended)
    return [after.order for _, after in ended]


def _steps(order: ProductOrder, tasks: list[Task]) -> list[Step]:
    items = {item.id: item for item in order.items}
    return [Step(order, items[task.item], task, tasks) for task in ready(tasks)]


def _run(tx: Tx, steps: Sequence[Step], now: datetime) -> list[tuple[Step, Task]]:
    """Each step with its task as it is after it. Those that share their statements come last:
    who wishes a number gets it before others are given any."""
    shared: dict[TaskKind, list[Step]] = {}
    alone: list[Step] = []
    for step in steps:
        kind = step.task.kind
        wished = kind is TaskKind.RESERVE_NUMBER and "msisdn" in step.item.characteristics
        if kind in _RUN_SOME and not wished:
            shared.setdefault(kind, []).append(step)
        else:
            alone.append(step)
    return [
        *((step, _run_one(tx, step, now)) for step in alone),
        *(done for some in shared.values() for done in _run_some(tx, some, now)),
    ]


def _run_some(tx: Tx, steps: Sequence[Step], now: datetime) -> list[tuple[Step, Task]]:
    """Steps of one kind; each by itself where one of them can't be done."""
    kind = steps[0].task.kind
    if len(steps) > 1 or kind not in _RUN_ONE:
        try:
            results = _RUN_SOME[kind](tx, steps, now)
        except TrunklineError as error:
            if len(steps) == 1:
                return [(steps[0], _failed(steps[0], error, now))]
        else:
            return [(s, _done(s, result, now)) for s, result in zip(steps, results, strict=True)]
    return [(step, _run_one(tx, step, now)) for step in steps]


def _run_one(tx: Tx, step: Step, now: datetime) -> Task:
    kind = step.task.kind
    if kind not in _RUN_ONE:
        return _run_some(tx, [step], now)[0][1]
    try:
        result = _RUN_ONE[kind](tx, step, now)
    except TrunklineError as error:
        return _failed(step, error, now)
    return _done(step, result, now)


def _failed(step: Step, error: TrunklineError, now: datetime) -> Task:
    return moved(step.task, TaskState.FAILED, now, reason=error.reason, result={})


def _done(step: Step, result: Result | None, now: datetime) -> Task:
    if result is None:
        return moved(step.task, TaskState.IN_PROGRESS, now, result=None)
    return moved(step.task, TaskState.COMPLETED, now, result=result)


def _standing(order: ProductOrder, tasks: Sequence[Task], now: datetime) -> Standing:
    """The order in the state that its tasks have brought it to."""
    of_item: dict[str, list[Task]] = {}
    for task in tasks:
        of_item.setdefault(task.item, []).append(task)
    items = tuple(
        item_state(item, of_item.get(item.id, ()), cancelling=order.cancelling)
        for item in order.items
    )
    state = order_state(items, tasks, cancelling=order.cancelling)
    ended = ORDER_LIFECYCLE.is_final(state)
    cancelled = state is OrderState.CANCELLED
    after = msgspec.structs.replace(
        order,
        state=state,
        items=items,
        completion_date=now if ended and not cancelled else None,
        cancellation_date=now if cancelled else None,
    )
    return Standing(after, tuple(tasks))


def _tell(tx: Tx, before: ProductOrder, after: ProductOrder, now: datetime) -> None:
    if after.state is before.state:
        if after != before:
            tx.changed("ProductOrder", after.id, Change.ATTRIBUTES)
        return
    ORDER_LIFECYCLE.check(before.state, after.state)
    tx.changed("ProductOrder", after.id, Change.STATE)
    if after.state is OrderState.CANCELLED:
        cancellations.completed(tx, after.id, now)
    tx.emit(
        OrderStateChanged(
            order=after.id,
            customer=after.customer,
            previous=before.state,
            state=after.state,
            at=now,
        )
    )
    if after.state is OrderState.COMPLETED:
        tx.emit(OrderCompleted(order=after.id, customer=after.customer, at=now))
        tell_of_completion(tx, after)


def answered(tx: Tx, products: Iterable[str], kind: TaskKind, now: datetime) -> None:
    """The answers that these products' tasks of this kind wait for have come. Where none waits
    (the answer came before, or somebody else asked) nothing happens."""
    _settle(tx, products, kind, TaskState.COMPLETED, None, now)


def refused(tx: Tx, product: str, kind: TaskKind, reason: str, now: datetime) -> None:
    """What the task waits for will not come. On the way to being undone there is nothing left
    to undo; otherwise the task has failed."""
    _settle(tx, [product], kind, TaskState.FAILED, reason, now)


def _settle(
    tx: Tx,
    products: Iterable[str],
    kind: TaskKind,
    to: TaskState,
    reason: str | None,
    now: datetime,
) -> None:
    """Ends the waiting of these products' tasks of this kind, and lets their orders go on."""
    waiting = store.orders_with_task(tx, products, kind, (TaskState.IN_PROGRESS,))
    found = store.locked(tx, set(waiting.values()))
    after = dict(found)
    for product, order in waiting.items():
        after[order] = _settled(after[order], product, kind, to, reason, now)
    proceed_all(tx, [(found[order], after[order]) for order in found], now)


_BEGINS = (TaskKind.OPEN_CHARGING, TaskKind.JOIN_POOL, TaskKind.ACTIVATE_SERVICE)
"""What is refused of these leaves nothing behind that would have to be undone."""


def _settled(
    standing: Standing,
    product: str,
    kind: TaskKind,
    to: TaskState,
    reason: str | None,
    now: datetime,
) -> Standing:
    order, tasks = standing.order, list(standing.tasks)
    undone = {item.id for item in order.items if item.state is OrderState.PENDING_CANCELLATION}
    for task in standing.tasks:
        waits = task.state is TaskState.IN_PROGRESS
        if task.product != product or task.kind is not kind or not waits:
            continue
        if to is TaskState.FAILED and task.item in undone and kind in _BEGINS:
            tasks[task.position] = moved(task, TaskState.CANCELLED, now, reason=reason, result=None)
            if kind is TaskKind.OPEN_CHARGING:
                _drop_close(tasks, product, now)
        else:
            tasks[task.position] = moved(task, to, now, reason=reason, result=None)
    return Standing(order, tuple(tasks))


def _drop_close(tasks: list[Task], product: str, now: datetime) -> None:
    """An account that was never opened needs no closing."""
    unneeded = (product, TaskKind.CLOSE_CHARGING, TaskState.PENDING)
    for task in tuple(tasks):
        if (task.product, task.kind, task.state) == unneeded:
            tasks[task.position] = moved(task, TaskState.CANCELLED, now, result=None)
