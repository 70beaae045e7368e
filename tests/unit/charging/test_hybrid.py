"""Hybrid accounts: a balance, and beyond it the bill, up to a limit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.charging.builders import (
    DAY,
    MB,
    NOON,
    Phone,
    account,
    asks,
    credit,
    hybrid,
    request,
    tariffs,
)
from trunkline.charging import (
    Action,
    ChargingAccountId,
    Kind,
    Result,
    Status,
    UnitRequest,
)
from trunkline.charging.account import InvalidOpening, NotPrepaid, change_plan, top_up, watch
from trunkline.charging.actions import deciding
from trunkline.charging.actions.model import BalanceTooLow
from trunkline.charging.buckets import enter_month
from trunkline.charging.due import due
from trunkline.charging.events import MonthlyFee, Validity
from trunkline.charging.hybrid import carry
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import ChargeAnswer
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.ongoing import enter
from trunkline.charging.policy.telling import spent_beyond
from trunkline.charging.postings import totals
from trunkline.charging.renewal import forfeits
from trunkline.charging.state import State, decode, encode
from trunkline.charging.store import Account
from trunkline.charging.watching import crossed
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import CurrencyMismatch, Money

AT = datetime.fromtimestamp(NOON, UTC)
EURO = 1_000_000
CENT = 10_000


class HybridPhone(Phone):
    def event(self, name: str, action: Action = Action.DIRECT_DEBIT, **kw: Any) -> ChargeAnswer:
        return self.send(request(Kind.EVENT, session=name, at=self.now, action=action, **kw))

    @property
    def lines(self) -> list[tuple[RecordKind, int, int]]:
        """(kind, charge, balance after) in cents."""
        return [
            (RecordKind(each.kind), each.charge // CENT, each.balance // CENT)
            for each in self.journal
        ]


def stands(state: State) -> tuple[int, int, int]:
    """Balance, what is on the bill, and what may still be used, in cents."""
    free = state.money - state.floor - state.held
    return state.money // CENT, credit(state).billed // CENT, free // CENT


def test_a_charge_that_crosses_is_split_exactly() -> None:
    """1.50 of usage: a euro from the balance, 50 cents on the bill."""
    phone = HybridPhone(hybrid())
    phone.begin(asks(150 * MB))
    assert stands(phone.state) == (100, 0, 150)
    phone.end(asks(used=150 * MB))
    assert stands(phone.state) == (0, 50, 150)
    assert phone.lines == [(RecordKind.USAGE, 150, -50), (RecordKind.ON_BILL, -50, 0)]
    on_bill = phone.journal[1]
    assert (on_bill.seq, on_bill.units, on_bill.label) == (2, 50 * MB, phone.journal[0].label)
    sums = totals([(phone.state, record) for record in phone.journal])
    assert {of[1]: micros for of, micros in sums.items()} == {True: EURO, False: EURO // 2}


def test_two_groups_of_one_request_are_split_one_after_the_other() -> None:
    phone = HybridPhone(hybrid())
    phone.begin(asks(80 * MB), asks(80 * MB, group=2))
    phone.end(asks(used=80 * MB), asks(used=80 * MB, group=2))
    assert phone.lines == [
        (RecordKind.USAGE, 80, 20),
        (RecordKind.USAGE, 80, -60),
        (RecordKind.ON_BILL, -60, 0),
    ]
    phone.begin(asks(10 * MB), session="s2")
    phone.end(asks(used=10 * MB), session="s2")
    assert phone.lines[3:] == [(RecordKind.USAGE, 10, -10), (RecordKind.ON_BILL, -10, 0)]
    assert [record.seq for record in phone.journal] == [1, 2, 3, 4, 5]


def test_concurrent_sessions_share_balance_and_limit() -> None:
    """Neither is granted more than both can pay for together; what one gives back the other may
    use."""
    phone = HybridPhone(hybrid())
    granted = []
    for session in ("a", "b", "c"):
        answer = phone.begin(asks(300 * MB), session=session)
        granted.append(answer.units[0].granted)
        assert phone.state.held <= 3 * EURO
    assert sum(granted) <= 300 * MB
    for session, used in zip("abc", granted, strict=True):
        phone.end(asks(used=used), session=session)
    used_for = sum(each.charge for each in phone.journal if each.kind == RecordKind.USAGE)
    assert (phone.state.money, credit(phone.state).billed) == (0, used_for - EURO)
    assert used_for <= 3 * EURO


def test_a_controlled_plan_stops_where_the_balance_does() -> None:
    phone = HybridPhone(hybrid(limit=None))
    assert phone.begin(asks(500 * MB)).units[0].granted == 50 * MB
    phone.go_on(asks(500 * MB, used=50 * MB))
    while phone.state.sessions[0].quotas[0].granted:
        phone.go_on(asks(500 * MB, used=phone.state.sessions[0].quotas[0].granted))
    assert stands(phone.state) == (0, 0, 0)
    assert phone.go_on(asks(MB)).units[0].result is Result.CREDIT_LIMIT
    top_up(phone.state, Money.of("5", "EUR"), AT, "pay", phone.journal)
    assert phone.go_on(asks(MB)).units[0].granted == MB


def test_what_is_used_beyond_grants_is_on_the_bill_and_costs_no_top_up() -> None:
    phone = HybridPhone(hybrid(limit="0.50"))
    phone.begin(asks(10 * MB))
    phone.end(asks(used=200 * MB))
    assert stands(phone.state) == (0, 100, 0)
    assert phone.journal[0].overrun == 190 * MB
    top_up(phone.state, Money.of("3", "EUR"), AT, "pay", phone.journal)
    assert stands(phone.state) == (300, 100, 300)


def test_what_was_free_stays_off_the_bill() -> None:
    """What an allowance paid costs nothing, and the bill's units are those that cost."""
    phone = HybridPhone(hybrid("0.10"))
    phone.journal.append(Record(1, RecordKind.USAGE, NOON, 1, -10 * CENT, 20 * CENT, 80, 60))
    phone.state.seq, phone.state.money = 1, -10 * CENT
    carry(phone.state, phone.journal, 0)
    assert (phone.journal[1].units, phone.journal[1].free) == (10, 0)


def test_a_refund_goes_back_to_where_it_came_from() -> None:
    phone = HybridPhone(hybrid())
    phone.event("e1", money=150 * CENT)
    assert stands(phone.state) == (0, 50, 150)
    phone.event("r1", Action.REFUND, money=120 * CENT)
    assert stands(phone.state) == (70, 0, 270)
    assert phone.lines[-2:] == [(RecordKind.REFUND, -120, 120), (RecordKind.ON_BILL, 50, 70)]


def test_what_a_top_up_paid_is_refunded_to_the_balance() -> None:
    phone = HybridPhone(hybrid())
    phone.event("e1", money=150 * CENT)
    top_up(phone.state, Money.of("1", "EUR"), AT, "pay", phone.journal)
    phone.event("e2", money=40 * CENT)
    phone.event("r2", Action.REFUND, money=40 * CENT)
    assert stands(phone.state) == (100, 50, 250)
    phone.event("r1", Action.REFUND, money=150 * CENT)
    assert stands(phone.state) == (200, 0, 400)


def test_a_repeated_event_changes_nothing() -> None:
    phone = HybridPhone(hybrid())
    phone.event("e1", money=150 * CENT)
    before = encode(phone.state), list(phone.journal)
    phone.event("e1", money=150 * CENT)
    assert (encode(phone.state), phone.journal) == before


def test_a_month_frees_the_limit_and_leaves_the_balance() -> None:
    phone = HybridPhone(hybrid())
    phone.begin(asks(300 * MB))
    phone.go_on(asks(300 * MB, used=phone.state.sessions[0].quotas[0].granted))
    phone.end(asks(used=phone.state.sessions[0].quotas[0].granted))
    billed = credit(phone.state).billed
    assert billed > 0
    top_up(phone.state, Money.of("1", "EUR"), AT, "pay", phone.journal)
    phone.now += 30 * DAY
    phone.event("e1", money=30 * CENT)
    assert stands(phone.state) == (70, 0, 270)
    [turn] = [each for each in phone.journal if each.kind == RecordKind.NEW_MONTH]
    assert (turn.charge, turn.units, turn.balance) == (0, billed, EURO)


def test_late_usage_of_last_month_counts_against_this_ones_limit() -> None:
    """As a postpaid account's does; the record says which month it is billed with."""
    state, journal = hybrid("0"), list[Record]()
    phone = HybridPhone(state)
    phone.now += 30 * DAY
    phone.event("e1", money=10 * CENT)
    late = request(Kind.EVENT, 0, UnitRequest(1, used=20 * MB), session="late", at=NOON)
    charge_usage(state, late, phone.tariffs, journal)
    carry(state, journal, 0)
    assert credit(state).billed == 30 * CENT
    assert journal[-1].kind == RecordKind.ON_BILL
    assert journal[-1].period == journal[-2].period == phone.journal[-1].period - 1


def test_a_file_that_goes_past_the_limit_tells_by_how_much() -> None:
    """Of 2.00, a euro is the balance's and 50 cents are the limit's; while it isn't reached,
    nothing is told."""
    for units, beyond in ((200, [50 * CENT]), (149, [])):
        state, journal = hybrid(limit="0.50"), list[Record]()
        told = request(Kind.EVENT, 0, UnitRequest(1, used=units * MB), session="file", at=NOON)
        charge_usage(state, told, tariffs(), journal)
        carry(state, journal, 0)
        held = {1: Account(1, ChargingAccountId("cac_1"), BillingAccountId("bac_1"), 0, state)}
        news = spent_beyond(held, [(1, record) for record in journal])
        assert [each.beyond and each.beyond.micros for each in news] == beyond


def test_only_the_balance_moves_between_people() -> None:
    """The limit is for usage: neither transfers nor adjustments nor reservations reach it."""
    giver, taker = hybrid("1"), account("0")
    too_much = Money.of("1.01", "EUR")
    for act in (
        lambda: deciding.transfer(giver, taker, too_much, AT, "t", ([], [])),
        lambda: deciding.adjust(giver, -too_much, AT, "a", []),
        lambda: deciding.reserve(giver, too_much, AT, AT, "r"),
    ):
        with pytest.raises(BalanceTooLow):
            act()
    deciding.transfer(giver, taker, Money.of("1", "EUR"), AT, "t", ([], []))
    deciding.adjust(giver, Money.of("0.40", "EUR"), AT, "a", [])
    assert stands(giver) == (40, 0, 240)


def test_what_sessions_hold_of_the_balance_stays_there() -> None:
    phone = HybridPhone(hybrid())
    phone.begin(asks(150 * MB))
    with pytest.raises(BalanceTooLow):
        deciding.adjust(phone.state, Money.of("-0.01", "EUR"), AT, "a", [])
    phone.end(asks(used=150 * MB))
    assert stands(phone.state) == (0, 50, 150)


def test_the_balance_expires_and_nothing_else() -> None:
    """Five days, and one of grace: until then it can be used; the bill keeps the account active."""
    state = hybrid(validity=Validity(first_days=5, grace_days=1))
    journal: list[Record] = []
    end = int(datetime(2026, 11, 7, tzinfo=UTC).timestamp())
    assert due(state) == end
    assert forfeits(state, end - 1) == 0
    enter(state, end - 1, journal)
    enter_month(state, end - 1, None, journal)
    credit(state).billed = 30 * CENT
    enter(state, end, journal)
    assert (state.status, state.money, due(state)) == (Status.ACTIVE, 0, 0)
    assert [(each.kind, each.charge) for each in journal] == [(RecordKind.EXPIRED, EURO)]
    assert credit(state).billed == 30 * CENT
    at = datetime.fromtimestamp(end + 60, UTC)
    top_up(state, Money.of("1", "EUR"), at, "pay", journal)
    enter(state, end + 120, journal)
    assert state.money == EURO


def test_what_is_in_use_expires_when_its_session_ends() -> None:
    phone = HybridPhone(hybrid(validity=Validity(first_days=5)))
    phone.begin(asks(40 * MB))
    phone.now = int(datetime(2026, 11, 6, 0, 10, tzinfo=UTC).timestamp())
    enter(phone.state, phone.now, phone.journal)
    assert phone.state.money == phone.state.held == 40 * CENT
    phone.state.sessions[0].until = phone.now + 60
    phone.end(asks(used=10 * MB))
    enter(phone.state, phone.now, phone.journal)
    assert stands(phone.state) == (0, 0, 200)


def test_thresholds_are_the_balances() -> None:
    phone = HybridPhone(hybrid())
    watch(phone.state, [Money.of("0.50", "EUR"), Money.of("0.10", "EUR")])
    phone.event("e1", money=60 * CENT)
    assert crossed(phone.state) == 50 * CENT
    phone.event("e2", money=60 * CENT)
    assert crossed(phone.state) == 10 * CENT
    phone.event("e3", money=60 * CENT)
    assert crossed(phone.state) is None


def test_who_waits_for_the_limit_is_due_when_the_month_ends() -> None:
    phone = HybridPhone(hybrid(limit="0.50"))
    phone.begin(asks(10 * MB), session="s")
    for name in ("e1", "e2"):
        phone.event(name, money=70 * CENT)
    assert due(phone.state) == phone.state.sessions[0].until + 1
    phone.end(asks(used=0), session="s")
    phone.event("e3", money=phone.state.money - phone.state.floor)
    assert due(phone.state) == phone.state.ends


def test_its_fees_are_billed() -> None:
    fee = MonthlyFee(amount=Money.of("5", "EUR"))
    with pytest.raises(InvalidOpening, match="prepaid"):
        hybrid(fee=fee)
    phone = HybridPhone(hybrid())
    with pytest.raises(NotPrepaid):
        change_plan(phone.state, "plan", AT, phone.tariffs, [], fee)


def test_another_limit_counts_what_is_on_the_months_bill() -> None:
    phone = HybridPhone(hybrid())
    phone.event("e1", money=150 * CENT)
    for limit, free in (("5", 450), ("0.30", 0), ("0.70", 20), (None, 0)):
        money = None if limit is None else Money.of(limit, "EUR")
        change_plan(phone.state, "plan", AT, phone.tariffs, [], limit=money)
        assert stands(phone.state) == (0, 50, free)
    change_plan(phone.state, "plan", AT, phone.tariffs, [], limit=Money.of("1", "EUR"))
    change_plan(phone.state, "plan", AT, phone.tariffs, [])
    assert stands(phone.state) == (0, 50, 50)
    with pytest.raises(CurrencyMismatch):
        change_plan(phone.state, "plan", AT, phone.tariffs, [], limit=Money.of("1", "USD"))


def test_a_limit_is_in_the_accounts_currency_and_not_below_zero() -> None:
    for limit, error in (
        (Money.of("5", "USD"), CurrencyMismatch),
        (Money(-1, "EUR"), InvalidOpening),
    ):
        with pytest.raises(error, match="limit"):
            account(kind=AccountKind.HYBRID, credit_limit=limit)


def test_its_state_is_read_as_it_was_written() -> None:
    phone = HybridPhone(hybrid(validity=Validity(first_days=3)))
    phone.event("e1", money=150 * CENT)
    assert decode(encode(phone.state)) == phone.state
