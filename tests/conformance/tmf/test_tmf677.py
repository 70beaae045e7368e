"""TMF677: what products have used and have left."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import made
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.charging import ChargingAccountId, identities
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.usage import import_cdr_file

QUERY = "/tmf-api/usageConsumption/v4/queryUsageConsumption"
Body = dict[str, Any]


@pytest.fixture
def products(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> Callable[..., Body]:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=6)
    offering = shop.offer(api, monthly=0)

    def new(kind: str = "prepaid") -> Body:
        payer = shop.account(api, kind=kind)
        shop.order(api, payer, offering)
        relay.drain()
        (product,) = api.get(f"{shop.PRODUCT}?billingAccount.id={payer['id']}").body
        with charging.read() as r:
            known = identities(r, ChargingAccountId(product["id"]))
        (number,) = (each.value for each in known if each.kind == "msisdn")
        return {**product, "payer": payer, "msisdn": number}

    return new


def ask(api: Client, **criteria: Any) -> Body:
    return made(api.post(QUERY, {"searchCriteria": criteria}))


def test_what_was_used_and_what_is_left(
    api: Client,
    products: Callable[..., Body],
    books: Database,
    relay: Relay,
    clock: DrivenClock,
    tmp_path: Path,
) -> None:
    one, other = products(), products()
    file = tmp_path / "day.csv"
    lines = ["record_id,service,subscriber,start,quantity,unit"]
    for ident, product, quantity in (("1", one, 500), ("2", one, 250), ("3", other, 9)):
        start = (clock.now() + timedelta(minutes=1)).isoformat()
        lines.append(f"{ident},data,{product['msisdn']},{start},{quantity},MB")
    file.write_text("\n".join(lines))
    clock.advance(timedelta(hours=1))
    import_cdr_file(books, file, now=clock.now())
    relay.drain()
    asked = ask(api, product=[{"id": one["id"]}])
    (told,) = asked["usageConsumption"]
    assert told["product"][0]["id"] == one["id"]
    assert told["partyAccount"][0]["id"] == one["payer"]["id"]
    assert told["logicalResource"][0]["id"] == one["msisdn"]
    assert told["state"] == "done"
    buckets = {each["usageType"]: each for each in told["bucketRefOrValue"]}
    counters = {each["counterType"]: each["value"] for each in buckets["data"]["bucketCounter"]}
    assert counters == {
        "used": {"amount": 750_000_000, "units": "bytes"},
        "granted": {"amount": 2_000_000_000, "units": "bytes"},
    }
    assert buckets["data"]["remainingValue"]["amount"] == 1_250_000_000
    assert buckets["monetary"]["remainingValue"] == {"amount": 0, "units": "EUR"}
    (used,) = told["product"][0]["consumptionSummary"]
    assert used["value"] == {"amount": 750_000_000, "units": "bytes"}
    assert api.get(asked["href"]).body == asked


def test_all_that_is_named_must_hold(api: Client, products: Callable[..., Body]) -> None:
    one, other = products(), products("postpaid")

    def found(**criteria: Any) -> list[str]:
        told = ask(api, **criteria)["usageConsumption"]
        return [each["product"][0]["id"] for each in told]

    customer = one["payer"]["relatedParty"][0]["id"]
    party = [{"id": customer, "@referredType": "Customer"}]
    assert found(relatedParty=party) == [one["id"]]
    assert found(partyAccount=[{"id": other["payer"]["id"]}]) == [other["id"]]
    assert found(logicalResource=[{"id": other["msisdn"]}]) == [other["id"]]
    assert found(product=[{"id": one["id"]}, {"id": other["id"]}]) == [one["id"], other["id"]]
    assert found(product=[{"id": other["id"]}], relatedParty=party) == []
    assert found() == [one["id"], other["id"]]
    (told,) = ask(
        api, product=[{"id": one["id"]}], bucketRefOrValue=[{"usageType": "data"}]
    )["usageConsumption"]  # fmt: skip
    assert [each["usageType"] for each in told["bucketRefOrValue"]] == ["data"]
    beside = made(api.post(QUERY, {"searchCriteria": {}, "relatedParty": party}))
    assert [each["product"][0]["id"] for each in beside["usageConsumption"]] == [one["id"]]
    listed = api.get(f"{QUERY}?usageConsumption.product.id={one['id']}&relatedParty.id={customer}")
    assert [each["id"] for each in listed.body] == [beside["id"]]


def test_an_answer_is_kept_and_can_be_forgotten(api: Client, products: Callable[..., Body]) -> None:
    one = products()
    asked = ask(api, product=[{"id": one["id"]}])
    assert api.patch(asked["href"], {"searchCriteria": {}}).status == 405
    assert api.delete(asked["href"]).status == 204
    assert api.get(asked["href"]).status == 404
    assert api.delete(asked["href"]).status == 404


@together(
    ("wrong", "path"),
    [
        ({}, "searchCriteria"),
        ({"searchCriteria": []}, "searchCriteria"),
        ({"searchCriteria": {"product": [{"id": "none"}]}}, "searchCriteria.product[0].id"),
        ({"searchCriteria": {"product": {"id": "none"}}}, "searchCriteria.product"),
        (
            {"searchCriteria": {"partyAccount": [{"id": "none"}]}},
            "searchCriteria.partyAccount[0].id",
        ),
        (
            {"searchCriteria": {"logicalResource": [{"id": "none"}]}},
            "searchCriteria.logicalResource[0].id",
        ),
        (
            {"searchCriteria": {"relatedParty": [{"id": "x", "@referredType": "Customer"}]}},
            "searchCriteria.relatedParty[0].id",
        ),
        ({"searchCriteria": {"service": [{"id": "x"}]}}, "searchCriteria.service"),
        ({"searchCriteria": {}, "partyAccount": [{"id": "none"}]}, "partyAccount[0].id"),
    ],
)
def test_what_is_unknown_is_named(api: Client, wrong: Body, path: str) -> None:
    refused = api.post(QUERY, wrong)
    assert (refused.status, refused.body["path"]) == (400, path)
