"""Writes on resources one by one: numbers and cards as their shelf allows, and all others, which
are what their owners say they are (TMF639; the states of ITU-T X.731)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.inventory import shelf
from trunkline.inventory.model import (
    RESOURCE_LIFECYCLE,
    Resource,
    ResourceExists,
    ResourceId,
    ResourceInUse,
    ResourceKind,
    ResourceNotFound,
    ResourceState,
)
from trunkline.inventory.numbering import Iccid, Imsi, Msisdn
from trunkline.inventory.stock import told
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

BY_HAND = "by hand"
"""The holder of what a person has reserved."""


class ResourceStatus(StrEnum):
    """TMF639 v4, ResourceStatusType."""

    STANDBY = "standby"
    ALARM = "alarm"
    AVAILABLE = "available"
    RESERVED = "reserved"
    UNKNOWN = "unknown"
    SUSPENDED = "suspended"


class AdministrativeState(StrEnum):
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    SHUTDOWN = "shutdown"


class OperationalState(StrEnum):
    ENABLE = "enable"
    DISABLE = "disable"


class UsageState(StrEnum):
    IDLE = "idle"
    ACTIVE = "active"
    BUSY = "busy"


_S = ResourceStatus
STATUS_LIFECYCLE = Lifecycle(
    "resource",
    {
        _S.STANDBY: {_S.AVAILABLE, _S.RESERVED, _S.ALARM, _S.SUSPENDED, _S.UNKNOWN},
        _S.AVAILABLE: {_S.STANDBY, _S.RESERVED, _S.ALARM, _S.SUSPENDED, _S.UNKNOWN},
        _S.RESERVED: {_S.STANDBY, _S.AVAILABLE, _S.ALARM, _S.SUSPENDED, _S.UNKNOWN},
        _S.ALARM: {_S.STANDBY, _S.AVAILABLE, _S.SUSPENDED, _S.UNKNOWN},
        _S.SUSPENDED: {_S.STANDBY, _S.AVAILABLE, _S.ALARM, _S.UNKNOWN},
        _S.UNKNOWN: {_S.STANDBY, _S.AVAILABLE, _S.ALARM, _S.SUSPENDED},
    },
)
"""What is suspended, in alarm or unknown is not given to anybody."""
_A = AdministrativeState
ADMINISTRATIVE_LIFECYCLE = Lifecycle(
    "resource",
    {
        _A.LOCKED: {_A.UNLOCKED},
        _A.UNLOCKED: {_A.LOCKED, _A.SHUTDOWN},
        _A.SHUTDOWN: {_A.LOCKED, _A.UNLOCKED},
    },
)
_O = OperationalState
OPERATIONAL_LIFECYCLE = Lifecycle("resource", {_O.ENABLE: {_O.DISABLE}, _O.DISABLE: {_O.ENABLE}})
_U = UsageState
USAGE_LIFECYCLE = Lifecycle(
    "resource",
    {_U.IDLE: {_U.ACTIVE}, _U.ACTIVE: {_U.IDLE, _U.BUSY}, _U.BUSY: {_U.ACTIVE, _U.IDLE}},
)


class States(msgspec.Struct, frozen=True, kw_only=True):
    """The states that a resource is to have; None where one stays."""

    status: ResourceStatus | None = None
    administrative: AdministrativeState | None = None
    operational: OperationalState | None = None
    usage: UsageState | None = None


_OTHERS: tuple[tuple[str, str, str, Lifecycle[Any]], ...] = (
    ("status", "status", "resourceStatus", STATUS_LIFECYCLE),
    ("administrative", "administrative_state", "administrativeState", ADMINISTRATIVE_LIFECYCLE),
    ("operational", "operational_state", "operationalState", OPERATIONAL_LIFECYCLE),
    ("usage", "usage_state", "usageState", USAGE_LIFECYCLE),
)


class NewResource(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to take on a resource. A number has its MSISDN as `value`, a SIM its ICCID,
    and `imsi`."""

    kind: ResourceKind
    name: str = ""
    value: str | None = None
    imsi: str | None = None
    category: str | None = None
    is_physical: bool = False
    states: States = States()
    details: Mapping[str, Any] = {}


def add_resource(tx: Tx, new: NewResource, *, now: datetime) -> Resource:
    """Takes on one. Raises `NotANumber` where its value is none, and `ResourceExists`."""
    ident = tx.new_id(ResourceId, now)
    if new.kind is ResourceKind.OTHER:
        made = Resource(
            id=ident,
            kind=new.kind,
            value=new.value or "",
            state=ResourceState.AVAILABLE,
            name=new.name,
            category=new.category,
            is_physical=new.is_physical,
            status=new.states.status or ResourceStatus.AVAILABLE,
            administrative_state=new.states.administrative or AdministrativeState.UNLOCKED,
            operational_state=new.states.operational or OperationalState.ENABLE,
            usage_state=new.states.usage or UsageState.IDLE,
            details=new.details,
        )
        shelf.add_other(tx, made)
    else:
        made = _stocked(ident, new)
        if not shelf.add(tx, [made]):
            raise ResourceExists(f"{made.kind} {made.value} is in stock already", path="value")
    told(tx, made, Change.CREATED)
    return made


def _stocked(ident: ResourceId, new: NewResource) -> Resource:
    unlike = new.states not in (States(), States(status=ResourceStatus.AVAILABLE))
    if unlike:
        raise Invalid("what is put on the shelf is available", path="resourceStatus")
    if new.kind is ResourceKind.NUMBER:
        value, imsi = str(Msisdn.parse(new.value or "", path="value")), None
    else:
        value = str(Iccid.parse(new.value or "", path="value"))
        imsi = str(Imsi.parse(new.imsi or "", path="resourceCharacteristic"))
    return Resource(
        id=ident,
        kind=new.kind,
        value=value,
        imsi=imsi,
        state=ResourceState.AVAILABLE,
        name=new.name,
        category=new.category,
        details=new.details,
    )


def amend_resource(tx: Tx, resource: ResourceId, amend: Callable[[Resource], Resource]) -> Resource:
    """Puts what `amend` makes of its name, value, category and details in their place. The value
    of a number or a card stays. Raises `ResourceNotFound`."""
    before = _locked(tx, resource)
    after = amend(before)
    if before.kind is not ResourceKind.OTHER and after.value != before.value:
        raise Invalid("can't be changed", path="value")
    if after != before:
        shelf.amend(tx, after)
        told(tx, after, Change.ATTRIBUTES)
    return after


def move_resource(tx: Tx, resource: ResourceId, to: States) -> Resource:
    """Moves those of its states that are given. Of a number or a card, `reserved` holds it by
    hand and `available` puts it back, `suspended` or `locked` take it off the shelf, `shutdown`
    retires it; the others follow. Raises `ResourceNotFound`, `IllegalTransition` and
    `ResourceInUse`."""
    before = _locked(tx, resource)
    if before.kind is ResourceKind.OTHER:
        changes = {}
        for given, attribute, path, lifecycle in _OTHERS:
            state = getattr(to, given)
            if state is not None:
                lifecycle.check(type(state)(getattr(before, attribute)), state, path=path)
                changes[attribute] = state
        after = msgspec.structs.replace(before, **changes)
        shelf.move_other(tx, after)
    else:
        state, path = _meant(to)
        _check_in_stock(before, state, path)
        holder = BY_HAND if state is ResourceState.RESERVED else None
        shelf.move(tx, resource, state, holder)
        after = msgspec.structs.replace(before, state=state, holder=holder)
    told(tx, after, Change.STATE)
    return after


_MEANT = {
    ResourceStatus.AVAILABLE: ResourceState.AVAILABLE,
    ResourceStatus.RESERVED: ResourceState.RESERVED,
    ResourceStatus.SUSPENDED: ResourceState.SUSPENDED,
    AdministrativeState.UNLOCKED: ResourceState.AVAILABLE,
    AdministrativeState.LOCKED: ResourceState.SUSPENDED,
    AdministrativeState.SHUTDOWN: ResourceState.RETIRED,
}


def _meant(to: States) -> tuple[ResourceState, str]:
    for name, path in (("operational", "operationalState"), ("usage", "usageState")):
        if getattr(to, name) is not None:
            raise Invalid("follows from where a number or a card stands", path=path)
    wanted: list[tuple[StrEnum, str]] = []
    if to.status is not None:
        wanted.append((to.status, "resourceStatus"))
    if to.administrative is not None:
        wanted.append((to.administrative, "administrativeState"))
    state, path = wanted[-1]
    meant = {_MEANT.get(each) for each, _ in wanted}
    if len(meant) > 1:
        raise Invalid("contradicts resourceStatus", path=path)
    found = _MEANT.get(state)
    if found is None:
        raise Invalid(f"a number or a card is never {state}", path=path)
    return found, path


def _check_in_stock(before: Resource, to: ResourceState, path: str) -> None:
    if before.state is ResourceState.ASSIGNED:
        raise ResourceInUse(
            f"the product {before.product} has it: a product order takes it back", path=path
        )
    if before.state is ResourceState.RESERVED and before.holder != BY_HAND:
        raise ResourceInUse(f"{before.holder} holds it", path=path)
    RESOURCE_LIFECYCLE.check(before.state, to, path=path)


def delete_resource(tx: Tx, *, resource: ResourceId) -> None:
    """Forgets one that nobody has, holds or had. Raises `ResourceNotFound` and
    `ResourceInUse`."""
    before = _locked(tx, resource)
    if before.kind is ResourceKind.OTHER:
        if before.usage_state != UsageState.IDLE:
            raise ResourceInUse(f"it is {before.usage_state}", path="usageState")
    elif before.state not in (ResourceState.AVAILABLE, ResourceState.SUSPENDED):
        raise ResourceInUse(f"it is {before.state}", path="resourceStatus")
    shelf.delete(tx, resource)
    told(tx, before, Change.DELETED)


def _locked(tx: Tx, resource: ResourceId) -> Resource:
    found = shelf.locked(tx, resource)
    if found is None:
        raise ResourceNotFound(f"there is no resource {resource}", path="resource")
    return found
