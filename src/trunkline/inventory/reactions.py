"""What inventory does when its own timers ring."""

from datetime import datetime

from trunkline.inventory import shelf
from trunkline.inventory.events import EndQuarantine
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def _end_quarantine(tx: Tx, command: EndQuarantine, now: datetime) -> None:
    shelf.end_quarantine(tx, command.resource, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("inventory.end_quarantine", EndQuarantine, _end_quarantine, "books"),
)
