"""Beside another system that masters parties, customers or agreements: `[mastered_elsewhere]`."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.neighbours import AGREEMENT, INTERACTION, ROLE, TICKET
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

HERS = {"id": "CRM-17", "name": "Maeve Doyle", "role": "customer", "@referredType": "Customer"}
PERSON = {"id": "CRM-P-17", "name": "Maeve Doyle", "@referredType": "Individual"}
FRAME = {"id": "CRM-A-3", "name": "Frame", "@referredType": "Agreement"}


def bodies() -> list[tuple[str, dict[str, Any], str]]:
    """What names somebody, where, and the kind that must be mastered elsewhere for it."""
    ticket = {"description": "no service", "severity": "Major", "ticketType": "incident"}
    dealt = {
        "reason": "asks", "direction": "inbound", "description": "asks", "status": "opened",
        "interactionDate": {"startDateTime": "2026-11-02T09:00:00Z"},
        "channel": [{"id": "app", "href": "https://app.example", "name": "App"}],
    }  # fmt: skip
    agreed = {
        "name": "Frame", "agreementType": "commercial",
        "agreementItem": [{"termOrCondition": [{"id": "1", "description": "30 days"}]}],
    }  # fmt: skip
    return [
        (TICKET, {**ticket, "relatedParty": [HERS]}, "customer"),
        (TICKET, {**ticket, "relatedParty": [{**PERSON, "role": "reporter"}]}, "party"),
        (INTERACTION, {**dealt, "relatedParty": [HERS]}, "customer"),
        (INTERACTION, {**dealt, "relatedParty": [{**PERSON, "role": "caller"}]}, "party"),
        (AGREEMENT, {**agreed, "engagedParty": [PERSON]}, "party"),
        (AGREEMENT, {**agreed, "engagedParty": [HERS]}, "customer"),
        (ROLE, {"name": "dealer", "engagedParty": PERSON}, "party"),
    ]


@together("which", range(len(bodies())))
def test_references_are_taken_on_trust_where_settings_say_so(
    api: Client, books: Database, which: int
) -> None:
    path, body, kind = bodies()[which]
    others = frozenset({"party", "customer", "agreement"}) - {kind}
    for trusted in (frozenset[str](), others):
        books.elsewhere = trusted
        refused = api.post(path, body)
        assert (refused.status, refused.body["code"]) == (400, "unknownReference"), refused.body
    books.elsewhere = frozenset({kind})
    assert shop.made(api.post(path, body))["id"]


def test_a_party_that_a_crm_masters_becomes_a_customer(api: Client, books: Database) -> None:
    body = {"name": "Maeve", "engagedParty": PERSON}
    assert api.post(shop.CUSTOMER, body).body["path"] == "engagedParty.id"
    books.elsewhere = frozenset({"party"})
    customer = shop.made(api.post(shop.CUSTOMER, body))
    assert customer["engagedParty"]["id"] == "CRM-P-17"
    person = api.get(f"{shop.PARTY}/individual/CRM-P-17").body
    assert person["fullName"] == "Maeve Doyle"
    again = shop.made(api.post(shop.CUSTOMER, {**body, "name": "Maeve at work"}))
    assert again["engagedParty"]["id"] == "CRM-P-17"
    firm = {"id": "CRM-O-1", "name": "Doyle & Sons", "@referredType": "Organization"}
    shop.made(api.post(shop.CUSTOMER, {"name": "Doyle & Sons", "engagedParty": firm}))
    assert api.get(f"{shop.PARTY}/organization/CRM-O-1").body["name"] == "Doyle & Sons"
    for wrong, place in (({"id": "a b"}, "id"), ({"id": "x", "name": "\n"}, "name")):
        refused = api.post(shop.CUSTOMER, {"name": "M", "engagedParty": {**PERSON, **wrong}})
        assert (refused.status, refused.body["path"]) == (400, f"engagedParty.{place}")


def test_a_customer_that_a_crm_masters_orders_and_is_served(
    api: Client, books: Database, relay: Relay, clock: DrivenClock
) -> None:
    """Nothing of hers was created here before her account."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=2)
    account = {"name": "Main", "accountType": "postpaid", "relatedParty": [HERS]}
    refused = api.post(shop.ACCOUNT, account)
    assert (refused.status, refused.body["path"]) == (400, "relatedParty"), refused.body
    books.elsewhere = frozenset({"customer", "agreement"})
    payer = shop.made(api.post(shop.ACCOUNT, account))
    customer = api.get(f"{shop.CUSTOMER}/CRM-17").body
    assert (customer["name"], customer["status"]) == ("Maeve Doyle", "active")
    offering = shop.offer(api)
    body = shop.order_body(payer, offering) | {"relatedParty": [HERS], "agreement": [FRAME]}
    shop.made(api.post(f"{shop.ORDERING}/productOrder", body))
    relay.drain()
    (product,) = api.get(f"{shop.PRODUCT}?relatedParty.id=CRM-17").body
    assert product["status"] == "active"
    (found,) = api.get(f"{shop.ACCOUNT}?relatedParty.id=CRM-17").body
    assert found["id"] == payer["id"]
