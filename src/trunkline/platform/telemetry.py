"""What a running system tells: structured logs, metrics, and whether it is healthy.

Logs go to standard error through structlog, with whatever the current context holds
(`context(request="...")`); tracebacks come without local variables, which may hold secrets and
personal data. Metrics are Prometheus's, in `REGISTRY`, one for each process.
"""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO, cast

import msgspec
import prometheus_client
import sqlalchemy as sa
import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.platform import relay
from trunkline.platform.db import Database
from trunkline.platform.settings import LogSettings

REGISTRY = prometheus_client.REGISTRY

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _StandardError:
    """Whatever standard error is when something is written: it may be put elsewhere."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(settings: LogSettings) -> None:
    """Sets up structlog, and sends what libraries log by `logging` the same way."""
    standard_error = cast(TextIO, _StandardError())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.format == "json":
        render: Processor = structlog.processors.JSONRenderer(
            serializer=lambda value, **_: msgspec.json.encode(value, enc_hook=str).decode()
        )
        shared.append(ExceptionRenderer(ExceptionDictTransformer(show_locals=False)))
    else:
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    level = _LEVELS[settings.level]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(standard_error),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(standard_error)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


@contextmanager
def context(**values: object) -> Iterator[None]:
    """Every log line of this thread or task carries `values` until the end of the block."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def counter(name: str, meaning: str, *labels: str) -> Counter:
    """A metric that only grows; `name` without its `_total`."""
    return Counter(name, meaning, labels, namespace="trunkline", registry=REGISTRY)


def gauge(name: str, meaning: str, *labels: str) -> Gauge:
    """A metric that goes up and down."""
    return Gauge(name, meaning, labels, namespace="trunkline", registry=REGISTRY)


def histogram(name: str, meaning: str, *labels: str) -> Histogram:
    """How often what took how long, in seconds."""
    return Histogram(
        name,
        meaning,
        labels,
        namespace="trunkline",
        registry=REGISTRY,
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )


_backlog = gauge("outbox_deliveries", "Deliveries that wait, by state", "database", "state")
_lag = gauge("outbox_lag_seconds", "For how long the oldest due delivery has waited", "database")


def metrics(databases: Mapping[Any, Database], now: datetime) -> bytes:
    """This process's metrics in Prometheus's text form (`CONTENT_TYPE`), with the state of the
    outboxes. A database that is away leaves its own out."""
    for database in databases.values():
        try:
            found = backlog(database, now)
        except Unavailable:
            continue
        _backlog.labels(database.name, "due").set(found.due)
        _backlog.labels(database.name, "later").set(found.later)
        _backlog.labels(database.name, "parked").set(found.parked)
        _lag.labels(database.name).set(found.lag)
    return prometheus_client.generate_latest(REGISTRY)


class Backlog(msgspec.Struct, frozen=True):
    """How many deliveries wait in an outbox, and the seconds that the oldest due one has."""

    due: int
    later: int
    parked: int
    lag: float


def backlog(database: Database, now: datetime) -> Backlog:
    with database.read() as r:
        return Backlog(*relay.backlog(r, now))


class Check(msgspec.Struct, frozen=True):
    """One thing that must be well; `reason` where it isn't."""

    name: str
    well: bool
    reason: str = ""
    milliseconds: float = 0.0


def check(databases: Mapping[Any, Database], now: datetime, *, lag: float = 60.0) -> list[Check]:
    """Whether each database answers, and whether its deliveries are no later than `lag`
    seconds."""
    checks = []
    for database in databases.values():
        started = time.perf_counter()
        try:
            with database.read() as r:
                r.execute(sa.text("SELECT 1"))
            waited = backlog(database, now).lag
        except TrunklineError as error:
            checks.append(Check(f"database {database.name}", False, str(error)))
            continue
        took = round((time.perf_counter() - started) * 1000, 3)
        checks.append(Check(f"database {database.name}", True, milliseconds=took))
        late = f"the oldest delivery waits for {waited:.0f} s" if waited > lag else ""
        checks.append(Check(f"relay {database.name}", not late, late))
    return checks
