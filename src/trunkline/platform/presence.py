"""Who does the same thing on one database, so that the last one who stops can tell.

On PostgreSQL each holds a shared advisory lock, which its server drops with the connection,
however the process ended. On SQLite there is one charging process, and it is always the last.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Timer

import psycopg
import structlog

from trunkline.platform.db import Database

log = structlog.get_logger(__name__)

_KEY = "hashtextextended(%s, 0)"
_ENTER = f"SELECT pg_advisory_lock_shared({_KEY})"
_LEAVE = f"SELECT pg_advisory_unlock_shared({_KEY})"
_ALONE = f"SELECT pg_try_advisory_lock({_KEY})"

_PATIENCE = 2
"""Seconds for the database to answer: who asks has heart-beats of its own to send."""
_IMPATIENT = f"-c statement_timeout={_PATIENCE}s"


class Presence:
    """This process's part in `what`. For one thread at a time."""

    def __init__(self, database: Database, what: str) -> None:
        self._url = None if database.dialect == "sqlite" else database.url
        self._what = (what,)
        self._connection: psycopg.Connection | None = None

    def renew(self) -> None:
        """Takes part from now on, or still does: what a lost connection took is taken again, by
        this call or, where the database is away or a last one leaves just now, the next."""
        if self._url is None:
            return
        try:
            if self._connection is not None:
                with _answering(self._connection):
                    self._connection.execute("SELECT 1")
                return
            dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(
                dsn, autocommit=True, connect_timeout=_PATIENCE, options=_IMPATIENT
            )
            with _answering(self._connection):
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
            with _answering(self._connection):
                self._connection.execute(_LEAVE, self._what)
                row = self._connection.execute(_ALONE, self._what).fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and bool(row[0])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _answering(connection: psycopg.Connection) -> Iterator[None]:
    """Cuts the connection when the server takes too long: one that has stopped, or can't be
    reached, keeps no time limit that it was given. That is a `psycopg.OperationalError`."""
    with closing(socket.socket(fileno=os.dup(connection.fileno()))) as end:
        cut = Timer(_PATIENCE, _shut, (end,))
        cut.start()
        try:
            yield
        finally:
            cut.cancel()
            cut.join()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # the server was faster
        end.shutdown(socket.SHUT_RDWR)
