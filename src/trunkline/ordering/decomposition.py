"""From an item to its tasks: what has to be done, in which order. Pure.

What a product needs stands in the catalogue: the characteristic `serviceKind` of its
specification. A kind that the network must deliver has its plan here; a product without one
(an add-on such as a device protection) is a product and nothing more.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from trunkline.catalog import Offering
from trunkline.kernel.errors import Refused
from trunkline.ordering.model import Task, TaskKind


class ServiceKind(StrEnum):
    """What delivers a product."""

    NONE = "none"
    MOBILE = "mobile"
    POOL = "sharedPool"
    """A balance that members draw on; nothing on the network."""


class NotDeliverable(Refused):
    """The offering needs a service that nothing here can deliver."""

    code = "notDeliverable"


_Plan = tuple[TaskKind, ...]
"""Steps, each of which waits for the one before it."""

_ADD: dict[ServiceKind, _Plan] = {
    ServiceKind.NONE: (TaskKind.ACTIVATE_PRODUCT,),
    ServiceKind.MOBILE: (
        TaskKind.RESERVE_NUMBER,
        TaskKind.RESERVE_SIM,
        TaskKind.OPEN_CHARGING,
        TaskKind.ACTIVATE_SERVICE,
        TaskKind.ACTIVATE_PRODUCT,
    ),
    ServiceKind.POOL: (TaskKind.OPEN_CHARGING, TaskKind.ACTIVATE_PRODUCT),
}
"""Who got no number takes no SIM from those who did."""
_ADD_MEMBER: _Plan = (
    TaskKind.RESERVE_NUMBER,
    TaskKind.RESERVE_SIM,
    TaskKind.OPEN_CHARGING,
    TaskKind.JOIN_POOL,
    TaskKind.ACTIVATE_SERVICE,
    TaskKind.ACTIVATE_PRODUCT,
)
"""Of a mobile product that draws on a pool."""

_DELETE: dict[ServiceKind, _Plan] = {
    ServiceKind.NONE: (TaskKind.TERMINATE_PRODUCT,),
    ServiceKind.MOBILE: (
        TaskKind.CLOSE_CHARGING,
        TaskKind.TERMINATE_SERVICE,
        TaskKind.TERMINATE_PRODUCT,
    ),
    ServiceKind.POOL: (TaskKind.CLOSE_CHARGING, TaskKind.TERMINATE_PRODUCT),
}


_SUSPEND: dict[ServiceKind, _Plan] = {
    ServiceKind.NONE: (TaskKind.SUSPEND_PRODUCT,),
    ServiceKind.MOBILE: (
        TaskKind.SUSPEND_SERVICE,
        TaskKind.BAR_CHARGING,
        TaskKind.SUSPEND_PRODUCT,
    ),
    ServiceKind.POOL: (TaskKind.BAR_CHARGING, TaskKind.SUSPEND_PRODUCT),
}
_RESUME: dict[ServiceKind, _Plan] = {
    ServiceKind.NONE: (TaskKind.RESUME_PRODUCT,),
    ServiceKind.MOBILE: (
        TaskKind.RESUME_SERVICE,
        TaskKind.UNBAR_CHARGING,
        TaskKind.RESUME_PRODUCT,
    ),
    ServiceKind.POOL: (TaskKind.UNBAR_CHARGING, TaskKind.RESUME_PRODUCT),
}
"""The network comes first: what it refuses has changed nothing yet."""


def service_kind(value: str | None, *, path: str) -> ServiceKind:
    """The kind that an offering's `serviceKind` names; None where it has none. Raises
    `NotDeliverable`."""
    if value is None:
        return ServiceKind.NONE
    try:
        return ServiceKind(value)
    except ValueError:
        raise NotDeliverable(f"no plan delivers a {value[:40]!r} service", path=path) from None


def kind_of(offering: Offering, path: str) -> ServiceKind:
    """Declared by the characteristic `serviceKind`; where it is not, whatever prices usage of
    the mobile services needs a mobile service. Raises `NotDeliverable`."""
    declared = offering.characteristics.get("serviceKind")
    if declared is None and offering.charged_services:
        return ServiceKind.MOBILE
    return service_kind(None if declared is None else str(declared), path=path)


def plan_to_add(
    kind: ServiceKind, *, joins: bool = False, item: str, product: str, after: int
) -> list[Task]:
    """The tasks that bring one product into service, placed from `after` on; one that `joins`
    a pool is mobile."""
    assert not joins or kind is ServiceKind.MOBILE
    return _tasks(_ADD_MEMBER if joins else _ADD[kind], item=item, product=product, after=after)


def plan_to_delete(kind: ServiceKind, *, item: str, product: str, after: int) -> list[Task]:
    """The tasks that take one product out of service, placed from `after` on."""
    return _tasks(_DELETE[kind], item=item, product=product, after=after)


def plan_to_modify(
    kind: ServiceKind,
    *,
    becomes_another: bool,
    pool: Sequence[TaskKind] = (),
    waits_until: str | None,
    item: str,
    product: str,
    after: int,
) -> list[Task]:
    """The tasks that change one product in service, its membership of a `pool` too: charging
    prices by the new plan from the same instant from which the product costs something else."""
    steps = [*pool, TaskKind.CHANGE_PRODUCT]
    if becomes_another and kind is not ServiceKind.NONE:
        steps = [TaskKind.CHANGE_PLAN, *steps]
    return _waiting(waits_until, steps, item=item, product=product, after=after)


def _waiting(
    until: str | None, steps: Sequence[TaskKind], *, item: str, product: str, after: int
) -> list[Task]:
    """One step after the other, from an instant on where one is given."""
    waits = () if until is None else (TaskKind.AWAIT_INSTANT,)
    tasks = _tasks((*waits, *steps), item=item, product=product, after=after)
    if until is not None:
        tasks[0] = msgspec.structs.replace(tasks[0], result={"until": until})
    return tasks


def plan_to_rest(
    kind: ServiceKind,
    *,
    resumes: bool,
    waits_until: str | None,
    item: str,
    product: str,
    after: int,
) -> list[Task]:
    """The tasks that suspend one product in service, or resume it."""
    steps = (_RESUME if resumes else _SUSPEND)[kind]
    return _waiting(waits_until, steps, item=item, product=product, after=after)


def plan_to_add_bundle(parts: Sequence[Task], *, item: str, product: str, after: int) -> list[Task]:
    """The task that brings a bundle into service, once all that is in it is: `parts` are the
    tasks of its components."""
    waits = tuple(task.position for task in parts if task.kind is TaskKind.ACTIVATE_PRODUCT)
    return [
        Task(
            position=after,
            item=item,
            product=product,
            kind=TaskKind.ACTIVATE_PRODUCT,
            depends_on=waits,
        )
    ]


def plan_to_undo(done: Sequence[Task], *, item: str, product: str, after: int) -> list[Task]:
    """The tasks that give back what the tasks `done` (begun or completed) of a product that is
    not in service have taken. A number goes back on the shelf only after its account in
    charging is closed, and an account that is being opened is closed once it is open: until
    then calls may be charged to it."""
    by_kind = {task.kind: task.position for task in done}
    steps: list[TaskKind] = []
    if TaskKind.OPEN_CHARGING in by_kind:
        steps.append(TaskKind.CLOSE_CHARGING)
    if TaskKind.ACTIVATE_SERVICE in by_kind:
        steps.append(TaskKind.TERMINATE_SERVICE)
    elif by_kind.keys() & {TaskKind.RESERVE_NUMBER, TaskKind.RESERVE_SIM}:
        steps.append(TaskKind.RELEASE_RESERVATIONS)
    steps.append(TaskKind.CANCEL_PRODUCT)
    tasks = _tasks(steps, item=item, product=product, after=after)
    if TaskKind.OPEN_CHARGING in by_kind:
        first = msgspec.structs.replace(tasks[0], depends_on=(by_kind[TaskKind.OPEN_CHARGING],))
        tasks[0] = first
    return tasks


def _tasks(plan: Sequence[TaskKind], *, item: str, product: str, after: int) -> list[Task]:
    return [
        Task(
            position=after + place,
            item=item,
            product=product,
            kind=kind,
            depends_on=(after + place - 1,) if place else (),
        )
        for place, kind in enumerate(plan)
    ]
