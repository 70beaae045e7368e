"""What two transactions do to one another's rows.

An operation looks before it writes, and says in its own words what is taken or missing. On
PostgreSQL two may look at once; then the database itself refuses the second, and here its
refusal becomes the operation's own.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from trunkline.kernel.errors import TrunklineError

_UNIQUE = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


@contextmanager
def collision(
    *, taken: TrunklineError | None = None, missing: TrunklineError | None = None
) -> Iterator[None]:
    """Raises `taken` where what is written inside is there already under its key, and `missing`
    where what it refers to isn't there, or what it deletes is referred to. Either way the
    transaction is lost: let the error leave it."""
    try:
        yield
    except sa.exc.IntegrityError as error:
        if taken is not None and _is_taken(error.orig):
            raise taken from error
        if missing is not None and _is_missing(error.orig):
            raise missing from error
        raise


def _is_taken(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorname in _UNIQUE
    return isinstance(error, psycopg.errors.UniqueViolation)


def _is_missing(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY"
    return isinstance(error, psycopg.errors.ForeignKeyViolation)
