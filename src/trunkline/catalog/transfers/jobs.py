"""Running import and export jobs."""

from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from trunkline.catalog.model import DocumentKind
from trunkline.catalog.operations import save_document
from trunkline.catalog.store import catalog_document, find_documents
from trunkline.catalog.transfers import content
from trunkline.catalog.transfers.store import (
    JSON,
    Direction,
    JobState,
    Scope,
    collection_of,
    job_kind,
    unfinished,
)
from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Busy, Database, DatabaseUnavailable, Reader
from trunkline.tmf import documents, matching
from trunkline.tmf.documents import Body, Kind

log = structlog.get_logger(__name__)

_CHUNK = 500
_LONGEST_ERROR = 4000
_IDS = (
    sa.select(catalog_document.c.id)
    .where(catalog_document.c.kind == sa.bindparam("of_kind"))
    .order_by(catalog_document.c.id)
)


class TransferFailed(Unavailable):
    """The file can't be fetched, or can't be sent."""

    code = "transferFailed"


class Files(Protocol):
    """Where files come from and go to. Both raise `TransferFailed`, or `Refused` where settings
    don't allow the address."""

    def fetch(self, url: str, limit: int) -> bytes: ...

    def send(self, url: str, body: bytes, media: str) -> None: ...


def run_transfers(books: Database, files: Files, now: datetime, *, most: int = 1000) -> int:
    """Runs the jobs that wait, at most so many, one after another, and says how many. What
    somebody else runs at the moment stays his."""
    try:
        with books.exclusive("catalogue transfers"):
            with books.read() as r:
                waiting = [
                    (job_kind(direction, scope), scope, ident)
                    for direction in Direction
                    for ident, scope in unfinished(r, direction)
                ][:most]
            for kind, scope, ident in waiting:
                _run(books, files, kind, scope, ident, now)
    except Busy:
        return 0
    return len(waiting)


def _run(
    books: Database, files: Files, kind: Kind, scope: Scope, ident: str, now: datetime
) -> None:
    with books.transaction() as tx:
        job = documents.get(tx, kind, ident)
        if job["status"] == JobState.NOT_STARTED:
            job = documents.move(tx, kind, ident, JobState.RUNNING.value, now)
    try:
        if kind.name == Direction.IMPORT:
            _import(books, files, kind, scope, job, now)
        else:
            _export(books, files, scope, job)
            with books.transaction() as tx:
                _finish(tx, kind, ident, now)
    except DatabaseUnavailable:
        raise  # It stays as it is, and is run again.
    except TrunklineError as error:
        said = f"{error.path}: {error.reason}" if error.path else error.reason
        _fail(books, kind, ident, said, now)
    except Exception as error:
        # Our own fault: left running, it would be run again for ever, before all others.
        log.exception("a catalogue job failed", job=ident)
        _fail(books, kind, ident, f"failed here: {error!r}", now)


def _fail(books: Database, kind: Kind, ident: str, said: str, now: datetime) -> None:
    with books.transaction() as tx:
        documents.move(
            tx, kind, ident, JobState.FAILED.value, now,
            errorLog=said[:_LONGEST_ERROR], completionDate=format_instant(now),
        )  # fmt: skip


def _finish(tx: Any, kind: Kind, ident: str, now: datetime) -> None:
    documents.move(
        tx, kind, ident, JobState.SUCCEEDED.value, now, completionDate=format_instant(now)
    )


def _import(
    books: Database, files: Files, kind: Kind, scope: Scope, job: Body, now: datetime
) -> None:
    fetched = files.fetch(job["url"], content.MAX_CONTENT)
    entries = content.read(fetched, collection_of(scope, job.get("path")), scope.collections)
    with books.transaction() as tx:
        for entry in entries:
            try:
                save_document(tx, kind=entry.kind, body=entry.body, now=now)
            except TrunklineError as error:
                error.path = f"{entry.path}.{error.path}" if error.path else entry.path
                raise
        _finish(tx, kind, job["id"], now)


def _export(books: Database, files: Files, scope: Scope, job: Body) -> None:
    only = collection_of(scope, job.get("path"))
    terms = matching.parse(job.get("query") or "").terms
    with books.snapshot() as r:
        bodies = {
            kind: [body for body in _all(r, kind) if matching.matches(body, terms)]
            for kind in ((only,) if only is not None else scope.collections)
        }
    files.send(job["url"], content.write(bodies, only), JSON)


def _all(r: Reader, kind: DocumentKind) -> list[Body]:
    ids = list(r.execute(_IDS, {"of_kind": kind.value}).scalars())
    found: list[Body] = []
    for first in range(0, len(ids), _CHUNK):
        some = find_documents(r, kind, ids[first : first + _CHUNK])
        found += [dict(some[each].body) for each in ids[first : first + _CHUNK] if each in some]
    return found
