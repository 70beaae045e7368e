"""Has the host's network stop services, or let them go on: asked, answered, refused, asked again.

Nothing here says that a service is stopped before the host has said so.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline import customers, inventory, network
from trunkline.customers import TICKET_LIFECYCLE, TicketId, TicketStatus
from trunkline.inventory import ProductId, ProductStatus, Service, ServiceId, ServiceState
from trunkline.inventory.events import ServiceSettled
from trunkline.network import InstructionId, Verb
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.usage.exposure import store
from trunkline.usage.exposure.events import RetryBar
from trunkline.usage.exposure.model import (
    BAR_LIFECYCLE,
    CHARACTERISTICS,
    HANDED_OVER,
    RETRIES,
    Bar,
    BarState,
    Cause,
    NothingRefused,
    UnknownBar,
)

_WHAT = {
    Cause.BALANCE: "the service",
    Cause.ROAMING: "data abroad",
    Cause.POOL_DATA: "data",
    Cause.POOL_VOICE: "calls",
    Cause.POOL_SMS: "messages",
    Cause.POOL_MMS: "multimedia messages",
}
_TICKET_TYPE = "networkRefusal"
_RESOLVED = TicketStatus.RESOLVED


def bar(tx: Tx, product: ProductId, cause: Cause, now: datetime) -> bool:
    """Has the network stop the product's services. Whether they are stopped: False where it has
    to answer first, or the product has no service that could be."""
    services: Sequence[Service] = inventory.services_of(tx, [product])
    known = {each.service: each for each in store.bars_of_product(tx, product, cause)}
    for service in services:
        present = known.get(service.id)
        if present is not None:
            _want_again(tx, present, now)
        elif service.state is ServiceState.ACTIVE:
            asked = Bar(
                service=service.id,
                cause=cause,
                product=product,
                state=BarState.ASKED,
                asked_at=now,
            )
            _ask(tx, asked, now)
    return bool(services) and is_stopped(tx, product, cause)


def is_stopped(tx: Tx, product: ProductId, cause: Cause) -> bool:
    """Whether nothing of a product that is to be stopped for this cause goes on."""
    found = store.bars_of_product(tx, product, cause)
    return all(each.state in (BarState.BARRED, BarState.KEPT) for each in found)


def lift(tx: Tx, product: ProductId, cause: Cause, now: datetime) -> None:
    """Has the network let go on what was stopped for this cause."""
    for each in store.bars_of_product(tx, product, cause):
        unwanted = msgspec.structs.replace(each, wanted=False)
        if each.state is BarState.BARRED or _may_be_stopped(tx, each):
            _lift(tx, unwanted, now)
        elif each.state is BarState.REFUSED:
            _forget(tx, each, "it needn't be stopped any more", now)
        else:
            store.put_bar(tx, unwanted)


def settled(tx: Tx, event: ServiceSettled, now: datetime) -> Bar | None:
    """Notes the network's answer; returns the bar that it was about, as it is now."""
    found = store.bar_waiting_for(tx, event.instruction)
    if found is None:
        if event.verb is Verb.RESUME and event.reason is None:
            _stop_again(tx, event.service, now)
        return None
    if found.state is BarState.ASKED:
        return _stopped(tx, found, event.reason, now)
    if found.state is BarState.LIFTING:
        return _went_on(tx, found, event.reason, now)
    return found


def retry_bar(tx: Tx, service: ServiceId, cause: Cause, *, now: datetime) -> Bar:
    """Asks the network once more for what it has refused. Raises `UnknownBar` and
    `NothingRefused`."""
    found = next((each for each in store.bars_of_service(tx, service) if each.cause is cause), None)
    if found is None:
        raise UnknownBar(f"nothing is to be stopped of {service[:60]!r} for {cause}")
    if found.state not in HANDED_OVER:
        raise NothingRefused(f"it is {found.state}", path="state")
    return _lift(tx, found, now) if found.state is BarState.KEPT else _ask(tx, found, now)


def retry_when_due(tx: Tx, command: RetryBar, now: datetime) -> None:
    """Unless something else has happened since that try."""
    for each in store.bars_of_service(tx, command.service):
        if (
            each.cause == command.cause
            and each.state in HANDED_OVER
            and each.attempts == command.attempts
        ):
            retry_bar(tx, each.service, each.cause, now=now)


def forget_bars(tx: Tx, service: ServiceId, now: datetime) -> list[Bar]:
    """The service has ended: there is nothing to stop, or to let go on. Returns what was."""
    found = store.bars_of_service(tx, service)
    for each in found:
        _forget(tx, each, "the service has ended", now)
    return found


def _want_again(tx: Tx, bar: Bar, now: datetime) -> None:
    wanted = msgspec.structs.replace(bar, wanted=True)
    if bar.state is BarState.KEPT:
        _move(tx, wanted, BarState.BARRED)
    elif bar.state is BarState.REFUSED and not bar.wanted:
        _ask(tx, wanted, now)
    elif not bar.wanted:
        store.put_bar(tx, wanted)


def _stop_again(tx: Tx, service: ServiceId, now: datetime) -> None:
    """Somebody else had the service resumed, which is to be stopped all the same."""
    for each in store.bars_of_service(tx, service):
        if each.cause is Cause.BALANCE and each.state is BarState.BARRED and each.wanted:
            _ask(tx, each, now)


def _stopped(tx: Tx, bar: Bar, refusal: str | None, now: datetime) -> Bar | None:
    if refusal is None:
        after = _move(tx, _resolved(tx, bar, "the network has stopped it", now), BarState.BARRED)
        return after if after.wanted else _lift(tx, after, now)
    if bar.wanted:
        return _refused(tx, bar, BarState.REFUSED, refusal, now)
    if _may_be_stopped(tx, bar):
        return _lift(tx, bar, now)
    _forget(tx, bar, "it needn't be stopped any more", now)
    return None


def _went_on(tx: Tx, bar: Bar, refusal: str | None, now: datetime) -> Bar | None:
    if refusal is None and bar.wanted:
        return _ask(tx, bar, now)
    if refusal is None:
        _forget(tx, bar, "the network has let it go on", now)
        return None
    if bar.wanted:
        return _move(tx, bar, BarState.BARRED)
    return _refused(tx, bar, BarState.KEPT, refusal, now)


def _may_be_stopped(tx: Tx, bar: Bar) -> bool:
    """What the network gave no answer to, it may have done."""
    return bar.state in (BarState.ASKED, BarState.REFUSED) and network.got_stuck(tx, bar.service)


def _ask(tx: Tx, bar: Bar, now: datetime) -> Bar:
    instruction = _tell(tx, bar, ServiceState.INACTIVE, "barred", now)
    asked = msgspec.structs.replace(bar, wanted=True, instruction=instruction, asked_at=now)
    if instruction is not None:
        return _move(tx, asked, BarState.ASKED)
    return _move(tx, _resolved(tx, asked, "it is stopped", now), BarState.BARRED)


def _lift(tx: Tx, bar: Bar, now: datetime) -> Bar:
    """Forgotten at once where nothing is to be waited for."""
    instruction = _tell(tx, bar, ServiceState.ACTIVE, "allowed", now)
    lifting = msgspec.structs.replace(bar, wanted=False, instruction=instruction, asked_at=now)
    if instruction is None:
        _forget(tx, lifting, "it goes on", now)
        return lifting
    if bar.state is not BarState.KEPT:
        lifting = msgspec.structs.replace(lifting, attempts=0, reason=None)
    return _move(tx, lifting, BarState.LIFTING)


def _tell(tx: Tx, bar: Bar, state: ServiceState, word: str, now: datetime) -> InstructionId | None:
    """None where nothing is to be waited for. A product that rests for another reason is not
    brought back."""
    service = inventory.service(tx, bar.service)
    if bar.cause in CHARACTERISTICS:
        wanted = {**service.characteristics, **_asked_beside(tx, bar)}
        wanted[CHARACTERISTICS[bar.cause]] = word
        return inventory.request_characteristics(tx, bar.service, wanted, now=now)
    if state is ServiceState.ACTIVE:
        if inventory.product(tx, bar.product).status is not ProductStatus.ACTIVE:
            return None
    elif service.state is state:
        return None
    return inventory.request_states(tx, {bar.service: state}, now=now).get(bar.service)


def _asked_beside(tx: Tx, bar: Bar) -> dict[str, str]:
    """What the network was asked for of the same service and hasn't answered: it is told all that
    a service is to have, each time."""
    words = {BarState.ASKED: "barred", BarState.LIFTING: "allowed"}
    return {
        CHARACTERISTICS[each.cause]: words[each.state]
        for each in store.bars_of_service(tx, bar.service)
        if each.cause is not bar.cause and each.cause in CHARACTERISTICS and each.state in words
    }


def _move(tx: Tx, bar: Bar, to: BarState) -> Bar:
    if bar.state is not to:
        BAR_LIFECYCLE.check(bar.state, to)
    after = msgspec.structs.replace(bar, state=to)
    store.put_bar(tx, after)
    return after


def _refused(tx: Tx, bar: Bar, state: BarState, reason: str, now: datetime) -> Bar:
    """A person hears of it at once; it is tried again meanwhile, for some time."""
    attempts = bar.attempts + 1
    if attempts <= len(RETRIES):
        again = RetryBar(service=bar.service, cause=bar.cause, attempts=attempts)
        tx.emit(again, not_before=now + RETRIES[attempts - 1])
    refused = msgspec.structs.replace(bar, attempts=attempts, reason=reason[:500])
    if refused.ticket is None:
        ticket = _open_ticket(tx, refused, state, now)
        refused = msgspec.structs.replace(refused, ticket=ticket)
    return _move(tx, refused, state)


def _open_ticket(tx: Tx, bar: Bar, state: BarState, now: datetime) -> str:
    service = inventory.service(tx, bar.service)
    what = _WHAT[bar.cause]
    refusal = f"stop {what}" if state is BarState.REFUSED else f"let {what} go on"
    body = {
        "name": f"The network doesn't {refusal}",
        "description": f"{service.name}, {service.id}: {bar.reason}",
        "severity": "Major",
        "ticketType": _TICKET_TYPE,
        "relatedEntity": [
            {"id": str(service.id), "@referredType": "Service", "role": _TICKET_TYPE}
        ],
        "relatedParty": [{"id": service.customer, "role": "customer", "@referredType": "Customer"}],
    }
    return str(customers.open_ticket(tx, body, now=now)["id"])


def _resolved(tx: Tx, bar: Bar, why: str, now: datetime) -> Bar:
    """Without what was refused so far: the ticket is resolved, unless somebody did so."""
    if bar.ticket is not None:
        for found in documents.find(tx, customers.TICKETS, [bar.ticket]):
            if TICKET_LIFECYCLE.following(TicketStatus(found["status"])) >= {_RESOLVED}:
                customers.move_ticket(
                    tx, ticket=TicketId(bar.ticket), to=_RESOLVED, reason=why, now=now
                )
    return msgspec.structs.replace(bar, attempts=0, reason=None, ticket=None)


def _forget(tx: Tx, bar: Bar, why: str, now: datetime) -> None:
    _resolved(tx, bar, why, now)
    store.drop_bar(tx, bar)
