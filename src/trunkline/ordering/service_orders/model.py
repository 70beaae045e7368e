"""Service orders: their items as steps, in which order these are taken, and what state follows.

The order's document is kept whole; its items' states are written into it as they move.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.inventory import ServiceId, ServiceState
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.ids import Id
from trunkline.ordering.model import Action, OrderState

Body = dict[str, Any]
ITEMS = "serviceOrderItem"
RELATIONS = "serviceOrderItemRelationship"
_WAITS = frozenset({"dependson", "relieson", "requires", "finishtostart"})
MOST_ITEMS = 100


class ServiceOrderId(Id):
    __slots__ = ()
    prefix = "sor"


class CancelServiceOrderId(Id):
    __slots__ = ()
    prefix = "cso"


class CancelState(StrEnum):
    """TMF641 v4.1, TaskStateType."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "inProgress"
    FAILED = "terminatedWithError"
    DONE = "done"


class UnfitServiceOrder(Invalid):
    code = "unfitServiceOrder"


class ServiceOrderInUse(Conflict):
    code = "serviceOrderInUse"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it is carried out. `waits_for` has the positions of those that come first;
    `is_undoing` is set once the order is cancelled."""

    position: int
    item: str
    action: Action
    state: OrderState = OrderState.ACKNOWLEDGED
    service: ServiceId | None = None
    waits_for: tuple[int, ...] = ()
    is_undoing: bool = False
    reason: str | None = None


def flat(items: Iterable[Body], path: str = ITEMS) -> Iterator[tuple[str, Body]]:
    """The items with their places, those inside others before these."""
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        yield from flat(item.get(ITEMS, ()), f"{place}.{ITEMS}")
        yield place, item


def plan(body: Body) -> list[tuple[str, Body, Step]]:
    """Each item's place, itself and its step, so that none comes before what it waits for.
    Raises `UnfitServiceOrder`."""
    found = list(flat(body[ITEMS]))
    if len(found) > MOST_ITEMS:
        raise UnfitServiceOrder(f"an order has at most {MOST_ITEMS} items", path=ITEMS)
    places: dict[str, int] = {}
    for position, (place, item) in enumerate(found):
        if item["id"] in places or not 1 <= len(item["id"]) <= 100:
            raise UnfitServiceOrder("has 1 to 100 characters and comes once", path=f"{place}.id")
        if item.get("quantity", 1) != 1:
            raise UnfitServiceOrder("an item is about one service", path=f"{place}.quantity")
        places[item["id"]] = position
    steps = [
        (place, item, _step(position, place, item, places))
        for position, (place, item) in enumerate(found)
    ]
    _check_no_circle([step for _, _, step in steps], found)
    return steps


def _step(position: int, place: str, item: Body, places: Mapping[str, int]) -> Step:
    waits = {places[each["id"]] for each in item.get(ITEMS, ())}
    for index, relation in enumerate(item.get(RELATIONS, ())):
        other = relation.get("orderItem", {})
        if other.get("serviceOrderId") is not None:
            continue
        named = other.get("itemId", other.get("id"))
        if named is not None and named not in places:
            path = f"{place}.{RELATIONS}[{index}].orderItem.itemId"
            raise UnfitServiceOrder(f"there is no item {named[:40]!r}", path=path)
        if named is not None and str(relation.get("relationshipType")).lower() in _WAITS:
            waits.add(places[named])
    return Step(
        position=position,
        item=item["id"],
        action=Action(item["action"]),
        waits_for=tuple(sorted(waits)),
    )


def _check_no_circle(steps: Sequence[Step], found: Sequence[tuple[str, Body]]) -> None:
    done: set[int] = set()
    while ready := [s for s in steps if s.position not in done and done.issuperset(s.waits_for)]:
        done |= {each.position for each in ready}
    for each in steps:
        if each.position not in done:
            raise UnfitServiceOrder("waits for itself", path=f"{found[each.position][0]}.id")


def ready(steps: Sequence[Step]) -> list[Step]:
    """Those that are still to be taken and wait for nothing any more."""
    completed = {each.position for each in steps if each.state is OrderState.COMPLETED}
    return [
        each
        for each in steps
        if each.state is OrderState.ACKNOWLEDGED and completed.issuperset(each.waits_for)
    ]


def state_of(steps: Sequence[Step], *, cancelling: bool) -> OrderState:
    """An order's state from its items', once it has been started."""
    states = {each.state for each in steps}
    if cancelling:
        waits = OrderState.PENDING_CANCELLATION in states
        return OrderState.PENDING_CANCELLATION if waits else OrderState.CANCELLED
    for state in (OrderState.IN_PROGRESS, OrderState.HELD):
        if state in states:
            return state
    return OrderState.COMPLETED


def wanted_state(item: Body) -> ServiceState:
    """The state that an item asks for; a service that is added is active unless it says so."""
    return ServiceState(item["service"].get("state") or ServiceState.ACTIVE)


def with_states(body: Body, steps: Sequence[Step], said_at: str) -> Body:
    """The order's document with its items as they stand."""
    by_item = {each.item: each for each in steps}
    return body | {ITEMS: [_with_state(each, by_item, said_at) for each in body[ITEMS]]}


def _with_state(item: Body, by_item: Mapping[str, Step], said_at: str) -> Body:
    step = by_item[item["id"]]
    shown = {name: each for name, each in item.items() if name != "errorMessage"}
    shown["state"] = step.state.value
    if step.reason is not None and step.state is OrderState.HELD:
        before = item.get("errorMessage", [{}])[0]
        same = before.get("message") == step.reason
        error = {"code": "networkRefused", "reason": "held", "message": step.reason}
        shown["errorMessage"] = [before if same else error | {"timestamp": said_at}]
    if ITEMS in item:
        shown[ITEMS] = [_with_state(each, by_item, said_at) for each in item[ITEMS]]
    return shown
