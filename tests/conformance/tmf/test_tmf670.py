"""TMF670: ways to pay, of all types, and what is never kept."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import made

METHOD = "/tmf-api/paymentMethod/v4/paymentMethod"
PAN = "4111 1111 1111 1111"


def body(type_: str = "tokenizedCard", **rest: Any) -> dict[str, Any]:
    return {"@type": type_, "name": "Mine", **rest}


def of(account: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"account": [{"id": account["id"], "@referredType": "BillingAccount"}], **rest}


@together(
    ("type_", "rest"),
    [
        ("cash", {}),
        ("check", {"checkId": "17", "payee": "Test Mobile"}),
        ("bankAccountTransfer", {"accountNumber": "DE89370400440532013000", "bank": "Here"}),
        ("bankAccountDebit", {"accountNumber": "4111111111111111", "owner": "Maeve"}),
        ("directDebit", {"mandateId": "M-1", "accountNumberType": "IBAN"}),
        ("tokenizedCard", {"token": "tok_1", "brand": "Visa", "lastFourDigits": "1111"}),
        ("bankCard", {"nameOnCard": "Maeve Doyle", "lastFourDigits": "1111"}),
        ("digitalWallet", {"service": "Pay", "walletId": "maeve"}),
        ("voucher", {"code": "4111111111111111", "value": {"amount": 10, "units": "EUR"}}),
    ],
)
def test_every_type_keeps_its_own_attributes(api: Client, type_: str, rest: dict[str, Any]) -> None:
    kept = made(api.post(METHOD, body(type_, **rest)))
    assert kept["@type"] == type_
    assert (kept["status"], kept["isPreferred"]) == ("active", False)
    assert kept["statusDate"]
    assert {name: kept[name] for name in rest} == rest
    assert api.get(kept["href"]).body == kept


def test_a_type_may_be_written_in_any_case(api: Client) -> None:
    assert made(api.post(METHOD, body("TokenizedCard")))["@type"] == "tokenizedCard"


@together(
    ("rest", "path"),
    [
        ({"cardNumber": PAN}, "cardNumber"),
        ({"name": f"card {PAN}"}, "name"),
        ({"token": "4111111111111111"}, "token"),
        ({"extension": {"deep": [{"number": 4111111111111111}]}}, "extension.deep[0].number"),
        ({"cvv": "123"}, "cvv"),
        ({"lastFourDigits": "41111"}, "lastFourDigits"),
    ],
)
def test_a_card_number_is_kept_nowhere(api: Client, rest: dict[str, Any], path: str) -> None:
    refused = api.post(METHOD, body(**rest))
    assert (refused.status, refused.body["code"]) == (400, "cardNumberRefused")
    assert refused.body["path"] == path
    assert "4111" not in refused.body["message"]
    kept = made(api.post(METHOD, body()))
    assert api.patch(kept["href"], rest).status == 400
    assert api.get(kept["href"]).body == kept


@together(
    ("wrong", "path"),
    [
        ({"@type": "cash"}, "name"),
        ({"name": "Mine"}, "@type"),
        (body("barter"), "@type"),
        (body(7), "@type"),  # type: ignore[arg-type]
        (body(name=" "), "name"),
        (body(status="gone"), "status"),
        (body(status="closed"), "status"),
        (body(isPreferred="yes"), "isPreferred"),
        (body(account=[{"id": "bac_none"}]), "account[0].id"),
        (body(relatedParty={"id": "org_none"}), "relatedParty.@referredType"),
        (
            body(relatedParty={"id": "org_none", "@referredType": "Organization"}),
            "relatedParty.id",
        ),
        (body("check", method="cash"), "method"),
        (
            body(
                validFor={
                    "startDateTime": "2026-02-01T00:00:00Z",
                    "endDateTime": "2026-01-01T00:00:00Z",
                }
            ),
            "validFor.endDateTime",
        ),
    ],
)
def test_what_is_wrong_is_named(api: Client, wrong: dict[str, Any], path: str) -> None:
    refused = api.post(METHOD, wrong)
    assert (refused.status, refused.body["path"]) == (400, path)


def test_the_status_moves_as_the_table_says(api: Client) -> None:
    kept = made(api.post(METHOD, body(status="pending")))
    active = api.patch(kept["href"], {"status": "active", "statusReason": "signed"})
    assert (active.status, active.body["status"]) == (200, "active")
    assert api.patch(kept["href"], {"status": "pending"}).status == 409
    assert api.patch(kept["href"], {"status": "closed"}).body["status"] == "closed"
    refused = api.patch(kept["href"], {"status": "active"})
    assert (refused.status, refused.body["path"]) == (409, "status")
    assert "final" in refused.body["message"]
    assert api.patch(kept["href"], {"statusDate": "2020-01-01T00:00:00Z"}).status == 400
    assert api.patch(kept["href"], {"@type": "cash"}).body["path"] == "@type"
    assert api.patch(kept["href"], {"id": "other"}).body["path"] == "id"


def test_one_is_preferred(api: Client) -> None:
    account, other = shop.account(api), shop.account(api)
    first = made(api.post(METHOD, body(**of(account, isPreferred=True))))
    elsewhere = made(api.post(METHOD, body(**of(other, isPreferred=True))))
    second = made(api.post(METHOD, body(**of(account, isPreferred=True))))
    preferred = api.get(f"{METHOD}?isPreferred=true&account.id={account['id']}").body
    assert [each["id"] for each in preferred] == [second["id"]]
    assert api.get(elsewhere["href"]).body["isPreferred"] is True
    api.patch(first["href"], {"isPreferred": True})
    preferred = api.get(f"{METHOD}?isPreferred=true&account.id={account['id']}").body
    assert [each["id"] for each in preferred] == [first["id"]]


def test_methods_are_found_among_others(api: Client) -> None:
    account, other = shop.account(api), shop.account(api)
    mine = made(api.post(METHOD, body(**of(account, name="Card", brand="Visa"))))
    api.post(METHOD, body("cash", **of(other, name="Purse")))
    for query in (
        f"account.id={account['id']}",
        "name=Card",
        "@type=tokenizedCard",
        "%40type=tokenizedCard",
        "brand=Visa",
        "name.regex=^Ca",
    ):
        found = api.get(f"{METHOD}?{query}")
        assert [each["id"] for each in found.body] == [mine["id"]], query
    assert api.get(f"{METHOD}?status=closed").body == []
    assert [each["name"] for each in api.get(f"{METHOD}?sort=-name").body] == ["Purse", "Card"]
    assert api.get(f"{METHOD}?wallet=x").status == 400


def test_one_that_has_paid_is_closed_not_deleted(api: Client) -> None:
    account = shop.account(api)
    used, unused = (made(api.post(METHOD, body("cash", **of(account)))) for _ in range(2))
    payment = {
        "account": {"id": account["id"]},
        "paymentMethod": {"id": used["id"]},
        "totalAmount": shop.money(5),
    }
    made(api.post(shop.PAYMENT, payment))
    refused = api.delete(used["href"])
    assert (refused.status, refused.body["code"]) == (409, "paymentMethodInUse")
    assert api.delete(unused["href"]).status == 204
    assert api.get(unused["href"]).status == 404
    assert api.patch(used["href"], {"status": "closed"}).status == 200
    refused = api.post(shop.PAYMENT, payment)
    assert (refused.status, refused.body["path"]) == (422, "paymentMethod.id")
