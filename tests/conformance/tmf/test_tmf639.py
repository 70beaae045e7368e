"""TMF639: numbers and cards from the shelf, and resources of all other kinds."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.test_tmf637 import ordered as ordered
from trunkline import inventory
from trunkline.inventory import Msisdn
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Body = dict[str, Any]
BASE = "/tmf-api/resourceInventoryManagement/v4"
RESOURCE = f"{BASE}/resource"
LOGICAL = f"{BASE}/logicalResource"
PHYSICAL = f"{BASE}/physicalResource"
ICCID = str(inventory.Iccid.of("893530100000000001"))


def number(api: Client, value: str = "353850000001", **rest: Any) -> Body:
    body = {"@type": "MSISDN", "name": value, "value": value, **rest}
    return shop.made(api.post(LOGICAL, body))


def sim(api: Client) -> Body:
    imsi = [{"name": "imsi", "value": "272010000000001"}]
    body = {"@type": "SIM", "name": ICCID, "resourceCharacteristic": imsi}
    return shop.made(api.post(PHYSICAL, body))


def router(api: Client, **rest: Any) -> Body:
    body = {"name": "Router", "serialNumber": "SN-1", "@type": "Router", **rest}
    return shop.made(api.post(PHYSICAL, body))


def test_the_least_that_the_document_asks_for(api: Client):
    for collection in (RESOURCE, LOGICAL, PHYSICAL):
        made = shop.made(api.post(collection, {"name": "Cabinet"}))
        assert made["resourceStatus"] == "available"
        assert made["usageState"] == "idle"
        assert made["href"].startswith(f"{collection}/")
        assert api.get(made["href"]).body == made
    assert shop.made(api.post(LOGICAL, {}))["name"] == "Resource"


def test_the_collections_share_their_resources(api: Client):
    logical, physical = number(api), router(api)
    assert physical["@type"] == "Router"
    answer = api.get(RESOURCE)
    assert {each["id"] for each in answer.body} == {logical["id"], physical["id"]}
    assert answer.headers["x-total-count"] == "2"
    assert [each["id"] for each in api.get(LOGICAL).body] == [logical["id"]]
    assert [each["id"] for each in api.get(PHYSICAL).body] == [physical["id"]]
    assert api.get(f"{PHYSICAL}/{logical['id']}").status == 404
    assert api.get(f"{RESOURCE}/{physical['id']}").status == 200


def test_numbers_and_cards_go_on_the_shelf(api: Client, relay: Relay):
    made, card = number(api, category="Gold"), sim(api)
    assert made["@baseType"] == "LogicalResource"
    assert card["resourceCharacteristic"] == [{"name": "imsi", "value": "272010000000001"}]
    shop.order(api, shop.account(api), shop.offer(api))
    relay.drain()
    taken = api.get(made["href"]).body
    assert (taken["resourceStatus"], taken["usageState"]) == ("reserved", "active")
    assert taken["category"] == "Gold"
    for body in ({"resourceStatus": "available"}, {"administrativeState": "shutdown"}):
        refused = api.patch(made["href"], body)
        assert refused.status == 409
        assert "order" in refused.body["message"]
    assert api.delete(made["href"]).status == 409


@together(
    ("collection", "body", "path"),
    [
        (RESOURCE, {}, "name"),
        (PHYSICAL, {}, "name"),
        (RESOURCE, {"name": "x" * 201}, "name"),
        (LOGICAL, {"@type": "MSISDN", "value": "none"}, "value"),
        (LOGICAL, {"@type": "SIM", "value": ICCID}, "@type"),
        (PHYSICAL, {"name": "n", "@type": "MSISDN"}, "@type"),
        (PHYSICAL, {"name": ICCID, "@type": "SIM"}, "resourceCharacteristic"),
        (RESOURCE, {"name": "n", "resourceStatus": "lost"}, "resourceStatus"),
        (LOGICAL, {"@type": "MSISDN", "value": "353850000009", "resourceStatus": "reserved"},
         "resourceStatus"),
        (RESOURCE, {"name": "n", "resourceSpecification": {"id": "no", "href": "/no"}},
         "resourceSpecification.id"),
        (RESOURCE, {"name": "n", "relatedParty": [{"id": "no", "@referredType": "Customer"}]},
         "relatedParty[0].id"),
        (RESOURCE, {"name": "n", "place": {"id": "1", "href": "/1"}}, "role"),
    ],
)  # fmt: skip
def test_what_is_refused(api: Client, collection: str, body: Body, path: str):
    answer = api.post(collection, body)
    assert answer.status == 400, answer.body
    assert answer.body["path"].endswith(path)


def test_what_is_in_stock_is_not_taken_on_twice(api: Client):
    number(api)
    answer = api.post(RESOURCE, {"@type": "msisdn", "name": "+353 85 000 0001"})
    assert (answer.status, answer.body["code"]) == (409, "resourceExists")


@pytest.mark.parametrize(
    ("steps", "status", "administrative"),
    [
        ([{"resourceStatus": "reserved"}], "reserved", "unlocked"),
        ([{"resourceStatus": "reserved"}, {"resourceStatus": "available"}], "available",
         "unlocked"),
        ([{"resourceStatus": "suspended"}], "suspended", "locked"),
        ([{"administrativeState": "locked"}, {"administrativeState": "unlocked"}], "available",
         "unlocked"),
        ([{"administrativeState": "shutdown"}], "suspended", "shutdown"),
    ],
)  # fmt: skip
def test_a_number_is_moved_by_hand(
    api: Client, steps: list[Body], status: str, administrative: str
):
    made = number(api)
    for step in steps:
        answer = api.patch(made["href"], step)
        assert answer.status == 200, answer.body
    assert answer.body["resourceStatus"] == status
    assert answer.body["administrativeState"] == administrative


def test_a_retired_number_stays_so(api: Client):
    made = number(api)
    api.patch(made["href"], {"administrativeState": "shutdown"})
    answer = api.patch(made["href"], {"resourceStatus": "available"})
    assert answer.status == 409
    assert answer.body["code"] == "illegalTransition"


def test_what_a_person_holds_no_order_gets(api: Client, books: Database):
    made = number(api)
    api.patch(made["href"], {"resourceStatus": "reserved"})
    with books.read() as r:
        held = inventory.number(r, Msisdn("353850000001"))
    assert held is not None
    assert held.holder == "by hand"
    with pytest.raises(inventory.OutOfStock), books.transaction() as tx:
        inventory.reserve_number(tx, holder="an order")


@pytest.mark.parametrize("body", [{"usageState": "busy"}, {"operationalState": "disable"}])
def test_what_follows_from_the_shelf_stays(api: Client, body: Body):
    answer = api.patch(number(api)["href"], body)
    assert (answer.status, answer.body["path"]) == (400, next(iter(body)))


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"resourceStatus": "alarm"}, {"resourceStatus": "reserved"}),
        ({"usageState": "active"}, None),
        ({"operationalState": "disable"}, None),
        ({"administrativeState": "locked"}, {"administrativeState": "shutdown"}),
    ],
)
def test_other_resources_move_by_their_tables(api: Client, body: Body, refused: Body | None):
    made = router(api)
    ((name, value),) = body.items()
    assert api.patch(made["href"], body).body[name] == value
    if refused is not None:
        answer = api.patch(made["href"], refused)
        assert answer.status == 409
        assert answer.body["path"] == name


def test_a_resource_is_described_anew(api: Client):
    made = router(api, **{"x-rack": 7, "description": "Old"})
    changed = api.patch(made["href"], {"name": "Modem", "x-rack": 8, "description": None}).body
    assert (changed["name"], changed["x-rack"]) == ("Modem", 8)
    assert "description" not in changed
    assert api.get(made["href"]).body == changed


def test_a_resource_nobody_uses_is_deleted(api: Client):
    made, used = number(api), router(api, usageState="busy")
    assert api.delete(made["href"]).status == 204
    assert api.get(made["href"]).status == 404
    assert api.delete(used["href"]).status == 409


def test_lists_are_filtered(api: Client):
    gold, decoy = number(api, category="Gold"), router(api, usageState="busy")
    for query, found in [
        ("value=353850000001", [gold["id"]]),
        ("category=Gold", [gold["id"]]),
        ("usageState=busy", [decoy["id"]]),
        ("resourceStatus=available&name=Router", [decoy["id"]]),
        ("resourceStatus=suspended", []),
    ]:
        answer = api.get(f"{RESOURCE}?{query}")
        assert [each["id"] for each in answer.body] == found, query


def test_a_products_resources_are_named_by_it(api: Client, ordered: Body):
    (named,) = [r for r in ordered["realizingResource"] if r["value"] == "353850000001"]
    assert api.get(named["href"]).body["value"] == "353850000001"


def test_a_logical_resource_is_put_as_a_whole(api: Client):
    body = {"name": "Range", "value": "10.0.0.0/8", "description": "Old", "category": "Gold"}
    made = shop.made(api.post(LOGICAL, body))
    answer = api.send("PUT", made["href"], {"value": "10.1.0.0/16", "usageState": "active"})
    assert answer.status == 200
    assert (answer.body["value"], answer.body["usageState"]) == ("10.1.0.0/16", "active")
    assert answer.body["name"] == "Range"
    assert not {"description", "category"} & answer.body.keys()
    assert api.get(made["href"]).body == answer.body
    assert api.send("PUT", f"{RESOURCE}/{made['id']}", {"name": "n"}).status == 405
    assert api.send("PUT", made["href"], []).status == 400
    assert api.send("PUT", f"{LOGICAL}/none", {}).status == 404
