"""Billing: cycles, charges, invoices, and the runs that make them.

A run takes every account whose month is over, reckons what it owes (recurring and one-time
charges of its products, usage that charging priced, tax) and issues an invoice: numbered
without a gap in its legal entity's series, booked in the ledger, open in receivables, and never
changed again. What it says of seller and buyer is a snapshot.
"""

from trunkline.billing.charges import Bill, ToBill, UsageCharge, calculate_bill
from trunkline.billing.cycle import BilledUsage, BillingCycle
from trunkline.billing.demands import (
    DEMANDS,
    DemandState,
    demand_bill,
    unbilled_lines,
)
from trunkline.billing.jobs import run_bills
from trunkline.billing.model import (
    BillRun,
    BillRunId,
    BillRunReport,
    BillRunState,
    Invoice,
    InvoiceId,
    InvoiceLine,
    LineKind,
    NotYetOver,
    PartyOnInvoice,
    UnknownInvoice,
)
from trunkline.billing.operations import start_billing
from trunkline.billing.pdf import render_pdf
from trunkline.billing.queries import (
    INVOICE_LIFECYCLE,
    INVOICE_LINES,
    INVOICES,
    InvoiceState,
    bill_run,
    bill_runs,
    billed_usage,
    billing_cycles,
    failures_of,
    invoice,
    invoice_numbered,
    invoiced,
    invoices,
    invoices_of,
    invoices_of_customer,
    invoices_of_run,
    paid_state,
    run_failures,
    run_totals,
    search_invoices,
    state_of,
)

__all__ = [
    "DEMANDS",
    "INVOICES",
    "INVOICE_LIFECYCLE",
    "INVOICE_LINES",
    "Bill",
    "BillRun",
    "BillRunId",
    "BillRunReport",
    "BillRunState",
    "BilledUsage",
    "BillingCycle",
    "DemandState",
    "Invoice",
    "InvoiceId",
    "InvoiceLine",
    "InvoiceState",
    "LineKind",
    "NotYetOver",
    "PartyOnInvoice",
    "ToBill",
    "UnknownInvoice",
    "UsageCharge",
    "bill_run",
    "bill_runs",
    "billed_usage",
    "billing_cycles",
    "calculate_bill",
    "demand_bill",
    "failures_of",
    "invoice",
    "invoice_numbered",
    "invoiced",
    "invoices",
    "invoices_of",
    "invoices_of_customer",
    "invoices_of_run",
    "paid_state",
    "render_pdf",
    "run_bills",
    "run_failures",
    "run_totals",
    "search_invoices",
    "start_billing",
    "state_of",
    "unbilled_lines",
]
