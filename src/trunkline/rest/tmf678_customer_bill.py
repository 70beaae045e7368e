"""TMF678 Customer Bill Management, v4: bills of bill runs, and bills on demand.

A bill's PDF is its `billDocument`. Its state follows what is paid of it; a client puts it
`onHold`, so that no credit pays it by itself, and lets it go again (`sent`, or `partiallyPaid`).
A CustomerBillOnDemand bills its account at once up to the last local midnight; what is billed
between two runs is an `interim` bill and `offCycle`.

A bill's lines are AppliedCustomerBillingRates, whose ids are the bill's with the line's number.
Those that no bill has yet (`isBilled=false`) are told of one `billingAccount.id` at a time: what
a bill on demand would hold now.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import ClassVar, NoReturn

import falcon
import sqlalchemy as sa

from trunkline import billing, receivables
from trunkline.billing import (
    DEMANDS,
    INVOICE_LIFECYCLE,
    INVOICES,
    DemandState,
    Invoice,
    InvoiceId,
    InvoiceState,
)
from trunkline.customers import BILLING_ACCOUNTS
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader, Tx
from trunkline.receivables import OPEN_ITEMS, Allocation, OpenItem
from trunkline.rest.forms.billing_rates import period_of, rates_resource
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BILL,
    PAYMENT,
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
    Body,
    Document,
    Entity,
    Timestamp,
    Verb,
    Wire,
    amount,
    column,
    documents,
    href,
    in_json,
    owned_by,
    owned_through,
    wire,
)

_BILLS = f"{BILL}/customerBill"
_DEMANDED = f"{BILL}/customerBillOnDemand"

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
        category=_category(invoice),
        run_type="onCycle" if invoice.run is not None else "offCycle",
        bill_date=format_instant(issued),
        payment_due_date=format_instant(invoice.due_at),
        last_update=format_instant(_changed(invoice, item, applied)),
        billing_period=period_of(invoice.period.start, invoice.period.end),
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
        applied_payment=tuple(_applied(applied)),
        bill_document=(
            PdfRef(
                name=f"{invoice.number}.pdf",
                mime_type="application/pdf",
                attachment_type="bill",
                url=f"{href(_BILLS, invoice.id)}/billDocument",
            ),
        ),
    )


def _category(invoice: Invoice) -> str:
    if invoice.gross.micros < 0:
        return "creditNote"
    return "normal" if invoice.run is not None else "interim"


def _changed(invoice: Invoice, item: OpenItem | None, applied: Sequence[Allocation]) -> datetime:
    moments = [invoice.issued_at, *(each.allocated_at for each in applied)]
    if item is not None and item.hold_changed_at is not None:
        moments.append(item.hold_changed_at)
    return max(moments)


def _applied(allocations: Sequence[Allocation]) -> Iterator[Applied]:
    """What pays a bill is a payment, or the credit of a bill below zero; less what a refund took
    back again."""
    sums: dict[str, Amount] = {}
    for each in allocations:
        before = sums.get(each.origin, Amount.zero(each.amount.currency))
        sums[each.origin] = before + each.amount
    for origin, applied in sums.items():
        if applied:
            source = (
                ref(BILL, "CustomerBill", origin)
                if origin.startswith(f"{InvoiceId.prefix}_")
                else ref(PAYMENT, "Payment", origin)
            )
            yield Applied(applied_amount=Money.of(applied), payment=source)


class StatePatch(Wire):
    state: str


def _change_state(tx: Tx, ident: str, patch: StatePatch, now: datetime) -> None:
    invoice = billing.invoice(tx, InvoiceId(ident))
    item = receivables.open_items_for(tx, [ident]).get(ident)
    present = billing.state_of(invoice, item)
    states = {str(each): each for each in InvoiceState}
    to = states.get(patch.state)
    if to is None:
        _refuse(present, patch.state)
    INVOICE_LIFECYCLE.check(present, to)
    if to is not InvoiceState.ON_HOLD:
        assert item is not None
        true_state = billing.paid_state(invoice, item)
        if to is not true_state:
            raise IllegalTransition(f"what is paid of it makes it {true_state}", path="state")
    receivables.hold_invoice(tx, ident, held=to is InvoiceState.ON_HOLD, now=now)


def _refuse(present: InvoiceState, to: str) -> NoReturn:
    if to not in _NEVER:
        raise Invalid(f"{to[:40]!r} is no state of a bill", path="state")
    allowed = ", ".join(sorted(INVOICE_LIFECYCLE.following(present))) or "nothing: it is final"
    raise IllegalTransition(
        f"the bill is {present} and can't become {to}; from here it may become {allowed}",
        path="state",
    )


_NEVER = ("new", "validated")
"""States of a bill before it is issued, which it then never has again."""


class PartyRef(Ref):
    role: str | None = None


class BillOnDemand(Wire):
    name: str | None = None
    description: str | None = None
    billing_account: Ref | None = None
    related_party: PartyRef | None = None
    customer_bill: Ref | None = None
    state: DemandState | None = None
    last_update: str | None = None
    status_reason: str | None = None


def _demand(charging: Database, tx: Tx, body: Body, now: datetime) -> str:
    ident: str = billing.demand_bill(tx, charging, body, now=now)["id"]
    return ident


def _demanded(body: Body) -> Body:
    bill = body.get("customerBill")
    if bill is None:
        return body
    return body | {"customerBill": wire.plain(ref(BILL, "CustomerBill", bill["id"]))}


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
_held = (
    sa.select(OPEN_ITEMS.c.on_hold)
    .where(OPEN_ITEMS.c.invoice_id == INVOICES.c.id)
    .scalar_subquery()
)
_state = sa.case(
    (sa.func.coalesce(_open, 0) == 0, InvoiceState.SETTLED.value),
    (_held, InvoiceState.ON_HOLD.value),
    (_open == INVOICES.c.gross_micros, InvoiceState.SENT.value),
    else_=InvoiceState.PARTIALLY_PAID.value,
)
_CATEGORY = sa.case(
    (INVOICES.c.gross_micros < 0, "creditNote"),
    (INVOICES.c.run_id.is_(None), "interim"),
    else_="normal",
)
_BILL_RESOURCE = Aggregate(
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
        "runType": column(sa.case((INVOICES.c.run_id.is_(None), "offCycle"), else_="onCycle")),
        "category": column(_CATEGORY),
        "taxExcludedAmount.value": amount(INVOICES.c.net_micros),
        "taxIncludedAmount.value": amount(INVOICES.c.gross_micros),
        "taxIncludedAmount.unit": INVOICES.c.currency,
        "remainingAmount.value": amount(sa.func.coalesce(_open, 0)),
    },
    owner=owned_by(INVOICES.c.customer_id, writes=False),
    find=_find,
    to_wire=_bill,
    form=BillForm,
    verbs=(Verb(on="state", form=StatePatch, run=_change_state),),
)


def api(charging: Database, clock: Clock) -> Api:
    """The API; what isn't billed yet is read where charging keeps it."""
    demands = DEMANDS.table.c
    return Api(
        number="TMF678",
        title="Customer Bill Management",
        version="4.0.0",
        base=BILL,
        resources=(
            _BILL_RESOURCE,
            Document(
                path=_DEMANDED,
                type=DEMANDS.name,
                key=demands.id,
                paths={
                    "state": demands.state,
                    "name": demands.name,
                    "lastUpdate": demands.updated_at,
                    "billingAccount.id": demands.billing_account_id,
                    "customerBill.id": in_json(demands.body, "customerBill.id"),
                },
                owner=owned_through(
                    demands.billing_account_id,
                    BILLING_ACCOUNTS.c.id,
                    BILLING_ACCOUNTS.c.customer_id,
                    writes=False,
                ),
                schema=BillOnDemand,
                find=lambda r, ids: documents.find(r, DEMANDS, ids),
                to_wire=_demanded,
                create=partial(_demand, charging),
            ),
            rates_resource(charging, clock),
        ),
    )
