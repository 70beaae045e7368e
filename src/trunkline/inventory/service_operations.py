"""Writes on services: what they are, and what the network is asked to make of them.

With a network behind it (`network.is_connected`) a service becomes active, rests or ends once the
network has said so, and `ServiceSettled` tells. Without one that happens at once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import network
from trunkline.inventory import service_store as store
from trunkline.inventory.events import (
    ServiceActivated,
    ServiceCreated,
    ServiceDeactivated,
    ServiceSettled,
    ServiceTerminated,
)
from trunkline.inventory.model import (
    SERVICE_LIFECYCLE,
    NewService,
    Service,
    ServiceId,
    ServiceInUse,
    ServiceNotFound,
    ServiceState,
)
from trunkline.inventory.monitors import settle_monitors
from trunkline.network import InstructionId, Verb, Wish
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

_REACHED = {
    Verb.PROVISION: ServiceState.ACTIVE,
    Verb.RESUME: ServiceState.ACTIVE,
    Verb.SUSPEND: ServiceState.INACTIVE,
    Verb.TERMINATE: ServiceState.TERMINATED,
}
ON_THE_NETWORK = (ServiceState.ACTIVE, ServiceState.INACTIVE, ServiceState.TERMINATED)
"""States that only the network can bring about."""


def create_services(tx: Tx, services: Sequence[NewService], *, now: datetime) -> list[Service]:
    """Creates services in the state that they are in; the network isn't told."""
    created = [
        Service(
            id=tx.new_id(ServiceId, now),
            name=new.name,
            category=new.category,
            state=new.state,
            product=new.product,
            customer=new.customer,
            created_at=now,
            service_date=now,
            start_date=new.start_date or (now if new.state is ServiceState.ACTIVE else None),
            end_date=new.end_date or (now if new.state is ServiceState.TERMINATED else None),
            characteristics=new.characteristics,
            specification=new.specification,
            details=new.details,
        )
        for new in services
    ]
    if created:
        store.insert_services(tx, created)
    for each in created:
        tx.changed("Service", each.id, Change.CREATED)
        tx.emit(
            ServiceCreated(
                service=each.id, product=each.product, customer=each.customer, state=each.state
            )
        )
        if each.state is ServiceState.ACTIVE:
            tx.emit(
                ServiceActivated(
                    service=each.id, product=each.product, customer=each.customer, at=now
                )
            )
    return created


def create_service(tx: Tx, new: NewService, *, now: datetime) -> Service:
    """Creates one."""
    return create_services(tx, (new,), now=now)[0]


def change_service_state(
    tx: Tx, *, service: ServiceId, state: ServiceState, now: datetime
) -> Service:
    """Moves a service; its first activation starts it and termination ends it, at `now`. The
    network isn't told. Raises `ServiceNotFound` and `IllegalTransition`."""
    before = _locked(tx, service)
    SERVICE_LIFECYCLE.check(before.state, state)
    after = msgspec.structs.replace(before, state=state)
    if state is ServiceState.ACTIVE and before.start_date is None:
        after = msgspec.structs.replace(after, start_date=now)
    if state is ServiceState.TERMINATED:
        after = msgspec.structs.replace(after, end_date=now)
    store.move_service(tx, after)
    tx.changed("Service", service, Change.STATE)
    moved = {
        ServiceState.ACTIVE: ServiceActivated,
        ServiceState.INACTIVE: ServiceDeactivated,
        ServiceState.TERMINATED: ServiceTerminated,
    }.get(state)
    if moved is not None:
        tx.emit(moved(service=service, product=after.product, customer=after.customer, at=now))
    return after


def amend_service(tx: Tx, service: ServiceId, amend: Callable[[Service], Service]) -> Service:
    """Puts what `amend` makes of a service in its place; state, dates and product stay. The
    network isn't told. Raises `ServiceNotFound`."""
    before = _locked(tx, service)
    after = amend(before)
    if after != before:
        store.amend_service(tx, after)
        tx.changed("Service", service, Change.ATTRIBUTES)
    return after


def delete_service(tx: Tx, *, service: ServiceId) -> None:
    """Forgets a service that realises no product and that the network knows nothing of. Raises
    `ServiceNotFound` and `ServiceInUse`."""
    before = _locked(tx, service)
    if before.product is not None:
        raise ServiceInUse(f"it realises the product {before.product}", path="relatedEntity")
    open_ = before.state is not ServiceState.TERMINATED
    if open_ and network.instructions_of(tx, service):
        raise ServiceInUse(
            f"it is {before.state} on the network: end it first (TMF640)", path="state"
        )
    store.delete_service(tx, service)
    tx.changed("Service", service, Change.DELETED)


def request_states(
    tx: Tx, wanted: Mapping[ServiceId, ServiceState], *, now: datetime
) -> dict[ServiceId, InstructionId]:
    """Asks the network to make these services active, inactive or terminated. Those that are
    not so at once are returned with what is waited for; `ServiceSettled` tells of them. A service
    may be asked back into the state that it is in, where the network gave no answer to what was
    to lead out of it. Raises `ServiceNotFound` and `IllegalTransition` before anything is asked
    for."""
    found = store.services_for_update(tx, list(wanted))
    for ident, state in wanted.items():
        if ident not in found:
            raise ServiceNotFound(f"there is no service {ident}", path="service")
        if found[ident].state is not state or not network.got_stuck(tx, ident):
            SERVICE_LIFECYCLE.check(found[ident].state, state)
    if not network.is_connected(tx):
        for ident, state in wanted.items():
            change_service_state(tx, service=ident, state=state, now=now)
        return {}
    wishes = [_wish(found[each], _verb(found[each], state)) for each, state in wanted.items()]
    return dict(zip(wanted, network.instruct(tx, wishes, now=now), strict=True))


def request_characteristics(
    tx: Tx, service: ServiceId, characteristics: Mapping[str, Any], *, now: datetime
) -> InstructionId | None:
    """Asks the network to give a service these characteristics, all that it is to have; returns
    what is waited for, None where it has them at once, as one does that isn't on the network."""
    before = _locked(tx, service)
    waits = before.state in (ServiceState.ACTIVE, ServiceState.INACTIVE)
    if not waits or not network.is_connected(tx):
        amend_service(
            tx, service, lambda it: msgspec.structs.replace(it, characteristics=characteristics)
        )
        return None
    wanted = msgspec.structs.replace(before, characteristics=characteristics)
    return network.instruct(tx, [_wish(wanted, Verb.MODIFY)], now=now)[0]


def settle(
    tx: Tx,
    *,
    service: ServiceId,
    verb: Verb,
    instruction: InstructionId,
    now: datetime,
    characteristics: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """The network has done what `verb` says, or refused it for a reason; nothing happens where
    the service is there already."""
    before = store.service_for_update(tx, service)
    if before is None:
        return
    if reason is None and verb is Verb.MODIFY:
        values = characteristics or {}
        amend_service(tx, service, lambda it: msgspec.structs.replace(it, characteristics=values))
    elif reason is None and before.state is not _REACHED[verb]:
        change_service_state(tx, service=service, state=_REACHED[verb], now=now)
    if reason is not None:
        tx.changed("Service", service, Change.ATTRIBUTES)
    settle_monitors(tx, service=service, instruction=instruction, reason=reason, now=now)
    tx.emit(
        ServiceSettled(
            service=service,
            product=before.product,
            verb=verb,
            instruction=instruction,
            at=now,
            reason=reason,
        )
    )


def _locked(tx: Tx, service: ServiceId) -> Service:
    found = store.service_for_update(tx, service)
    if found is None:
        raise ServiceNotFound(f"there is no service {service}", path="service")
    return found


def _verb(service: Service, state: ServiceState) -> Verb:
    if state is ServiceState.TERMINATED:
        return Verb.TERMINATE
    if state is ServiceState.INACTIVE:
        return Verb.SUSPEND
    return Verb.RESUME if service.start_date is not None else Verb.PROVISION


def _wish(service: Service, verb: Verb) -> Wish:
    return Wish(
        service=service.id,
        verb=verb,
        name=service.name,
        specification=service.specification,
        characteristics=service.characteristics,
    )
