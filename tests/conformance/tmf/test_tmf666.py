"""TMF666: billing accounts and what they point at, and the other kinds of account."""

from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import ACCOUNT, made

BASE = "/tmf-api/accountManagement/v4"
Body = dict[str, Any]
OWNED = ["partyAccount", "settlementAccount"]
CHOICES = ["billFormat", "billPresentationMedia", "billingCycleSpecification"]


def party(api: Client) -> Body:
    owner = shop.customer(api)
    return {"id": owner["id"], "name": owner["name"], "@referredType": "Customer"}


def since(text: str = "2026-01-01T00:00:00Z") -> Body:
    return {"startDateTime": text}


@pytest.mark.parametrize("kind", [*OWNED, "financialAccount"])
def test_an_account_of_each_kind_lives_by_the_table(api: Client, kind: str) -> None:
    owner = party(api)
    body = {
        "name": "Main",
        "relatedParty": [owner],
        "accountType": "joint",
        "creditLimit": {"unit": "EUR", "value": 100},
        "contact": [{"contactType": "primary", "validFor": since()}],
        "ourOwn": {"kept": True},
    }
    account = made(api.post(f"{BASE}/{kind}", body))
    assert account["@type"] == kind[0].upper() + kind[1:]
    assert (account["state"], account["ourOwn"]) == ("active", {"kept": True})
    assert account["lastModified"]
    other = made(api.post(f"{BASE}/{kind}", {"name": "Other", "relatedParty": [party(api)]}))
    for query in ("name=Main", "accountType=joint", f"relatedParty.id={owner['id']}"):
        found = api.get(f"{BASE}/{kind}?{query}").body
        assert [each["id"] for each in found] == [account["id"]], query
    assert len(api.get(f"{BASE}/{kind}?state=active").body) == 2
    changed = api.patch(account["href"], {"name": "Chief", "state": "suspended"}).body
    assert (changed["name"], changed["state"]) == ("Chief", "suspended")
    assert api.patch(account["href"], {"state": "closed"}).status == 200
    refused = api.patch(account["href"], {"state": "active"})
    assert (refused.status, refused.body["path"]) == (409, "state")
    assert api.delete(account["href"]).status == 204
    assert api.get(account["href"]).status == 404
    assert api.get(other["href"]).body == other


@pytest.mark.parametrize("kind", [*OWNED, "financialAccount"])
@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"state": "gone"}, "state"),
        ({"state": "closed"}, "state"),
        (
            {"relatedParty": [{"id": "x", "name": "X", "@referredType": "Customer"}]},
            "relatedParty[0].id",
        ),
        ({"relatedParty": [{"id": "x", "@referredType": "Customer"}]}, "relatedParty[0].name"),
        (
            {"accountRelationship": [{"relationshipType": "parent"}]},
            "accountRelationship[0].validFor",
        ),
        (
            {
                "accountRelationship": [
                    {"relationshipType": "p", "validFor": {}, "account": {"id": "x"}}
                ]
            },
            "accountRelationship[0].account.id",
        ),
        (
            {
                "accountBalance": [
                    {
                        "balanceType": "x",
                        "validFor": {},
                        "amount": {"unit": "EUR", "value": 1},
                    }
                ]
            },
            "accountBalance",
        ),
    ],
)
def test_what_is_wrong_is_named(api: Client, kind: str, wrong: Body, path: str) -> None:
    body = {"name": "Main", "relatedParty": [party(api)]} | wrong
    refused = api.post(f"{BASE}/{kind}", body)
    assert (refused.status, refused.body["path"]) == (400, path)


@pytest.mark.parametrize("kind", OWNED)
def test_an_owned_account_names_its_party(api: Client, kind: str) -> None:
    for body in ({"name": "Main"}, {"name": "Main", "relatedParty": []}):
        refused = api.post(f"{BASE}/{kind}", body)
        assert (refused.status, refused.body["path"]) == (400, "relatedParty")
    assert api.post(f"{BASE}/financialAccount", {"name": "Main"}).status == 201


@pytest.mark.parametrize("kind", CHOICES)
def test_what_billing_accounts_choose_from(api: Client, kind: str) -> None:
    one = made(api.post(f"{BASE}/{kind}", {"name": "One", "description": "the first"}))
    made(api.post(f"{BASE}/{kind}", {"name": "Two"}))
    assert [each["id"] for each in api.get(f"{BASE}/{kind}?name=One").body] == [one["id"]]
    assert api.get(f"{BASE}/{kind}?description.regex=first$").body == [one]
    assert api.patch(one["href"], {"description": None}).body.get("description") is None
    assert api.post(f"{BASE}/{kind}", {"description": "nameless"}).body["path"] == "name"
    assert api.delete(one["href"]).status == 204
    assert api.get(one["href"]).status == 404


def test_a_cycle_is_monthly(api: Client) -> None:
    place = f"{BASE}/billingCycleSpecification"
    made_one = made(api.post(place, {"name": "Mid", "billingDateShift": 14}))
    assert (made_one["frequency"], made_one["paymentDueDateOffset"]) == ("monthly", 14)
    for wrong, path in (
        ({"frequency": "weekly"}, "frequency"),
        ({"billingDateShift": 31}, "billingDateShift"),
        ({"billingDateShift": "1"}, "billingDateShift"),
        ({"paymentDueDateOffset": -1}, "paymentDueDateOffset"),
    ):
        refused = api.post(place, {"name": "X", **wrong})
        assert (refused.status, refused.body["path"]) == (400, path)


def test_a_billing_account_points_at_them(api: Client) -> None:
    cycle = made(
        api.post(
            f"{BASE}/billingCycleSpecification",
            {"name": "Mid", "billingDateShift": 14, "paymentDueDateOffset": 30},
        )
    )
    form = made(api.post(f"{BASE}/billFormat", {"name": "Detailed"}))
    paper = made(api.post(f"{BASE}/billPresentationMedia", {"name": "Paper"}))
    mail = made(api.post(f"{BASE}/billPresentationMedia", {"name": "E-mail"}))
    finance = made(api.post(f"{BASE}/financialAccount", {"name": "Debtors"}))
    method = made(
        api.post("/tmf-api/paymentMethod/v4/paymentMethod", {"@type": "cash", "name": "Purse"})
    )
    parent = shop.account(api)
    account = shop.account(
        api,
        billStructure={
            "cycleSpecification": {"id": cycle["id"], "isRef": True, "name": "Mid"},
            "format": {"id": form["id"], "isRef": True, "name": "Detailed"},
            "presentationMedia": [{"id": paper["id"], "isRef": True, "name": "Paper"}],
        },
        financialAccount={"id": finance["id"]},
        defaultPaymentMethod={"id": method["id"]},
        contact=[{"contactType": "primary", "contactName": "Maeve", "validFor": since()}],
        accountRelationship=[
            {"relationshipType": "parent", "validFor": since(), "account": {"id": parent["id"]}}
        ],
    )
    terms = account["billStructure"]["cycleSpecification"]
    assert (terms["id"], terms["billingDateShift"], terms["paymentDueDateOffset"]) == (
        cycle["id"], 14, 30
    )  # fmt: skip
    assert account["billStructure"]["format"]["id"] == form["id"]
    assert account["financialAccount"]["id"] == finance["id"]
    assert account["defaultPaymentMethod"]["id"] == method["id"]
    assert account["contact"][0]["contactName"] == "Maeve"
    assert account["paymentStatus"] == "paid"
    assert api.get(f"{ACCOUNT}?financialAccount.id={finance['id']}").body == [account]
    refused = api.delete(finance["href"])
    assert (refused.status, refused.body["code"]) == (409, "accountInUse")

    change = {
        "billStructure": {"presentationMedia": [{"id": mail["id"], "isRef": True, "name": "x"}]},
        "contact": None,
    }
    changed = api.patch(account["href"], change).body
    assert [each["name"] for each in changed["billStructure"]["presentationMedia"]] == ["E-mail"]
    assert changed["billStructure"]["cycleSpecification"] == terms
    assert changed["billStructure"]["format"]["id"] == form["id"]
    assert "contact" not in changed
    shifted = {"billStructure": {"cycleSpecification": {"billingDateShift": 3}}}
    refused = api.patch(account["href"], shifted)
    assert (refused.status, refused.body["path"]) == (
        400, "billStructure.cycleSpecification.billingDateShift"
    )  # fmt: skip


@together(
    ("wrong", "status", "path"),
    [
        ({"creditLimit": {"unit": "EUR", "value": 1}}, 422, "creditLimit"),
        ({"taxExemption": [{"issuingJurisdiction": "IE", "validFor": {}}]}, 422, "taxExemption"),
        ({"paymentPlan": [{"planType": "x"}]}, 422, "paymentPlan"),
        ({"accountBalance": [{"balanceType": "x"}]}, 400, "accountBalance"),
        ({"financialAccount": {"id": "x"}}, 400, "financialAccount.id"),
        ({"defaultPaymentMethod": {"id": "x"}}, 400, "defaultPaymentMethod.id"),
        ({"contact": [{"contactType": "primary"}]}, 400, "contact[0].validFor"),
        (
            {"billStructure": {"format": {"id": "x"}}},
            400,
            "billStructure.format.id",
        ),
        (
            {"billStructure": {"presentationMedia": [{"id": "x"}]}},
            400,
            "billStructure.presentationMedia[0].id",
        ),
        (
            {"billStructure": {"cycleSpecification": {"id": "x"}}},
            400,
            "billStructure.cycleSpecification.id",
        ),
        (
            {"billStructure": {"cycleSpecification": {"frequency": "weekly"}}},
            400,
            "billStructure.cycleSpecification.frequency",
        ),
    ],
)
def test_what_a_billing_account_can_not_have(
    api: Client, wrong: Body, status: int, path: str
) -> None:
    owner = shop.customer(api)
    body = {
        "name": "Main",
        "relatedParty": [{"id": owner["id"], "role": "customer", "@referredType": "Customer"}],
        **wrong,
    }
    refused = api.post(ACCOUNT, body)
    assert (refused.status, refused.body["path"]) == (status, path)


def test_an_account_is_deleted_where_nothing_was_made_for_it(api: Client) -> None:
    unused, used = shop.account(api), shop.account(api)
    pay = {
        "account": {"id": used["id"]},
        "paymentMethod": {"@type": "cash"},
        "totalAmount": shop.money(5),
    }
    made(api.post(shop.PAYMENT, pay))
    refused = api.delete(used["href"])
    assert (refused.status, refused.body["code"]) == (409, "accountInUse")
    assert "payment" in refused.body["message"]
    assert api.delete(unused["href"]).status == 204
    assert api.get(unused["href"]).status == 404
    assert api.patch(used["href"], {"state": "closed"}).body["state"] == "closed"
