"""Receivables and the ledger agree after every step, whatever comes in which order."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.billing_town import ENTITY, eur, found_town, move_in, pay
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import (
    CASH,
    CUSTOMER_CREDITS,
    RECEIVABLES,
    RECURRING_REVENUE,
    Entry,
    LegalEntityId,
    Posting,
    balance,
    post,
    trial_balance,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.receivables import (
    Credit,
    OpenItem,
    allocate,
    allocations_of,
    items_of,
    open_items,
    receivable_account,
    receivable_totals,
)
from trunkline.receivables import reactions as receivables

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = BillingAccountId("bac_1")
amounts = st.integers(1, 10_000)


def _money(micros: int) -> Money:
    return Money(micros, "EUR")


@given(
    st.lists(st.tuples(amounts, st.integers(0, 5)), max_size=6),
    st.lists(st.tuples(amounts, st.integers(0, 5), st.integers(-1, 5)), max_size=6),
)
def test_allocation_pays_all_it_can_and_no_more(
    owed: list[tuple[int, int]], paid: list[tuple[int, int, int]]
) -> None:
    entity = LegalEntityId("le_1")
    items = [
        OpenItem(
            f"i{n}", f"{n}", ACCOUNT, entity, _money(micros), _money(micros), START,
            START + day * DAY,
        )
        for n, (micros, day) in enumerate(owed)
    ]  # fmt: skip
    credits_ = [
        Credit(
            f"p{n}", ACCOUNT, entity, _money(micros), _money(micros), START + day * DAY,
            None if named < 0 else f"i{named}",
        )
        for n, (micros, day, named) in enumerate(paid)
    ]  # fmt: skip
    made = allocate(credits_, items)
    by_credit = {each.origin: 0 for each in credits_}
    by_item = {each.invoice: 0 for each in items}
    for credit, item, amount in made:
        assert amount.micros > 0
        by_credit[credit.origin] += amount.micros
        by_item[item.invoice] += amount.micros
    assert all(by_credit[each.origin] <= each.left.micros for each in credits_)
    assert all(by_item[each.invoice] <= each.open.micros for each in items)
    due = sum(each.open.micros for each in items)
    given_ = sum(each.left.micros for each in credits_)
    assert sum(by_credit.values()) == min(due, given_)
    assert len({(credit.origin, item.invoice) for credit, item, _ in made}) == len(made)


@pytest.fixture
def routes() -> Routes:
    return Routes(receivables.REACTIONS)


def issue(tx: Tx, account: BillingAccountId, invoice: str, cents: int, at: datetime) -> None:
    money = eur("0.01") * cents
    entry = Entry(
        entity=ENTITY,
        kind="invoice",
        reference=invoice,
        postings=(Posting(RECEIVABLES, money), Posting(RECURRING_REVENUE, -money)),
        description="",
        booked_at=at,
    )
    post(tx, entry, at)
    item = OpenItem(invoice, invoice, account, ENTITY, money, money, at, at + 14 * DAY)
    open_items(tx, [item], now=at)


def agree(books: Database, accounts: list[BillingAccountId]) -> None:
    with books.read() as r:
        open_ = credit = eur("0")
        for account in accounts:
            sums = receivable_account(r, account)
            items = items_of(r, account)
            assert sums.open.micros == sum(item.open.micros for item in items)
            allocated = sum(each.amount.micros for each in allocations_of(r, account))
            asked = sum(item.amount.micros for item in items)
            assert asked - allocated == sums.open.micros
            assert not (sums.open and sums.credit), "credit beside an open invoice"
            open_ += sums.open
            credit += sums.credit
        assert balance(r, RECEIVABLES, "EUR") == open_
        assert balance(r, CUSTOMER_CREDITS, "EUR") == -credit
        assert sum(row.amount.micros for row in trial_balance(r)) == 0
        for _, total_open, total_credit in receivable_totals(r):
            assert (total_open, total_credit) == (open_, credit)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_invoices_and_payments(
    books: Database, relay: Relay, clock: DrivenClock, seed: int
) -> None:
    random = Random(seed)
    with books.transaction() as tx:
        found_town(tx, clock.now())
        accounts = [move_in(tx, f"Customer {n}", clock.now()) for n in range(3)]
    issued: list[str] = []
    cash = 0
    for step in range(30):
        now = clock.advance(timedelta(hours=random.randrange(1, 100)))
        account = random.choice(accounts)
        cents = random.randrange(1, 5000)
        with books.transaction() as tx:
            if random.random() < 0.5:
                issued.append(f"i{step}")
                issue(tx, account, issued[-1], cents if random.random() < 0.9 else -cents, now)
            else:
                named = random.choice([*issued, None]) if random.random() < 0.3 else None
                for _ in range(random.choice([1, 1, 2])):
                    pay(tx, account, f"{cents / 100:.2f}", f"r{step}", now, invoice=named)
                cash += cents
        relay.drain()
        agree(books, accounts)
    with books.read() as r:
        assert balance(r, CASH, "EUR") == eur("0.01") * cash
