"""Vouchers, dealers and their tills, over HTTP; and codes by TMF654."""

import hashlib
from typing import Any

import pytest

from tests.conformance.tmf.announced import Recorder
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import BALANCE, made
from tests.scenarios.voucher_town import ENTITY, PASSPHRASE, Town
from trunkline import vouchers
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

BASE = "/trunkline/vouchers/v1"
RETAIL = "/trunkline/retail/v1"
Body = dict[str, Any]


def eur(value: float) -> Body:
    return {"unit": "EUR", "value": value}


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, charging, relay, clock)


@pytest.fixture
def staff(town: Town, make_client: MakeClient) -> Client:
    return make_client("vouchers:*", "retail:*", "tmf654:*")


@pytest.fixture
def asker(town: Town, make_client: MakeClient) -> Client:
    """Who asks for batches, which `staff` then approves."""
    return make_client("vouchers:*")


def new(**changed: Any) -> Body:
    return {
        "name": "Spring",
        "legalEntity": str(ENTITY),
        "face": eur(10),
        "count": 3,
        "expiresAt": "2027-11-02T00:00:00Z",
        "passphrase": PASSPHRASE,
        **changed,
    }


def printed(staff: Client, asker: Client, relay: Relay, **changed: Any) -> tuple[Body, list[str]]:
    """A batch that is the printer's, and its codes."""
    batch = made(asker.post(f"{BASE}/voucherBatch", new(**changed)))
    assert batch["state"] == "requested"
    alone = asker.patch(batch["href"], {"state": "generating"})
    assert (alone.status, alone.body["code"]) == (403, "fourEyes")
    assert staff.post(f"{batch['href']}/sealedFile", {}).status == 409
    batch = staff.patch(batch["href"], {"state": "generating"}).body
    assert batch["state"] == "generating"
    assert batch["askedBy"] != batch["approvedBy"]
    assert staff.post(f"{batch['href']}/sealedFile", {}).status == 409
    relay.drain()
    batch = staff.get(batch["href"]).body
    assert (batch["state"], batch["vouchers"]) == ("sealed", {"generated": 3})
    sealed = staff.post(f"{batch['href']}/sealedFile", {}).raw
    assert staff.patch(batch["href"], {"state": "exported"}).status == 400
    wrong = staff.patch(batch["href"], {"state": "exported", "sha256": "0" * 64})
    assert (wrong.status, wrong.body["code"]) == (409, "voucherFileMismatch")
    digest = hashlib.sha256(sealed).hexdigest()
    batch = staff.patch(batch["href"], {"state": "exported", "sha256": digest}).body
    assert batch["state"] == "exported"
    assert staff.post(f"{batch['href']}/sealedFile", {}).status == 409
    return batch, [code for _, code in vouchers.unseal(sealed.splitlines(), PASSPHRASE)]


def span(batch: Body, **rest: Any) -> Body:
    return {"first": batch["firstSerial"], "last": batch["lastSerial"], **rest}


def topup(town: Town, code: str, person: int = 1, **rest: Any) -> Body:
    balance = town.balance(person)
    return {
        "usageType": "monetary",
        "bucket": {"id": str(balance.account)},
        "partyAccount": {"id": str(balance.billing_account)},
        "voucher": code,
        **rest,
    }


def test_from_the_batch_to_the_balance(
    town: Town, staff: Client, asker: Client, relay: Relay
) -> None:
    batch, codes = printed(staff, asker, relay)
    refused = staff.post(f"{batch['href']}/sell", span(batch))
    assert (refused.status, refused.body["path"]) == (400, "dealer")
    selling = span(batch, dealer=town.kiosk, price=eur(9.5))
    alone = asker.post(f"{batch['href']}/sell", selling)
    assert (alone.status, alone.body["code"]) == (403, "fourEyes")
    sold = staff.post(f"{batch['href']}/sell", selling)
    assert sold.body["vouchers"] == {"active": 3}
    task = made(staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0])))
    assert (task["status"], task["voucher"]) == ("created", str(batch["firstSerial"]))
    relay.drain()
    done = staff.get(task["href"]).body
    assert (done["status"], done["amount"]) == ("completed", {"amount": 10, "units": "EUR"})
    assert town.money(1) == "10.00 EUR"
    assert staff.get(f"{BALANCE}/topupBalance?voucher={batch['firstSerial']}").body == [done]
    again = staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0], 2))
    assert (again.status, again.body["code"], again.body["path"]) == (
        422, "voucherRefused", "voucher"
    )  # fmt: skip
    (kept,) = staff.get(f"{BALANCE}/topupBalance?status=failed").body
    assert "voucher" not in kept
    history = staff.get(f"{BALANCE}/balanceActionHistory?action=topupBalance").body
    assert {each["id"] for each in history} == {done["id"], kept["id"]}
    described = staff.patch(task["href"], {"description": "at the kiosk"})
    assert described.body["description"] == "at the kiosk"
    assert staff.patch(task["href"], {"status": "cancelled"}).status == 409
    (voucher,) = staff.get(f"{BASE}/voucher?batch={batch['id']}&state=redeemed").body
    assert (voucher["serial"], voucher["topUp"]) == (batch["firstSerial"], task["id"])
    stopped = staff.post(f"{batch['href']}/stop", span(batch))
    assert stopped.body["vouchers"] == {"stopped": 2, "void": 0}
    assert staff.post(f"{batch['href']}/burn", span(batch)).status == 404
    town.check_books()


def test_a_code_sent_again_under_its_key_is_one_try(
    town: Town, staff: Client, asker: Client, relay: Relay
) -> None:
    batch, codes = printed(staff, asker, relay)
    staff.post(f"{batch['href']}/sell", span(batch, dealer=town.kiosk))
    first = made(staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0]), Idempotency_Key="k"))
    again = staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0]), Idempotency_Key="k")
    assert (again.status, again.body) == (201, first)
    wrong = topup(town, "1234 5678 9012 3456")
    for _ in range(9):
        refused = staff.post(f"{BALANCE}/topupBalance", wrong, Idempotency_Key="w")
        assert (refused.status, refused.body["code"]) == (422, "voucherRefused")
    relay.drain()
    assert town.money(1) == "10.00 EUR"


def test_who_guesses_is_told_to_wait(town: Town, staff: Client) -> None:
    for _ in range(5):
        assert staff.post(f"{BALANCE}/topupBalance", topup(town, "1")).status == 422
    locked = staff.post(f"{BALANCE}/topupBalance", topup(town, "1"))
    assert (locked.status, locked.body["code"]) == (429, "voucherLockedOut")
    assert int(locked.headers["Retry-After"]) > 800
    whose = [each["who"] for each in staff.get(f"{BASE}/lockout").body]
    assert len(whose) == 2
    for each in whose:
        assert staff.delete(f"{BASE}/lockout?who={each.replace(' ', '%20')}").status == 204
    assert staff.post(f"{BALANCE}/topupBalance", topup(town, "1")).status == 422


def test_a_subscriber_redeems_for_themselves_and_pays_nothing_else_in(
    town: Town, staff: Client, asker: Client, relay: Relay, app: Any, clock: DrivenClock
) -> None:
    from trunkline.customers import billing_account

    batch, codes = printed(staff, asker, relay)
    staff.post(f"{batch['href']}/sell", span(batch, dealer=town.kiosk))
    with town.books.transaction() as tx:
        whose = billing_account(tx, town.balance(1).billing_account).customer
        key = security.create_api_key(
            tx,
            name="Ada",
            scopes=["tmf654:*"],
            binding=security.Binding(whose, None),
            now=clock.now(),
        )
    ada = Client(app, key.secret)
    task = made(ada.post(f"{BALANCE}/topupBalance", topup(town, codes[0])))
    assert ada.get(task["href"]).status == 200
    others = ada.post(f"{BALANCE}/topupBalance", topup(town, codes[1], 2))
    assert others.status == 400
    cash = topup(town, codes[1], amount={"amount": 5, "units": "EUR"})
    del cash["voucher"]
    refused = ada.post(f"{BALANCE}/topupBalance", cash)
    assert (refused.status, refused.body["code"]) == (403, "closedToSubscribers")
    relay.drain()
    assert (town.money(1), town.money(2)) == ("10.00 EUR", "0.00 EUR")


def test_a_dealers_till(
    town: Town, staff: Client, relay: Relay, app: Any, clock: DrivenClock
) -> None:
    """A kiosk with 5 % commission sells 20.00: 19.00 of its float."""
    with town.books.transaction() as tx:
        key = security.create_api_key(tx, name="till", scopes=["retail:*"], now=clock.now())
    till = Client(app, key.secret)
    dealer = staff.patch(f"{BASE}/dealer/{town.kiosk}", {"keys": [str(key.id)]}).body
    assert dealer["keys"] == [key.id]
    assert staff.patch(f"{BASE}/dealer/{town.kiosk}", {"creditLimit": eur(0)}).status == 200
    asked = {"reference": "t1", "amount": eur(20), "msisdn": "+46700000001"}
    short = till.post(f"{RETAIL}/topUp", asked)
    assert (short.status, short.body["code"]) == (422, "dealerLimitReached")
    paid = {"amount": eur(50), "reference": "b1"}
    for _ in range(2):
        dealer = staff.post(f"{BASE}/dealer/{town.kiosk}/payment", paid).body
        assert dealer["float"] == eur(50)
    top_up = made(till.post(f"{RETAIL}/topUp", asked))
    assert till.post(f"{RETAIL}/topUp", asked).body == top_up
    assert till.post(f"{RETAIL}/topUp", {**asked, "amount": eur(21)}).status == 409
    relay.drain()
    done = till.get(top_up["href"]).body
    assert (done["state"], done["cost"]) == ("completed", eur(19))
    assert till.get(f"{RETAIL}/topUp?reference=t1").body == [done]
    assert till.get(f"{RETAIL}/dealer").body["float"] == eur(31)
    assert town.money(1) == "20.00 EUR"
    town.check_books()
    assert staff.post(f"{RETAIL}/topUp", asked).status == 400
    assert staff.post(f"{RETAIL}/topUp", {**asked, "dealer": town.kiosk}).body == done
    assert till.post(f"{RETAIL}/topUp", {**asked, "dealer": "rol_other"}).status == 403
    assert till.post(f"{RETAIL}/topUp", {**asked, "reference": "t9", "msisdn": "1"}).status == 404
    back = till.post(f"{done['href']}/reversal", {})
    assert (back.status, back.body["state"]) == (202, "reversing")
    relay.drain()
    assert till.get(done["href"]).body["state"] == "reversed"
    assert till.post(f"{done['href']}/reversal", {}).status == 200
    assert till.get(f"{RETAIL}/dealer").body["float"] == eur(50)
    assert staff.get(f"{BALANCE}/topupBalance/{done['id']}").body["status"] == "cancelled"
    assert town.money(1) == "0.00 EUR"
    town.check_books()


def test_a_key_that_is_no_dealers_any_more_reaches_nobodys(
    town: Town, staff: Client, relay: Relay, app: Any, clock: DrivenClock
) -> None:
    with town.books.transaction() as tx:
        key = security.create_api_key(tx, name="till", scopes=["retail:*"], now=clock.now())
    till = Client(app, key.secret)
    staff.patch(f"{BASE}/dealer/{town.kiosk}", {"keys": [str(key.id)]})
    asked = {"reference": "t1", "amount": eur(20), "msisdn": "+46700000001"}
    top_up = made(till.post(f"{RETAIL}/topUp", asked))
    relay.drain()
    staff.patch(f"{BASE}/dealer/{town.kiosk}", {"keys": []})
    for refused in (
        till.post(f"{RETAIL}/topUp", {**asked, "reference": "t2", "dealer": town.kiosk}),
        till.get(f"{RETAIL}/topUp?reference=t1&dealer={town.kiosk}"),
        till.get(f"{RETAIL}/dealer?dealer={town.kiosk}"),
    ):
        assert (refused.status, refused.body["code"]) == (403, "notADealer")
    assert till.get(top_up["href"]).status == 404
    assert till.post(f"{top_up['href']}/reversal", {}).status == 404
    assert staff.get(top_up["href"]).body["dealer"] == town.kiosk


def test_a_batch_may_be_declined(staff: Client, asker: Client) -> None:
    batch = made(asker.post(f"{BASE}/voucherBatch", new()))
    assert staff.patch(batch["href"], {"state": "closed"}).status == 400
    assert staff.patch(batch["href"], {"state": "declined"}).body["state"] == "declined"
    assert staff.patch(batch["href"], {"state": "generating"}).status == 409
    assert staff.post(f"{batch['href']}/sealedFile", {}).status == 409


def test_what_a_voucher_gives_beside(
    town: Town, staff: Client, asker: Client, relay: Relay
) -> None:
    gift = {"usageType": "data", "amount": 10**9, "validDays": 7, "name": "1 GB"}
    batch, codes = printed(staff, asker, relay, bonusBucket=[gift], bonus=eur(1))
    assert batch["bonusBucket"] == [gift]
    staff.post(f"{batch['href']}/sell", span(batch, dealer=town.kiosk))
    made(staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0])))
    relay.drain()
    assert town.money(1) == "11.00 EUR"
    buckets = staff.get(f"{BALANCE}/bucket?product.id=cac_1&usageType=data").body
    (given,) = (each for each in buckets if each["name"] == "1 GB")
    assert given["remainingValue"] == {"amount": 10**9, "units": "bytes"}
    town.check_books()
    for wrong, path in (
        ({"amount": 0}, "amount"),
        ({"validDays": 0}, "validDays"),
        ({"usageType": "No Such"}, "usageType"),
        ({"name": ""}, "name"),
    ):
        refused = asker.post(f"{BASE}/voucherBatch", new(bonusBucket=[gift | wrong]))
        assert (refused.status, refused.body["path"]) == (400, f"bonusBucket[0].{path}")


def test_what_listeners_hear(town: Town, staff: Client, asker: Client, relay: Relay) -> None:
    batch, codes = printed(staff, asker, relay)
    serial = str(batch["firstSerial"])
    recorder = town.books.announce
    assert isinstance(recorder, Recorder)
    recorder.heard.clear()

    def heard() -> set[tuple[str, str, str]]:
        told = {(each.resource, each.id, each.change.name) for each in recorder.heard}
        recorder.heard.clear()
        return told

    staff.post(f"{batch['href']}/sell", span(batch, dealer=town.kiosk))
    assert heard() == {
        ("VoucherBatch", batch["id"], "ATTRIBUTES"), ("Dealer", town.kiosk, "ATTRIBUTES")
    }  # fmt: skip
    task = made(staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0])))
    assert heard() == {
        ("Voucher", serial, "STATE"),
        ("TopupBalance", task["id"], "CREATED"),
        ("Redemption", task["id"], "CREATED"),
    }
    relay.drain()
    assert heard() >= {
        ("Voucher", serial, "STATE"),
        ("TopupBalance", task["id"], "STATE"),
        ("Redemption", task["id"], "STATE"),
    }


def test_care_blocks_one(town: Town, staff: Client, asker: Client, relay: Relay) -> None:
    batch, codes = printed(staff, asker, relay)
    one = f"{BASE}/voucher/{batch['firstSerial']}"
    assert staff.patch(one, {"state": "stopped"}).status == 409
    staff.post(f"{batch['href']}/sell", span(batch, dealer=town.kiosk))
    assert staff.patch(one, {"state": "stopped"}).body["state"] == "stopped"
    assert staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0])).status == 422
    early = staff.post(f"{batch['href']}/writeOff", {"first": 1, "last": 1})
    assert (early.status, early.body["code"]) == (409, "vouchersElsewhere")
    assert staff.patch(one, {"state": "active"}).body["state"] == "active"
    for wrong, status in (("void", 400), ("redeemed", 400), ("lost", 400)):
        assert staff.patch(one, {"state": wrong}).status == status
    made(staff.post(f"{BALANCE}/topupBalance", topup(town, codes[0])))
    relay.drain()
    assert staff.patch(one, {"state": "stopped"}).status == 409
    assert staff.get(f"{BASE}/voucher/{'9' * 40}").status == 404


def test_what_a_dealer_isnt(town: Town, staff: Client) -> None:
    for wrong, status in (
        ({"id": "rol_none"}, 400),
        ({"id": town.kiosk}, 409),
        ({"id": town.kiosk, "commission": 51}, 400),
        ({"id": town.kiosk, "commission": 0.00001}, 400),
        ({"id": town.kiosk, "currency": "euro"}, 400),
    ):
        body = {"legalEntity": str(ENTITY), "currency": "EUR", **wrong}
        assert staff.post(f"{BASE}/dealer", body).status == status, wrong
    blocked = staff.patch(f"{BASE}/dealer/{town.kiosk}", {"state": "blocked"})
    assert blocked.body["state"] == "blocked"
    asked = {
        "reference": "t1", "amount": eur(20), "product": "cac_1", "dealer": town.kiosk
    }  # fmt: skip
    refused = staff.post(f"{RETAIL}/topUp", asked)
    assert (refused.status, refused.body["code"]) == (422, "dealerBlocked")


def test_scopes(town: Town, make_client: MakeClient) -> None:
    client = make_client("tmf654:*")
    for path in (f"{BASE}/voucherBatch", f"{BASE}/lockout", f"{RETAIL}/dealer"):
        assert client.get(path).status == 403
    reader = make_client("vouchers:read")
    assert reader.post(f"{BASE}/voucherBatch", new()).status == 403
    assert reader.post(f"{BASE}/voucherBatch/vba_1/sealedFile", {}).status == 403
