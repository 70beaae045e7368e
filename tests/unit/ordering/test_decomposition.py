import pytest

from trunkline.ordering import NotDeliverable, ServiceKind, Task, TaskKind, TaskState
from trunkline.ordering.decomposition import (
    plan_to_add,
    plan_to_add_bundle,
    plan_to_delete,
    plan_to_modify,
    plan_to_undo,
    service_kind,
)
from trunkline.ordering.model import ready


def run_to_end(tasks: list[Task]) -> list[TaskKind]:
    """Completes whatever is ready, and tells in which order."""
    ran = []
    standing = list(tasks)
    while found := ready(standing):
        for task in found:
            ran.append(task.kind)
            standing[standing.index(task)] = done(task)
    return ran


def done(task: Task) -> Task:
    return Task(
        position=task.position,
        item=task.item,
        product=task.product,
        kind=task.kind,
        state=TaskState.COMPLETED,
        depends_on=task.depends_on,
    )


def test_a_mobile_product_needs_a_number_a_sim_and_an_account() -> None:
    plan = plan_to_add(ServiceKind.MOBILE, item="1", product="p", after=0)
    assert run_to_end(plan) == [
        TaskKind.RESERVE_NUMBER,
        TaskKind.RESERVE_SIM,
        TaskKind.OPEN_CHARGING,
        TaskKind.ACTIVATE_SERVICE,
        TaskKind.ACTIVATE_PRODUCT,
    ]


def test_an_add_on_is_a_product_and_nothing_more() -> None:
    plan = plan_to_add(ServiceKind.NONE, item="1", product="p", after=0)
    assert [task.kind for task in plan] == [TaskKind.ACTIVATE_PRODUCT]


def test_the_end_begins_in_charging() -> None:
    assert run_to_end(plan_to_delete(ServiceKind.MOBILE, item="1", product="p", after=0)) == [
        TaskKind.CLOSE_CHARGING,
        TaskKind.TERMINATE_SERVICE,
        TaskKind.TERMINATE_PRODUCT,
    ]
    plain = plan_to_delete(ServiceKind.NONE, item="1", product="p", after=0)
    assert run_to_end(plain) == [TaskKind.TERMINATE_PRODUCT]


def test_each_product_waits_for_its_own_tasks_only() -> None:
    first = plan_to_add(ServiceKind.MOBILE, item="1", product="a", after=0)
    second = plan_to_add(ServiceKind.MOBILE, item="1", product="b", after=len(first))
    assert [task.position for task in second] == [5, 6, 7, 8, 9]
    for task in second:
        assert all(waited >= 5 for waited in task.depends_on)


@pytest.mark.parametrize(
    ("begun", "undoing"),
    [
        (0, [TaskKind.CANCEL_PRODUCT]),
        (1, [TaskKind.RELEASE_RESERVATIONS, TaskKind.CANCEL_PRODUCT]),
        (2, [TaskKind.RELEASE_RESERVATIONS, TaskKind.CANCEL_PRODUCT]),
        (
            3,
            [TaskKind.CLOSE_CHARGING, TaskKind.RELEASE_RESERVATIONS, TaskKind.CANCEL_PRODUCT],
        ),
        (4, [TaskKind.CLOSE_CHARGING, TaskKind.TERMINATE_SERVICE, TaskKind.CANCEL_PRODUCT]),
    ],
)
def test_what_was_taken_is_given_back(begun: int, undoing: list[TaskKind]) -> None:
    plan = plan_to_add(ServiceKind.MOBILE, item="1", product="p", after=0)
    undo = plan_to_undo(plan[:begun], item="1", product="p", after=5)
    assert [task.kind for task in undo] == undoing
    assert run_to_end([*(done(task) for task in plan), *undo]) == undoing


def test_an_account_is_closed_only_once_it_is_open() -> None:
    plan = plan_to_add(ServiceKind.MOBILE, item="1", product="p", after=0)
    undo = plan_to_undo(plan[:3], item="1", product="p", after=5)
    assert undo[0].kind is TaskKind.CLOSE_CHARGING
    assert undo[0].depends_on == (2,)


def test_the_catalogue_names_what_delivers() -> None:
    assert service_kind(None, path="x") is ServiceKind.NONE
    assert service_kind("mobile", path="x") is ServiceKind.MOBILE
    with pytest.raises(NotDeliverable, match="no plan delivers a 'fibre' service") as refused:
        service_kind("fibre", path="productOrderItem[0].productOffering.id")
    assert refused.value.path == "productOrderItem[0].productOffering.id"


def modify(kind: ServiceKind, *, other: bool, until: str | None = None) -> list[TaskKind]:
    plan = plan_to_modify(
        kind, becomes_another=other, waits_until=until, item="1", product="p", after=0
    )
    assert all(task.result.get("until") == (until if place == 0 else None)
               for place, task in enumerate(plan) if until)  # fmt: skip
    return run_to_end(plan)


def test_charging_prices_by_the_new_plan_before_the_product_costs_something_else() -> None:
    assert modify(ServiceKind.MOBILE, other=True) == [
        TaskKind.CHANGE_PLAN, TaskKind.CHANGE_PRODUCT,
    ]  # fmt: skip
    assert modify(ServiceKind.MOBILE, other=False) == [TaskKind.CHANGE_PRODUCT]
    assert modify(ServiceKind.NONE, other=True) == [TaskKind.CHANGE_PRODUCT]
    assert modify(ServiceKind.MOBILE, other=True, until="2026-12-01T00:00:00Z") == [
        TaskKind.AWAIT_INSTANT, TaskKind.CHANGE_PLAN, TaskKind.CHANGE_PRODUCT,
    ]  # fmt: skip


def test_a_bundle_is_in_service_once_all_that_is_in_it_is() -> None:
    parts = plan_to_add(ServiceKind.MOBILE, item="1.1", product="a", after=0)
    parts += plan_to_add(ServiceKind.NONE, item="1.2", product="b", after=len(parts))
    [task] = plan_to_add_bundle(parts, item="1", product="c", after=len(parts))
    assert task.depends_on == (4, 5)
    assert run_to_end([*parts, task])[-1] is TaskKind.ACTIVATE_PRODUCT
