"""TMF629: what a customer keeps, refers to, and when it may go."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CUSTOMER, account, customer, individual, made

AGREEMENT = "/tmf-api/agreementManagement/v4/agreement"
PERIOD = {"startDateTime": "2026-01-01T00:00:00.000Z", "endDateTime": "2030-01-01T00:00:00.000Z"}
WHOLE: dict[str, Any] = {
    "status": "Approved",
    "statusReason": "credit is fine",
    "validFor": PERIOD,
    "characteristic": [{"name": "segment", "value": "gold", "valueType": "string"}],
    "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "b@x.example"}}],
    "creditProfile": [{"creditProfileDate": "2026-01-01T00:00:00Z", "creditScore": 7,
                       "creditRiskRating": 1, "validFor": PERIOD}],
    "@baseType": "PartyRole",
    "@schemaLocation": "https://x.example/schema",
    "loyalty": {"tier": 2},
}  # fmt: skip


def test_everything_that_is_said_of_a_customer_is_kept(api: Client) -> None:
    helper = individual(api)
    related = [{"id": helper["id"], "role": "guardian", "@referredType": "Individual"}]
    buyer = customer(api, relatedParty=related, **WHOLE)
    customer(api)
    said = {**WHOLE, "status": "approved"}
    assert {name: buyer[name] for name in said} == said
    assert buyer["relatedParty"][0]["href"] == helper["href"]
    for query in ("status=approved", "relatedParty.role=guardian", "@baseType=PartyRole",
                  "validFor.startDateTime=2026-01-01T00:00:00Z", "statusReason.regex=^credit",
                  "validFor.endDateTime.gt=2029-01-01T00:00:00Z"):  # fmt: skip
        assert api.get(f"{CUSTOMER}?{query}").body == [buyer], query
    changed = api.patch(
        buyer["href"],
        {"loyalty": {"tier": 3}, "creditProfile": None, "validFor": {"endDateTime": None}},
    ).body
    assert (changed["loyalty"], "creditProfile" in changed) == ({"tier": 3}, False)
    assert changed["validFor"] == {"startDateTime": PERIOD["startDateTime"]}
    own = api.patch(buyer["href"], {"contactMedium": None}).body
    assert "contactMedium" not in own


def test_accounts_and_agreements_are_its_own(api: Client) -> None:
    buyer, other = customer(api), customer(api)
    payer, theirs = account(api, buyer), account(api, other)
    party = {"id": buyer["id"], "name": "x", "@referredType": "Customer"}
    body = {"name": "A", "agreementType": "x", "engagedParty": [party], "agreementItem": [{}]}
    agreed = made(api.post(AGREEMENT, body))
    seen = api.get(buyer["href"]).body
    assert [each["href"] for each in seen["account"]] == [payer["href"]]
    assert [each["href"] for each in seen["agreement"]] == [agreed["href"]]
    more = [*seen["account"], {"id": theirs["id"], "name": "pays for them"}]
    shared = api.patch(buyer["href"], {"account": more}).body
    assert [each["id"] for each in shared["account"]] == [payer["id"], theirs["id"]]
    again = api.patch(buyer["href"], {"account": shared["account"][:1]}).body
    assert [each["id"] for each in again["account"]] == [payer["id"]]
    for change, path in (
        ({"account": []}, "account"), ({"agreement": None}, "agreement"),
        ({"account": [*seen["account"], {"id": "x", "name": "y"}]}, "account[1].id"),
        ({"agreement": [*seen["agreement"], {"id": "x"}]}, "agreement[1].id"),
        ({"paymentMethod": [{"id": "x"}]}, "paymentMethod[0].id"),
        ({"brand": {"id": "x"}}, "brand"), ({"externalId": "x"}, "externalId"),
        ({"validFor": {"endDateTime": "1999-01-01T00:00:00Z"}}, "validFor.endDateTime"),
    ):  # fmt: skip
        refused = api.patch(buyer["href"], change)
        assert (refused.status, refused.body["path"]) == (400, path), refused.body


@pytest.mark.parametrize(
    ("way", "to", "code"),
    [
        ([], "lost", 400),
        (["suspended"], "prospective", 409),
        (["closed"], "suspended", 409),
        (["suspended", "active", "closed", "active"], "approved", 409),
    ],
)
def test_the_life_of_a_customer(api: Client, way: list[str], to: str, code: int) -> None:
    buyer = customer(api)
    for status in way:
        moved = api.patch(buyer["href"], {"status": status, "statusReason": f"now {status}"})
        assert (moved.body["status"], moved.body["statusReason"]) == (status, f"now {status}")
    refused = api.patch(buyer["href"], {"status": to})
    assert (refused.status, refused.body["path"]) == (code, "status")


def test_a_prospect_is_rejected_and_comes_back(api: Client) -> None:
    buyer = customer(api, status="prospective")
    for status in ("rejected", "prospective", "approved", "active"):
        moved = api.patch(buyer["href"], {"status": status}).body
        assert (moved["status"], moved.get("statusReason")) == (status, None)


@together(
    ("change", "path"),
    [
        ({"relatedParty": [{"id": "x", "@referredType": "Customer"}]}, "relatedParty[0].id"),
        ({"account": [{"id": "x", "name": "y"}]}, "account[0].id"),
        ({"account": [{}]}, "account[0].name"),
        ({"agreement": [{"id": "x"}]}, "agreement[0].id"),
        ({"paymentMethod": [{"id": "x"}]}, "paymentMethod[0].id"),
        ({"creditProfile": [{"creditScore": 1}]}, "creditProfile[0].creditProfileDate"),
        ({"contactMedium": [{"mediumType": "email"}]}, "contactMedium[0].characteristic"),
        ({"characteristic": [{"name": "x"}]}, "characteristic[0].value"),
        ({"characteristic": [{"name": "x", "value": 1}, {"name": "x", "value": 2}]},
         "characteristic[1].name"),
        ({"statusReason": "a\nb"}, "statusReason"),
    ],
)  # fmt: skip
def test_a_customer_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {"name": "x", "engagedParty": {"id": individual(api)["id"]}} | change
    refused = api.post(CUSTOMER, body)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body


def test_a_customer_goes_while_it_has_nothing(api: Client) -> None:
    buyer, payer = customer(api), customer(api)
    account(api, payer)
    refused = api.delete(payer["href"])
    assert (refused.status, refused.body["code"]) == (409, "customerInUse")
    assert api.delete(buyer["href"]).status == 204
    assert api.get(buyer["href"]).status == 404
    assert api.get(CUSTOMER).body == [api.get(payer["href"]).body]
