"""A hybrid subscriber from the account to the bill, over HTTP: fees are billed, usage is paid from
the balance, and what that doesn't reach is on the bill."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import ACCOUNT, BALANCE, BILL, PRODUCT, made
from tests.scenarios.ordering_shop import fill_shelf
from tests.unit.charging.builders import GB, asks, request
from trunkline import ledger
from trunkline.billing import run_bills
from trunkline.charging import GroupCommit, Kind, Result, post_earnings
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Body = dict[str, Any]


def controlled(limit: str) -> list[Body]:
    """A mobile plan's characteristics; what a month's bill may hold of usage."""
    said = {"serviceKind": "mobile", "creditLimit": limit}
    return [
        {"name": name, "productSpecCharacteristicValue": [{"value": value, "isDefault": True}]}
        for name, value in said.items()
    ]


def use(
    charging: Database,
    clock: DrivenClock,
    msisdn: str,
    gigabytes: int,
    name: str,
    granted: int | None = None,
) -> Result:
    at = int(clock.now().timestamp())
    sent = [
        request(Kind.INITIAL, 0, asks((granted or gigabytes) * GB), session=name, at=at),
        request(Kind.TERMINATE, 1, asks(used=gigabytes * GB), session=name, at=at),
    ]
    for each in sent:
        each.identities = (("msisdn", msisdn),)
    answers = GroupCommit(charging).process(sent, clock.now())
    return answers[0].units[0].result


def buckets(api: Client, product: Body) -> dict[str, Decimal]:
    found = api.get(f"{BALANCE}/bucket?product.id={product['id']}").body
    return {
        each["name"]: Decimal(str(each["remainingValue"]["amount"]))
        for each in found
        if each["usageType"] == "monetary"
    }


def test_what_went_beyond_the_limit_is_shown_below_zero(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=4)
    offering = shop.offer(api, prodSpecCharValueUse=controlled("1.5"))
    shop.order(api, shop.account(api, kind="hybrid"), offering)
    relay.drain()
    (product,) = api.get(PRODUCT).body
    number = product["realizingResource"][0]["value"]
    assert use(charging, clock, number, 5, "s1", granted=3) is Result.SUCCESS
    credit = api.get(f"{BALANCE}/bucket/{product['id']}~credit").body
    assert credit["remainingValue"] == {"amount": -3.0, "units": "EUR"}
    assert credit["remainingValueName"] == "3.00 EUR beyond 1.50 EUR"


def test_from_the_account_to_the_bill(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    """20 a month with 2 GB; 3 GB more at 1.50: 2.00 from the balance, 2.50 on the bill."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=4)
    offering = shop.offer(api, prodSpecCharValueUse=controlled("5"))
    payer = shop.account(api, kind="hybrid")
    assert payer["accountType"] == "hybrid"
    assert api.patch(f"{ACCOUNT}/{payer['id']}", {"accountType": "prepaid"}).status in (400, 422)
    shop.order(api, payer, offering)
    relay.drain()
    (product,) = api.get(f"{PRODUCT}?billingAccount.id={payer['id']}").body
    number = product["realizingResource"][0]["value"]
    asked = {
        "amount": {"amount": 2, "units": "EUR"},
        "usageType": "monetary",
        "bucket": {"id": product["id"]},
        "partyAccount": {"id": payer["id"]},
    }
    made(api.post(f"{BALANCE}/topupBalance", asked))
    relay.drain()
    assert buckets(api, product) == {"Balance": 2, "Credit": 5}

    assert use(charging, clock, number, 5, "s1") is Result.SUCCESS
    assert buckets(api, product) == {"Balance": 0, "Credit": Decimal("2.5")}
    sums = api.get(f"{BALANCE}/accumulatedBalance?product.id={product['id']}").body
    assert [each["name"] for each in sums] == [
        "Remaining money",
        "Remaining credit",
        "Remaining data",
    ]
    refused = api.post(
        f"{BALANCE}/topupBalance", asked | {"bucket": {"id": f"{product['id']}~credit"}}
    )
    assert (refused.status, refused.body["code"]) == (422, "notMonetary")
    record = f"/trunkline/charging/v1/record/{product['id']}/3/explanation"
    told = api.get(record).body
    assert (told["charge"]["value"], told["onBill"]["value"], told["holds"]) == (4.5, 2.5, True)

    made(api.post(f"{BALANCE}/topupBalance", asked))
    relay.drain()
    assert buckets(api, product) == {"Balance": 2, "Credit": Decimal("2.5")}
    with charging.transaction() as tx:
        post_earnings(tx, clock.now())
    relay.drain()
    with books.read() as r:
        assert str(ledger.balance(r, ledger.PREPAID, "EUR")) == "-2.00 EUR"
        assert str(ledger.balance(r, ledger.UNBILLED, "EUR")) == "2.50 EUR"

    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    report = run_bills(books, charging, through=clock.now(), now=clock.now())
    assert not report.failures
    relay.drain()
    (bill,) = api.get(f"{BILL}/customerBill?billingAccount.id={payer['id']}").body
    rates = api.get(f"{BILL}/appliedCustomerBillingRate?bill.id={bill['id']}").body
    billed = {each["name"]: each["taxExcludedAmount"]["value"] for each in rates}
    assert billed.pop("Monthly fee") > 0
    assert billed == {"Data": 2.5}
    assert buckets(api, product) == {"Balance": 2, "Credit": 5}
    with books.read() as r:
        assert not ledger.balance(r, ledger.UNBILLED, "EUR")
        assert str(ledger.balance(r, ledger.PREPAID, "EUR")) == "-2.00 EUR"
        assert sum(row.amount.micros for row in ledger.trial_balance(r)) == 0
