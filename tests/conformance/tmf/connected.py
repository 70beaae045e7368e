"""An operator whose services a network activates."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.conftest import ALL_REACTIONS
from trunkline import network
from trunkline.network.simulator import Simulator
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay


class Connected:
    """Its tests' fixtures: the network, and `settle()`, after which it has done what is due."""

    @pytest.fixture
    def routes(self) -> Routes:
        return Routes((*ALL_REACTIONS, *network.CONNECTED))

    @pytest.fixture
    def hss(self) -> Simulator:
        return Simulator()

    @pytest.fixture
    def settle(
        self, hss: Simulator, books: Database, relay: Relay, clock: DrivenClock
    ) -> Iterator[Callable[[], None]]:
        with hss.serving() as url:
            courier = network.Courier(books, network.Tmf640Element(url), clock)

            def run() -> None:
                clock.advance(timedelta(seconds=2))
                relay.drain()
                while courier.drain():
                    relay.drain()

            yield run
