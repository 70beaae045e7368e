"""Money comes in: once, for one purpose, and finds the oldest invoice."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.locks import both
from tests.scenarios.billing_town import ENTITY, eur, found_town, move_in, pay
from trunkline.charging import ChargingAccountId, TopUp
from trunkline.customers import AccountKind, AccountNotFound, BillingAccountId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.ledger import (
    CASH,
    CUSTOMER_CREDITS,
    PREPAID,
    RECEIVABLES,
    RECURRING_REVENUE,
    Entry,
    Posting,
    balance,
    post,
)
from trunkline.payments import (
    NewPaymentMethod,
    PaymentMethodId,
    PaymentMethodKind,
    Purpose,
    ReferenceUsed,
    UnknownPaymentMethod,
    add_payment_method,
    add_payment_methods,
    keep_method,
    payment,
    payment_methods_of,
    payments_of,
    receive_payment,
)
from trunkline.payments.events import PaymentReceived, TopUpPaid
from trunkline.payments.store import METHOD
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.receivables import (
    OpenItem,
    ageing,
    allocations_to,
    items_of,
    open_item,
    open_items,
    payments_with_allocations,
    receivable_account,
    receivable_balance,
    receivable_totals,
)
from trunkline.receivables import reactions as receivables
from trunkline.tmf import documents

DAY = timedelta(days=1)
SEEN: list[object] = []


@pytest.fixture
def routes() -> Routes:
    """Receivables as they are; what is sent to charging is looked at here instead."""
    SEEN.clear()
    return Routes(
        [
            *receivables.REACTIONS,
            Reaction("test.top_up", TopUp, lambda tx, message, now: SEEN.append(message), "books"),
            Reaction(
                "test.paid", TopUpPaid, lambda tx, message, now: SEEN.append(message), "books"
            ),
        ]
    )


@pytest.fixture
def account(books: Database, now: datetime) -> BillingAccountId:
    with books.transaction() as tx:
        found_town(tx, now)
        return move_in(tx, "Ada Byron", now)


def owe(tx: Tx, account: BillingAccountId, invoice: str, amount: str, at: datetime) -> None:
    """An invoice as billing issues it."""
    money = eur(amount)
    post(
        tx,
        Entry(
            entity=ENTITY,
            kind="invoice",
            reference=invoice,
            postings=(Posting(RECEIVABLES, money), Posting(RECURRING_REVENUE, -money)),
            description="",
            booked_at=at,
        ),
        at,
    )
    item = OpenItem(invoice, invoice, account, ENTITY, money, money, at, at + 14 * DAY)
    open_items(tx, [item], now=at)


def books_agree(books: Database) -> None:
    """The sums of receivables are the ledger's."""
    with books.read() as r:
        for _, open_, credit in receivable_totals(r):
            assert balance(r, RECEIVABLES, "EUR") == open_
            assert balance(r, CUSTOMER_CREDITS, "EUR") == -credit


def test_a_payment_settles_its_invoice(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        owe(tx, account, "i1", "30.00", now)
        pay(tx, account, "30.00", "r1", now)
    with books.read() as r:
        assert receivable_account(r, account).open == eur("30.00")
        assert balance(r, CUSTOMER_CREDITS, "EUR") == eur("-30.00")
    relay.drain()
    with books.read() as r:
        assert open_item(r, "i1").settled
        assert receivable_balance(r, account) == eur("0")
        assert balance(r, CASH, "EUR") == eur("30.00")
        assert balance(r, CUSTOMER_CREDITS, "EUR") == eur("0")
        assert [str(each.amount) for each in allocations_to(r, "i1")] == ["30.00 EUR"]
    books_agree(books)


def test_a_part_an_overpayment_and_the_next_invoice(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    """30 owed, 20 paid: 10 open. 25 paid: 15 credit. The next invoice of 40: 25 open."""
    with books.transaction() as tx:
        owe(tx, account, "i1", "30.00", now)
        first = pay(tx, account, "20.00", "r1", now)
    relay.drain()
    with books.read() as r:
        assert open_item(r, "i1").open == eur("10.00")
    with books.transaction() as tx:
        second = pay(tx, account, "25.00", "r2", now + DAY)
    relay.drain()
    with books.read() as r:
        assert receivable_balance(r, account) == eur("-15.00")
    books_agree(books)
    with books.transaction() as tx:
        owe(tx, account, "i2", "40.00", now + 30 * DAY)
    with books.read() as r:
        assert open_item(r, "i2").open == eur("25.00")
        listed = payments_with_allocations(r, account)
    assert [
        (each.payment.id, [(a.invoice, str(a.amount)) for a in each.allocations], each.left)
        for each in listed
    ] == [
        (second.id, [("i1", "10.00 EUR"), ("i2", "15.00 EUR")], eur("0")),
        (first.id, [("i1", "20.00 EUR")], eur("0")),
    ]
    books_agree(books)


def test_the_invoice_that_the_payer_names(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        owe(tx, account, "i1", "30.00", now)
        owe(tx, account, "i2", "30.00", now + DAY)
        pay(tx, account, "30.00", "r1", now + DAY, invoice="i2")
    relay.drain()
    with books.read() as r:
        assert [(item.invoice, item.settled) for item in items_of(r, account)] == [
            ("i1", False),
            ("i2", True),
        ]


def test_an_invoice_below_zero_is_credit(
    books: Database, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        owe(tx, account, "i1", "-10.00", now)
        assert receivable_balance(tx, account) == eur("-10.00")
        owe(tx, account, "i2", "25.00", now + DAY)
        assert open_item(tx, "i2").open == eur("15.00")
    books_agree(books)


def test_the_same_payment_comes_in_once(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        first = pay(tx, account, "30.00", "r1", now)
    with books.transaction() as tx:
        assert pay(tx, account, "30.00", "r1", now + DAY) == first
    with pytest.raises(ReferenceUsed), books.transaction() as tx:
        pay(tx, account, "31.00", "r1", now + DAY)
    relay.drain()
    with books.read() as r:
        assert balance(r, CASH, "EUR") == eur("30.00")
        assert payments_of(r, account) == [payment(r, first.id)] == [first]


def test_the_event_twice_is_one_credit(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        received = pay(tx, account, "30.00", "r1", now)
        tx.emit(
            PaymentReceived(
                payment=received.id,
                account=account,
                entity=ENTITY,
                amount=eur("30.00"),
                received_at=now,
            )
        )
    relay.drain()
    with books.read() as r:
        assert receivable_account(r, account).credit == eur("30.00")
    books_agree(books)


def test_a_top_up_goes_to_the_balance_and_to_no_invoice(
    books: Database, relay: Relay, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        owe(tx, account, "i1", "30.00", now)
        paid = receive_payment(
            tx,
            account=account,
            amount=eur("20.00"),
            method=PaymentMethodKind.CREDIT_CARD,
            reference="c1",
            purpose=Purpose.TOP_UP,
            subscriber=ChargingAccountId("cac_1"),
            now=now,
        )
    relay.drain()
    with books.read() as r:
        assert balance(r, PREPAID, "EUR") == eur("-20.00")
        assert balance(r, CUSTOMER_CREDITS, "EUR") == eur("0")
        assert open_item(r, "i1").open == eur("30.00")
        (listed,) = payments_with_allocations(r, account)
    assert (listed.allocations, listed.left) == ((), eur("0"))
    assert [type(each) for each in SEEN] == [TopUp, TopUpPaid]
    assert isinstance(SEEN[0], TopUp)
    assert (SEEN[0].payment_id, SEEN[0].account, SEEN[0].amount) == (
        paid.id,
        "cac_1",
        eur("20.00"),
    )


def test_what_is_no_payment(books: Database, account: BillingAccountId, now: datetime) -> None:
    with books.transaction() as tx:
        others = add_payment_method(
            tx, account=move_in(tx, "Bo", now), kind=PaymentMethodKind.CASH, now=now
        )

    def receive(**change: object) -> None:
        values: dict[str, object] = {
            "account": account,
            "amount": eur("1"),
            "method": PaymentMethodKind.CASH,
            "reference": "x",
            "now": now,
        }
        with books.transaction() as tx:
            receive_payment(tx, **(values | change))  # type: ignore[arg-type]

    with pytest.raises(Invalid, match="names its subscriber"):
        receive(purpose=Purpose.TOP_UP)
    with pytest.raises(Invalid, match="names its subscriber"):
        receive(subscriber=ChargingAccountId("cac_1"))
    with pytest.raises(Invalid, match="pays no invoice"):
        receive(purpose=Purpose.TOP_UP, subscriber=ChargingAccountId("cac_1"), invoice="i1")
    with pytest.raises(Invalid, match="reference"):
        receive(reference="")
    for reference in ("x" * 201, "nul\0", "two\nlines"):
        with pytest.raises(Invalid, match="reference"):
            receive(reference=reference)
    with pytest.raises(Invalid, match="invoice"):
        receive(invoice="i" * 101)
    with pytest.raises(UnknownPaymentMethod):
        receive(payment_method=PaymentMethodId("pm_none"))
    with pytest.raises(UnknownPaymentMethod):
        receive(payment_method=others)
    with pytest.raises(CurrencyMismatch):
        receive(amount=Money.of("1", "USD"))
    with pytest.raises(AccountNotFound):
        receive(account=BillingAccountId("bac_none"))
    with books.read() as r:
        assert payments_of(r, account) == []
        assert balance(r, CASH, "EUR") == eur("0")


def test_methods_are_kept_in_order(
    books: Database, account: BillingAccountId, now: datetime
) -> None:
    with books.transaction() as tx:
        ids = add_payment_methods(
            tx,
            [
                NewPaymentMethod(account, PaymentMethodKind.MAILED_CHECK),
                NewPaymentMethod(
                    account,
                    PaymentMethodKind.CREDIT_CARD,
                    token="tok_1",
                    last_digits="4242",
                    automatic=True,
                ),
            ],
            now=now,
        )
        kept = payment_methods_of(tx, account)
    assert {each.id for each in kept} == set(ids)
    assert {(each.kind, each.last_digits, each.automatic) for each in kept} == {
        (PaymentMethodKind.MAILED_CHECK, None, False),
        (PaymentMethodKind.CREDIT_CARD, "4242", True),
    }


def test_of_methods_that_are_kept_at_once_one_is_preferred(
    books: Database, account: BillingAccountId, now: datetime
) -> None:
    kept: list[dict[str, Any]] = []

    def keep(tx: Tx) -> None:
        said = {"@type": "cash", "name": "cash", "isPreferred": True, "account": [{"id": account}]}
        kept.append(keep_method(tx, said, now))

    assert both(books, keep, keep) is None
    with books.read() as r:
        found = documents.find(r, METHOD, [each["id"] for each in kept])
    assert sorted(each["isPreferred"] for each in found) == [False, True]


def test_a_method_is_an_accounts(books: Database, now: datetime) -> None:
    with pytest.raises(AccountNotFound), books.transaction() as tx:
        add_payment_method(
            tx, account=BillingAccountId("bac_none"), kind=PaymentMethodKind.CASH, now=now
        )


def test_what_is_overdue(books: Database, account: BillingAccountId, now: datetime) -> None:
    with books.transaction() as tx:
        owe(tx, account, "i1", "10.00", now - 60 * DAY)
        owe(tx, account, "i2", "20.00", now)
        buckets = ageing(tx, "EUR", now=now)
    assert [(each.first, each.items, str(each.amount)) for each in buckets] == [
        (-1, 1, "20.00 EUR"),
        (0, 0, "0.00 EUR"),
        (31, 1, "10.00 EUR"),
        (61, 0, "0.00 EUR"),
        (91, 0, "0.00 EUR"),
    ]


def test_a_prepaid_account_that_never_owed(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        found_town(tx, now)
        account = move_in(tx, "Bo", now, kind=AccountKind.PREPAID)
        assert receivable_balance(tx, account) == eur("0")
