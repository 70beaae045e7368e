"""The databases' schemas, as migrations: `books/versions` and `charging/versions`.

A migration is made by comparing a migrated database with the metadata of all domains' stores.
The command that knows them all (`trunkline db revise`) calls `revise`; what it writes is read,
corrected by hand and committed. Triggers are not compared: a migration that creates an
immutable table calls `refuse_changes`, which `revise` writes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from trunkline.kernel.errors import Unavailable
from trunkline.platform.db import with_driver
from trunkline.platform.messages import DatabaseName
from trunkline.platform.schema.changes import add_refusals
from trunkline.platform.turnstile import Turnstile

_WAIT_FOR_OTHERS = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('schema', 0))")


class WrongSchema(Unavailable):
    """The database isn't at this version's revision: `trunkline db upgrade` brings it there."""

    code = "wrongSchema"


class CannotOpen(Unavailable):
    """There is no such database, or it is none; `path` is its URL without the password."""

    code = "cannotOpen"


def upgrade(url: str, which: DatabaseName, to: str | None = None) -> None:
    """Brings the database at `url` to this revision, or the head one, as a whole or not at all;
    does nothing where it is there. Creates a SQLite file where there is none, for its owner's eyes
    only. Raises `CannotOpen`, and `WrongSchema` for one that holds something else."""
    parsed, target = make_url(url), to or head(which)
    if parsed.get_backend_name() == "sqlite":
        _prepare_file(parsed)
    with _connected(url) as connection:
        if _known(connection, which) == target:
            return
    with _alone(parsed), _connected(url, writing=True) as connection:
        if _known(connection, which) == target:
            return
        config = _config(which, connection)
        command.upgrade(config, target)


def _prepare_file(url: sa.URL) -> None:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotOpen(reason, path=str(url)) from None


def _known(connection: sa.Connection, which: DatabaseName) -> str | None:
    """The revision, where it is one from which this version's migrations lead on. Raises
    `WrongSchema` for a newer one's, the other database's, or tables of somebody else."""
    found = _revision(connection)
    if found is None and (tables := sa.inspect(connection).get_table_names()):
        raise WrongSchema(f"{which}: this database holds other tables: {tables[0]}")
    if found is not None and found not in _revisions(which):
        raise WrongSchema(f"{which} is at revision {found}, which this version doesn't know")
    return found


@cache
def _revisions(which: DatabaseName) -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_config(which)).walk_revisions()
    return frozenset(script.revision for script in scripts)


def revision(url: str) -> str | None:
    """The revision of the database at `url`; None for an empty one."""
    with _connected(url) as connection:
        return _revision(connection)


@cache
def head(which: DatabaseName) -> str:
    """This version's revision."""
    found = ScriptDirectory.from_config(_config(which)).get_current_head()
    assert found is not None, "there are migrations"
    return found


def check(url: str, which: DatabaseName) -> None:
    """Raises `WrongSchema` where the database at `url` isn't at this version's revision."""
    path = make_url(url).database
    if url.startswith("sqlite:") and not Path(path or "").exists():
        raise WrongSchema(f"{which}: there is no database at {path} (trunkline db upgrade)")
    found = revision(url)
    if found != head(which):
        raise WrongSchema(
            f"{which} is at revision {found}, this version wants {head(which)} "
            "(trunkline db upgrade)"
        )


def differences(url: str, metadata: sa.MetaData) -> list[Any]:
    """What still differs between the database at `url` and `metadata`, in Alembic's words."""
    with _connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def revise(url: str, which: DatabaseName, metadata: sa.MetaData, message: str) -> Path:
    """Writes the migration that leads from the database at `url`, which is at the head, to
    `metadata`. Returns its file, to be read before it is committed."""
    with _connected(url) as connection:
        config = _config(which, connection)
        config.attributes["metadata"] = metadata
        count = len(list(ScriptDirectory.from_config(config).walk_revisions()))
        script = command.revision(
            config,
            message,
            autogenerate=True,
            rev_id=f"{which}_{count + 1:04}",
            process_revision_directives=lambda _context, _revision, scripts: add_refusals(
                scripts[0], metadata
            ),
        )
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


def _config(which: DatabaseName, connection: sa.Connection | None = None) -> Config:
    here = Path(__file__).parent
    config = Config()
    config.set_main_option("script_location", str(here))
    config.set_main_option("version_locations", str(here / which / "versions"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(url: sa.URL) -> Iterator[None]:
    """Waits for other writers of a SQLite file."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    assert url.database
    turnstile = Turnstile(Path(url.database).absolute())
    with turnstile():
        yield
    turnstile.close()


@contextmanager
def _connected(url: str, *, writing: bool = False) -> Iterator[sa.Connection]:
    engine = sa.create_engine(with_driver(make_url(url)), poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        # Left to itself, the driver would commit each change of the schema by itself.
        sa.event.listen(engine, "connect", _leave_transactions_alone)
        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        with engine.begin() as connection:
            if writing and engine.dialect.name == "postgresql":
                connection.execute(_WAIT_FOR_OTHERS)
            yield connection
    except sa.exc.DatabaseError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        is_away = isinstance(error, sa.exc.OperationalError) or error.statement is None
        if not is_away and reason != "file is not a database":
            raise  # a migration that is wrong
        place = make_url(url).render_as_string(hide_password=True)
        raise CannotOpen(reason, path=place) from error
    finally:
        engine.dispose()


def _leave_transactions_alone(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
