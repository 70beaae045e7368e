"""TMF676: money that came, and money that goes back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import made, money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.relay import Relay

REFUND = "/payment/v4/refund"
CASH = {"@type": "cash"}


def paid(api: Client, account: Any, total: float, /, **rest: Any) -> Any:
    return made(
        api.post(
            shop.PAYMENT,
            {"account": {"id": account["id"]}, "paymentMethod": CASH, "totalAmount": money(total)}
            | rest,
        )
    )


def asked(account: Any, amount: float, payment: Any = None, **rest: Any) -> dict[str, Any]:
    body = {"account": {"id": account["id"]}, "paymentMethod": CASH, "totalAmount": money(amount)}
    return body | ({} if payment is None else {"payment": {"id": payment["id"]}}) | rest


def balance_of(api: Client, account: Any) -> Decimal:
    found = api.get(f"{shop.ACCOUNT}/{account['id']}").body["accountBalance"][0]["amount"]
    return Decimal(str(found["value"]))


def test_a_payment_keeps_what_was_said_of_it(api: Client) -> None:
    said = {
        "name": "November",
        "description": "at the counter",
        "authorizationCode": "A-17",
        "channel": {"id": "shop-1", "name": "Shop"},
        "payer": {"id": "ind_1", "@referredType": "Individual", "name": "Maeve"},
        "amount": money(10),
        "taxAmount": money(2.3),
        "correlatorId": "c-1",
    }
    account = shop.account(api)
    payment = paid(api, account, 12.3, **said)
    assert {name: payment[name] for name in said} == said
    assert (payment["status"], payment["totalAmount"]) == ("done", money(12.3))
    assert api.get(payment["href"]).body == payment
    assert paid(api, account, 12.3, **said)["id"] == payment["id"]
    decoy = paid(api, shop.account(api), 12.3)
    for query in (
        f"account.id={account['id']}",
        "amount.value.lt=11",
        "correlatorId=c-1",
        f"id={payment['id']}",
    ):
        found = api.get(f"{shop.PAYMENT}?{query}").body
        assert [each["id"] for each in found] == [payment["id"]], query
    assert len(api.get(f"{shop.PAYMENT}?status=done&paymentMethod.name=cash").body) == 2
    assert api.get(f"{shop.PAYMENT}?status=failed").body == []
    assert decoy["correlatorId"].startswith("pay_")


@together(
    ("wrong", "path"),
    [
        ({"amount": money(13)}, "amount.value"),
        ({"amount": money(10), "taxAmount": money(1)}, "totalAmount.value"),
        ({"amount": {"unit": "USD", "value": 10}}, "amount.unit"),
        ({"totalAmount": {"unit": "USD", "value": 10}}, "totalAmount"),
        ({"totalAmount": money(-1)}, "totalAmount"),
        ({"totalAmount": money(0.001)}, "totalAmount"),
        ({"totalAmount": money(10**30)}, "totalAmount.value"),
        ({"totalAmount": {"unit": "EUR", "value": "12"}}, "totalAmount.value"),
        ({"paymentMethod": {"@type": "shells"}}, "paymentMethod"),
        ({"paymentMethod": {"id": "pm_none"}}, "paymentMethod.id"),
        ({"account": {"id": "bac_none"}}, "account.id"),
        ({"correlatorId": ""}, None),
        ({"description": "x" * 1001}, "description"),
        ({"paymentItem": [{"item": {"id": "1", "@referredType": "Product"}}]}, None),
    ],
)
def test_a_payment_that_is_wrong(api: Client, wrong: dict[str, Any], path: str | None) -> None:
    body = asked(shop.account(api), 12) | wrong
    refused = api.post(shop.PAYMENT, body)
    if path is None:
        assert refused.status in (201, 400)
    else:
        assert (refused.status, refused.body["path"]) == (400, path)


def test_a_refund_gives_back_a_part_and_never_more(api: Client, relay: Relay) -> None:
    account = shop.account(api)
    payment = paid(api, account, 30)
    relay.drain()
    assert balance_of(api, account) == -30
    first = made(api.post(REFUND, asked(account, 10, payment, correlatorId="r-1")))
    assert (first["status"], first["payment"]["id"]) == ("done", payment["id"])
    assert balance_of(api, account) == -20
    assert made(api.post(REFUND, asked(account, 10, payment, correlatorId="r-1"))) == first
    other = api.post(REFUND, asked(account, 11, payment, correlatorId="r-1"))
    assert (other.status, other.body["path"]) == (409, "correlatorId")
    assert api.get(payment["href"]).body["refundedAmount"] == money(10)
    refused = api.post(REFUND, asked(account, 20.01, payment))
    assert (refused.status, refused.body["code"]) == (422, "notRefundable")
    assert refused.body["path"] == "totalAmount"
    made(api.post(REFUND, asked(account, 20, payment)))
    assert balance_of(api, account) == 0
    assert api.post(REFUND, asked(account, 0.01, payment)).status == 422
    relay.drain()
    found = api.get(f"{REFUND}?payment.id={payment['id']}&totalAmount.value=10").body
    assert found == [first]
    assert api.get(f"{REFUND}?status=denied").body == []


def test_a_refund_may_come_before_the_payment_was_allocated(api: Client, relay: Relay) -> None:
    account = shop.account(api)
    payment = paid(api, account, 30)
    made(api.post(REFUND, asked(account, 30, payment)))
    relay.drain()
    assert balance_of(api, account) == 0


def test_unused_credit_goes_back_without_a_payment(
    api: Client, relay: Relay, clock: DrivenClock
) -> None:
    account = shop.account(api)
    payments = [paid(api, account, 5)]
    clock.set(clock.now() + timedelta(hours=1))
    payments.append(paid(api, account, 7))
    relay.drain()
    refund = made(api.post(REFUND, asked(account, 8)))
    assert "payment" not in refund
    assert balance_of(api, account) == -4
    left = [api.get(each["href"]).body.get("refundedAmount") for each in payments]
    assert left == [money(1), money(7)]
    refused = api.post(REFUND, asked(account, 4.01))
    assert (refused.status, refused.body["path"]) == (422, "totalAmount")


@together(
    ("wrong", "path", "status"),
    [
        ({"payment": {"id": "pay_none"}}, "payment.id", 400),
        ({"account": {"id": "bac_none"}}, "account.id", 400),
        ({"totalAmount": {"unit": "USD", "value": 1}}, "totalAmount", 400),
        ({"totalAmount": money(0)}, "totalAmount", 400),
        ({"paymentMethod": {"id": "pm_none"}}, "paymentMethod.id", 400),
    ],
)
def test_a_refund_that_is_wrong(api: Client, wrong: dict[str, Any], path: str, status: int) -> None:
    account = shop.account(api)
    body = asked(account, 5, paid(api, account, 5)) | wrong
    refused = api.post(REFUND, body)
    assert (refused.status, refused.body["path"]) == (status, path)


def test_anothers_payment_is_not_refunded(api: Client) -> None:
    payment = paid(api, shop.account(api), 5)
    refused = api.post(REFUND, asked(shop.account(api), 5, payment))
    assert (refused.status, refused.body["path"]) == (422, "account.id")


def test_payments_and_refunds_are_not_changed_or_deleted(api: Client) -> None:
    payment = paid(api, shop.account(api), 5)
    assert api.delete(payment["href"]).status == 405
    assert api.patch(payment["href"], {"status": "failed"}).status == 405
