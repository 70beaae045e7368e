"""The tables of invoices, their lines and their numbers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.billing.model import (
    BillRunId,
    Invoice,
    InvoiceId,
    InvoiceLine,
    LineKind,
    PartyOnInvoice,
    RunTotal,
)
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata, immutable
from trunkline.platform.sums import exact_sum, summed
from trunkline.tax import TaxItem

# Numbers are compared by bytes, so that those with one beginning are a range of the index.
_NUMBER = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")

invoice = sa.Table(
    "invoice",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("number", _NUMBER, nullable=False, unique=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("customer_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("run_id", sa.String(100)),
    sa.Column("brand", sa.String(200), nullable=False),
    sa.Column("seller", Json, nullable=False),
    sa.Column("buyer", Json, nullable=False, info={"personal": True}),
    sa.Column("time_zone", sa.String(60), nullable=False),
    sa.Column("period_start", Instant, nullable=False),
    sa.Column("period_end", Instant, nullable=False),
    sa.Column("issued_at", Instant, nullable=False),
    sa.Column("issue_date", sa.Date, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("due_date", sa.Date, nullable=False),
    sa.Column("terms_days", sa.Integer, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("net_micros", sa.BigInteger, nullable=False),
    sa.Column("tax_micros", sa.BigInteger, nullable=False),
    sa.Column("gross_micros", sa.BigInteger, nullable=False),
    sa.Column("previous_balance_micros", sa.BigInteger, nullable=False),
    sa.Column("taxes", Json, nullable=False),
    # No account is billed twice for a month, whatever else goes wrong.
    sa.UniqueConstraint("billing_account_id", "period_start"),
    sa.Index("invoice_by_customer", "customer_id", "issued_at"),
    sa.Index("invoice_by_run", "run_id"),
    sa.Index("invoice_by_account", "billing_account_id", "id"),
    sa.Index("invoice_by_time", "issued_at", "number"),
)
immutable(invoice)

# Written before the invoice itself, whose number is taken last: hence no foreign key.
invoice_line = sa.Table(
    "invoice_line",
    books_metadata,
    sa.Column("invoice_id", sa.String(100), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("text", sa.String(200), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("tax_category", sa.String(40), nullable=False),
    sa.Column("product_id", sa.String(100)),
    sa.Column("period_start", Instant),
    sa.Column("period_end", Instant),
    sa.Column("detail", sa.String(100), nullable=False),
    sa.Column("unit", sa.String(20), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("included", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
)
immutable(invoice_line)

invoice_series = sa.Table(
    "invoice_series",
    books_metadata,
    sa.Column("legal_entity_id", sa.ForeignKey("legal_entity.id"), primary_key=True),
    sa.Column("prefix", sa.String(20), nullable=False),
    sa.Column("last_number", sa.BigInteger, nullable=False),
)

_BEHIND_ALL = "~"
"""Sorts, by bytes, behind whatever a number holds."""

_INSERT_INVOICE = sa.insert(invoice)
_INSERT_LINE = sa.insert(invoice_line)
# PostgreSQL's construct renders the clause that both engines understand.
_START_SERIES = postgresql.insert(invoice_series).on_conflict_do_nothing(
    index_elements=["legal_entity_id"]
)
_TAKE_NUMBERS = (
    sa.update(invoice_series)
    .where(invoice_series.c.legal_entity_id == sa.bindparam("entity"))
    .values(last_number=invoice_series.c.last_number + sa.bindparam("taken"))
    .returning(invoice_series.c.prefix, invoice_series.c.last_number)
)
_INVOICES = sa.select(invoice).where(invoice.c.id.in_(sa.bindparam("ids", expanding=True)))
_BY_NUMBER = sa.select(invoice).where(invoice.c.number == sa.bindparam("number"))
_LINES = (
    sa.select(invoice_line)
    .where(invoice_line.c.invoice_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(invoice_line.c.invoice_id, invoice_line.c.line)
)
_LATEST = (
    sa.select(invoice)
    .order_by(invoice.c.issued_at.desc(), invoice.c.number.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
)
_OF_ACCOUNT = _LATEST.where(invoice.c.billing_account_id == sa.bindparam("account"))
_OF_CUSTOMER = _LATEST.where(invoice.c.customer_id == sa.bindparam("customer"))
_OF_RUN = (
    sa.select(invoice.c.id)
    .where(invoice.c.run_id == sa.bindparam("run"))
    .order_by(invoice.c.legal_entity_id, sa.func.length(invoice.c.number), invoice.c.number)
)
_NUMBERED_LIKE = _LATEST.where(
    invoice.c.number >= sa.bindparam("first"), invoice.c.number < sa.bindparam("beyond")
)
_RUN_TOTALS = (
    sa.select(
        invoice.c.legal_entity_id,
        invoice.c.currency,
        sa.func.count().label("invoices"),
        *exact_sum(invoice.c.net_micros, "net"),
        *exact_sum(invoice.c.tax_micros, "tax"),
        *exact_sum(invoice.c.gross_micros, "gross"),
    )
    .where(invoice.c.run_id == sa.bindparam("run"))
    .group_by(invoice.c.legal_entity_id, invoice.c.currency)
    .order_by(invoice.c.legal_entity_id, invoice.c.currency)
)
_INVOICED = sa.select(
    invoice.c.currency,
    sa.func.count().label("invoices"),
    *exact_sum(invoice.c.gross_micros, "gross"),
).group_by(invoice.c.currency)


def take_numbers(tx: Tx, entity: LegalEntityId, prefix: str, count: int) -> list[str]:
    """The next `count` numbers of an entity's series, without a gap. Its row stays locked until
    the transaction ends: take them last."""
    series = {"legal_entity_id": entity, "prefix": prefix, "last_number": 0}
    tx.execute(_START_SERIES, series)
    row = tx.execute(_TAKE_NUMBERS, {"entity": entity, "taken": count}).one()
    first = row.last_number - count + 1
    return [f"{row.prefix}-{number:06}" for number in range(first, row.last_number + 1)]


def insert_lines(tx: Tx, lines: Mapping[InvoiceId, Sequence[InvoiceLine]]) -> None:
    tx.execute(
        _INSERT_LINE,
        [
            {
                "invoice_id": invoice_id,
                "line": line.line,
                "kind": line.kind.value,
                "text": line.text[:200],
                "amount_micros": line.amount.micros,
                "currency": line.amount.currency,
                "tax_category": line.tax_category,
                "product_id": line.product,
                "period_start": line.period.start if line.period else None,
                "period_end": line.period.end if line.period else None,
                "detail": line.detail[:100],
                "unit": line.unit,
                "quantity": line.quantity,
                "included": line.included,
                "events": line.events,
            }
            for invoice_id, of_invoice in lines.items()
            for line in of_invoice
        ],
    )


def insert_invoices(tx: Tx, invoices: Sequence[Invoice]) -> None:
    tx.execute(
        _INSERT_INVOICE,
        [
            {
                "id": each.id,
                "number": each.number,
                "billing_account_id": each.account,
                "customer_id": each.customer,
                "legal_entity_id": each.entity,
                "run_id": each.run,
                "brand": each.brand,
                "seller": msgspec.to_builtins(each.seller),
                "buyer": msgspec.to_builtins(each.buyer),
                "time_zone": each.time_zone,
                "period_start": each.period.start,
                "period_end": each.period.end,
                "issued_at": each.issued_at,
                "issue_date": each.issue_date,
                "due_at": each.due_at,
                "due_date": each.due_date,
                "terms_days": each.terms_days,
                "currency": each.gross.currency,
                "net_micros": each.net.micros,
                "tax_micros": each.tax.micros,
                "gross_micros": each.gross.micros,
                "previous_balance_micros": each.previous_balance.micros,
                "taxes": msgspec.to_builtins(each.taxes),
            }
            for each in invoices
        ],
    )


def find_invoices(r: Reader, ids: Sequence[str]) -> list[Invoice]:
    """Those of `ids` that exist, with their lines, in the order of `ids`."""
    rows = {row.id: row for row in r.execute(_INVOICES, {"ids": list(ids)})}
    lines = _lines(r, ids)
    return [_invoice(rows[each], lines.get(each, ())) for each in ids if each in rows]


def find_by_number(r: Reader, number: str) -> Invoice | None:
    row = r.execute(_BY_NUMBER, {"number": number}).first()
    return _invoice(row, _lines(r, [row.id]).get(row.id, ())) if row else None


def ids_of_run(r: Reader, run: BillRunId) -> list[InvoiceId]:
    return [InvoiceId(row.id) for row in r.execute(_OF_RUN, {"run": run})]


def invoices_of_account(
    r: Reader, account: BillingAccountId, limit: int, offset: int
) -> list[Invoice]:
    return _heads(r, _OF_ACCOUNT, {"account": account, "limit": limit, "offset": offset})


def invoices_of_customer(r: Reader, customer: CustomerId, limit: int, offset: int) -> list[Invoice]:
    return _heads(r, _OF_CUSTOMER, {"customer": customer, "limit": limit, "offset": offset})


def invoices_numbered_like(r: Reader, prefix: str, limit: int, offset: int) -> list[Invoice]:
    if not prefix:
        return _heads(r, _LATEST, {"limit": limit, "offset": offset})
    if not prefix.isascii() or not prefix.isprintable():
        return []
    values = {"first": prefix, "beyond": f"{prefix}{_BEHIND_ALL}"}
    return _heads(r, _NUMBERED_LIKE, values | {"limit": limit, "offset": offset})


def run_totals(r: Reader, run: BillRunId) -> list[RunTotal]:
    return [
        RunTotal(
            entity=LegalEntityId(row.legal_entity_id),
            invoices=row.invoices,
            net=Money(summed(row, "net"), row.currency),
            tax=Money(summed(row, "tax"), row.currency),
            gross=Money(summed(row, "gross"), row.currency),
        )
        for row in r.execute(_RUN_TOTALS, {"run": run})
    ]


def invoiced(r: Reader) -> list[tuple[int, Money]]:
    return [
        (row.invoices, Money(summed(row, "gross"), row.currency)) for row in r.execute(_INVOICED)
    ]


def _heads(r: Reader, statement: sa.Select[Any], values: Mapping[str, Any]) -> list[Invoice]:
    return [_invoice(row, ()) for row in r.execute(statement, values)]


def _lines(r: Reader, ids: Iterable[str]) -> dict[str, list[InvoiceLine]]:
    found: dict[str, list[InvoiceLine]] = {}
    for row in r.execute(_LINES, {"ids": list(ids)}):
        found.setdefault(row.invoice_id, []).append(_line(row))
    return found


def _line(row: Any) -> InvoiceLine:
    start: datetime | None = row.period_start
    return InvoiceLine(
        line=row.line,
        kind=LineKind(row.kind),
        text=row.text,
        amount=Money(row.amount_micros, row.currency),
        tax_category=row.tax_category,
        product=row.product_id,
        period=None if start is None else Period(start, row.period_end),
        detail=row.detail,
        unit=row.unit,
        quantity=row.quantity,
        included=row.included,
        events=row.events,
    )


def _invoice(row: Any, lines: Sequence[InvoiceLine]) -> Invoice:
    currency = row.currency
    return Invoice(
        id=InvoiceId(row.id),
        number=row.number,
        account=BillingAccountId(row.billing_account_id),
        customer=CustomerId(row.customer_id),
        entity=LegalEntityId(row.legal_entity_id),
        brand=row.brand,
        seller=msgspec.convert(row.seller, PartyOnInvoice),
        buyer=msgspec.convert(row.buyer, PartyOnInvoice),
        time_zone=row.time_zone,
        period=Period(row.period_start, row.period_end),
        issued_at=row.issued_at,
        issue_date=row.issue_date,
        due_at=row.due_at,
        due_date=row.due_date,
        terms_days=row.terms_days,
        net=Money(row.net_micros, currency),
        tax=Money(row.tax_micros, currency),
        gross=Money(row.gross_micros, currency),
        previous_balance=Money(row.previous_balance_micros, currency),
        taxes=msgspec.convert(row.taxes, tuple[TaxItem, ...]),
        lines=tuple(lines),
        run=BillRunId(row.run_id) if row.run_id else None,
    )
