"""Whatever changes a balance, the next GET of TMF654 shows it, and so does a query of TMF677."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import BALANCE, made
from tests.scenarios.ordering_shop import fill_shelf
from tests.unit.charging.builders import GB, asks, request
from trunkline.charging import GroupCommit, Kind
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

QUERY = "/tmf-api/usageConsumption/v4/queryUsageConsumption"
Body = dict[str, Any]


def said(**characteristics: str) -> list[Body]:
    return [
        {"name": name, "productSpecCharacteristicValue": [{"value": value, "isDefault": True}]}
        for name, value in characteristics.items()
    ]


def plan(gigabytes: int, **characteristics: str) -> Body:
    """Three a month from the balance; of the data half a gigabyte at most goes over."""
    included = {
        "name": "Included data", "@type": "Allowance", "service": "data",
        "unitOfMeasure": {"amount": gigabytes, "units": "GB"},
        "rollover": {"amount": 500, "units": "MB"},
    }  # fmt: skip
    return {
        "productOfferingPrice": [
            {"name": "Monthly fee", "priceType": "recurring", "price": shop.money(3),
             "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1},
            included,
            {"name": "Data", "@type": "UsagePrice", "service": "data", "price": shop.money(1.5),
             "unitOfMeasure": {"amount": 1, "units": "GB"}},
        ],
        "prodSpecCharValueUse": said(serviceKind="mobile", feeFrom="balance", **characteristics),
    }  # fmt: skip


class Line:
    """One product, what is done with it, and how it is shown."""

    def __init__(self, api: Client, relay: Relay, offering: Body, payer: Body) -> None:
        self.api, self.relay, self.payer = api, relay, payer
        placed = shop.order(api, payer, offering)
        relay.drain()
        (item,) = api.get(placed["href"]).body["productOrderItem"]
        self.product: str = item["product"]["id"]

    def modify(self, **change: Any) -> None:
        item = {"id": "1", "action": "modify", **change}
        item["product"] = {"id": self.product, **item.get("product", {})}
        body = {"billingAccount": {"id": self.payer["id"]}, "productOrderItem": [item]}
        order = made(self.api.post(f"{shop.ORDERING}/productOrder", body))
        self.relay.drain()
        assert self.api.get(order["href"]).body["state"] == "completed"

    def say(self, **characteristics: str) -> None:
        told = [{"name": name, "value": value} for name, value in characteristics.items()]
        self.modify(product={"productCharacteristic": told})

    def do(self, task: str, amount: float, **rest: Any) -> None:
        body = {
            "amount": {"amount": amount, "units": "EUR"}, "usageType": "monetary",
            "bucket": {"id": self.product}, "partyAccount": {"id": self.payer["id"]},
            "reason": "r", **rest,
        }  # fmt: skip
        task = made(self.api.post(f"{BALANCE}/{task}", body))["href"]
        self.relay.drain()
        assert self.api.get(task).body["status"] == "completed"

    def shown(self) -> dict[str, float]:
        """What is left by the bucket's name, in gigabytes and euro; in both APIs the same, and in
        sum what TMF654 says in sum."""
        listed = self.api.get(f"{BALANCE}/bucket?product.id={self.product}").body
        asked = {"searchCriteria": {"product": [{"id": self.product}]}}
        (told,) = made(self.api.post(QUERY, asked))["usageConsumption"]
        for one, other in zip(listed, told["bucketRefOrValue"], strict=True):
            assert other == {**one, **{k: other[k] for k in other.keys() - one.keys()}}
        sums: dict[str, Decimal] = {}
        for each in listed:
            kind = "credit" if each["name"] == "Credit" else each["usageType"]
            left = Decimal(str(each["remainingValue"]["amount"]))
            sums[kind] = sums.get(kind, Decimal()) + left
        for each in self.api.get(f"{BALANCE}/accumulatedBalance?product.id={self.product}").body:
            kind = each["id"].rpartition("~")[2]
            assert Decimal(str(each["totalBalance"]["amount"])) == sums.pop(kind)
        assert not sums
        found: dict[str, float] = {}
        for each in listed:
            name = f"{each['name']} (shared)" if each["isShared"] else each["name"]
            left = each["remainingValue"]
            size = GB if left["units"] == "bytes" else 1
            found[name] = found.get(name, 0) + left["amount"] / size
        return found

    def status(self) -> tuple[str, str | None]:
        one = self.api.get(f"{BALANCE}/bucket/{self.product}").body
        return one["status"], one.get("statusReason")

    def used(self) -> float:
        """Gigabytes of the running month."""
        asked = {"searchCriteria": {"product": [{"id": self.product}]}}
        (told,) = made(self.api.post(QUERY, asked))["usageConsumption"]
        own = [each for each in told["product"][0]["consumptionSummary"] if "user" not in each]
        return sum(float(each["value"]["amount"]) for each in own) / GB


def test_every_change_is_shown_by_the_next_get(
    api: Client, books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=6)
    small = shop.offer(api, "Small", **plan(2, balanceDays="60", graceDays="10"))
    large = shop.offer(api, "Large", **plan(5))
    shared = {"prodSpecCharValueUse": said(serviceKind="sharedPool")}
    payer = shop.account(api, kind="prepaid")
    line = Line(api, relay, small, payer)
    friend = Line(api, relay, small, shop.account(api, kind="prepaid"))

    def online(kind: Kind, number: int, used: int = 0, asked: int = -1) -> None:
        one = request(kind, number, asks(asked, used=used), at=int(clock.now().timestamp()))
        (number_,) = api.get(f"{BALANCE}/bucket/{line.product}").body["logicalResource"]
        one.identities = (("msisdn", number_["id"]),)
        GroupCommit(charging).process([one], clock.now())

    assert line.shown() == {"Balance": 0}, "the month's fee isn't paid"
    line.do("topupBalance", 10)
    assert line.shown() == {"Balance": 7, "Included data": 2}
    online(Kind.INITIAL, 0, asked=GB)
    (held,) = api.get(f"{BALANCE}/bucket?reservedValue.amount.gt=0").body
    assert (held["name"], held["reservedValue"]["amount"]) == ("Included data", GB)
    online(Kind.TERMINATE, 1, used=GB)
    assert (line.shown(), line.used()) == ({"Balance": 7, "Included data": 1}, 1)
    assert api.get(f"{BALANCE}/bucket?reservedValue.amount.gt=0").body == []

    line.do("adjustBalance", 2)
    gift = {
        "channel": {"id": "app"}, "logicalResource": [{"id": "1"}],
        "receiverLogicalResource": {"id": "2"}, "receiverBucket": {"id": friend.product},
        "receiverBucketUsageType": "monetary",
    }  # fmt: skip
    line.do("transferBalance", 4, **gift)
    assert line.shown() == {"Balance": 5, "Included data": 1}
    assert friend.shown() == {"Balance": 1, "Included data": 2}, "its fee can be paid now"

    line.modify(productOffering={"id": large["id"]})
    assert line.shown() == {"Balance": 5, "Included data": 4}, "of five one is used"
    pool = Line(api, relay, shop.offer(api, "Family", monthly=0, **shared), payer)
    line.say(memberOf=pool.product, poolDataLimit="1000000000")
    assert pool.shown() == {"Balance (shared)": 0, "Included data (shared)": 2}
    assert line.shown() == {"Balance": 5, "Included data": 4, "Included data (shared)": 1}
    line.say(poolDataLimit="1500000000")
    assert line.shown()["Included data (shared)"] == 1.5
    line.say(memberOf="")
    assert line.shown() == {"Balance": 5, "Included data": 4}

    clock.set(datetime(2026, 12, 2, 12, tzinfo=UTC))
    over = {"Balance": 2, "Included data": 5.5}
    assert (line.shown(), line.used(), line.status()) == (over, 0, ("active", None))
    online(Kind.INITIAL, 2, asked=GB)
    online(Kind.TERMINATE, 3, used=GB)
    assert (line.shown(), line.used()) == ({"Balance": 2, "Included data": 4.5}, 1)
    clock.advance(timedelta(days=35))
    assert (line.shown()["Balance"], line.status()) == (2, ("suspended", "oneWay"))
    clock.advance(timedelta(days=10))
    assert (line.shown()["Balance"], line.status()) == (0, ("expired", "expired"))
    line.do("topupBalance", 10)
    assert (line.shown(), line.status()) == ({"Balance": 7, "Included data": 5.5}, ("active", None))
