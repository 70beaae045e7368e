"""Who waits for whom on PostgreSQL: for tests in which one runs into another."""

import threading
from collections.abc import Callable

import sqlalchemy as sa

from trunkline.platform.db import Database, Tx

_WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def somebody_waits(database: Database) -> bool:
    """Whether a statement on this database waits for a lock that another holds."""
    with database.read() as r:
        return bool(r.execute(_WAITING).scalar_one())


def until_it_waits(database: Database, thread: threading.Thread) -> None:
    """Returns once what runs in `thread` waits for a lock, or has ended. At once on SQLite, where
    it waits at the turnstile."""
    while database.dialect == "postgresql" and thread.is_alive() and not somebody_waits(database):
        thread.join(0.005)


def both(
    database: Database, one: Callable[[Tx], object], other: Callable[[Tx], object]
) -> BaseException | None:
    """What `other` ends with that runs into `one` before that is committed."""
    ended: list[BaseException] = []

    def work() -> None:
        try:
            with database.transaction() as tx:
                other(tx)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    with database.transaction() as tx:
        one(tx)
        thread.start()
        until_it_waits(database, thread)
    thread.join()
    return ended[0] if ended else None
