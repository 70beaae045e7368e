"""The jobs, as documents, and the order in which they run."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from trunkline.catalog.model import DocumentKind
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

JSON = "application/json"


class ImportJobId(Id):
    __slots__ = ()
    prefix = "imp"


class ExportJobId(Id):
    __slots__ = ()
    prefix = "exp"


class JobRunning(Conflict):
    code = "jobRunning"


class Direction(StrEnum):
    IMPORT = "ImportJob"
    EXPORT = "ExportJob"


class JobState(StrEnum):
    """TMF620 v4, JobStateType."""

    NOT_STARTED = "Not Started"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


JOB_LIFECYCLE = Lifecycle(
    "job",
    {
        JobState.NOT_STARTED: {JobState.RUNNING},
        JobState.RUNNING: {JobState.SUCCEEDED, JobState.FAILED},
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: frozenset(),
    },
)


class Scope(StrEnum):
    """Whose collections a job is about."""

    PRODUCT = "product"
    SERVICE = "service"
    RESOURCE = "resource"

    @property
    def collections(self) -> tuple[DocumentKind, ...]:
        return _COLLECTIONS[self]


_COLLECTIONS = {
    Scope.PRODUCT: (
        DocumentKind.CATALOG,
        DocumentKind.CATEGORY,
        DocumentKind.SPECIFICATION,
        DocumentKind.OFFERING,
        DocumentKind.PRICE,
    ),
    Scope.SERVICE: (
        DocumentKind.SERVICE_CATALOG,
        DocumentKind.SERVICE_CATEGORY,
        DocumentKind.SERVICE_CANDIDATE,
        DocumentKind.SERVICE_SPECIFICATION,
    ),
    Scope.RESOURCE: (
        DocumentKind.RESOURCE_CATALOG,
        DocumentKind.RESOURCE_CATEGORY,
        DocumentKind.RESOURCE_CANDIDATE,
        DocumentKind.RESOURCE_SPECIFICATION,
    ),
}


def _columns() -> tuple[sa.Column[Any], ...]:
    return sa.Column("scope", sa.String(10), nullable=False), sa.Column(
        "status", sa.String(20), nullable=False
    )


IMPORT_JOBS = documents.table("catalog_import_job", *_columns())
EXPORT_JOBS = documents.table("catalog_export_job", *_columns())
_UNFINISHED = {
    direction: sa.select(table.c.id, table.c.scope)
    .where(table.c.status.in_([JobState.NOT_STARTED.value, JobState.RUNNING.value]))
    .order_by(table.c.created_at, table.c.id)
    for direction, table in ((Direction.IMPORT, IMPORT_JOBS), (Direction.EXPORT, EXPORT_JOBS))
}


def job_kind(direction: Direction, scope: Scope) -> Kind:
    """The jobs of one API."""
    table = IMPORT_JOBS if direction is Direction.IMPORT else EXPORT_JOBS

    def columns(body: Body) -> Mapping[str, Any]:
        return {"scope": scope.value, "status": body["status"]}

    def complete(body: Body, before: Body | None, now: datetime) -> Body:
        if before is not None:
            return body
        _check_url(body.get("url"))
        if body.get("contentType", JSON) != JSON:
            raise Invalid(f"is {JSON}", path="contentType")
        _check_path(scope, body.get("path"))
        supplied = {"contentType": JSON, "creationDate": format_instant(now)}
        return {key: each for key, each in body.items() if key not in _OURS} | supplied

    def deletable(_tx: Tx, body: Body) -> None:
        if body["status"] == JobState.RUNNING:
            raise JobRunning("it can't be deleted before it has ended", path="status")

    return Kind(
        name=direction.value,
        ids=ImportJobId if direction is Direction.IMPORT else ExportJobId,
        table=table,
        columns=columns,
        complete=complete,
        deletable=deletable,
        lifecycle=JOB_LIFECYCLE,
        begins=(JobState.NOT_STARTED.value,),
    )


_OURS = frozenset({"completionDate", "errorLog", "creationDate"})


def unfinished(r: Reader, direction: Direction) -> list[tuple[str, Scope]]:
    """The jobs to run, the oldest first; one that a killed process left running too."""
    return [(row.id, Scope(row.scope)) for row in r.execute(_UNFINISHED[direction])]


def collection_of(scope: Scope, path: str | None) -> DocumentKind | None:
    """The collection that a job's `path` ends in; None for all."""
    if path is None:
        return None
    name = urlsplit(path).path.rstrip("/").rpartition("/")[2]
    return next((each for each in scope.collections if each == name), None)


def _check_url(url: Any) -> None:
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        raise Invalid("is an address that begins with http:// or https://", path="url")


def _check_path(scope: Scope, path: Any) -> None:
    if path is not None and (not isinstance(path, str) or collection_of(scope, path) is None):
        names = ", ".join(scope.collections)
        raise Invalid(f"ends in one of {names}", path="path")
