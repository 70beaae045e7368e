"""The turnstile lets one in at a time, and nobody twice before one who waits."""

import fcntl
import multiprocessing
import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from trunkline.platform.db import Database, DatabaseUnavailable, books_metadata
from trunkline.platform.turnstile import Turnstile


def _count_up(path: str, times: int) -> None:
    turnstile = Turnstile(Path(path))
    for _ in range(times):
        with turnstile():
            counter = Path(f"{path}-counter")
            counter.write_text(str(int(counter.read_text()) + 1))


@pytest.mark.slow
def test_processes_and_their_threads_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    Path(f"{path}-counter").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count_up, args=(str(path), 50)) for _ in range(2)]
    threads = [threading.Thread(target=_count_up, args=(str(path), 50)) for _ in range(4)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for process in processes:
        process.join()
    for thread in threads:
        thread.join()
    assert Path(f"{path}-counter").read_text() == "300"


def test_threads_that_share_a_turnstile_exclude_each_other(tmp_path: Path) -> None:
    turnstile = Turnstile(tmp_path / "x.db")
    inside: list[int] = []
    most = []

    def visit() -> None:
        for _ in range(50):
            with turnstile():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(most) == 200
    assert max(most) == 1


def _somebody_waits(path: Path) -> bool:
    gate = os.open(f"{path}-gate", os.O_RDWR)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(gate)
    return False


def test_who_comes_again_stands_behind_who_waits(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    turnstile = Turnstile(path)
    order = []

    def wait() -> None:
        with turnstile():
            order.append("the one who waited")

    with turnstile():
        waiter = threading.Thread(target=wait)
        waiter.start()
        while not _somebody_waits(path):
            pass
    with turnstile():
        order.append("the one who came again")
    waiter.join()
    assert order == ["the one who waited", "the one who came again"]


def test_who_yields_lets_those_go_first_who_come_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    yielding, turnstile = Turnstile(path, yields=True), Turnstile(path)
    order = []

    def visit(who: str, entrance: Turnstile) -> None:
        with entrance():
            order.append(who)

    with turnstile():
        first = threading.Thread(target=visit, args=("others", turnstile))
        first.start()
        while not _somebody_waits(path):
            pass
        second = threading.Thread(target=visit, args=("who yields", yielding))
        second.start()
    first.join()
    second.join()
    assert order == ["others", "who yields"]


def test_who_yields_comes_in_where_the_gate_is_never_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who come again and again hold it up for so long, not for ever."""
    monkeypatch.setattr("trunkline.platform.turnstile.YIELDS_FOR", 0.0)
    path = tmp_path / "x.db"
    yielding, turnstile = Turnstile(path, yields=True), Turnstile(path)
    came_in = threading.Event()

    def visit() -> None:
        with yielding():
            came_in.set()

    def busy() -> None:
        while not came_in.is_set():
            with turnstile():
                pass

    threads = [threading.Thread(target=each) for each in (busy, busy, visit)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert came_in.is_set()


def test_a_child_process_does_not_share_its_parents_locks(tmp_path: Path) -> None:
    turnstile = Turnstile(tmp_path / "x.db")
    with turnstile():
        pass
    turnstile._owner -= 1  # as it looks to a child after a fork
    files = turnstile._borrow()
    assert turnstile._free == []
    for each in files:
        os.close(each)


def test_an_error_inside_gives_way(tmp_path: Path) -> None:
    turnstile = Turnstile(tmp_path / "x.db")
    for _ in range(2):
        try:
            with turnstile():
                raise RuntimeError
        except RuntimeError:
            pass


def test_a_commit_is_on_the_disk_before_it_returns_and_others_write_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    database = Database(url, metadata=books_metadata)
    other = Database(url, metadata=books_metadata, durable=False)
    with database.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
    synced: list[int] = []

    def sync(file: int) -> None:
        with other.transaction() as tx:
            tx.execute(sa.text("INSERT INTO counter VALUES (2)"))
        synced.append(os.fstat(file).st_ino)

    monkeypatch.setattr("trunkline.platform.db._sync", sync)
    with database.transaction() as tx:
        tx.execute(sa.text("INSERT INTO counter VALUES (1)"))
    log = Path(f"{tmp_path}/x.db-wal").stat().st_ino
    assert synced == [log]
    database.persist()
    other.persist()
    assert synced == [log, log]
    database.close()
    other.close()


def test_a_disk_that_fails_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db", metadata=books_metadata)

    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("trunkline.platform.db._sync", fail)
    with pytest.raises(DatabaseUnavailable, match="Input/output"), database.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
    database.close()


def test_sqlite_learns_which_index_tells_more(tmp_path: Path) -> None:
    metadata = sa.MetaData(info={"database": "books"})
    table = sa.Table(
        "thing", metadata, sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.Integer), sa.Column("state", sa.String),
        sa.Index("thing_by_owner", "owner"), sa.Index("thing_by_state", "state", "id"),
    )  # fmt: skip
    database = Database(f"sqlite:///{tmp_path}/x.db", metadata=metadata, durable=False)
    database.create_all()
    with database.transaction() as tx:
        tx.execute(
            sa.insert(table), [{"id": str(n), "owner": n, "state": "on"} for n in range(2000)]
        )
    asked = "SELECT id FROM thing WHERE owner = 5 AND state = 'on' ORDER BY id"

    def index() -> str:
        with database.read() as r:
            plan = r.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").first()
        assert plan is not None
        return str(plan[-1])

    assert "thing_by_state" in index()
    database.analyze()
    database.close()  # as connections are made anew from time to time
    assert "thing_by_owner" in index()
    database.close()


def test_write_transactions_of_many_threads_all_succeed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db", metadata=books_metadata, durable=False)
    with database.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
        tx.execute(sa.text("INSERT INTO counter VALUES (0)"))

    def count_up() -> None:
        for _ in range(25):
            with database.transaction() as tx:
                n = tx.execute(sa.text("SELECT n FROM counter")).scalar_one()
                tx.execute(sa.text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with database.read() as r:
        assert r.execute(sa.text("SELECT n FROM counter")).scalar_one() == 150
    database.close()
