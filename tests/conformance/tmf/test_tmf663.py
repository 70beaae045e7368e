"""TMF663: carts, from the first item to the order."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, ORDERING, Body, made
from tests.conformance.tmf.test_tmf622 import bundle, delivered
from tests.conformance.tmf.test_tmf679 import add_on
from trunkline.ordering import forget_carts
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
ORDERS = f"{ORDERING}/productOrder"


def line(offering: Body, **rest: Any) -> Body:
    return {"productOffering": {"id": offering["id"]}, **rest}


def cart(api: Client, *items: Body, **rest: Any) -> Body:
    return made(api.post(CARTS, {"cartItem": list(items), **rest}))


def customer(payer: Body) -> list[Body]:
    parties: list[Body] = payer["relatedParty"]
    return [{"id": parties[0]["id"], "role": "customer", "@referredType": "Customer"}]


def total(body: Body, name: str = "cartTotalPrice") -> list[Any]:
    return [each["price"]["dutyFreeAmount"]["value"] for each in body.get(name, [])]


def test_a_cart_is_filled_and_priced(api: Client) -> None:
    one, two = add_on(api, "one"), shop.offer(api, monthly=20)
    empty = made(api.post(CARTS, {"channel": {"id": "web"}}))
    assert empty["cartItem"] == []
    assert empty["validFor"]["endDateTime"] == "2026-11-09T09:00:00.000Z"
    body = api.patch(empty["href"], {"cartItem": [line(one, quantity=2), line(two, id="7")]}).body
    assert [(each["id"], each["quantity"], each["action"]) for each in body["cartItem"]] == [
        ("1", 2, "add"), ("7", 1, "add"),
    ]  # fmt: skip
    assert total(body["cartItem"][0], "ItemTotalPrice") == [6]
    assert total(body["cartItem"][0], "itemPrice") == [3]
    assert total(body) == [26]
    assert body["validFor"]["endDateTime"] == "2027-01-31T09:00:00.000Z"
    saved = [body["cartItem"][0] | {"status": "saveForLater"}, body["cartItem"][1]]
    body = api.patch(body["href"], {"cartItem": saved}).body
    assert total(body) == [20]
    body = api.patch(body["href"], [{"op": "remove", "path": "/cartItem/1"}],
                     media="application/json-patch+json").body  # fmt: skip
    assert (len(body["cartItem"]), total(body)) == (1, [])
    assert api.get(body["href"]).body == body
    price = api.get(f"{CATALOG}/productOfferingPrice/{one['productOfferingPrice'][0]['id']}").body
    assert api.patch(price["href"], {"price": shop.money(4)}).status == 200
    body = api.patch(body["href"], {"cartItem": [line(one)]}).body
    assert total(body) == [4]


def test_prices_are_never_the_clients(api: Client) -> None:
    fake = {"priceType": "recurring", "name": "free", "price": {"dutyFreeAmount": shop.money(0)}}
    body = cart(
        api, line(add_on(api), itemPrice=[fake], ItemTotalPrice=[fake]), cartTotalPrice=[fake]
    )
    assert total(body) == [3]
    assert body["cartItem"][0]["itemPrice"][0]["name"] == "Fee"
    patched = api.patch(body["href"], {"cartTotalPrice": [fake]})
    assert (patched.status, total(patched.body)) == (200, [3])


def test_a_bundle_in_a_cart(api: Client) -> None:
    plan, safe = shop.offer(api, monthly=20), add_on(api)
    fee = {"name": "All in", "priceType": "recurring", "price": shop.money(18),
           "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}  # fmt: skip
    loose = bundle(api, plan, safe, counts=(1, 2))
    fixed = bundle(api, plan, safe, productOfferingPrice=[fee])
    assert total(cart(api, line(loose))) == [26]
    inner = [line(plan), line(safe)]
    assert total(cart(api, line(loose, cartItem=inner))) == [23]
    assert total(cart(api, line(fixed, cartItem=inner))) == [18]


def test_a_cart_becomes_an_order_once(api: Client, relay: Relay) -> None:
    offering, later, payer = add_on(api), add_on(api, "later"), shop.account(api)
    body = cart(
        api,
        line(offering, id="a", quantity=2,
             product={"productCharacteristic": [{"name": "colour", "value": "red"}]}),
        line(later, id="b", status="saveForLater"),
        relatedParty=customer(payer),
    )  # fmt: skip
    wish = {"productOrderItem": [], "shoppingCart": {"id": body["id"]}, "externalId": "x"}
    order = made(api.post(ORDERS, wish))
    assert order["shoppingCart"]["id"] == body["id"]
    assert order["billingAccount"]["id"] == payer["id"]
    [item] = order["productOrderItem"]
    assert (item["id"], item["quantity"]) == ("a", 2)
    assert item["product"]["productCharacteristic"][0]["value"] == "red"
    shown = api.get(body["href"]).body
    assert shown["productOrder"]["href"] == order["href"]
    for refused in (api.post(ORDERS, wish), api.patch(body["href"], {"cartItem": []})):
        assert (refused.status, refused.body["code"]) == (409, "cartOrdered")
    assert [each["id"] for each in api.get(f"{CARTS}?productOrder.id={order['id']}").body] == [
        body["id"]
    ]
    relay.drain()
    assert api.get(order["href"]).body["state"] == "completed"
    assert len(api.get(ORDERS).body) == 1
    assert api.delete(body["href"]).status == 204


def test_an_anonymous_cart_is_ordered_by_who_claims_it(api: Client) -> None:
    offering, payer = add_on(api), shop.account(api)
    body = cart(api, line(offering), channel={"id": "kiosk-3"})
    decoy = cart(api, line(offering), channel={"id": "web"})
    assert [each["id"] for each in api.get(f"{CARTS}?channel.id=kiosk-3").body] == [body["id"]]
    wish = {"shoppingCart": {"id": body["id"]}}
    nobody = api.post(ORDERS, wish)
    assert (nobody.status, nobody.body["path"]) == (400, "billingAccount")
    order = made(api.post(ORDERS, wish | {"billingAccount": {"id": payer["id"]}}))
    assert order["relatedParty"][0]["id"] == payer["relatedParty"][0]["id"]
    other = shop.account(api)
    assert api.patch(decoy["href"], {"relatedParty": customer(payer)}).status == 200
    stolen = api.post(ORDERS, {
        "shoppingCart": {"id": decoy["id"]}, "billingAccount": {"id": other["id"]},
        "relatedParty": customer(other),
    })  # fmt: skip
    assert (stolen.status, stolen.body["path"]) == (422, "shoppingCart.id")
    unknown = api.post(ORDERS, {"shoppingCart": {"id": "none"}})
    assert (unknown.status, unknown.body["path"]) == (400, "shoppingCart.id")


def test_an_expired_cart_is_neither_changed_nor_ordered(api: Client, clock: DrivenClock) -> None:
    offering, payer = add_on(api), shop.account(api)
    until = {"endDateTime": "2026-11-03T00:00:00Z"}
    body = cart(api, line(offering), relatedParty=customer(payer), validFor=until)
    clock.set(clock.now() + timedelta(days=1))
    for refused in (
        api.patch(body["href"], {"cartItem": []}),
        api.post(ORDERS, {"shoppingCart": {"id": body["id"]}}),
    ):
        assert (refused.status, refused.body["code"]) == (409, "cartExpired")
    assert api.get(body["href"]).status == 200
    assert (
        api.get(f"{CARTS}?validFor.endDateTime.lt=2026-11-03T12:00:00Z").body[0]["id"]
        == (body["id"])
    )
    assert api.delete(body["href"]).status == 204
    assert api.get(body["href"]).status == 404


def test_what_can_not_be_had_is_refused_with_the_same_reason(api: Client) -> None:
    draft, payer = add_on(api, lifecycleStatus="In design"), shop.account(api)
    body = cart(api, line(draft), relatedParty=customer(payer))
    refused = api.post(ORDERS, {"shoppingCart": {"id": body["id"]}})
    assert (refused.status, refused.body["code"]) == (422, "notOrderable")
    assert "productOrder" not in api.get(body["href"]).body


def test_a_change_of_plan_in_a_cart(api: Client, relay: Relay) -> None:
    payer, old, new = shop.account(api), add_on(api, "old"), add_on(api, "new")
    product = delivered(api, relay, payer, old)
    items = [
        line(new, action="modify", product={"id": product}),
    ]
    body = cart(api, *items, relatedParty=customer(payer))
    assert total(body) == [3]
    order = made(api.post(ORDERS, {"shoppingCart": {"id": body["id"]}}))
    relay.drain()
    assert api.get(order["href"]).body["state"] == "completed"
    foreign = api.post(CARTS, {"cartItem": items, "relatedParty": customer(shop.account(api))})
    assert (foreign.status, foreign.body["path"]) == (400, "cartItem[0].product.id")


@together(
    ("change", "path"),
    [
        ({"cartItem": [{}]}, "cartItem[0].productOffering.id"),
        ({"cartItem": [{"productOffering": {"id": "none"}}]}, "cartItem[0].productOffering.id"),
        ({"cartItem": [{"action": "delete"}]}, "cartItem[0].product.id"),
        ({"cartItem": [{"action": "steal"}]}, "cartItem[0].action"),
        ({"cartItem": [{"status": "gone"}]}, "cartItem[0].status"),
        ({"cartItem": [{"productOffering": {"id": "x"}, "quantity": 0}]}, "cartItem[0].quantity"),
        ({"cartItem": [{"productOffering": {"id": "x"}, "quantity": 2**70}]},
         "cartItem[0].quantity"),
        ({"cartItem": [{"id": "a"}, {"id": "a"}]}, "cartItem[1].id"),
        ({"cartItem": {}}, "cartItem"),
        ({"cartItem": [{"productOffering": {"id": "none"},
                        "cartItem": [{"productOffering": {"id": 7}}]}]},
         "cartItem[0].cartItem[0].productOffering.id"),
        ({"relatedParty": [{"id": "x", "role": "customer"}]}, "relatedParty[0].@referredType"),
        ({"relatedParty": [{"id": "none", "role": "customer", "@referredType": "Customer"}]},
         "relatedParty[0].id"),
        ({"validFor": {"startDateTime": "2026-11-02T00:00:00Z",
                       "endDateTime": "2026-11-01T00:00:00Z"}}, "validFor.endDateTime"),
        ({"validFor": {"endDateTime": "soon"}}, "validFor.endDateTime"),
        ({"quote": {"id": "none"}}, "quote[0].id"),
    ],
)  # fmt: skip
def test_a_cart_that_cannot_be(api: Client, change: Body, path: str) -> None:
    refused = api.post(CARTS, change)
    assert (refused.status, refused.body.get("path")) == (400, path), refused.body
    assert api.get(CARTS).body == []
    body = cart(api, line(add_on(api)))
    again = api.patch(body["href"], change)
    if "quote" not in change:
        assert again.status == 400, again.body
    assert api.get(body["href"]).body["cartItem"] == body["cartItem"]
    assert api.delete(body["href"]).status == 204


def test_an_expired_cart_is_forgotten_a_month_later_unless_it_was_ordered(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    offering, payer = add_on(api), shop.account(api)
    left = cart(api, line(offering), relatedParty=customer(payer))
    ordered = cart(api, line(offering), relatedParty=customer(payer))
    made(api.post(ORDERS, {"productOrderItem": [], "shoppingCart": {"id": ordered["id"]}}))
    clock.advance(timedelta(days=90 + 29))
    assert forget_carts(books, clock.now()) == 0
    assert api.get(left["href"]).status == 200
    clock.advance(timedelta(days=2))
    assert forget_carts(books, clock.now()) == 1
    assert api.get(left["href"]).status == 404
    assert api.get(ordered["href"]).status == 200
