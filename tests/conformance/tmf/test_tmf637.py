"""TMF637: products of orders, and products that are known from elsewhere."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from trunkline import inventory
from trunkline.inventory import Iccid, Imsi, Msisdn
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Body = dict[str, Any]
PRODUCT = shop.PRODUCT


def known(api: Client, **rest: Any) -> Body:
    return shop.made(api.post(PRODUCT, {"status": "active", "name": "Router", **rest}))


@pytest.fixture
def ordered(api: Client, books: Database, relay: Relay, clock: DrivenClock) -> Body:
    """A mobile product in service."""
    with books.transaction() as tx:
        inventory.add_numbers(tx, first=Msisdn("353850000001"), count=2, now=clock.now())
        sims = [(Iccid.of(f"8935301000000000{i:02}"), Imsi(f"27201000000000{i}")) for i in (1, 2)]
        inventory.add_sims(tx, sims=sims, now=clock.now())
    order = shop.order(api, shop.account(api), shop.offer(api))
    relay.drain()
    product = order["productOrderItem"][0]["product"]["id"]
    found: Body = api.get(f"{PRODUCT}/{product}").body
    assert found["status"] == "active"
    return found


def test_the_least_that_the_document_asks_for(api: Client):
    answer = api.post(PRODUCT, {"status": "created"})
    made = shop.made(answer)
    assert answer.headers["location"] == made["href"]
    assert made["status"] == "created"
    assert made["@type"] == "Product"
    assert api.get(made["href"]).body == made


def test_everything_is_kept(api: Client):
    account = shop.account(api)
    offering = shop.offer(api)
    other = known(api)
    made = known(
        api,
        description="Delivered before the merger",
        productSerialNumber="SN-1",
        startDate="2024-05-01T00:00:00Z",
        orderDate="2024-04-01T00:00:00Z",
        billingAccount={"id": account["id"]},
        relatedParty=account["relatedParty"],
        productOffering={"id": offering["id"]},
        productCharacteristic=[{"name": "colour", "value": "red", "valueType": "string"}],
        productPrice=[
            {"name": "Fee", "priceType": "recurring", "recurringChargePeriod": "month",
             "price": {"dutyFreeAmount": shop.money(12.5)}},
            {"name": "By use", "priceType": "usage", "price": {"taxRate": 23}},
        ],
        productRelationship=[
            {"relationshipType": "reliesOn", "product": {"id": other["id"]}}
        ],
        place=[{"role": "installed", "name": "Attic"}],
        **{"x-shelf": {"row": 3}},
    )  # fmt: skip
    assert made["startDate"] == "2024-05-01T00:00:00.000Z"
    assert made["billingAccount"]["id"] == account["id"]
    assert made["productOffering"]["name"] == offering["name"]
    assert made["productCharacteristic"][0]["valueType"] == "string"
    assert [each["name"] for each in made["productPrice"]] == ["Fee", "By use"]
    assert made["productRelationship"][0]["product"]["id"] == other["id"]
    assert made["x-shelf"] == {"row": 3}
    assert made["place"][0]["name"] == "Attic"


@together(
    ("body", "path"),
    [
        ({}, "status"),
        ({"status": "sold"}, "status"),
        ({"status": "terminated"}, "status"),
        ({"status": "active", "name": "x" * 201}, "name"),
        ({"status": "active", "productOffering": {"id": "none"}}, "productOffering.id"),
        ({"status": "active", "billingAccount": {"id": "none"}}, "billingAccount.id"),
        (
            {"status": "active", "relatedParty": [{"id": "x", "@referredType": "Customer"}]},
            "relatedParty[0].id",
        ),
        ({"status": "active", "realizingService": [{"id": "none"}]}, "realizingService[0].id"),
        (
            {"status": "active", "productCharacteristic": [{"name": "a", "value": 1}] * 2},
            "productCharacteristic[1].name",
        ),
        ({"status": "active", "startDate": "yesterday"}, "startDate"),
    ],
)
def test_what_is_refused(api: Client, body: Body, path: str):
    answer = api.post(PRODUCT, body)
    assert answer.status == 400, answer.body
    assert answer.body["path"].endswith(path)


def test_a_product_is_described_anew(api: Client):
    made = known(api, description="Old", productCharacteristic=[{"name": "a", "value": 1}])
    changed = api.patch(
        made["href"],
        {
            "name": "Modem",
            "description": None,
            "productCharacteristic": [{"name": "b", "value": {"deep": True}}],
        },
    )
    assert changed.status == 200
    assert changed.body["name"] == "Modem"
    assert "description" not in changed.body
    assert changed.body["productCharacteristic"] == [{"name": "b", "value": {"deep": True}}]
    assert api.get(made["href"]).body == changed.body


@pytest.mark.parametrize("name", ["startDate", "orderDate", "terminationDate"])
def test_what_is_history_stays(api: Client, name: str):
    made = known(api)
    answer = api.patch(made["href"], {name: "2020-01-01T00:00:00Z"})
    assert (answer.status, answer.body["path"]) == (400, name)


def test_a_status_moves_by_the_table(api: Client):
    made = known(api)
    assert api.patch(made["href"], {"status": "suspended"}).body["status"] == "suspended"
    refused = api.patch(made["href"], {"status": "created"})
    assert refused.status == 409
    assert "terminated" in refused.body["message"]
    ended = api.patch(made["href"], {"status": "terminated"}).body
    assert "terminationDate" in ended


def test_what_a_service_realises_is_changed_by_orders(api: Client, ordered: Body):
    assert ordered["realizingService"][0]["@referredType"] == "Service"
    assert {each["value"] for each in ordered["realizingResource"]} >= {"353850000001"}
    refused = api.patch(ordered["href"], {"status": "terminated"})
    assert refused.status == 422
    assert "TMF622" in refused.body["message"]
    assert api.delete(ordered["href"]).status == 409


def test_what_an_order_delivers_is_the_orders(api: Client):
    order = shop.order(api, shop.account(api), shop.offer(api))
    path = f"{PRODUCT}/{order['productOrderItem'][0]['product']['id']}"
    refused = api.patch(path, {"status": "active"})
    assert refused.status == 422
    assert order["id"] in refused.body["message"]
    assert api.delete(path).status == 409


def test_what_nothing_came_of_is_deleted(api: Client):
    made = known(api)
    assert api.delete(made["href"]).status == 204
    assert api.get(made["href"]).status == 404
    assert api.delete(made["href"]).status == 404


def test_lists_are_filtered(api: Client):
    account = shop.account(api)
    mine = known(api, name="Mine", billingAccount={"id": account["id"]})
    decoy = known(api, name="Decoy", status="suspended")
    for query, found in [
        (f"billingAccount.id={account['id']}", [mine["id"]]),
        (f"relatedParty.id={account['relatedParty'][0]['id']}", [mine["id"]]),
        ("status=suspended", [decoy["id"]]),
        ("name=Mine", [mine["id"]]),
        ("name=Nobody", []),
    ]:
        answer = api.get(f"{PRODUCT}?{query}")
        assert [each["id"] for each in answer.body] == found, query
        assert answer.headers["x-total-count"] == str(len(found))


def test_aborted_is_written_as_the_document_has_it(api: Client):
    made = shop.made(api.post(PRODUCT, {"status": "created"}))
    assert api.patch(made["href"], {"status": "aborted"}).body["status"] == "aborted "
    assert [each["id"] for each in api.get(f"{PRODUCT}?status=aborted").body] == [made["id"]]


def test_a_product_is_found_by_its_number(api: Client, ordered: Body):
    known(api)
    service = ordered["realizingService"][0]["id"]
    for query, found in [
        ("realizingResource.value=353850000001", [ordered["id"]]),
        ("realizingResource.value=353850000002", []),
        (f"realizingService.id={service}&sort=realizingResource.value", [ordered["id"]]),
    ]:
        assert [each["id"] for each in api.get(f"{PRODUCT}?{query}").body] == found, query
    (found,) = api.get(f"{shop.SERVICE}?supportingResource.value=353850000001").body
    assert found["id"] == service
