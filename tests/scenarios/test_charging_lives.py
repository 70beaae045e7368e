"""Prepaid accounts that begin, pay monthly, run low, expire and come back."""

from datetime import timedelta

import pytest

from tests.conftest import NOW
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import DAY, GB, MB, asks, request
from trunkline.charging import (
    Balance,
    ChargeAnswer,
    ChargingAccountId,
    Kind,
    Result,
    Status,
    balance,
    release_lost_sessions,
    store,
)
from trunkline.charging.events import (
    AccountStatusChanged,
    BalanceLow,
    BarAccount,
    FeeMissed,
    MonthlyFee,
    UnbarAccount,
    Validity,
    WatchBalance,
)
from trunkline.charging.reactions import REACTIONS as CHARGING
from trunkline.kernel.money import Money
from trunkline.ledger import BREAKAGE, PREPAID, RECURRING_REVENUE, USAGE_REVENUE
from trunkline.ledger.reactions import REACTIONS as LEDGER
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay

FIRST = ChargingAccountId("cac_1")


class Heard:
    """Who listens to what charging tells of accounts."""

    def __init__(self) -> None:
        self.told: list[Message] = []

    def reactions(self) -> tuple[Reaction, ...]:
        names = {"charging.balance_low", "charging.fee_missed", "charging.status_changed"}
        return tuple(
            Reaction(each.name, on=each.on, run=self._note, database=each.database)
            if each.name in names
            else each
            for each in CHARGING
        )

    def _note(self, _tx: Tx, message: Message, _now: object) -> None:
        self.told.append(message)

    def statuses(self) -> list[tuple[str, str]]:
        return [(m.previous, m.status) for m in self.told if isinstance(m, AccountStatusChanged)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def routes(heard: Heard) -> Routes:
    return Routes((*heard.reactions(), *LEDGER))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    return Operator(books, charging, relay, clock)


def seen(operator: Operator, number: int = 1) -> Balance:
    with operator.charging.read() as r:
        return balance(r, ChargingAccountId(f"cac_{number}"), operator.clock.now())


def browse(operator: Operator, session: str, *, used: int = 0) -> list[ChargeAnswer]:
    """A session that asks for ten megabytes, and uses so much."""
    found = operator.network.process(
        [
            request(Kind.INITIAL, 0, asks(10 * MB), session=session, at=operator.epoch),
            request(Kind.TERMINATE, 1, asks(used=used), session=session, at=operator.epoch),
        ],
        operator.clock.now(),
    )
    operator.relay.drain()
    return found


def test_first_use_activates_and_time_takes_the_rest(operator: Operator, heard: Heard) -> None:
    """30 days from the first use, 10 of grace; 90 more with a top-up."""
    operator.open(
        1,
        pre_active=True,
        validity=Validity(first_days=30, top_up_days=90, grace_days=10),
        low_balance=(Money.of("2", "EUR"),),
    )
    assert seen(operator).status is Status.PRE_ACTIVE
    refused, _ = browse(operator, "a")
    assert refused.units[0].result is Result.CREDIT_LIMIT
    assert seen(operator).status is Status.PRE_ACTIVE, "a use that was refused is none"
    operator.top_up(1, "5", "p1")
    assert heard.statuses() == [("preActive", "active")]
    operator.clock.advance(timedelta(days=89))
    granted, _ = browse(operator, "b", used=10 * MB)
    assert granted.units[0].granted == 10 * MB
    operator.clock.advance(timedelta(days=1))
    refused, _ = browse(operator, "c")
    assert refused.units[0].result is Result.CREDIT_LIMIT, "one way: only what is free"
    assert seen(operator).status is Status.ONE_WAY
    operator.clock.advance(timedelta(days=10))
    release_lost_sessions(operator.charging, operator.clock.now())
    operator.relay.drain()
    assert seen(operator).status is Status.EXPIRED
    assert seen(operator).money.micros == 0, "4.90 are gone with the grace"
    operator.post_earnings()
    assert operator.ledger(BREAKAGE) == -4_900_000
    assert operator.ledger(PREPAID) == 0
    assert browse(operator, "d")[0].result is Result.DENIED
    operator.top_up(1, "5", "p2")
    assert browse(operator, "e")[0].units[0].granted == 10 * MB
    assert heard.statuses() == [
        ("preActive", "active"),
        ("active", "oneWay"),
        ("oneWay", "expired"),
        ("expired", "active"),
    ]


def test_a_use_that_is_granted_activates(operator: Operator, heard: Heard) -> None:
    operator.open(1, plan="rich", pre_active=True)
    granted, _ = browse(operator, "a")
    assert granted.units[0].granted == 10 * MB
    assert heard.statuses() == [("preActive", "active")]
    assert seen(operator).status is Status.ACTIVE


def test_a_fee_is_taken_when_the_month_begins_and_earned(operator: Operator, heard: Heard) -> None:
    """10 EUR a month with five gigabytes; 25 are there: two months, then 5 are not enough."""
    operator.open(1, plan="rich", fee=MonthlyFee(amount=Money.of("10", "EUR"), label="Rich"))
    assert seen(operator).buckets == (), "what isn't paid for isn't shown"
    operator.top_up(1, "25", "p1")
    assert seen(operator).money == Money.of("15", "EUR")
    assert [each.remaining for each in seen(operator).buckets] == [5 * GB]
    operator.clock.advance(timedelta(days=31))
    release_lost_sessions(operator.charging, operator.clock.now())
    operator.relay.drain()
    assert seen(operator).money == Money.of("5", "EUR")
    operator.clock.advance(timedelta(days=31))
    browse(operator, "a", used=10 * MB)
    release_lost_sessions(operator.charging, operator.clock.now())
    operator.relay.drain()
    assert seen(operator).money == Money.of("4.90", "EUR"), "ten megabytes at a cent each"
    assert [type(m) for m in heard.told] == [FeeMissed]
    assert seen(operator).buckets == ()
    operator.top_up(1, "10", "p2")
    assert seen(operator).money == Money.of("4.90", "EUR")
    assert [each.remaining for each in seen(operator).buckets] == [5 * GB]
    operator.post_earnings()
    assert operator.ledger(RECURRING_REVENUE) == -30_000_000
    assert operator.ledger(USAGE_REVENUE) == -100_000
    assert operator.ledger(PREPAID) == -4_900_000 == -seen(operator).money.micros


def test_a_fee_is_taken_by_the_months_first_use(operator: Operator) -> None:
    operator.open(1, plan="rich", fee=MonthlyFee(amount=Money.of("10", "EUR")))
    operator.top_up(1, "25", "p1")
    operator.clock.advance(timedelta(days=31))
    browse(operator, "a", used=10 * MB)
    assert seen(operator).money == Money.of("5", "EUR")
    assert [each.remaining for each in seen(operator).buckets] == [5 * GB - 10 * MB]
    assert operator.ledger(RECURRING_REVENUE) == -20_000_000


def test_a_low_balance_is_told_once_for_each_crossing(operator: Operator, heard: Heard) -> None:
    operator.open(1, low_balance=(Money.of("2", "EUR"), Money.of("1", "EUR")))
    operator.top_up(1, "2.05", "p1")
    for session in "abc":
        browse(operator, session, used=10 * MB)
    low = [m for m in heard.told if isinstance(m, BalanceLow)]
    assert [(m.threshold, m.balance) for m in low] == [
        (Money.of("2", "EUR"), Money.of("1.95", "EUR"))
    ]
    operator.top_up(1, "1", "p2")
    operator.tell(WatchBalance(account=FIRST, thresholds=(Money.of("2.7", "EUR"),)))
    browse(operator, "d", used=10 * MB)
    assert [m.threshold for m in heard.told if isinstance(m, BalanceLow)] == [
        Money.of("2", "EUR"),
        Money.of("2.7", "EUR"),
    ]


def test_who_is_barred_while_time_passes_is_expired_afterwards(
    operator: Operator, heard: Heard
) -> None:
    operator.open(1, validity=Validity(first_days=3))
    operator.tell(BarAccount(account=FIRST))
    operator.clock.advance(timedelta(days=5))
    operator.tell(UnbarAccount(account=FIRST))
    assert heard.statuses() == [("active", "barred"), ("barred", "expired")]


def test_prepaid_with_a_credit_limit_goes_below_zero_and_no_further(operator: Operator) -> None:
    operator.open(1, credit_limit=Money.of("0.20", "EUR"))
    granted, _ = browse(operator, "a", used=10 * MB)
    assert granted.units[0].granted == 10 * MB
    assert seen(operator).money == Money.of("-0.10", "EUR")
    assert seen(operator).credit_limit == Money.of("0.20", "EUR")
    granted, _ = browse(operator, "b", used=10 * MB)
    assert granted.units[0].granted == 5 * MB, "half of what is left"
    refused, _ = browse(operator, "c")
    assert refused.units[0].result is Result.CREDIT_LIMIT


def test_terms_are_stored(operator: Operator) -> None:
    operator.open(1, validity=Validity(first_days=3, grace_days=1))
    with operator.charging.read() as r:
        found = store.account(r, FIRST)
    assert found is not None
    assert found.state.terms is not None
    assert found.state.terms.life is not None
    opened = int(found.state.opened)
    assert found.state.terms.life.valid_until == opened + 3 * DAY
    assert found.state.opened <= NOW.timestamp()
