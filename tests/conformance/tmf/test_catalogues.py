"""TMF633, 634 and 671: the technical catalogues and promotions, as documents."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, made
from trunkline.platform.clock import DrivenClock

SERVICES = "/tmf-api/serviceCatalogManagement/v4"
RESOURCES = "/tmf-api/resourceCatalog/v4"
PROMOTIONS = "/tmf-api/promotionManagement/v4"

COLLECTIONS = [
    f"{base}/{name}"
    for base, names in (
        (SERVICES, ("serviceCatalog", "serviceCategory", "serviceSpecification")),
        (RESOURCES, ("resourceCatalog", "resourceCategory", "resourceCandidate",
                     "resourceSpecification")),
        (PROMOTIONS, ("promotion",)),
    )
    for name in names
]  # fmt: skip


@pytest.mark.parametrize("where", COLLECTIONS)
def test_kept_found_changed_and_deleted(api: Client, where: str, clock: DrivenClock) -> None:
    decoy = made(api.post(where, {"name": "two", "version": "2.0"}))
    created = made(api.post(where, {"name": "one", "unheard": {"of": [1]}, "@type": "Own"}))
    assert (created["@type"], created["lifecycleStatus"]) == ("Own", "In study")
    assert created["lastUpdate"] == "2026-11-02T09:00:00.000Z"
    assert ("isBundle" in created) is where.endswith("Specification")
    assert api.get(created["href"]).body == created
    for query in ("name=one", "version.ne=2.0", "@type=Own", f"id={created['id']}"):
        assert api.get(f"{where}?{query}").body == [created], query
    clock.set(clock.now().replace(hour=10))
    changed = api.patch(created["href"], {"name": "uno", "lifecycleStatus": "In design"})
    assert (changed.status, changed.body["lifecycleStatus"]) == (200, "In design")
    refused = api.patch(created["href"], {"lifecycleStatus": "Launched"})
    assert (refused.status, refused.body["path"]) == (409, "lifecycleStatus")
    assert api.delete(created["href"]).status == 204
    assert api.get(where).body == [decoy]


def test_a_service_stands_on_specifications(api: Client) -> None:
    line = made(api.post(f"{RESOURCES}/resourceSpecification", {"name": "MSISDN"}))
    mobile = made(
        api.post(
            f"{SERVICES}/serviceSpecification",
            {
                "name": "Mobile line",
                "resourceSpecification": [{"id": line["id"], "name": "MSISDN"}],
                "specCharacteristic": [
                    {
                        "name": "speed",
                        "valueType": "number",
                        "characteristicValueSpecification": [{"value": 50, "isDefault": True}],
                    }
                ],
                "serviceSpecRelationship": [{"relationshipType": "dependency"}],
            },
        )
    )
    decoy = made(api.post(f"{SERVICES}/serviceSpecification", {"name": "Voice mail"}))
    candidate = made(
        api.post(
            f"{SERVICES}/serviceCandidate",
            {"name": "Line", "serviceSpecification": {"id": mobile["id"]}},
        )
    )
    where = f"{SERVICES}/serviceCandidate?serviceSpecification.id="
    assert api.get(where + mobile["id"]).body == [candidate]
    assert api.get(where + decoy["id"]).body == []
    product = made(
        api.post(
            f"{CATALOG}/productSpecification",
            {"name": "Plan", "serviceSpecification": [{"id": mobile["id"]}]},
        )
    )
    assert product["serviceSpecification"] == [{"id": mobile["id"]}]
    for href in (line["href"], mobile["href"]):
        refused = api.delete(href)
        assert (refused.status, refused.body["code"]) == (409, "documentInUse")
    assert api.delete(decoy["href"]).status == 204


@together(
    ("where", "body", "path"),
    [
        (f"{SERVICES}/serviceCandidate", {"name": "x"}, "serviceSpecification"),
        (f"{SERVICES}/serviceCandidate", {"name": "x", "serviceSpecification": {"id": "no"}},
         "serviceSpecification.id"),
        (f"{SERVICES}/serviceCategory", {"name": "x", "parentId": "no"}, "parentId"),
        (f"{SERVICES}/serviceSpecification", {"name": "x", "isBundle": "yes"}, "isBundle"),
        (f"{SERVICES}/serviceSpecification", {}, "name"),
        (f"{SERVICES}/serviceSpecification",
         {"name": "x", "resourceSpecification": [{"id": "no"}]}, "resourceSpecification[0].id"),
        (f"{RESOURCES}/resourceCandidate", {"name": "x", "category": [{"id": "no"}]},
         "category[0].id"),
        (f"{RESOURCES}/resourceSpecification", {"name": "x", "lifecycleStatus": "Gone"},
         "lifecycleStatus"),
        (f"{PROMOTIONS}/promotion", {"description": "x"}, "name"),
        (f"{PROMOTIONS}/promotion", {"name": "x", "pattern": [{"action": []}]},
         "pattern[0].action"),
        (f"{PROMOTIONS}/promotion",
         {"name": "x", "pattern": [{"action": [{"actionType": "discount"}]}]},
         "pattern[0].criteriaGroup"),
        (f"{PROMOTIONS}/promotion",
         {"name": "x", "pattern": [{"action": [{}], "criteriaGroup": []}]},
         "pattern[0].action[0].actionType"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(api: Client, where: str, body: Any, path: str) -> None:
    refused = api.post(where, body)
    assert (refused.status, refused.body["path"]) == (400, path)
    assert api.get(where).body == []
