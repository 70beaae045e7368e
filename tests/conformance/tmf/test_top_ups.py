"""What people see to themselves: vouchers redeemed, automatic top-ups; over HTTP."""

from typing import Any

import pytest

from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import made
from tests.scenarios.voucher_town import Town
from trunkline import payments
from trunkline.customers import billing_account
from trunkline.payments import PaymentMethodKind
from trunkline.platform import roles, security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

BASE = "/trunkline/topup/v1"
Body = dict[str, Any]


def eur(value: float) -> Body:
    return {"unit": "EUR", "value": value}


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, charging, relay, clock)


@pytest.fixture
def cards(town: Town, clock: DrivenClock) -> list[str]:
    """Ada's and Bo's."""
    with town.books.transaction() as tx:
        return [
            str(
                payments.add_payment_method(
                    tx,
                    account=town.balance(person).billing_account,
                    kind=PaymentMethodKind.CREDIT_CARD,
                    token=f"tok_{person}",
                    now=clock.now(),
                )
            )
            for person in (1, 2)
        ]


@pytest.fixture
def ada(town: Town, app: Any, clock: DrivenClock) -> Client:
    """With what the role `subscriber` gives."""
    with town.books.transaction() as tx:
        whose = billing_account(tx, town.balance(1).billing_account).customer
        key = security.create_api_key(
            tx,
            name="Ada",
            scopes=roles.role_scopes(tx, roles.SUBSCRIBER_ROLE),
            binding=security.Binding(whose, None),
            now=clock.now(),
        )
    return Client(app, key.secret)


def rule(card: str, product: str = "cac_1", **changed: Any) -> Body:
    return {
        "product": {"id": product},
        "threshold": eur(5),
        "amount": eur(20),
        "monthlyCap": eur(100),
        "paymentMethod": {"id": card},
        **changed,
    }


def test_a_subscriber_redeems_a_code(town: Town, ada: Client, relay: Relay) -> None:
    _, codes = town.made_and_sold(2)
    done = made(ada.post(f"{BASE}/redemption", {"product": {"id": "cac_1"}, "code": codes[0]}))
    assert done["state"] == "created"
    relay.drain()
    done = ada.get(done["href"]).body
    assert (done["state"], done["amount"]) == ("completed", eur(10))
    again = ada.post(f"{BASE}/redemption", {"product": {"id": "cac_1"}, "code": codes[0]})
    assert (again.status, again.body["code"], again.body["path"]) == (422, "voucherRefused", "code")
    others = ada.post(f"{BASE}/redemption", {"product": {"id": "cac_2"}, "code": codes[1]})
    assert (others.status, others.body["code"]) == (400, "unknownReference")
    nobodys = ada.post(f"{BASE}/redemption", {"product": {"id": "cac_9"}, "code": codes[1]})
    assert nobodys.status == 400
    assert sorted(each["state"] for each in ada.get(f"{BASE}/redemption").body) == [
        "completed", "failed"
    ]  # fmt: skip
    town.check_books()


def test_a_subscriber_keeps_a_rule(
    town: Town, ada: Client, cards: list[str], relay: Relay, make_client: MakeClient
) -> None:
    """Without a gateway staff says what became of the collection."""
    staff = make_client("topup:*")
    kept = made(ada.post(f"{BASE}/automaticTopUp", rule(cards[0])))
    assert kept["state"] == "active"
    collection = ada.get(f"{BASE}/collection/{kept['collection']['id']}").body
    assert (collection["state"], collection["amount"]) == ("pending", eur(20))
    answer = {"state": "collected", "reference": "ch_1"}
    assert ada.patch(collection["href"], answer).status == 403
    assert staff.patch(collection["href"], {"state": "collected"}).status == 400
    assert staff.patch(collection["href"], {"state": "gone"}).status == 400
    assert staff.patch(collection["href"], answer).body["state"] == "collected"
    relay.drain()
    assert town.money(1) == "20.00 EUR"
    assert "collection" not in ada.get(kept["href"]).body
    changed = ada.patch(kept["href"], {"threshold": eur(7), "monthlyCap": None}).body
    assert (changed["threshold"], "monthlyCap" in changed) == (eur(7), False)
    assert ada.post(f"{BASE}/automaticTopUp", rule(cards[0])).status == 409
    assert ada.delete(kept["href"]).status == 204
    assert ada.get(kept["href"]).body["state"] == "ended"
    town.check_books()


def test_a_rule_reaches_nothing_of_anothers(
    town: Town, ada: Client, cards: list[str], make_client: MakeClient
) -> None:
    staff = make_client("topup:*")
    for wrong in (rule(cards[1]), rule(cards[0], "cac_2"), rule("pm_none"), rule(cards[0], "x")):
        assert ada.post(f"{BASE}/automaticTopUp", wrong).status == 400
    others = made(staff.post(f"{BASE}/automaticTopUp", rule(cards[1], "cac_2")))
    assert ada.get(others["href"]).status == 404
    assert ada.patch(others["href"], {"threshold": eur(1)}).status == 404
    assert ada.delete(others["href"]).status == 404
    assert ada.get(f"{BASE}/automaticTopUp").body == []
    for wrong, path in (
        ({"threshold": eur(0)}, "threshold"),
        ({"monthlyCap": eur(1)}, "monthlyCap"),
        ({"amount": {"unit": "USD", "value": 5}}, None),
    ):
        refused = staff.post(f"{BASE}/automaticTopUp", rule(cards[0], **wrong))
        assert (refused.status, refused.body.get("path")) == (400, path or refused.body["path"])
