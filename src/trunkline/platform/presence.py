"""Who does the same thing on one database, so that the last one who stops can tell.

On PostgreSQL each holds a shared advisory lock, which its server drops with the connection,
however the process ended. On SQLite there is one charging process, and it is always the last.
"""

import psycopg
import structlog

from trunkline.platform.db import Database

log = structlog.get_logger(__name__)

_KEY = "hashtextextended(%s, 0)"
_ENTER = f"SELECT pg_advisory_lock_shared({_KEY})"
_LEAVE = f"SELECT pg_advisory_unlock_shared({_KEY})"
_ALONE = f"SELECT pg_try_advisory_lock({_KEY})"


class Presence:
    """This process's part in `what`. For one thread at a time."""

    def __init__(self, database: Database, what: str) -> None:
        self._url = None if database.dialect == "sqlite" else database.url
        self._what = (what,)
        self._connection: psycopg.Connection | None = None

    def renew(self) -> None:
        """Takes part from now on, or still does: what a lost connection took is taken again, by
        this call or, where the database is away, the next. Waits while a last one leaves."""
        if self._url is None:
            return
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return
            dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(dsn, autocommit=True)
            self._connection.execute(_ENTER, self._what)
        except psycopg.OperationalError as error:
            log.warning("what others do isn't known", what=self._what[0], error=str(error))
            self.close()

    def leave(self) -> bool:
        """Takes part no longer; whether nobody else does. Until `close` nobody can begin to then.
        Where the database doesn't say so, others are taken to be there."""
        if self._url is None:
            return True
        if self._connection is None:
            return False
        try:
            self._connection.execute(_LEAVE, self._what)
            row = self._connection.execute(_ALONE, self._what).fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and bool(row[0])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
