"""Writes on service orders: placed, carried out as the network allows, held, and cancelled."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import inventory, network
from trunkline.inventory import NewService, OrderedElsewhere, Service, ServiceId, ServiceState
from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering.model import (
    LONGEST_TEXT,
    ORDER_LIFECYCLE,
    Action,
    OrderState,
    PastCancelling,
    UnknownReference,
)
from trunkline.ordering.service_orders import store
from trunkline.ordering.service_orders.events import CancelWhenDue, StartServiceOrder
from trunkline.ordering.service_orders.kinds import CANCEL_SERVICE_ORDERS, SERVICE_ORDERS
from trunkline.ordering.service_orders.model import (
    ITEMS,
    CancelState,
    ServiceOrderInUse,
    Step,
    flat,
    plan,
    ready,
    state_of,
    wanted_state,
    with_states,
)
from trunkline.platform.db import Tx
from trunkline.tmf import documents

Body = dict[str, Any]
_BEGINS = ServiceState.DESIGNED
"""What an order is to bring is there from its placing on, and not on the network yet."""
_CHARACTERISTICS = "serviceCharacteristic"


def place_service_order(
    tx: Tx,
    *,
    body: Body,
    customer: str,
    new_services: Mapping[str, NewService],
    now: datetime,
) -> str:
    """Accepts an order; `new_services` has what each item that adds, by its place, is to bring.
    It starts once the transaction is committed, or at its requested start. Raises
    `UnfitServiceOrder`, `UnknownReference` and `OrderedElsewhere`, with the item's path."""
    steps = []
    services: dict[str, ServiceId] = {}
    for place, item, step in plan(body):
        if step.action is Action.ADD:
            new = msgspec.structs.replace(new_services[place], state=_BEGINS)
            service = inventory.create_service(tx, new, now=now).id
        else:
            service = _existing(tx, item, place)
        services[step.item] = service
        steps.append(msgspec.structs.replace(step, service=service))
    supplied = {
        "state": OrderState.ACKNOWLEDGED.value,
        "orderDate": format_instant(now),
        "customer": customer,
    }
    items = [_with_service(each, services) for each in body[ITEMS]]
    shown = with_states(body | supplied | {ITEMS: items}, steps, format_instant(now))
    made: str = documents.create(tx, SERVICE_ORDERS, shown, now)["id"]
    store.insert_steps(tx, made, steps)
    starts = _instant(body, "requestedStartDate")
    later = starts is not None and starts > now
    tx.emit(StartServiceOrder(order=made), not_before=starts if later else None)
    return made


def _existing(tx: Tx, item: Body, place: str) -> ServiceId:
    path = f"{place}.service.id"
    ident = item["service"].get("id")
    if ident is None:
        raise Invalid("is required", path=path)
    found = inventory.services(tx, [ident])
    if not found:
        raise UnknownReference(f"there is no service {ident[:60]}", path=path)
    if item["action"] != Action.NO_CHANGE:
        _check_own(found[0], path)
    return found[0].id


def _check_own(service: Service, path: str) -> None:
    if service.product is not None:
        raise OrderedElsewhere(
            f"it realises the product {service.product}: a product order (TMF622) changes both",
            path=path,
        )


def _with_service(item: Body, services: Mapping[str, ServiceId]) -> Body:
    shown = item | {"service": {**item["service"], "id": str(services[item["id"]])}}
    if ITEMS in item:
        shown[ITEMS] = [_with_service(each, services) for each in item[ITEMS]]
    return shown


def _instant(body: Body, attribute: str) -> datetime | None:
    return parse_instant(body[attribute], path=attribute) if attribute in body else None


def start_service_order(tx: Tx, order: str, now: datetime) -> None:
    """Begins with an acknowledged order whose time has come; one that is gone is forgotten."""
    steps = store.locked_steps(tx, order)
    found = documents.find(tx, SERVICE_ORDERS, [order])
    if not found or found[0]["state"] != OrderState.ACKNOWLEDGED:
        return
    starts = _instant(found[0], "requestedStartDate")
    if starts is None or starts <= now:
        _proceed(tx, order, steps, now)


def service_settled(tx: Tx, service: ServiceId, reason: str | None, now: datetime) -> None:
    """The network has answered about a service: whoever waited for it goes on."""
    open_ = any(each.state in _OPEN_INSTRUCTIONS for each in network.instructions_of(tx, service))
    if open_ and reason is None:
        return
    for order in store.waiting_for(tx, service):
        steps = [
            _answered(each, reason) if each.service == service else each
            for each in store.locked_steps(tx, order)
        ]
        _proceed(tx, order, steps, now)


_OPEN_INSTRUCTIONS = (
    network.InstructionState.PENDING,
    network.InstructionState.WORKING,
    network.InstructionState.STUCK,
)


def _answered(step: Step, reason: str | None) -> Step:
    if step.state is OrderState.IN_PROGRESS:
        state = OrderState.COMPLETED if reason is None else OrderState.HELD
        return msgspec.structs.replace(step, state=state, reason=reason)
    if step.state is OrderState.PENDING_CANCELLATION and reason is None:
        return msgspec.structs.replace(step, state=OrderState.CANCELLED)
    if step.state is OrderState.PENDING_CANCELLATION:
        return msgspec.structs.replace(step, reason=reason)
    return step


def retry_service_order(tx: Tx, order: str, now: datetime) -> None:
    """Tries what is held again. Raises `IllegalTransition` where nothing is."""
    steps = store.locked_steps(tx, order)
    body = documents.get(tx, SERVICE_ORDERS, order)
    ORDER_LIFECYCLE.check(OrderState(body["state"]), OrderState.IN_PROGRESS)
    again = [
        msgspec.structs.replace(each, state=OrderState.ACKNOWLEDGED, reason=None)
        if each.state is OrderState.HELD
        else each
        for each in steps
    ]
    _proceed(tx, order, again, now)


def _proceed(tx: Tx, order: str, steps: Sequence[Step], now: datetime) -> None:
    """Takes every step that waits for nothing, and stores where that led."""
    body = documents.get(tx, SERVICE_ORDERS, order)
    items = {item["id"]: item for _, item in flat(body[ITEMS])}
    current = list(steps)
    cancelling = bool(body.get("cancelling"))
    while not cancelling and (some := ready(current)):
        for step in some:
            current[step.position] = _taken(tx, step, items[step.item], now)
    store.save_steps(tx, order, current)
    state = state_of(current, cancelling=cancelling)
    after = with_states(body, current, format_instant(now)) | {"state": state.value}
    after.setdefault("startDate", format_instant(now))
    if state is OrderState.COMPLETED:
        after["completionDate"] = format_instant(now)
    if state is OrderState.CANCELLED:
        after["cancellationDate"] = format_instant(now)
    documents.change(tx, SERVICE_ORDERS, order, lambda _: after, now)
    if state is OrderState.CANCELLED:
        _tell_cancellations(tx, order, now)


def _taken(tx: Tx, step: Step, item: Body, now: datetime) -> Step:
    try:
        done = _run(tx, step, item, now)
    except TrunklineError as error:
        reason = error.reason[:LONGEST_TEXT]
        return msgspec.structs.replace(step, state=OrderState.HELD, reason=reason)
    state = OrderState.COMPLETED if done else OrderState.IN_PROGRESS
    return msgspec.structs.replace(step, state=state, reason=None)


def _run(tx: Tx, step: Step, item: Body, now: datetime) -> bool:
    """Whether it is done; False where the network has to answer."""
    assert step.service is not None
    service = inventory.service(tx, step.service)
    if step.action is Action.NO_CHANGE:
        return True
    _check_own(service, "service.id")
    if step.action is Action.DELETE:
        return _moved(tx, service, ServiceState.TERMINATED, now)
    done = True
    if step.action is Action.MODIFY and _CHARACTERISTICS in item["service"]:
        values = dict(service.characteristics) | {
            each["name"]: each.get("value") for each in item["service"][_CHARACTERISTICS]
        }
        if values != service.characteristics:
            asked = inventory.request_characteristics(tx, service.id, values, now=now)
            done = asked is None
    if step.action is Action.ADD or "state" in item["service"]:
        done = _moved(tx, service, wanted_state(item), now) and done
    return done


def _moved(tx: Tx, service: Service, state: ServiceState, now: datetime) -> bool:
    if service.state is state:
        return True
    early = service.start_date is None and state is not ServiceState.ACTIVE
    told = bool(network.instructions_of(tx, service.id))
    if state not in inventory.ON_THE_NETWORK or (early and not told):
        inventory.change_service_state(tx, service=service.id, state=state, now=now)
        return True
    return not inventory.request_states(tx, {service.id: state}, now=now)


def cancel_service_order(tx: Tx, order: str, now: datetime, reason: str | None = None) -> None:
    """Cancels an order and ends what it has brought. Raises `PastCancelling` where something was
    changed or ended, and `IllegalTransition` where the order has ended."""
    steps = store.locked_steps(tx, order)
    body = documents.get(tx, SERVICE_ORDERS, order)
    if body.get("cancelling"):
        stopped = [each.reason is not None and each.is_undoing for each in steps]
        if any(stopped):
            again = zip(steps, stopped, strict=True)
            _proceed(tx, order, [_undone(tx, s, now) if left else s for s, left in again], now)
        return
    state = OrderState(body["state"])
    ORDER_LIFECYCLE.check(state, OrderState.PENDING_CANCELLATION)
    begun = (OrderState.IN_PROGRESS, OrderState.COMPLETED)
    for each in steps:
        if each.action in (Action.MODIFY, Action.DELETE) and each.state in begun:
            raise PastCancelling(f"the item {each.item} has begun", path="state")
    marked = body | {"cancelling": True}
    if reason is not None:
        marked["cancellationReason"] = reason[:LONGEST_TEXT]
    documents.change(tx, SERVICE_ORDERS, order, lambda _: marked, now)
    _proceed(tx, order, [_undone(tx, each, now) for each in steps], now)


def _undone(tx: Tx, step: Step, now: datetime) -> Step:
    done = True
    if step.action is Action.ADD and step.service is not None:
        done = _moved(tx, inventory.service(tx, step.service), ServiceState.TERMINATED, now)
    state = OrderState.CANCELLED if done else OrderState.PENDING_CANCELLATION
    return msgspec.structs.replace(step, state=state, is_undoing=True)


def request_cancellation(tx: Tx, body: Body, now: datetime) -> str:
    """Cancels an order, now or on the day that is asked for, and keeps what came of it. Raises
    what `cancel_service_order` raises where it is for now."""
    order = body["serviceOrder"]["id"]
    documents.get(tx, SERVICE_ORDERS, order)
    kept = {name: each for name, each in body.items() if name != "id"}
    made: str = documents.create(
        tx, CANCEL_SERVICE_ORDERS, kept | {"state": CancelState.ACCEPTED.value}, now
    )["id"]
    due = _instant(body, "requestedCancellationDate")
    if due is not None and due > now:
        tx.emit(CancelWhenDue(order=order, cancellation=made), not_before=due)
        return made
    documents.move(tx, CANCEL_SERVICE_ORDERS, made, CancelState.IN_PROGRESS, now)
    cancel_service_order(tx, order, now, body.get("cancellationReason"))
    return made


def cancel_when_due(tx: Tx, order: str, cancellation: str, now: datetime) -> None:
    """The day has come; what can't be cancelled any more is told."""
    found = documents.find(tx, CANCEL_SERVICE_ORDERS, [cancellation])
    if not found or found[0]["state"] != CancelState.ACCEPTED:
        return
    documents.move(tx, CANCEL_SERVICE_ORDERS, cancellation, CancelState.IN_PROGRESS, now)
    try:
        cancel_service_order(tx, order, now, found[0].get("cancellationReason"))
    except TrunklineError as error:
        said = {"code": error.code, "reason": error.reason}
        documents.move(
            tx, CANCEL_SERVICE_ORDERS, cancellation, CancelState.FAILED, now, errorMessage=said
        )


def _tell_cancellations(tx: Tx, order: str, now: datetime) -> None:
    for each in store.open_cancels(tx, order):
        documents.move(
            tx, CANCEL_SERVICE_ORDERS, each, CancelState.DONE, now,
            effectiveCancellationDate=format_instant(now),
        )  # fmt: skip


def describe_service_order(tx: Tx, order: str, body: Body, now: datetime) -> None:
    """Puts what may be described anew in place. A later start is asked for only while the order
    hasn't begun. Raises `Invalid` with the path."""
    before = documents.get(tx, SERVICE_ORDERS, order)
    starts = _instant(body, "requestedStartDate")
    if body.get("requestedStartDate") != before.get("requestedStartDate"):
        if before["state"] != OrderState.ACKNOWLEDGED:
            raise Invalid("it has begun", path="requestedStartDate")
        later = starts is not None and starts > now
        tx.emit(StartServiceOrder(order=order), not_before=starts if later else None)
    documents.change(tx, SERVICE_ORDERS, order, lambda _: body, now)


def delete_service_order(tx: Tx, order: str, now: datetime) -> None:
    """Forgets an order that has ended, or hasn't begun. Raises `ServiceOrderInUse`."""
    steps = store.locked_steps(tx, order)
    body = documents.get(tx, SERVICE_ORDERS, order)
    state = OrderState(body["state"])
    if state is OrderState.ACKNOWLEDGED:
        for each in steps:
            _undone(tx, each, now)
    elif not ORDER_LIFECYCLE.is_final(state):
        raise ServiceOrderInUse(f"it is {state}: cancel it first", path="state")
    store.delete_steps(tx, order)
    documents.delete(tx, SERVICE_ORDERS, order)
