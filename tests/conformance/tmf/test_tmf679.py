"""TMF679: which offerings may be had, and why others may not."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, ORDERING, Body, made
from trunkline import ordering
from trunkline.ordering import Place
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

QUALIFICATIONS = "/tmf-api/productOfferingQualification/v4/productOfferingQualification"


def item(offering: Body, ident: str = "1", **rest: Any) -> Body:
    return {"id": ident, "productOffering": {"id": offering["id"]}, **rest}


def ask(api: Client, *items: Body, owner: Body | None = None, **rest: Any) -> Body:
    body: Body = {"productOfferingQualificationItem": list(items), **rest}
    if owner is not None:
        party = {"id": owner["id"], "role": "customer", "@referredType": "Customer"}
        body["relatedParty"] = [party, *body.get("relatedParty", [])]
    return made(api.post(QUALIFICATIONS, body))


def told(answer: Body, place: int = 0) -> tuple[str, list[str]]:
    """An item's result, and the codes of its reasons."""
    found = answer["productOfferingQualificationItem"][place]
    reasons = found.get("eligibilityUnavailabilityReason", [])
    assert all(each["label"] for each in reasons)
    return found["qualificationItemResult"], [each["code"] for each in reasons]


def characteristic(name: str, value: Any) -> Body:
    return {"name": name, "productSpecCharacteristicValue": [{"value": value, "isDefault": True}]}


def add_on(api: Client, name: str = "Protection", **rest: Any) -> Body:
    price = {"name": "Fee", "priceType": "recurring", "price": shop.money(3),
             "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}  # fmt: skip
    body = {"name": name, "lifecycleStatus": "Launched", "productOfferingPrice": [price], **rest}
    return made(api.post(f"{CATALOG}/productOffering", body))


def related(kind: str, *offerings: Body) -> Body:
    return {
        "productOfferingRelationship": [
            {"id": each["id"], "relationshipType": kind} for each in offerings
        ]
    }


def refused_order(api: Client, payer: Body, offering: Body, **rest: Any) -> str:
    """The reason for which an order of it is refused."""
    refused = api.post(f"{ORDERING}/productOrder", shop.order_body(payer, offering, **rest))
    assert (refused.status, refused.body["code"]) == (422, "notOrderable"), refused.body
    assert refused.body["path"] == "productOrderItem[0].productOffering.id"
    said: str = refused.body["message"]
    return said


def test_what_is_on_sale_qualifies_and_the_answer_is_kept(api: Client) -> None:
    offering = add_on(api)
    answer = ask(api, item(offering), description="for Maeve", instantSyncQualification=True)
    assert told(answer) == ("qualified", [])
    assert (answer["state"], answer["qualificationResult"]) == ("done", "qualified")
    assert answer["productOfferingQualificationDate"] == "2026-11-02T09:00:00.000Z"
    assert answer["expirationDate"] == "2026-11-16T09:00:00.000Z"
    shown = answer["productOfferingQualificationItem"][0]["productOffering"]
    assert (shown["name"], shown["href"]) == ("Protection", offering["href"])
    assert api.get(answer["href"]).body == answer


def test_lifecycle_and_validity_decide_with_their_reasons(api: Client) -> None:
    draft = add_on(api, lifecycleStatus="In design")
    late = add_on(api, validFor={"endDateTime": "2026-11-01T00:00:00Z"})
    soon = add_on(api, validFor={"startDateTime": "2026-12-01T00:00:00Z"})
    answer = ask(api, item(draft), item(late, "2"), item(soon, "3"), item(add_on(api), "4"))
    assert [told(answer, place) for place in range(4)] == [
        ("unqualified", ["notOnSale"]),
        ("unqualified", ["noLongerOnSale"]),
        ("unqualified", ["notYetOnSale"]),
        ("qualified", []),
    ]
    assert answer["qualificationResult"] == "unqualified"


def test_channel_and_segment(api: Client) -> None:
    offering = add_on(
        api, channel=[{"id": "web"}], marketSegment=[{"id": "seg-1", "name": "Students"}]
    )
    student = shop.customer(
        api, characteristic=[{"name": "segment", "value": "students", "valueType": "string"}]
    )
    other = shop.customer(api)
    assert told(ask(api, item(offering), owner=student)) == ("qualified", [])
    shop_channel = {"id": "store-7"}
    assert told(ask(api, item(offering), owner=student, channel=shop_channel)) == (
        "unqualified", ["otherChannel"],
    )  # fmt: skip
    assert told(ask(api, item(offering), owner=other, channel={"id": "WEB"})) == (
        "unqualified", ["otherSegment"],
    )  # fmt: skip
    segment = {"id": "seg-1", "role": "segment", "@referredType": "MarketSegment"}
    assert told(ask(api, item(offering), relatedParty=[segment])) == ("qualified", [])
    payer = shop.account(api, other)
    assert "segments" in refused_order(api, payer, offering)
    assert shop.order(api, shop.account(api, student), offering)["state"] == "acknowledged"


def test_what_the_customer_has_decides(api: Client, relay: Relay) -> None:
    base = add_on(api, "Base")
    extra = add_on(api, "Extra", **related("requires", base))
    rival = add_on(api, "Rival", **related("excludes", base))
    single = add_on(api, "One each", prodSpecCharValueUse=[characteristic("maximumPerCustomer", 1)])
    owner = shop.customer(api)
    payer = shop.account(api, owner)
    assert told(ask(api, item(extra), owner=owner)) == ("unqualified", ["requiresOther"])
    assert told(ask(api, item(extra), item(base, "2"), owner=owner)) == ("qualified", [])
    assert told(ask(api, item(rival), owner=owner)) == ("qualified", [])
    assert told(ask(api, item(single), item(single, "2"), owner=owner)) == (
        "unqualified", ["tooMany"],
    )  # fmt: skip
    assert "requires" in refused_order(api, payer, extra)
    had = shop.order(api, payer, base)
    relay.drain()
    assert told(ask(api, item(extra), owner=owner)) == ("qualified", [])
    assert told(ask(api, item(rival), owner=owner)) == ("unqualified", ["excludedByOther"])
    assert told(ask(api, item(rival), owner=shop.customer(api))) == ("qualified", [])
    assert "beside" in refused_order(api, payer, rival)
    product = api.get(had["href"]).body["productOrderItem"][0]["product"]
    gone = {"id": "9", "action": "delete", "product": {"id": product["id"]}}
    assert told(ask(api, item(rival), gone, owner=owner)) == ("qualified", [])
    shop.order(api, payer, single)
    assert "1 of" in refused_order(api, payer, single)


def test_technical_reach_and_what_could_be_had_instead(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    copper = add_on(api, "Copper", prodSpecCharValueUse=[characteristic("accessTechnology", "DSL")])
    fibre = add_on(
        api,
        "Fibre",
        prodSpecCharValueUse=[characteristic("accessTechnology", "FTTH")],
        **related("substitution", copper),
    )
    with books.transaction() as tx:
        now = clock.now()
        assert ordering.declare_reach(
            tx, access="ftth", areas=[Place(postcode="D02", country="IE"), Place(id="plc-1")],
            now=now,
        ) == 2  # fmt: skip
        ordering.declare_reach(tx, access="DSL", areas=[Place(postcode="D")], now=now)
    near = {"role": "installation", "@type": "GeographicAddress", "postcode": "d02 x285",
            "country": "IE"}  # fmt: skip
    far = {"role": "installation", "postcode": "D14 1AB", "country": "IE"}
    abroad = near | {"country": "GB"}
    assert told(ask(api, item(fibre))) == ("unqualified", ["placeNeeded"])
    assert told(ask(api, item(fibre), place=[near])) == ("qualified", [])
    assert told(ask(api, item(fibre, product={"place": [near]}))) == ("qualified", [])
    assert told(ask(api, item(fibre), place=[{"role": "x", "id": "plc-1"}])) == ("qualified", [])
    assert told(ask(api, item(fibre), place=[abroad])) == ("unqualified", ["outOfReach"])
    answer = ask(api, item(fibre), place=[far], provideAlternative=True)
    assert told(answer) == ("alternate", ["outOfReach"])
    [proposal] = answer["productOfferingQualificationItem"][0]["alternateProductOfferingProposal"]
    assert proposal["alternateProductOffering"]["id"] == copper["id"]
    assert proposal["alternateProductOffering"]["href"] == copper["href"]
    quiet = ask(api, item(fibre), place=[far], provideUnavailabilityReason=False)
    assert told(quiet) == ("unqualified", [])
    with books.transaction() as tx:
        ordering.withdraw_reach(tx, access="ftth", areas=[Place(postcode="D02", country="IE")])
    assert told(ask(api, item(fibre), place=[near])) == ("unqualified", ["outOfReach"])


def test_without_items_all_of_a_category_is_asked_for(api: Client) -> None:
    category = made(api.post(f"{CATALOG}/category", {"name": "Add-ons"}))
    one = add_on(api, "one", category=[{"id": category["id"]}])
    limited = add_on(api, "two", category=[{"id": category["id"]}], marketSegment=[{"id": "vip"}])
    decoy = add_on(api, "three")
    answer = made(api.post(QUALIFICATIONS, {"category": {"id": category["id"]}}))
    found = {
        each["productOffering"]["id"]: each["qualificationItemResult"]
        for each in answer["productOfferingQualificationItem"]
    }
    assert found == {one["id"]: "qualified", limited["id"]: "unqualified"}
    only = made(api.post(QUALIFICATIONS, {"provideOnlyAvailable": True}))
    items = only["productOfferingQualificationItem"]
    assert {each["productOffering"]["id"] for each in items} == {one["id"], decoy["id"]}


def test_what_names_nothing_ends_with_its_error(api: Client) -> None:
    answer = ask(api, {"id": "1"})
    assert answer["state"] == "terminatedWithError"
    [only] = answer["productOfferingQualificationItem"]
    assert only["state"] == "terminatedWithError"
    assert only["terminationError"][0]["value"]
    odd = ask(api, {"id": "1", "": -0.5, "productOfferingQualificationItem": 7})
    assert odd["state"] == "terminatedWithError"
    mixed = ask(api, {"id": "1"}, item(add_on(api), "2"))
    assert mixed["state"] == "done"


@together(
    ("change", "path"),
    [
        ({"productOfferingQualificationItem": [item({"id": "none"})]},
         "productOfferingQualificationItem[0].productOffering.id"),
        ({"productOfferingQualificationItem": [{"id": "1", "product": {"id": "none"}}]},
         "productOfferingQualificationItem[0].product.id"),
        ({"productOfferingQualificationItem": [{"productOffering": {"id": "x"}}]},
         "productOfferingQualificationItem[0].id"),
        ({"productOfferingQualificationItem": [{"id": "1"}, {"id": "1"}]},
         "productOfferingQualificationItem[1].id"),
        ({"productOfferingQualificationItem": "x"}, "productOfferingQualificationItem"),
        ({"relatedParty": [{"id": "none", "role": "customer", "@referredType": "Customer"}]},
         "relatedParty[0].id"),
        ({"category": {"id": "none"}}, "category.id"),
        ({"description": 7}, "description"),
        ({"channel": {}}, "channel.id"),
        ({"place": [{"id": "x"}]}, "place[0].role"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be(api: Client, change: Body, path: str) -> None:
    refused = api.post(QUALIFICATIONS, change)
    assert (refused.status, refused.body.get("path")) == (400, path), refused.body
    assert api.get(QUALIFICATIONS).body == []


def test_answers_are_found_and_never_rewritten(api: Client) -> None:
    offering, owner = add_on(api), shop.customer(api)
    one = ask(api, item(offering), owner=owner, channel={"id": "web"}, note=[{"text": "hm"}])
    two = ask(api, item(add_on(api, lifecycleStatus="In test")))
    assert one["note"] == [{"id": "1", "text": "hm"}]
    for query in (
        "qualificationResult=qualified", f"relatedParty.id={owner['id']}", "channel.id=web",
        f"productOfferingQualificationItem.productOffering.id={offering['id']}",
        "productOfferingQualificationItem.qualificationItemResult=qualified",
    ):  # fmt: skip
        assert [each["id"] for each in api.get(f"{QUALIFICATIONS}?{query}").body] == [one["id"]]
    assert len(api.get(f"{QUALIFICATIONS}?state=done&sort=-id").body) == 2
    changed = api.patch(one["href"], {"description": "later", "x-shop": 7})
    assert changed.status == 200
    assert (changed.body["description"], changed.body["x-shop"]) == ("later", 7)
    changes: list[dict[str, Any]] = [
        {"qualificationResult": "x"},
        {"channel": {"id": "app"}},
        {"place": []},
    ]
    for change in changes:
        refused = api.patch(one["href"], change)
        if change != {"place": []}:
            assert (refused.status, refused.body["path"]) == (400, next(iter(change)))
    assert api.patch(one["href"], {"state": "inProgress"}).status == 409
    assert api.patch(one["href"], {"state": "perhaps"}).status == 400
    assert api.delete(two["href"]).status == 204
    assert api.get(two["href"]).status == 404
    assert api.delete(two["href"]).status == 404
