"""What works until it is told to stop."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from trunkline.app import edge, open_system
from trunkline.platform import loops
from trunkline.platform.db import DatabaseUnavailable
from trunkline.platform.loops import keep_at, once_there
from trunkline.platform.settings import DatabaseSettings, Settings


class Heard(threading.Event):
    """A bell that notes how long it was waited for, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return self.is_set()


def outcomes(stop: threading.Event, *planned: float | Exception) -> Iterator[float]:
    for each in planned:
        if isinstance(each, Exception):
            raise each
        yield each
    stop.set()
    yield 0


@pytest.mark.parametrize(
    ("failure", "pause"),
    [(DatabaseUnavailable("books: away"), loops.AWAY), (KeyError("our fault"), loops.AGAIN)],
)
def test_whatever_fails_it_goes_on(failure: Exception, pause: float) -> None:
    stop, done = Heard(), 0

    def work() -> float:
        nonlocal done
        done += 1
        if done == 1:
            raise failure
        if done == 3:
            stop.set()
        return 0

    keep_at(work, stop, name="test")
    assert done == 3
    assert stop.waited == [pause]


def test_what_is_left_is_done_at_once_and_a_bell_cuts_the_wait_short() -> None:
    stop, woken = threading.Event(), Heard()
    answers = outcomes(stop, 0, 2.5, 0)
    keep_at(lambda: next(answers), stop, name="test", woken=woken)
    assert woken.waited == [2.5]


def test_a_ring_during_the_work_is_not_lost() -> None:
    stop, woken = threading.Event(), threading.Event()
    done = 0

    def work() -> float:
        nonlocal done
        done += 1
        if done == 1:
            woken.set()
        else:
            stop.set()
            return 0
        return 3600

    keep_at(work, stop, name="test", woken=woken)
    assert done == 2


def test_who_begins_waits_for_a_database_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("trunkline.platform.loops.time.sleep", pauses.append)
    answers = outcomes(threading.Event(), 7)

    def ask() -> float:
        if len(pauses) < 3:
            raise DatabaseUnavailable("books: the database system is starting up")
        return next(answers)

    with capture_logs() as lines:
        assert once_there(ask, name="test") == 7
    assert pauses == [loops.AWAY] * 3
    assert [line["event"] for line in lines] == ["waiting for a database"]


def test_the_edge_begins_with_waiting_for_its_books(monkeypatch: pytest.MonkeyPatch) -> None:
    class StillWaits(Exception):
        pass

    def sleep(_seconds: float) -> None:
        raise StillWaits

    monkeypatch.setattr("trunkline.platform.loops.time.sleep", sleep)
    nobody = "postgresql://nobody@127.0.0.1:1/books"
    system = open_system(Settings(databases=DatabaseSettings(books=nobody, charging=nobody)))
    with pytest.raises(StillWaits):
        edge.create(system)
    system.close()
