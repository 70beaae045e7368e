"""Long work in short transactions: bill runs, imports, expiries.

A job's step does one chunk in a transaction that also stores how far the job has come, so that
one that was killed continues where its last commit left it, and no chunk is done twice. A job
runs once at a time, in any process; the system itself lets go of a killed runner's claim.
"""

import traceback
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Conflict, NotFound
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Instant, Json, Reader, Tx, books_metadata

log = structlog.get_logger(__name__)


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(msgspec.Struct, frozen=True):
    """How far a job has come. `position` is its own, JSON; `total` is None while unknown. One
    that is running and whose `updated_at` is old was killed, or has a long step."""

    name: str
    state: JobState
    position: Any
    done: int
    total: int | None
    started_at: datetime
    updated_at: datetime
    error: str | None = None


class Step(msgspec.Struct, frozen=True):
    """What a chunk did: where the next one begins, how many items it dealt with, and whether
    the job is finished."""

    position: Any
    done: int
    finished: bool = False
    total: int | None = None


class JobSuperseded(Conflict):
    """Another runner has taken over: this one lost its claim, and its chunk is undone."""

    code = "jobSuperseded"


class NoSuchJob(NotFound):
    code = "noSuchJob"


job = sa.Table(
    "job",
    books_metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("position", Json, nullable=True),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False, index=True),
    sa.Column("error", sa.Text, nullable=True),
)
_which = job.c.name == sa.bindparam("which", type_=sa.String)
_FIND = sa.select(job).where(_which)
_HOLD = _FIND.with_for_update()
_INSERT = postgresql.insert(job).on_conflict_do_nothing()
_UPDATE = sa.update(job).where(_which, job.c.run == sa.bindparam("run_", type_=sa.Integer))

Work = Callable[[Tx, Any, datetime], Step]
Progress = Callable[[Job], None]


def run(
    database: Database,
    *,
    name: str,
    step: Work,
    clock: Clock,
    progress: Progress | None = None,
    again: bool = False,
) -> Job:
    """Runs `step(tx, position, now)` until it says that it is finished.

    The first position is None. A job of this name that was killed or failed continues; one
    that is done stays done, unless `again`. `name` says what exactly is done ("bill-run
    2026-11"). Raises `database.Busy` while another runner has it; an error of a step undoes
    that chunk, is noted with the job and raised.
    """
    with database.exclusive(f"job {name}"):
        with database.transaction() as tx:
            current, token = _begin(tx, name, clock.now(), again=again)
        while current.state is not JobState.DONE:
            try:
                with database.transaction() as tx:
                    now = clock.now()
                    current = _advance(current, step(tx, current.position, now), now)
                    _save(tx, current, token)
            except Exception as error:
                _note_failure(database, current, token, error, clock.now())
                raise
            if progress is not None:
                progress(current)
    return current


def _begin(tx: Tx, name: str, now: datetime, *, again: bool) -> tuple[Job, int]:
    fresh = Job(name, JobState.RUNNING, None, 0, None, now, now)
    tx.execute(_INSERT, {**_columns(fresh), "name": name, "run": 0})
    # The last chunk of one who lost its claim may be on its way into the database still.
    row = tx.execute(_HOLD, {"which": name}).one()
    current = fresh if again and row.state == JobState.DONE else _job(row)
    if current.state is JobState.FAILED:
        current = msgspec.structs.replace(current, state=JobState.RUNNING, error=None)
    token = row.run + 1
    tx.execute(_UPDATE, {"which": name, "run_": row.run, "run": token, **_columns(current)})
    return current, token


def _advance(current: Job, step: Step, now: datetime) -> Job:
    return msgspec.structs.replace(
        current,
        state=JobState.DONE if step.finished else JobState.RUNNING,
        position=step.position,
        done=current.done + step.done,
        total=current.total if step.total is None else step.total,
        updated_at=now,
    )


def _save(tx: Tx, current: Job, token: int) -> None:
    params = {"which": current.name, "run_": token, "run": token, **_columns(current)}
    if tx.execute(_UPDATE, params).rowcount != 1:
        raise JobSuperseded(f"{current.name} has another runner by now")


def _note_failure(
    database: Database, current: Job, token: int, error: Exception, now: datetime
) -> None:
    text = "".join(traceback.format_exception(error))[-4000:]
    failed = msgspec.structs.replace(current, state=JobState.FAILED, updated_at=now, error=text)
    params = {"which": current.name, "run_": token, "run": token, **_columns(failed)}
    with database.transaction() as tx:
        tx.execute(_UPDATE, params)
    log.error("job failed", job=current.name, done=current.done, error=str(error))


def _columns(current: Job) -> dict[str, Any]:
    return {
        "state": current.state.value,
        "position": current.position,
        "done": current.done,
        "total": current.total,
        "started_at": current.started_at,
        "updated_at": current.updated_at,
        "error": current.error,
    }


def _job(row: sa.Row[Any]) -> Job:
    return Job(
        name=row.name,
        state=JobState(row.state),
        position=row.position,
        done=row.done,
        total=row.total,
        started_at=row.started_at,
        updated_at=row.updated_at,
        error=row.error,
    )


def status(r: Reader, name: str) -> Job:
    """Raises `NoSuchJob`."""
    row = r.execute(_FIND, {"which": name}).one_or_none()
    if row is None:
        raise NoSuchJob(f"no job is named {name!r}")
    return _job(row)
