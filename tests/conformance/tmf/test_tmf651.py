"""TMF651: agreements and their specifications."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import customer, made, offer
from trunkline import customers
from trunkline.catalog import OfferingId
from trunkline.customers import AgreementItem, CustomerId
from trunkline.kernel.money import Money
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

BASE = "/tmf-api/agreementManagement/v4"
AGREEMENT = f"{BASE}/agreement"
SPECIFICATION = f"{BASE}/agreementSpecification"


def engaged(buyer: dict[str, Any]) -> dict[str, Any]:
    return {"id": buyer["id"], "name": buyer["name"], "role": "customer",
            "@referredType": "Customer"}  # fmt: skip


def agreement(api: Client, buyer: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    body = {
        "name": "Frame",
        "agreementType": "commercial",
        "engagedParty": [engaged(buyer or customer(api))],
        "agreementItem": [{"termOrCondition": [{"id": "1", "description": "30 days"}]}],
        **rest,
    }
    return made(api.post(AGREEMENT, body))


def test_an_agreement_is_kept_whole(api: Client, clock: DrivenClock) -> None:
    buyer, plan = customer(api), offer(api)
    template = made(api.post(SPECIFICATION, {"name": "Frame", "attachment": [{"name": "terms"}]}))
    first = agreement(api, buyer)
    kept = agreement(
        api,
        buyer,
        description="Ours",
        documentNumber=7,
        statementOfIntent="to sell",
        version="1",
        agreementSpecification={"id": template["id"], "name": "Frame"},
        associatedAgreement=[{"id": first["id"]}],
        agreementItem=[{
            "productOffering": [{"id": plan["id"]}],
            "recurringAlteration": {"unit": "EUR", "value": -2.5},
        }],
        agreementAuthorization=[{"date": "2026-11-01T00:00:00Z", "state": "signed",
                                 "signatureRepresentation": "electronic"}],
        agreementPeriod={"startDateTime": "2026-12-01T00:00:00Z",
                         "endDateTime": "2027-12-01T00:00:00Z"},
        characteristic=[{"name": "volume", "value": 100}],
        externalId="crm-7",
        secret="no",
    )  # fmt: skip
    assert kept["status"] == "inProcess"
    assert kept["initialDate"] == format_instant(clock.now())
    assert kept["engagedParty"][0]["href"] == buyer["href"]
    assert kept["agreementSpecification"]["href"] == template["href"]
    assert kept["associatedAgreement"][0]["href"] == first["href"]
    assert (kept["secret"], kept["documentNumber"]) == ("no", 7)
    for query in (
        "documentNumber=7", "externalId=crm-7", f"agreementSpecification.id={template['id']}",
        f"agreementItem.productOffering.id={plan['id']}", "version=1", "documentNumber.gt=6",
        "agreementPeriod.startDateTime=2026-12-01T00:00:00Z", f"id.ne={first['id']}",
        "agreementAuthorization.state=signed", f"associatedAgreement.id={first['id']}",
    ):  # fmt: skip
        assert api.get(f"{AGREEMENT}?{query}").body == [kept], query
    assert len(api.get(f"{AGREEMENT}?engagedParty.id={buyer['id']}").body) == 2
    assert api.delete(template["href"]).body["code"] == "specificationInUse"


def test_the_life_of_an_agreement(api: Client, clock: DrivenClock) -> None:
    kept = agreement(api, status="In process")
    assert kept["status"] == "inProcess"
    for status in ("rejected", "In Process", "Approved", "active"):
        assert api.patch(kept["href"], {"status": status}).status == 200, status
    refused = api.patch(kept["href"], {"status": "inProcess"})
    assert (refused.status, refused.body["code"]) == (409, "illegalTransition")
    in_force = api.delete(kept["href"])
    assert (in_force.status, in_force.body["code"]) == (409, "agreementInForce")
    clock.advance(timedelta(days=3))
    ended = api.patch(kept["href"], {"status": "terminated"}).body
    assert ended["agreementPeriod"]["endDateTime"] == format_instant(clock.now())
    assert ended["completionDate"] == ended["agreementPeriod"]
    assert api.delete(agreement(api)["href"]).status == 204


def test_what_was_signed_elsewhere_is_an_agreement(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    buyer = customer(api)
    item = AgreementItem(
        name="Own price",
        offering=OfferingId(offer(api)["id"]),
        recurring_alteration=Money.of("-4.25", "EUR"),
    )
    with books.transaction() as tx:
        signed = customers.sign_agreement(
            tx, customer=CustomerId(buyer["id"]), name="Own", items=(item,), starts=clock.now(),
            external_id="crm-1", now=clock.now(),
        )  # fmt: skip
    seen = api.get(f"{AGREEMENT}/{signed.id}").body
    assert (seen["status"], seen["externalId"]) == ("active", "crm-1")
    assert seen["agreementItem"][0]["recurringAlteration"] == {"unit": "EUR", "value": -4.25}
    changed = api.patch(seen["href"], {"description": "ours"}).body
    assert changed == seen | {"description": "ours"}
    assert api.patch(seen["href"], {"status": "terminated"}).status == 200
    with books.read() as r:
        found = customers.agreements_of(r, CustomerId(buyer["id"]))
    assert [(each.status, each.items, each.ends) for each in found] == [
        ("terminated", (item,), clock.now())
    ]


@together(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"agreementType": None}, "agreementType"),
        ({"agreementItem": None}, "agreementItem"),
        ({"agreementItem": []}, "agreementItem"),
        ({"engagedParty": None}, "engagedParty"),
        ({"engagedParty": []}, "engagedParty"),
        ({"engagedParty": [{"id": "x", "name": "y", "@referredType": "Customer"}]},
         "engagedParty[0].id"),
        ({"engagedParty": [{"id": "x", "@referredType": "Employee"}]}, "engagedParty[0].name"),
        ({"status": "terminated"}, "status"),
        ({"documentNumber": "seven"}, "documentNumber"),
        ({"agreementItem": [{"productOffering": [{"id": "x"}]}]},
         "agreementItem[0].productOffering[0].id"),
        ({"agreementItem": [{"product": [{"id": "x"}]}]}, "agreementItem[0].product[0].id"),
        ({"agreementItem": [{"recurringAlteration": {"unit": "EUR", "value": 1}}]},
         "agreementItem[0]"),
        ({"agreementItem": [{"recurringAlteration": {"unit": "EUR", "value": "1"}}]},
         "agreementItem[0].recurringAlteration.value"),
        ({"agreementSpecification": {"id": "x"}}, "agreementSpecification.id"),
        ({"associatedAgreement": [{"id": "x"}]}, "associatedAgreement[0].id"),
        ({"agreementPeriod": {"startDateTime": "2026-12-01T00:00:00Z",
                              "endDateTime": "2026-11-01T00:00:00Z"}},
         "agreementPeriod.endDateTime"),
        ({"externalId": "a b"}, "externalId"),
    ],
)  # fmt: skip
def test_an_agreement_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {
        "name": "Frame", "agreementType": "commercial", "engagedParty": [engaged(customer(api))],
        "agreementItem": [{}],
    }  # fmt: skip
    refused = api.post(AGREEMENT, body | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(AGREEMENT).body == []


def test_an_external_id_comes_in_once(api: Client) -> None:
    first, second = agreement(api, externalId="x-1"), agreement(api, externalId="x-2")
    for refused in (
        api.patch(second["href"], {"externalId": "x-1"}),
        api.post(AGREEMENT, {name: each for name, each in first.items() if name != "id"}),
    ):
        assert (refused.status, refused.body["code"]) == (409, "externalIdTaken")
    assert api.patch(second["href"], {"externalId": "x-3"}).status == 200


def test_a_specification(api: Client, clock: DrivenClock) -> None:
    decoy = made(api.post(SPECIFICATION, {"name": "Decoy", "attachment": [{"name": "terms"}]}))
    kept = made(
        api.post(
            SPECIFICATION,
            {
                "name": "Frame",
                "attachment": [{"url": "https://x.example/frame.pdf", "mimeType": "x/pdf"}],
                "lifecycleStatus": "active",
                "isBundle": True,
                "version": "2",
                "specificationCharacteristic": [
                    {"name": "term", "specCharacteristicValue": [{"value": 12, "default": True}]}
                ],
                "specificationRelationship": [{"id": decoy["id"], "relationshipType": "replaces"}],
            },
        )
    )
    assert (decoy["lifecycleStatus"], kept["lifecycleStatus"]) == ("In study", "Active")
    assert kept["lastUpdate"] == format_instant(clock.now())
    for query in ("name=Frame", "isBundle=true", "version=2", "lifecycleStatus=Active",
                  f"specificationRelationship.id={decoy['id']}"):  # fmt: skip
        assert api.get(f"{SPECIFICATION}?{query}").body == [kept], query
    clock.advance(timedelta(hours=1))
    moved = api.patch(kept["href"], {"lifecycleStatus": "Launched"}).body
    assert moved["lastUpdate"] == format_instant(clock.now())
    assert api.patch(kept["href"], {"lifecycleStatus": "In study"}).status == 409
    assert api.delete(kept["href"]).status == 204
    for change, path in (
        ({"name": None}, "name"), ({"attachment": None}, "attachment"),
        ({"attachment": []}, "attachment"),
        ({"lifecycleStatus": "dead"}, "lifecycleStatus"),
        ({"specificationRelationship": [{"id": "x"}]}, "specificationRelationship[0].id"),
        ({"relatedParty": [{"id": "x", "name": "x", "@referredType": "Individual"}]},
         "relatedParty[0].id"),
        ({"relatedParty": [{"id": "x", "@referredType": "Individual"}]}, "relatedParty[0].name"),
    ):  # fmt: skip
        refused = api.post(SPECIFICATION, {"name": "x", "attachment": [{"name": "terms"}]} | change)
        assert (refused.status, refused.body["path"]) == (400, path), refused.body
