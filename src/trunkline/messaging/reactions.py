"""What messaging does on commands, its own too, and when a consent is refused."""

from datetime import datetime

from trunkline.customers.events import ConsentRefused
from trunkline.messaging import sending
from trunkline.messaging.events import GiveUpWaiting, ReleaseDispatch, SendMessage
from trunkline.messaging.operations import notify_customer
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def _send(tx: Tx, command: SendMessage, now: datetime) -> None:
    notify_customer(tx, command, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("messaging.send_message", SendMessage, _send, "books"),
    Reaction("messaging.release_dispatch", ReleaseDispatch, sending.release, "books"),
    Reaction("messaging.give_up_waiting", GiveUpWaiting, sending.give_up_waiting, "books"),
    Reaction("messaging.consent_refused", ConsentRefused, sending.consent_refused, "books"),
)
