"""TMF668: partnerships and their specifications."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import PARTY, made

BASE = "/tmf-api/partnershipManagement/v4"
SPECIFICATION = f"{BASE}/partnershipSpecification"
PARTNERSHIP = f"{BASE}/partnership"
ROLE = "/tmf-api/partyRoleManagement/v4/partyRole"
AGREED = "/tmf-api/agreementManagement/v4/agreementSpecification"


def firm(api: Client, name: str = "Masts Ltd") -> dict[str, Any]:
    body: dict[str, Any] = made(api.post(f"{PARTY}/organization", {"tradingName": name}))
    return {"id": body["id"], "@referredType": "Organization"}


def specification(api: Client, **rest: Any) -> dict[str, Any]:
    return made(api.post(SPECIFICATION, {"name": "Reseller programme", **rest}))


def test_a_specification(api: Client) -> None:
    template = made(api.post(AGREED, {"name": "Frame", "attachment": [{"name": "terms"}]}))
    specification(api, name="Decoy")
    kept = specification(
        api,
        description="Who resells",
        roleSpecification=[
            {"name": "Reseller", "requiresBilling": True,
             "agreementSpecification": [{"id": template["id"]}]},
            {"name": "Operator"},
        ],
        level=3,
    )  # fmt: skip
    assert api.get(f"{SPECIFICATION}?roleSpecification.name=Reseller").body == [kept]
    assert api.get(f"{SPECIFICATION}?name.ne=Decoy").body == [kept]
    changed = api.patch(kept["href"], {"description": None, "level": 4}).body
    assert ("description" in changed, changed["level"]) == (False, 4)
    assert api.delete(kept["href"]).status == 204
    for change, path in (
        ({"name": None}, "name"),
        ({"roleSpecification": [{"description": "x"}]}, "roleSpecification[0].name"),
        ({"roleSpecification": [{"name": "a"}, {"name": "a"}]}, "roleSpecification[1].name"),
        ({"roleSpecification": [{"name": "a", "agreementSpecification": [{"id": "x"}]}]},
         "roleSpecification[0].agreementSpecification[0].id"),
    ):  # fmt: skip
        refused = api.post(SPECIFICATION, {"name": "x"} | change)
        assert (refused.status, refused.body["path"]) == (400, path), refused.body


def test_partners_are_party_roles(api: Client) -> None:
    programme = specification(api)
    there = made(api.post(ROLE, {"name": "Agent", "engagedParty": firm(api, "Agents")}))
    kept = made(
        api.post(
            PARTNERSHIP,
            {
                "name": "North",
                "specification": {"id": programme["id"]},
                "partner": [
                    {"name": "Reseller", "engagedParty": firm(api)},
                    {"id": there["id"], "name": "Agent", "engagedParty": there["engagedParty"]},
                ],
                "region": "north",
            },
        )
    )
    new, known = kept["partner"]
    assert (new["name"], new["status"], new["@type"]) == ("Reseller", "initialized", "Partner")
    assert known["id"] == there["id"]
    assert kept["specification"]["href"] == programme["href"]
    assert kept["region"] == "north"
    assert api.get(new["href"]).body["name"] == "Reseller"
    assert len(api.get(ROLE).body) == 2
    api.patch(new["href"], {"status": "active"})
    seen = api.get(kept["href"]).body
    assert seen["partner"][0]["status"] == "active"
    seen["partner"][0]["status"] = "suspended"
    moved = api.patch(kept["href"], {"partner": seen["partner"]}).body
    assert moved["partner"][0]["status"] == "suspended"
    assert api.get(new["href"]).body["status"] == "suspended"
    fewer = api.patch(kept["href"], {"partner": moved["partner"][1:]}).body
    assert [each["id"] for each in fewer["partner"]] == [there["id"]]
    assert api.get(f"{PARTNERSHIP}?partner.id={there['id']}").body == [fewer]
    assert api.get(f"{PARTNERSHIP}?partner.id={new['id']}").body == []
    assert api.get(f"{PARTNERSHIP}?specification.id={programme['id']}").body == [fewer]
    in_use = api.delete(programme["href"])
    assert (in_use.status, in_use.body["code"]) == (409, "partnershipSpecificationInUse")
    assert api.delete(kept["href"]).status == 204
    assert api.delete(programme["href"]).status == 204


@together(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"specification": None}, "specification"),
        ({"specification": {"id": "none"}}, "specification.id"),
        ({"specification": {"name": "x"}}, "specification.id"),
        ({"partner": [{"id": "none", "name": "x"}]}, "partner[0].id"),
        ({"partner": [{"name": "x", "engagedParty": {"id": "y", "@referredType": "Organization"}}]},
         "partner[0].engagedParty.id"),
        ({"partner": [{"name": "x"}]}, "partner[0].engagedParty"),
        ({"partner": [{"name": "x", "status": "lost",
                       "engagedParty": {"id": "y", "@referredType": "Guild"}}]},
         "partner[0].status"),
        ({"partner": [{"engagedParty": {"id": "y", "@referredType": "Organization"}}]},
         "partner[0].name"),
    ],
)  # fmt: skip
def test_a_partnership_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {"name": "North", "specification": {"id": specification(api)["id"]}} | change
    refused = api.post(PARTNERSHIP, body)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(PARTNERSHIP).body == []
    assert api.get(ROLE).body == []
