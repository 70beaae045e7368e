"""Several relays on the same databases, and relays whose process is killed."""

import multiprocessing
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import ClassVar

import pytest
import sqlalchemy as sa

from trunkline.platform.clock import DrivenClock, SystemClock
from trunkline.platform.db import Database, Tx, books_metadata, charging_metadata
from trunkline.platform.messages import DatabaseName, Message, Reaction, Routes
from trunkline.platform.relay import INBOX_AGE, Relay, backlog, parked

MakeDatabase = Callable[..., Database]


class Numbered(Message, frozen=True):
    topic: ClassVar[str] = "test.numbered"
    who: str
    number: int

    @property
    def key(self) -> str:
        return self.who


def _note(tx: Tx, message: Numbered, now: datetime) -> None:
    tx.execute(
        sa.text("INSERT INTO effect (who, number) VALUES (:who, :number)"),
        {"who": message.who, "number": message.number},
    )


ROUTES = Routes(
    [
        Reaction("test.here", Numbered, _note, "books"),
        Reaction("test.there", Numbered, _note, "charging"),
    ]
)


@pytest.fixture
def routes() -> Routes:
    return ROUTES


@pytest.fixture
def both(books: Database, charging: Database) -> dict[DatabaseName, Database]:
    for database in (books, charging):
        kind = "INTEGER PRIMARY KEY" if database.dialect == "sqlite" else "SERIAL PRIMARY KEY"
        with database.transaction() as tx:
            tx.execute(sa.text(f"CREATE TABLE effect (id {kind}, who TEXT, number INTEGER)"))
    return {"books": books, "charging": charging}


def send(database: Database, count: int) -> None:
    for number in range(count):
        with database.transaction() as tx:
            for who in "abc":
                tx.emit(Numbered(who, number))


def check(databases: dict[DatabaseName, Database], count: int) -> None:
    for database in databases.values():
        with database.read() as r:
            rows = r.execute(sa.text("SELECT who, number FROM effect ORDER BY id")).all()
        for who in "abc":
            assert [row.number for row in rows if row.who == who] == list(range(count))


def test_relays_together_deliver_once_and_in_order(
    both: dict[DatabaseName, Database], make_database: MakeDatabase, clock: DrivenClock
) -> None:
    """Each has connections of its own, as in a process of its own."""
    count = 60
    relays = [Relay({name: make_database(name) for name in both}, ROUTES, clock) for _ in range(3)]
    failures: list[Exception] = []
    stop = threading.Event()

    def work(relay: Relay) -> None:
        try:
            while not stop.is_set():
                relay.drain()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(relay,)) for relay in relays]
    for each in threads:
        each.start()
    send(both["books"], count)
    stop.set()
    for each in threads:
        each.join()
    assert failures == []
    Relay(both, ROUTES, clock).drain()
    check(both, count)


def _run_relay(urls: dict[str, str], ready: Connection) -> None:
    metadata = {"books": books_metadata, "charging": charging_metadata}
    databases = {
        name: Database(url, metadata=metadata[name], routes=ROUTES, durable=False)
        for name, url in urls.items()
    }
    ready.send("ready")
    Relay(databases, ROUTES, SystemClock()).run(threading.Event())


@pytest.mark.slow
def test_a_relay_that_is_killed_loses_and_doubles_nothing(
    both: dict[DatabaseName, Database], clock: DrivenClock
) -> None:
    count, kills = 120, 3
    urls = {
        str(name): each.url.set(
            drivername="sqlite" if each.dialect == "sqlite" else "postgresql"
        ).render_as_string(hide_password=False)
        for name, each in both.items()
    }
    context = multiprocessing.get_context("spawn")
    for round_ in range(kills):
        with both["books"].transaction() as tx:
            for number in range(round_ * count // kills, (round_ + 1) * count // kills):
                for who in "abc":
                    tx.emit(Numbered(who, number))
        ear, mouth = context.Pipe()
        process = context.Process(target=_run_relay, args=(urls, mouth))
        process.start()
        ear.recv()
        while not _effects(both["charging"]) > round_ * count:
            pass
        process.kill()
        process.join()
    # PostgreSQL may not know yet that its client is dead: what that held is passed over.
    while _due(both["books"], clock.now()):
        Relay(both, ROUTES, clock).drain()
    check(both, count)


def _due(database: Database, now: datetime) -> int:
    with database.read() as r:
        return backlog(r, now)[0]


def _effects(database: Database) -> int:
    with database.read() as r:
        return int(r.execute(sa.text("SELECT count(*) FROM effect")).scalar_one())


def test_inbox_rows_go_once_their_delivery_is_gone(
    both: dict[DatabaseName, Database], clock: DrivenClock
) -> None:
    send(both["books"], 2)
    relay = Relay(both, ROUTES, clock)
    relay.drain()
    assert relay.prune() == 0, "they are young"
    clock.advance(INBOX_AGE + timedelta(seconds=1))
    assert relay.prune() == 6
    assert relay.prune() == 0


def test_a_delivery_for_nobody_is_parked_in_the_end(
    both: dict[DatabaseName, Database], clock: DrivenClock
) -> None:
    send(both["books"], 1)
    relay = Relay(both, Routes(), clock, jitter=lambda: 0.0)
    for _ in range(5):
        relay.drain()
        clock.advance(timedelta(minutes=1))
    with both["books"].read() as r:
        left = parked(r)
    assert len(left) == 6
    assert "nothing reacts as test.here" in (left[0].last_error or "")


def test_a_payload_that_is_no_longer_understood_is_parked(
    both: dict[DatabaseName, Database], clock: DrivenClock
) -> None:
    send(both["books"], 1)
    with both["books"].transaction() as tx:
        tx.execute(sa.text("UPDATE outbox SET payload = '{}'"))
    relay = Relay(both, ROUTES, clock, jitter=lambda: 0.0)
    for _ in range(10):
        relay.drain()
        clock.advance(timedelta(hours=2))
    with both["books"].read() as r:
        assert len(parked(r)) == 6
