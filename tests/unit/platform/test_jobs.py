"""A job continues where it was killed, does no chunk twice, and runs once at a time."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.locks import until_it_waits
from trunkline.platform import jobs
from trunkline.platform.changes import Change, Changed
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Busy, Database, DatabaseUnavailable, Tx
from trunkline.platform.jobs import Job, JobState, JobSuperseded, NoSuchJob, Step

ITEMS = 10
CHUNK = 3
END_CLAIMS = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def books(books: Database) -> Database:
    with books.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE worked (item INTEGER)"))
    return books


class Killed(BaseException):
    pass


def work(tx: Tx, position: Any, now: datetime) -> Step:
    first = position or 0
    chunk = range(first, min(first + CHUNK, ITEMS))
    for item in chunk:
        tx.execute(sa.text("INSERT INTO worked VALUES (:item)"), {"item": item})
    return Step(chunk.stop, len(chunk), finished=chunk.stop == ITEMS, total=ITEMS)


def worked(books: Database) -> list[int]:
    with books.read() as r:
        return list(r.execute(sa.text("SELECT item FROM worked ORDER BY item")).scalars())


def test_it_runs_to_its_end_and_tells_how_far_it_is(books: Database, clock: DrivenClock) -> None:
    told: list[Job] = []
    done = jobs.run(books, name="count", step=work, clock=clock, progress=told.append)
    assert done.state is JobState.DONE
    assert [(each.done, each.total) for each in told] == [(3, 10), (6, 10), (9, 10), (10, 10)]
    assert worked(books) == list(range(ITEMS))
    with books.read() as r:
        assert jobs.status(r, "count") == done


def test_a_job_that_is_done_stays_done_unless_asked(books: Database, clock: DrivenClock) -> None:
    jobs.run(books, name="count", step=work, clock=clock)
    jobs.run(books, name="count", step=work, clock=clock)
    assert len(worked(books)) == ITEMS
    jobs.run(books, name="count", step=work, clock=clock, again=True)
    assert len(worked(books)) == 2 * ITEMS


@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("error", [Killed, RuntimeError])
def test_it_continues_after_its_end(
    books: Database, clock: DrivenClock, chunk: int, error: type[BaseException]
) -> None:
    chunks = iter(range(100))

    def dying(tx: Tx, position: Any, now: datetime) -> Step:
        step = work(tx, position, now)
        if next(chunks) == chunk:
            raise error("gone")
        return step

    with pytest.raises(error):
        jobs.run(books, name="count", step=dying, clock=clock)
    with books.read() as r:
        left = jobs.status(r, "count")
    assert left.done == chunk * CHUNK
    assert (left.state is JobState.FAILED) == (error is RuntimeError)
    assert jobs.run(books, name="count", step=work, clock=clock).done == ITEMS
    assert worked(books) == list(range(ITEMS))


def test_it_runs_once_at_a_time(books: Database, clock: DrivenClock) -> None:
    def nested(tx: Tx, position: Any, now: datetime) -> Step:
        with pytest.raises(Busy, match="count"):
            jobs.run(books, name="count", step=work, clock=clock)
        return work(tx, position, now)

    jobs.run(books, name="count", step=nested, clock=clock)
    assert worked(books) == list(range(ITEMS))


def test_a_runner_that_lost_its_claim_commits_nothing(books: Database, clock: DrivenClock) -> None:
    def overtaken(tx: Tx, position: Any, now: datetime) -> Step:
        tx.execute(sa.text("UPDATE job SET run = run + 1"))
        return work(tx, position, now)

    with pytest.raises(JobSuperseded):
        jobs.run(books, name="count", step=overtaken, clock=clock)
    assert worked(books) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("engine", ["postgresql"])
def test_who_takes_over_waits_for_the_chunk_that_is_being_committed(
    books: Database, clock: DrivenClock
) -> None:
    """As where the claim's connection ends before the chunk's: a process that was killed."""
    ended: list[Job] = []

    def run() -> None:
        ended.append(jobs.run(books, name="count", step=work, clock=clock))

    successor = threading.Thread(target=run)

    def at_commit(_tx: Tx, _changes: Sequence[Changed]) -> None:
        books.announce = None
        with books.read() as r:
            while r.execute(END_CLAIMS).all():
                pass
        successor.start()
        until_it_waits(books, successor)

    def step(tx: Tx, position: Any, now: datetime) -> Step:
        tx.changed("Job", "count", Change.CREATED)
        return work(tx, position, now)

    books.announce = at_commit
    with pytest.raises((JobSuperseded, DatabaseUnavailable)):
        jobs.run(books, name="count", step=step, clock=clock)
    successor.join()
    assert [each.done for each in ended] == [ITEMS]
    assert worked(books) == list(range(ITEMS))


def test_an_unknown_job(books: Database) -> None:
    with books.read() as r, pytest.raises(NoSuchJob):
        jobs.status(r, "count")
