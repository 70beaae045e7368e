"""What a gateway sees when charging's database drops its connections: nothing but a delay."""

import psycopg
import pytest

from tests.conformance.diameter.operator import SETTINGS, Operator
from tests.unit.charging.builders import MB, imsi
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from tests.unit.diameter.wire import connected, result_of, run, serving
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

pytestmark = pytest.mark.postgresql

SUBSCRIBER = subscription(d.END_USER_IMSI, imsi(1))


@pytest.fixture
def engine() -> str:
    return "postgresql"


def drop_connections(database: Database) -> None:
    """As a restart of the server would."""
    dsn = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_dropped_connections(charging: Database, clock: DrivenClock) -> None:
    operator = Operator(charging, clock.now())
    operator.open(("imsi", imsi(1)), money="1")
    first = ccr(1, 0, SUBSCRIBER, mscc(asked(MB), group=1))
    second = ccr(2, 1, SUBSCRIBER, mscc(used(MB), asked(MB), group=1))

    async def story() -> None:
        async with serving(operator.attempt, SETTINGS, clock) as (_, port), connected(port) as wire:
            assert result_of(await wire.ask(first)) == d.SUCCESS
            drop_connections(charging)
            assert result_of(await wire.ask(second)) == d.SUCCESS

    run(story)
    charging.close()  # what this test itself reads with was dropped as well
    assert operator.charges == [(MB, 10_000)]
