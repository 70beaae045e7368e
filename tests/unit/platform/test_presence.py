"""Who takes part is known, and nobody waits for a database that doesn't answer."""

from contextlib import closing

import psycopg
import pytest

from trunkline.platform import presence
from trunkline.platform.db import Database
from trunkline.platform.presence import Presence


@pytest.mark.parametrize("engine", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_database_that_does_not_answer_is_not_waited_for(
    charging: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while entering, nor later on; once it answers, all is as before."""
    with closing(Presence(charging, "it")) as ours, closing(Presence(charging, "it")) as other:
        ours.renew()
        assert ours.leave(), "until it is closed, nobody else enters"
        monkeypatch.setattr(presence, "_PATIENCE", 0.01)
        other.renew()
        assert not other.leave()
        ours.close()
        monkeypatch.undo()
        other.renew()

        connection = other._connection
        assert connection is not None
        with presence._answering(connection):
            connection.execute("SELECT 1")
        monkeypatch.setattr(presence, "_PATIENCE", 0.01)
        with pytest.raises(psycopg.OperationalError), presence._answering(connection):
            connection.execute("SELECT pg_sleep(600)")
        monkeypatch.undo()
        assert not other.leave()
        other.renew()
        assert other._connection is None
        other.renew()
        assert other._connection is not None
