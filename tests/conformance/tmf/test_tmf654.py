"""TMF654: buckets, and what is done to prepaid balances."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import BALANCE, made
from tests.scenarios.ordering_shop import fill_shelf
from trunkline import charging as charging_domain
from trunkline import ledger
from trunkline.charging import release_lost_sessions
from trunkline.charging.operations import close_account
from trunkline.ledger import ADJUSTMENTS, CASH, PREPAID
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Body = dict[str, Any]
AGENT = {"id": "agent-1", "@referredType": "Individual"}
Subscribe = Callable[..., Body]


def eur(value: float) -> Body:
    return {"amount": value, "units": "EUR"}


@pytest.fixture
def subscribe(api: Client, books: Database, relay: Relay, clock: DrivenClock) -> Subscribe:
    """`subscribe()`: a prepaid product with so much on it, as its product with `payer`."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=6)
    offering = shop.offer(api, monthly=0)

    def made_subscriber(kind: str = "prepaid", money: float = 0) -> Body:
        payer = shop.account(api, kind=kind)
        shop.order(api, payer, offering)
        relay.drain()
        (product,) = api.get(f"{shop.PRODUCT}?billingAccount.id={payer['id']}").body
        if money:
            made(api.post(f"{BALANCE}/topupBalance", about(product | {"payer": payer}, money)))
            relay.drain()
        return {**product, "payer": payer}

    return made_subscriber


def about(subscriber: Body, amount: float, **rest: Any) -> Body:
    return {
        "amount": eur(amount),
        "usageType": "monetary",
        "bucket": {"id": subscriber["id"]},
        "partyAccount": {"id": subscriber["payer"]["id"]},
        **rest,
    }


def to(receiver: Body, **rest: Any) -> Body:
    return {
        "reason": "a gift",
        "channel": {"id": "app"},
        "logicalResource": [{"id": "353850000000"}],
        "receiverLogicalResource": {"id": "353850000001"},
        "receiverBucket": {"id": receiver["id"]},
        "receiverBucketUsageType": "monetary",
        **rest,
    }


def left(api: Client, subscriber: Body) -> tuple[Any, Any]:
    """What remains and what of it is reserved."""
    bucket = api.get(f"{BALANCE}/bucket/{subscriber['id']}").body
    remaining, reserved = (
        Decimal(str(bucket[name]["amount"])) for name in ("remainingValue", "reservedValue")
    )
    return remaining, reserved


def books_agree(books: Database, charging: Database, *subscribers: Body) -> None:
    """The ledger's prepaid balances are charging's."""
    with charging.read() as r:
        held = sum(
            charging_domain.balance(
                r, charging_domain.ChargingAccountId(each["id"]), books.now()
            ).money.micros
            for each in subscribers
        )
    with books.read() as r:
        assert ledger.balance(r, PREPAID, "EUR").micros == -held


def test_an_adjustment_is_for_a_reason_and_in_the_ledger(
    api: Client, subscribe: Subscribe, relay: Relay, books: Database, charging: Database
) -> None:
    one, other = subscribe(money=10), subscribe(money=1)
    body = about(one, 2.5, reason="goodwill", requestor=AGENT, channel={"id": "shop"})
    action = made(api.post(f"{BALANCE}/adjustBalance", body, Idempotency_Key="a"))
    assert (action["status"], action["requestor"]) == ("created", AGENT)
    assert api.post(f"{BALANCE}/adjustBalance", body, Idempotency_Key="a").body == action
    relay.drain()
    done = api.get(action["href"]).body
    assert (done["status"], done["adjustType"]) == ("completed", "oneTime")
    assert done["confirmationDate"]
    assert left(api, one) == (Decimal("12.5"), 0)
    made(api.post(f"{BALANCE}/adjustBalance", about(one, -12.5, reason="closed")))
    relay.drain()
    assert left(api, one) == (0, 0)
    assert left(api, other) == (1, 0)
    books_agree(books, charging, one, other)
    with books.read() as r:
        assert str(ledger.balance(r, ADJUSTMENTS, "EUR")) == "-10.00 EUR"
    found = api.get(f"{BALANCE}/adjustBalance?reason=goodwill&product.id={one['id']}").body
    assert found == [done]
    assert api.get(f"{BALANCE}/adjustBalance?amount.amount.lt=0").body[0]["reason"] == "closed"


def test_what_is_refused_later_fails_and_moves_nothing(
    api: Client, subscribe: Subscribe, relay: Relay, books: Database, charging: Database
) -> None:
    """Both are told that there is enough: the second finds the balance gone."""
    one, other = subscribe(money=10), subscribe()
    first = made(api.post(f"{BALANCE}/transferBalance", about(one, 7, **to(other))))
    second = made(api.post(f"{BALANCE}/transferBalance", about(one, 7, **to(other))))
    relay.drain()
    states = [api.get(each["href"]).body for each in (first, second)]
    assert [each["status"] for each in states] == ["completed", "failed"]
    assert "3.00 EUR is free" in states[1]["statusReason"]
    assert (left(api, one)[0], left(api, other)[0]) == (3, 7)
    books_agree(books, charging, one, other)
    assert api.delete(first["href"]).status == 409
    assert api.delete(second["href"]).status == 204
    assert api.get(second["href"]).status == 404


def test_a_transfer_is_kept_with_both_sides(
    api: Client, subscribe: Subscribe, relay: Relay, books: Database, charging: Database
) -> None:
    one, other = subscribe(money=10), subscribe(money=5)
    action = made(api.post(f"{BALANCE}/transferBalance", about(one, 4, **to(other))))
    relay.drain()
    done = api.get(action["href"]).body
    assert (done["status"], done["receiverBucket"]["id"]) == ("completed", other["id"])
    assert (done["reason"], done["channel"], done["logicalResource"]) == (
        "a gift", {"id": "app"}, [{"id": "353850000000"}]
    )  # fmt: skip
    assert (left(api, one)[0], left(api, other)[0]) == (6, 9)
    books_agree(books, charging, one, other)
    with books.read() as r:
        assert str(ledger.balance(r, CASH, "EUR")) == "15.00 EUR"
        assert not ledger.balance(r, ADJUSTMENTS, "EUR")
    assert api.get(f"{BALANCE}/transferBalance?receiverBucket.id={other['id']}").body == [done]
    assert api.get(f"{BALANCE}/transferBalance?receiverBucket.id={one['id']}").body == []
    assert api.patch(action["href"], {"status": "cancelled"}).status == 409
    assert api.patch(action["href"], {"description": "for you"}).body["description"] == "for you"
    assert api.patch(action["href"], {"amount": eur(1)}).body["path"] == "amount"


def test_a_reservation_is_released_by_hand_or_in_time(
    api: Client, subscribe: Subscribe, relay: Relay, clock: DrivenClock, charging: Database
) -> None:
    one = subscribe(money=10)
    kept = made(api.post(f"{BALANCE}/reserveBalance", about(one, 6)))
    relay.drain()
    assert api.get(kept["href"]).body["status"] == "completed"
    assert left(api, one) == (10, 6)
    refused = api.post(f"{BALANCE}/reserveBalance", about(one, 4.01))
    assert (refused.status, refused.body["code"]) == (422, "balanceTooLow")
    assert refused.body["path"] == "amount"
    released = api.patch(kept["href"], {"status": "cancelled", "reason": "not needed"})
    assert (released.status, released.body["status"]) == (200, "cancelled")
    relay.drain()
    assert left(api, one) == (10, 0)
    again = api.patch(kept["href"], {"status": "completed"})
    assert (again.status, again.body["path"]) == (409, "status")
    until = (clock.now() + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    made(api.post(f"{BALANCE}/reserveBalance", about(one, 9, validFor={"endDateTime": until})))
    relay.drain()
    assert left(api, one) == (10, 9)
    clock.advance(timedelta(hours=1))
    release_lost_sessions(charging, clock.now())
    assert left(api, one) == (10, 9)
    clock.advance(timedelta(hours=1, seconds=1))
    release_lost_sessions(charging, clock.now())
    assert left(api, one) == (10, 0)


def test_a_reservation_is_deleted_with_what_it_holds(
    api: Client, subscribe: Subscribe, relay: Relay
) -> None:
    one = subscribe(money=10)
    kept = made(api.post(f"{BALANCE}/reserveBalance", about(one, 6)))
    relay.drain()
    assert api.delete(kept["href"]).status == 204
    relay.drain()
    assert left(api, one) == (10, 0)
    assert api.get(kept["href"]).status == 404
    # One that is given up before charging has heard of it holds nothing either.
    kept = made(api.post(f"{BALANCE}/reserveBalance", about(one, 6)))
    assert api.patch(kept["href"], {"status": "cancelled"}).status == 200
    relay.drain()
    assert left(api, one) == (10, 0)


@pytest.fixture
def two(subscribe: Subscribe) -> tuple[Body, Body]:
    """One with ten, and another."""
    return subscribe(money=10), subscribe()


@together(
    ("task", "wrong", "status", "path"),
    [
        ("adjustBalance", {"reason": None}, 400, "reason"),
        ("adjustBalance", {"amount": eur(0)}, 400, "amount"),
        ("adjustBalance", {"amount": eur(-10.01)}, 422, "amount"),
        ("adjustBalance", {"amount": eur(0.001)}, 400, "amount"),
        ("adjustBalance", {"amount": {"amount": 1, "units": "USD"}}, 400, "amount"),
        ("adjustBalance", {"amount": {"amount": "1", "units": "EUR"}}, 400, "amount.amount"),
        ("adjustBalance", {"bucket": {"id": "none"}}, 400, "bucket.id"),
        ("adjustBalance", {"usageType": "data"}, 422, "usageType"),
        ("adjustBalance", {"adjustType": "recurring"}, 422, "adjustType"),
        ("adjustBalance", {"product": [{"id": "none"}]}, 400, "product[0].id"),
        ("adjustBalance", {"description": "x" * 401}, 400, "description"),
        ("transferBalance", {"amount": eur(-1)}, 400, "amount"),
        ("transferBalance", {"amount": eur(10.01)}, 422, "amount"),
        ("transferBalance", {"receiverBucket": {"id": "none"}}, 400, "receiverBucket.id"),
        ("transferBalance", {"receiverBucketUsageType": "sms"}, 422, "receiverBucketUsageType"),
        ("transferBalance", {"transferCost": {"unit": "EUR", "value": 1}}, 422, "transferCost"),
        ("transferBalance", {"logicalResource": []}, 400, "logicalResource"),
        ("transferBalance", {"channel": None}, 400, "channel"),
        ("reserveBalance", {"amount": eur(-1)}, 400, "amount"),
        ("reserveBalance", {"partyAccount": {"id": "none"}}, 400, "partyAccount.id"),
        (
            "reserveBalance",
            {"validFor": {"endDateTime": "2026-01-01T00:00:00Z"}},
            400,
            "validFor.endDateTime",
        ),
        (
            "reserveBalance",
            {"validFor": {"endDateTime": "2036-01-01T00:00:00Z"}},
            400,
            "validFor.endDateTime",
        ),
        ("topupBalance", {"amount": None}, 400, "amount"),
        ("topupBalance", {"isAutoTopup": True}, 422, "isAutoTopup"),
        ("topupBalance", {"paymentMethod": {"id": "pm_none"}}, 400, "paymentMethod.id"),
    ],
)
def test_what_can_not_be_done_is_refused_with_its_place(
    api: Client, two: tuple[Body, Body], task: str, wrong: Body, status: int, path: str
) -> None:
    one, other = two
    body = about(one, 1, reason="r")
    if task == "transferBalance":
        body |= to(other)
    refused = api.post(f"{BALANCE}/{task}", body | wrong)
    assert (refused.status, refused.body["path"]) == (status, path)
    assert api.get(f"{BALANCE}/{task}?product.id={other['id']}").body == []


def test_a_postpaid_product_and_an_allowance_hold_no_money(
    api: Client, subscribe: Subscribe
) -> None:
    one, postpaid = subscribe(money=10), subscribe("postpaid")
    (data,) = api.get(f"{BALANCE}/bucket?product.id={one['id']}&usageType=data").body
    for task in ("adjustBalance", "reserveBalance", "topupBalance"):
        refused = api.post(f"{BALANCE}/{task}", about(postpaid, 1, reason="r"))
        assert (refused.status, refused.body["path"]) == (422, "bucket.id"), refused.body
        refused = api.post(f"{BALANCE}/{task}", about(one, 1, reason="r", bucket=data))
        assert (refused.status, refused.body["code"]) == (422, "notMonetary")
    refused = api.post(f"{BALANCE}/transferBalance", about(one, 1, **to(postpaid)))
    assert (refused.status, refused.body["path"]) == (422, "receiverBucket.id")
    refused = api.post(f"{BALANCE}/transferBalance", about(one, 1, **to(one)))
    assert (refused.status, refused.body["path"]) == (400, "receiverBucket.id")


def test_buckets_are_found_and_paged_among_others(api: Client, subscribe: Subscribe) -> None:
    subscribers = [subscribe(money=5), subscribe(money=20), subscribe("postpaid")]
    every = api.get(f"{BALANCE}/bucket")
    assert (len(every.body), every.headers["X-Total-Count"]) == (5, "5")
    for query, count in (
        ("usageType=monetary", 2),
        ("usageType.ne=monetary", 3),
        ("remainingValue.amount.gt=5&usageType=monetary", 1),
        ("status=active", 5),
        ("status=expired", 0),
        (f"product.id={subscribers[0]['id']}", 2),
        (f"product.id.gt={min(each['id'] for each in subscribers)}", 3),
        (f"id={subscribers[2]['id']}", 0),
        ("name.regex=^Incl", 3),
        (f"relatedParty.id={subscribers[0]['payer']['relatedParty'][0]['id']}", 2),
        (f"partyAccount.id={subscribers[1]['payer']['id']}&usageType=data", 1),
        ("relatedParty.id=none", 0),
        ("isShared=true", 0),
        ("validFor.endDateTime.gt=2026-11-30T23:00:00Z", 3),
        ("validFor.endDateTime.lt=2026-11-30T23:00:00Z", 0),
    ):
        found = api.get(f"{BALANCE}/bucket?{query}").body
        assert len(found) in (count, count + 1 if "gt=" in query and "id" in query else count)
    page = api.get(f"{BALANCE}/bucket?limit=2&offset=1")
    assert (page.status, page.body) == (206, every.body[1:3])
    dearest = api.get(f"{BALANCE}/bucket?usageType=monetary&sort=-remainingValue.amount").body
    assert [each["id"] for each in dearest] == [each["id"] for each in subscribers[1::-1]]
    assert every.body[0]["relatedParty"][0]["id"] in {
        each["payer"]["relatedParty"][0]["id"] for each in subscribers
    }
    for wrong in (
        "relatedParty.id.gt=a",
        "sort=relatedParty.id",
        "isShared=yes",
        "validFor.endDateTime=soon",
        "colour=red",
        "sort=colour",
        "remainingValue.amount.regex=1",
        "offset=-1",
        "remainingValue.amount=much",
    ):
        assert api.get(f"{BALANCE}/bucket?{wrong}").status == 400, wrong


def test_what_the_standard_has_no_word_for_is_another_usage_type(
    api: Client, books: Database, relay: Relay, clock: DrivenClock
) -> None:
    """Multimedia and services of the operator's own are apart, and `description` says which."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=2)
    included = [
        {"name": name, "@type": "Allowance", "service": service,
         "unitOfMeasure": {"amount": 10, "units": units}}
        for name, service, units in (("Pictures", "mms", "messages"), ("Calls", "api", "events"))
    ]  # fmt: skip
    payer = shop.account(api)
    shop.order(api, payer, shop.offer(api, productOfferingPrice=included))
    relay.drain()
    for path in ("bucket", "accumulatedBalance"):
        found = api.get(f"{BALANCE}/{path}?partyAccount.id={payer['id']}").body
        assert [(each["usageType"], each["description"]) for each in found] == [
            ("other", "mms"), ("other", "api")
        ]  # fmt: skip
        for each in found:
            assert api.get(each["href"]).body == each
    assert len(api.get(f"{BALANCE}/bucket?usageType=other&description=mms").body) == 1


def test_a_long_list_is_walked(
    api: Client, subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if three accounts were too many to compare what stands inside them."""
    for _ in range(3):
        subscribe(money=1)
    every = api.get(f"{BALANCE}/bucket").body
    monkeypatch.setattr("trunkline.rest.forms.in_accounts.MOST_COMPARED", 2)
    monkeypatch.setattr("trunkline.rest.forms.in_accounts._CHUNK", 2)
    pages = [api.get(f"{BALANCE}/bucket?limit=2&offset={offset}") for offset in (0, 2, 4)]
    assert [each for page in pages for each in page.body] == every
    assert [page.headers["X-Total-Count"] for page in pages] == ["4", "5", "6"]
    after = every[1]["product"][0]["id"]
    assert api.get(f"{BALANCE}/bucket?product.id.gt={after}").body == every[2:]
    refused = api.get(f"{BALANCE}/bucket?usageType=monetary")
    assert (refused.status, refused.body["path"]) == (400, "usageType")
    monkeypatch.setattr("trunkline.rest.forms.in_accounts.MOST_WALKED", 2)
    assert api.get(f"{BALANCE}/bucket?limit=1&offset=5").body["path"] == "offset"


def test_what_a_product_has_in_all(api: Client, subscribe: Subscribe) -> None:
    one = subscribe(money=5)
    subscribe(money=7)
    sums = api.get(f"{BALANCE}/accumulatedBalance?product.id={one['id']}").body
    assert [(each["usageType"], each["totalBalance"]) for each in sums] == [
        ("monetary", eur(5)),
        ("data", {"amount": 2_000_000_000, "units": "bytes"}),
    ]
    assert sums[0]["bucket"][0]["id"] == one["id"]
    assert api.get(sums[1]["href"]).body == sums[1]
    assert api.get(f"{BALANCE}/accumulatedBalance?usageType=monetary").headers[
        "X-Total-Count"
    ] == "2"  # fmt: skip
    assert api.get(f"{BALANCE}/accumulatedBalance/{one['id']}~sms").status == 404


def test_the_history_has_all_that_was_done(api: Client, subscribe: Subscribe, relay: Relay) -> None:
    one, other = subscribe(money=10), subscribe(money=3)
    made(api.post(f"{BALANCE}/adjustBalance", about(one, 1, reason="goodwill")))
    made(api.post(f"{BALANCE}/transferBalance", about(one, 2, **to(other))))
    made(api.post(f"{BALANCE}/reserveBalance", about(one, 3)))
    history = f"{BALANCE}/balanceActionHistory"
    mine = api.get(f"{history}?product.id={one['id']}&sort=action").body
    assert [each["action"] for each in mine] == [
        "adjustBalance", "reserveBalance", "topupBalance", "transferBalance"
    ]  # fmt: skip
    assert [each["status"] for each in mine] == ["created", "created", "completed", "created"]
    assert mine[3]["receiverLogicalResource"] == {"id": "353850000001"}
    assert api.get(mine[0]["href"]).body == mine[0]
    relay.drain()
    assert api.get(f"{history}?status=created").body == []
    assert len(api.get(f"{history}?receiverBucket.id={other['id']}").body) == 1
    assert api.delete(mine[0]["href"]).status == 405


def test_what_was_done_is_found_by_whatever_it_shows(
    api: Client, subscribe: Subscribe, relay: Relay
) -> None:
    one, other = subscribe(money=10), subscribe(money=3)
    said = {
        "reason": "a gift", "description": "by hand", "channel": {"id": "c1", "name": "Shop"},
        "requestor": AGENT | {"name": "Aoife"}, "logicalResource": [{"id": "353850000000"}],
        "@baseType": "Action", "@schemaLocation": "https://a.example/b.json",
    }  # fmt: skip
    receiver = {"id": "r1", "@referredType": "Individual"}
    gift = to(other) | {"receiver": receiver, "costOwner": "receiver"}
    done = [
        made(api.post(f"{BALANCE}/{task}", about(one, 1, **more) | said))
        for task, more in (
            ("topupBalance", {}), ("adjustBalance", {}), ("transferBalance", gift),
            ("reserveBalance", {}),
        )
    ]  # fmt: skip
    relay.drain()
    customer = one["payer"]["relatedParty"][0]["id"]
    by = [
        "reason=a gift", "description=by hand", "channel.id=c1", "channel.name=Shop",
        "requestor.id=agent-1", "requestor.name=Aoife", "logicalResource.id=353850000000",
    ]  # fmt: skip
    kept = {name: said[name] for name in ("@baseType", "@schemaLocation", "reason", "channel")}
    for each in done:
        shown = api.get(each["href"]).body
        assert shown | kept == shown
        assert shown["relatedParty"][0]["id"] == customer
        path = each["href"].rpartition("/")[0]
        own = [f"relatedParty.id={customer}", f"product.id={one['id']}"]
        for query in [*by, "usageType=monetary&reason=a gift", *own]:
            found = api.get(f"{path}?{query}").body
            assert each["id"] in [it["id"] for it in found], query
            assert {it["product"][0]["id"] for it in found} == {one["id"]}, query
        assert api.get(f"{path}?usageType=data").body == []
    history = f"{BALANCE}/balanceActionHistory"
    for query in by:
        assert len(api.get(f"{history}?{query}").body) == 4, query
    (moved,) = api.get(f"{history}?receiver.id=r1").body
    for query in (
        f"receiverProduct.id={other['id']}", "receiverLogicalResource.id=353850000001",
        "receiver.id=r1", "costOwner=receiver", "receiverBucketUsageType=monetary",
    ):  # fmt: skip
        assert [it["id"] for it in api.get(f"{BALANCE}/transferBalance?{query}").body] == [
            moved["id"]
        ], query
    assert len(api.get(f"{BALANCE}/adjustBalance?adjustType=oneTime").body) == 1
    begins = api.get(done[3]["href"]).body["validFor"]["startDateTime"]
    assert len(api.get(f"{BALANCE}/reserveBalance?validFor.startDateTime={begins}").body) == 1


def test_a_top_up_is_described_and_refunded_not_deleted(
    api: Client, subscribe: Subscribe, relay: Relay, books: Database, charging: Database
) -> None:
    one = subscribe()
    body = about(one, 10, description="at the till", channel={"id": "shop"})
    top_up = made(api.post(f"{BALANCE}/topupBalance", body))
    relay.drain()
    assert api.patch(top_up["href"], {"reason": "mistyped"}).body["reason"] == "mistyped"
    assert api.patch(top_up["href"], {"status": "cancelled"}).status == 409
    assert api.delete(top_up["href"]).status == 409
    shown = api.get(top_up["href"]).body
    assert (shown["description"], shown["channel"]) == ("at the till", {"id": "shop"})
    assert api.get(f"{BALANCE}/topupBalance?status=completed").body == [shown]
    assert api.get(f"{BALANCE}/topupBalance?status=created").body == []

    def refund(amount: float) -> Body:
        return made(
            api.post(
                "/payment/v4/refund",
                {
                    "account": {"id": one["payer"]["id"]},
                    "payment": {"id": top_up["id"]},
                    "paymentMethod": {"@type": "cash"},
                    "totalAmount": shop.money(amount),
                },
            )
        )

    done = refund(4)
    assert done["status"] == "pendingAuthorization"
    relay.drain()
    assert api.get(done["href"]).body["status"] == "done"
    assert left(api, one) == (6, 0)
    books_agree(books, charging, one)
    made(api.post(f"{BALANCE}/adjustBalance", about(one, -3, reason="used")))
    relay.drain()
    denied = refund(6)
    relay.drain()
    denied = api.get(denied["href"]).body
    assert (denied["status"], "3.00 EUR is free" in denied["statusReason"]) == ("denied", True)
    assert api.get(f"{shop.PAYMENT}/{top_up['id']}").body["refundedAmount"] == shop.money(4)
    books_agree(books, charging, one)


def test_a_top_up_that_comes_too_late_is_the_customers_credit(
    api: Client, subscribe: Subscribe, relay: Relay, books: Database, charging: Database
) -> None:
    """The product ends between the payment and its credit: the money isn't lost."""
    one = subscribe()
    top_up = made(api.post(f"{BALANCE}/topupBalance", about(one, 10)))
    with charging.transaction() as tx:
        account = charging_domain.ChargingAccountId(one["id"])
        close_account(tx, account, at=charging.now())
    relay.drain()
    failed = api.get(top_up["href"]).body
    assert (failed["status"], failed["statusReason"]) == (
        "failed",
        "the charging account is closed",
    )
    assert api.get(f"{BALANCE}/topupBalance?status=failed").body == [failed]
    assert api.get(f"{BALANCE}/balanceActionHistory?status=failed").body[0]["id"] == failed["id"]
    account_now = api.get(one["payer"]["href"]).body
    assert account_now["accountBalance"][0]["amount"] == shop.money(-10)
    with books.read() as r:
        assert not ledger.balance(r, PREPAID, "EUR")
        assert str(ledger.balance(r, ledger.CUSTOMER_CREDITS, "EUR")) == "-10.00 EUR"
    refused = api.post(f"{BALANCE}/topupBalance", about(one, 10))
    assert (refused.status, refused.body["path"]) == (409, "bucket.id")
    body = {
        "account": {"id": one["payer"]["id"]},
        "payment": {"id": top_up["id"]},
        "paymentMethod": {"@type": "cash"},
        "totalAmount": shop.money(10),
    }
    assert made(api.post("/payment/v4/refund", body))["status"] == "done"
    assert api.get(one["payer"]["href"]).body["accountBalance"][0]["amount"] == shop.money(0)


def test_a_balance_is_found_by_its_number(api: Client, subscribe: Subscribe) -> None:
    one, other = subscribe(money=10), subscribe(money=1)
    bucket = api.get(f"{BALANCE}/bucket/{one['id']}").body
    (number,) = bucket["logicalResource"]
    assert number["@referredType"] == "MSISDN"
    for path in ("bucket", "accumulatedBalance"):
        found = api.get(f"{BALANCE}/{path}?logicalResource.id={number['id']}&usageType=monetary")
        assert [each["product"][0]["id"] for each in found.body] == [one["id"]]
        assert found.body[0]["logicalResource"] in (number, [number])
        rest = api.get(f"{BALANCE}/{path}?logicalResource.id.ne={number['id']}").body
        assert {each["product"][0]["id"] for each in rest} == {other["id"]}
    assert api.get(f"{BALANCE}/bucket?logicalResource.id=1").body == []
