"""Products' services on the network: what of it is done at once, and what is waited for.

Where there is a network, a service is created `reserved` and gets its number and card for good
once the network has it; where there is none, both happen at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import inventory, network
from trunkline.inventory import NewService, ProductId, Service, ServiceId, ServiceState
from trunkline.inventory.events import ServiceSettled
from trunkline.network import Verb
from trunkline.ordering.model import TaskKind
from trunkline.platform.db import Tx

_RESTS = {Verb.SUSPEND: TaskKind.SUSPEND_SERVICE, Verb.RESUME: TaskKind.RESUME_SERVICE}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The service that a product needs."""

    product: ProductId
    customer: str
    name: str
    characteristics: Mapping[str, Any]


def activate(tx: Tx, wanted: Sequence[Wanted], now: datetime) -> list[ServiceId | None]:
    """The active service of each, None where the network has to answer first. What was begun
    before goes on where it stopped."""
    connected = network.is_connected(tx)
    begun = _open_services(tx, [each.product for each in wanted]) if connected else {}
    fresh = [each for each in wanted if each.product not in begun]
    if not connected:
        _assign(tx, [each.product for each in wanted])
    created = inventory.create_services(
        tx,
        [
            NewService(
                product=each.product,
                customer=each.customer,
                name=each.name,
                characteristics=each.characteristics,
                state=ServiceState.RESERVED if connected else ServiceState.ACTIVE,
            )
            for each in fresh
        ],
        now=now,
    )
    if not connected:
        return [each.id for each in created]
    asked = [*created, *(begun[each.product] for each in wanted if each.product in begun)]
    waiting = {each.id: ServiceState.ACTIVE for each in asked}
    inventory.request_states(tx, waiting, now=now)
    return [None] * len(wanted)


def terminate(tx: Tx, product: ProductId, now: datetime) -> bool:
    """Whether the product's services have ended; False where the network has to answer."""
    open_ = _open_services(tx, [product])
    ending = {each.id: ServiceState.TERMINATED for each in open_.values()}
    if ending and inventory.request_states(tx, ending, now=now):
        return False
    _take_back(tx, product, now)
    return True


def rest(tx: Tx, product: ProductId, now: datetime) -> bool:
    """Whether the product's services rest; False where the network has to answer."""
    return _bring(tx, product, ServiceState.INACTIVE, now)


def resume(tx: Tx, product: ProductId, now: datetime) -> bool:
    """Whether the product's services work again; False where the network has to answer."""
    return _bring(tx, product, ServiceState.ACTIVE, now)


def _bring(tx: Tx, product: ProductId, state: ServiceState, now: datetime) -> bool:
    open_ = _open_services(tx, [product]).values()
    wanted = {each.id: state for each in open_ if each.state is not state}
    return not (wanted and inventory.request_states(tx, wanted, now=now))


def give_up(tx: Tx, product: ProductId, now: datetime) -> None:
    """The services that never came to be are ended; nothing waits for it."""
    open_ = _open_services(tx, [product])
    ending = {each.id: ServiceState.TERMINATED for each in open_.values()}
    if ending:
        inventory.request_states(tx, ending, now=now)


def settled(tx: Tx, event: ServiceSettled, now: datetime) -> TaskKind | None:
    """Which task of the product's the network's answer ends, well or not; None where none."""
    if event.product is None:
        return None
    if event.verb is Verb.PROVISION:
        if event.reason is None:
            _assign(tx, [event.product])
        return TaskKind.ACTIVATE_SERVICE
    if event.verb in _RESTS:
        return _RESTS[event.verb]
    if event.verb is not Verb.TERMINATE:
        return None
    if event.reason is None:
        if _open_services(tx, [event.product]):
            return None
        _take_back(tx, event.product, now)
    return TaskKind.TERMINATE_SERVICE


def _assign(tx: Tx, products: Iterable[ProductId]) -> None:
    inventory.assign_resources(tx, products={each: each for each in products})


def _take_back(tx: Tx, product: ProductId, now: datetime) -> None:
    inventory.release_resources(tx, holder=product)
    inventory.take_back_resources(tx, product=product, now=now)


def _open_services(tx: Tx, products: Sequence[ProductId]) -> dict[ProductId, Service]:
    """The service of each of these that hasn't ended."""
    return {
        each.product: each
        for each in inventory.services_of(tx, products)
        if each.product is not None and each.state is not ServiceState.TERMINATED
    }
