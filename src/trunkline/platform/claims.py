"""Claims on a database: whoever holds one is alone in what it names.

Beside a SQLite file they are `flock`s, which the system drops with the process that held them.
On PostgreSQL they are advisory locks of a session, which the server drops when it notices that
its client is gone: after the statement that it is at.
"""

import fcntl
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# Longer than a statement whose client was killed goes on.
_PATIENCE = "SET lock_timeout = '5s'"
_LOCK = sa.text("SELECT pg_advisory_lock(hashtextextended(:what, 0))")
_UNLOCK = sa.text("SELECT pg_advisory_unlock(hashtextextended(:what, 0))")
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE


@contextmanager
def waited_for_file(beside: Path, what: str) -> Iterator[None]:
    """Waits until nobody else holds `what`. The file stays: `what` is one of a few names."""
    with Path(f"{beside}-{what}").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held_file(beside: Path, what: str) -> Iterator[bool]:
    """Whether `what` is ours inside, at once. The file goes when we do: `what` is anything."""
    name = re.sub("[^A-Za-z0-9.]+", "-", what)[:40]
    path = Path(f"{beside}-{name}-{zlib.crc32(what.encode()):08x}")
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            # Its last holder may have removed the file between our opening and locking it.
            if not _is_at(path, file):
                continue
            try:
                yield True
            finally:
                path.unlink()
            return


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


@contextmanager
def held_at_server(connection: Connection, what: str) -> Iterator[bool]:
    """The same on PostgreSQL, in autocommit; waits a moment for who was killed to be gone."""
    taken = _locked(connection, what)
    try:
        yield taken
    finally:
        if taken and not connection.invalidated:
            connection.execute(_UNLOCK, {"what": what})


def _locked(connection: Connection, what: str) -> bool:
    connection.exec_driver_sql(_PATIENCE)
    try:
        connection.execute(_LOCK, {"what": what})
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql("RESET lock_timeout")
    return True
