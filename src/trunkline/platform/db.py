"""Databases, their transactions, and the column types that all stores share.

There are two: the books, and charging's. A `Tx` is one database's; `Database.transaction`
commits it, operations never do. SQLite and PostgreSQL behave alike: on SQLite every write
transaction passes the turnstile and begins IMMEDIATE; on PostgreSQL it is READ COMMITTED.
"""

import contextlib
import itertools
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, CursorResult, make_url

from trunkline.kernel.errors import Conflict, Unavailable
from trunkline.kernel.ids import IdSource, KindOfId
from trunkline.platform import outbox
from trunkline.platform.changes import Change, Changed
from trunkline.platform.claims import held_at_server, held_file, waited_for_file
from trunkline.platform.clock import Clock, SystemClock
from trunkline.platform.columns import Instant as Instant
from trunkline.platform.columns import Json as Json
from trunkline.platform.columns import decode_json as decode_json
from trunkline.platform.columns import encode_json as encode_json
from trunkline.platform.knock import Knocker
from trunkline.platform.messages import DatabaseName, Message, Routes
from trunkline.platform.principals import Principal
from trunkline.platform.turnstile import Turnstile

# A lock that is waited for so long belongs to something that has gone wrong.
_PATIENT = {"options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"}
_READING = {"options": "-c default_transaction_read_only=on"}

DialectName = Literal["sqlite", "postgresql"]
Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

books_metadata = sa.MetaData(naming_convention=_NAMING, info={"database": "books"})
charging_metadata = sa.MetaData(naming_convention=_NAMING, info={"database": "charging"})

OUTBOX = {
    "books": outbox.define(books_metadata),
    "charging": outbox.define(charging_metadata),
}
_EMIT = {name: sa.insert(tables[0]) for name, tables in OUTBOX.items()}
_CHECKPOINT = sa.text("PRAGMA wal_checkpoint(PASSIVE)")
_SNAPSHOT = "SELECT pg_current_snapshot()::text"
_LOOKED_AT = 400
"""Rows of an index that tell SQLite what it holds."""
_RELEARN = 600
"""Seconds after which a connection is made anew: SQLite's learn what `analyze` found only then."""
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_serials = itertools.count()  # SQLite's data_version says something to its own connection only
_NOTIFY = sa.text(f"NOTIFY {outbox.CHANNEL}")
_READ_ONLY = "25006"  # SQLSTATE
# Sooner than PostgreSQL looks for deadlocks (after 1 s), so that nobody else is its victim.
_GIVE_WAY = sa.text("SET LOCAL lock_timeout = '250ms'")


class DatabaseUnavailable(Unavailable):
    """Away, locked for too long, or torn by a deadlock: the same transaction may succeed."""

    code = "databaseUnavailable"


class Busy(Conflict):
    """Somebody else is doing this at the moment."""

    code = "busy"


class Reader:
    """Reads on one database."""

    __slots__ = ("connection", "database")

    def __init__(self, database: "Database", connection: Connection) -> None:
        self.database = database
        self.connection = connection

    @property
    def dialect(self) -> DialectName:
        return self.database.dialect

    def execute(self, statement: sa.Executable, params: Params | None = None) -> CursorResult[Any]:
        """Runs a statement; a list of rows as `params` of an insert is one executemany."""
        return self.connection.execute(statement, params)

    def stamp(self) -> str:
        """As long as it is the same, nothing was committed to this database by others."""
        if self.dialect == "postgresql":
            return str(self.connection.exec_driver_sql(_SNAPSHOT).scalar_one())
        serial = self.connection.info.setdefault("serial", next(_serials))
        version = self.connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        return f"{serial}:{version}"

    @property
    def driver(self) -> Any:
        """The driver's own connection (`sqlite3.Connection`, `psycopg.Connection`), in the
        same transaction: for the few hot statements that can't afford SQLAlchemy."""
        return self.connection.connection.driver_connection


class Tx(Reader):
    """A write transaction of one database. It also reads, and sees its own writes. `caller`
    is who asked for it over an edge, where somebody did."""

    __slots__ = ("caller", "changes", "emitted", "knocks", "last_forms", "outgoing")

    def __init__(self, database: "Database", connection: Connection) -> None:
        super().__init__(database, connection)
        self.emitted = False
        self.outgoing: list[outbox.OutboxRow] = []
        self.changes: dict[Changed, None] = {}
        self.knocks: set[str] = set()
        self.caller: Principal | None = None
        # What is deleted, as clients saw it last, by type and id: for those who know.
        self.last_forms: dict[tuple[str, str], Any] = {}

    @property
    def by_subscriber(self) -> bool:
        """Whether the caller acts for one customer alone."""
        return self.caller is not None and self.caller.binding is not None

    def changed(self, resource: str, ident: str, change: Change) -> None:
        """Says what this transaction did to a resource that clients know, by its TM Forum type
        and id; once is enough. It is announced with the commit."""
        self.changes[Changed(resource, ident, change)] = None

    def emit(self, message: Message, *, not_before: datetime | None = None) -> None:
        """Sends `message` to its reactions when this transaction commits; not before an
        instant where one is given."""
        self.emit_all((message,), not_before=not_before)

    def emit_all(self, messages: Iterable[Message], *, not_before: datetime | None = None) -> None:
        """The same for many, in their order."""
        database = self.database
        rows = outbox.rows_of(messages, database.routes, database.now(), not_before=not_before)
        if rows:
            self.outgoing += rows
            self.emitted = True

    def knock(self, channel: str) -> None:
        """This transaction's commit wakes all who listen on `channel` (`wake.listen`)."""
        if channel not in self.knocks:
            self.knocks.add(channel)
            if self.dialect == "postgresql":
                self.connection.exec_driver_sql(f"NOTIFY {outbox.channel_name(channel)}")

    def send(self) -> None:
        """Announces what changed, and writes what was emitted so far into the outbox, in one
        statement: the last thing before the commit."""
        if self.changes and self.database.announce is not None:
            self.database.announce(self, list(self.changes))
        if self.outgoing:
            self.connection.execute(_EMIT[self.database.name], self.outgoing)
            self.outgoing = []

    def give_way(self) -> None:
        """From here on it fails rather than wait long for a row that another holds: for those
        who take rows in no agreed order and can begin again. Nothing to do on SQLite, where
        there is one writer."""
        if self.dialect == "postgresql":
            self.connection.execute(_GIVE_WAY)

    def new_id(self, kind: type[KindOfId], now: datetime) -> KindOfId:
        """A fresh id of this kind, ordered by `now`."""
        return self.database.ids.new(kind, now)


class Database:
    """One database, by its URL (`sqlite:///var/books.db`, `postgresql://...`).

    `metadata` says which: `books_metadata` or `charging_metadata`. `durable=False` gives up
    surviving a power cut, for tests. `yields` is for those whom nobody waits for: on SQLite
    their writes let others go first. Safe to share between threads; make it after a fork.
    """

    def __init__(
        self,
        url: str,
        *,
        metadata: sa.MetaData,
        routes: Routes | None = None,
        ids: IdSource | None = None,
        clock: Clock | None = None,
        durable: bool = True,
        yields: bool = False,
        pool_size: int = 8,
    ) -> None:
        self.metadata = metadata
        self.name: DatabaseName = metadata.info["database"]
        self.routes = routes or Routes()
        self.ids = ids or IdSource()
        self.url = with_driver(make_url(url))
        self.announce: Callable[[Tx, Sequence[Changed]], None] | None = None
        # Kinds of entities that another system masters: references to them are taken on trust.
        self.elsewhere: frozenset[str] = frozenset()
        self.path: Path | None = None
        self._durable = durable
        self._clock: Clock = clock or SystemClock()
        self._turnstile: Turnstile | None = None
        self._knocker: Knocker | None = None
        self._inside = threading.local()
        self._wakers: list[Callable[[], None]] = []
        self.dialect: DialectName
        options: dict[str, Any] = {
            "query_cache_size": 2000,
            "json_serializer": encode_json,
            "json_deserializer": decode_json,
            "hide_parameters": True,  # errors are logged; values may be secret, or somebody's
            "pool_size": pool_size,
            "max_overflow": 32,
            "execution_options": {"preserve_rowcount": True},  # of inserts too
        }
        if self.url.get_backend_name() == "sqlite":
            self.dialect = "sqlite"
            assert self.url.database, "a SQLite database is a file"
            self.path = Path(self.url.database).absolute()
            self._turnstile = Turnstile(self.path, yields=yields)
            self._knocker = Knocker(self.path)
            # SQLAlchemy and the driver stay out of transactions: `transaction` begins them.
            options |= {"isolation_level": "AUTOCOMMIT", "pool_recycle": _RELEARN}
            self.engine = sa.create_engine(self.url, **options)
            self._reading = sa.create_engine(self.url, **options)
            sa.event.listen(self.engine, "connect", _sqlite_settings(durable=durable))
            sa.event.listen(self._reading, "connect", _sqlite_settings(reading=True))
        else:
            self.dialect = "postgresql"
            self.engine = sa.create_engine(
                self.url, isolation_level="READ COMMITTED", connect_args=_PATIENT, **options
            )
            self._reading = sa.create_engine(
                self.url, isolation_level="AUTOCOMMIT", connect_args=_READING, **options
            )

    def now(self) -> datetime:
        """The platform's clock, for the records it keeps itself; domains are told `now`."""
        return self._clock.now()

    @contextlib.contextmanager
    def transaction(self, *, persisted: bool = True) -> Iterator[Tx]:
        """A write transaction: committed at the end, rolled back when an exception leaves it.
        It isn't nested: a second one of the same database in the same thread is a bug. Not
        `persisted`, it survives a power cut only once `persist` has returned."""
        assert not getattr(self._inside, "tx", False), "a transaction inside a transaction"
        self._inside.tx = True
        try:
            with self._available(writing=True), self._writing(persisted) as tx:
                yield tx
                tx.send()
                if tx.emitted and self.dialect == "postgresql":
                    tx.execute(_NOTIFY)
        finally:
            self._inside.tx = False
        if tx.emitted:
            self.wake()
        if self._knocker is not None:
            for channel in tx.knocks:
                self._knocker.knock_at(channel)

    @contextlib.contextmanager
    def _available(self, *, writing: bool = False) -> Iterator[None]:
        """Turns the errors that may pass by themselves into `DatabaseUnavailable`. To who is
        `writing`, a database that can only be read is one: a replica by now, or a full disk."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise DatabaseUnavailable(f"{self.name}: too many use it at once") from error
        except (sa.exc.OperationalError, sa.exc.InternalError) as error:
            reason = str(error.orig).strip().partition("\n")[0]
            passes = isinstance(error, sa.exc.OperationalError)
            if self.dialect == "sqlite":  # its OperationalError is for wrong statements too
                passes = re.search("locked|unable to open|disk", reason) is not None
                read_only = "readonly" in reason
            else:
                read_only = getattr(error.orig, "sqlstate", None) == _READ_ONLY
            if not passes and not (writing and read_only):
                raise
            raise DatabaseUnavailable(f"{self.name}: {reason}") from error

    @contextlib.contextmanager
    def _writing(self, persisted: bool) -> Iterator[Tx]:
        if self._turnstile is None:
            with self.engine.begin() as connection:
                yield Tx(self, connection)
            return
        with self.engine.connect() as connection:
            with self._turnstile():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield Tx(self, connection)
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    # An interrupted statement has cost us the connection, and all it did.
                    if not connection.invalidated and _in_transaction(connection):
                        connection.exec_driver_sql("ROLLBACK")
                    raise
            if persisted:
                # As long as the connection is open, nobody else can remove the log.
                self._write_through()

    def persist(self) -> None:
        """Returns once all that was committed here survives a power cut, also what others
        committed a moment ago: before anything outside of this database follows from it.
        Nothing to do on PostgreSQL, which shows nothing before that."""
        if self.path is not None:
            with self._available(), self.engine.connect():
                self._write_through()

    def _write_through(self) -> None:
        """Has the disk take SQLite's log, outside the turnstile, so that the next writer is at
        work meanwhile and one wait serves several (ADR 7)."""
        if not self._durable:
            return
        try:
            log = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _sync(log)
            finally:
                os.close(log)
        except OSError as error:
            raise DatabaseUnavailable(f"{self.name}: {error}") from error

    @contextlib.contextmanager
    def read(self) -> Iterator[Reader]:
        """Reads in autocommit: each statement sees what was committed when it began."""
        with self._available(), self._reading.connect() as connection:
            yield Reader(self, connection)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Reads that all see the same committed state: reports, balances. Keep it short: what
        it sees can't be cleaned up meanwhile."""
        with self._available(), self._reading.connect() as connection:
            connection.exec_driver_sql(
                "BEGIN"
                if self.dialect == "sqlite"
                else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            )
            try:
                yield Reader(self, connection)
            finally:
                if not connection.invalidated:
                    connection.exec_driver_sql("ROLLBACK")

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """On SQLite, keeps `what` from being done twice at once on this file, in any process;
        it doesn't keep writers away. On PostgreSQL rows' own locks do that: no effect."""
        if self.path is None:
            yield
            return
        with waited_for_file(self.path, what):
            yield

    @contextlib.contextmanager
    def exclusive(self, what: str) -> Iterator[None]:
        """Only one holder at a time on this database, in any process; raises `Busy` where there
        is one. The system lets go of it when its process ends, however."""
        with contextlib.ExitStack() as stack:
            if self.path is not None:
                ours = stack.enter_context(held_file(self.path, what))
            else:
                stack.enter_context(self._available())
                connection = stack.enter_context(self._reading.connect())
                ours = stack.enter_context(held_at_server(connection, what))
            if not ours:
                raise Busy(f"{what} is already running")
            yield

    def checkpoint(self) -> None:
        """Moves SQLite's log into its file as far as readers allow, keeping nobody waiting: the
        jobs process does it every few seconds. Nothing to do on PostgreSQL."""
        if self.dialect == "sqlite":
            with self._available(), self.engine.connect() as connection:
                connection.execute(_CHECKPOINT)

    def analyze(self) -> None:
        """Has SQLite look at what its tables hold, by which it chooses among indexes, a table
        at a time, so that nobody waits long. PostgreSQL does it by itself."""
        if self._turnstile is None:
            return
        for table in self.metadata.sorted_tables:
            if not table.indexes:  # SQLite would count all its rows, and has nothing to choose
                continue
            with self._available(), self.engine.connect() as connection, self._turnstile():
                connection.exec_driver_sql(f"PRAGMA analysis_limit={_LOOKED_AT}")
                connection.exec_driver_sql(f"ANALYZE {table.name}")

    def on_emit(self, wake: Callable[[], None]) -> None:
        """`wake` is called after every commit of this process that left deliveries."""
        self._wakers.append(wake)

    def wake(self) -> None:
        """Tells the relays that there are deliveries; for those who commit by the driver."""
        for waker in self._wakers:
            waker()
        if self._knocker is not None:
            self._knocker.knock()

    def close(self) -> None:
        self.engine.dispose()
        self._reading.dispose()
        if self._turnstile is not None:
            self._turnstile.close()
        if self._knocker is not None:
            self._knocker.close()

    def create_all(self) -> None:
        """Creates all tables without migrations: for tests only."""
        with self.engine.begin() as connection:
            self.metadata.create_all(connection)


def _in_transaction(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.in_transaction


def with_driver(url: URL) -> URL:
    """`postgresql://` means psycopg."""
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _sqlite_settings(*, durable: bool = True, reading: bool = False) -> Callable[..., None]:
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:  # it may not be written, or is something else
            raise sqlite3.OperationalError(f"unable to open it: {error}") from error
        connection.execute(f"PRAGMA synchronous={'NORMAL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute(f"PRAGMA query_only={'ON' if reading else 'OFF'}")

    return configure


IMMUTABLE = "immutable"
"""The key in a metadata's `info` of the names of its immutable tables."""


def immutable(table: sa.Table) -> sa.Table:
    """Rows of `table` can be inserted, never changed or deleted: triggers say so on both
    engines, wherever the table is created from the metadata, and in migrations."""
    table.metadata.info.setdefault(IMMUTABLE, set()).add(table.name)
    for dialect in ("sqlite", "postgresql"):
        for statement in immutable_ddl(table.name, dialect):
            ddl = sa.DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
            sa.event.listen(table, "after_create", ddl.execute_if(dialect=dialect))
    return table


def immutable_ddl(table: str, dialect: str) -> list[str]:
    """The statements that make a table's rows immutable, for migrations."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is immutable'); END"
            for verb in ("update", "delete")
        ]
    function = (
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is immutable', TG_TABLE_NAME; END $$"
    )
    change = (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    truncate = (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    return [function, change, truncate]
