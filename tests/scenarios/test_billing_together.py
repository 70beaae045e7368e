"""Bills, payments and other runs at the same time: nothing is billed twice, and an invoice and
a payment that arrive together find each other."""

import threading
from collections.abc import Callable

import pytest

from tests.locks import until_it_waits
from tests.scenarios.billing_town import at, eur, found_town, give_product, move_in, pay, recurring
from trunkline.billing import BillRun, BillRunId, BillRunState, invoiced, run_bills
from trunkline.billing import runs as bill_runs
from trunkline.billing.charges import calculate_bill
from trunkline.billing.gathering import Gathered, Gatherer
from trunkline.billing.operations import issue_bills
from trunkline.customers import BillingAccountId
from trunkline.ledger import CUSTOMER_CREDITS, RECEIVABLES, balance, trial_balance
from trunkline.payments import PaymentId, PaymentMethodKind, RefundRequest
from trunkline.payments import payment as payment_of
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Busy, Database, Tx
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.receivables import allocate_payment, receivable_account, refund
from trunkline.receivables import reactions as receivables
from trunkline.receivables.store import lock_accounts

NOV = at("2026-11-01")
DEC = at("2026-12-01")


@pytest.fixture
def routes() -> Routes:
    return Routes(receivables.REACTIONS)


@pytest.fixture
def accounts(books: Database) -> list[BillingAccountId]:
    with books.transaction() as tx:
        found_town(tx, NOV)
        made = [move_in(tx, f"Customer {number}", NOV) for number in range(20)]
        for account in made:
            give_product(tx, account, [recurring("Plan", "10")], NOV)
    return made


def together(*work: Callable[[], object]) -> None:
    """Runs all at once; the first error is raised."""
    errors: list[BaseException] = []

    def guarded(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_what_was_billed_meanwhile_is_left_out(
    books: Database, charging: Database, accounts: list[BillingAccountId]
) -> None:
    with books.read() as r:
        cycles = bill_runs.due_cycles(r, DEC, None, 100)
    drafts = []
    for _, gathered in Gatherer(books, charging).gather(cycles):
        assert isinstance(gathered, Gathered)
        assert calculate_bill(gathered.to_bill) is not None
        drafts.append(gathered.draft)
    report = run_bills(books, charging, through=DEC, now=DEC)
    assert report.invoices == len(accounts)
    with books.transaction() as tx:
        late = BillRun(
            id=tx.new_id(BillRunId, DEC),
            through=DEC,
            state=BillRunState.RUNNING,
            started_at=DEC,
            finished_at=None,
            accounts=0,
            invoices=0,
            failed=0,
        )
        bill_runs.insert_run(tx, late)
        issued = issue_bills(tx, drafts, (), run=late.id, now=DEC)
    assert (issued.accounts, issued.invoices) == (0, ())


def test_a_second_run_beside_the_first_is_refused(
    books: Database, charging: Database, accounts: list[BillingAccountId]
) -> None:
    refused: list[Busy] = []

    def again(_done: int, _total: int) -> None:
        with pytest.raises(Busy) as caught:
            run_bills(books, charging, through=DEC, now=DEC)
        refused.append(caught.value)

    report = run_bills(books, charging, through=DEC, now=DEC, progress=again)
    assert (report.invoices, len(refused)) == (len(accounts), 1)


@pytest.mark.parametrize("amount", ["12.00", "5.00", "20.00"])
def test_invoices_and_payments_that_cross(
    books: Database,
    charging: Database,
    clock: DrivenClock,
    relay: Relay,
    accounts: list[BillingAccountId],
    amount: str,
) -> None:
    clock.set(DEC)
    payments = {}
    for account in accounts:
        with books.transaction() as tx:
            payments[account] = pay(tx, account, amount, account, DEC)

    def allocate_all() -> None:
        for account, payment in payments.items():
            with books.transaction() as tx:
                allocate_payment(
                    tx,
                    payment=payment.id,
                    account=account,
                    entity=payment.entity,
                    amount=payment.amount,
                    received_at=DEC,
                    now=DEC,
                )

    together(
        lambda: run_bills(books, charging, through=DEC, now=DEC, chunk=3),
        allocate_all,
        allocate_all,
        relay.drain,
    )
    with books.read() as r:
        assert invoiced(r) == [(20, eur("240.00"))]
        for account in accounts:
            sums = receivable_account(r, account)
            assert sums.balance == eur("12.00") - eur(amount)
            assert not (sums.open and sums.credit)
        rest = (eur("12.00") - eur(amount)) * 20
        assert balance(r, RECEIVABLES, "EUR") + balance(r, CUSTOMER_CREDITS, "EUR") == rest
        assert sum(row.amount.micros for row in trial_balance(r)) == 0


def test_two_refunds_that_cross(books: Database, accounts: list[BillingAccountId]) -> None:
    """One of the account's credit, which takes of a payment, and one of that payment: neither
    holds what the other waits for."""
    account = accounts[0]
    with books.transaction() as tx:
        paid = pay(tx, account, "20.00", "in", DEC)
        allocate_payment(
            tx,
            payment=paid.id,
            account=account,
            entity=paid.entity,
            amount=paid.amount,
            received_at=DEC,
            now=DEC,
        )

    def give_back(tx: Tx, payment: PaymentId | None) -> None:
        asked = RefundRequest(
            account=account,
            amount=eur("8.00"),
            method=PaymentMethodKind.BANK_TRANSFER,
            reference="whole" if payment is None else "part",
            payment=payment,
        )
        refund(tx, asked, now=DEC)

    def of_payment() -> None:
        with books.transaction() as tx:
            give_back(tx, paid.id)

    other = threading.Thread(target=of_payment)
    with books.transaction() as tx:
        lock_accounts(tx, [(account, paid.entity, "EUR")])
        other.start()
        until_it_waits(books, other)
        give_back(tx, None)
    other.join()
    with books.read() as r:
        assert receivable_account(r, account).credit == eur("4.00")
        assert payment_of(r, paid.id).refunded == eur("16.00")
