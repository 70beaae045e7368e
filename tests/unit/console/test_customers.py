"""Customers found, shown and topped up."""

import html
import re

import pytest

from tests.scenarios.ordering_shop import MOBILE
from tests.unit.console.office import HOSTILE, Office, text_of
from trunkline import payments
from trunkline.charging import ChargingAccountId, OpenAccount, Service
from trunkline.charging.operations import open_account, top_up
from trunkline.charging.pools.events import JoinPool, UnitLimit
from trunkline.charging.pools.operations import join_pool
from trunkline.customers import AccountKind, Customer, accounts_of
from trunkline.inventory import services_of_customers
from trunkline.kernel.money import Money
from trunkline.platform import audit


def number_of(office: Office, customer: Customer) -> str:
    with office.books.read() as r:
        return str(services_of_customers(r, [customer.id])[0].characteristics["msisdn"])


def form_of(office: Office, customer: Customer, place: int = 0) -> dict[str, str]:
    """The hidden fields of the customer's top-up form."""
    page = office.visitor("*", name=f"looker {office.clock.now()} {place}").get(
        f"/console/customers/{customer.id}"
    )
    form = re.findall(r'<form class="mt-3".*?</form>', page.text, re.DOTALL)[place]
    return dict(re.findall(r'name="(product|reference)" value="([^"]+)"', form))


def payments_of(office: Office, customer: Customer) -> list[payments.Payment]:
    with office.books.read() as r:
        [account] = accounts_of(r, customer.id)
        return payments.payments_of(r, account.id)


def test_a_number_finds_whose_it_is(office: Office) -> None:
    customer, _ = office.subscriber()
    office.subscriber("Oisin Byrne")
    visitor, number = office.visitor("*"), number_of(office, customer)
    spaced = f"%2B{number[:3]} {number[3:5]} {number[5:]}"
    national = f"0{number[3:]}"
    for asked in (number, f"%2B{number}", f"00{number}", spaced, national, number[3:]):
        found = text_of(visitor.get(f"/console/customers?q={asked}"))
        assert "Maeve Doyle" in found
        assert "Oisin Byrne" not in found
    both = text_of(visitor.get(f"/console/customers?q={number[:6]}"))
    assert "Maeve Doyle" in both
    assert "Oisin Byrne" in both
    assert "Nobody found" in text_of(visitor.get("/console/customers?q=4670"))


def test_pages_of_customers(office: Office) -> None:
    for place in range(52):
        office.customer(f"Customer {place:02}")
    visitor = office.visitor("*")
    seen = []
    path: str | None = "/console/customers?q=customer"
    while path:
        page = visitor.get(path)
        seen += re.findall(r">(Customer \d\d)<", page.text)
        more = re.search(r'href="(/console/customers[?][^"]*after=[^"]+)"', page.text)
        path = html.unescape(more[1]) if more else None
    assert sorted(seen) == [f"Customer {place:02}" for place in range(52)]


def test_a_name_is_text(office: Office) -> None:
    customer, _ = office.subscriber(HOSTILE)
    visitor = office.visitor("*")
    for path in ("/console/customers", f"/console/customers/{customer.id}", "/console/orders"):
        page = visitor.get(path)
        assert HOSTILE in text_of(page)
        assert "<script>alert" not in page.text


def test_a_top_up_pays_once(office: Office) -> None:
    customer, account = office.subscriber()
    visitor, form = office.visitor("*"), form_of(office, customer) | {"amount": " 12,5 "}
    path = f"/console/customers/{customer.id}/top-up"
    for _ in range(2):
        answer = visitor.post(path, form)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/console/customers/{customer.id}?said=topped-up"
    assert "The top-up was received" in text_of(visitor.get(answer.headers["location"]))
    assert office.money(account) == Money.of("12.5", "EUR")
    [paid] = payments_of(office, customer)
    assert (paid.amount, paid.source) == (Money.of("12.5", "EUR"), "console")
    with office.books.read() as r:
        [entry] = audit.about(r, paid.id)
    assert (entry.who, entry.verb) == ("admin", "receive_payment")
    other = visitor.post(path, form | {"amount": "13"})
    assert other.status_code == 409
    assert office.money(account) == Money.of("12.5", "EUR")


@pytest.mark.parametrize(
    "amount",
    ["", "0", "-5", "1e3", "1_000", "12.555", "1.234,50", "NaN", "99999999999", "٣", "5 EUR"],
)
def test_an_amount_that_is_none(office: Office, amount: str) -> None:
    customer, account = office.subscriber()
    form = form_of(office, customer) | {"amount": amount}
    answer = office.visitor("*").post(f"/console/customers/{customer.id}/top-up", form)
    assert answer.status_code == 400
    assert "Amount: " in text_of(answer)
    assert office.money(account) == Money.zero("EUR")


def test_a_top_up_is_for_whom_it_says(office: Office) -> None:
    customer, account = office.subscriber()
    other, others_account = office.subscriber("Oisin Byrne")
    visitor, form = office.visitor("*"), form_of(office, customer) | {"amount": "5"}
    elsewhere = visitor.post(f"/console/customers/{other.id}/top-up", form)
    assert elsewhere.status_code == 404
    for product in ("", "prod_none", "\0"):
        answer = visitor.post(
            f"/console/customers/{customer.id}/top-up", form | {"product": product}
        )
        assert answer.status_code in (400, 404)
    for reference in ("", "short", "x" * 100, "with space and more"):
        answer = visitor.post(
            f"/console/customers/{customer.id}/top-up", form | {"reference": reference}
        )
        assert answer.status_code == 400
    assert payments_of(office, customer) == payments_of(office, other) == []
    assert office.money(account) == office.money(others_account) == Money.zero("EUR")


def test_only_prepaid_balances_are_topped_up(office: Office) -> None:
    customer, account = office.subscriber(kind=AccountKind.POSTPAID)
    visitor = office.visitor("*")
    assert "Top up" not in text_of(visitor.get(f"/console/customers/{customer.id}"))
    form = {"product": account, "reference": "a-reference-of-ours", "amount": "5"}
    answer = visitor.post(f"/console/customers/{customer.id}/top-up", form)
    assert answer.status_code == 422
    assert payments_of(office, customer) == []


def test_before_charging_knows_the_account(office: Office) -> None:
    customer = office.customer()
    page = office.visitor("*").get(f"/console/customers/{customer.id}")
    assert page.status_code == 200
    for said in ("No products", "No orders", "No invoices yet", "No payments yet"):
        assert said in text_of(page)


def test_a_pool_is_told_at_its_members(office: Office) -> None:
    """What a member still may have, of at most so much (of a pool that has money alone); its own
    balance apart."""
    customer, member = office.subscriber()
    now, pool = office.clock.now(), ChargingAccountId("prod_pool")
    limits = (UnitLimit(Service.DATA, 400_000_000),)
    with office.books.read() as r:
        [payer] = accounts_of(r, customer.id)
    with office.charging.transaction() as tx:
        open_account(
            tx,
            OpenAccount(
                account=pool, billing_account=payer.id, legal_entity=payer.legal_entity,
                currency="EUR", kind=AccountKind.PREPAID, plan=MOBILE, cycle_day=1,
                time_zone="Europe/Dublin", identities=(), opened_at=now, shared=True,
            ),
        )  # fmt: skip
        top_up(tx, pool, amount=Money.of("7", "EUR"), payment_id="pay_1", now=now)
        top_up(tx, member, amount=Money.of("2", "EUR"), payment_id="pay_2", now=now)
        join_pool(tx, JoinPool(account=member, pool=pool, limits=limits, money=True), now)
    page = text_of(office.visitor("*").get(f"/console/customers/{customer.id}/balances"))
    for told in (
        "€2.00", "€7.00 more of the pool's", "Shared by 1 member", "Data, shared 0 B of 400 MB",
    ):  # fmt: skip
        assert told in page, page


def test_balances_come_as_pieces(office: Office) -> None:
    customer, account = office.subscriber()
    piece = office.visitor("*").get(f"/console/customers/{customer.id}/balances")
    assert 'id="balance-1" hx-swap-oob="true"' in piece.text
    assert "<html" not in piece.text
    assert "€0.00" in text_of(piece)
    assert isinstance(account, ChargingAccountId)
