"""What is printed: read back from the PDF."""

import io
import threading
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader

from trunkline.billing import (
    Invoice,
    InvoiceId,
    InvoiceLine,
    LineKind,
    PartyOnInvoice,
    render_pdf,
)
from trunkline.billing.pdf import texts, units
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.ledger import LegalEntityId
from trunkline.tax import TaxItem

EN_DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def fee(line: int, text: str = "Plan", amount: str = "10") -> InvoiceLine:
    return InvoiceLine(line, LineKind.RECURRING, text, eur(amount), "standard")


CALLS = InvoiceLine(
    9,
    LineKind.USAGE,
    "Calls to Türkiye",
    eur("3.18"),
    "standard",
    unit="seconds",
    quantity=7509,
    included=600,
    events=3,
)


def invoice(*lines: InvoiceLine, **changed: Any) -> Invoice:
    lines = lines or (fee(1), CALLS)
    net = Money(sum(line.amount.micros for line in lines), "EUR")
    tax = net.scaled(19, 100).rounded()
    values: dict[str, Any] = {
        "id": InvoiceId("inv_1"),
        "number": "TOWN-000042",
        "account": BillingAccountId("bac_1"),
        "customer": CustomerId("cus_1"),
        "entity": LegalEntityId("le_1"),
        "brand": "Town Mobile",
        "seller": PartyOnInvoice(
            "Town Mobile GmbH",
            ("Hafenstraße 1", "20457 Hamburg"),
            tax_number="DE123456789",
            bank_account="DE89 3704 0044 0532 0130 00",
        ),
        "buyer": PartyOnInvoice("Łucja Žižková", ("Příčná 12", "110 00 Praha")),
        "time_zone": "Europe/Berlin",
        "period": Period(
            datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)
        ),
        "issued_at": datetime(2026, 12, 1, 6, tzinfo=UTC),
        "issue_date": date(2026, 12, 1),
        "due_at": datetime(2026, 12, 15, 23, tzinfo=UTC),
        "due_date": date(2026, 12, 15),
        "terms_days": 14,
        "net": net,
        "tax": tax,
        "gross": net + tax,
        "previous_balance": eur("0"),
        "taxes": (TaxItem("standard", "MwSt", 190_000, net, tax),),
        "lines": lines,
    }
    return Invoice(**(values | changed))


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_one_page_says_it_all() -> None:
    (page,) = pages(render_pdf(invoice()))
    for said in (
        "Town Mobile",
        "TOWN-000042",
        "1 December 2026",
        f"1 November 2026 {EN_DASH} 30 November 2026",
        "Łucja Žižková",
        "Příčná 12",
        "Calls to Türkiye",
        "2:05:09 h",
        "13.18",
        "MwSt 19 %",
        "2.50",
        "15.68 EUR",
        "Please pay by 15 December 2026",
        "DE89 3704 0044 0532 0130 00",
        "DE123456789",
        "Page 1 of 1",
    ):
        assert said in page, said


def test_the_same_invoice_makes_the_same_bytes() -> None:
    first = render_pdf(invoice())
    render_pdf(invoice(fee(1, "Something else")))
    others: list[bytes] = []
    thread = threading.Thread(target=lambda: others.append(render_pdf(invoice())))
    thread.start()
    thread.join()
    assert [first] == others


@pytest.mark.parametrize(
    "name",
    [
        "#set text(fill: red)",
        "*Stars* and _lines_",
        "$x^2$ <label> @reference",
        '\\ "quotes" `code`',
        "// no comment /* none */",
        "= Heading",
        "#{while true {}}",
        '#import "x"',
        "</script> & co",
    ],
)
def test_markup_in_a_name_is_only_a_name(name: str) -> None:
    buyer = PartyOnInvoice(name, (name,))
    (page,) = pages(render_pdf(invoice(fee(1, name), buyer=buyer)))
    assert page.count(name) == 3


def test_many_lines_go_over_to_the_next_page() -> None:
    made = pages(render_pdf(invoice(*(fee(line, f"Line {line}") for line in range(1, 60)))))
    assert len(made) == 2
    assert "Line 59" in made[1]
    assert "Invoice TOWN-000042" in made[1]
    assert "Page 2 of 2" in made[1]


def test_a_long_word_and_an_empty_address() -> None:
    buyer = PartyOnInvoice("N" * 200)
    assert len(pages(render_pdf(invoice(fee(1, "T" * 200), buyer=buyer)))) == 1


def test_a_charge_for_an_earlier_month_says_since_when() -> None:
    start = datetime(2026, 10, 29, 23, tzinfo=UTC)
    late = InvoiceLine(
        1,
        LineKind.RECURRING,
        "Plan",
        eur("2"),
        "standard",
        period=Period(start, datetime(2026, 10, 31, 23, tzinfo=UTC)),
        detail="2 of 31 days",
    )
    (page,) = pages(render_pdf(invoice(late)))
    assert "2 of 31 days, from 30 October 2026" in page


def test_what_was_owed_before_is_carried() -> None:
    said = texts(invoice(previous_balance=eur("17.20")))
    assert [(row["label"], row["amount"]) for row in said["totals"]][-2:] == [
        ("Balance brought forward", "17.20"),
        ("Amount due EUR", "32.88"),
    ]


def test_credit_covers_it() -> None:
    said = texts(invoice(previous_balance=eur("-20")))
    assert said["due"]["title"] == "Nothing to pay"
    assert said["due"]["amount"] == "0.00 EUR"
    assert said["payment"]["note"] == "There is nothing to pay."
    assert said["totals"][-2] == {
        "label": "Your credit",
        "amount": f"{MINUS}20.00",
        "strong": False,
    }


def test_an_invoice_below_zero() -> None:
    made = invoice(fee(1, "Plan", "10"), fee(2, "As agreed", "-15"))
    assert texts(made)["heading"] == "Credit"
    (page,) = pages(render_pdf(made))
    assert f"{MINUS}5.95" in page


@pytest.mark.parametrize(
    ("quantity", "unit", "said"),
    [
        (0, "bytes", "0 B"),
        (999, "bytes", "999 B"),
        (1000, "bytes", "1.00 kB"),
        (1_234_567, "bytes", "1.23 MB"),
        (12_345_678_901, "bytes", "12.35 GB"),
        (1_999_999_999_999, "bytes", "2,000.00 GB"),
        (0, "seconds", "0:00 min"),
        (754, "seconds", "12:34 min"),
        (7509, "seconds", "2:05:09 h"),
        (1234, "messages", "1,234"),
    ],
)
def test_usage_as_people_read_it(quantity: int, unit: str, said: str) -> None:
    assert units(quantity, unit) == said


def test_all_that_the_template_gets_is_text() -> None:
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for each in value.values() for leaf in leaves(each)]
        if isinstance(value, list):
            return [leaf for each in value for leaf in leaves(each)]
        return [value]

    said = msgspec.json.decode(msgspec.json.encode(texts(invoice()), enc_hook=str))
    assert {type(leaf) for leaf in leaves(said)} <= {str, bool}
