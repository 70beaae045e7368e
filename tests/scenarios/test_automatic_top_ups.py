"""Balances that fall low are topped up by a kept card: once for each crossing."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.scenarios.voucher_town import Town, eur
from tests.unit.charging.builders import MB, asks, request
from trunkline import ledger, payments
from trunkline.charging import CloseAccount, GroupCommit, Kind, TopUp, post_earnings, store
from trunkline.charging.events import WatchBalance
from trunkline.customers import AccountKind
from trunkline.kernel.errors import Invalid
from trunkline.payments import (
    Collection,
    CollectionState,
    Collector,
    HttpGateway,
    MethodNotUsable,
    NewRule,
    PaymentMethodKind,
    Rule,
    RuleExists,
    RuleState,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


class Provider:
    """Somebody's payment provider, over HTTP: each key takes money once."""

    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.asked: list[str] = []
        self.declines = 0
        self.statuses: list[int] = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, told = provider.charge(
                    self.headers["Idempotency-Key"], msgspec.json.decode(body)
                )
                raw = msgspec.json.encode(told)
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/pay"

    def charge(self, key: str, order: dict[str, Any]) -> tuple[int, dict[str, str]]:
        self.asked.append(key)
        if self.declines:
            self.declines -= 1
            return 402, {"reason": "insufficient funds"}
        self.taken[key] = order["amount"]
        if self.statuses:
            return self.statuses.pop(0), {}
        return 201, {"reference": f"ch_{len(self.taken)}"}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Kiosk(Town):
    """The town, with a card of Ada's."""

    def __init__(
        self, books: Database, charging: Database, relay: Relay, clock: DrivenClock
    ) -> None:
        super().__init__(books, charging, relay, clock)
        self.provider = Provider()
        self.collector = Collector(books, HttpGateway(self.provider.url), clock)
        self.network = GroupCommit(charging)
        with books.transaction() as tx:
            self.card = payments.add_payment_method(
                tx,
                account=self.balance(1).billing_account,
                kind=PaymentMethodKind.CREDIT_CARD,
                token="tok_1",
                now=clock.now(),
            )

    def credit(self, amount: str, payment: str) -> None:
        with self.books.transaction() as tx:
            tx.emit(TopUp(payment_id=payment, account=self.balance(1).account, amount=eur(amount)))
        self.relay.drain()

    def rule(self, threshold: str = "5", amount: str = "20", cap: str | None = None) -> Rule:
        new = NewRule(
            balance=self.balance(1),
            threshold=eur(threshold),
            amount=eur(amount),
            method=self.card,
            cap=None if cap is None else eur(cap),
        )
        with self.books.transaction() as tx:
            rule = payments.set_rule(tx, new, now=self.clock.now())
        self.relay.drain()
        return rule

    def change_card(self, rule: Rule, token: str) -> Rule:
        with self.books.transaction() as tx:
            self.card = payments.add_payment_method(
                tx,
                account=self.balance(1).billing_account,
                kind=PaymentMethodKind.CREDIT_CARD,
                token=token,
                now=self.clock.now(),
            )
            return payments.change_rule(tx, rule.id, method=self.card, now=self.clock.now())

    def use(self, megabytes: int, session: str) -> None:
        """At a cent for each."""
        self.clock.advance(timedelta(seconds=1))
        at = int(self.clock.now().timestamp())
        used = asks(used=megabytes * MB)
        self.network.process(
            [
                request(Kind.INITIAL, 0, asks(megabytes * MB), at=at, session=session),
                request(Kind.TERMINATE, 1, used, at=at, session=session),
            ],
            self.clock.now(),
        )
        self.relay.drain()

    def collect(self) -> int:
        many = self.collector.drain()
        self.relay.drain()
        return many

    def now_is(self, rule: Rule) -> Rule:
        with self.books.read() as r:
            return payments.automatic_top_ups(r, [rule.id])[0]

    def collections(self) -> list[Collection]:
        with self.books.read() as r:
            ids = list(r.execute(payments.COLLECTIONS.select()).scalars())
            return sorted(payments.collections(r, ids), key=lambda each: each.id)


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Iterator[Kiosk]:
    made = Kiosk(books, charging, relay, clock)
    yield made
    made.provider.close()


def test_a_crossing_is_one_top_up(town: Kiosk) -> None:
    """6.00, and 2.00 of use: below 5.00, so that 20.00 come. Below again: another 20.00."""
    town.credit("6", "pay_a")
    rule = town.rule()
    assert town.collect() == 0
    town.use(200, "s1")
    assert town.collect() == 1
    assert town.money(1) == "24.00 EUR"
    assert town.provider.taken == {f"{town.collections()[0].id}-0": "20.00"}
    assert town.now_is(rule).collection is None
    town.use(100, "s2")
    assert town.collect() == 0
    town.use(1900, "s3")
    assert town.collect() == 1
    assert town.money(1) == "24.00 EUR"
    (first, second) = town.collections()
    assert (first.state, second.state) == (CollectionState.COLLECTED,) * 2
    with town.books.read() as r:
        paid = payments.payments(r, [str(first.payment), str(second.payment)])
        assert {(each.source, each.payment_method) for each in paid} == {("automatic", town.card)}
        assert str(ledger.balance(r, ledger.CASH, "EUR")) == "40.00 EUR"


class Controlled(Kiosk):
    """People with hybrid accounts and no limit: a bill for what is used beyond grants only."""

    kind = AccountKind.HYBRID


def test_a_hybrid_balance_is_topped_up_and_its_bill_isnt(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    """A voucher's 10.00; 13.00 of use, of which 3.00 go onto the bill and stay there when 20.00
    come from the card."""
    town = Controlled(books, charging, relay, clock)
    try:
        _, codes = town.made_and_sold(1)
        town.redeem(codes[0])
        relay.drain()
        town.rule()
        town.use(1300, "s1")
        assert town.collect() == 1
        found = town.balance(1)
        assert (str(found.money), str(found.on_bill)) == ("20.00 EUR", "3.00 EUR")
        with charging.transaction() as tx:
            post_earnings(tx, clock.now())
        relay.drain()
        town.check_books()
    finally:
        town.provider.close()


def test_what_is_low_already_is_topped_up_until_it_isnt(town: Kiosk) -> None:
    """Nothing, and a threshold of 5.00: three times 2.00."""
    town.rule(amount="2")
    assert town.collect() == 1
    assert town.collect() == 1
    assert town.collect() == 1
    assert town.collect() == 0
    assert town.money(1) == "6.00 EUR"


def test_an_answer_that_was_lost_takes_nothing_twice(town: Kiosk) -> None:
    """The provider takes the money and dies: asked again under the same key, it has it."""
    town.provider.statuses = [500, 503]
    town.rule()
    assert town.collect() == 1
    assert town.money(1) == "0.00 EUR"
    town.clock.advance(timedelta(seconds=2))
    assert town.collect() == 1
    town.clock.advance(timedelta(seconds=11))
    assert town.collect() == 1
    assert len(set(town.provider.asked)) == 1
    assert len(town.provider.asked) == 3
    assert town.money(1) == "20.00 EUR"


def test_who_dies_with_an_order_in_hand_loses_nothing(town: Kiosk) -> None:
    """Killed between the provider's answer and our note of it."""
    town.rule()

    class Killed(Exception):
        pass

    class Dying(HttpGateway):
        def collect(self, order: payments.Order) -> payments.Outcome:
            super().collect(order)
            raise Killed

    with pytest.raises(Killed):
        Collector(town.books, Dying(town.provider.url), town.clock).drain()
    assert town.collect() == 0  # leased
    town.clock.advance(timedelta(minutes=4))
    assert town.collect() == 1
    assert len(town.provider.taken) == 1
    assert town.money(1) == "20.00 EUR"


def test_declined_retried_and_given_up(town: Kiosk) -> None:
    town.provider.declines = 4
    rule = town.rule()
    for hours in (0, 1, 24):
        town.clock.advance(timedelta(hours=hours))
        assert town.collect() == 1
        assert town.collect() == 0
        assert town.now_is(rule).state is RuleState.ACTIVE
    town.clock.advance(timedelta(hours=72))
    assert town.collect() == 1
    found = town.now_is(rule)
    assert (found.state, found.reason, found.collection) == (
        RuleState.SUSPENDED, "insufficient funds", None
    )  # fmt: skip
    assert len(set(town.provider.asked)) == 4  # each try after a decline is another order
    assert payments.look_at_balances(town.books, town.charging, town.clock.now()) == 0
    with town.books.transaction() as tx:
        payments.change_rule(tx, rule.id, state=RuleState.ACTIVE, now=town.clock.now())
    town.clock.advance(timedelta(seconds=1))
    assert payments.look_at_balances(town.books, town.charging, town.clock.now()) == 1
    assert town.collect() == 1
    assert town.money(1) == "20.00 EUR"


def test_another_card_is_tried_at_once(town: Kiosk) -> None:
    """In the middle of the tries, and after the last of them."""
    town.provider.declines = 1
    rule = town.rule()
    assert town.collect() == 1
    assert town.collect() == 0
    town.change_card(rule, "tok_2")
    assert town.collect() == 1
    assert town.money(1) == "20.00 EUR"
    (done,) = town.collections()
    assert (done.state, done.method, done.declines) == (CollectionState.COLLECTED, town.card, 1)
    assert len(set(town.provider.asked)) == 2
    town.provider.declines = 4
    town.use(1900, "a")
    for hours in (0, 1, 24, 72):
        town.clock.advance(timedelta(hours=hours))
        assert town.collect() == 1
    assert town.now_is(rule).state is RuleState.SUSPENDED
    assert town.change_card(rule, "tok_3").state is RuleState.ACTIVE
    town.clock.advance(timedelta(seconds=1))
    assert payments.look_at_balances(town.books, town.charging, town.clock.now()) == 1
    assert town.collect() == 1
    assert town.money(1) == "21.00 EUR"


def test_what_came_otherwise_need_not_be_tried_again(town: Kiosk) -> None:
    town.provider.declines = 1
    rule = town.rule()
    town.collect()
    _, codes = town.made_and_sold(1)
    town.redeem(codes[0])
    town.relay.drain()
    assert town.collections()[0].state is CollectionState.CANCELLED
    town.clock.advance(timedelta(days=9))
    assert town.collect() == 0
    assert town.now_is(rule).collection is None


def test_a_months_cap_holds_until_the_next(town: Kiosk) -> None:
    rule = town.rule(threshold="30", amount="20", cap="20")
    assert town.collect() == 1
    assert town.collect() == 0
    assert payments.look_at_balances(town.books, town.charging, town.clock.now()) == 0
    town.clock.advance(timedelta(days=29))  # December
    assert payments.look_at_balances(town.books, town.charging, town.clock.now()) == 1
    assert town.collect() == 1
    assert town.money(1) == "40.00 EUR"
    assert town.now_is(rule).state is RuleState.ACTIVE


def test_an_old_sight_of_the_balance_counts_no_more(town: Kiosk) -> None:
    from trunkline.payments.automatic.operations import balance_fell

    before = town.clock.now()
    rule = town.rule()
    town.clock.advance(timedelta(minutes=1))
    town.collect()
    with town.books.transaction() as tx:
        assert (
            balance_fell(tx, rule.account, eur("1"), seen_at=before, now=town.clock.now()) is None
        )
    assert town.collect() == 0


def test_a_product_that_has_ended_is_topped_up_no_more(town: Kiosk) -> None:
    rule = town.rule()
    town.collect()
    town.tell(CloseAccount(account=rule.account, closed_at=town.clock.now()))
    found = town.now_is(rule)
    assert (found.state, found.reason) == (RuleState.ENDED, "the product has ended")


def test_money_that_comes_too_late_is_the_customers_credit(town: Kiosk) -> None:
    rule = town.rule()
    with town.books.transaction() as tx:
        tx.emit(CloseAccount(account=rule.account, closed_at=town.clock.now()))
    town.relay.drain()
    town.collect()
    with town.books.read() as r:
        assert str(ledger.balance(r, ledger.PREPAID, "EUR")) == "0.00 EUR"
        assert sum(each.amount.micros for each in ledger.trial_balance(r)) == 0


def test_what_is_no_rule(town: Kiosk) -> None:
    rule = town.rule()
    with pytest.raises(RuleExists):
        town.rule()
    for wrong in ({"threshold": "0"}, {"amount": "0"}, {"amount": "20", "cap": "10"}):
        with pytest.raises(Invalid):
            town.rule(**wrong)
    with town.books.transaction() as tx:
        payments.change_rule(tx, rule.id, state=RuleState.ENDED, now=town.clock.now())
    table = payments.PAYMENT_METHODS.table
    with town.books.transaction() as tx:
        kept = tx.execute(table.select().where(table.c.id == town.card)).one().body
        payments.change_method(tx, town.card, {**kept, "status": "inactive"}, town.clock.now())
    with pytest.raises(MethodNotUsable):
        town.rule()


def test_the_warnings_of_others_stay(town: Kiosk) -> None:
    def watched() -> list[int]:
        with town.charging.read() as r:
            state = store.account(r, "cac_1").state  # type: ignore[union-attr]
        watch = None if state.terms is None else state.terms.watch
        return [] if watch is None else [each // 1_000_000 for each in watch.thresholds]

    town.tell(WatchBalance(account=town.balance(1).account, thresholds=(eur("3"), eur("1"))))
    rule = town.rule()
    assert watched() == [5, 3, 1]
    for change, after in (
        ({"threshold": eur("4")}, [4, 3, 1]),
        ({"state": RuleState.ENDED}, [3, 1]),
    ):
        with town.books.transaction() as tx:
            payments.change_rule(tx, rule.id, **change, now=town.clock.now())
        town.relay.drain()
        assert watched() == after
