"""TMF671 in effect: what a promotion takes off in a cart, in an order, and on the bill's prices."""

from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import ORDERING, PRODUCT, Body, made
from tests.conformance.tmf.test_tmf622 import delivered
from tests.conformance.tmf.test_tmf663 import cart, customer, line, total
from tests.conformance.tmf.test_tmf679 import add_on
from trunkline.platform.relay import Relay

PROMOTIONS = "/tmf-api/promotionManagement/v4/promotion"
ORDERS = f"{ORDERING}/productOrder"
QUOTES = "/tmf-api/quoteManagement/v4/quote"


def promote(
    api: Client, offering: Body | None, value: str, *criteria: tuple[str, str, str], **rest: Any
) -> Body:
    action: Body = {"actionType": "existing offering", "actionValue": value}
    if offering is not None:
        action["actionEntityRef"] = {"id": offering["id"]}
    listed = [
        {"criteriaParameter": name, "criteriaOperator": compare, "criteriaValue": wanted}
        for name, compare, wanted in criteria
    ]
    pattern = {"action": [action], "criteriaGroup": [{"criteria": listed}]}
    body = {"name": "Autumn", "lifecycleStatus": "Launched", "pattern": [pattern]}
    return made(api.post(PROMOTIONS, {"promotionType": "Discount", **body, **rest}))


def test_a_code_makes_a_cart_cheaper_and_the_order_made_of_it(api: Client, relay: Relay) -> None:
    payer = shop.account(api)
    one, decoy = add_on(api, "one"), add_on(api, "other")
    promote(api, one, "10%", ("promotionCode", "=", "AUTUMN"))
    filled = cart(api, line(one), line(decoy), relatedParty=customer(payer))
    assert total(filled) == [6]
    filled = api.patch(filled["href"], {"promotionCode": "AUTUMN"}).body
    assert total(filled) == [5.7]
    (alteration,) = filled["cartItem"][0]["itemPrice"][0]["priceAlteration"]
    assert alteration["name"] == "Autumn"
    body = {"billingAccount": {"id": payer["id"]}, "shoppingCart": {"id": filled["id"]},
            "productOrderItem": []}  # fmt: skip
    order = made(api.post(ORDERS, body))
    relay.drain()
    assert total(order, "orderTotalPrice") == [5.7]
    prices = {
        each["productOffering"]["id"]: each["productPrice"][0]
        for each in api.get(f"{PRODUCT}?billingAccount.id={payer['id']}").body
    }
    (taken,) = prices[one["id"]]["productPriceAlteration"]
    assert taken["price"]["dutyFreeAmount"]["value"] == -0.3
    assert "productPriceAlteration" not in prices[decoy["id"]]


def test_a_quote_binds_what_a_promotion_took_off(api: Client, relay: Relay) -> None:
    """What nobody asked for needs nobody's approval; what is asked for comes on top of it."""
    payer, one = shop.account(api), add_on(api, "one")
    promotion = promote(api, one, "50%", ("promotionCode", "=", "AUTUMN"))
    asked = {"quoteItem": [line(one, quantity=2)], "relatedParty": customer(payer)}
    body = made(api.post(QUOTES, asked))
    assert total(body, "quoteTotalPrice") == [6]
    body = api.patch(body["href"], {"promotionCode": "AUTUMN"}).body
    assert (total(body, "quoteTotalPrice"), body["version"]) == ([3], "2")
    assert body["authorization"] == []
    again = [body["quoteItem"][0] | {"quantity": 4}]
    body = api.patch(body["href"], {"quoteItem": again}).body
    assert (total(body, "quoteTotalPrice"), body["authorization"]) == ([6], [])
    (alteration,) = body["quoteItem"][0]["quoteItemPrice"][0]["priceAlteration"]
    assert (alteration["name"], alteration["isPromotion"]) == ("Autumn", True)
    own = {"name": "Loyalty", "priceType": "recurring",
           "price": {"dutyFreeAmount": shop.money(-1)}}  # fmt: skip
    price = body["quoteItem"][0]["quoteItemPrice"][0] | {"priceAlteration": [alteration, own]}
    altered = body["quoteItem"][0] | {"quoteItemPrice": [price]}
    more = api.patch(body["href"], {"quoteItem": [altered]}).body
    assert total(more, "quoteTotalPrice") == [2]
    assert more["authorization"][0]["state"] == "requested"
    body = api.patch(body["href"], {"quoteItem": again}).body
    assert api.patch(body["href"], {"state": "approved"}).status == 200
    settled = api.patch(body["href"], {"promotionCode": "WINTER"})
    assert (settled.status, settled.body["code"]) == (409, "quoteSettled")
    assert api.patch(promotion["href"], {"lifecycleStatus": "Retired"}).status == 200
    wish = {"billingAccount": {"id": payer["id"]}, "quote": [{"id": body["id"]}]}
    order = made(api.post(ORDERS, wish | {"productOrderItem": []}))
    relay.drain()
    assert total(order, "orderTotalPrice") == [6]


def test_an_order_gets_what_its_customer_has_earned(api: Client, relay: Relay) -> None:
    payer, stranger = shop.account(api), shop.account(api)
    first, second = add_on(api, "first"), add_on(api, "second")
    delivered(api, relay, payer, first)
    promote(api, second, "50", ("product.productOffering.id", "=", first["id"]))
    order = made(api.post(ORDERS, shop.order_body(payer, second)))
    assert total(order, "orderTotalPrice") == [1.5]
    order = made(api.post(ORDERS, shop.order_body(stranger, second)))
    assert total(order, "orderTotalPrice") == [3]


@pytest.mark.parametrize(("value", "left"), [("2.50 EUR", 0.5), ("9 EUR", 0), ("2 USD", 3)])
def test_a_reduction_takes_no_more_than_there_is(api: Client, value: str, left: float) -> None:
    one = add_on(api, "one")
    promote(api, None, value, ("total", ">=", "3"), promotionType="Reduction")
    assert total(cart(api, line(one))) == [left]
    assert total(cart(api, line(one, action="add", quantity=2))) == [left * 2]
