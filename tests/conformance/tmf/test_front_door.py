"""A month with nothing but the Open APIs: an offer, a customer, an order, a bill, a payment."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import SPECS, Client, documents
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.billing import run_bills
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


@pytest.fixture(autouse=True)
def _stock(books: Database, clock: DrivenClock) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=5)


def only(items: list[Any]) -> Any:
    assert len(items) == 1, items
    return items[0]


def test_from_offer_to_paid_bill(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    offering = shop.offer(api, monthly=20)
    fee = offering["productOfferingPrice"][0]
    assert api.get(f"{shop.CATALOG}/productOfferingPrice/{fee['id']}").body["price"] == {
        "unit": "EUR", "value": 20
    }  # fmt: skip
    payer = shop.account(api)
    order = shop.order(api, payer, offering, externalId="web-1")
    assert order["state"] == "acknowledged"
    assert order["productOrderItem"][0]["state"] == "acknowledged"
    relay.drain()
    order = api.get(order["href"]).body
    assert order["state"] == "completed", order

    product = only(api.get(f"{shop.PRODUCT}?billingAccount.id={payer['id']}").body)
    assert (product["status"], product["productOffering"]["id"]) == ("active", offering["id"])
    assert product["id"] == order["productOrderItem"][0]["product"]["id"]
    service = only(api.get(f"{shop.SERVICE}?relatedEntity.id={product['id']}").body)
    assert service["state"] == "active"
    names = {each["name"] for each in service["serviceCharacteristic"]}
    assert {"msisdn", "imsi", "iccid"} <= names
    bucket = only(api.get(f"{shop.BALANCE}/bucket?product.id={product['id']}").body)
    assert (bucket["usageType"], bucket["remainingValue"]) == (
        "data", {"amount": 2_000_000_000, "units": "bytes"}
    )  # fmt: skip
    assert api.get(bucket["href"]).body == bucket

    # 2 November 09:00 to 1 December: 29 of 30 days of 20.00 are 19.33, and 23 % tax 4.45.
    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    report = run_bills(books, charging, through=clock.now(), now=clock.now())
    assert report.invoices == 1
    relay.drain()
    bill = only(api.get(f"{shop.BILL}/customerBill?billingAccount.id={payer['id']}").body)
    assert (bill["state"], bill["taxIncludedAmount"]) == ("sent", {"unit": "EUR", "value": 23.78})
    assert only(bill["taxItem"])["taxRate"] == 23
    rates = api.get(f"{shop.BILL}/appliedCustomerBillingRate?bill.id={bill['id']}").body
    recurring = only([each for each in rates if each["type"] == "recurringCharge"])
    assert recurring["taxExcludedAmount"] == {"unit": "EUR", "value": 19.33}
    assert recurring["product"]["id"] == product["id"]
    assert api.get(recurring["href"]).body == recurring
    pdf = api.get(only(bill["billDocument"])["url"])
    assert (pdf.headers["content-type"], pdf.raw[:5]) == ("application/pdf", b"%PDF-")
    assert balance_of(api, payer) == Decimal("23.78")

    def pay(amount: float, correlator: str) -> Any:
        return api.post(shop.PAYMENT, {
            "account": {"id": payer["id"]}, "paymentMethod": {"@type": "bankTransfer"},
            "totalAmount": shop.money(amount), "correlatorId": correlator,
            "paymentItem": [{"item": {"id": bill["id"], "@referredType": "CustomerBill"}}],
        })  # fmt: skip

    paid = shop.made(pay(20, "transfer-1"))
    assert shop.made(pay(20, "transfer-1"))["id"] == paid["id"]
    assert pay(3.78, "transfer-1").status == 409
    relay.drain()
    standing = api.get(bill["href"]).body
    assert standing["state"] == "partiallyPaid"
    assert standing["remainingAmount"] == {"unit": "EUR", "value": 3.78}
    assert only(standing["appliedPayment"])["payment"]["id"] == paid["id"]
    shop.made(pay(3.78, "transfer-2"))
    relay.drain()
    assert api.get(bill["href"]).body["state"] == "settled"
    assert balance_of(api, payer) == 0
    for state, count in (("settled", 1), ("sent", 0), ("partiallyPaid", 0)):
        assert len(api.get(f"{shop.BILL}/customerBill?state={state}").body) == count
    assert api.validated > 20 or not documents()


def balance_of(api: Client, account: dict[str, Any]) -> Decimal:
    balance = only(api.get(account["href"]).body["accountBalance"])
    return Decimal(str(balance["amount"]["value"]))


def test_a_prepaid_customer_tops_up(api: Client, relay: Relay) -> None:
    payer = shop.account(api, kind="prepaid")
    shop.order(api, payer, shop.offer(api, monthly=0))
    relay.drain()
    product = only(api.get(f"{shop.PRODUCT}?billingAccount.id={payer['id']}").body)
    wanted = f"{shop.BALANCE}/bucket?partyAccount.id={payer['id']}&usageType=monetary"
    bucket = only(api.get(wanted).body)
    assert (bucket["id"], bucket["remainingValue"]) == (
        product["id"], {"amount": 0, "units": "EUR"}
    )  # fmt: skip
    body = {
        "amount": {"amount": 15, "units": "EUR"},
        "usageType": "monetary",
        "bucket": {"id": bucket["id"]},
        "partyAccount": {"id": payer["id"]},
    }
    top_up = shop.made(api.post(f"{shop.BALANCE}/topupBalance", body, Idempotency_Key="t1"))
    assert top_up["status"] == "created"
    again = api.post(f"{shop.BALANCE}/topupBalance", body, Idempotency_Key="t1")
    assert again.body == top_up
    relay.drain()
    assert api.get(top_up["href"]).body["status"] == "completed"
    assert only(api.get(wanted).body)["remainingValue"]["amount"] == 15
    assert only(api.get(shop.PAYMENT).body)["id"] == top_up["id"]

    for wrong, status, path in (
        ({"usageType": "data"}, 422, "usageType"),
        ({"bucket": {"id": "nobody"}}, 400, "bucket.id"),
        ({"partyAccount": {"id": "nobody"}}, 400, "partyAccount.id"),
        ({"amount": {"amount": -5, "units": "EUR"}}, 400, "amount"),
        ({"amount": {"amount": 5, "units": "USD"}}, 400, "amount"),
        ({"amount": {"amount": 0.001, "units": "EUR"}}, 400, "amount"),
        ({"amount": None}, 400, "amount"),
    ):
        refused = api.post(f"{shop.BALANCE}/topupBalance", body | wrong)
        assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert only(api.get(wanted).body)["remainingValue"]["amount"] == 15


def test_the_documents_are_there() -> None:
    if not SPECS.is_dir():
        pytest.skip("../shared/specs/tmf is absent: answers are held against our own OpenAPI only")
    assert len(documents()) >= 10
