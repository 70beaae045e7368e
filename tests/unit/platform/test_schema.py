"""The migrations lead to exactly what the stores declare, on both engines."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from trunkline.app import METADATA
from trunkline.platform import schema
from trunkline.platform.db import with_driver
from trunkline.platform.messages import DatabaseName

NewDatabase = Callable[..., str]
WHICH: tuple[DatabaseName, ...] = ("books", "charging")


def triggers(url: str) -> list[str]:
    """The names of all triggers."""
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with engine.connect() as connection:
        found = connection.execute(sa.text(names[engine.dialect.name])).scalars().all()
    engine.dispose()
    return sorted(found)


def create_all(url: str, metadata: sa.MetaData) -> None:
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()


@pytest.mark.parametrize("which", WHICH)
def test_the_migrations_make_what_the_stores_declare(
    which: DatabaseName, new_database: NewDatabase
) -> None:
    url = new_database("migrated", empty=True)
    schema.upgrade(url, which)
    assert schema.differences(url, METADATA[which]) == []
    assert schema.revision(url) == schema.head(which)
    declared = new_database("declared", empty=True)
    create_all(declared, METADATA[which])
    assert triggers(url) == triggers(declared)


@pytest.mark.parametrize("which", WHICH)
def test_an_upgrade_of_what_is_there_changes_nothing(
    which: DatabaseName, new_database: NewDatabase
) -> None:
    url = new_database("migrated", empty=True)
    schema.upgrade(url, which)
    schema.upgrade(url, which)
    schema.check(url, which)


def tables(url: str) -> list[str]:
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    found = sa.inspect(engine).get_table_names()
    engine.dispose()
    return found


@pytest.mark.slow
def test_processes_that_upgrade_at_once_wait_for_each_other(new_database: NewDatabase) -> None:
    url = new_database("migrated", empty=True)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=schema.upgrade, args=(url, "books")) for _ in range(2)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert [each.exitcode for each in processes] == [0, 0]
    schema.check(url, "books")


def test_an_upgrade_that_fails_leaves_nothing(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database("migrated", empty=True)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", fail)
        with pytest.raises(RuntimeError):
            schema.upgrade(url, "books")
    assert tables(url) == []
    schema.upgrade(url, "books")
    schema.check(url, "books")


@pytest.mark.parametrize("which", WHICH)
def test_an_old_schema_is_refused(which: DatabaseName, new_database: NewDatabase) -> None:
    with pytest.raises(schema.WrongSchema, match="trunkline db upgrade"):
        schema.check(new_database("empty", empty=True), which)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(schema.WrongSchema, match="there is no database"):
        schema.check(f"sqlite:///{tmp_path}/x.db", "books")


def test_a_difference_is_seen(new_database: NewDatabase) -> None:
    url = new_database("migrated", empty=True)
    schema.upgrade(url, "books")
    metadata = sa.MetaData()
    sa.Table("surplus", metadata, sa.Column("id", sa.Integer, primary_key=True))
    assert any("surplus" in str(each) for each in schema.differences(url, metadata))


def test_what_is_somebody_elses_is_left_alone(new_database: NewDatabase) -> None:
    url = new_database("theirs", empty=True)
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (id INTEGER)"))
    engine.dispose()
    with pytest.raises(schema.WrongSchema, match="holds other tables: theirs"):
        schema.upgrade(url, "books")
    assert tables(url) == ["theirs"]


def test_one_database_is_not_taken_for_the_other(new_database: NewDatabase) -> None:
    url = new_database("migrated", empty=True)
    schema.upgrade(url, "books")
    with pytest.raises(schema.WrongSchema, match="which this version doesn't know"):
        schema.upgrade(url, "charging")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_bytes(b"no database" * 200)
    with pytest.raises(schema.CannotOpen, match=r"books\.db: file is not a database"):
        schema.upgrade(f"sqlite:///{tmp_path}/books.db", "books")


def test_a_file_in_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(schema.CannotOpen, match=r"books\.db: (File exists|Not a directory)"):
        schema.upgrade(f"sqlite:///{tmp_path}/file/books.db", "books")


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(schema.CannotOpen, match=r"127\.0\.0\.1:1/books") as caught:
        schema.upgrade("postgresql://me:secret@127.0.0.1:1/books", "books")
    assert "secret" not in str(caught.value)
