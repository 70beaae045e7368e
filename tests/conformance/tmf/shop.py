"""Builders that speak REST: an offer, customers, orders, as a client would make them."""

from typing import Any

from tests.conformance.tmf.client import Answer, Client

CATALOG = "/tmf-api/productCatalogManagement/v4"
ORDERING = "/tmf-api/productOrderingManagement/v4"
CUSTOMER = "/tmf-api/customerManagement/v4/customer"
PARTY = "/tmf-api/party/v4"
PRODUCT = "/tmf-api/productInventory/v4/product"
SERVICE = "/tmf-api/serviceInventory/v4/service"
BALANCE = "/tmf-api/prepayBalanceManagement/v4"
ACCOUNT = "/tmf-api/accountManagement/v4/billingAccount"
PAYMENT = "/payment/v4/payment"
BILL = "/tmf-api/customerBillManagement/v4"

Body = dict[str, Any]


def made(answer: Answer) -> Body:
    """The body of what was created."""
    assert answer.status == 201, answer.body
    body: Body = answer.body
    return body


def money(value: float) -> Body:
    return {"unit": "EUR", "value": value}


def offer(api: Client, name: str = "Mobile M", *, monthly: float = 20, **rest: Any) -> Body:
    """A mobile plan on sale, its prices inside: a fee, data by use, some data included."""
    prices = [
        {"name": "Monthly fee", "priceType": "recurring", "price": money(monthly),
         "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1},
        {"name": "Included data", "@type": "Allowance", "service": "data",
         "unitOfMeasure": {"amount": 2, "units": "GB"}},
        {"name": "Data", "@type": "UsagePrice", "service": "data", "price": money(1.5),
         "unitOfMeasure": {"amount": 1, "units": "GB"}},
    ]  # fmt: skip
    mobile = {"name": "serviceKind", "productSpecCharacteristicValue": [
        {"value": "mobile", "isDefault": True}]}  # fmt: skip
    body = {
        "name": name,
        "lifecycleStatus": "Launched",
        "isSellable": True,
        "productOfferingPrice": prices,
        "prodSpecCharValueUse": [mobile],
        **rest,
    }
    return made(api.post(f"{CATALOG}/productOffering", body))


def individual(api: Client, given: str = "Maeve", family: str = "Doyle", **rest: Any) -> Body:
    body = {"givenName": given, "familyName": family, **rest}
    return made(api.post(f"{PARTY}/individual", body))


def customer(api: Client, party: Body | None = None, **rest: Any) -> Body:
    party = party or individual(api)
    engaged = {"id": party["id"], "@referredType": party["@type"]}
    name = party.get("fullName") or party["name"]
    return made(api.post(CUSTOMER, {"name": name, "engagedParty": engaged, **rest}))


def account(api: Client, owner: Body | None = None, kind: str = "postpaid", **rest: Any) -> Body:
    owner = owner or customer(api)
    party = {"id": owner["id"], "role": "customer", "@referredType": "Customer"}
    body = {"name": "Main", "accountType": kind, "relatedParty": [party], **rest}
    return made(api.post(ACCOUNT, body))


def order_body(payer: Body, offering: Body, **rest: Any) -> Body:
    item = {"id": "1", "action": "add", "productOffering": {"id": offering["id"]}}
    return {
        "billingAccount": {"id": payer["id"]},
        "relatedParty": payer["relatedParty"],
        "productOrderItem": [item],
        **rest,
    }


def order(api: Client, payer: Body, offering: Body, **rest: Any) -> Body:
    return made(api.post(f"{ORDERING}/productOrder", order_body(payer, offering, **rest)))
