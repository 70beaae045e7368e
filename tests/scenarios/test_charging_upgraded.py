"""Accounts that were written before charging knew when they are due."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.unit.charging.builders import MB, NOON, asks, opening, request, tariffs
from tests.unit.platform.test_schema import NewDatabase
from trunkline.app import METADATA
from trunkline.charging import ChargingAccountId, Kind, release_lost_sessions, store
from trunkline.charging.account import opened
from trunkline.charging.charge import charge
from trunkline.charging.state import State, encode
from trunkline.platform import schema
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, with_driver
from trunkline.platform.messages import Routes

BEFORE = "charging_0006"
_INSERT = sa.text(
    "INSERT INTO charging_account (id, billing_account, version, state)"
    " VALUES (:id, :id, 0, :state)"
)


def quiet() -> State:
    return opened(opening())


def lost() -> State:
    """With a session that nothing will be heard of any more."""
    state = quiet()
    state.money = 10_000_000
    charge(state, request(Kind.INITIAL, 0, asks(100 * MB)), tariffs(), NOON, [])
    assert state.held > 0
    return state


@pytest.fixture
def upgraded(new_database: NewDatabase, clock: DrivenClock, routes: Routes) -> Iterator[Database]:
    url = new_database("upgraded", empty=True)
    schema.upgrade(url, "charging", BEFORE)
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        for id_, state in (("cac_1", quiet()), ("cac_2", lost())):
            connection.execute(_INSERT, {"id": id_, "state": encode(state)})
    engine.dispose()
    schema.upgrade(url, "charging")
    database = Database(url, metadata=METADATA["charging"], routes=routes, clock=clock)
    yield database
    database.close()


def test_they_are_all_looked_at_once(upgraded: Database, clock: DrivenClock) -> None:
    now = clock.now().replace(year=2027)
    assert release_lost_sessions(upgraded, now) == 2
    assert release_lost_sessions(upgraded, now) == 0
    with upgraded.read() as r:
        found = store.account(r, ChargingAccountId("cac_2"))
    assert found is not None
    assert (found.state.held, found.state.sessions, found.due_at) == (0, [], None)
