"""TMF620: the catalogue as documents."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, made, money, offer
from trunkline.platform.clock import DrivenClock

COLLECTIONS = ("catalog", "category", "productSpecification", "productOffering",
               "productOfferingPrice")  # fmt: skip


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_kept_found_changed_and_deleted(api: Client, collection: str, clock: DrivenClock) -> None:
    where = f"{CATALOG}/{collection}"
    body = {
        "name": "one",
        "description": "d",
        "validFor": {"startDateTime": "2026-01-01T00:00:00Z"},
        "unheard": {"of": [1]},
    }
    decoy = made(api.post(where, {"name": "two"}))
    created = made(api.post(where, body))
    assert created["@type"].lower() == collection.lower()
    assert created["lifecycleStatus"] == "In study"
    assert created["lastUpdate"] == "2026-11-02T09:00:00.000Z"
    assert created["unheard"] == {"of": [1]}
    assert api.get(created["href"]).body == created
    for query in (
        "name=one", "description=d", "name.ne=two", "name.regex=^on", f"id={created['id']}",
        "name=nobody,one", "lifecycleStatus=In+study&name.gt=o&name.lt=p",
    ):  # fmt: skip
        assert api.get(f"{where}?{query}").body == [created], query
    clock.set(clock.now().replace(hour=10))
    changed = api.patch(created["href"], {"description": None, "name": "uno"})
    assert (changed.status, "description" in changed.body) == (200, False)
    assert changed.body["lastUpdate"] == "2026-11-02T10:00:00.000Z"
    assert changed.body["unheard"] == {"of": [1]}
    assert [each["id"] for each in api.get(f"{where}?lastUpdate.gt=2026-11-02T09:30:00Z").body] == [
        created["id"]
    ]
    names = [each["name"] for each in api.get(f"{where}?sort=-name").body]
    assert names == ["uno", "two"]
    assert api.delete(created["href"]).status == 204
    assert api.get(where).body == [decoy]


def test_lists_reach_into_arrays(api: Client) -> None:
    category = made(api.post(f"{CATALOG}/category", {"name": "Plans", "isRoot": True}))
    decoy = made(api.post(f"{CATALOG}/category", {"name": "Devices", "isRoot": False}))
    inside = offer(api, "in", category=[{"id": decoy["id"]}, {"id": category["id"], "name": "P"}])
    offer(api, "out", category=[{"id": decoy["id"]}])
    offer(api, "none")
    where = f"{CATALOG}/productOffering"
    for query in (
        f"category.id={category['id']}",
        "category.name=P",
        f"category.id.ne={decoy['id']}&category.id={category['id']}",
        f"productOfferingPrice.id={inside['productOfferingPrice'][2]['id']}",
    ):
        found = [each["name"] for each in api.get(f"{where}?{query}").body]
        assert found == ([] if "ne=" in query else ["in"]), query
    assert len(api.get(f"{where}?prodSpecCharValueUse.name=serviceKind").body) == 3
    roots = api.get(f"{CATALOG}/category?isRoot=true").body
    assert [each["name"] for each in roots] == ["Plans"]


def test_prices_by_their_amounts(api: Client) -> None:
    offer(api, monthly=20)
    where = f"{CATALOG}/productOfferingPrice"

    def named(query: str) -> list[str]:
        return [each["name"] for each in api.get(f"{where}?{query}").body]

    assert named("price.value=20") == ["Monthly fee"]
    assert named("price.value.lt=2") == ["Data"]
    assert named("price.value%3E=1.5&sort=-price.value") == ["Monthly fee", "Data"]
    assert named("sort=price.value") == ["Data", "Monthly fee", "Included data"]
    assert named("@type=Allowance") == ["Included data"]
    assert sorted(named("service=data")) == ["Data", "Included data"]


def test_what_is_named_elsewhere_stays(api: Client) -> None:
    offering = offer(api)
    price = offering["productOfferingPrice"][0]
    refused = api.delete(f"{CATALOG}/productOfferingPrice/{price['id']}")
    assert (refused.status, refused.body["code"]) == (409, "documentInUse")
    launched = api.delete(offering["href"])
    assert (launched.status, launched.body["path"]) == (409, "lifecycleStatus")


@together(
    ("collection", "body", "status", "path"),
    [
        ("productOffering", {}, 400, "name"),
        ("productOffering", {"name": ""}, 400, "name"),
        ("productOffering", {"name": 5}, 400, "name"),
        ("productOffering", {"name": "x", "isBundle": "no"}, 400, "isBundle"),
        ("productOffering", {"name": "x", "lifecycleStatus": "Sold"}, 400, "lifecycleStatus"),
        ("productOffering", {"name": "x", "validFor": {"startDateTime": "soon"}}, 400,
         "validFor.startDateTime"),
        ("productOffering", {"name": "x", "category": [{"id": "none"}]}, 400, "category[0].id"),
        ("productOffering", {"name": "x", "category": [{"name": "P"}]}, 400, "category[0].id"),
        ("productOffering", {"name": "x", "productOfferingPrice": [{"id": "none"}]}, 400,
         "productOfferingPrice[0].id"),
        ("productOffering", {"name": "x", "productOfferingPrice": [
            {"name": "p", "priceType": "recurring", "price": money(-1)}]}, 400,
         "productOfferingPrice[0].price.value"),
        ("productOffering", {"name": "x", "brand": "none"}, 400, "brand"),
        ("productOfferingPrice", {"name": "x", "priceType": "recurring"}, 400, "price"),
        ("productOfferingPrice", {"name": "x", "price": {"unit": "EUR", "value": "much"}}, 400,
         "price.value"),
        ("productOfferingPrice", {"name": "x", "price": {"unit": "EUR", "value": "1.00"}}, 400,
         "price.value"),
        ("productOfferingPrice", {"name": "x", "recurringChargePeriodLength": 1.5}, 400,
         "recurringChargePeriodLength"),
        ("category", {"name": "x", "parentId": "none"}, 400, "parentId"),
        ("catalog", {"name": "x", "relatedParty": [{"id": "1"}]}, 400,
         "relatedParty[0].@referredType"),
        ("category", {"name": "x", "id": "a/b"}, 400, "id"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    api: Client, collection: str, body: Any, status: int, path: str
) -> None:
    refused = api.post(f"{CATALOG}/{collection}", body)
    assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert api.get(f"{CATALOG}/{collection}").body == []


def test_a_lifecycle_is_followed(api: Client) -> None:
    offering = offer(api)
    refused = api.patch(offering["href"], {"lifecycleStatus": "In design"})
    assert (refused.status, refused.body["code"]) == (409, "illegalTransition")
    assert "Retired" in refused.body["message"]
    retired = api.patch(offering["href"], {"lifecycleStatus": "Retired"})
    assert retired.body["lifecycleStatus"] == "Retired"


def test_prices_of_use_that_could_not_be_charged_are_refused(api: Client) -> None:
    """A zone by its name alone, whose networks nobody says: kept as a draft; refused on sale, at
    the price as at the offering, with the place. What is launched is never made such a one."""
    prices, offerings = f"{CATALOG}/productOfferingPrice", f"{CATALOG}/productOffering"
    body = {"name": "Abroad", "@type": "UsagePrice", "service": "data", "price": money(1.5),
            "unitOfMeasure": {"amount": 1, "units": "GB"}, "zone": "Atlantis"}  # fmt: skip
    price = made(api.post(prices, body))
    plan: dict[str, Any] = {"name": "Roam", "productOfferingPrice": [{"id": price["id"]}]}
    draft = made(api.post(offerings, plan | {"lifecycleStatus": "In test"}))
    where = f"plan {draft['id']}, usage rule 1, zone"
    for answer in (
        api.post(offerings, plan | {"lifecycleStatus": "Launched"}),
        api.post(offerings, plan | {"lifecycleStatus": "Active", "productOfferingPrice": [body]}),
        api.patch(draft["href"], {"lifecycleStatus": "Active"}),
    ):
        assert (answer.status, answer.body["code"]) == (400, "tariffRefused")
        assert "usage rule 1, zone: no zone is called 'Atlantis'" in answer.body["message"]
    assert where in answer.body["message"]
    assert [each["id"] for each in api.get(offerings).body] == [draft["id"]]
    zone = {"name": "Atlantis", "networks": ["999"]}
    assert api.patch(price["href"], {"zone": zone}).status == 200
    assert api.patch(draft["href"], {"lifecycleStatus": "Active"}).status == 200
    refused = api.patch(price["href"], {"zone": "Atlantis"})
    assert (refused.status, where in refused.body["message"]) == (400, True)
    assert api.get(price["href"]).body["zone"] == zone
    same = body | {"zone": {"name": "Lemuria", "networks": ["999"]}}
    refused = api.post(
        offerings, plan | {"lifecycleStatus": "Active", "productOfferingPrice": [same]}
    )
    assert (refused.status, refused.body["code"]) == (400, "zoneContradiction")
