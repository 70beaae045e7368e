"""However the relay is killed, each delivery takes effect once and keys keep their order."""

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import DatabaseName, Message, Reaction, Routes
from trunkline.platform.relay import Relay


class Counted(Message, frozen=True):
    topic: ClassVar[str] = "test.counted"
    who: str
    number: int
    passed_on: bool = False

    @property
    def key(self) -> str:
        return self.who


class Killed(BaseException):
    """Nobody catches it: the nearest that one process comes to SIGKILL."""


_WRITE = sa.text("INSERT INTO effect (who, number) VALUES (:who, :number)")
_READ = sa.text("SELECT who, number FROM effect ORDER BY id")


def _note(tx: Tx, message: Counted, now: datetime) -> None:
    tx.execute(_WRITE, {"who": message.who, "number": message.number})


def _pass_on(tx: Tx, message: Counted, now: datetime) -> None:
    if not message.passed_on:
        tx.emit(Counted(f"{message.who}'s echo", message.number, True))


@pytest.fixture
def routes() -> Routes:
    return Routes(
        [
            Reaction("test.note_here", Counted, _note, "books"),
            Reaction("test.note_there", Counted, _note, "charging"),
            Reaction("test.pass_on", Counted, _pass_on, "charging"),
        ]
    )


@pytest.fixture
def both(books: Database, charging: Database) -> dict[DatabaseName, Database]:
    for database in (books, charging):
        kind = "INTEGER PRIMARY KEY" if database.dialect == "sqlite" else "SERIAL PRIMARY KEY"
        with database.transaction() as tx:
            tx.execute(sa.text(f"CREATE TABLE effect (id {kind}, who TEXT, number INTEGER)"))
    return {"books": books, "charging": charging}


@contextmanager
def killing(databases: dict[DatabaseName, Database], shall: Callable[[], bool]) -> Iterator[None]:
    """Raises `Killed` before a statement or a commit for which `shall` says so."""

    def before_statement(*_: Any) -> None:
        if shall():
            raise Killed

    for each in databases.values():
        sa.event.listen(each.engine, "before_cursor_execute", before_statement)
        sa.event.listen(each.engine, "commit", before_statement)
    try:
        yield
    finally:
        for each in databases.values():
            sa.event.remove(each.engine, "before_cursor_execute", before_statement)
            sa.event.remove(each.engine, "commit", before_statement)


def effects(database: Database) -> list[tuple[str, int]]:
    with database.read() as r:
        return [(row.who, row.number) for row in r.execute(_READ)]


def send(database: Database, *messages: Counted) -> None:
    with database.transaction() as tx:
        for each in messages:
            tx.emit(each)


def check(databases: dict[DatabaseName, Database], sent: list[Counted]) -> None:
    """Every message and its echo was noted once in each database, in order by its key."""
    for database in databases.values():
        noted = effects(database)
        for who in {each.who for each in sent}:
            expected = [each.number for each in sent if each.who == who]
            assert [number for name, number in noted if name == who] == expected
            assert [number for name, number in noted if name == f"{who}'s echo"] == expected
        assert len(noted) == 2 * len(sent)


def test_killed_at_any_statement(
    both: dict[DatabaseName, Database], routes: Routes, clock: DrivenClock
) -> None:
    sent: list[Counted] = []
    for step in itertools.count():
        fresh = [Counted("ann", 2 * step), Counted("bob", 2 * step), Counted("ann", 2 * step + 1)]
        send(both["books"], *fresh)
        sent += fresh
        steps = itertools.count()
        killed = False
        with killing(both, lambda steps=steps, step=step: next(steps) == step):  # type: ignore[misc]
            try:
                Relay(both, routes, clock, hold=3600.0).drain()
            except Killed:
                killed = True
        Relay(both, routes, clock, hold=3600.0).drain()
        check(both, sent)
        if not killed:
            break
    assert step > 20, "the test kills at every statement, and there are more than these"


@pytest.mark.parametrize("hold", [0.0, 3600.0])
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(
    both: dict[DatabaseName, Database], routes: Routes, clock: DrivenClock, seed: int, hold: float
) -> None:
    dice = random.Random(seed)
    sent: list[Counted] = []
    for number in range(12):
        fresh = [Counted(who, number) for who in "abc"]
        send(both["books"], *fresh)
        sent += fresh
        with killing(both, lambda: dice.random() < 0.05), suppress(Killed):
            Relay(both, routes, clock, hold=hold).drain()
    Relay(both, routes, clock, hold=hold).drain()
    check(both, sent)


@pytest.mark.parametrize("seed", range(3))
def test_failing_deliveries_keep_order_too(
    both: dict[DatabaseName, Database], clock: DrivenClock, seed: int
) -> None:
    dice = random.Random(seed)

    def flaky(tx: Tx, message: Counted, now: datetime) -> None:
        _note(tx, message, now)
        if dice.random() < 0.2:
            raise RuntimeError("bad luck")

    routes = Routes(
        [
            Reaction("test.flaky_here", Counted, flaky, "books"),
            Reaction("test.flaky_there", Counted, flaky, "charging"),
        ]
    )
    both["books"].routes = routes
    sent = [Counted(who, number) for number in range(12) for who in "abc"]
    send(both["books"], *sent)
    relay = Relay(both, routes, clock, jitter=lambda: 0.0, hold=3600.0)
    for _ in range(40):
        relay.drain()
        clock.advance(timedelta(minutes=1))
    for database in both.values():
        noted = effects(database)
        for who in "abc":
            assert [number for name, number in noted if name == who] == list(range(12))
