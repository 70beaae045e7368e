"""A group of deliveries takes rows in the order of their sending, others take theirs in the order
of ids: when the two cross, it is the group that begins again."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import pytest
import sqlalchemy as sa

from tests.locks import somebody_waits
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay

MakeDatabase = Callable[..., Database]
pytestmark = pytest.mark.postgresql

_COUNT = sa.text("UPDATE tally SET count = count + 1 WHERE who = :who")


class Count(Message, frozen=True):
    topic: ClassVar[str] = "test.count"
    who: str

    @property
    def key(self) -> str:
        return self.who


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_group_never_costs_another_its_transaction(
    books: Database, make_database: MakeDatabase, clock: DrivenClock
) -> None:
    counted_b, crossed = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def count(tx: Tx, message: Count, now: datetime) -> None:
        if message.who == "a":
            # The other one waits first: PostgreSQL would make it the victim.
            while not crossed.is_set() and not somebody_waits(books):
                pass
        tx.execute(_COUNT, {"who": message.who})
        counted_b.set()

    routes = Routes([Reaction("test.count", Count, count, "books")])
    sender = make_database("books", routes=routes)
    with sender.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE tally (who TEXT PRIMARY KEY, count INTEGER)"))
        tx.execute(sa.text("INSERT INTO tally VALUES ('a', 0), ('b', 0)"))
        tx.emit(Count("b"))
        tx.emit(Count("a"))

    def relay() -> None:
        try:
            Relay({"books": sender}, routes, clock, hold=60).drain()
        except BaseException as error:
            errors.append(error)

    working = threading.Thread(target=relay)
    with books.transaction() as tx:
        tx.execute(_COUNT, {"who": "a"})
        working.start()
        assert counted_b.wait(60)
        tx.execute(_COUNT, {"who": "b"})
        crossed.set()
    working.join()
    assert errors == []
    with books.read() as r:
        assert list(r.execute(sa.text("SELECT who, count FROM tally ORDER BY who"))) == [
            ("a", 2),
            ("b", 2),
        ]
