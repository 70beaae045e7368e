"""Months are billed: exactly once, whatever happens in between."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.scenarios.billing_town import (
    ENTITY,
    at,
    end_product,
    eur,
    found_town,
    give_product,
    move_in,
    once,
    pay,
    recurring,
)
from trunkline import inventory
from trunkline.billing import (
    BillRunState,
    InvoiceState,
    LineKind,
    NotYetOver,
    UnknownInvoice,
    bill_run,
    bill_runs,
    billing_cycles,
    failures_of,
    invoice,
    invoice_numbered,
    invoiced,
    invoices_of,
    invoices_of_customer,
    invoices_of_run,
    run_bills,
    run_failures,
    run_totals,
    search_invoices,
    start_billing,
    state_of,
)
from trunkline.billing.events import InvoiceIssued
from trunkline.billing.store import take_numbers
from trunkline.customers import AccountNotFound, BillingAccountId
from trunkline.inventory import NewProduct
from trunkline.inventory import ProductStatus as Status
from trunkline.ledger import (
    RECEIVABLES,
    RECURRING_REVENUE,
    balance,
    entries_of,
    trial_balance,
)
from trunkline.platform.db import Database
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.receivables import (
    open_item,
    open_items_for,
    receivable_balance,
    receivable_totals,
)

NOV = at("2026-11-01")
DEC = at("2026-12-01")
JAN = at("2027-01-01")


def bill(books: Database, charging: Database, now: datetime) -> list[str]:
    """Bills all that is over; the numbers of the invoices, in their order."""
    report = run_bills(books, charging, through=now, now=now)
    assert report.failures == ()
    with books.read() as r:
        return [invoice(r, each).number for each in invoices_of_run(r, report.run)]


def is_balanced(books: Database) -> None:
    with books.read() as r:
        assert sum(row.amount.micros for row in trial_balance(r)) == 0
        for _, open_, credit in receivable_totals(r):
            assert balance(r, RECEIVABLES, "EUR") == open_
            assert balance(r, "2200", "EUR") == -credit


@pytest.fixture
def ada(books: Database) -> BillingAccountId:
    """Ada has a plan for 30 since 16 November, and pays 19 for its activation."""
    with books.transaction() as tx:
        found_town(tx, NOV)
        account = move_in(tx, "Ada Byron", NOV)
        give_product(
            tx, account, [recurring("Plan", "30"), once("Activation", "19")], at("2026-11-16")
        )
    return account


def test_the_first_months(books: Database, charging: Database, ada: BillingAccountId) -> None:
    """November: 15 of 30 days at 30 is 15, and 19: 34 net, 40.80 with tax. December: 30."""
    assert bill(books, charging, at("2026-11-30T23:59")) == []
    assert bill(books, charging, DEC) == ["TOWN-000001"]
    with books.read() as r:
        (head,) = invoices_of(r, ada)
        first = invoice(r, head.id)
    assert (first.net, first.tax, first.gross) == (eur("34"), eur("6.80"), eur("40.80"))
    assert [(line.kind, line.text, line.detail, line.amount) for line in first.lines] == [
        (LineKind.RECURRING, "Plan", "15 of 30 days", eur("15")),
        (LineKind.ONE_TIME, "Activation", "", eur("19")),
    ]
    assert (first.period.start, first.period.end) == (NOV, DEC)
    assert (first.issue_date, first.due_date) == (date(2026, 12, 1), date(2026, 12, 15))
    assert first.due_at == at("2026-12-16")
    assert first.buyer.name == "Ada Byron"
    assert first.buyer.address == ("Lange Straße 5", "20095 Hamburg")
    assert first.seller.address == ("Hafenstraße 1", "20457 Hamburg")
    assert (first.brand, first.entity, first.previous_balance) == (
        "Town Mobile",
        ENTITY,
        eur("0"),
    )

    assert bill(books, charging, DEC) == []
    assert bill(books, charging, JAN) == ["TOWN-000002"]
    with books.read() as r:
        second = invoice_numbered(r, "TOWN-000002")
        assert second.gross == eur("36.00")
        assert (second.previous_balance, second.amount_due) == (eur("40.80"), eur("76.80"))
        assert receivable_balance(r, ada) == eur("76.80")
        assert balance(r, RECURRING_REVENUE, "EUR") == eur("-45")
        assert [entry.kind for entry in entries_of(r, second.id)] == ["invoice"]
        assert invoiced(r) == [(2, eur("76.80"))]
    is_balanced(books)


def test_what_the_bill_says_stays(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    bill(books, charging, DEC)
    for table in ("invoice", "invoice_line"):
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET currency = 'USD'"):
            with (
                pytest.raises(sa.exc.DBAPIError, match="is immutable"),
                books.transaction() as tx,
            ):
                tx.execute(sa.text(change))


def test_credit_pays_the_next_bill(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        pay(tx, ada, "50.00", "r1", at("2026-11-20"))
    relay.drain()
    bill(books, charging, DEC)
    with books.read() as r:
        (first,) = invoices_of(r, ada)
        assert (first.previous_balance, first.amount_due) == (eur("-50"), eur("0"))
        item = open_item(r, first.id)
        assert item.settled
        assert state_of(first, item) is InvoiceState.SETTLED
        assert receivable_balance(r, ada) == eur("-9.20")
    bill(books, charging, JAN)
    with books.read() as r:
        second = invoices_of(r, ada)[0]
        items = open_items_for(r, [second.id])
        assert items[second.id].open == eur("26.80")
        assert state_of(second, items[second.id]) is InvoiceState.PARTIALLY_PAID
    is_balanced(books)


def test_months_that_were_missed_are_billed_one_by_one(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    numbers = bill(books, charging, at("2027-02-01"))
    assert numbers == ["TOWN-000001", "TOWN-000002", "TOWN-000003"]
    with books.read() as r:
        assert [str(each.net) for each in invoices_of(r, ada)] == [
            "30.00 EUR",
            "30.00 EUR",
            "34.00 EUR",
        ]
    is_balanced(books)


def test_a_product_that_ended_is_billed_to_its_end(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        (product,) = inventory.products_of(tx, ada)
        end_product(tx, product, at("2026-12-11T10:00"))
    bill(books, charging, JAN)
    with books.read() as r:
        assert str(invoices_of(r, ada)[0].net) == "9.68 EUR"
    assert bill(books, charging, at("2027-03-01")) == []
    with books.read() as r:
        cycle = billing_cycles(r, [ada])[ada]
        assert cycle.next_start == at("2027-03-01")
    is_balanced(books)


def test_each_account_has_its_own_day(books: Database, charging: Database) -> None:
    with books.transaction() as tx:
        found_town(tx, NOV, time_zone="Europe/Berlin")
        early = move_in(tx, "Early", NOV, cycle_day=5)
        late = move_in(tx, "Late", NOV, cycle_day=20)
        for account in (early, late):
            give_product(tx, account, [recurring("Plan", "30")], at("2026-11-05T12:00"))
    assert bill(books, charging, at("2026-11-19T22:00")) == []
    assert bill(books, charging, at("2026-11-19T23:00")) == ["TOWN-000001"]
    assert bill(books, charging, at("2026-12-04T23:00")) == ["TOWN-000002"]
    with books.read() as r:
        (of_late,) = invoices_of(r, late)
        (of_early,) = invoices_of(r, early)
    assert (of_late.number, str(of_late.net)) == ("TOWN-000001", "14.52 EUR")
    assert of_late.issue_date == date(2026, 11, 20)
    assert (of_early.number, str(of_early.net)) == ("TOWN-000002", "30.00 EUR")


def test_one_that_can_not_be_billed_stops_nobody(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        bo = move_in(tx, "Bo", NOV)
        give_product(tx, bo, [recurring("Book", "5", tax_category="reduced")], at("2026-11-20"))
        cy = move_in(tx, "Cy", NOV)
        give_product(tx, cy, [recurring("Plan", "5", currency="USD")], at("2026-11-20"))
    report = run_bills(books, charging, through=DEC, now=DEC)
    assert (report.accounts, report.invoices) == (1, 1)
    assert {(each.account, each.code) for each in report.failures} == {
        (bo, "noTaxRate"),
        (cy, "currencyMismatch"),
    }
    with books.read() as r:
        run = bill_run(r, report.run)
        assert (run.state, run.accounts, run.invoices, run.failed) == (
            BillRunState.COMPLETED,
            1,
            1,
            2,
        )
        assert set(run_failures(r, run.id)) == set(report.failures)
        assert failures_of(r, bo)[0].reason == "lines[0]: no tax rate is set for 'reduced'"
        (total,) = run_totals(r, run.id)
        assert (total.invoices, total.gross) == (1, eur("40.80"))

    from trunkline.tax import set_rate

    with books.transaction() as tx:
        set_rate(
            tx,
            regime="town",
            category="reduced",
            name="VAT",
            millionths=70_000,
            valid_from=date(2020, 1, 1),
        )
    again = run_bills(books, charging, through=DEC, now=DEC + timedelta(hours=1))
    assert [each.account for each in again.failures] == [cy]
    with books.read() as r:
        assert invoices_of(r, bo)[0].number == "TOWN-000002"
        assert [run.id for run in bill_runs(r)] == [again.run, report.run]
    is_balanced(books)


def test_a_market_without_its_taxes_is_set_aside(books: Database, charging: Database) -> None:
    with books.transaction() as tx:
        found_town(tx, NOV)
        account = move_in(tx, "Ada", NOV)
        give_product(tx, account, [recurring("Plan", "30")], NOV)
        tx.execute(sa.text("DELETE FROM tax_rate"))
        tx.execute(sa.text("DELETE FROM tax_regime"))
    report = run_bills(books, charging, through=DEC, now=DEC)
    assert [(each.account, each.code) for each in report.failures] == [
        (account, "unknownTaxRegime")
    ]


@pytest.mark.parametrize("chunk", [1, 2, 200])
def test_what_can_not_be_written_is_set_aside_alone(
    books: Database, charging: Database, ada: BillingAccountId, chunk: int
) -> None:
    """Ada's and Bo's months stand as invoices that nothing else knows of: the database refuses
    a second. Dee can't be calculated, Cy is billed."""
    with books.transaction() as tx:
        bo = move_in(tx, "Bo", NOV)
        give_product(tx, bo, [recurring("Plan", "30")], at("2026-11-20"))
    assert bill(books, charging, DEC) == ["TOWN-000001", "TOWN-000002"]
    with books.transaction() as tx:
        tx.execute(
            sa.text("UPDATE billing_cycle SET next_start = NULL, next_end = :e"),
            {"e": int(DEC.timestamp() * 1_000_000)},
        )
        cy, dee = move_in(tx, "Cy", NOV), move_in(tx, "Dee", NOV)
        give_product(tx, cy, [recurring("Plan", "30")], at("2026-11-20"))
        give_product(tx, dee, [recurring("Plan", "30", currency="USD")], at("2026-11-20"))
    report = run_bills(books, charging, through=DEC, now=DEC, chunk=chunk)
    assert {(each.account, each.code) for each in report.failures} == {
        (ada, "internalError"),
        (bo, "internalError"),
        (dee, "currencyMismatch"),
    }
    assert all("INSERT" not in each.reason for each in report.failures)
    with books.read() as r:
        assert [each.number for each in invoices_of(r, cy)] == ["TOWN-000003"]
        assert [each.number for each in search_invoices(r, "TOWN-0")] == [
            "TOWN-000003",
            "TOWN-000002",
            "TOWN-000001",
        ]
    is_balanced(books)


def test_the_future_is_not_billed(books: Database, charging: Database) -> None:
    with pytest.raises(NotYetOver):
        run_bills(books, charging, through=DEC, now=NOV)


def test_a_run_tells_how_far_it_is(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        for name in ("Bo", "Cy"):
            give_product(tx, move_in(tx, name, NOV), [recurring("Plan", "30")], NOV)
    seen: list[tuple[int, int]] = []
    run_bills(
        books,
        charging,
        through=DEC,
        now=DEC,
        progress=lambda done, total: seen.append((done, total)),
        chunk=2,
    )
    assert seen == [(2, 3), (3, 3)]


def test_customers_and_searches(books: Database, charging: Database, ada: BillingAccountId) -> None:
    bill(books, charging, JAN)
    with books.read() as r:
        first, second = reversed(invoices_of(r, ada))
        assert invoices_of_customer(r, first.customer) == [second, first]
        assert search_invoices(r, "TOWN-000002") == [second]
        assert search_invoices(r, limit=1, offset=1) == [first]
        assert search_invoices(r, "X") == []
        assert search_invoices(r, "TOWN-00000") == [second, first]
        assert search_invoices(r, "TOWN-0000019") == []
        for odd in ("\0", "\ud7ff", "\U0010ffff", "TOWN-%", "TOWN_000002"):
            assert search_invoices(r, odd) == []
        with pytest.raises(UnknownInvoice):
            invoice_numbered(r, "TOWN-9")


def test_numbers_past_a_million_keep_their_order(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        give_product(tx, move_in(tx, "Bo", NOV), [recurring("Plan", "30")], NOV)
        take_numbers(tx, ENTITY, "TOWN", 999_998)
    assert bill(books, charging, DEC) == ["TOWN-999999", "TOWN-1000000"]


def test_an_account_starts_with_its_first_activation(
    books: Database, charging: Database, relay: Relay
) -> None:
    with books.transaction() as tx:
        found_town(tx, NOV)
        account = move_in(tx, "Ada", NOV)
        products = inventory.create_products(
            tx,
            [
                NewProduct(
                    name=name,
                    offering="off",
                    offering_name=name,
                    customer="cus",
                    billing_account=account,
                    prices=(recurring(name, "30"),),
                )
                for name in ("One", "Two")
            ],
            now=NOV,
        )
    relay.drain()
    with books.read() as r:
        assert billing_cycles(r, [account]) == {}
    for product, day in zip(products, ("2026-11-16", "2026-12-17"), strict=True):
        with books.transaction() as tx:
            inventory.change_product_status(
                tx, product=product.id, status=Status.ACTIVE, now=at(day)
            )
        relay.drain()
    with books.read() as r:
        assert billing_cycles(r, [account])[account].since == at("2026-11-16")
    bill(books, charging, JAN)
    with books.read() as r:
        assert [str(each.net) for each in invoices_of(r, account)] == ["44.52 EUR", "15.00 EUR"]


def test_an_unknown_account_is_not_started(books: Database) -> None:
    with pytest.raises(AccountNotFound), books.transaction() as tx:
        start_billing(tx, {BillingAccountId("bac_none"): NOV})


class TestTold:
    @pytest.fixture
    def routes(self) -> Routes:
        self.seen: list[InvoiceIssued] = []
        return Routes(
            [
                Reaction(
                    "test.issued",
                    InvoiceIssued,
                    lambda tx, message, now: self.seen.append(message),
                    "books",
                )
            ]
        )

    def test_an_issued_invoice_is_told(
        self, books: Database, charging: Database, relay: Relay, ada: BillingAccountId
    ) -> None:
        bill(books, charging, DEC)
        relay.drain()
        (event,) = self.seen
        assert (event.number, event.gross, event.key) == ("TOWN-000001", eur("40.80"), ada)
        assert event.issued_at == datetime(2026, 12, 1, tzinfo=UTC)
