"""Transactions, reads and column types behave the same on both engines."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.locks import somebody_waits
from trunkline.kernel.ids import Id
from trunkline.platform.db import (
    Busy,
    Database,
    DatabaseUnavailable,
    Instant,
    Json,
    Reader,
    books_metadata,
    immutable,
)

METADATA = sa.MetaData()
thing = sa.Table(
    "thing",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("at", Instant, nullable=True),
    sa.Column("body", Json, nullable=True),
)
fact = immutable(sa.Table("fact", METADATA, sa.Column("id", sa.Integer, primary_key=True)))


class ThingId(Id):
    prefix = "thing"


@pytest.fixture
def books(books: Database) -> Database:
    with books.engine.begin() as connection:
        METADATA.create_all(connection)
    return books


def ids(r: Reader) -> list[str]:
    return list(r.execute(sa.select(thing.c.id).order_by(thing.c.id)).scalars())


def test_a_transaction_is_whole_or_nothing(books: Database) -> None:
    with books.transaction() as tx:
        tx.execute(sa.insert(thing), {"id": "a"})
        assert ids(tx) == ["a"]
        with books.read() as r:
            assert ids(r) == []

    def fail() -> None:
        with books.transaction() as tx:
            tx.execute(sa.insert(thing), {"id": "b"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with books.read() as r:
        assert ids(r) == ["a"]


def test_a_list_of_rows_is_one_insert(books: Database) -> None:
    with books.transaction() as tx:
        tx.execute(sa.insert(thing), [{"id": f"{n:03}"} for n in range(500)])
        assert len(ids(tx)) == 500


def test_an_insert_tells_whether_it_was_the_first(books: Database) -> None:
    insert = postgresql.insert(thing).on_conflict_do_nothing()
    with books.transaction() as tx:
        assert tx.execute(insert, {"id": "a"}).rowcount == 1
        assert tx.execute(insert, {"id": "a"}).rowcount == 0


def test_after_an_error_of_the_database_the_next_transaction_works(books: Database) -> None:
    for _ in range(3):
        with pytest.raises(sa.exc.IntegrityError), books.transaction() as tx:
            tx.execute(sa.insert(thing), [{"id": "a"}, {"id": "a"}])
    with books.transaction() as tx:
        tx.execute(sa.insert(thing), {"id": "a"})


def test_a_wrong_statement_is_not_called_unavailable(books: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), books.transaction() as tx:
        tx.execute(sa.text("SELECT * FROM nowhere"))


def test_an_error_of_the_database_tells_no_values(books: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError) as error, books.transaction() as tx:
        tx.execute(sa.text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "a listener's own"})
    assert "a listener's own" not in str(error.value)
    assert "a listener's own" not in repr(error.value)


def test_values_come_back_as_they_went(books: Database) -> None:
    at = datetime(2026, 11, 21, 20, 50, 0, 123456, tzinfo=UTC)
    body = {
        "price": Decimal("12.50"),
        "small": Decimal("0.0000001"),
        "n": 2**53 + 1,
        "text": "Zoë 👋 ' \" \\ %s",
        "list": [True, None, {}, []],
    }
    with books.transaction() as tx:
        tx.execute(sa.insert(thing), {"id": ThingId("a"), "at": at, "body": body})
        tx.execute(sa.insert(thing), {"id": "b", "at": None, "body": None})
        tx.execute(sa.insert(thing), {"id": "c", "at": None, "body": []})
        rows = tx.execute(sa.select(thing).order_by(thing.c.id)).all()
    assert [(row.at, row.body) for row in rows] == [(at, body), (None, None), (None, [])]
    assert str(rows[0].body["price"]) == "12.50"


def test_reading_can_not_write(books: Database) -> None:
    for reading in (books.read, books.snapshot):
        with pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"), reading() as r:
            r.execute(sa.insert(thing), {"id": "a"})
    with books.read() as r:
        assert ids(r) == []


def test_nothing_is_nested(books: Database) -> None:
    with books.transaction(), pytest.raises(AssertionError), books.transaction():
        pass
    with books.transaction():
        pass


def test_a_snapshot_sees_one_state(books: Database) -> None:
    with books.snapshot() as r:
        assert ids(r) == []
        with books.transaction() as tx:
            tx.execute(sa.insert(thing), {"id": "a"})
        assert ids(r) == []
    with books.snapshot() as r:
        assert ids(r) == ["a"]


def test_immutable_rows_stay(books: Database) -> None:
    with books.transaction() as tx:
        tx.execute(sa.insert(fact), {"id": 1})
    for statement in (sa.update(fact).values(id=2), sa.delete(fact)):
        with pytest.raises(sa.exc.DBAPIError, match="immutable"), books.transaction() as tx:
            tx.execute(statement)
    with books.read() as r:
        assert r.execute(sa.select(fact.c.id)).scalar_one() == 1


def test_what_is_exclusive_has_one_holder(books: Database) -> None:
    with books.exclusive("bill run 2026/11"):
        with pytest.raises(Busy, match="bill run 2026/11"), books.exclusive("bill run 2026/11"):
            pass
        with books.exclusive("bill run 2026/12"):
            pass
    with books.exclusive("bill run 2026/11"):
        pass


@pytest.mark.postgresql
@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_holder_that_is_just_leaving_is_waited_for(books: Database) -> None:
    """As one who was killed is, until the server has noticed."""
    held: list[bool] = []

    def hold() -> None:
        with books.exclusive("import"):
            held.append(True)

    after = threading.Thread(target=hold)
    with books.exclusive("import"):
        after.start()
        while after.is_alive() and not somebody_waits(books):
            after.join(0.005)
    after.join()
    assert held == [True]


def test_ids_and_the_driver_are_at_hand(books: Database) -> None:
    with books.transaction() as tx:
        assert tx.new_id(ThingId, books.now()).startswith("thing_")
        assert tx.driver.execute("SELECT 1").fetchone()[0] == 1
    books.checkpoint()


def test_a_database_that_is_away_is_unavailable() -> None:
    away = [
        Database("sqlite:////nowhere/at/all.db", metadata=books_metadata),
        Database("postgresql://u@127.0.0.1:1/x", metadata=books_metadata),
    ]
    for database in away:
        with pytest.raises(DatabaseUnavailable), database.read() as r:
            r.execute(sa.text("SELECT 1"))
        database.close()


def test_a_file_that_is_none_of_ours_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_text("a list of groceries, forgotten here\n" * 40)
    database = Database(f"sqlite:///{tmp_path}/books.db", metadata=books_metadata)
    with pytest.raises(DatabaseUnavailable, match="unable to open"), database.transaction():
        pass
    with pytest.raises(DatabaseUnavailable, match="not a database"), database.read() as r:
        r.execute(sa.text("SELECT 1"))
    database.close()
