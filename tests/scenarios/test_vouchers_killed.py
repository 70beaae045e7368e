"""Killed outright between a code and its balance: nothing is lost, nothing counts twice."""

import subprocess
import sys
from datetime import timedelta

import pytest

from tests.effort import dice
from tests.scenarios.voucher_town import Town
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.vouchers import TopUpState, VoucherState

CODES = 40


@pytest.mark.slow
def test_killed_at_random_moments(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    town, random = Town(books, charging, relay, clock), dice(654)
    batch, codes = town.made_and_sold(CODES)
    urls = [each.url.render_as_string(hide_password=False) for each in (books, charging)]
    left = list(codes)
    for _ in range(4):
        command = [sys.executable, "-m", "tests.scenarios.voucher_worker", *urls]
        worker = subprocess.Popen(
            [*command, clock.now().isoformat(), *left], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        answered = 0
        for _ in range(random.randint(1, 9)):
            assert worker.stdout.readline() == "created\n"
            answered += 1
        worker.kill()
        worker.wait()
        worker.stdout.close()
        # What was answered stands; the codes that were in hand may be redeemed, or not.
        clock.advance(timedelta(hours=2))
        relay.drain()
        left = left[answered:]
        while left and (tried := town.redeem(left[0])).finding == "own":
            left = left[1:]
        assert tried.state is TopUpState.CREATED
        left = left[1:]
    for code in left:
        assert town.redeem(code).state is TopUpState.CREATED
    relay.drain()
    assert town.states(batch) == {VoucherState.REDEEMED: CODES}
    assert town.balance(1).money == batch.face * CODES
    town.check_books()
