"""Applied billing rates (TMF678): the lines of bills, and those that no bill has yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import billing, customers
from trunkline.billing import INVOICE_LINES, INVOICES, Invoice, InvoiceId, InvoiceLine
from trunkline.customers import BillingAccountId
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader
from trunkline.rest.forms.lookups import of_row
from trunkline.rest.forms.wire import ACCOUNT, BILL, PRODUCTS, Money, Period, Ref, ref
from trunkline.tmf import (
    Aggregate,
    Entity,
    Timestamp,
    Wire,
    amount,
    column,
    href,
    matching,
    owned_through,
    wire,
)
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Query, Term

_RATES = f"{BILL}/appliedCustomerBillingRate"
_TYPES = {"recurring": "recurringCharge", "oneTime": "oneTimeCharge", "usage": "usageCharge"}
_UNBILLED = "unbilled~"


class RateCharacteristic(Wire):
    name: str
    value: int | str


class RateForm(Entity, kw_only=True, tag="AppliedCustomerBillingRate"):
    name: str
    type: str
    date: Timestamp
    is_billed: bool
    bill: Ref | None = None
    billing_account: Ref
    tax_excluded_amount: Money
    description: str | None = None
    product: Ref | None = None
    period_coverage: Period | None = None
    characteristic: tuple[RateCharacteristic, ...] = ()


def period_of(start: datetime, end: datetime) -> Period:
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


class Unbilled(msgspec.Struct, frozen=True):
    """A line that a bill on demand would hold now."""

    account: str
    line: InvoiceLine
    at: datetime


def _rate(found: tuple[Invoice, InvoiceLine] | Unbilled) -> RateForm:
    if isinstance(found, Unbilled):
        ident = f"{_UNBILLED}{found.account}~{found.line.line}"
        return _rate_form(ident, found.line, account=found.account, date=found.at, bill=None)
    invoice, line = found
    return _rate_form(
        f"{invoice.id}~{line.line}",
        line,
        account=invoice.account,
        date=invoice.issued_at,
        bill=ref(BILL, "CustomerBill", invoice.id, invoice.number),
    )


def _rate_form(
    ident: str, line: InvoiceLine, *, account: str, date: datetime, bill: Ref | None
) -> RateForm:
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
        date=format_instant(date),
        is_billed=bill is not None,
        bill=bill,
        billing_account=ref(ACCOUNT, "BillingAccount", account),
        tax_excluded_amount=Money.of(line.amount),
        description=line.detail or None,
        product=ref(PRODUCTS, "Product", line.product) if line.product else None,
        period_coverage=period_of(line.period.start, line.period.end) if line.period else None,
        characteristic=tuple(RateCharacteristic(name=k, value=v) for k, v in counted.items()),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rates(Aggregate[Any]):
    """Rows of bills' lines; and what isn't billed yet, which is reckoned when it is asked for."""

    charging: Database
    now: Callable[[], datetime]

    def page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        billed = [term for term in asked.terms if term.path == "isBilled"]
        rest = tuple(term for term in asked.terms if term.path != "isBilled")
        if any(name == "isBilled" for name, _ in asked.sort):
            raise BadQuery("can't be sorted by", path="isBilled")
        wanted = {_is_billed(term) for term in billed}
        if wanted == {False}:
            return self._unbilled_page(r, msgspec.structs.replace(asked, terms=rest))
        if len(wanted) == 2:
            return [], 0
        return super().page(r, msgspec.structs.replace(asked, terms=rest))

    def _unbilled_page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        if asked.reach:
            raise BadQuery("what isn't billed is told in TMF677", path="isBilled")
        named = [term for term in asked.terms if term.path == "billingAccount.id"]
        accounts = {value for term in named if term.op is Op.EQ for value in term.values}
        if len(named) != 1 or len(accounts) != 1:
            raise BadQuery("name one billingAccount.id", path="billingAccount.id")
        for path in (*(term.path for term in asked.terms), *(name for name, _ in asked.sort)):
            if path not in self.filters:
                raise BadQuery("can't be filtered or sorted by", path=path[:60])
        found = [
            each
            for each in map(_rate, self._unbilled(r, accounts.pop()))
            if matching.matches(wire.plain(each), asked.terms)
        ]
        for name, descends in reversed(asked.sort):
            found.sort(key=partial(_order, name), reverse=descends)
        return found[asked.offset : asked.offset + asked.limit], len(found)

    def _unbilled(self, r: Reader, account: str) -> list[Unbilled]:
        known = customers.billing_accounts(r, [BillingAccountId(account)])
        if not known:
            return []
        now = self.now()
        told = billing.unbilled_lines(r, self.charging, BillingAccountId(account), now=now)
        return [] if told is None else [Unbilled(account, line, now) for line in told[1]]

    def answers(self, r: Reader, ids: Sequence[str]) -> list[Any]:
        answers = {
            each.id: each
            for each in super().answers(r, [each for each in ids if not _is_unbilled(each)])
        }
        accounts = {each[len(_UNBILLED) :].rpartition("~")[0] for each in ids if _is_unbilled(each)}
        for account in accounts:
            answers |= {each.id: each for each in map(_rate, self._unbilled(r, account))}
        return [answers[each] for each in ids if each in answers]


def _is_unbilled(ident: str) -> bool:
    return ident.startswith(_UNBILLED)


def _is_billed(term: Term) -> bool:
    if term.op not in (Op.EQ, Op.NE) or any(v not in ("true", "false") for v in term.values):
        raise BadQuery("is true or false", path="isBilled")
    if len(set(term.values)) > 1:
        raise BadQuery("is true or false, not both", path="isBilled")
    return (term.values[0] == "true") is (term.op is Op.EQ)


def _order(name: str, form: RateForm) -> tuple[bool, Any]:
    found = list(matching.values(wire.plain(form), name))
    return (not found, min(found) if found else "")


_type = sa.case(
    {kind: said for kind, said in _TYPES.items()},  # noqa: C416
    value=INVOICE_LINES.c.kind,
)


def rates_resource(charging: Database, clock: Clock) -> Rates:
    """The declaration; what isn't billed yet is read where charging keeps it."""
    return Rates(
        path=_RATES,
        type="AppliedCustomerBillingRate",
        key=INVOICE_LINES.c.invoice_id + "~" + sa.cast(INVOICE_LINES.c.line, sa.String),
        order=(INVOICE_LINES.c.invoice_id, INVOICE_LINES.c.line),
        paths={
            "isBilled": column(sa.true()),
            "name": INVOICE_LINES.c.text,
            "type": column(_type),
            "bill.id": INVOICE_LINES.c.invoice_id,
            "product.id": INVOICE_LINES.c.product_id,
            "date": of_row(
                INVOICES.c.issued_at, reference=INVOICE_LINES.c.invoice_id, key=INVOICES.c.id
            ),
            "billingAccount.id": of_row(
                INVOICES.c.billing_account_id,
                reference=INVOICE_LINES.c.invoice_id,
                key=INVOICES.c.id,
            ),
            "periodCoverage.startDateTime": INVOICE_LINES.c.period_start,
            "periodCoverage.endDateTime": INVOICE_LINES.c.period_end,
            "taxExcludedAmount.value": amount(INVOICE_LINES.c.amount_micros),
            "taxExcludedAmount.unit": INVOICE_LINES.c.currency,
        },
        owner=owned_through(
            INVOICE_LINES.c.invoice_id, INVOICES.c.id, INVOICES.c.customer_id, writes=False
        ),
        find=_find_rates,
        to_wire=_rate,
        form=RateForm,
        charging=charging,
        now=clock.now,
    )
