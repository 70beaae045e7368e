"""In which order a service order's items are taken, and what state follows from theirs."""

from typing import Any

import msgspec
import pytest

from trunkline.ordering import OrderState
from trunkline.ordering.service_orders.model import (
    Step,
    UnfitServiceOrder,
    plan,
    ready,
    state_of,
    with_states,
)

Body = dict[str, Any]


def item(ident: str, *waits: str, **rest: Any) -> Body:
    relations = [
        {"relationshipType": "dependsOn", "orderItem": {"itemId": other}} for other in waits
    ]
    made: Body = {"id": ident, "action": "add", "service": {}, **rest}
    return made | ({"serviceOrderItemRelationship": relations} if relations else {})


def steps(*items: Body) -> list[Step]:
    return [step for _, _, step in plan({"serviceOrderItem": list(items)})]


def after(found: list[Step], **states: OrderState) -> list[Step]:
    return [msgspec.structs.replace(s, state=states.get(s.item, s.state)) for s in found]


def test_an_item_waits_for_what_it_depends_on():
    found = steps(item("a", "b"), item("b"), item("c", "a", "b"))
    assert [each.item for each in ready(found)] == ["b"]
    found = after(found, b=OrderState.COMPLETED)
    assert [each.item for each in ready(found)] == ["a"]
    found = after(found, a=OrderState.HELD)
    assert ready(found) == []
    found = after(found, a=OrderState.COMPLETED)
    assert [each.item for each in ready(found)] == ["c"]


def test_an_item_waits_for_those_inside_it():
    found = steps(item("a", serviceOrderItem=[item("b", serviceOrderItem=[item("c")])]))
    assert [(each.item, each.waits_for) for each in found] == [("c", ()), ("b", (0,)), ("a", (1,))]


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([item("a", "b"), item("b", "a")], "serviceOrderItem[0].id"),
        ([item("a", "a")], "serviceOrderItem[0].id"),
        ([item("a"), item("a")], "serviceOrderItem[1].id"),
        ([item("")], "serviceOrderItem[0].id"),
        ([item("a", serviceOrderItem=[item("a")])], "serviceOrderItem[0].id"),
        (
            [item("a", "z")],
            "serviceOrderItem[0].serviceOrderItemRelationship[0].orderItem.itemId",
        ),
        ([item("a", quantity=2)], "serviceOrderItem[0].quantity"),
        ([item(str(n)) for n in range(101)], "serviceOrderItem"),
    ],
)
def test_what_can_not_be_carried_out(items: list[Body], path: str):
    with pytest.raises(UnfitServiceOrder) as refused:
        steps(*items)
    assert refused.value.path == path


def test_other_relations_and_other_orders_hold_nothing_up():
    other = {"relationshipType": "dependsOn", "orderItem": {"itemId": "9", "serviceOrderId": "x"}}
    alike = {"relationshipType": "similar", "orderItem": {"itemId": "b"}}
    found = steps(item("a", serviceOrderItemRelationship=[other, alike]), item("b"))
    assert len(ready(found)) == 2


@pytest.mark.parametrize(
    ("states", "cancelling", "expected"),
    [
        (["completed", "completed"], False, "completed"),
        (["completed", "inProgress"], False, "inProgress"),
        (["held", "inProgress"], False, "inProgress"),
        (["held", "acknowledged"], False, "held"),
        (["cancelled", "pendingCancellation"], True, "pendingCancellation"),
        (["cancelled", "cancelled"], True, "cancelled"),
    ],
)
def test_the_orders_state_follows(states: list[str], cancelling: bool, expected: str):
    found = steps(item("a"), item("b"))
    found = after(found, a=OrderState(states[0]), b=OrderState(states[1]))
    assert state_of(found, cancelling=cancelling) == expected


def test_a_held_item_says_why_and_since_when():
    body = {"serviceOrderItem": [item("a")]}
    (held,) = after(steps(item("a")), a=OrderState.HELD)
    held = msgspec.structs.replace(held, reason="no such card")
    told = with_states(body, [held], "2026-11-02T09:00:00Z")
    later = with_states(told, [held], "2026-11-03T09:00:00Z")
    assert told == later
    assert told["serviceOrderItem"][0]["errorMessage"][0]["message"] == "no such card"
    done = with_states(told, [msgspec.structs.replace(held, state=OrderState.COMPLETED)], "x")
    assert "errorMessage" not in done["serviceOrderItem"][0]
