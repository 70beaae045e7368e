"""Who waits for whom on PostgreSQL: for tests in which one runs into another."""

import sqlalchemy as sa

from trunkline.platform.db import Database

_WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def somebody_waits(database: Database) -> bool:
    """Whether a statement on this database waits for a lock that another holds."""
    with database.read() as r:
        return bool(r.execute(_WAITING).scalar_one())
