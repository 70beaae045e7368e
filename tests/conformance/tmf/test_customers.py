"""TMF632, 629 and 666: parties, customers, billing accounts."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import ACCOUNT, CUSTOMER, PARTY, account, customer, individual, made
from trunkline import catalog
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

EMAIL = {"mediumType": "email", "preferred": True,
         "characteristic": {"emailAddress": "maeve@example.ie"}}  # fmt: skip
PHONE = {"mediumType": "mobile phone", "characteristic": {"phoneNumber": "+353 85 000 0001"}}
POSTAL = {"mediumType": "postalAddress",
          "characteristic": {"street1": "1 Quay", "city": "Galway", "country": "IE"}}  # fmt: skip


def test_a_person(api: Client) -> None:
    extra = [{"name": "loyalty", "value": {"tier": 2}}]
    external = [{"externalReferenceType": "externalId", "name": "crm-1"}]
    person = individual(
        api,
        birthDate="1990-05-01T00:00:00Z",
        contactMedium=[EMAIL, PHONE, POSTAL],
        partyCharacteristic=extra,
        externalReference=external,
        maritalStatus="married",
    )
    individual(api, "Other", "Person")
    assert (person["fullName"], person["status"]) == ("Maeve Doyle", "initialized")
    assert person["birthDate"] == "1990-05-01T00:00:00Z"
    assert person["contactMedium"][1]["characteristic"] == {"phoneNumber": "+353850000001"}
    assert person["partyCharacteristic"] == extra
    assert person["maritalStatus"] == "married"
    assert person["contactMedium"][1]["mediumType"] == "mobile phone"
    for query in (
        "maritalStatus=married", "contactMedium.characteristic.phoneNumber=%2B353850000001",
        "givenName=Maeve", "familyName.regex=^Doy", "externalReference.name=crm-1",
        "contactMedium.characteristic.emailAddress=maeve@example.ie", "fullName=Maeve+Doyle",
        "contactMedium.characteristic.city=Galway", "status=initialized&givenName.lt=N",
    ):  # fmt: skip
        assert api.get(f"{PARTY}/individual?{query}").body == [person], query
    assert api.get(f"{PARTY}/organization").body == []
    assert api.get(f"{PARTY}/organization/{person['id']}").status == 404


def test_a_person_changes(api: Client) -> None:
    href = individual(api, contactMedium=[EMAIL])["href"]
    married = api.patch(href, {"familyName": "Burke"}).body
    assert (married["fullName"], married["givenName"]) == ("Maeve Burke", "Maeve")
    named = api.patch(href, {"fullName": "Dr Maeve Burke", "gender": "female"}).body
    assert (named["fullName"], named["gender"]) == ("Dr Maeve Burke", "female")
    kept = api.patch(href, {"givenName": "Medb", "contactMedium": None}).body
    assert (kept["fullName"], kept["givenName"]) == ("Dr Maeve Burke", "Medb")
    assert "contactMedium" not in kept
    validated = api.patch(href, {"status": "validated"}).body
    assert validated["status"] == "validated"
    back = api.patch(href, {"status": "initialized"})
    assert (back.status, back.body["code"]) == (409, "illegalTransition")
    gone = api.patch(href, {"status": "deceaded"}).body
    assert gone["status"] == "deceaded"
    assert [each["id"] for each in api.get(f"{PARTY}/individual?status=deceaded").body] == [
        gone["id"]
    ]


@together(
    ("change", "path"),
    [
        ({"familyName": None}, "familyName"),
        ({"givenName": ""}, "givenName"),
        ({"birthDate": "2999-01-01"}, "birthDate"),
        ({"birthDate": "yesterday"}, "birthDate"),
        ({"contactMedium": [EMAIL, {"mediumType": "email", "characteristic": {}}]},
         "contactMedium[1].characteristic.emailAddress"),
        ({"contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "no"}}]},
         "contactMedium[0]"),
        ({"contactMedium": [{"mediumType": "phone", "characteristic": {"phoneNumber": "none"}}]},
         "contactMedium[0].characteristic.phoneNumber"),
        ({"contactMedium": [{"characteristic": {}}]}, "contactMedium[0].mediumType"),
        ({"partyCharacteristic": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
         "partyCharacteristic[1].name"),
        ({"partyCharacteristic": [{"name": "a"}]}, "partyCharacteristic[0].value"),
        ({"familyName": "x" * 300}, "familyName"),
        ({"familyName": "a\nb"}, "familyName"),
    ],
)  # fmt: skip
def test_a_person_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {"givenName": "Maeve", "familyName": "Doyle"} | change
    refused = api.post(f"{PARTY}/individual", body)
    assert refused.status == 400
    assert refused.body["path"].startswith(path), refused.body
    assert api.get(f"{PARTY}/individual").body == []


def test_an_organization(api: Client) -> None:
    body = {"tradingName": "Skerry", "name": "Skerry Mobile Ltd", "organizationType": "company"}
    made(api.post(f"{PARTY}/organization", {"tradingName": "Decoy"}))
    firm = made(api.post(f"{PARTY}/organization", body))
    assert api.get(f"{PARTY}/organization?tradingName=Skerry").body == [firm]
    assert api.get(f"{PARTY}/organization?name.ne=Decoy").body == [firm]
    changed = api.patch(firm["href"], {"name": "Skerry plc", "contactMedium": [PHONE]}).body
    assert (changed["name"], changed["tradingName"]) == ("Skerry plc", "Skerry")
    assert api.post(f"{PARTY}/organization", {"name": "x"}).body["path"] == "tradingName"
    assert api.delete(firm["href"]).status == 204
    assert api.get(firm["href"]).status == 404


def test_a_customer(api: Client) -> None:
    person = individual(api, contactMedium=[EMAIL])
    buyer = customer(api, person, characteristic=[{"name": "segment", "value": "gold"}],
                     externalId="c-1")  # fmt: skip
    decoy = customer(api)
    assert buyer["engagedParty"]["href"] == person["href"]
    assert buyer["engagedParty"]["@referredType"] == "Individual"
    assert buyer["status"] == "active"
    assert buyer["contactMedium"] == person["contactMedium"]
    payer = account(api, buyer)
    buyer = api.get(buyer["href"]).body
    assert [each["id"] for each in buyer["account"]] == [payer["id"]]
    for query in (f"engagedParty.id={person['id']}", "externalId=c-1", f"id={buyer['id']}",
                  f"id.ne={decoy['id']}"):  # fmt: skip
        assert api.get(f"{CUSTOMER}?{query}").body == [buyer], query
    suspended = api.patch(buyer["href"], {"status": "suspended", "statusReason": "unpaid"}).body
    assert (suspended["status"], suspended["statusReason"]) == ("suspended", "unpaid")
    assert [each["id"] for each in api.get(f"{CUSTOMER}?status=suspended").body] == [buyer["id"]]
    renamed = api.patch(buyer["href"], {"name": "M. Doyle", "characteristic": None}).body
    assert (renamed["name"], "characteristic" in renamed) == ("M. Doyle", False)
    assert renamed["status"] == "suspended"
    illegal = api.patch(buyer["href"], {"status": "prospective"})
    assert (illegal.status, illegal.body["code"]) == (409, "illegalTransition")
    for change, path in (
        ({"status": "gone"}, "status"), ({"engagedParty": {"id": "x"}}, "engagedParty"),
        ({"name": None}, "name"), ({"account": []}, "account"),
    ):  # fmt: skip
        refused = api.patch(buyer["href"], change)
        assert (refused.status, refused.body["path"]) == (400, path), refused.body


@together(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"engagedParty": None}, "engagedParty"),
        ({"engagedParty": {"id": "nobody"}}, "engagedParty.id"),
        ({"engagedParty": {"name": "x"}}, "engagedParty.id"),
        ({"status": "rich"}, "status"),
        ({"brand": {"id": "none"}}, "brand.id"),
    ],
)
def test_a_customer_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {"name": "x", "engagedParty": {"id": individual(api)["id"]}} | change
    refused = api.post(CUSTOMER, body)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body


def test_the_brand_is_named_where_there_are_two(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    with books.transaction() as tx:
        market = catalog.markets(tx)[0]
        other = catalog.create_brand(tx, name="Other", market=market.id, now=clock.now())
    engaged = {"id": individual(api)["id"]}
    unsaid = api.post(CUSTOMER, {"name": "x", "engagedParty": engaged})
    assert (unsaid.status, unsaid.body["path"]) == (400, "brand")
    said = made(
        api.post(CUSTOMER, {"name": "x", "engagedParty": engaged, "brand": {"id": str(other.id)}})
    )
    assert api.get(f"{CUSTOMER}?brand.id={other.id}").body == [said]


def test_an_external_id_comes_in_once(api: Client) -> None:
    customer(api, externalId="c-1")
    engaged = {"id": individual(api)["id"]}
    again = api.post(CUSTOMER, {"name": "x", "engagedParty": engaged, "externalId": "c-1"})
    assert (again.status, again.body["code"]) == (409, "externalIdTaken")


def test_a_billing_account(api: Client) -> None:
    buyer = customer(api)
    cycle = {"isRef": False, "name": "mine", "billingDateShift": 14, "paymentDueDateOffset": 30}
    payer = account(api, buyer, billStructure={"cycleSpecification": cycle}, description="first")
    decoy = account(api, kind="prepaid")
    assert payer["relatedParty"][0]["id"] == buyer["id"]
    stands = payer["billStructure"]["cycleSpecification"]
    assert (stands["billingDateShift"], stands["paymentDueDateOffset"]) == (14, 30)
    assert payer["accountBalance"][0]["amount"] == {"unit": "EUR", "value": 0}
    for query in (f"relatedParty.id={buyer['id']}", "accountType=postpaid", "description=first",
                  f"id.ne={decoy['id']}"):  # fmt: skip
        assert api.get(f"{ACCOUNT}?{query}").body == [payer], query
    stands["paymentDueDateOffset"] = 10
    changed = api.patch(
        payer["href"], {"name": "New", "billStructure": payer["billStructure"]}
    ).body
    assert changed["name"] == "New"
    assert changed["billStructure"]["cycleSpecification"]["paymentDueDateOffset"] == 10
    partly = {"billStructure": {"cycleSpecification": {"paymentDueDateOffset": 12}}}
    changed = api.patch(payer["href"], partly).body
    assert changed["billStructure"]["cycleSpecification"]["paymentDueDateOffset"] == 12
    closed = api.patch(payer["href"], {"state": "closed"}).body
    assert closed["state"] == "closed"
    assert api.patch(payer["href"], {"state": "active"}).status == 409
    for change, path in (
        ({"currency": "USD"}, "currency"),
        ({"accountType": "prepaid"}, "accountType"),
        ({"relatedParty": []}, "relatedParty"),
        ({"name": None}, "name"),
        ({"description": None}, "description"),
        ({"state": "lost"}, "state"),
        ({"billStructure": {"cycleSpecification": {"billingDateShift": 3}}},
         "billStructure.cycleSpecification.billingDateShift"),
        ({"billStructure": {"cycleSpecification": {"paymentDueDateOffset": 999}}},
         "billStructure.cycleSpecification.paymentDueDateOffset"),
    ):  # fmt: skip
        refused = api.patch(payer["href"], change)
        assert (refused.status, refused.body["path"]) == (400, path), refused.body


@together(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"relatedParty": []}, "relatedParty"),
        ({"relatedParty": [{"id": "nobody", "role": "customer"}]}, "relatedParty"),
        ({"relatedParty": [{"role": "customer"}]}, "relatedParty[0].id"),
        ({"accountType": "barter"}, "accountType"),
        ({"currency": "euro"}, "currency"),
        ({"legalEntity": {"id": "none"}}, "legalEntity.id"),
        ({"billStructure": {"cycleSpecification": {"billingDateShift": 31}}},
         "billStructure.cycleSpecification.billingDateShift"),
        ({"description": "x" * 500}, "description"),
    ],
)  # fmt: skip
def test_a_billing_account_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    party = {"id": customer(api)["id"], "role": "Customer"}
    refused = api.post(ACCOUNT, {"name": "Main", "relatedParty": [party]} | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(ACCOUNT).body == []
