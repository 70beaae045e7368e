"""The relay delivers once in effect, in order, and gives up in the open."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from trunkline.kernel.errors import Refused, Unavailable
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import DatabaseName, Message, Reaction, Routes
from trunkline.platform.relay import DELAYS, Relay, parked, retry_parked


class Said(Message, frozen=True):
    topic: ClassVar[str] = "test.said"
    who: str
    what: str

    @property
    def key(self) -> str:
        return self.who


HEARD: list[tuple[str, str]] = []
TROUBLE: dict[str, Exception] = {}


def _hear(place: str) -> Callable[[Tx, Any, datetime], None]:
    def hear(tx: Tx, message: Said, now: datetime) -> None:
        if message.what in TROUBLE:
            raise TROUBLE[message.what]
        HEARD.append((place, f"{message.who}:{message.what}"))

    return hear


@pytest.fixture(autouse=True)
def _silence() -> None:
    HEARD.clear()
    TROUBLE.clear()


@pytest.fixture
def routes() -> Routes:
    return Routes(
        [
            Reaction("test.near", Said, _hear("near"), "books"),
            Reaction("test.far", Said, _hear("far"), "charging"),
        ]
    )


def _say(books: Database, *lines: str, not_before: datetime | None = None) -> None:
    with books.transaction() as tx:
        for line in lines:
            who, what = line.split(":")
            tx.emit(Said(who, what), not_before=not_before)


def test_each_reaction_hears_each_message_once_in_order(books: Database, relay: Relay) -> None:
    _say(books, "ann:1", "bob:1", "ann:2")
    assert relay.drain() == 6
    assert relay.drain() == 0
    for place in ("near", "far"):
        assert [line for at, line in HEARD if at == place] == ["ann:1", "bob:1", "ann:2"]


@pytest.mark.parametrize("database", ["books", "charging"])
def test_what_can_be_run_together_is_and_one_by_one_where_that_fails(
    books: Database, charging: Database, clock: DrivenClock, database: DatabaseName
) -> None:
    def hear_all(tx: Tx, messages: Sequence[Said], now: datetime) -> None:
        for each in messages:
            _hear("among others")(tx, each, now)

    hearing = Reaction("test.near", Said, _hear("alone"), database, together=hear_all)
    routes = Routes([hearing])
    for each in (books, charging):
        each.routes = routes
    relay = Relay({"books": books, "charging": charging}, routes, clock)
    _say(books, "ann:1", "bob:1", "ann:2")
    assert relay.drain() == 3
    assert [("among others", line) for line in ("ann:1", "bob:1", "ann:2")] == HEARD
    HEARD.clear()
    TROUBLE["never"] = Refused("never mind")
    _say(books, "ann:3", "bob:never", "bob:4", "eve:1")
    assert relay.drain() == 2
    assert [line for at, line in HEARD if at == "alone"] == ["ann:3", "eve:1"]


def test_what_is_rolled_back_is_never_heard(books: Database, relay: Relay) -> None:
    def say_and_fail() -> None:
        with books.transaction() as tx:
            tx.emit(Said("ann", "1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        say_and_fail()
    assert relay.drain() == 0


def test_a_held_back_message_waits_for_its_instant(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    _say(books, "ann:later", not_before=clock.now() + timedelta(days=1))
    _say(books, "ann:now")
    relay.drain()
    assert {line for _, line in HEARD} == {"ann:now"}
    clock.advance(timedelta(days=1))
    relay.drain()
    assert {line for _, line in HEARD} == {"ann:now", "ann:later"}


def test_a_failure_holds_its_own_key_only_and_is_retried(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    TROUBLE["1"] = RuntimeError("the line is noisy")
    _say(books, "ann:1", "ann:2", "bob:2")
    relay.drain()
    assert {line for _, line in HEARD} == {"bob:2"}
    TROUBLE.clear()
    clock.advance(timedelta(seconds=1))
    relay.drain()
    assert [line for at, line in HEARD if at == "far"] == ["bob:2", "ann:1", "ann:2"]


def test_a_refusal_is_parked_after_a_few_tries_and_can_be_retried(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    TROUBLE["1"] = Refused("no")
    _say(books, "ann:1", "ann:2")
    for _ in range(10):
        relay.drain()
        clock.advance(timedelta(minutes=5))
    with books.read() as r:
        left = parked(r)
    assert [each.subscriber for each in left] == ["test.near", "test.far"]
    assert [each.attempts for each in left] == [4, 4]
    assert "Refused: no" in (left[0].last_error or "")
    assert not HEARD
    TROUBLE.clear()
    with books.transaction() as tx:
        for each in left:
            retry_parked(tx, each.id)
    relay.drain()
    assert [line for at, line in HEARD if at == "near"] == ["ann:1", "ann:2"]


def test_what_needs_something_that_is_away_is_tried_until_it_is_back(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    TROUBLE["1"] = Unavailable("gone fishing")
    _say(books, "ann:1")
    for _ in range(20):
        relay.drain()
        clock.advance(timedelta(minutes=1))
    with books.read() as r:
        assert parked(r) == []
    TROUBLE.clear()
    assert relay.drain() == 2


def test_other_failures_are_given_up_in_the_end(
    books: Database, relay: Relay, clock: DrivenClock
) -> None:
    TROUBLE["1"] = RuntimeError("always")
    _say(books, "ann:1")
    tries = 0
    with books.read() as r:
        while not parked(r):
            tries += 1
            relay.drain()
            clock.advance(timedelta(hours=1))
    assert tries == len(DELAYS) + 1
