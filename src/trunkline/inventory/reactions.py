"""What inventory does when its own timers ring, and when the network answers."""

from datetime import datetime

from trunkline.customers.events import PartyErased
from trunkline.inventory import service_operations, shelf
from trunkline.inventory.events import EndQuarantine
from trunkline.inventory.model import ServiceId
from trunkline.inventory.personal import forget_party
from trunkline.inventory.stock import told
from trunkline.inventory.stocks import end_reservation
from trunkline.inventory.stocks.events import EndReservation
from trunkline.network.events import NetworkDone, NetworkRefused
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def _end_quarantine(tx: Tx, command: EndQuarantine, now: datetime) -> None:
    if shelf.end_quarantine(tx, command.resource, now):
        for each in shelf.resources(tx, [command.resource]):
            told(tx, each, Change.STATE)


def _done(tx: Tx, event: NetworkDone, now: datetime) -> None:
    service_operations.settle(
        tx,
        service=ServiceId(event.service),
        verb=event.verb,
        instruction=event.instruction,
        characteristics=event.characteristics,
        now=now,
    )


def _refused(tx: Tx, event: NetworkRefused, now: datetime) -> None:
    service_operations.settle(
        tx,
        service=ServiceId(event.service),
        verb=event.verb,
        instruction=event.instruction,
        reason=event.reason,
        now=now,
    )


def _end_reservation(tx: Tx, command: EndReservation, now: datetime) -> None:
    end_reservation(tx, command.reservation, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("inventory.end_quarantine", EndQuarantine, _end_quarantine, "books"),
    Reaction("inventory.end_reservation", EndReservation, _end_reservation, "books"),
    Reaction("inventory.party_erased", PartyErased, forget_party, "books"),
    Reaction("inventory.network_done", NetworkDone, _done, "books"),
    Reaction("inventory.network_refused", NetworkRefused, _refused, "books"),
)
