"""TMF622, 637, 638, 654, 676 and 678: what is ordered, had, used and paid."""

from datetime import UTC, datetime
from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import BALANCE, BILL, ORDERING, PAYMENT, PRODUCT, SERVICE, made
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.billing import run_bills
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

ORDERS, CANCELS = f"{ORDERING}/productOrder", f"{ORDERING}/cancelProductOrder"


def stock(books: Database, clock: DrivenClock, numbers: int) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=numbers)


def names_of(items: list[Any]) -> list[str]:
    return [each["id"] for each in items]


def test_orders_are_found_by_what_they_hold(
    api: Client, books: Database, clock: DrivenClock, relay: Relay
) -> None:
    stock(books, clock, 1)
    one, two = shop.offer(api, "one"), shop.offer(api, "two")
    payer, decoy = shop.account(api), shop.account(api)
    first = shop.order(api, payer, one, externalId="a", category="web", priority="1")
    clock.set(datetime(2026, 11, 3, tzinfo=UTC))
    second = shop.order(api, decoy, two, requestedStartDate="2026-12-01T00:00:00Z")
    assert second["requestedStartDate"] == "2026-12-01T00:00:00.000Z"
    relay.drain()
    for query in (
        f"billingAccount.id={payer['id']}",
        f"relatedParty.id={payer['relatedParty'][0]['id']}",
        f"productOrderItem.productOffering.id={one['id']}",
        f"productOrderItem.productOffering.id.ne={two['id']}",
        "externalId=a", "category=web", "priority=1", "state=completed", "state.ne=acknowledged",
        "orderDate.lt=2026-11-03T00:00:00Z", "completionDate%3C=2026-11-03T00:00:00Z",
        "productOrderItem.state=completed&productOrderItem.action=add",
    ):  # fmt: skip
        assert names_of(api.get(f"{ORDERS}?{query}").body) == [first["id"]], query
    for query in ("sort=-orderDate", "state=acknowledged,completed&sort=-orderDate",
                  "sort=completionDate,-id&orderDate.gte=2026-11-02T09:00:00Z"):  # fmt: skip
        expected = [first["id"], second["id"]]
        if query.endswith("-orderDate"):
            expected.reverse()
        assert names_of(api.get(f"{ORDERS}?{query}").body) == expected, query
    part = api.get(f"{ORDERS}?fields=state,productOrderItem.id&limit=1")
    assert part.status == 206
    assert part.body == [
        {"id": first["id"], "href": first["href"], "state": "completed",
         "productOrderItem": [{"id": "1"}]}
    ]  # fmt: skip


def test_an_order_is_cancelled_by_either_way(
    api: Client, books: Database, clock: DrivenClock, relay: Relay
) -> None:
    offering, payer = shop.offer(api), shop.account(api)
    held = shop.order(api, payer, offering)
    other = shop.order(api, payer, offering)
    relay.drain()
    held = api.get(held["href"]).body
    assert (held["state"], held["note"][0]["id"]) == ("held", "1")
    for change, path in (
        ({"state": "completed"}, "state"),
        ({"cancellationReason": "x"}, "cancellationReason"),
        ({"orderDate": "2026-01-01T00:00:00Z"}, "orderDate"),
        ({"productOrderItem": []}, "productOrderItem"),
        ({"state": "cancelled", "priority": ""}, "priority"),
    ):
        refused = api.patch(held["href"], change)
        assert (refused.status, refused.body["path"]) == (400, path)
    assert api.get(CANCELS).body == []
    gone = api.patch(
        held["href"], {"state": "cancelled", "cancellationReason": "changed my mind"}
    ).body
    assert (gone["state"], gone["cancellationReason"]) == ("cancelled", "changed my mind")
    body = {"productOrder": {"id": other["id"]}, "cancellationReason": "too slow"}
    task = made(api.post(CANCELS, body))
    assert (task["state"], task["productOrder"]["id"]) == ("done", other["id"])
    assert api.get(task["href"]).body == task
    assert api.get(other["href"]).body["state"] == "cancelled"
    assert len(api.get(CANCELS).body) == 2
    assert api.get(f"{CANCELS}?productOrder.id={other['id']}").body == [task]
    missing = api.post(CANCELS, {"productOrder": {"id": "none"}})
    assert (missing.status, missing.body["path"]) == (400, "productOrder.id")
    stock(books, clock, 1)
    done = shop.order(api, payer, offering)
    assert api.get(f"{CANCELS}/none").status == 404
    relay.drain()
    late = api.post(CANCELS, {"productOrder": {"id": done["id"]}})
    assert (late.status, late.body["code"]) == (409, "illegalTransition")
    assert api.patch(done["href"], {"state": "cancelled"}).status == 409


@together(
    ("change", "status", "path"),
    [
        ({"productOrderItem": None}, 400, "productOrderItem"),
        ({"productOrderItem": []}, 400, "productOrderItem"),
        ({"productOrderItem": [{"id": "1"}]}, 400, "productOrderItem[0].action"),
        ({"productOrderItem": [{"id": "1", "action": "steal"}]}, 400, "productOrderItem[0].action"),
        ({"productOrderItem": [{"id": "1", "action": "add"}]}, 400,
         "productOrderItem[0].productOffering.id"),
        ({"productOrderItem": [
            {"id": "1", "action": "add", "productOffering": {"id": "none"}}]}, 400,
         "productOrderItem[0].productOffering.id"),
        ({"productOrderItem": [
            {"id": "1", "action": "add", "quantity": 0, "productOffering": {"id": "none"}}]}, 400,
         "productOrderItem[0].quantity"),
        ({"productOrderItem": [
            {"id": "1", "action": "add", "quantity": 2**70, "productOffering": {"id": "x"}}]}, 400,
         "productOrderItem[0].quantity"),
        ({"productOrderItem": [{"id": "1", "action": "delete", "product": {"id": "none"}}]}, 400,
         "productOrderItem[0].product.id"),
        ({"productOrderItem": [
            {"id": "1", "action": "add", "productOffering": {"id": "x"},
             "product": {"productCharacteristic": [{"name": "msisdn", "value": 7}]}}]}, 400,
         "productOrderItem[0].product.productCharacteristic[0].value"),
        ({"productOrderItem": [
            {"id": "1", "action": "add", "productOffering": {"id": "x"},
             "billingAccount": {"id": "another"}}]}, 400,
         "productOrderItem[0].billingAccount.id"),
        ({"billingAccount": None, "relatedParty": []}, 400, "billingAccount"),
        ({"billingAccount": {"id": "none"}}, 400, "billingAccount.id"),
        ({"relatedParty": [{"id": "none", "role": "customer"}]}, 400, "relatedParty"),
        ({"externalId": ""}, 400, "externalId"),
        ({"requestedStartDate": "2026-12-01"}, 400, "requestedStartDate"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be(
    api: Client, change: dict[str, Any], status: int, path: str
) -> None:
    body = shop.order_body(shop.account(api), shop.offer(api)) | change
    refused = api.post(ORDERS, body)
    assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert api.get(ORDERS).body == []
    assert api.get(PRODUCT).body == []


def test_what_is_not_on_sale_or_not_theirs_is_refused_by_rule(api: Client) -> None:
    draft = shop.offer(api, lifecycleStatus="In design")
    payer = shop.account(api)
    refused = api.post(ORDERS, shop.order_body(payer, draft))
    assert (refused.status, refused.body["path"]) == (
        422, "productOrderItem[0].productOffering.id"
    )  # fmt: skip
    stranger = shop.customer(api)
    party = [{"id": stranger["id"], "role": "customer"}]
    refused = api.post(ORDERS, shop.order_body(payer, shop.offer(api), relatedParty=party))
    assert (refused.status, refused.body["path"]) == (422, "billingAccount.id")


def test_the_same_external_id_is_the_same_order(api: Client) -> None:
    payer, offering = shop.account(api), shop.offer(api)
    first = shop.order(api, payer, offering, externalId="web-1")
    assert shop.order(api, payer, offering, externalId="web-1")["id"] == first["id"]
    other = shop.order_body(payer, shop.offer(api), externalId="web-1")
    assert api.post(ORDERS, other).status == 409


def test_products_services_and_buckets_with_decoys(
    api: Client, books: Database, clock: DrivenClock, relay: Relay
) -> None:
    stock(books, clock, 4)
    plan, other = shop.offer(api, "Plan"), shop.offer(api, "Other", monthly=5)
    payer, decoy = shop.account(api, kind="prepaid"), shop.account(api)
    number = {"name": "msisdn", "value": "353850000002"}
    item = {"id": "1", "action": "add", "productOffering": {"id": plan["id"]},
            "product": {"productCharacteristic": [number]}}  # fmt: skip
    placed = shop.order(api, payer, plan, productOrderItem=[item])
    twice = {"id": "1", "action": "add", "quantity": 2, "productOffering": {"id": other["id"]}}
    pair = shop.order(api, decoy, other, productOrderItem=[twice])
    assert "id" not in pair["productOrderItem"][0]["product"]
    relay.drain()
    assert len(api.get(PRODUCT).body) == 3
    product = api.get(f"{PRODUCT}?billingAccount.id={payer['id']}").body[0]
    assert number in product["productCharacteristic"]
    assert product["productPrice"][0]["price"]["dutyFreeAmount"] == {"unit": "EUR", "value": 20}
    assert product["productPrice"][0]["recurringChargePeriod"] == "1 month"
    for query in (
        f"productOffering.id={plan['id']}", "productOffering.name=Plan", "name=Plan",
        f"productOrderItem.productOrderId={placed['id']}", "status=active&name.ne=Other",
        f"relatedParty.id={payer['relatedParty'][0]['id']}",
    ):  # fmt: skip
        assert api.get(f"{PRODUCT}?{query}").body == [product], query
    assert api.get(f"{PRODUCT}?status=suspended,terminated").body == []
    service = api.get(f"{SERVICE}?relatedEntity.id={product['id']}").body[0]
    assert service["relatedEntity"][0]["href"] == product["href"]
    assert len(api.get(f"{SERVICE}?state=active&category=CFS").body) == 3
    assert api.get(f"{SERVICE}?relatedEntity.id={product['id']}&state.ne=active").body == []

    buckets = api.get(f"{BALANCE}/bucket").body
    assert sorted(each["usageType"] for each in buckets) == ["data", "data", "data", "monetary"]
    mine = api.get(f"{BALANCE}/bucket?product.id={product['id']}").body
    assert [each["usageType"] for each in mine] == ["monetary", "data"]
    assert api.get(f"{BALANCE}/bucket?partyAccount.id={payer['id']}").body == mine
    assert api.get(f"{BALANCE}/bucket?usageType=monetary").body == mine[:1]
    assert api.get(f"{BALANCE}/bucket?id={mine[1]['id']},none").body == mine[1:]
    part = api.get(f"{BALANCE}/bucket?limit=1&offset=1&fields=usageType")
    assert (part.status, part.headers["x-total-count"], len(part.body)) == (206, "4", 1)
    assert api.get(f"{BALANCE}/bucket?status=suspended").body == []
    assert api.get(f"{BALANCE}/bucket/{product['id']}~99").status == 404
    assert api.get(f"{BALANCE}/bucket?nothing=1").status == 400


def test_payments_with_decoys(api: Client) -> None:
    payer, decoy = shop.account(api), shop.account(api)

    def body(account: Any, amount: float, **rest: Any) -> dict[str, Any]:
        return {"account": {"id": account["id"]}, "totalAmount": shop.money(amount),
                "paymentMethod": {"name": "Cash"}, **rest}  # fmt: skip

    paid = made(api.post(PAYMENT, body(payer, 12.5, correlatorId="c1")))
    made(api.post(PAYMENT, body(decoy, 7, paymentMethod={"@type": "directDebit"})))
    assert (paid["amount"], paid["status"]) == ({"unit": "EUR", "value": 12.5}, "done")
    assert paid["paymentMethod"] == {"name": "cash", "@type": "cash"}
    for query in (
        f"account.id={payer['id']}", "amount.value=12.50", "amount.value.gt=7", "correlatorId=c1",
        "paymentMethod.name=cash", "totalAmount.value.ne=7",
    ):  # fmt: skip
        assert api.get(f"{PAYMENT}?{query}").body == [paid], query
    for change, status, path in (
        ({"account": {"id": "none"}}, 400, "account.id"),
        ({"account": None}, 400, "account"),
        ({"paymentMethod": {"name": "barter"}}, 400, "paymentMethod"),
        ({"paymentMethod": {"id": "none"}}, 400, "paymentMethod.id"),
        ({"totalAmount": {"unit": "EUR", "value": "ten"}}, 400, "totalAmount.value"),
        ({"totalAmount": {"unit": "EUR", "value": 0}}, 400, "totalAmount"),
        ({"totalAmount": {"unit": "EUR", "value": 1e30}}, 400, "totalAmount.value"),
        ({"totalAmount": {"unit": "EUR", "value": 1.005}}, 400, "totalAmount"),
        ({"totalAmount": {"unit": "USD", "value": 1}}, 400, "totalAmount"),
        ({"totalAmount": {"value": 1}}, 400, "totalAmount.unit"),
        ({"paymentItem": [{"item": {"id": "x", "@referredType": "Boat"}}]}, 400,
         "paymentItem[0].item"),
    ):  # fmt: skip
        refused = api.post(PAYMENT, body(payer, 1) | change)
        assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert len(api.get(PAYMENT).body) == 2
    assert api.delete(paid["href"]).status == 405


def test_bills_with_decoys(
    api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> None:
    stock(books, clock, 2)
    payer, decoy = shop.account(api), shop.account(api)
    shop.order(api, payer, shop.offer(api, monthly=30))
    shop.order(api, decoy, shop.offer(api, monthly=10))
    relay.drain()
    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    run_bills(books, charging, through=clock.now(), now=clock.now())
    relay.drain()
    bills = f"{BILL}/customerBill"
    bill = api.get(f"{bills}?billingAccount.id={payer['id']}").body[0]
    for query in (
        f"billNo={bill['billNo']}", "taxIncludedAmount.value.gt=20",
        f"taxExcludedAmount.value={bill['taxExcludedAmount']['value']}",
        f"relatedParty.id={bill['relatedParty'][0]['id']}&state=sent",
    ):  # fmt: skip
        assert api.get(f"{bills}?{query}").body == [bill], query
    assert len(api.get(f"{bills}?state=sent&billDate.gte={bill['billDate']}").body) == 2
    assert names_of(api.get(f"{bills}?sort=-taxIncludedAmount.value").body)[0] == bill["id"]
    assert api.get(f"{bills}?state=settled").body == []
    rates = f"{BILL}/appliedCustomerBillingRate"
    mine = api.get(f"{rates}?bill.id={bill['id']}").body
    assert mine
    assert all(each["bill"]["id"] == bill["id"] and each["isBilled"] for each in mine)
    assert api.get(f"{rates}?billingAccount.id={payer['id']}").body == mine
    assert names_of(api.get(f"{rates}?id={mine[0]['id']}").body) == [mine[0]["id"]]
    paged = api.get(f"{rates}?limit=1")
    assert (paged.status, int(paged.headers["x-total-count"]) > 1) == (206, True)
    assert api.get(f"{rates}/{bill['id']}~99").status == 404
    assert api.get(f"{rates}/none").status == 404
    assert api.get(f"{bills}/none/billDocument").status == 404
