"""A commit wakes the relay: of the same process, and of others."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import pytest

from trunkline.platform import relay as relay_module
from trunkline.platform.clock import SystemClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.knock import Knocker, ear_path, socket_path
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.platform.wake import listen


class Rung(Message, frozen=True):
    topic: ClassVar[str] = "test.rung"

    @property
    def key(self) -> str:
        return "bell"


HEARD = threading.Event()


def _hear(tx: Tx, message: Rung, now: datetime) -> None:
    HEARD.set()


@pytest.fixture
def routes() -> Routes:
    return Routes([Reaction("test.hear", Rung, _hear, "books")])


@pytest.fixture
def running(
    books: Database, routes: Routes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Event]:
    """A relay that hardly ever looks by itself, until the event that this gives is set."""
    monkeypatch.setattr(relay_module, "POLL", 3600.0)
    HEARD.clear()
    stop = threading.Event()
    relay = Relay({"books": books}, routes, SystemClock())
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    yield stop
    stop.set()
    books.wake()
    thread.join()


def ring(database: Database) -> None:
    with database.transaction() as tx:
        tx.emit(Rung())


def test_a_commit_of_the_same_process_wakes_it(running: threading.Event, books: Database) -> None:
    while not HEARD.wait(0.05):
        ring(books)


def test_a_commit_of_another_process_wakes_it(
    running: threading.Event, make_database: Callable[..., Database]
) -> None:
    another = make_database("books")
    while not HEARD.wait(0.05):
        ring(another)


def test_a_dead_listeners_socket_is_replaced(tmp_path: Path) -> None:
    import socket

    from trunkline.platform.wake import _bind

    place = socket_path(tmp_path / "x.db")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(place))
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second,
    ):
        assert _bind(ear, place)
        assert not _bind(second, place), "the first one lives"


def test_a_long_path_gets_a_short_socket() -> None:
    assert len(str(socket_path(Path("/" + "x" * 200 + ".db")))) < 100


def test_a_knock_on_a_channel_wakes_all_who_listen_on_it(books: Database) -> None:
    stop = threading.Event()
    ears = [threading.Event() for _ in range(2)]
    other = threading.Event()
    threads = [listen(books, each, stop, "notices") for each in ears]
    threads.append(listen(books, other, stop, "else"))
    for _ in range(200):
        with books.transaction() as tx:
            tx.knock("notices")
            tx.knock("notices")
        if all(each.wait(0.1) for each in ears):
            break
    assert all(each.is_set() for each in ears)
    assert not other.is_set()
    stop.set()
    for thread in threads:
        thread.join()


def test_what_a_dead_listener_left_goes_away(tmp_path: Path) -> None:
    place = ear_path(tmp_path / "books.db", "notices")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place))
    knocker = Knocker(tmp_path / "books.db")
    knocker.knock_at("notices")
    knocker.close()
    assert not place.exists()
