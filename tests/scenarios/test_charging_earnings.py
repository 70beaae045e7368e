"""What the network's requests earn reaches the ledger: all of it, once, at its time."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, asks, request
from trunkline.charging import GroupCommit, Kind, post_earnings
from trunkline.customers import AccountKind
from trunkline.ledger import PREPAID, UNBILLED, USAGE_REVENUE
from trunkline.ledger.store import journal_entry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    made = Operator(books, charging, relay, clock)
    made.open(1)
    made.top_up(1, "10", "pay_1")
    made.open(2, kind=AccountKind.POSTPAID)
    return made


def use(operator: Operator, worker: GroupCommit, session: str, *subscribers: int) -> None:
    """Each of them uses 10 MB, for ten cents, in one batch."""
    now = operator.clock.now()
    at = int(now.timestamp())
    for kind, number, used in ((Kind.INITIAL, 0, 0), (Kind.TERMINATE, 1, 10 * MB)):
        batch = [
            request(kind, number, asks(used=used), session=f"{session}{who}", subscriber=who, at=at)
            for who in subscribers
        ]
        worker.process(batch, now)


def post_and_break(operator: Operator) -> None:
    with operator.charging.transaction() as tx:
        assert post_earnings(tx, operator.clock.now()) == 1
        tx.execute(sa.text("SELECT * FROM nowhere"))


def test_workers_and_kinds_of_account_are_summed_up(operator: Operator) -> None:
    """Two workers, three batches each: 60 cents of the prepaid account, 30 to be billed."""
    other = GroupCommit(operator.charging)
    for number in range(3):
        use(operator, operator.network, f"a{number}-", 1, 2)
        use(operator, other, f"b{number}-", 1)
    assert operator.ledger(USAGE_REVENUE) == 0
    assert operator.post_earnings() == 2
    assert operator.ledger(PREPAID) == -10_000_000 + 600_000
    assert operator.ledger(UNBILLED) == 300_000
    assert operator.ledger(USAGE_REVENUE) == -900_000


def test_what_was_posted_is_not_posted_again(operator: Operator) -> None:
    use(operator, operator.network, "a", 1)
    assert operator.post_earnings() == 1
    assert operator.post_earnings() == 0
    use(operator, operator.network, "b", 1)
    assert operator.post_earnings() == 1
    assert operator.ledger(USAGE_REVENUE) == -200_000


def test_it_is_booked_when_it_was_earned(operator: Operator) -> None:
    """However late it is posted: two instants, two entries."""
    first = operator.clock.now()
    use(operator, operator.network, "a", 1)
    operator.clock.advance(timedelta(seconds=5))
    use(operator, operator.network, "b", 1)
    operator.clock.advance(timedelta(days=1))
    assert operator.post_earnings() == 2
    with operator.books.read() as r:
        booked = r.execute(
            sa.select(journal_entry.c.booked_at).where(journal_entry.c.kind == "usage")
        )
        assert sorted(booked.scalars()) == [first, first + timedelta(seconds=5)]


def test_a_posting_that_fails_is_made_again(operator: Operator) -> None:
    use(operator, operator.network, "a", 1)
    with pytest.raises(sa.exc.DatabaseError):
        post_and_break(operator)
    assert operator.post_earnings() == 1
    assert operator.ledger(USAGE_REVENUE) == -100_000


@pytest.mark.postgresql
def test_nobody_waits_for_a_batch_that_earns(operator: Operator, engine: str) -> None:
    """What a worker is adding at this moment is posted the next time."""
    if engine == "sqlite":
        pytest.skip("SQLite has one writer: no batch is under way while another one writes")
    use(operator, operator.network, "a", 1)
    with operator.charging.engine.begin() as busy:
        busy.execute(sa.text("UPDATE charging_earning SET micros = micros + 1"))
        assert operator.post_earnings() == 0
    assert operator.post_earnings() == 1
    assert operator.ledger(USAGE_REVENUE) == -100_001
