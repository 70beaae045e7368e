"""What edges are to tell the network: for which sessions, when again, and when no more."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.unit.charging.builders import MB, compiled, imsi, opening
from trunkline.charging import (
    ChargeRequest,
    ChargingAccountId,
    GroupCommit,
    InstallTariff,
    Kind,
    Service,
    UnitRequest,
    notices,
    operations,
    queries,
)
from trunkline.charging.actions.operations import act_on_balance
from trunkline.charging.events import ActOnBalance, BalanceVerb
from trunkline.charging.notices import Notice, NoticeKind
from trunkline.kernel.money import Money
from trunkline.platform.db import Database, Tx

ACCOUNT = ChargingAccountId("cac_1")
WORD = "gy:pgw.example;example"


class Phone:
    """One prepaid account at a cent a megabyte, and its sessions."""

    def __init__(self, charging: Database, now: datetime) -> None:
        self.charging = charging
        self.now = now
        self.commit = GroupCommit(charging)
        tariff = compiled()
        with charging.transaction() as tx:
            operations.install_tariff(
                tx,
                InstallTariff(
                    version=tariff.version,
                    effective_from=tariff.effective_from,
                    body=tariff.encode(),
                ),
                now,
            )
            operations.open_account(tx, opening(1, opened_at=now - timedelta(days=1)))

    def top_up(self, money: str, payment: str = "pay_1") -> None:
        self.do(
            lambda tx: operations.top_up(
                tx, ACCOUNT, payment_id=payment, amount=Money.of(money, "EUR"), now=self.now
            )
        )

    def do(self, what: Callable[[Tx], object]) -> None:
        with self.charging.transaction() as tx:
            what(tx)

    def ask(self, session: str, number: int, asked: int, used: int = 0, word: str = WORD) -> None:
        second = int(self.now.timestamp())
        self.commit.process(
            [
                ChargeRequest(
                    session,
                    number,
                    Kind.UPDATE if number else Kind.INITIAL,
                    (("imsi", imsi(1)),),
                    second,
                    second,
                    Service.DATA,
                    units=(UnitRequest(1, None, asked, used),),
                    notify=word,
                )
            ],
            self.now,
        )

    def due(self, edge: str = "gy", after: float = 0) -> list[Notice]:
        with self.charging.read() as r:
            return notices.due(r, self.now + timedelta(seconds=after), 10, edge)


@pytest.fixture
def phone(charging: Database, now: datetime) -> Phone:
    phone = Phone(charging, now)
    phone.top_up("0.10", "pay_0")
    return phone


def told(phone: Phone, edge: str = "gy") -> list[tuple[str, NoticeKind]]:
    return [(each.session, each.kind) for each in phone.due(edge)]


def test_a_top_up_is_told_to_those_who_wait_for_it(phone: Phone) -> None:
    phone.ask("silent", 0, MB, word="")
    phone.ask("content", 0, MB)
    phone.ask("last", 0, 100 * MB)
    for number in range(1, 20):
        phone.ask("last", number, 100 * MB)
    assert told(phone) == []
    phone.top_up("1")
    assert told(phone) == []
    phone.ask("greedy", 0, 10_000 * MB)
    for number in range(1, 12):
        phone.ask("greedy", number, 10_000 * MB, 100 * MB)
    phone.top_up("1", "pay_2")
    assert told(phone) == [("greedy", NoticeKind.REAUTHORISE)]
    phone.top_up("1", "pay_2")
    assert len(phone.due()) == 1, "a payment counts once"


def exhausted(phone: Phone, session: str = "s1", word: str = WORD) -> None:
    phone.ask(session, 0, 10 * MB, word=word)
    phone.ask(session, 1, 10 * MB, 10 * MB, word=word)


def test_who_asks_and_gets_again_waits_no_more(phone: Phone) -> None:
    exhausted(phone)
    phone.top_up("1")
    [notice] = phone.due()
    phone.do(lambda tx: notices.done(tx, [notice.id]))
    phone.ask("s1", 2, MB)
    phone.top_up("1", "pay_2")
    assert told(phone) == []


def test_each_edge_has_its_own(phone: Phone) -> None:
    exhausted(phone, "s1")
    exhausted(phone, "s2", "nchf:http://smf.example/notify")
    phone.top_up("1")
    assert told(phone) == [("s1", NoticeKind.REAUTHORISE)]
    [other] = phone.due("nchf")
    assert other.word == "nchf:http://smf.example/notify"


def test_barring_ends_sessions_and_unbarring_has_them_ask(phone: Phone) -> None:
    phone.ask("s1", 0, MB)
    phone.do(lambda tx: operations.bar_account(tx, ACCOUNT, barred=True, now=phone.now))
    assert told(phone) == [("s1", NoticeKind.ABORT)]
    phone.top_up("1")
    assert told(phone) == [("s1", NoticeKind.ABORT)], "who is barred gets nothing by a top-up"
    phone.do(lambda tx: operations.bar_account(tx, ACCOUNT, barred=False, now=phone.now))
    assert told(phone) == [("s1", NoticeKind.REAUTHORISE)]


def test_closing_ends_sessions(phone: Phone) -> None:
    phone.ask("s1", 0, MB)
    phone.do(lambda tx: operations.close_account(tx, ACCOUNT, at=phone.now))
    assert told(phone) == [("s1", NoticeKind.ABORT)]


def test_another_plan_is_asked_for_again(phone: Phone) -> None:
    phone.ask("s1", 0, MB)
    phone.do(lambda tx: operations.change_plan(tx, ACCOUNT, plan="plan", at=phone.now))
    assert told(phone) == [("s1", NoticeKind.REAUTHORISE)]


def test_an_adjustment_is_told_and_a_deduction_is_not(phone: Phone) -> None:
    exhausted(phone)

    def adjust(money: str, action: str) -> None:
        command = ActOnBalance(
            action=action,
            verb=BalanceVerb.ADJUST,
            account=ACCOUNT,
            amount=Money.of(money, "EUR"),
        )
        phone.do(lambda tx: act_on_balance(tx, command, phone.now))

    adjust("-0.01", "act_1")
    assert told(phone) == []
    adjust("1", "act_2")
    assert told(phone) == [("s1", NoticeKind.REAUTHORISE)]


def test_an_attempt_is_one_process_s_and_the_next_comes_later(phone: Phone) -> None:
    exhausted(phone)
    phone.top_up("1")
    [notice] = phone.due()
    won: list[bool] = []
    for _ in range(2):
        phone.do(lambda tx: won.append(notices.retry(tx, notice, phone.now)))
    assert won == [True, False]
    assert phone.due() == []
    with phone.charging.read() as r:
        assert notices.next_due(r, "gy") is not None
        assert notices.next_due(r, "nchf") is None
    [again] = phone.due(after=notices.DELAYS[0])
    assert again.attempts == 1
    phone.do(lambda tx: notices.done(tx, [again.id]))
    assert phone.due(after=3600) == []


def test_what_is_never_answered_is_given_up(phone: Phone) -> None:
    exhausted(phone)
    phone.top_up("1")
    attempts = 0
    while found := phone.due():
        with phone.charging.transaction() as tx:
            attempts += notices.retry(tx, found[0], phone.now)
        phone.now += timedelta(hours=1)
    assert attempts == len(notices.DELAYS)


def test_a_newer_notice_is_not_struck_out_by_an_older_one_s_answer(phone: Phone) -> None:
    exhausted(phone)
    phone.top_up("1")
    [first] = phone.due()
    phone.top_up("1", "pay_2")
    [second] = phone.due()
    assert second.id > first.id
    phone.do(lambda tx: notices.done(tx, [first.id]))
    assert phone.due() == [second]


def test_a_session_that_the_network_does_not_know_is_ended(phone: Phone) -> None:
    phone.ask("s1", 0, MB)
    phone.do(lambda tx: operations.bar_account(tx, ACCOUNT, barred=True, now=phone.now))
    [notice] = phone.due()
    for _ in range(2):
        notices.end_unknown_session(phone.charging, notice)
    with phone.charging.read() as r:
        balance = queries.balance(r, ACCOUNT, phone.now)
    assert balance.open_sessions == 0
    assert not balance.reserved
    assert phone.due() == []
