"""How many requests come, as people watch it: counted with the commit that answers them."""

from datetime import timedelta

import pytest

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import request
from trunkline.charging import (
    GroupCommit,
    Kind,
    forget_traffic,
    requests_between,
    requests_by_hour,
    requests_per_second,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    return Operator(books, charging, relay, clock)


def test_requests_are_counted_as_they_are_answered(operator: Operator) -> None:
    operator.open(1)
    begin = operator.clock.now()
    workers = [operator.network, GroupCommit(operator.charging)]
    for second in range(20):
        now = begin + timedelta(seconds=second)
        for index, worker in enumerate(workers):
            sessions = [f"s{second}-{index}-{place}" for place in range(3)]
            # One of the three is nobody's: it is answered too.
            worker.process(
                [
                    request(Kind.INITIAL, session=session, subscriber=1 if place else 9)
                    for place, session in enumerate(sessions)
                ],
                now,
            )
    end = begin + timedelta(seconds=20)
    with operator.charging.read() as r:
        assert requests_between(r, begin, end) == 120
        assert requests_per_second(r, end) == 6
        # Ten seconds on, one of the two slots that count is empty again; then both.
        assert requests_per_second(r, end + timedelta(seconds=5)) == 3
        assert requests_per_second(r, end + timedelta(seconds=10)) == 0
        assert requests_by_hour(r, begin - timedelta(hours=1), end) == {begin: 120}


def test_counts_of_long_ago_are_forgotten(operator: Operator) -> None:
    begin = operator.clock.now()
    later = begin + timedelta(hours=1)
    for now in (begin, later):
        operator.network.process([request(Kind.INITIAL)], now)
    with operator.charging.transaction() as tx:
        assert forget_traffic(tx, older_than=timedelta(minutes=30), now=later) == 1
    with operator.charging.read() as r:
        assert requests_by_hour(r, begin, later + timedelta(hours=1)) == {later: 1}
