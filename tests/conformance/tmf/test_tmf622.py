"""TMF622: what orders keep, how they change, and what bundles and existing products come to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, ORDERING, PRODUCT, Body, made
from tests.conformance.tmf.test_orders import stock
from tests.conformance.tmf.test_tmf679 import add_on, characteristic
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

ORDERS, CANCELS = f"{ORDERING}/productOrder", f"{ORDERING}/cancelProductOrder"


def bundle(api: Client, *parts: Body, counts: tuple[int, ...] = (), **rest: Any) -> Body:
    inside = [{"id": each["id"], "name": each["name"]} for each in parts]
    for place, count in enumerate(counts):
        inside[place]["bundledProductOfferingOption"] = {"numberRelOfferDefault": count}
    body = {
        "name": "Everything",
        "isBundle": True,
        "lifecycleStatus": "Launched",
        "bundledProductOffering": inside,
        **rest,
    }
    return made(api.post(f"{CATALOG}/productOffering", body))


def existing(product: str, action: str, **rest: Any) -> Body:
    return {"id": "1", "action": action, "product": {"id": product}, **rest}


def for_payer(payer: Body, *items: Body, **rest: Any) -> Body:
    return {"billingAccount": {"id": payer["id"]}, "productOrderItem": list(items), **rest}


def delivered(api: Client, relay: Relay, payer: Body, offering: Body, **rest: Any) -> str:
    """The id of the product that an order has delivered."""
    placed = shop.order(api, payer, offering, **rest)
    relay.drain()
    done = api.get(placed["href"]).body
    assert done["state"] == "completed", done
    ident: str = done["productOrderItem"][0]["product"]["id"]
    return ident


def pay(api: Client, payer: Body) -> Body:
    return made(api.post(shop.PAYMENT, {
        "account": {"id": payer["id"]}, "paymentMethod": {"@type": "bankTransfer"},
        "totalAmount": shop.money(5), "correlatorId": "deposit",
    }))  # fmt: skip


def test_what_an_order_refers_to_must_be_there(api: Client) -> None:
    offering, payer = shop.offer(api), shop.account(api)
    inner = {"id": "2", "action": "add", "payment": [{"id": "none"}]}
    line: Body = {"id": "1", "action": "add", "productOffering": {"id": offering["id"]}}
    for wrong, path in (
        ({"agreement": [{"id": "none"}]}, "agreement[0].id"),
        ({"payment": [{"id": pay(api, payer)["id"]}, {"id": "none"}]}, "payment[1].id"),
        ({"quote": [{"id": "none"}]}, "quote[0].id"),
        ({"shoppingCart": {"id": "none"}}, "shoppingCart.id"),
        ({"productOfferingQualification": [{"id": "none"}]}, "productOfferingQualification[0].id"),
        (
            {"relatedParty": [
                *payer["relatedParty"], {"id": "x", "role": "x", "@referredType": "Individual"}
            ]},
            "relatedParty[1].id",
        ),
    ):  # fmt: skip
        refused = api.post(ORDERS, for_payer(payer, line, **wrong))
        assert (refused.status, refused.body.get("path")) == (400, path), refused.body
        assert refused.body["code"] == "unknownReference"
    for item, path in (
        (line | {"payment": [{"id": "none"}]}, "productOrderItem[0].payment[0].id"),
        (
            line | {"productOrderItem": [inner]},
            "productOrderItem[0].productOrderItem[0].payment[0].id",
        ),
    ):
        refused = api.post(ORDERS, for_payer(payer, item))
        assert (refused.status, refused.body.get("path")) == (400, path), refused.body
    order = made(
        api.post(ORDERS, for_payer(payer, line, requestedStartDate="2027-01-01T00:00:00Z"))
    )
    refused = api.patch(order["href"], {"agreement": [{"id": "none"}]})
    assert (refused.status, refused.body["path"]) == (400, "agreement[0].id")
    assert api.get(f"{ORDERS}?billingAccount.id={payer['id']}").body == [order]


def test_an_order_keeps_what_it_is_given(api: Client) -> None:
    offering, payer = shop.offer(api), shop.account(api)
    paid = pay(api, payer)
    said = {
        "@type": "WebOrder",
        "@baseType": "ProductOrder",
        "channel": [{"id": "web", "name": "Web shop", "role": "sales"}],
        "note": [{"text": "ring twice", "author": "Maeve"}],
        "agreement": [{"id": "agr-1", "@referredType": "PurchaseAgreement"}],
        "payment": [{"id": paid["id"], "@referredType": "Payment"}],
        "notificationContact": "maeve@example.org",
        "requestedCompletionDate": "2026-11-05T09:00:00.000Z",
        "x-basket": {"colour": "red"},
    }
    item = {
        "id": "1", "action": "add", "quantity": 2, "productOffering": {"id": offering["id"]},
        "itemTerm": [{"name": "a year", "duration": {"amount": 12, "units": "month"}}],
        "product": {
            "name": "Maeve's", "place": [{"role": "home", "id": "plc-1"}],
            "productCharacteristic": [{"name": "colour", "valueType": "string", "value": "red"}],
        },
        "x-line": 7,
    }  # fmt: skip
    party = {"id": "agent-7", "role": "salesAgent", "@referredType": "SalesAgent"}
    body = for_payer(
        payer, item, relatedParty=[*payer["relatedParty"], party], orderTotalPrice=[], **said
    )
    order = made(api.post(ORDERS, body))
    assert {name: order[name] for name in said if name != "note"} == {
        name: each for name, each in said.items() if name != "note"
    }
    assert order["note"] == [{"id": "1", "text": "ring twice", "author": "Maeve"}]
    assert [each["id"] for each in order["relatedParty"]] == [
        payer["relatedParty"][0]["id"], "agent-7",
    ]  # fmt: skip
    [shown] = order["productOrderItem"]
    assert (shown["x-line"], shown["itemTerm"]) == (7, item["itemTerm"])
    assert shown["product"]["place"] == [{"role": "home", "id": "plc-1"}]
    assert shown["product"]["productCharacteristic"] == [
        {"name": "colour", "valueType": "string", "value": "red"}
    ]
    assert len(shown["product"]["product"]) == 2
    assert api.get(order["href"]).body == order
    assert [each["id"] for each in api.get(f"{ORDERS}?channel.id=web").body] == [order["id"]]
    assert api.get(f"{ORDERS}?channel.id=app").body == []


def test_prices_come_from_the_catalogue(api: Client) -> None:
    price = {"name": "Setup", "priceType": "oneTime", "price": shop.money(5)}
    offering = add_on(api)
    twice = made(api.post(f"{CATALOG}/productOffering", {
        "name": "With a fee", "lifecycleStatus": "Launched",
        "productOfferingPrice": [price, {"name": "Fee", "priceType": "recurring",
                                         "price": shop.money(9.5),
                                         "recurringChargePeriodType": "month",
                                         "recurringChargePeriodLength": 1}],
    }))  # fmt: skip
    payer = shop.account(api)
    items: list[dict[str, Any]] = [
        {"id": "1", "action": "add", "productOffering": {"id": offering["id"]}},
        {"id": "2", "action": "add", "quantity": 2, "productOffering": {"id": twice["id"]},
         "itemPrice": [{"price": {"dutyFreeAmount": shop.money(0.01)}}]},
    ]  # fmt: skip
    order = made(api.post(ORDERS, for_payer(payer, *items)))
    second = order["productOrderItem"][1]

    def sums(prices: list[Body]) -> list[tuple[str, Any]]:
        return [(p["priceType"], p["price"]["dutyFreeAmount"]["value"]) for p in prices]

    assert sums(second["itemPrice"]) == [("recurring", 9.5), ("oneTime", 5)]
    assert sums(second["itemTotalPrice"]) == [("recurring", 19), ("oneTime", 10)]
    assert sums(order["orderTotalPrice"]) == [("recurring", 22), ("oneTime", 10)]
    assert order["orderTotalPrice"][0]["recurringChargePeriod"] == "1 month"


def test_the_only_account_of_the_customer_pays(api: Client) -> None:
    offering, payer = add_on(api), shop.account(api)
    body = shop.order_body(payer, offering)
    del body["billingAccount"]
    assert made(api.post(ORDERS, body))["billingAccount"]["id"] == payer["id"]
    owner = api.get(payer["relatedParty"][0]["href"]).body
    shop.account(api, owner)
    refused = api.post(ORDERS, body)
    assert (refused.status, refused.body["path"]) == (400, "billingAccount")


def test_what_describes_an_order_may_change_until_it_ends(
    api: Client, relay: Relay, clock: DrivenClock
) -> None:
    offering, payer = add_on(api), shop.account(api)
    order = shop.order(
        api, payer, offering, requestedStartDate="2026-12-01T00:00:00Z", externalId="a"
    )
    shop.order(api, payer, offering, externalId="b")
    relay.drain()
    change = {
        "description": "a present", "priority": "0", "externalId": "c",
        "requestedStartDate": "2027-01-01T00:00:00.000Z", "note": [{"id": "n", "text": "hush"}],
        "x-shop": 7, "productOrderItem": [{"id": "1", "action": "add"}],
    }  # fmt: skip
    changed = api.patch(order["href"], change)
    assert changed.status == 200, changed.body
    assert {name: changed.body[name] for name in change if name != "productOrderItem"} == {
        name: each for name, each in change.items() if name != "productOrderItem"
    }
    assert api.get(order["href"]).body == changed.body
    assert api.patch(order["href"], {"x-shop": None}).body.get("x-shop") is None
    for bad, status, path in (
        ({"externalId": "b"}, 409, "externalId"),
        ({"priority": ""}, 400, "priority"),
        ({"note": [{"id": "n"}]}, 400, "note[0].text"),
        ({"productOrderItem": [{"id": "1", "action": "delete"}]}, 400, "productOrderItem"),
        ({"productOrderItem": [{"id": "1", "quantity": 2}]}, 400, "productOrderItem"),
        ({"billingAccount": {"id": "x"}}, 400, "billingAccount"),
        ({"id": "x"}, 400, "id"),
        ({"relatedParty": [{"id": "x", "role": "customer"}]}, 400, "relatedParty"),
        ({"state": "assessingCancellation", "x": 1}, 400, "state"),
        ({"state": "partial"}, 409, "state"),
        ({"state": "gone"}, 400, "state"),
        ({"state": 7}, 400, "state"),
    ):
        refused = api.patch(order["href"], bad)
        assert (refused.status, refused.body.get("path")) == (status, path), (bad, refused.body)
    assert api.get(order["href"]).body["description"] == "a present"
    clock.set(datetime(2026, 12, 2, tzinfo=UTC))
    relay.drain()
    assert api.get(order["href"]).body["state"] == "acknowledged"
    clock.set(datetime(2027, 1, 1, tzinfo=UTC))
    relay.drain()
    assert api.get(order["href"]).body["state"] == "completed"
    late = api.patch(order["href"], {"description": "too late"})
    assert (late.status, late.body["code"]) == (409, "noLongerChangeable")


def test_an_order_of_which_nothing_came_may_be_deleted(
    api: Client, relay: Relay, clock: DrivenClock
) -> None:
    offering, payer = add_on(api), shop.account(api)
    waiting = shop.order(api, payer, offering, requestedStartDate="2026-12-01T00:00:00Z")
    held = shop.order(api, payer, shop.offer(api))
    done = shop.order(api, payer, offering)
    relay.drain()
    for order, said in ((held, "held: cancel"), (done, "completed: it is kept")):
        refused = api.delete(order["href"])
        assert (refused.status, refused.body["code"]) == (409, "orderInUse")
        assert said in refused.body["message"]
    assert api.patch(held["href"], {"state": "cancelled"}).status == 200
    product = waiting["productOrderItem"][0]["product"]["href"]
    assert api.get(product).status == 200
    for order in (waiting, held):
        assert api.delete(order["href"]).status == 204
        assert api.get(order["href"]).status == 404
        assert api.delete(order["href"]).status == 404
    assert api.get(product).status == 404
    assert api.get(CANCELS).body == []
    clock.set(datetime(2026, 12, 2, tzinfo=UTC))
    relay.drain()
    assert [each["id"] for each in api.get(ORDERS).body] == [done["id"]]


def test_a_cancellation_may_be_asked_for_later(
    api: Client, relay: Relay, clock: DrivenClock
) -> None:
    offering, payer = add_on(api), shop.account(api)
    order = shop.order(api, payer, offering, requestedStartDate="2026-12-01T00:00:00Z")
    wish = {"productOrder": {"id": order["id"]}, "cancellationReason": "moving",
            "requestedCancellationDate": "2026-11-10T00:00:00.000Z", "x-why": "abroad"}  # fmt: skip
    task = made(api.post(CANCELS, wish))
    assert (task["state"], task["x-why"]) == ("acknowledged", "abroad")
    assert task["id"] != order["id"]
    assert task["productOrder"]["href"] == order["href"]
    relay.drain()
    assert api.get(order["href"]).body["state"] == "acknowledged"
    clock.set(datetime(2026, 11, 10, tzinfo=UTC))
    relay.drain()
    gone = api.get(order["href"]).body
    assert (gone["state"], gone["cancellationReason"]) == ("cancelled", "moving")
    task = api.get(task["href"]).body
    assert (task["state"], task["effectiveCancellationDate"]) == (
        "done", "2026-11-10T00:00:00.000Z",
    )  # fmt: skip
    again = api.post(CANCELS, {"productOrder": {"id": order["id"]}})
    assert (again.status, again.body["code"]) == (409, "illegalTransition")
    other = shop.order(api, payer, offering, requestedStartDate="2026-11-11T00:00:00Z")
    late = made(api.post(CANCELS, {
        "productOrder": {"id": other["id"]}, "requestedCancellationDate": "2026-11-12T00:00:00Z",
    }))  # fmt: skip
    clock.set(datetime(2026, 11, 12, tzinfo=UTC))
    relay.drain()
    assert api.get(other["href"]).body["state"] == "completed"
    assert api.get(late["href"]).body["state"] == "terminatedWithError"
    assert api.get(f"{CANCELS}?state=done").body == [task]
    wrong: list[dict[str, Any]] = [
        {},
        {"productOrder": {}},
        {"productOrder": {"id": "none"}},
        {"productOrder": {"id": other["id"]}, "requestedCancellationDate": "soon"},
    ]
    for change in wrong:
        assert api.post(CANCELS, change).status == 400  # fmt: skip
    assert api.patch(task["href"], {"cancellationReason": "x"}).status == 405
    assert api.delete(task["href"]).status == 405


def test_a_bundle_becomes_its_components(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 2)
    plan, safe, extra = shop.offer(api), add_on(api, "Safe"), add_on(api, "Extra")
    whole = bundle(api, plan, safe, extra, counts=(1, 2, 0))
    payer = shop.account(api)
    order = shop.order(api, payer, whole)
    [top] = order["productOrderItem"]
    assert [(each["id"], each["quantity"]) for each in top["productOrderItem"]] == [
        ("1.1", 1), ("1.2", 2),
    ]  # fmt: skip
    total = order["orderTotalPrice"][0]["price"]["dutyFreeAmount"]["value"]
    assert total == 20 + 2 * 3
    relay.drain()
    done = api.get(order["href"]).body
    assert done["state"] == "completed", done
    holder = api.get(f"{PRODUCT}/{top['product']['id']}").body
    assert (holder["status"], holder["isBundle"]) == ("active", True)
    inside = [each["product"]["id"] for each in holder["productRelationship"]]
    assert {each["relationshipType"] for each in holder["productRelationship"]} == {"bundles"}
    assert len(inside) == 3
    for ident in inside:
        part = api.get(f"{PRODUCT}/{ident}").body
        assert part["status"] == "active"
        [relation] = part["productRelationship"]
        assert (relation["relationshipType"], relation["product"]["id"]) == (
            "isBundledIn", holder["id"],
        )  # fmt: skip
    made(api.post(ORDERS, for_payer(payer, existing(holder["id"], "delete"))))
    relay.drain()
    for ident in (holder["id"], *inside):
        assert api.get(f"{PRODUCT}/{ident}").body["status"] == "terminated"


def test_a_bundle_with_a_price_is_paid_by_it_and_takes_wishes(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 2)
    plan, safe, extra = shop.offer(api), add_on(api, "Safe"), add_on(api, "Extra")
    fee = {"name": "All in", "priceType": "recurring", "price": shop.money(18),
           "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}  # fmt: skip
    whole = bundle(api, plan, safe, extra, counts=(1, 1, 0), productOfferingPrice=[fee])
    payer = shop.account(api)
    number = {"name": "msisdn", "value": "353850000001"}
    item = {
        "id": "b", "action": "add", "productOffering": {"id": whole["id"]},
        "productOrderItem": [
            {"id": "b-plan", "action": "add", "productOffering": {"id": plan["id"]},
             "product": {"productCharacteristic": [number]}},
            {"id": "b-extra", "action": "add", "productOffering": {"id": extra["id"]}},
        ],
    }  # fmt: skip
    order = made(api.post(ORDERS, for_payer(payer, item)))
    [top] = order["productOrderItem"]
    assert [each["id"] for each in top["productOrderItem"]] == ["b-plan", "b-extra", "b.3"]
    assert order["orderTotalPrice"][0]["price"]["dutyFreeAmount"]["value"] == 18
    relay.drain()
    done = api.get(order["href"]).body
    assert done["state"] == "completed", done
    plan_item = done["productOrderItem"][0]["productOrderItem"][0]
    shown = api.get(f"{PRODUCT}/{plan_item['product']['id']}").body
    assert {"name": "msisdn", "value": "353850000001"} in [
        {"name": each["name"], "value": each["value"]} for each in shown["productCharacteristic"]
    ]
    other = {"id": "x", "action": "add", "productOffering": {"id": add_on(api, "No")["id"]}}
    stranger = item | {"productOrderItem": [other]}
    refused = api.post(ORDERS, for_payer(payer, stranger))
    assert (refused.status, refused.body["path"]) == (
        422, "productOrderItem[0].productOrderItem[0].productOffering.id",
    )  # fmt: skip


def test_a_change_of_plan_is_priced_from_its_instant(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 1)
    small, large = shop.offer(api, "small", monthly=10), shop.offer(api, "large", monthly=31)
    payer = shop.account(api)
    product = delivered(api, relay, payer, small)
    clock.set(datetime(2026, 11, 12, 12, tzinfo=UTC))
    item = existing(product, "modify", productOffering={"id": large["id"]})
    item["product"]["productCharacteristic"] = [{"name": "nickname", "value": "work"}]
    order = made(api.post(ORDERS, for_payer(payer, item)))
    assert order["productOrderItem"][0]["itemPrice"][0]["price"]["dutyFreeAmount"]["value"] == 31
    busy = api.post(ORDERS, for_payer(payer, existing(product, "delete")))
    assert (busy.status, busy.body["path"]) == (422, "productOrderItem[0].product.id")
    relay.drain()
    assert api.get(order["href"]).body["state"] == "completed"
    shown = api.get(f"{PRODUCT}/{product}").body
    assert shown["productOffering"]["id"] == large["id"]
    [price] = shown["productPrice"]
    assert price["price"]["dutyFreeAmount"]["value"] == 31
    assert {"name": "nickname", "value": "work"} in [
        {"name": each["name"], "value": each["value"]} for each in shown["productCharacteristic"]
    ]
    late = api.post(CANCELS, {"productOrder": {"id": order["id"]}})
    assert late.status == 409


def test_a_change_at_the_next_cycle_waits_and_may_be_cancelled(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 1)
    small, large = shop.offer(api, "small", monthly=10), shop.offer(api, "large", monthly=31)
    payer = shop.account(api)
    product = delivered(api, relay, payer, small)
    item = existing(product, "modify", productOffering={"id": large["id"]}, effect="nextCycle")
    first = made(api.post(ORDERS, for_payer(payer, item)))
    relay.drain()
    assert api.get(first["href"]).body["state"] == "pending"
    assert api.patch(first["href"], {"state": "cancelled"}).body["state"] == "cancelled"
    second = made(api.post(ORDERS, for_payer(payer, item)))
    relay.drain()
    assert api.get(f"{PRODUCT}/{product}").body["productOffering"]["id"] == small["id"]
    clock.set(clock.now() + timedelta(days=31))
    relay.drain()
    assert api.get(second["href"]).body["state"] == "completed"
    assert api.get(first["href"]).body["state"] == "cancelled"
    assert api.get(f"{PRODUCT}/{product}").body["productOffering"]["id"] == large["id"]


def test_what_stays_is_said_and_nothing_is_done(api: Client, relay: Relay) -> None:
    payer, offering = shop.account(api), add_on(api)
    product = delivered(api, relay, payer, offering)
    before = api.get(f"{PRODUCT}/{product}").body
    order = made(api.post(ORDERS, for_payer(payer, existing(product, "noChange"))))
    relay.drain()
    done = api.get(order["href"]).body
    assert (done["state"], done["productOrderItem"][0]["state"]) == ("completed", "completed")
    assert api.get(f"{PRODUCT}/{product}").body == before


@pytest.mark.parametrize("action", ["modify", "delete", "noChange"])
def test_another_customers_product_is_unknown(api: Client, relay: Relay, action: str) -> None:
    product = delivered(api, relay, shop.account(api), add_on(api))
    refused = api.post(ORDERS, for_payer(shop.account(api), existing(product, action)))
    assert (refused.status, refused.body["path"]) == (400, "productOrderItem[0].product.id")


def test_what_can_not_become_another(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 1)
    payer, plan, safe = shop.account(api), shop.offer(api), add_on(api)
    product = delivered(api, relay, payer, plan)
    whole = bundle(api, safe)
    draft = add_on(api, lifecycleStatus="In test")
    for offering, status in ((safe, 422), (whole, 422), (draft, 422), ({"id": "none"}, 400)):
        item = existing(product, "modify", productOffering={"id": offering["id"]})
        refused = api.post(ORDERS, for_payer(payer, item))
        assert (refused.status, refused.body["path"]) == (
            status, "productOrderItem[0].productOffering.id",
        ), refused.body  # fmt: skip
    item = existing(product, "modify")
    item["product"]["productCharacteristic"] = [{"name": "msisdn", "value": "353850000009"}]
    assert api.post(ORDERS, for_payer(payer, item)).status == 422


def test_too_much_of_a_bundle(api: Client) -> None:
    many = bundle(api, add_on(api), counts=(999_999_999,))
    payer = shop.account(api)
    refused = api.post(ORDERS, shop.order_body(payer, many))
    assert (refused.status, refused.body["path"]) == (400, "productOrderItem[0].quantity")


def test_a_part_that_does_not_reach_the_place(api: Client) -> None:
    fibre = add_on(api, "Fibre", prodSpecCharValueUse=[characteristic("accessTechnology", "FTTH")])
    refused = api.post(ORDERS, shop.order_body(shop.account(api), bundle(api, fibre)))
    assert (refused.status, refused.body["code"]) == (422, "notOrderable")


def test_the_notes_of_a_held_order_are_not_kept_as_the_clients(api: Client, relay: Relay) -> None:
    order = shop.order(api, shop.account(api), shop.offer(api), note=[{"id": "n", "text": "hi"}])
    relay.drain()
    held = api.get(order["href"]).body
    assert (held["state"], len(held["note"])) == ("held", 2)
    more = [*held["note"], {"id": "m", "text": "well?"}]
    shown = api.patch(order["href"], {"note": more}).body
    assert [each["id"] for each in shown["note"]] == ["n", "m", "1"]


def test_long_lists_are_answered_soon(api: Client) -> None:
    payer = shop.account(api)
    notes = [{"text": ""}] * 12_000
    order = shop.order(api, payer, add_on(api), note=notes)
    assert len(order["note"]) == 12_000
    for path, body in (
        ("/tmf-api/shoppingCart/v4/shoppingCart", {"cartItem": [{}] * 60_000}),
        ("/tmf-api/quoteManagement/v4/quote", {"quoteItem": [{}] * 60_000}),
        ("/tmf-api/productOfferingQualification/v4/productOfferingQualification",
         {"place": [{"role": "x", "postcode": "1" * 300_000}] * 3}),
    ):  # fmt: skip
        answer = api.post(path, body)
        assert answer.status in (201, 400), answer.body


def test_a_product_is_suspended_and_works_again(
    api: Client, relay: Relay, books: Database, clock: DrivenClock
) -> None:
    stock(books, clock, 1)
    payer, offering = shop.account(api), shop.offer(api)
    product = delivered(api, relay, payer, offering)
    for status, state in (("suspended", "inactive"), ("active", "active")):
        item = existing(product, "modify")
        item["product"]["status"] = status
        order = made(api.post(ORDERS, for_payer(payer, item)))
        relay.drain()
        assert api.get(order["href"]).body["state"] == "completed"
        assert api.get(f"{PRODUCT}/{product}").body["status"] == status
        (service,) = api.get(f"{shop.SERVICE}?relatedEntity.id={product}").body
        assert service["state"] == state
    item["product"]["status"] = "terminated"
    refused = api.post(ORDERS, for_payer(payer, item))
    assert (refused.status, refused.body["path"]) == (422, "productOrderItem[0].product.status")
