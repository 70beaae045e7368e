from collections.abc import Sequence

import msgspec
import pytest

from trunkline.ordering import (
    Action,
    ItemRequest,
    OrderItem,
    OrderState,
    Task,
    TaskKind,
    TaskState,
    UnfitOrder,
)
from trunkline.ordering.model import (
    ORDER_LIFECYCLE,
    check_items,
    item_state,
    order_state,
)

S = OrderState
T = TaskState


def item(state: OrderState = S.IN_PROGRESS) -> OrderItem:
    return OrderItem(
        id="1",
        action=Action.ADD,
        state=state,
        offering="off_m",
        offering_name="Mobile M",
        quantity=1,
        products=("p",),
    )


def tasks(*states: TaskState) -> list[Task]:
    return [
        Task(
            position=position,
            item="1",
            product="p",
            kind=TaskKind.ACTIVATE_PRODUCT,
            state=state,
            reason="no number is left" if state is T.FAILED else None,
        )
        for position, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([T.PENDING], S.IN_PROGRESS),
        ([T.COMPLETED, T.IN_PROGRESS, T.PENDING], S.IN_PROGRESS),
        ([T.COMPLETED, T.FAILED, T.PENDING], S.HELD),
        ([T.FAILED, T.IN_PROGRESS], S.HELD),
        ([T.COMPLETED, T.COMPLETED], S.COMPLETED),
    ],
)
def test_an_item_stands_where_its_tasks_put_it(
    states: Sequence[TaskState], expected: OrderState
) -> None:
    assert item_state(item(), tasks(*states), cancelling=False).state is expected


def test_a_held_item_says_why_and_forgets_it_when_it_moves_on() -> None:
    held = item_state(item(), tasks(T.FAILED), cancelling=False)
    assert held.reason == "no number is left"
    assert item_state(held, tasks(T.IN_PROGRESS), cancelling=False).reason is None


@pytest.mark.parametrize(("cancelling", "expected"), [(True, S.CANCELLED), (False, S.FAILED)])
def test_an_undone_item_ends_once_no_task_is_open(cancelling: bool, expected: OrderState) -> None:
    undoing = item(S.PENDING_CANCELLATION)
    for open_ in (T.PENDING, T.IN_PROGRESS, T.FAILED):
        standing = item_state(undoing, tasks(T.CANCELLED, open_), cancelling=cancelling)
        assert standing.state is S.PENDING_CANCELLATION
    ended = item_state(undoing, tasks(T.CANCELLED, T.COMPLETED), cancelling=cancelling)
    assert ended.state is expected


def test_an_ended_item_stays() -> None:
    assert item_state(item(S.COMPLETED), tasks(T.FAILED), cancelling=True).state is S.COMPLETED


@pytest.mark.parametrize(
    ("states", "cancelling", "expected"),
    [
        ([S.COMPLETED], False, S.COMPLETED),
        ([S.COMPLETED, S.COMPLETED], False, S.COMPLETED),
        ([S.COMPLETED, S.IN_PROGRESS], False, S.IN_PROGRESS),
        ([S.HELD, S.IN_PROGRESS], False, S.IN_PROGRESS),
        ([S.HELD, S.COMPLETED], False, S.HELD),
        ([S.FAILED, S.COMPLETED], False, S.PARTIAL),
        ([S.FAILED], False, S.FAILED),
        ([S.PENDING_CANCELLATION, S.COMPLETED], False, S.IN_PROGRESS),
        ([S.PENDING_CANCELLATION, S.CANCELLED], True, S.PENDING_CANCELLATION),
        ([S.FAILED, S.CANCELLED], True, S.CANCELLED),
    ],
)
def test_an_order_stands_where_its_items_put_it(
    states: Sequence[OrderState], cancelling: bool, expected: OrderState
) -> None:
    assert order_state([item(each) for each in states], [], cancelling=cancelling) is expected


def test_what_failed_after_a_delivery_is_partial() -> None:
    failed = [item(S.FAILED)]
    assert order_state(failed, tasks(T.CANCELLED), cancelling=False) is S.FAILED
    assert order_state(failed, tasks(T.COMPLETED, T.CANCELLED), cancelling=False) is S.PARTIAL


def test_orders_end_where_tmf622_says() -> None:
    ended = {state for state in OrderState if ORDER_LIFECYCLE.is_final(state)}
    assert ended == {S.REJECTED, S.CANCELLED, S.COMPLETED, S.FAILED, S.PARTIAL}


def add(**changes: object) -> ItemRequest:
    return ItemRequest(**{"action": Action.ADD, "offering": "off_m", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([], "productOrderItem"),
        ([add()] * 101, "productOrderItem"),
        ([add(id="a"), add(id="a")], "productOrderItem[1].id"),
        ([add(id="2"), add()], "productOrderItem[1].id"),
        ([add(), add(action=Action.MODIFY)], "productOrderItem[1].product.id"),
        ([add(action=Action.NO_CHANGE)], "productOrderItem[0].product.id"),
        ([add(parts=(add(action=Action.DELETE, product="p"),))], "productOrderItem[0].action"),
        ([add(id="a", parts=(add(id="a"),))], "productOrderItem[0].productOrderItem[0].id"),
        ([add(parts=(add(), add(id="1.1")))], "productOrderItem[0].productOrderItem[1].id"),
        ([add(offering=None)], "productOrderItem[0].productOffering.id"),
        ([add(action=Action.DELETE)], "productOrderItem[0].product.id"),
        ([add(quantity=0)], "productOrderItem[0].quantity"),
        ([add(quantity=101)], "productOrderItem[0].quantity"),
        (
            [add(quantity=2, characteristics={"msisdn": "4915900000000"})],
            "productOrderItem[0].quantity",
        ),
    ],
)
def test_what_no_order_can_be_is_refused_with_its_path(
    items: Sequence[ItemRequest], path: str
) -> None:
    with pytest.raises(UnfitOrder) as refused:
        check_items(items)
    assert refused.value.path == path


def test_a_good_order_passes() -> None:
    check_items([add(quantity=100), add(id="x", characteristics={"msisdn": "4915900000000"})])


def test_what_only_waits_for_its_time_is_pending() -> None:
    until, change = tasks(T.IN_PROGRESS, T.PENDING)
    waiting = [msgspec.structs.replace(until, kind=TaskKind.AWAIT_INSTANT), change]
    assert item_state(item(), waiting, cancelling=False).state is S.PENDING
    both = [*waiting, msgspec.structs.replace(change, state=T.IN_PROGRESS)]
    assert item_state(item(), both, cancelling=False).state is S.IN_PROGRESS
    for others, expected in (
        ((S.COMPLETED,), S.PENDING),
        ((S.HELD,), S.HELD),
        ((S.HELD, S.IN_PROGRESS), S.IN_PROGRESS),
    ):
        items = [item(S.PENDING), *map(item, others)]
        assert order_state(items, [], cancelling=False) is expected
    for state in (S.IN_PROGRESS, S.COMPLETED, S.PARTIAL, S.HELD, S.PENDING_CANCELLATION):
        ORDER_LIFECYCLE.check(S.PENDING, state)
