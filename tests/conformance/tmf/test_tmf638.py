"""TMF638: services of products, and services that are known from elsewhere."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.test_tmf637 import ordered as ordered

Body = dict[str, Any]
SERVICE = shop.SERVICE
SPECIFICATION = "/tmf-api/serviceCatalogManagement/v4/serviceSpecification"


def specification(api: Client, name: str = "Broadband") -> Body:
    made = shop.made(api.post(SPECIFICATION, {"name": name}))
    return {"id": made["id"], "name": name}


def known(api: Client, **rest: Any) -> Body:
    body = {"state": "active", "serviceSpecification": specification(api), **rest}
    return shop.made(api.post(SERVICE, body))


def test_the_least_that_the_document_asks_for(api: Client):
    made = known(api)
    assert made["name"] == "Broadband"
    assert made["serviceDate"].startswith("2026-11-02T09:00:00")
    assert (made["hasStarted"], made["isServiceEnabled"]) == (True, True)
    assert api.get(made["href"]).body == made


@together(
    "state", ["feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"]
)
def test_it_is_taken_on_in_any_state(api: Client, state: str):
    assert known(api, state=state)["state"] == state


def test_everything_is_kept(api: Client):
    owner = shop.customer(api)
    other = known(api)
    made = known(
        api,
        name="Fibre at home",
        description="From before",
        category="RFS",
        startDate="2020-01-01T00:00:00Z",
        relatedParty=[{"id": owner["id"], "role": "customer", "@referredType": "Customer"}],
        serviceCharacteristic=[{"name": "mbit", "value": 500, "valueType": "integer"}],
        serviceRelationship=[
            {"relationshipType": "reliesOn", "service": {"id": other["id"]}}
        ],
        note=[{"text": "cabinet 7"}],
        feature=[{"name": "f", "featureCharacteristic": [{"name": "a", "value": 1}]}],
        place=[{"role": "installed", "name": "Attic"}],
        **{"x-line": [1, 2]},
    )  # fmt: skip
    assert made["startDate"] == "2020-01-01T00:00:00.000Z"
    assert made["serviceCharacteristic"][0]["valueType"] == "integer"
    assert made["note"][0]["author"] == "unknown"
    assert made["feature"][0]["id"] == "1"
    assert made["x-line"] == [1, 2]
    assert made["relatedParty"][0]["id"] == owner["id"]


@together(
    ("body", "path"),
    [
        ({"state": None}, "state"),
        ({"state": "asleep"}, "state"),
        ({"serviceSpecification": None}, "serviceSpecification"),
        ({"serviceSpecification": {"id": "none"}}, "serviceSpecification.id"),
        ({"name": "x" * 201}, "name"),
        ({"category": "x" * 101}, "category"),
        ({"supportingResource": [{"id": "none"}]}, "supportingResource[0].id"),
        (
            {"serviceRelationship": [{"relationshipType": "x", "service": {"id": "none"}}]},
            "serviceRelationship[0].service.id",
        ),
        ({"serviceRelationship": [{"relationshipType": "x"}]}, "serviceRelationship[0].service.id"),
        (
            {"relatedEntity": [{"id": "none", "role": "product", "@referredType": "Product"}]},
            "relatedEntity[0].id",
        ),
        (
            {"relatedParty": [{"id": "none", "@referredType": "Individual"}]},
            "relatedParty[0].id",
        ),
        ({"serviceCharacteristic": [{"value": 1}]}, "name"),
        ({"startDate": "soon"}, "startDate"),
    ],
)
def test_what_is_refused(api: Client, body: Body, path: str):
    usual = {"state": "active", "serviceSpecification": specification(api)}
    sent = {name: each for name, each in (usual | body).items() if each is not None}
    answer = api.post(SERVICE, sent)
    assert answer.status == 400, answer.body
    assert answer.body["path"].endswith(path)


def test_a_specification_of_somebody_else_is_taken_on_trust(api: Client):
    theirs = {"id": "42", "href": "https://catalogue.example/serviceSpecification/42"}
    made = known(api, serviceSpecification=theirs)
    assert made["serviceSpecification"] == theirs
    found = api.get(f"{SERVICE}?serviceSpecification.id=42").body
    assert [each["id"] for each in found] == [made["id"]]


def test_a_service_is_described_anew(api: Client):
    made = known(api, description="Old")
    changed = api.patch(
        made["href"],
        {"description": None, "name": "New", "serviceCharacteristic": [{"name": "a", "value": 1}]},
    ).body
    assert changed["name"] == "New"
    assert "description" not in changed
    assert changed["serviceCharacteristic"] == [{"name": "a", "value": 1}]
    assert api.get(made["href"]).body == changed


@pytest.mark.parametrize("name", ["serviceDate", "startDate", "hasStarted", "isServiceEnabled"])
def test_what_follows_from_the_state_stays(api: Client, name: str):
    value = False if name[0] in "hi" else "2020-01-01T00:00:00Z"
    answer = api.patch(known(api)["href"], {name: value})
    assert (answer.status, answer.body["path"]) == (400, name)


def test_a_state_moves_by_the_table(api: Client):
    made = known(api, state="designed")
    assert api.patch(made["href"], {"state": "active"}).body["hasStarted"] is True
    refused = api.patch(made["href"], {"state": "reserved"})
    assert refused.status == 409
    assert "inactive" in refused.body["message"]
    assert "endDate" in api.patch(made["href"], {"state": "terminated"}).body


def test_a_products_service_is_the_orders(api: Client, ordered: Body):
    (service,) = api.get(f"{SERVICE}?relatedEntity.id={ordered['id']}").body
    assert service["state"] == "active"
    assert service["supportingResource"]
    assert service["relatedEntity"][0]["id"] == ordered["id"]
    assert api.patch(service["href"], {"state": "terminated"}).status == 422
    assert api.delete(service["href"]).status == 409
    changed = api.patch(service["href"], {"description": "The first line"}).body
    assert changed["description"] == "The first line"
    assert changed["relatedEntity"] == service["relatedEntity"]
    refused = api.patch(service["href"], {"relatedEntity": []})
    assert (refused.status, refused.body["path"]) == (400, "relatedEntity")


def test_a_service_of_no_product_is_deleted(api: Client):
    made = known(api)
    assert api.delete(made["href"]).status == 204
    assert api.get(made["href"]).status == 404


def test_lists_are_filtered(api: Client):
    mine = known(api, name="Mine", category="RFS")
    decoy = known(api, state="reserved")
    for query, found in [
        ("name=Mine", [mine["id"]]),
        ("category=RFS", [mine["id"]]),
        ("state=reserved", [decoy["id"]]),
        (f"serviceSpecification.id={mine['serviceSpecification']['id']}", [mine["id"]]),
        ("name=Nobody", []),
    ]:
        answer = api.get(f"{SERVICE}?{query}")
        assert [each["id"] for each in answer.body] == found, query
