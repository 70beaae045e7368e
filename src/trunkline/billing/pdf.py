"""Invoices as PDF, typeset by typst.

The template receives finished texts as JSON, never as markup, and only the fonts that typst
carries within it: the same invoice makes the same bytes on every machine.
"""

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import typst

from trunkline.billing.model import Invoice, InvoiceLine, LineKind
from trunkline.kernel.money import Money

_TEMPLATE = Path(__file__).with_name("invoice.typ")
_SECTIONS = (
    (LineKind.RECURRING, "Recurring charges"),
    (LineKind.ONE_TIME, "One-time charges"),
    (LineKind.USAGE, "Usage"),
)
_EN_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_local = threading.local()


def render_pdf(invoice: Invoice) -> bytes:
    """The invoice, with its lines, as a PDF of one or more A4 pages."""
    compiler = getattr(_local, "compiler", None)
    if compiler is None:
        compiler = _local.compiler = typst.Compiler(
            str(_TEMPLATE), root=str(_TEMPLATE.parent), ignore_system_fonts=True
        )
    pdf = compiler.compile(
        format="pdf",
        sys_inputs={"invoice": msgspec.json.encode(texts(invoice)).decode()},
        timestamp=int(invoice.issued_at.timestamp()),
    )
    assert isinstance(pdf, bytes), "a PDF comes in one piece"
    return pdf


def texts(invoice: Invoice) -> dict[str, Any]:
    """Everything that the page says, as it says it."""
    number = invoice.number
    credit_note = invoice.gross.micros < 0
    return {
        "title": f"Invoice {number}",
        "heading": "Credit" if credit_note else "Invoice",
        "brand": invoice.brand,
        "seller": _seller(invoice),
        "buyer": {"name": invoice.buyer.name, "lines": [*invoice.buyer.address]},
        "facts": _facts(invoice),
        "due": _due(invoice),
        "sections": [
            _section(invoice, kind, title, lines)
            for kind, title in _SECTIONS
            if (lines := [line for line in invoice.lines if line.kind is kind])
        ],
        "taxes": {
            "columns": ["Tax", "Net", "Amount"],
            "rows": [
                [
                    f"{item.name} {_percent(item.millionths)} %",
                    _amount(item.base),
                    _amount(item.tax),
                ]
                for item in invoice.taxes
            ],
        },
        "totals": _totals(invoice),
        "payment": _payment(invoice),
    }


def _seller(invoice: Invoice) -> dict[str, Any]:
    seller = invoice.seller
    footer = [seller.name, *seller.address]
    if seller.tax_number:
        footer.append(f"Tax number {seller.tax_number}")
    return {
        "name": seller.name,
        "sender": " · ".join([seller.name, *seller.address]),
        "footer": [*footer, *seller.contact],
    }


def _facts(invoice: Invoice) -> list[list[str]]:
    tz = ZoneInfo(invoice.time_zone)
    first = invoice.period.start.astimezone(tz).date()
    last = invoice.period.end.astimezone(tz).date() - timedelta(days=1)
    facts = [
        ["Invoice number", invoice.number],
        ["Invoice date", _date(invoice.issue_date)],
        ["Billing period", f"{_date(first)} {_EN_DASH} {_date(last)}"],
        ["Customer", str(invoice.customer)],
        ["Billing account", str(invoice.account)],
    ]
    if invoice.buyer.tax_number:
        facts.append(["Your tax number", invoice.buyer.tax_number])
    return facts


def _due(invoice: Invoice) -> dict[str, str]:
    due = invoice.amount_due
    title = "Amount due" if due else "Nothing to pay"
    if due:
        text = f"Please pay by {_date(invoice.due_date)}"
    elif invoice.gross.micros > 0:
        text = "Your credit covers this invoice"
    else:
        text = "This invoice asks for no payment"
    return {"title": title, "text": text, "amount": str(due)}


def _section(
    invoice: Invoice, kind: LineKind, title: str, lines: Sequence[InvoiceLine]
) -> dict[str, Any]:
    currency = lines[0].amount.currency
    total = Money(sum(line.amount.micros for line in lines), currency)
    columns = ["Description", currency]
    if kind is LineKind.USAGE:
        columns = ["Description", "Count", "Used", "Included", currency]
    return {
        "title": title,
        "columns": columns,
        "lines": [
            {"text": line.text, "detail": _detail(invoice, line), "cells": _cells(line)}
            for line in lines
        ],
        "sum": [f"{title}, net", _amount(total)],
    }


def _detail(invoice: Invoice, line: InvoiceLine) -> str:
    """With its first day where a charge reaches back before the billing period."""
    if line.period is None or line.period.start >= invoice.period.start:
        return line.detail
    first = line.period.start.astimezone(ZoneInfo(invoice.time_zone)).date()
    since = f"from {_date(first)}"
    return f"{line.detail}, {since}" if line.detail else since


def _cells(line: InvoiceLine) -> list[str]:
    if line.kind is not LineKind.USAGE:
        return [_amount(line.amount)]
    return [
        f"{line.events:,}",
        units(line.quantity, line.unit),
        units(line.included, line.unit) if line.included else _EN_DASH,
        _amount(line.amount),
    ]


def _totals(invoice: Invoice) -> list[dict[str, Any]]:
    currency = invoice.gross.currency
    rows = [
        {"label": "Total net", "amount": _amount(invoice.net), "strong": False},
        {"label": "Tax", "amount": _amount(invoice.tax), "strong": False},
        {"label": f"Invoice total {currency}", "amount": _amount(invoice.gross), "strong": True},
    ]
    if invoice.previous_balance:
        owed = invoice.previous_balance.micros > 0
        label = "Balance brought forward" if owed else "Your credit"
        rows.append({"label": label, "amount": _amount(invoice.previous_balance), "strong": False})
        rows.append(
            {
                "label": f"Amount due {currency}",
                "amount": _amount(invoice.amount_due),
                "strong": True,
            }
        )
    return rows


def _payment(invoice: Invoice) -> dict[str, Any]:
    if not invoice.amount_due:
        return {
            "title": "Payment",
            "rows": [["Reference", invoice.number]],
            "note": "There is nothing to pay.",
        }
    rows = [["Payment reference", invoice.number], ["Due date", _date(invoice.due_date)]]
    if invoice.seller.bank_account:
        rows.insert(0, ["Account", f"{invoice.seller.bank_account} ({invoice.seller.name})"])
    days = f"{invoice.terms_days} day{'' if invoice.terms_days == 1 else 's'}"
    return {
        "title": "Payment",
        "rows": rows,
        "note": f"Payable within {days} of the invoice date. "
        "Please quote the payment reference so that your payment finds this invoice.",
    }


def units(quantity: int, unit: str) -> str:
    """Usage as people read it: 1.50 GB, 2:05:09 h, 12."""
    if unit == "bytes":
        for name, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
            if quantity >= size:
                hundredths = (quantity * 100 + size // 2) // size
                return f"{hundredths // 100:,}.{hundredths % 100:02} {name}"
        return f"{quantity} B"
    if unit == "seconds":
        minutes, seconds = divmod(quantity, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:,}:{minutes:02}:{seconds:02} h" if hours else f"{minutes}:{seconds:02} min"
    return f"{quantity:,}"


def _amount(money: Money) -> str:
    """Without its currency, and with a real minus sign."""
    return f"{money.to_decimal():,f}".replace("-", _MINUS)


def _percent(millionths: int) -> str:
    whole, rest = divmod(millionths, 10_000)
    return f"{whole}.{rest:04}".rstrip("0").rstrip(".")


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
