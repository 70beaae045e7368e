"""A hybrid subscriber's month: a balance first, then the bill; and the books of both agree."""

from datetime import timedelta

import msgspec
import pytest

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, asks, request
from trunkline.charging import (
    Action,
    Balance,
    ChargeAnswer,
    ChargeUsage,
    ChargingAccountId,
    Kind,
    NoticeKind,
    Result,
    Service,
    Status,
    UsageCut,
    UsageEvent,
    balance,
    charging_accounts,
    explain,
    month_bounds,
    notices,
    records,
    release_lost_sessions,
    usage_lines,
)
from trunkline.charging.events import ActOnBalance, BalanceVerb, MonthlyFee, Validity
from trunkline.charging.months import month_at
from trunkline.charging.pools.events import JoinPool
from trunkline.cli.charging import lines_of
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import ADJUSTMENTS, BREAKAGE, PREPAID, UNBILLED, USAGE_REVENUE
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

HYBRID = ChargingAccountId("cac_1")
CENT = 10_000


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    """One hybrid subscriber with a euro, and two that may go onto a month's bill; and a prepaid
    one."""
    operator = Operator(books, charging, relay, clock)
    operator.open(1, kind=AccountKind.HYBRID, credit_limit=eur("2"))
    operator.open(2)
    operator.top_up(1, "1", "pay_1")
    return operator


def ask(
    operator: Operator,
    kind: Kind,
    number: int,
    wish: int,
    used: int = 0,
    name: str = "s",
    who: int = 1,
) -> ChargeAnswer:
    units = asks(wish * MB, used=used * MB)
    message = request(kind, number, units, session=name, subscriber=who, at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:gateway")
    return operator.network.process([message], operator.clock.now())[0]


def pay(operator: Operator, cents: int, name: str, action: Action = Action.DIRECT_DEBIT) -> Result:
    message = request(
        Kind.EVENT, session=name, at=operator.epoch, action=action, money=cents * CENT
    )
    return operator.network.process([message], operator.clock.now())[0].result


def seen(operator: Operator) -> Balance:
    with operator.charging.read() as r:
        return balance(r, HYBRID, operator.clock.now())


def stands(operator: Operator) -> tuple[int, int]:
    """Cents on the balance, and on this month's bill."""
    found = seen(operator)
    assert found.on_bill is not None
    return found.money.micros // CENT, found.on_bill.micros // CENT


def books_agree(operator: Operator, *, billed: int) -> None:
    """The journal is the balance, every record holds when run again; the balances are the
    ledger's, and `billed` cents are what is to be billed."""
    operator.post_earnings()
    with operator.charging.read() as r:
        journal = sorted(records(r, HYBRID), key=lambda line: line.seq)
        assert all(explain(r, HYBRID, line.seq).holds for line in journal)
    assert -sum(line.charge.micros for line in journal) == operator.money(1)
    assert operator.ledger(PREPAID) == -operator.money(1) - operator.money(2)
    assert operator.ledger(UNBILLED) == billed * CENT


def bill_of(operator: Operator, month: int, before: UsageCut | None) -> tuple[UsageCut, list[int]]:
    """The cut of a bill made now, and what it takes, in cents."""
    with operator.charging.read() as r:
        [account] = charging_accounts(r, [BillingAccountId("bac_1")])[BillingAccountId("bac_1")]
        cut = UsageCut(account.account, account.seq, month)
        if before is not None:
            cut = UsageCut(account.account, account.seq, month, before.seq, before.period)
        lines = usage_lines(r, [cut])
    assert account.kind is AccountKind.HYBRID
    return cut, [line.charge.micros // CENT for line in lines]


def test_a_month_and_the_next(operator: Operator) -> None:
    """1.50 in a session crosses the balance; two are granted together what both can pay for; a
    top-up leaves the bill alone, and lets those go on who wait; the bill takes its part, once."""
    ask(operator, Kind.INITIAL, 0, 150)
    ask(operator, Kind.TERMINATE, 1, 0, used=150)
    assert stands(operator) == (0, 50)
    with operator.charging.read() as r:
        found = explain(r, HYBRID, 2)
    assert (str(found.stored), str(found.on_bill)) == ("1.50 EUR", "0.50 EUR")
    assert (str(found.balance_before), str(found.balance_after)) == ("1.00 EUR", "0.00 EUR")
    assert "paid       1.00 EUR from the balance, 0.50 EUR on the bill" in lines_of(found)
    granted = 0
    for name in "abcdefghij":
        answer = ask(operator, Kind.INITIAL, 0, 200, name=name)
        granted += max(answer.units[0].granted, 0)
    assert 130 * MB < granted <= 150 * MB
    assert pay(operator, 20, "too much") is Result.CREDIT_LIMIT
    operator.top_up(1, "3", "pay_2")
    with operator.charging.read() as r:
        told = notices.due(r, operator.clock.now(), 10, "gy")
    assert {each.kind for each in told} == {NoticeKind.REAUTHORISE}
    assert stands(operator) == (300, 50)
    for name in "abcdefghij":
        ask(operator, Kind.TERMINATE, 1, 0, name=name)
    pay(operator, 350, "all of it")
    assert stands(operator) == (0, 100)
    books_agree(operator, billed=100)

    month = month_at(operator.epoch, 1, "UTC")
    first, billed = bill_of(operator, month, None)
    assert billed == [50, 50]
    operator.clock.advance(timedelta(days=31))
    assert stands(operator) == (0, 0)
    pay(operator, 30, "December")
    late = UsageEvent(
        id="late",
        identities=(("msisdn", "46700000001"),),
        service=Service.DATA,
        at=month_bounds(month, cycle_day=1, time_zone="UTC")[1] - timedelta(seconds=1),
        units=20 * MB,
    )
    operator.tell(ChargeUsage(batch_id="b1", events=(late,)))
    assert stands(operator) == (0, 50)
    _, billed = bill_of(operator, month + 1, first)
    assert sorted(billed) == [20, 30]
    books_agree(operator, billed=150)


def test_what_people_and_time_do_to_it(operator: Operator) -> None:
    """Refunds go back where the money came from; adjustments and transfers reach the balance, and
    so does its end: the bill's part stays to be billed, and the account active."""
    pay(operator, 180, "e1")
    pay(operator, 100, "r1", Action.REFUND)
    assert stands(operator) == (20, 0)
    pay(operator, 60, "e2")
    assert stands(operator) == (0, 40)
    books_agree(operator, billed=40)

    def act(verb: BalanceVerb, amount: str, name: str, to: str | None = None) -> None:
        operator.tell(
            ActOnBalance(
                account=HYBRID,
                action=name,
                verb=verb,
                amount=eur(amount),
                to=None if to is None else ChargingAccountId(to),
            )
        )

    act(BalanceVerb.TRANSFER, "0.10", "more than there is", "cac_2")
    operator.top_up(1, "2", "pay_2")
    act(BalanceVerb.TRANSFER, "0.70", "a gift", "cac_2")
    act(BalanceVerb.TRANSFER, "1.31", "too much", "cac_2")
    assert (stands(operator), operator.money(2)) == ((130, 40), 70 * CENT)
    books_agree(operator, billed=40)

    operator.open(3, kind=AccountKind.HYBRID, validity=Validity(first_days=10, grace_days=5))
    operator.top_up(3, "1", "pay_3")
    operator.clock.advance(timedelta(days=13, hours=14))
    release_lost_sessions(operator.charging, operator.clock.now())
    assert operator.money(3) == 100 * CENT
    operator.clock.advance(timedelta(hours=2))
    release_lost_sessions(operator.charging, operator.clock.now())
    operator.relay.drain()
    assert operator.money(3) == 0
    assert operator.ledger(BREAKAGE) == -100 * CENT
    with operator.charging.read() as r:
        third = balance(r, ChargingAccountId("cac_3"), operator.clock.now())
    assert (third.status, third.credit_limit, third.on_bill) == (Status.ACTIVE, eur("0"), eur("0"))
    books_agree(operator, billed=40)
    assert operator.ledger(USAGE_REVENUE) == -140 * CENT
    assert operator.ledger(ADJUSTMENTS) == 0


def test_what_files_tell_of_is_billed_past_the_limit(operator: Operator) -> None:
    """It has happened: of 4.20, a euro is the balance's and 3.20 are billed, whatever the limit. A
    session that waits for credit is told when the next month brings some."""
    operator.open(4, kind=AccountKind.HYBRID, credit_limit=eur("2"), cycle_day=3)
    operator.clock.advance(timedelta(hours=14))
    for subscriber in (1, 4):
        event = UsageEvent(
            id=f"u{subscriber}",
            identities=(("msisdn", f"4670000000{subscriber}"),),
            service=Service.DATA,
            at=operator.clock.now(),
            units=420 * MB,
        )
        operator.tell(ChargeUsage(batch_id=event.id, events=(event,)))
    assert stands(operator) == (0, 320)
    books_agree(operator, billed=320 + 420)
    assert ask(operator, Kind.INITIAL, 0, 10, who=4).units[0].result is Result.CREDIT_LIMIT
    operator.clock.advance(timedelta(hours=1, seconds=1))
    release_lost_sessions(operator.charging, operator.clock.now())
    with operator.charging.read() as r:
        assert [each.session for each in notices.due(r, operator.clock.now(), 10, "gy")] == ["s"]
    assert ask(operator, Kind.UPDATE, 1, 10, who=4).units[0].granted == 10 * MB


def test_who_uses_it_first_in_a_month_lets_others_go_on(operator: Operator) -> None:
    """Before any job has begun the month: the session that waits for credit is told."""
    operator.open(4, kind=AccountKind.HYBRID, credit_limit=eur("2"), cycle_day=3)
    operator.clock.advance(timedelta(hours=14))
    ask(operator, Kind.INITIAL, 0, 200, name="a", who=4)
    ask(operator, Kind.UPDATE, 1, 0, 200, name="a", who=4)
    assert ask(operator, Kind.INITIAL, 0, 10, who=4).units[0].result is Result.CREDIT_LIMIT
    operator.clock.advance(timedelta(hours=1, seconds=1))
    assert ask(operator, Kind.UPDATE, 2, 10, name="a", who=4).units[0].granted == 10 * MB
    with operator.charging.read() as r:
        assert [each.session for each in notices.due(r, operator.clock.now(), 10, "gy")] == ["s"]


def test_it_shares_a_pools_units_and_not_its_money(operator: Operator) -> None:
    """5 GB are the pool's; a gigabyte's tenth more is the own balance's."""
    operator.open(8, shared=True, identities=(), plan="rich")
    operator.top_up(8, "5", "pay_8")
    pool = ChargingAccountId("cac_8")
    for money in (True, False):
        operator.tell(JoinPool(account=HYBRID, pool=pool, money=money))
        assert seen(operator).pool == (None if money else pool)
    ask(operator, Kind.INITIAL, 0, 5000)
    ask(operator, Kind.TERMINATE, 1, 0, used=5120)
    assert stands(operator) == (0, 20)
    assert operator.money(8) == 500 * CENT


def test_its_fees_are_billed(operator: Operator) -> None:
    """Who wants one taken from the balance is refused."""
    operator.open(4, kind=AccountKind.HYBRID, fee=MonthlyFee(amount=eur("5")))
    with operator.charging.read() as r:
        assert not charging_accounts(r, [BillingAccountId("bac_4")])
