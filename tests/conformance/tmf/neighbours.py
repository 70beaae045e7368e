"""Two customers who have everything, made over REST; what was posted is remembered."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Answer, Client
from tests.conformance.tmf.shop import (
    ACCOUNT,
    BALANCE,
    CUSTOMER,
    ORDERING,
    PARTY,
    PAYMENT,
    PRODUCT,
    SERVICE,
    Body,
    made,
)
from tests.scenarios.ordering_shop import fill_shelf
from trunkline import messaging
from trunkline.billing import run_bills
from trunkline.messaging import ChannelName
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

TMF = "/tmf-api"
AGREEMENT = f"{TMF}/agreementManagement/v4/agreement"
TICKET = f"{TMF}/troubleTicket/v4/troubleTicket"
INTERACTION = "/tmf-api/partyInteraction/v4/partyInteraction"
METHOD = f"{TMF}/paymentMethod/v4/paymentMethod"
ROLE = f"{TMF}/partyRoleManagement/v4/partyRole"
QUALIFICATION = f"{TMF}/productOfferingQualification/v4/productOfferingQualification"
USAGE = f"{TMF}/usageManagement/v4/usage"
REFUND = "/payment/v4/refund"
CART = f"{TMF}/shoppingCart/v4/shoppingCart"
QUOTE = f"{TMF}/quoteManagement/v4/quote"
CONSUMPTION = f"{TMF}/usageConsumption/v4/queryUsageConsumption"
MESSAGE = f"{TMF}/communicationManagement/v4/communicationMessage"
PRIVACY = f"{TMF}/privacyManagement/v4"


class Neighbour:
    """A customer; `posted` holds what was created for it: (path, body, id)."""

    def __init__(self, api: Client, given: str, family: str, number: str) -> None:
        self.api = api
        self.name = f"{given} {family}"
        self.family = family
        self.number = number
        self.posted: list[tuple[str, Body, str]] = []
        self.party = self.post(
            f"{PARTY}/individual",
            {
                "givenName": given,
                "familyName": family,
                "contactMedium": [
                    {"mediumType": "email",
                     "characteristic": {"emailAddress": f"{family.lower()}@example.ie"}},
                    {"mediumType": "mobile", "characteristic": {"phoneNumber": number}},
                ],
            },
        )  # fmt: skip
        engaged = {"id": self.party["id"], "@referredType": "Individual"}
        self.customer = self.post(CUSTOMER, {"name": self.name, "engagedParty": engaged})
        self.related = [
            {"id": self.customer["id"], "role": "customer", "@referredType": "Customer"}
        ]
        self.accounts = {
            kind: self.post(
                ACCOUNT,
                {"name": f"{family} {kind}", "accountType": kind, "relatedParty": self.related},
            )
            for kind in ("postpaid", "prepaid")
        }

    def post(self, path: str, body: Body) -> Body:
        answer = made(self.api.post(path, body))
        self.posted.append((path, body, answer["id"]))
        return answer

    def order(self, offering: Body, kind: str) -> Body:
        body = shop.order_body(self.accounts[kind], offering) | {"relatedParty": self.related}
        return self.post(f"{ORDERING}/productOrder", body)

    def product(self, kind: str) -> Body:
        account = self.accounts[kind]["id"]
        (product,) = self.api.get(f"{PRODUCT}?billingAccount.id={account}").body
        found: Body = product
        return found

    def msisdn(self, kind: str) -> str:
        (service,) = self.api.get(f"{SERVICE}?relatedEntity.id={self.product(kind)['id']}").body
        told = {each["name"]: each["value"] for each in service["serviceCharacteristic"]}
        return str(told["msisdn"])

    def live(self, specification: Body, offering: Body) -> None:
        """All that happens to a customer beside orders and bills."""
        prepaid, postpaid = self.product("prepaid"), self.product("postpaid")
        account = {"id": self.accounts["postpaid"]["id"], "@referredType": "BillingAccount"}
        self.post(
            f"{BALANCE}/topupBalance",
            {
                "amount": {"amount": 17, "units": "EUR"},
                "usageType": "monetary",
                "bucket": {"id": prepaid["id"]},
                "partyAccount": {"id": self.accounts["prepaid"]["id"]},
            },
        )
        money = {
            "account": {"id": self.accounts["postpaid"]["id"]},
            "totalAmount": shop.money(11),
            "paymentMethod": {"@type": "bankTransfer", "name": "bankTransfer"},
            "correlatorId": f"from {self.family}",
        }
        paid = self.post(PAYMENT, money)
        back = {"totalAmount": shop.money(1), "payment": {"id": paid["id"]}}
        self.post(REFUND, {**money, **back, "correlatorId": f"to {self.family}"})
        told = {"subscriber": self.msisdn("postpaid"), "quantity": 3, "unit": "GB"}
        self.post(
            USAGE,
            {
                "usageType": "data",
                "usageDate": "2026-11-02T09:30:00Z",
                "usageCharacteristic": [
                    {"name": name, "value": value} for name, value in told.items()
                ],
            },
        )
        self.post(
            METHOD,
            {"@type": "directDebit", "name": f"{self.family}'s", "mandateId": f"M-{self.family}",
             "account": [account]},
        )  # fmt: skip
        self.post(
            TICKET,
            {
                "description": f"{self.family} has no service",
                "severity": "Major",
                "ticketType": "incident",
                "relatedParty": self.related,
                "relatedEntity": [
                    {"id": postpaid["id"], "role": "hit", "@referredType": "Product"}
                ],
            },
        )
        self.post(
            INTERACTION,
            {
                "reason": f"{self.family} asks",
                "direction": "inbound",
                "description": f"{self.family} asks",
                "interactionDate": {"startDateTime": "2026-11-02T09:00:00Z"},
                "status": "opened",
                "channel": [{"id": "app", "href": "https://app.example", "name": "App"}],
                "relatedParty": self.related,
            },
        )
        self.post(
            AGREEMENT,
            {
                "name": f"{self.family}'s frame",
                "agreementType": "commercial",
                "engagedParty": [{**self.related[0], "name": self.name}],
                "agreementItem": [{"termOrCondition": [{"id": "1", "description": "30 days"}]}],
            },
        )
        self.post(
            ROLE,
            {
                "name": f"{self.family} the reseller",
                "engagedParty": {"id": self.party["id"], "@referredType": "Individual"},
            },
        )
        self.post(
            QUALIFICATION,
            {
                "productOfferingQualificationItem": [
                    {"id": "1", "productOffering": {"id": offering["id"]}}
                ],
                "relatedParty": self.related,
            },
        )
        item = {"productOffering": {"id": offering["id"]}}
        self.post(CART, {"cartItem": [item], "relatedParty": self.related})
        self.post(QUOTE, {"quoteItem": [item], "relatedParty": self.related})
        for criteria in (
            {"product": [{"id": prepaid["id"]}]},
            {"partyAccount": [{"id": self.accounts["postpaid"]["id"]}]},
            {"relatedParty": self.related},
            {"logicalResource": [{"id": self.msisdn("prepaid")}]},
        ):
            self.post(CONSUMPTION, {"searchCriteria": criteria})
        self.post(
            MESSAGE,
            {
                "content": f"Dear {self.family}",
                "messageType": "SMS",
                "sender": {"name": "Test Mobile"},
                "receiver": [
                    {"phoneNumber": self.number,
                     "party": {"id": self.party["id"], "@referredType": "Individual"}}
                ],
            },
        )  # fmt: skip
        self.post(
            f"{PRIVACY}/partyPrivacyProfile",
            {
                "agreedByParty": {"id": self.party["id"], "@referredType": "Individual"},
                "partyPrivacyProfileSpecification": {"id": specification["id"]},
                "partyPrivacyProfileCharacteristic": [
                    {"name": "email", "value": "refused", "privacyUsagePurpose": "marketing"}
                ],
            },
        )

    @property
    def traces(self) -> set[str]:
        """What names this customer wherever it stands."""
        own = {self.party["id"], self.customer["id"], self.family, self.family.lower()}
        own |= {each["id"] for each in self.accounts.values()}
        own |= {self.msisdn(kind) for kind in self.accounts}
        return own | {self.number} | {ident for _, _, ident in self.posted}


def privacy_specification(api: Client) -> Body:
    asked = [{"name": "email", "privacyUsagePurpose": "marketing", "criticalityLevel": "low",
              "partyPrivacyProfileSpecCharacteristicValue": [
                  {"value": "allowed"}, {"value": "refused", "isDefault": True}]}]  # fmt: skip
    body = {"name": "Residential", "partyPrivacyProfileSpecCharacteristic": asked}
    return made(api.post(f"{PRIVACY}/partyPrivacyProfileSpecification", body))


def two(
    api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> tuple[Neighbour, Neighbour]:
    """Each with parties, accounts, orders, products, services, balances, bills and the rest."""
    with books.transaction() as tx:
        fill_shelf(tx, clock.now(), numbers=16)
        messaging.declare_channels(tx, ChannelName, clock.now())
    offering, specification = shop.offer(api, monthly=30), privacy_specification(api)
    both = (
        Neighbour(api, "Maeve", "Quigglesworth", "+353850000101"),
        Neighbour(api, "Una", "Zwyntarik", "+353850000202"),
    )
    for each in both:
        each.order(offering, "postpaid")
        each.order(offering, "prepaid")
    relay.drain()
    clock.advance(timedelta(hours=1))
    for each in both:
        each.live(specification, offering)
    relay.drain()
    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    run_bills(books, charging, through=clock.now(), now=clock.now())
    relay.drain()
    return both


def values(body: Any) -> set[str]:
    """All texts in a body."""
    if isinstance(body, dict):
        return {text for each in body.values() for text in values(each)}
    if isinstance(body, list):
        return {text for each in body for text in values(each)}
    return {body} if isinstance(body, str) else set()


def told(answer: Answer) -> str:
    return answer.raw.decode()
