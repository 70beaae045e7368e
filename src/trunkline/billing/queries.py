"""Reads of invoices and bill runs."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from trunkline.billing import runs, store
from trunkline.billing.cycle import BilledUsage, BillingCycle
from trunkline.billing.model import (
    BillFailure,
    BillRun,
    BillRunId,
    Invoice,
    InvoiceId,
    RunTotal,
    UnknownBillRun,
    UnknownInvoice,
)
from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money
from trunkline.platform.db import Reader
from trunkline.receivables import OpenItem

INVOICES = store.invoice
INVOICE_LINES = store.invoice_line
"""The tables, for lists that are filtered by their columns."""


class InvoiceState(StrEnum):
    """Where an issued invoice stands (TMF678 v4, StateValue)."""

    ON_HOLD = "onHold"
    """Somebody disputes it: it waits."""
    SENT = "sent"
    PARTIALLY_PAID = "partiallyPaid"
    SETTLED = "settled"


INVOICE_LIFECYCLE: Lifecycle[InvoiceState] = Lifecycle(
    "bill",
    {
        InvoiceState.SENT: {InvoiceState.ON_HOLD},
        InvoiceState.PARTIALLY_PAID: {InvoiceState.ON_HOLD},
        InvoiceState.ON_HOLD: {InvoiceState.SENT, InvoiceState.PARTIALLY_PAID},
        InvoiceState.SETTLED: set(),
    },
)
"""What people may make of it; payments and refunds do the rest."""


def state_of(invoice: Invoice, item: OpenItem | None) -> InvoiceState:
    """By its open item; an invoice of zero or less has none, and is settled."""
    if item is None or item.settled:
        return InvoiceState.SETTLED
    if item.on_hold:
        return InvoiceState.ON_HOLD
    return paid_state(invoice, item)


def paid_state(invoice: Invoice, item: OpenItem) -> InvoiceState:
    """By what of it is paid, on hold or not."""
    return InvoiceState.SENT if item.open == invoice.gross else InvoiceState.PARTIALLY_PAID


def invoice(r: Reader, invoice_id: InvoiceId) -> Invoice:
    """With its lines. Raises `UnknownInvoice`."""
    found = store.find_invoices(r, [invoice_id])
    if not found:
        raise UnknownInvoice(f"there is no invoice {invoice_id[:60]}")
    return found[0]


def invoices(r: Reader, ids: Sequence[InvoiceId]) -> list[Invoice]:
    """Those that exist, with their lines, in the order of `ids`."""
    return store.find_invoices(r, ids)


def invoice_numbered(r: Reader, number: str) -> Invoice:
    """With its lines. Raises `UnknownInvoice`."""
    found = store.find_by_number(r, number)
    if found is None:
        raise UnknownInvoice(f"there is no invoice {number[:60]}")
    return found


def invoices_of(
    r: Reader, account: BillingAccountId, *, limit: int = 50, offset: int = 0
) -> list[Invoice]:
    """An account's invoices without their lines, the latest first."""
    return store.invoices_of_account(r, account, limit, offset)


def invoices_of_customer(
    r: Reader, customer: CustomerId, *, limit: int = 50, offset: int = 0
) -> list[Invoice]:
    """A customer's invoices without their lines, over all accounts, the latest first."""
    return store.invoices_of_customer(r, customer, limit, offset)


def search_invoices(
    r: Reader, number: str = "", *, limit: int = 50, offset: int = 0
) -> list[Invoice]:
    """Invoices whose number begins like this, without their lines, the latest first."""
    return store.invoices_numbered_like(r, number, limit, offset)


def invoiced(r: Reader) -> list[tuple[int, Money]]:
    """How many invoices there are, and their gross sum, by currency."""
    return store.invoiced(r)


def bill_run(r: Reader, run: BillRunId) -> BillRun:
    """Raises `UnknownBillRun`."""
    found = runs.find_run(r, run)
    if found is None:
        raise UnknownBillRun(f"there is no bill run {run[:60]}")
    return found


def bill_runs(r: Reader, *, limit: int = 20) -> list[BillRun]:
    """The latest first."""
    return runs.latest_runs(r, limit)


def run_totals(r: Reader, run: BillRunId) -> list[RunTotal]:
    """What a run invoiced, by entity and currency."""
    return store.run_totals(r, run)


def run_failures(r: Reader, run: BillRunId) -> list[BillFailure]:
    """The accounts that a run set aside."""
    return runs.failures(r, run)


def failures_of(r: Reader, account: BillingAccountId) -> list[BillFailure]:
    """Why an account was set aside, the latest run first."""
    return runs.failures_of(r, account)


def invoices_of_run(r: Reader, run: BillRunId) -> list[InvoiceId]:
    """In the order of their numbers, entity by entity."""
    return store.ids_of_run(r, run)


def billed_usage(
    r: Reader, accounts: Collection[BillingAccountId]
) -> dict[ChargingAccountId, BilledUsage]:
    """How far the charging accounts of these accounts are billed."""
    return runs.billed_usage(r, list(accounts)) if accounts else {}


def billing_cycles(
    r: Reader, accounts: Iterable[BillingAccountId]
) -> dict[BillingAccountId, BillingCycle]:
    """Where accounts stand; those that were never in service are missing."""
    return runs.cycles(r, accounts)
