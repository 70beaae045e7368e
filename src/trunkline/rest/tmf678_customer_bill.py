"""TMF678 Customer Bill Management, v4. Read only: bills are made by bill runs.

A bill's PDF is its `billDocument`; its lines are AppliedCustomerBillingRates, whose ids are the
bill's with the line's number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import falcon
import sqlalchemy as sa

from trunkline import billing, receivables
from trunkline.billing import (
    INVOICE_LINES,
    INVOICES,
    Invoice,
    InvoiceId,
    InvoiceLine,
    InvoiceState,
)
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Database, Reader
from trunkline.receivables import OPEN_ITEMS, Allocation, OpenItem
from trunkline.rest.wire import (
    ACCOUNT,
    BILL,
    PAYMENT,
    PRODUCTS,
    Money,
    Party,
    Period,
    Ref,
    customer_party,
    ref,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Timestamp,
    Wire,
    amount,
    child,
    column,
    href,
    owned_by,
    owned_through,
)

_BILLS = f"{BILL}/customerBill"
_RATES = f"{BILL}/appliedCustomerBillingRate"
_TYPES = {"recurring": "recurringCharge", "oneTime": "oneTimeCharge", "usage": "usageCharge"}
_RUN_TYPE = "onCycle"

Found = tuple[Invoice, OpenItem | None, list[Allocation]]


class PdfRef(Wire):
    """Where the bill's PDF is."""

    name: str
    mime_type: str
    attachment_type: str
    url: str


class Tax(Wire):
    """`taxRate` is in per cent."""

    tax_category: str
    tax_rate: Decimal
    tax_amount: Money


class Applied(Wire):
    applied_amount: Money
    payment: Ref


class BillForm(Entity, kw_only=True, tag="CustomerBill"):
    """`amountDue` is this bill's amount with what the account owed before it, less its credit;
    `remainingAmount` is what of this bill is unpaid."""

    bill_no: str
    state: str
    category: str
    run_type: str
    bill_date: Timestamp
    payment_due_date: Timestamp
    last_update: Timestamp
    billing_period: Period
    billing_account: Ref
    related_party: tuple[Party, ...]
    tax_excluded_amount: Money
    tax_included_amount: Money
    amount_due: Money
    remaining_amount: Money
    tax_item: tuple[Tax, ...] = ()
    applied_payment: tuple[Applied, ...] = ()
    bill_document: tuple[PdfRef, ...]


class RateCharacteristic(Wire):
    name: str
    value: int | str


class RateForm(Entity, kw_only=True, tag="AppliedCustomerBillingRate"):
    name: str
    type: str
    date: Timestamp
    is_billed: bool
    bill: Ref
    billing_account: Ref
    tax_excluded_amount: Money
    description: str | None = None
    product: Ref | None = None
    period_coverage: Period | None = None
    characteristic: tuple[RateCharacteristic, ...] = ()


def _find(r: Reader, ids: Sequence[str]) -> list[Found]:
    found = billing.invoices(r, [InvoiceId(each) for each in ids])
    items = receivables.open_items_for(r, ids)
    applied = receivables.allocations_for(r, ids)
    return [(each, items.get(each.id), applied.get(each.id, [])) for each in found]


def _bill(found: Found) -> BillForm:
    invoice, item, applied = found
    issued = invoice.issued_at
    zero = type(invoice.gross).zero(invoice.gross.currency)
    return BillForm(
        id=invoice.id,
        href=href(_BILLS, invoice.id),
        bill_no=invoice.number,
        state=billing.state_of(invoice, item),
        category="creditNote" if invoice.gross < zero else "normal",
        run_type=_RUN_TYPE,
        bill_date=format_instant(issued),
        payment_due_date=format_instant(invoice.due_at),
        last_update=format_instant(max([issued, *(each.allocated_at for each in applied)])),
        billing_period=_period(invoice.period.start, invoice.period.end),
        billing_account=ref(ACCOUNT, "BillingAccount", invoice.account),
        related_party=(customer_party(invoice.customer, invoice.buyer.name),),
        tax_excluded_amount=Money.of(invoice.net),
        tax_included_amount=Money.of(invoice.gross),
        amount_due=Money.of(invoice.amount_due),
        remaining_amount=Money.of(zero if item is None else item.open),
        tax_item=tuple(
            Tax(
                tax_category=f"{tax.name} {tax.category}",
                tax_rate=Decimal(tax.millionths).scaleb(-4).normalize(),
                tax_amount=Money.of(tax.tax),
            )
            for tax in invoice.taxes
        ),
        applied_payment=tuple(map(_applied, applied)),
        bill_document=(
            PdfRef(
                name=f"{invoice.number}.pdf",
                mime_type="application/pdf",
                attachment_type="bill",
                url=f"{href(_BILLS, invoice.id)}/billDocument",
            ),
        ),
    )


def _applied(allocation: Allocation) -> Applied:
    """What paid a bill is a payment, or the credit of a bill below zero."""
    origin = allocation.origin
    source = (
        ref(BILL, "CustomerBill", origin)
        if origin.startswith(f"{InvoiceId.prefix}_")
        else ref(PAYMENT, "Payment", origin)
    )
    return Applied(applied_amount=Money.of(allocation.amount), payment=source)


def _period(start: datetime, end: datetime) -> Period:
    return Period(start_date_time=format_instant(start), end_date_time=format_instant(end))


def _find_rates(r: Reader, ids: Sequence[str]) -> list[tuple[Invoice, InvoiceLine]]:
    wanted: dict[str, set[str]] = {}
    for each in ids:
        invoice, _, line = each.rpartition("~")
        wanted.setdefault(invoice, set()).add(line)
    found = billing.invoices(r, [InvoiceId(each) for each in wanted])
    return [
        (invoice, line)
        for invoice in found
        for line in invoice.lines
        if str(line.line) in wanted[invoice.id]
    ]


def _rate(found: tuple[Invoice, InvoiceLine]) -> RateForm:
    invoice, line = found
    ident = f"{invoice.id}~{line.line}"
    counted: Mapping[str, int | str] = (
        {
            "quantity": line.quantity,
            "unit": line.unit,
            "included": line.included,
            "events": line.events,
        }
        if line.unit
        else {}
    )
    return RateForm(
        id=ident,
        href=href(_RATES, ident),
        name=line.text,
        type=_TYPES[line.kind],
        date=format_instant(invoice.issued_at),
        is_billed=True,
        bill=ref(BILL, "CustomerBill", invoice.id, invoice.number),
        billing_account=ref(ACCOUNT, "BillingAccount", invoice.account),
        tax_excluded_amount=Money.of(line.amount),
        description=line.detail or None,
        product=ref(PRODUCTS, "Product", line.product) if line.product else None,
        period_coverage=_period(line.period.start, line.period.end) if line.period else None,
        characteristic=tuple(RateCharacteristic(name=k, value=v) for k, v in counted.items()),
    )


class BillDocument:
    """A bill as its PDF."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf678:read"}
    for_bound = ("GET",)

    def __init__(self, books: Database) -> None:
        self._books = books

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        with self._books.read() as r:
            invoice = billing.invoice(r, InvoiceId(ident))
        if not req.context.caller.reaches(invoice.customer):
            raise billing.UnknownInvoice(f"there is no invoice {ident[:60]}")
        resp.content_type = "application/pdf"
        resp.downloadable_as = f"{invoice.number}.pdf"
        resp.data = billing.render_pdf(invoice)


BILL_DOCUMENT = f"{_BILLS}/{{ident}}/billDocument"

_open = (
    sa.select(OPEN_ITEMS.c.open_micros)
    .where(OPEN_ITEMS.c.invoice_id == INVOICES.c.id)
    .scalar_subquery()
)
_state = sa.case(
    (sa.func.coalesce(_open, 0) == 0, InvoiceState.SETTLED.value),
    (_open == INVOICES.c.gross_micros, InvoiceState.SENT.value),
    else_=InvoiceState.PARTIALLY_PAID.value,
)
_of_line = INVOICES.c.id == INVOICE_LINES.c.invoice_id

API = Api(
    number="TMF678",
    title="Customer Bill Management",
    version="4.0.0",
    base=BILL,
    resources=(
        Aggregate(
            path=_BILLS,
            type="CustomerBill",
            key=INVOICES.c.id,
            paths={
                "billNo": INVOICES.c.number,
                "state": column(_state),
                "billDate": INVOICES.c.issued_at,
                "paymentDueDate": INVOICES.c.due_at,
                "billingPeriod.startDateTime": INVOICES.c.period_start,
                "billingPeriod.endDateTime": INVOICES.c.period_end,
                "billingAccount.id": INVOICES.c.billing_account_id,
                "relatedParty.id": INVOICES.c.customer_id,
                "taxExcludedAmount.value": amount(INVOICES.c.net_micros),
                "taxIncludedAmount.value": amount(INVOICES.c.gross_micros),
                "taxIncludedAmount.unit": INVOICES.c.currency,
            },
            find=_find,
            to_wire=_bill,
            form=BillForm,
            owner=owned_by(INVOICES.c.customer_id, writes=False),
        ),
        Aggregate(
            path=_RATES,
            type="AppliedCustomerBillingRate",
            key=INVOICE_LINES.c.invoice_id + "~" + sa.cast(INVOICE_LINES.c.line, sa.String),
            order=(INVOICE_LINES.c.invoice_id, INVOICE_LINES.c.line),
            paths={
                "name": INVOICE_LINES.c.text,
                "bill.id": INVOICE_LINES.c.invoice_id,
                "product.id": INVOICE_LINES.c.product_id,
                "date": child(INVOICES.c.issued_at, on=_of_line),
                "billingAccount.id": child(INVOICES.c.billing_account_id, on=_of_line),
                "taxExcludedAmount.value": amount(INVOICE_LINES.c.amount_micros),
                "taxExcludedAmount.unit": INVOICE_LINES.c.currency,
            },
            find=_find_rates,
            to_wire=_rate,
            form=RateForm,
            owner=owned_through(
                INVOICE_LINES.c.invoice_id, INVOICES.c.id, INVOICES.c.customer_id, writes=False
            ),
        ),
    ),
)
