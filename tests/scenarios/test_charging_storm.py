"""Everything at once: gateways on both edges, an operator who changes prices, plans, balances and
pools under them, and a charging process that is killed."""

import asyncio
import random
from collections import Counter

import pytest

from tests.conftest import ALL_REACTIONS
from tests.killed import charging_process
from tests.scenarios.charging_operator import Operator
from tests.scenarios.charging_storm import PEOPLE, Line, Phone, Place, Reported, Town
from tests.served import free_port
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay

pytestmark = pytest.mark.slow

PHONES = 2 * len(PEOPLE)
"""Two for each of them."""
SESSIONS = 10
DISTURBED_EVERY = 5
KILLED_AFTER = 200
"""Answers, both."""


@pytest.fixture
def routes() -> Routes:
    """Without those who wait for a transfer's answer: here it's asked for straight away."""
    return Routes(
        each
        for each in ALL_REACTIONS
        if each.name.startswith(("charging.", "ledger."))
        and not each.name.startswith("charging.action_")
    )


def test_nothing_is_lost_in_a_storm(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    chance = random.Random(20261122)
    town = Town(Operator(books, charging, relay, clock), chance)
    ports = {"charging_port": free_port(), "nchf_port": free_port()}
    reported: Reported = Counter()

    async def story() -> None:
        place = Place(ports["charging_port"], ports["nchf_port"])
        phones = [
            Phone(Line(place), PEOPLE[number % len(PEOPLE)], random.Random(number))
            for number in range(PHONES)
        ]
        over = asyncio.Event()

        async def serve() -> None:
            for until in (place.more(KILLED_AFTER), over.wait()):
                process = charging_process(books, charging, **ports)
                await asyncio.to_thread(process.__enter__)
                place.up.set()
                await until
                place.up.clear()
                await asyncio.to_thread(process.__exit__, None, None, None)

        async def disturb() -> None:
            while True:
                await place.more(DISTURBED_EVERY)
                await asyncio.to_thread(town.disturb)

        async with asyncio.TaskGroup() as town_and_process:
            town_and_process.create_task(serve())
            disturbing = town_and_process.create_task(disturb())
            async with asyncio.TaskGroup() as lives:
                for number, phone in enumerate(phones):
                    lives.create_task(phone.live(f"gw;{number}", SESSIONS))
            disturbing.cancel()
            over.set()
        for phone in phones:
            reported.update(phone.reported)

    asyncio.run(asyncio.wait_for(story(), 240))
    town.check(reported)
