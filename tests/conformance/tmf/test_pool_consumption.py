"""TMF677 of pools: what members have used of them and still may, told to them and by member."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import BALANCE, made
from tests.scenarios.ordering_shop import fill_shelf
from trunkline.charging import ChargingAccountId, identities
from trunkline.charging.pools import reactions
from trunkline.messaging import SendMessage
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.usage import import_cdr_file

QUERY = "/tmf-api/usageConsumption/v4/queryUsageConsumption"
Body = dict[str, Any]


def said(**characteristics: str) -> list[Body]:
    return [
        {"name": name, "productSpecCharacteristicValue": [{"value": value, "isDefault": True}]}
        for name, value in characteristics.items()
    ]


def told(api: Client, product: str) -> Body:
    (found,) = made(api.post(QUERY, {"searchCriteria": {"product": [{"id": product}]}}))[
        "usageConsumption"
    ]
    return dict(found)


def counted(found: list[Body]) -> dict[tuple[str, str, str], float]:
    """By whose, what, and which unit."""
    return {
        (
            each.get("user", {}).get("id", "all"), each["counterType"], each["value"]["units"]
        ): each["value"]["amount"]
        for each in found
    }  # fmt: skip


def test_a_members_report_and_its_pools(
    api: Client,
    books: Database,
    charging: Database,
    relay: Relay,
    clock: DrivenClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two gigabytes one uses 400 MB, that may use half a gigabyte, and is told so, for it is 80
    percent; another customer's product uses 200."""
    sent: list[SendMessage] = []
    monkeypatch.setattr(reactions, "notify", lambda _tx, *commands: sent.extend(commands))
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=6)
    payer = shop.account(api, kind="prepaid")
    bare = [
        {"name": "Data", "@type": "UsagePrice", "service": "data", "price": shop.money(1.5),
         "unitOfMeasure": {"amount": 1, "units": "GB"}},
    ]  # fmt: skip

    def ordered(offering: Body, payer: Body = payer) -> str:
        done = shop.order(api, payer, offering)
        relay.drain()
        (item,) = api.get(done["href"]).body["productOrderItem"]
        return str(item["product"]["id"])

    pool = ordered(
        shop.offer(api, "Family", monthly=0, prodSpecCharValueUse=said(serviceKind="sharedPool"))
    )
    member = said(serviceKind="mobile", memberOf=pool, poolDataLimit="500000000")
    plan = shop.offer(api, "Member", productOfferingPrice=bare, prodSpecCharValueUse=member)
    one, other = ordered(plan, shop.account(api, kind="prepaid")), ordered(plan)
    file = tmp_path / "day.csv"
    lines = ["record_id,service,subscriber,start,quantity,unit"]
    for ident, product, quantity in (("1", one, 400), ("2", other, 200)):
        with charging.read() as r:
            known = identities(r, ChargingAccountId(product))
        (number,) = (each.value for each in known if each.kind == "msisdn")
        start = (clock.now() + timedelta(minutes=1)).isoformat()
        lines.append(f"{ident},data,{number},{start},{quantity},MB")
    file.write_text("\n".join(lines))
    clock.advance(timedelta(hours=1))
    import_cdr_file(books, file, now=clock.now())
    relay.drain()

    (shared,) = (each for each in told(api, one)["bucketRefOrValue"] if each["isShared"])
    assert (shared["usageType"], shared["name"]) == ("data", "Included data")
    assert counted(shared["bucketCounter"]) == {
        (one, "used", "bytes"): 400_000_000,
        (one, "limit", "bytes"): 500_000_000,
    }
    assert shared["remainingValue"] == {"amount": 100_000_000, "units": "bytes"}
    listed = {
        each["id"]: each
        for product in (one, other, pool)
        for each in api.get(f"{BALANCE}/bucket?product.id={product}").body
    }
    for bucket in (each for it in (one, other, pool) for each in told(api, it)["bucketRefOrValue"]):
        same = api.get(bucket["href"]).body
        assert same == listed.pop(bucket["id"])
        counted_apart = {"bucketCounter", "logicalResource"}
        assert bucket == same | {k: v for k, v in bucket.items() if k in counted_apart}
    assert listed == {}, "TMF654 has the same buckets"
    (both,) = api.get(f"{BALANCE}/bucket?isShared=true&product.id={one}").body
    assert both["remainingValue"] == shared["remainingValue"]

    whole = told(api, pool)
    (bucket,) = (each for each in whole["bucketRefOrValue"] if each["usageType"] == "data")
    assert bucket["isShared"]
    assert counted(bucket["bucketCounter"]) == {
        ("all", "used", "bytes"): 600_000_000,
        ("all", "granted", "bytes"): 2_000_000_000,
    }
    assert counted(whole["product"][0]["consumptionSummary"]) == {
        (one, "used", "bytes"): 400_000_000,
        (other, "used", "bytes"): 200_000_000,
    }

    mine, theirs = sorted(sent, key=lambda each: len(each.variables["counter"]))
    assert mine.variables == {"counter": "500 MB", "percent": "80"}
    assert theirs.variables["counter"] == f"500 MB ({mine.phone})"
    assert theirs.customer == payer["relatedParty"][0]["id"] != mine.customer
