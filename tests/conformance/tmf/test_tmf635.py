"""TMF635: usage that comes in, is rated once, and is told with its amount."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import made, money
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.billing import run_bills
from trunkline.charging import ChargingAccountId, identities
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

USAGE = "/tmf-api/usageManagement/v4/usage"
SPECIFICATION = "/tmf-api/usageManagement/v4/usageSpecification"
Body = dict[str, Any]
Subscribe = Callable[..., Body]


@pytest.fixture
def subscribe(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> Subscribe:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=4)
    offering = shop.offer(api, monthly=0)

    def new() -> Body:
        payer = shop.account(api)
        shop.order(api, payer, offering)
        relay.drain()
        (product,) = api.get(f"{shop.PRODUCT}?billingAccount.id={payer['id']}").body
        with charging.read() as r:
            known = identities(r, ChargingAccountId(product["id"]))
        (number,) = (each.value for each in known if each.kind == "msisdn")
        clock.advance(timedelta(hours=1))
        return {**product, "payer": payer, "msisdn": number}

    return new


def used(number: str, quantity: Any = 3, unit: str = "GB", **rest: Any) -> Body:
    values = {"subscriber": number, "quantity": quantity, "unit": unit}
    return {
        "usageType": "data",
        "usageDate": "2026-11-02T09:30:00Z",
        "usageCharacteristic": [
            {"name": name, "value": value} for name, value in (values | rest).items()
        ],
    }


def values_of(usage: Body) -> Body:
    return {each["name"]: each["value"] for each in usage["usageCharacteristic"]}


def test_a_usage_is_rated_and_then_billed(
    api: Client,
    subscribe: Subscribe,
    relay: Relay,
    books: Database,
    charging: Database,
    clock: DrivenClock,
) -> None:
    """3 GB, of which 2 are included: 1 GB at 1.50."""
    one, other = subscribe(), subscribe()
    body = used(one["msisdn"], recordId="r-1", cell="A7") | {"description": "a film"}
    usage = made(api.post(USAGE, body))
    assert (usage["status"], usage["usageType"]) == ("received", "data")
    assert made(api.post(USAGE, body)) == usage
    contradiction = api.post(USAGE, used(one["msisdn"], 4, recordId="r-1"))
    assert (contradiction.status, contradiction.body["code"]) == (409, "usageRecordKnown")
    later = {"usageDate": "2026-11-02T10:30:00Z"}
    decoy = made(api.post(USAGE, used(other["msisdn"], 1, recordId="r-2") | later))
    came = made(api.post(USAGE, used(other["msisdn"], 90, "s") | later | {"usageType": "voice-in"}))
    relay.drain()
    usage = api.get(usage["href"]).body
    assert usage["status"] == "rated"
    (rated,) = usage["ratedProductUsage"]
    assert rated["taxExcludedRatingAmount"] == money(1.5)
    assert (rated["isBilled"], rated["productRef"]["id"]) == (False, one["id"])
    assert rated["usageRatingTag"] == "included usage"
    assert usage["relatedParty"][0]["id"] == one["payer"]["relatedParty"][0]["id"]
    values = values_of(usage)
    assert (values["quantity"], values["unit"], values["included"]) == (
        3_000_000_000, "bytes", 2_000_000_000
    )  # fmt: skip
    assert (values["recordId"], values["cell"]) == ("r-1", "A7")
    customer = usage["relatedParty"][0]["id"]
    for query in (
        f"relatedParty.id={customer}",
        f"ratedProductUsage.productRef.id={one['id']}",
        "ratedProductUsage.taxExcludedRatingAmount.value.gt=1",
        "description=a film",
        f"id={usage['id']}&status=rated&usageType=data",
    ):
        assert api.get(f"{USAGE}?{query}").body == [usage], query
    assert api.get(f"{USAGE}?usageType=voice").body == []
    [free] = api.get(f"{USAGE}?usageType=voice-in&status=rated").body
    [rated] = free["ratedProductUsage"]
    assert (free["id"], rated["taxExcludedRatingAmount"]) == (came["id"], money(0))
    assert len(api.get(f"{USAGE}?usageDate.lt=2026-11-02T10:00:00Z&sort=-usageDate").body) == 1

    refused = api.delete(usage["href"])
    assert (refused.status, refused.body["code"]) == (409, "usageStands")
    assert api.patch(usage["href"], {"status": "recycled"}).status == 409
    assert api.patch(usage["href"], {"status": "billed"}).status == 409
    assert api.patch(usage["href"], {"usageType": "sms"}).body["path"] == "usageType"
    assert api.patch(usage["href"], {"description": "another"}).body["description"] == "another"

    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    assert run_bills(books, charging, through=clock.now(), now=clock.now()).invoices == 2
    for each in (usage, decoy):
        assert api.get(each["href"]).body["ratedProductUsage"][0]["isBilled"] is True


def test_what_nobody_had_is_rejected_and_tried_again(
    api: Client, subscribe: Subscribe, relay: Relay
) -> None:
    one = subscribe()
    lost = [made(api.post(USAGE, used("4670000000"))) for _ in range(2)]
    early = used(one["msisdn"]) | {"usageDate": "2026-10-01T00:00:00Z"}
    lost.append(made(api.post(USAGE, early)))
    relay.drain()
    rejected = api.get(f"{USAGE}?status=rejected&statusReason=unknownSubscriber").body
    assert {each["id"] for each in rejected} == {each["id"] for each in lost}
    again = api.patch(lost[0]["href"], {"status": "recycled"})
    assert (again.status, again.body["status"]) == (200, "recycled")
    assert api.delete(lost[0]["href"]).status == 409
    relay.drain()
    assert api.get(lost[0]["href"]).body["status"] == "rejected"
    assert api.delete(lost[0]["href"]).status == 204
    assert api.get(lost[0]["href"]).status == 404


@together(
    ("wrong", "path"),
    [
        ({"usageType": "a pigeon"}, "usageType"),
        ({"usageType": None}, "usageType"),
        ({"usageDate": "yesterday"}, "usageDate"),
        ({"usageDate": "2036-01-01T00:00:00Z"}, "usageDate"),
        ({"usageCharacteristic": []}, "usageCharacteristic"),
        ({"usageCharacteristic": [{"name": "quantity"}]}, "usageCharacteristic[0].value"),
        ({"status": "rated"}, "status"),
        ({"status": "gone"}, "status"),
        ({"description": "x" * 401}, "description"),
        ({"ratedProductUsage": [{"isBilled": True}]}, "ratedProductUsage"),
        ({"usageSpecification": {"id": "x"}}, "usageSpecification.id"),
        (
            {"relatedParty": [{"id": "x", "@referredType": "Customer"}]},
            "relatedParty[0].id",
        ),
    ],
)
def test_what_is_wrong_is_named(api: Client, wrong: Body, path: str) -> None:
    refused = api.post(USAGE, used("353850000000") | wrong)
    assert (refused.status, refused.body["path"]) == (400, path)


@together(
    ("number", "quantity", "unit", "rest", "path"),
    [
        ("x", 3, "GB", {}, "usageCharacteristic[0].value"),
        ("353850000000", -3, "GB", {}, "usageCharacteristic[1].value"),
        ("353850000000", 3, "min", {}, "usageCharacteristic[2].value"),
        ("353850000000", 3, "GB", {"called": "1"}, "usageCharacteristic[3].value"),
        ("353850000000", 3, "GB", {"ratingGroup": "x"}, "usageCharacteristic[3].value"),
        ("353850000000", 3, "GB", {"source": "cdr"}, "usageCharacteristic"),
        ("353850000000", True, "GB", {}, "usageCharacteristic[1].value"),
    ],
)
def test_a_characteristic_that_is_wrong_is_named(
    api: Client, number: str, quantity: Any, unit: str, rest: Body, path: str
) -> None:
    refused = api.post(USAGE, used(number, quantity, unit, **rest))
    assert (refused.status, refused.body["path"]) == (400, path)


def test_specifications_live_by_the_catalogues_table(api: Client) -> None:
    body = {
        "name": "Data session",
        "version": "1.0",
        "specCharacteristic": [{"name": "quantity", "valueType": "number"}],
        "ourOwn": 7,
    }
    one = made(api.post(SPECIFICATION, body))
    made(api.post(SPECIFICATION, {"name": "Call"}))
    assert (one["lifecycleStatus"], one["isBundle"], one["ourOwn"]) == ("Active", False, 7)
    assert one["lastUpdate"]
    for query in ("name=Data session", "version=1.0", "specCharacteristic.name=quantity"):
        assert api.get(f"{SPECIFICATION}?{query}").body == [one], query
    assert api.patch(one["href"], {"lifecycleStatus": "Launched"}).status == 200
    refused = api.patch(one["href"], {"lifecycleStatus": "In study"})
    assert (refused.status, refused.body["path"]) == (409, "lifecycleStatus")
    usage = made(api.post(USAGE, used("353850000000") | {"usageSpecification": {"id": one["id"]}}))
    assert usage["usageSpecification"]["id"] == one["id"]
    assert api.delete(one["href"]).status == 409
    assert api.post(SPECIFICATION, {"lifecycleStatus": "gone"}).body["path"] == "lifecycleStatus"
    other = made(api.post(SPECIFICATION, {}))
    assert api.delete(other["href"]).status == 204
