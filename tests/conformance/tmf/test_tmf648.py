"""TMF648: quotes, negotiated, approved by a second person, accepted, and ordered."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import CATALOG, ORDERING, PRODUCT, Body, made
from tests.conformance.tmf.test_tmf622 import bundle
from tests.conformance.tmf.test_tmf663 import CARTS, customer, total
from tests.conformance.tmf.test_tmf679 import add_on
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

QUOTES = "/tmf-api/quoteManagement/v4/quote"
ORDERS = f"{ORDERING}/productOrder"


@pytest.fixture
def chief(app: Any, books: Database, clock: DrivenClock) -> Client:
    """Somebody else who sells."""
    with books.transaction() as tx:
        key = security.create_api_key(tx, name="chief", scopes=["*"], now=clock.now())
    return Client(app, key.secret)


def line(offering: Body, **rest: Any) -> Body:
    return {"productOffering": {"id": offering["id"]}, **rest}


def off(value: float | None = None, *, percent: float | None = None, **rest: Any) -> list[Body]:
    """A discount on the monthly fee."""
    cost: Body = {"percentage": percent} if percent is not None else {
        "dutyFreeAmount": shop.money(value or 0)}  # fmt: skip
    alteration = {"name": "Loyalty", "priceType": "recurring", "price": cost, **rest}
    return [{"priceType": "recurring", "priceAlteration": [alteration]}]


def quote(api: Client, *items: Body, **rest: Any) -> Body:
    return made(api.post(QUOTES, {"quoteItem": list(items), **rest}))


def state(api: Client, body: Body, to: str) -> Body:
    answer = api.patch(body["href"], {"state": to})
    assert answer.status == 200, answer.body
    found: Body = answer.body
    return found


def test_a_quote_shows_the_catalogues_prices(api: Client) -> None:
    offering = add_on(api)
    body = quote(api, line(offering, quantity=3), description="three", externalId="crm-1")
    assert (body["state"], body["quoteDate"], body["version"]) == (
        "inProgress", "2026-11-02T09:00:00.000Z", "1",
    )  # fmt: skip
    [item] = body["quoteItem"]
    assert (item["id"], item["action"], item["state"]) == ("1", "add", "inProgress")
    assert total(item, "quoteItemPrice") == [3]
    assert total(body, "quoteTotalPrice") == [9]
    assert body["validFor"]["endDateTime"] == "2026-12-02T09:00:00.000Z"
    now = quote(api, line(offering), instantSyncQuote=True, id="my-own")
    assert (now["state"], now["id"]) == ("approved", "my-own")
    assert now["effectiveQuoteCompletionDate"] == "2026-11-02T09:00:00.000Z"
    taken = api.post(QUOTES, {"id": "my-own", "quoteItem": [line(offering)]})
    assert (taken.status, taken.body["path"]) == (409, "id")
    assert [each["id"] for each in api.get(f"{QUOTES}?externalId=crm-1").body] == [body["id"]]
    for query in ("state=approved", "quoteItem.state=approved", "state.ne=inProgress"):
        assert [each["id"] for each in api.get(f"{QUOTES}?{query}").body] == ["my-own"]


def test_altered_prices_are_approved_by_a_second_person(api: Client, chief: Client) -> None:
    body = quote(api, line(add_on(api), quoteItemPrice=off(-1)), instantSyncQuote=True)
    assert body["state"] == "inProgress"
    [needed] = body["authorization"]
    assert (needed["name"], needed["state"]) == ("priceAlteration", "requested")
    assert total(body, "quoteTotalPrice") == [2]
    alone = api.patch(body["href"], {"state": "approved"})
    assert (alone.status, alone.body["code"]) == (403, "notYoursToApprove")
    forged = [needed | {"state": "approved", "requestedBy": "somebody"}]
    assert api.patch(body["href"], {"authorization": forged}).body["authorization"] == [needed]
    done = state(chief, body, "approved")
    [given] = done["authorization"]
    assert given["state"] == "approved"
    assert given["approver"][0]["id"] != needed["requestedBy"]
    assert given["givenDate"] == "2026-11-02T09:00:00.000Z"
    assert done["quoteItem"][0]["state"] == "approved"


def test_negotiation_makes_versions(api: Client, chief: Client) -> None:
    offering = add_on(api)
    body = quote(api, line(offering))
    assert api.patch(body["href"], {"description": "hm"}).body["version"] == "1"
    body = api.patch(body["href"], {"quoteItem": [line(offering, quoteItemPrice=off(-1))]}).body
    assert (body["version"], total(body, "quoteTotalPrice")) == ("2", [2])
    body = api.patch(body["href"], {"quoteItem": [
        line(offering, quantity=2, quoteItemPrice=off(percent=-50))]}).body  # fmt: skip
    assert (body["version"], total(body, "quoteTotalPrice")) == ("3", [3])
    alteration = body["quoteItem"][0]["quoteItemPrice"][0]["priceAlteration"][0]
    assert alteration["price"]["dutyFreeAmount"]["value"] == -1.5
    body = state(chief, body, "approved")
    settled = api.patch(body["href"], {"quoteItem": [line(offering)]})
    assert (settled.status, settled.body["code"]) == (409, "quoteSettled")
    body = state(api, body, "rejected")
    body = state(api, body, "inProgress")
    assert body["version"] == "4"
    body = api.patch(body["href"], {"quoteItem": [line(offering)]}).body
    assert (body["version"], body["authorization"]) == ("5", [])


def test_a_transition_that_the_lifecycle_lacks(api: Client) -> None:
    body = quote(api, line(add_on(api)))
    early = api.patch(body["href"], {"state": "accepted"})
    assert (early.status, early.body["code"]) == (409, "illegalTransition")
    assert "approved, cancelled, pending, rejected" in early.body["message"]
    assert api.patch(body["href"], {"state": "perhaps"}).status == 400
    body = state(api, body, "pending")
    body = state(api, body, "cancelled")
    for to in ("inProgress", "approved", "accepted"):
        assert api.patch(body["href"], {"state": to}).status == 409
    assert api.delete(body["href"]).status == 204
    assert api.get(body["href"]).status == 404


def test_an_accepted_quote_is_an_order_at_the_agreed_prices(
    api: Client, chief: Client, relay: Relay
) -> None:
    offering, payer = add_on(api), shop.account(api)
    body = quote(api, line(offering, id="q1", quoteItemPrice=off(-1)), relatedParty=customer(payer))
    state(chief, body, "approved")
    price = api.get(f"{CATALOG}/productOfferingPrice/{offering['productOfferingPrice'][0]['id']}")
    assert api.patch(price.body["href"], {"price": shop.money(9)}).status == 200
    done = state(api, body, "accepted")
    assert total(done, "quoteTotalPrice") == [2]
    [reference] = done["quoteItem"][0]["product"]["productOrderItem"]
    order = api.get(reference["productOrderHref"]).body
    assert order["quote"][0]["id"] == body["id"]
    [item] = order["productOrderItem"]
    assert (item["quoteItem"]["id"], item["quoteItem"]["quoteId"]) == ("q1", body["id"])
    assert total(order, "orderTotalPrice") == [2]
    relay.drain()
    product = api.get(f"{PRODUCT}/{item['product']['id']}").body
    [cost] = product["productPrice"]
    assert cost["price"]["dutyFreeAmount"]["value"] == 3
    assert cost["productPriceAlteration"][0]["price"]["dutyFreeAmount"]["value"] == -1
    again = api.post(ORDERS, {"quote": [{"id": body["id"]}]})
    assert (again.status, again.body["code"]) == (409, "quoteOrdered")
    kept = api.delete(body["href"])
    assert (kept.status, kept.body["code"]) == (409, "quoteOrdered")
    found = api.get(f"{QUOTES}?quoteItem.product.productOrderItem.productOrderId={order['id']}")
    assert [each["id"] for each in found.body] == [body["id"]]


def test_where_it_is_not_known_who_pays_an_order_refers_to_the_quote(api: Client) -> None:
    offering, owner = add_on(api), shop.customer(api)
    party = [{"id": owner["id"], "role": "customer", "@referredType": "Customer"}]
    body = quote(api, line(offering), relatedParty=party, instantSyncQuote=True)
    done = state(api, body, "accepted")
    assert api.get(ORDERS).body == []
    payer = shop.account(api, owner)
    order = made(api.post(ORDERS, {"quote": [{"id": body["id"]}],
                                   "billingAccount": {"id": payer["id"]}}))  # fmt: skip
    shown = api.get(done["href"]).body
    [reference] = shown["quoteItem"][0]["product"]["productOrderItem"]
    assert reference["productOrderId"] == order["id"]
    unknown = api.post(ORDERS, {"quote": [{"id": "none"}]})
    assert (unknown.status, unknown.body["path"]) == (400, "quote[0].id")
    early = quote(api, line(offering), relatedParty=party)
    refused = api.post(ORDERS, {"quote": [{"id": early["id"]}]})
    assert (refused.status, refused.body["code"]) == (422, "quoteNotReady")


def test_a_quote_becomes_a_cart_and_the_cart_an_order(api: Client, chief: Client) -> None:
    offering, payer = add_on(api), shop.account(api)
    body = quote(api, line(offering, quoteItemPrice=off(-2)), relatedParty=customer(payer))
    early = api.post(CARTS, {"quote": {"id": body["id"]}})
    assert (early.status, early.body["code"]) == (422, "quoteNotReady")
    state(chief, body, "approved")
    cart = made(api.post(CARTS, {"quote": {"id": body["id"]}}))
    assert total(cart) == [1]
    thief = made(api.post(CARTS, {
        "cartItem": cart["cartItem"], "relatedParty": customer(shop.account(api))}))  # fmt: skip
    assert total(thief) == [3]
    order = made(api.post(ORDERS, {"shoppingCart": {"id": cart["id"]}}))
    assert total(order, "orderTotalPrice") == [1]
    shown = api.get(body["href"]).body
    assert shown["state"] == "accepted"
    [reference] = shown["quoteItem"][0]["product"]["productOrderItem"]
    assert reference["productOrderId"] == order["id"]


def test_an_expired_quote_binds_nobody(api: Client, chief: Client, clock: DrivenClock) -> None:
    payer = shop.account(api)
    until = {"endDateTime": "2026-11-03T00:00:00Z"}
    body = quote(api, line(add_on(api)), relatedParty=customer(payer), validFor=until)
    other = quote(api, line(add_on(api)), validFor=until)
    state(api, body, "approved")
    clock.set(clock.now() + timedelta(days=1))
    for what, to in ((body, "accepted"), (other, "approved")):
        refused = api.patch(what["href"], {"state": to})
        assert (refused.status, refused.body["code"]) == (409, "quoteExpired")
    refused = api.post(ORDERS, {"quote": [{"id": body["id"]}]})
    assert (refused.status, refused.body["code"]) == (409, "quoteExpired")
    assert state(api, body, "cancelled")["state"] == "cancelled"


def test_a_quote_for_nobody_is_accepted_by_nobody(api: Client) -> None:
    body = quote(api, line(add_on(api)), instantSyncQuote=True)
    refused = api.patch(body["href"], {"state": "accepted"})
    assert (refused.status, refused.body["path"]) == (422, "relatedParty")


def test_what_can_not_be_had_is_not_accepted(api: Client) -> None:
    payer = shop.account(api)
    vip = add_on(api, marketSegment=[{"id": "vip"}])
    body = quote(api, line(vip), relatedParty=customer(payer), instantSyncQuote=True)
    refused = api.patch(body["href"], {"state": "accepted"})
    assert (refused.status, refused.body["code"]) == (422, "notOrderable")
    assert api.get(body["href"]).body["state"] == "approved"


def test_a_bundle_is_quoted_with_its_components(api: Client, chief: Client, relay: Relay) -> None:
    payer, safe, extra = shop.account(api), add_on(api), add_on(api, "Extra")
    whole = bundle(api, safe, extra, counts=(1, 2))
    body = quote(
        api,
        line(whole, id="b", quoteItem=[line(safe, quoteItemPrice=off(-1))]),
        relatedParty=customer(payer),
    )
    [top] = body["quoteItem"]
    assert [(each["id"], each["quantity"]) for each in top["quoteItem"]] == [("1", 1), ("b.2", 2)]
    assert total(body, "quoteTotalPrice") == [2 + 2 * 3]
    state(chief, body, "approved")
    done = state(api, body, "accepted")
    order = done["quoteItem"][0]["product"]["productOrderItem"][0]["productOrderHref"]
    relay.drain()
    shown = api.get(order).body
    assert (shown["state"], total(shown, "orderTotalPrice")) == ("completed", [8])


@together(
    ("change", "path"),
    [
        ({"quoteItem": None}, "quoteItem"),
        ({"quoteItem": []}, "quoteItem"),
        ({"quoteItem": [{}]}, "quoteItem[0].productOffering.id"),
        ({"quoteItem": [line({"id": "none"})]}, "quoteItem[0].productOffering.id"),
        ({"quoteItem": [line({"id": "x"}, action="steal")]}, "quoteItem[0].action"),
        ({"quoteItem": [{"action": "modify"}]}, "quoteItem[0].product.id"),
        ({"quoteItem": [{"id": "a"}, {"id": "a"}]}, "quoteItem[1].id"),
        ({"id": "a b"}, "id"),
        ({"externalId": "x" * 101}, "externalId"),
        ({"relatedParty": [{"id": "none", "role": "customer", "@referredType": "Customer"}]},
         "relatedParty[0].id"),
        ({"validFor": {"startDateTime": "2026-11-02T00:00:00Z",
                       "endDateTime": "2026-11-01T00:00:00Z"}}, "validFor.endDateTime"),
        ({"authorization": [{"approver": [{"id": "x"}]}]},
         "authorization[0].approver[0].@referredType"),
    ],
)  # fmt: skip
def test_a_quote_that_cannot_be(api: Client, change: Body, path: str) -> None:
    refused = api.post(QUOTES, {"quoteItem": [line(add_on(api))]} | change)
    assert (refused.status, refused.body.get("path")) == (400, path), refused.body
    assert api.get(QUOTES).body == []


@together(
    ("prices", "path"),
    [
        (off(-4), "priceAlteration[0].price"),
        (off(percent=-101), "priceAlteration[0].price"),
        (off(percent=1e300), "priceAlteration[0].price"),
        (off(9.3e12), "priceAlteration[0].price"),
        (off(-1, applicationDuration=2), "priceAlteration[0].applicationDuration"),
        (off(-1, priceType="oneTime"), "priceAlteration[0]"),
        (off(-1, priceType="sometimes"), "priceAlteration[0].priceType"),
        (off(-1, price={}), "priceAlteration[0].price"),
        (off(-1, price={"dutyFreeAmount": {"unit": "USD", "value": -1}}),
         "priceAlteration[0].price"),
        (off(-1, price={"dutyFreeAmount": {"unit": "EUR", "value": -0.0000001}}),
         "priceAlteration[0].price"),
    ],
)  # fmt: skip
def test_an_alteration_that_cannot_be(api: Client, prices: list[Body], path: str) -> None:
    refused = api.post(QUOTES, {"quoteItem": [line(add_on(api), quoteItemPrice=prices)]})
    assert refused.status == 400, refused.body
    assert refused.body["path"] == f"quoteItem[0].quoteItemPrice[0].{path}"


def test_a_client_needs_the_scope(make_client: MakeClient, operator: None) -> None:
    reader = make_client("tmf648:read")
    assert reader.get(QUOTES).status == 200
    assert reader.post(QUOTES, {"quoteItem": []}).status == 403


def test_what_was_agreed_stays(api: Client, chief: Client) -> None:
    body = quote(api, line(add_on(api)), relatedParty=customer(shop.account(api)))
    state(chief, body, "approved")
    later = {"endDateTime": "2036-01-01T00:00:00Z"}
    for change in ({"validFor": later}, {"relatedParty": customer(shop.account(api))},
                   {"version": "9"}, {"agreement": [{"id": "a"}]}):  # fmt: skip
        refused = api.patch(body["href"], change)
        assert (refused.status, refused.body["code"]) == (409, "quoteSettled"), change
    assert api.patch(body["href"], {"description": "agreed"}).status == 200


def test_a_customer_neither_discounts_nor_approves_nor_prolongs(
    api: Client, app: Any, books: Database, clock: DrivenClock
) -> None:
    payer, offering = shop.account(api), add_on(api)
    owner = payer["relatedParty"][0]["id"]
    with books.transaction() as tx:
        key = security.create_api_key(
            tx, name="app", scopes=["*"], now=clock.now(), binding=security.Binding(owner)
        )
    own = Client(app, key.secret)
    until = {"endDateTime": "2036-01-01T00:00:00Z"}
    body = quote(own, line(offering), instantSyncQuote=True, validFor=until)
    assert (body["state"], body["relatedParty"][0]["id"]) == ("approved", owner)
    assert body["validFor"]["endDateTime"] == "2026-12-02T09:00:00.000Z"
    cheap = own.post(QUOTES, {"quoteItem": [line(offering, quoteItemPrice=off(-1))]})
    assert (cheap.status, cheap.body["code"]) == (403, "notYoursToApprove")
    asked = quote(own, line(offering))
    assert own.patch(asked["href"], {"state": "approved"}).status == 403
    assert own.patch(asked["href"], {"validFor": until}).status == 400
    assert state(own, body, "accepted")["quoteItem"][0]["product"]["productOrderItem"]
    stranger = quote(api, line(offering), relatedParty=customer(shop.account(api)))
    assert own.get(stranger["href"]).status == 404
    assert [each["id"] for each in own.get(f"{QUOTES}?sort=id").body] == sorted(
        [body["id"], asked["id"]]
    )
