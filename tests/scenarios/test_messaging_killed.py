"""A sender that is killed outright: each message is sent, and none more than twice."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.scenarios.messaging_operator import Town
from tests.unit.messaging.centre import OK, PATIENCE, TestCentre
from trunkline import messaging
from trunkline.messaging import MessageState
from trunkline.messaging.smpp.text import decoded
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

MESSAGES = 40
KILL_AFTER = (7, 8, 15)
"""Submissions that the centre gets from each sender before it dies; the last isn't killed."""
SENDER = """
import sys, threading
from datetime import datetime
from trunkline.app import REACTIONS
from trunkline.messaging import Centre, Ear, Sender, SmppChannel
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay

clock = DrivenClock(datetime.fromisoformat(sys.argv[3]))
routes = Routes(REACTIONS)
books = Database(sys.argv[1], metadata=books_metadata, routes=routes, clock=clock)
ear = Ear(books, clock)
centre = Centre(host="127.0.0.1", port=int(sys.argv[2]), password="secret", window=1)
sender = Sender(books, clock, SmppChannel(centre, ear.receipt, ear.message))
relay = Relay({"books": books}, routes, clock)
with books.exclusive("messages by sms"):
    sender.recover()
    relay.drain()
    while sender.look():
        relay.drain()
"""


@pytest.mark.slow
def test_killed_between_sending_and_noting(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    """With a window of one, a kill sends one message again at most."""
    town = Town(books, relay, clock)
    for number in range(MESSAGES):
        town.say(content=f"message {number}")
    with TestCentre() as centre:
        for kill_after in (*KILL_AFTER, MESSAGES + 1):
            _send_until_killed(books, centre, clock, kill_after)
        texts = Counter(
            decoded(each.short_message, each.data_coding) for each in list(centre.submitted.queue)
        )
        assert texts.keys() == {f"message {number}" for number in range(MESSAGES)}
        assert max(texts.values()) <= 2
        assert texts.total() <= MESSAGES + len(KILL_AFTER)
        names: dict[str, set[int]] = {}
        for each in centre.submitted.queue:
            text = decoded(each.short_message, each.data_coding)
            names.setdefault(text, set()).add(each.user_message_reference)
        assert all(len(each) == 1 for each in names.values())
    with books.read() as r:
        states = Counter(r.execute(messaging.MESSAGES.select()).scalars("state"))
    assert states == {MessageState.IN_PROGRESS: MESSAGES}


def _send_until_killed(
    books: Database, centre: TestCentre, clock: DrivenClock, kill_after: int
) -> None:
    """Runs a sender, and kills it while its `kill_after`-th message waits for an answer."""
    process: subprocess.Popen[bytes]
    count = 0

    def answer(_: object) -> int:
        nonlocal count
        count += 1
        if count == kill_after:
            process.kill()
            process.wait(PATIENCE)
        return OK

    centre.answer = answer
    url = books.url.set(drivername=books.url.get_backend_name())
    told = (url.render_as_string(hide_password=False), str(centre.port), clock.now().isoformat())
    process = subprocess.Popen([sys.executable, "-c", SENDER, *told])
    assert process.wait(PATIENCE * 3) in (0, -9)
