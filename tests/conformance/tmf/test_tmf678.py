"""TMF678: bills are held and let go, and made on demand; rates are billed or not yet."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import BILL, made, money
from tests.scenarios.ordering_shop import fill_shelf
from trunkline import ledger
from trunkline.billing import run_bills
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.receivables import receivable_totals

Body = dict[str, Any]
Subscribe = Callable[..., Body]
DEMAND = f"{BILL}/customerBillOnDemand"
RATE = f"{BILL}/appliedCustomerBillingRate"


@pytest.fixture
def subscribe(api: Client, books: Database, relay: Relay, clock: DrivenClock) -> Subscribe:
    """`subscribe()`: the account of a product for 30.00 a month from 2 November on."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=4)
    offering = shop.offer(api, monthly=30)

    def new() -> Body:
        payer = shop.account(api)
        shop.order(api, payer, offering)
        relay.drain()
        return payer

    return new


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bill_all(books: Database, charging: Database, clock: DrivenClock, text: str) -> None:
    clock.set(day(text))
    report = run_bills(books, charging, through=clock.now(), now=clock.now())
    assert not report.failures, report.failures


def bills_of(api: Client, payer: Body) -> list[Body]:
    found: list[Body] = api.get(
        f"{BILL}/customerBill?billingAccount.id={payer['id']}&sort=billNo"
    ).body
    return found


def pay(api: Client, payer: Body, amount: float, bill: Body | None = None) -> None:
    body: Body = {
        "account": {"id": payer["id"]},
        "paymentMethod": {"@type": "cash"},
        "totalAmount": money(amount),
    }
    if bill is not None:
        body["paymentItem"] = [{"item": {"id": bill["id"], "@referredType": "CustomerBill"}}]
    made(api.post(shop.PAYMENT, body))


def books_agree(books: Database) -> None:
    with books.read() as r:
        for _, open_, credit in receivable_totals(r):
            assert ledger.balance(r, ledger.RECEIVABLES, "EUR") == open_
            assert ledger.balance(r, ledger.CUSTOMER_CREDITS, "EUR") == -credit


def test_a_bill_is_held_and_let_go(
    api: Client,
    subscribe: Subscribe,
    books: Database,
    charging: Database,
    relay: Relay,
    clock: DrivenClock,
) -> None:
    """29 days of 30 at 30.00 are 29.00, with tax 35.67. Held, credit passes it by."""
    payer, other = subscribe(), subscribe()
    bill_all(books, charging, clock, "2026-12-01T01:00")
    (bill,) = bills_of(api, payer)
    assert (bill["state"], bill["runType"], bill["category"]) == ("sent", "onCycle", "normal")
    held = api.patch(bill["href"], {"state": "onHold"})
    assert (held.status, held.body["state"]) == (200, "onHold")
    assert api.patch(bill["href"], {"state": "onHold"}).body == held.body
    assert [each["id"] for each in api.get(f"{BILL}/customerBill?state=onHold").body] == [
        bill["id"]
    ]
    pay(api, payer, 20)
    relay.drain()
    assert bills_of(api, payer)[0]["remainingAmount"] == money(35.67)
    for to, status in (("settled", 409), ("partiallyPaid", 409), ("new", 409), ("gone", 400)):
        refused = api.patch(bill["href"], {"state": to})
        assert (refused.status, refused.body["path"]) == (status, "state"), to
    assert "sent" in api.patch(bill["href"], {"state": "validated"}).body["message"]
    freed = api.patch(bill["href"], {"state": "sent"})
    assert freed.status == 200
    assert (freed.body["state"], freed.body["remainingAmount"]) == ("partiallyPaid", money(15.67))
    books_agree(books)
    held = api.patch(bill["href"], {"state": "onHold"})
    pay(api, payer, 15.67, bill)
    relay.drain()
    settled = bills_of(api, payer)[0]
    assert (settled["state"], settled["remainingAmount"]) == ("settled", money(0))
    refused = api.patch(bill["href"], {"state": "onHold"})
    assert (refused.status, refused.body["path"]) == (409, "state")
    assert api.patch(bill["href"], {"billNo": "1"}).body["path"] == "billNo"
    assert bills_of(api, other)[0]["state"] == "sent"
    assert api.delete(bill["href"]).status == 405
    books_agree(books)


def test_a_refund_opens_a_bill_again(
    api: Client,
    subscribe: Subscribe,
    books: Database,
    charging: Database,
    relay: Relay,
    clock: DrivenClock,
) -> None:
    payer = subscribe()
    bill_all(books, charging, clock, "2026-12-01T01:00")
    pay(api, payer, 50)
    relay.drain()
    (bill,) = bills_of(api, payer)
    assert (bill["state"], bill["appliedPayment"][0]["appliedAmount"]) == (
        "settled", money(35.67)
    )  # fmt: skip
    (payment,) = api.get(f"{shop.PAYMENT}?account.id={payer['id']}").body
    made(
        api.post(
            "/payment/v4/refund",
            {
                "account": {"id": payer["id"]},
                "paymentMethod": {"@type": "cash"},
                "payment": {"id": payment["id"]},
                "totalAmount": money(40),
            },
        )
    )
    (bill,) = bills_of(api, payer)
    assert (bill["state"], bill["remainingAmount"]) == ("partiallyPaid", money(25.67))
    assert bill["appliedPayment"][0]["appliedAmount"] == money(10)
    books_agree(books)


def test_a_bill_on_demand_takes_its_part_of_the_month(
    api: Client, subscribe: Subscribe, books: Database, charging: Database, clock: DrivenClock
) -> None:
    """From 2 to 12 November: 10 of 30 days, 10.00. The rest of the month: 19 days, 19.00."""
    payer, whole = subscribe(), subscribe()
    clock.set(day("2026-11-12T15:00"))
    body = {"name": "Leaving", "billingAccount": {"id": payer["id"]}}
    asked = made(api.post(DEMAND, body, Idempotency_Key="k"))
    assert (asked["state"], asked["name"]) == ("done", "Leaving")
    assert api.post(DEMAND, body, Idempotency_Key="k").body == asked
    bill = api.get(asked["customerBill"]["href"]).body
    assert (bill["runType"], bill["category"]) == ("offCycle", "interim")
    assert bill["taxExcludedAmount"] == money(10)
    assert bill["billingPeriod"] == {
        "startDateTime": "2026-11-01T00:00:00.000Z",
        "endDateTime": "2026-11-12T00:00:00.000Z",
    }
    again = made(api.post(DEMAND, {"billingAccount": {"id": payer["id"]}}))
    assert (again["state"], "customerBill" in again) == ("rejected", False)
    assert "nothing" in again["statusReason"]
    found = api.get(f"{DEMAND}?state=done&billingAccount.id={payer['id']}").body
    assert [each["id"] for each in found] == [asked["id"]]
    bill_all(books, charging, clock, "2026-12-01T01:00")
    assert [each["taxExcludedAmount"]["value"] for each in bills_of(api, payer)] == [10, 19]
    assert [each["taxExcludedAmount"]["value"] for each in bills_of(api, whole)] == [29]
    bill_all(books, charging, clock, "2027-01-01T01:00")
    assert [each["taxExcludedAmount"]["value"] for each in bills_of(api, payer)] == [10, 19, 30]
    books_agree(books)


def test_a_demand_that_can_not_be_met_is_rejected(api: Client) -> None:
    account = shop.account(api)
    assert made(api.post(DEMAND, {"billingAccount": {"id": account["id"]}}))["state"] == "rejected"
    assert made(api.post(DEMAND, {"name": "whose?"}))["state"] == "rejected"
    refused = api.post(DEMAND, {"billingAccount": {"id": "bac_none"}})
    assert (refused.status, refused.body["path"]) == (400, "billingAccount.id")
    wrongs: list[Any] = [{"billingAccount": "x"}, {"name": 7}, [], {"state": "maybe"}]
    for wrong in wrongs:
        assert api.post(DEMAND, wrong).status == 400


def test_rates_are_billed_or_not_yet(
    api: Client,
    subscribe: Subscribe,
    books: Database,
    charging: Database,
    clock: DrivenClock,
) -> None:
    payer, other = subscribe(), subscribe()
    clock.set(day("2026-11-22T15:00"))
    unbilled = f"{RATE}?isBilled=false&billingAccount.id={payer['id']}"
    (rate,) = api.get(unbilled).body
    assert (rate["isBilled"], rate["taxExcludedAmount"]) == (False, money(20))
    assert "bill" not in rate
    assert rate["billingAccount"]["id"] == payer["id"]
    assert api.get(rate["href"]).body == rate
    assert api.get(f"{unbilled}&type=usageCharge").body == []
    assert api.get(f"{RATE}?isBilled=false").body["path"] == "billingAccount.id"
    assert api.get(f"{RATE}?isBilled=maybe").status == 400
    assert api.get(f"{RATE}?isBilled=true").body == []
    bill_all(books, charging, clock, "2026-12-01T01:00")
    assert api.get(unbilled).body == []
    assert api.get(rate["href"]).status == 404
    (billed,) = api.get(f"{RATE}?billingAccount.id={payer['id']}").body
    assert (billed["isBilled"], billed["bill"]["id"]) == (True, bills_of(api, payer)[0]["id"])
    assert Decimal(str(billed["taxExcludedAmount"]["value"])) == 29
    every = api.get(f"{RATE}?isBilled=true&type=recurringCharge&sort=-date").body
    assert {each["billingAccount"]["id"] for each in every} == {payer["id"], other["id"]}
