"""Whatever is sent, whatever fails and whenever it is tried: once each, in order by key."""

import itertools
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.effort import examples
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx, books_metadata, charging_metadata
from trunkline.platform.messages import DatabaseName, Message, Reaction, Routes
from trunkline.platform.relay import Relay

METADATA = {"books": books_metadata, "charging": charging_metadata}


class Told(Message, frozen=True):
    topic: ClassVar[str] = "test.told"
    who: str
    number: int
    fails: int
    """How often each of its reactions fails before it succeeds."""
    delay: int

    @property
    def key(self) -> str:
        return self.who


class World:
    """Two databases, a relay, and what has happened in them."""

    def __init__(self, templates: dict[str, Path], place: Path) -> None:
        self.failed: dict[tuple[str, int], int] = {}
        self.sent: list[tuple[Told, datetime]] = []
        self.clock = DrivenClock(NOW)
        routes = Routes(
            [
                Reaction("test.here", Told, self._hear, "books"),
                Reaction("test.there", Told, self._hear, "charging"),
            ]
        )
        self.databases: dict[DatabaseName, Database] = {}
        for name in ("books", "charging"):
            path = place / f"{name}.db"
            shutil.copy(templates[name], path)
            database = Database(
                f"sqlite:///{path}", metadata=METADATA[name], routes=routes, durable=False
            )
            with database.transaction() as tx:
                tx.execute(sa.text("CREATE TABLE effect (who TEXT, number INTEGER, at TEXT)"))
            self.databases[database.name] = database
        self.relay = Relay(self.databases, routes, self.clock, jitter=lambda: 0.0)

    def _hear(self, tx: Tx, message: Told, now: datetime) -> None:
        tx.execute(
            sa.text("INSERT INTO effect VALUES (:who, :number, :at)"),
            {"who": message.who, "number": message.number, "at": now.isoformat()},
        )
        attempt = (tx.database.name, message.number)
        if self.failed.get(attempt, 0) < message.fails:
            self.failed[attempt] = self.failed.get(attempt, 0) + 1
            raise RuntimeError("not yet")

    def send(self, message: Told) -> None:
        due = self.clock.now() + timedelta(seconds=message.delay)
        with self.databases["books"].transaction() as tx:
            tx.emit(message, not_before=due if message.delay else None)
        self.sent.append((message, due))

    def effects(self, name: DatabaseName) -> list[tuple[int, datetime]]:
        """The numbers that took effect, in order, and when."""
        with self.databases[name].read() as r:
            rows = r.execute(sa.text("SELECT number, at FROM effect ORDER BY rowid"))
            return [(row.number, datetime.fromisoformat(row.at)) for row in rows]

    def close(self) -> None:
        for each in self.databases.values():
            each.close()


sending = st.builds(
    Told,
    who=st.sampled_from("ab"),
    number=st.just(0),
    fails=st.sampled_from([0, 0, 0, 1, 2]),
    delay=st.sampled_from([0, 0, 0, 3, 40]),
)
waiting = st.sampled_from([0, 1, 6, 60]).map(lambda seconds: timedelta(seconds=seconds))
_places = itertools.count()


@pytest.mark.slow
@settings(
    max_examples=examples(40),
)
@given(schedule=st.lists(st.lists(sending, max_size=4) | waiting, max_size=12))
def test_once_each_and_in_order(
    schedule: list[list[Told] | timedelta],
    sqlite_templates: dict[str, Path],
    tmp_path: Path,
) -> None:
    place = tmp_path / str(next(_places))
    place.mkdir()
    world = World(sqlite_templates, place)
    try:
        _live(world, schedule)
    finally:
        world.close()


def _live(world: World, schedule: list[list[Told] | timedelta]) -> None:
    numbers = itertools.count(1)
    for step in schedule:
        if isinstance(step, timedelta):
            world.clock.advance(step)
            world.relay.drain()
        else:
            for each in step:
                world.send(Told(each.who, next(numbers), each.fails, each.delay))
    for _ in range(30):
        world.relay.drain()
        world.clock.advance(timedelta(minutes=1))
    sent = {each.number: (each, due) for each, due in world.sent}
    for name in world.databases:
        effects = world.effects(name)
        assert sorted(number for number, _ in effects) == sorted(sent)
        assert all(at >= sent[number][1] for number, at in effects), "none comes too early"
        for who in "ab":
            prompt = [
                number
                for number, _ in effects
                if sent[number][0].who == who and not sent[number][0].delay
            ]
            assert prompt == sorted(prompt)


def test_nothing_happens_unless_the_relay_runs(
    sqlite_templates: dict[str, Path], tmp_path: Path
) -> None:
    world = World(sqlite_templates, tmp_path)
    world.send(Told("a", 1, 0, 0))
    assert world.effects("books") == []
    world.relay.drain()
    assert world.effects("books") == [(1, NOW)]
    world.close()
