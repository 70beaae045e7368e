"""The office that console tests happen in."""

import pytest

from tests.unit.console.office import Office
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


@pytest.fixture
def office(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Office:
    return Office(books, charging, relay, clock)
