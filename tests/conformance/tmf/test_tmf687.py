"""TMF687: stocks of articles, and of numbers and cards that count themselves."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from trunkline import inventory
from trunkline.inventory import Msisdn
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Body = dict[str, Any]
BASE = "/tmf-api/stock/v4"
STOCK = f"{BASE}/productStock"
ADJUST = f"{BASE}/adjustProductStock"
CHECK = f"{BASE}/checkProductStock"
RESERVE = f"{BASE}/reserveProductStock"
QUERY = f"{BASE}/queryProductStock"


def pieces(amount: float) -> Body:
    return {"amount": amount, "units": "piece"}


def stock(api: Client, amount: float = 10, product: str = "Phone", **rest: Any) -> Body:
    body = {
        "productStockStatusType": "available",
        "productStockLevel": pieces(amount),
        "stockedProduct": {"name": product},
        **rest,
    }
    return shop.made(api.post(STOCK, body))


def level(api: Client, of: Body) -> int:
    found: int = api.get(of["href"]).body["productStockLevel"]["amount"]
    return found


def adjust(api: Client, of: Body, amount: float, **rest: Any) -> Any:
    item = {
        "id": "1",
        "productStockTarget": {"id": of["id"]},
        "adjustProductStockQuantity": pieces(amount),
    }
    return api.post(ADJUST, {"adjustProductStockItem": [item], **rest})


def reserve(api: Client, amount: float, product: str = "Phone", **rest: Any) -> Any:
    item = {
        "id": "1", "quantityRequested": pieces(amount), "requestedProduct": {"name": product},
    }  # fmt: skip
    named = rest.pop("stock", None)
    if named is not None:
        item["productStockRequested"] = {"id": named["id"]}
    return api.post(RESERVE, {"reserveProductStockItem": [item], **rest})


def test_a_stock_is_kept(api: Client):
    made = stock(
        api, name="Phones in Dublin", minStockLevel=pieces(2),
        place={"role": "warehouse", "id": "dub"}, **Body({"x-aisle": 4}),
    )  # fmt: skip
    assert made["productStockLevel"] == {"amount": 10, "units": "piece"}
    assert (made["isLow"], made["x-aisle"]) == (False, 4)
    assert api.get(made["href"]).body == made
    changed = api.patch(made["href"], {"name": "Phones", "x-aisle": None}).body
    assert changed["name"] == "Phones"
    assert "x-aisle" not in changed
    assert changed["productStockLevel"]["amount"] == 10
    assert api.delete(made["href"]).status == 204
    assert api.get(made["href"]).status == 404


@together(
    ("body", "path"),
    [
        ({"productStockLevel": None}, "productStockLevel"),
        ({"stockedProduct": None}, "stockedProduct"),
        ({"productStockStatusType": None}, "productStockStatusType"),
        ({"productStockStatusType": "lost"}, "productStockStatusType"),
        ({"productStockLevel": {"units": "piece"}}, "productStockLevel.amount"),
        ({"productStockLevel": pieces(1.5)}, "productStockLevel.amount"),
        ({"productStockLevel": pieces(-1)}, "productStockLevel.amount"),
        ({"name": "x" * 201}, "name"),
        (
            {"stockedProduct": {"productOffering": {"id": "none"}}},
            "stockedProduct.productOffering.id",
        ),
    ],
)
def test_what_is_refused(api: Client, body: Body, path: str):
    usual = {
        "productStockStatusType": "available",
        "productStockLevel": pieces(1),
        "stockedProduct": {"name": "Phone"},
    }
    sent = {name: each for name, each in (usual | body).items() if each is not None}
    answer = api.post(STOCK, sent)
    assert answer.status == 400, answer.body
    assert answer.body["path"].endswith(path)


def test_adjustments_are_made_once_and_kept(api: Client, books: Database, clock: DrivenClock):
    made = stock(api)
    clock.advance(timedelta(minutes=1))
    answer = adjust(api, made, -3, adjustReason="theft")
    done = shop.made(answer)
    assert (done["state"], done["adjustReason"]) == ("done", "theft")
    assert done["adjustProductStockItem"][0]["productStockTarget"]["href"] == made["href"]
    assert level(api, made) == 7
    assert api.get(done["href"]).body == done
    with books.read() as r:
        journal = inventory.stocks.journal(r, made["id"])
    assert [(each.change, each.on_hand, each.reason) for each in journal] == [
        (-3, 7, "theft"), (10, 10, "opened"),
    ]  # fmt: skip


def test_more_than_there_is_can_not_be_taken(api: Client):
    made = stock(api, 2)
    answer = adjust(api, made, -3)
    assert (answer.status, answer.body["code"]) == (409, "notEnough")
    assert level(api, made) == 2
    assert api.get(ADJUST).body == []


def test_a_new_count_is_journalled(api: Client, books: Database, clock: DrivenClock):
    made = stock(api)
    assert reserve(api, 4, stock=made).status == 201
    clock.advance(timedelta(minutes=1))
    counted = api.patch(made["href"], {"productStockLevel": pieces(5)}).body
    assert counted["productStockLevel"]["amount"] == 5
    with books.read() as r:
        first = inventory.stocks.journal(r, made["id"])[0]
    assert (first.change, first.on_hand, first.reason) == (-1, 9, "counted")


def test_a_reservation_holds_until_it_ends(api: Client, relay: Relay, clock: DrivenClock):
    made = stock(api)
    ends = format_instant(clock.now() + timedelta(hours=1))
    held = shop.made(reserve(api, 4, validFor={"endDateTime": ends}))
    (item,) = held["reserveProductStockItem"]
    assert held["reserveProductStockState"] == "done"
    assert item["quantityReserved"]["amount"] == 4
    assert item["productStockReserved"]["id"] == made["id"]
    assert level(api, made) == 6
    assert api.delete(made["href"]).status == 409
    clock.advance(timedelta(hours=2))
    relay.drain()
    assert level(api, made) == 10
    (item,) = api.get(held["href"]).body["reserveProductStockItem"]
    assert item["quantityReserved"]["amount"] == 0


def test_what_can_not_be_held_is_told_and_holds_nothing(api: Client):
    made = stock(api, 3)
    items = [
        {"id": str(n), "quantityRequested": pieces(2), "requestedProduct": {"name": "Phone"}}
        for n in (1, 2)
    ]
    told = shop.made(api.post(RESERVE, {"reserveProductStockItem": items}))
    assert told["reserveProductStockState"] == "terminatedWithError"
    assert [i["quantityReserved"]["amount"] for i in told["reserveProductStockItem"]] == [0, 0]
    assert level(api, made) == 3


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"validFor": {"endDateTime": "2020-01-01T00:00:00Z"}}, "validFor.endDateTime"),
        ({"product": "Unicorn"}, "reserveProductStockItem[0].requestedProduct"),
        ({"stock": {"id": "none"}}, "reserveProductStockItem[0].productStockRequested.id"),
    ],
)
def test_reservations_that_are_refused(api: Client, change: Body, path: str):
    stock(api)
    answer = reserve(api, 1, **change)
    assert (answer.status, answer.body["path"]) == (400, path)


def test_availability_is_checked(api: Client):
    small, large = stock(api, 1), stock(api, 50)
    decoy = stock(api, 99, "Router")

    def ask(amount: int, **rest: Any) -> Body:
        checked = {"id": small["id"], "productStockLevel": pieces(0), "stockedProduct": {}}
        item = {
            "id": "1", "requestedQuantity": pieces(amount), "checkedProductStock": checked, **rest,
        }  # fmt: skip
        made = shop.made(api.post(CHECK, {"checkProductStockItem": [item]}))
        assert made["state"] == "done"
        found: Body = made["checkProductStockItem"][0]
        return found

    assert ask(1)["availabilityResult"] == "available"
    assert ask(2)["availabilityResult"] == "notAvailable"
    told = ask(2, provideAlternative=True)
    assert told["availabilityResult"] == "alternate"
    assert [each["alternateStock"]["id"] for each in told["alternate"]] == [large["id"]]
    assert decoy["id"] not in str(told)


def test_stocks_are_sought(api: Client):
    mine, decoy = stock(api, 5), stock(api, 5, "Router")

    def ask(amount: float) -> list[str]:
        criteria = {"stockedProduct": {"name": "Phone"}, "productStockLevel": pieces(amount)}
        made = shop.made(api.post(QUERY, {"searchCriteria": criteria}))
        return [each["id"] for each in made["queryProductStockItem"]]

    assert ask(5) == [mine["id"]]
    assert ask(6) == []
    assert decoy["id"] not in ask(0)


def test_an_empty_stock_is_unavailable(api: Client):
    made = stock(api, 2)
    adjust(api, made, -2)
    assert api.get(made["href"]).body["productStockStatusType"] == "unavailable"
    adjust(api, made, 1)
    assert api.get(made["href"]).body["productStockStatusType"] == "available"


def test_a_stock_says_when_it_runs_low(api: Client):
    made = stock(api, 5, stockLevelAlert=pieces(2))
    assert made["isLow"] is False
    adjust(api, made, -3)
    assert api.get(made["href"]).body["isLow"] is True


def test_numbers_count_themselves(api: Client, books: Database, relay: Relay, clock: DrivenClock):
    numbers = api.get(f"{STOCK}/numbers").body
    assert numbers["productStockLevel"]["amount"] == 0
    with books.transaction() as tx:
        inventory.add_numbers(tx, first=Msisdn("353850000001"), count=5, now=clock.now())
    assert level(api, numbers) == 5
    ends = format_instant(clock.now() + timedelta(hours=1))
    held = shop.made(reserve(api, 2, stock=numbers, validFor={"endDateTime": ends}))
    assert held["reserveProductStockState"] == "done"
    assert level(api, numbers) == 3
    told = shop.made(reserve(api, 4, "MSISDN"))
    assert told["reserveProductStockState"] == "terminatedWithError"
    clock.advance(timedelta(hours=2))
    relay.drain()
    assert level(api, numbers) == 5
    assert adjust(api, numbers, 1).status == 409
    assert api.patch(numbers["href"], {"productStockLevel": {"amount": 7}}).status == 409
    assert api.delete(numbers["href"]).status == 409


def test_lists_are_filtered(api: Client):
    mine = stock(api, name="Mine", place={"role": "shop", "id": "p1"})
    stock(api, name="Decoy")
    for query, found in [
        ("name=Mine", [mine["id"]]),
        ("place.id=p1", [mine["id"]]),
        ("productStockStatusType=reserved", []),
        ("name=Numbers", ["numbers"]),
    ]:
        assert [each["id"] for each in api.get(f"{STOCK}?{query}").body] == found, query
