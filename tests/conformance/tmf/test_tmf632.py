"""TMF632: what a party keeps, its relationships, and its end."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import PARTY, customer, individual, made
from trunkline import customers
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

CHANGES = "/trunkline/v1/partyChange"
PERIOD = {"startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2030-01-01T00:00:00Z"}
WHOLE: dict[str, Any] = {
    "aristocraticTitle": "Countess",
    "birthDate": "1815-12-10T09:30:00.000Z",
    "countryOfBirth": "GB",
    "deathDate": "2052-11-27T00:00:00Z",
    "familyNamePrefix": "of",
    "formattedName": "Ada, Countess of Lovelace",
    "gender": "female",
    "generation": "II",
    "legalName": "Augusta Ada King",
    "location": "London",
    "maritalStatus": "married",
    "middleName": "Augusta",
    "nationality": "British",
    "placeOfBirth": "London",
    "preferredGivenName": "Ada",
    "title": "Lady",
    "contactMedium": [
        {"mediumType": "email", "preferred": True, "validFor": PERIOD,
         "characteristic": {"emailAddress": "ada@engine.example", "contactType": "primary"}},
        {"mediumType": "telephone number", "characteristic": {"phoneNumber": "01 09 75 83 51"}},
        {"mediumType": "fax", "characteristic": {"faxNumber": "+44 1", "contactType": "work"}},
        {"mediumType": "social", "characteristic": {"socialNetworkId": "@ada"}},
        {"mediumType": "postalAddress",
         "characteristic": {"street1": "1 Square", "city": "London", "country": "United Kingdom",
                            "postCode": "W1", "stateOrProvince": "London"}},
        {"mediumType": "postalAddress", "characteristic": {"country": "Albion"}},
    ],
    "creditRating": [{"creditAgencyName": "Experian", "ratingScore": 800, "validFor": PERIOD}],
    "disability": [{"disabilityCode": "D1", "disabilityName": "none"}],
    "externalReference": [{"externalReferenceType": "externalId", "name": "crm-9"},
                          {"externalReferenceType": "facebook.com", "name": "ada"}],
    "individualIdentification": [
        {"identificationType": "passport", "identificationId": "P-1", "issuingAuthority": "UK",
         "issuingDate": "2020-01-01T00:00:00Z", "validFor": PERIOD,
         "attachment": {"attachmentType": "scan", "url": "https://x.example/p"}}],
    "languageAbility": [{"languageCode": "fr", "isFavouriteLanguage": True}],
    "otherName": [{"familyName": "Byron", "validFor": PERIOD}],
    "partyCharacteristic": [{"name": "loyal", "value": True, "valueType": "boolean"}],
    "skill": [{"skillCode": "math", "evaluatedLevel": "high", "comment": None}],
    "taxExemptionCertificate": [{"id": "t1", "taxDefinition": [{"id": "d", "taxType": "VAT"}]}],
    "@baseType": "Party",
    "@type": "Mathematician",
    "@schemaLocation": "https://x.example/schema",
    "engines": ["difference", {"analytical": 1.5}],
}  # fmt: skip


def test_everything_that_is_said_of_a_person_is_kept(api: Client) -> None:
    person = individual(api, "Ada", "Lovelace", **WHOLE)
    said = {**WHOLE, "skill": [{"skillCode": "math", "evaluatedLevel": "high"}]}
    assert {name: person[name] for name in said} == said
    assert api.get(person["href"]).body == person
    individual(api, "Decoy", "Person", title="Sir")
    for query in (
        "title=Lady", "nationality=British", "middleName=Augusta", "legalName.regex=^Aug",
        "individualIdentification.identificationId=P-1", "languageAbility.languageCode=fr",
        "skill.skillCode=math", "@baseType=Party", "externalReference.name=crm-9",
        "contactMedium.characteristic.phoneNumber=01+09+75+83+51",
        "contactMedium.characteristic.postCode=W1", "otherName.familyName=Byron",
    ):  # fmt: skip
        assert api.get(f"{PARTY}/individual?{query}").body == [person], query
    changed = api.patch(person["href"], {"engines": None, "title": "Dame"}).body
    assert ("engines" in changed, changed["title"]) == (False, "Dame")
    assert {**person, "title": "Dame"} == {**changed, "engines": person["engines"]}


def test_a_party_begins_validated(api: Client) -> None:
    assert individual(api, status="validated")["status"] == "validated"
    body = {"givenName": "A", "familyName": "B"}
    dead = api.post(f"{PARTY}/individual", body | {"status": "deceaded"})
    assert (dead.status, dead.body["path"]) == (400, "status")
    lost = api.post(f"{PARTY}/individual", body | {"status": "lost"})
    assert (lost.status, lost.body["path"]) == (400, "status")


def test_relationships_between_parties(api: Client) -> None:
    parent = individual(api, "Lady", "Byron")
    related = [{"id": parent["id"], "role": "mother", "@referredType": "Individual"}]
    child = individual(api, "Ada", "Byron", relatedParty=related)
    assert child["relatedParty"][0]["href"] == parent["href"]
    assert api.get(f"{PARTY}/individual?relatedParty.id={parent['id']}").body == [child]
    assert api.get(f"{PARTY}/individual?relatedParty.role=father").body == []
    for wrong, path in (
        ([{"id": "x", "@referredType": "Individual"}], "relatedParty[0].id"),
        ([{"id": parent["id"], "@referredType": "Customer"}], "relatedParty[0].id"),
        ([{"id": parent["id"]}], "relatedParty[0].@referredType"),
    ):
        refused = api.patch(child["href"], {"relatedParty": wrong})
        assert (refused.status, refused.body["path"]) == (400, path)


def firm(api: Client, name: str, **rest: Any) -> dict[str, Any]:
    return made(api.post(f"{PARTY}/organization", {"tradingName": name, **rest}))


def part(of: dict[str, Any], kind: str = "hierarchical") -> dict[str, Any]:
    return {"relationshipType": kind, "organization": {"id": of["id"]}}


def test_organizations_within_organizations(api: Client) -> None:
    top = firm(api, "Group", isLegalEntity=True, nameType="Plc", existsDuring=PERIOD)
    middle = firm(api, "Division", organizationParentRelationship=part(top))
    low = firm(api, "Team")
    assert middle["organizationParentRelationship"]["organization"]["href"] == top["href"]
    children = [part(low, "juridical")]
    middle = api.patch(middle["href"], {"organizationChildRelationship": children}).body
    assert [each["organization"]["id"] for each in middle["organizationChildRelationship"]] == [
        low["id"]
    ]
    low = api.get(low["href"]).body
    assert low["organizationParentRelationship"]["organization"]["name"] == "Division"
    assert low["organizationParentRelationship"]["relationshipType"] == "juridical"
    query = f"organizationParentRelationship.organization.id={top['id']}"
    assert [each["id"] for each in api.get(f"{PARTY}/organization?{query}").body] == [middle["id"]]
    circle = api.patch(top["href"], {"organizationParentRelationship": part(low)})
    assert (circle.status, circle.body["code"]) == (409, "circularRelationship")
    itself = api.patch(top["href"], {"organizationChildRelationship": [part(top)]})
    assert itself.status == 409
    used = api.delete(middle["href"])
    assert (used.status, used.body["code"]) == (409, "partyInUse")
    alone = api.patch(middle["href"], {"organizationChildRelationship": None}).body
    assert "organizationChildRelationship" not in alone
    assert "organizationParentRelationship" not in api.get(low["href"]).body
    assert api.delete(middle["href"]).status == 204
    assert api.get(f"{PARTY}/organization?isLegalEntity=true").body == [api.get(top["href"]).body]


@together(
    ("change", "path"),
    [
        ({"organizationParentRelationship": {"organization": {"id": "x"}}},
         "organizationParentRelationship.organization.id"),
        ({"organizationParentRelationship": {"relationshipType": "x"}},
         "organizationParentRelationship.organization"),
        ({"organizationChildRelationship": [{"organization": {}}]},
         "organizationChildRelationship[0].organization.id"),
        ({"isLegalEntity": "yes"}, "isLegalEntity"),
        ({"existsDuring": {"startDateTime": "then"}}, "existsDuring.startDateTime"),
        ({"creditRating": [{"ratingScore": "high"}]}, "creditRating[0].ratingScore"),
        ({"tradingName": None}, "tradingName"),
        ({"status": "deceaded"}, "status"),
        ({"externalReference": [{"externalReferenceType": "externalId", "name": "a b"}]},
         "externalId"),
    ],
)  # fmt: skip
def test_an_organization_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    refused = api.post(f"{PARTY}/organization", {"tradingName": "x"} | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(f"{PARTY}/organization").body == []


def test_a_person_is_no_organization(api: Client) -> None:
    person = individual(api)
    refused = api.post(
        f"{PARTY}/organization",
        {"tradingName": "x", "organizationParentRelationship": part(person)},
    )
    assert (refused.status, refused.body["path"]) == (
        400, "organizationParentRelationship.organization.id",
    )  # fmt: skip


def test_who_changed_what(
    api: Client, make_client: MakeClient, books: Database, clock: DrivenClock
) -> None:
    other = individual(api)
    related = [{"id": other["id"], "role": "friend", "@referredType": "Individual"}]
    media = WHOLE["contactMedium"][:2]
    person = individual(api, title="Ms", contactMedium=media, relatedParty=related)
    clock.advance(timedelta(hours=1))
    api.patch(person["href"], {"familyName": "Burke", "title": "Dr", "skill": [{"skillCode": "x"}]})
    api.patch(person["href"], {"status": "validated"})
    told = api.get(f"{CHANGES}?resourceId={person['id']}").body
    assert {each["attribute"]: (each.get("before"), each.get("after")) for each in told} == {
        "familyName": ("Doyle", "Burke"),
        "name": ("Maeve Doyle", "Maeve Burke"),
        "title": ("Ms", "Dr"),
        "skill": (None, [{"skillCode": "x"}]),
        "status": ("initialized", "validated"),
    }
    assert {each["who"].partition(" ")[0] for each in told} == {"test"}
    assert {each["date"] for each in told} == {format_instant(clock.now())}
    assert {each["resourceHref"] for each in told} == {person["href"]}
    assert api.get(told[0]["href"]).body == told[0]
    with books.transaction() as tx:
        assert customers.erase_history(tx, [person["id"]]) == len(told)
    erased = api.get(f"{CHANGES}?isErased=true").body
    assert [each["attribute"] for each in erased] == [each["attribute"] for each in told]
    assert not any("before" in each or "after" in each for each in erased)
    assert make_client("tmf632:*").get(CHANGES).status == 403
    assert api.delete(told[0]["href"]).status == 405


def test_a_party_goes_while_nobody_deals_with_it(api: Client) -> None:
    person, buyer = individual(api), individual(api)
    customer(api, buyer)
    refused = api.delete(buyer["href"])
    assert (refused.status, refused.body["code"]) == (409, "partyInUse")
    assert api.delete(person["href"]).status == 204
    assert api.get(person["href"]).status == 404
    assert api.delete(person["href"]).status == 404
    agent = firm(api, "Agents")
    body = {"name": "Agent", "engagedParty": {"id": agent["id"], "@referredType": "Organization"}}
    made(api.post("/tmf-api/partyRoleManagement/v4/partyRole", body))
    assert api.delete(agent["href"]).body["code"] == "partyInUse"
