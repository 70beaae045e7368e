"""Who is forgotten is found nowhere: every table of both databases is searched."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conformance.tmf.client import Client
from tests.conformance.tmf.neighbours import CART, CONSUMPTION, Neighbour, two
from tests.conformance.tmf.shop import BALANCE, ORDERING, PRODUCT, made, order_body
from trunkline import ordering
from trunkline.customers import PartyId, StillACustomer
from trunkline.ledger import trial_balance
from trunkline.ordering import StillServed
from trunkline.platform import idempotency
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.tmf import hub

ACCOUNTS = "/tmf-api/accountManagement/v4"
ORDERS = f"{ORDERING}/productOrder"
BY_LAW = {
    "invoice.buyer",  # issued to somebody, for as long as invoices are kept
    "payment.reference",  # what the bank said: the books are checked against it
    "refund.reference",
    "journal_entry.description",
    "agreement.name",  # what was agreed, as it was worded
    "agreement.body",
}
"""What docs/operating/personal-data.md says stays."""


def places_of(database: Database, traces: set[str]) -> set[str]:
    """The columns in which one of these texts stands, whatever their case."""
    found = set()
    with database.read() as r:
        for table in database.metadata.sorted_tables:
            for row in r.execute(sa.select(table)).mappings():
                for name, value in row.items():
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                    if any(each in str(text).lower() for each in traces):
                        found.add(f"{table.name}.{name}")
    return found


def more(api: Client, one: Neighbour, offering: str) -> None:
    """Where they live, what they are called, in their own words."""
    home = {"id": "home", "name": f"The {one.family}s'", "role": "installation",
            "@type": "GeographicAddress"}  # fmt: skip
    named = [{**one.related[0], "name": one.name}]
    label = {"name": "label", "value": one.family}
    product = {"place": [home], "description": f"for {one.name}", "productCharacteristic": [label]}
    item = {"id": "1", "action": "add", "productOffering": {"id": offering}, "product": product}
    api_order = order_body(one.accounts["postpaid"], {"id": offering}) | {
        "relatedParty": named,
        "productOrderItem": [item],
        "note": [{"text": f"ring at {one.family}", "author": one.name}],
        "notificationContact": f"{one.family}@example.ie",
        "description": f"{one.name}'s third",
    }
    placed = made(api.post(ORDERS, api_order, Idempotency_Key="third"))
    assert api.patch(placed["href"], {"state": "cancelled", "cancellationReason":
                                      f"{one.family} has moved"}).status == 200  # fmt: skip
    line = {"productOffering": {"id": offering}, "note": [{"text": f"for {one.name}"}]}
    made(api.post(CART, {"cartItem": [line], "relatedParty": named,
                         "contactMedium": [{"mediumType": "phone", "characteristic":
                                            {"phoneNumber": one.number}}]}))  # fmt: skip
    named = [{**one.related[0], "name": one.name}]
    asked = {"relatedParty": named, "description": f"{one.name} asks"}
    made(api.post(CONSUMPTION, {"searchCriteria": {"relatedParty": named}, **asked}))
    product = {"id": one.product("prepaid")["id"]}
    action = {"amount": {"amount": 1, "units": "EUR"}, "bucket": product, "product": [product],
              "usageType": "monetary", "reason": one.family, **asked}  # fmt: skip
    made(api.post(f"{BALANCE}/adjustBalance", action))
    party = {"id": one.party["id"], "name": one.name, "@referredType": "Individual"}
    made(api.post(f"{ACCOUNTS}/partyAccount", {"name": f"{one.family}s", "relatedParty": [party]}))


def leave(api: Client, one: Neighbour, relay: Relay) -> None:
    """Every product is ended, and the customer closed."""
    for kind, account in one.accounts.items():
        (product,) = [
            each for each in api.get(f"{PRODUCT}?billingAccount.id={account['id']}").body
            if each["status"] == "active"
        ]  # fmt: skip
        item = {"id": "1", "action": "delete", "product": {"id": product["id"]}}
        made(api.post(ORDERS, {"billingAccount": {"id": account["id"]},
                               "relatedParty": one.related, "productOrderItem": [item],
                               "externalId": f"end {kind}"}))  # fmt: skip
        relay.drain()
    assert api.patch(one.customer["href"], {"status": "closed"}).status == 200


def erase(books: Database, one: Neighbour, now: datetime) -> None:
    with books.transaction() as tx:
        ordering.erase_personal_data(tx, party=PartyId(one.party["id"]), now=now)


@pytest.fixture
def neighbours(
    api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> tuple[Neighbour, Neighbour]:
    api.post("/tmf-api/event/v4/topic", {"name": "all"})
    return two(api, books, charging, clock, relay)


def test_who_was_erased_is_found_nowhere_but_where_the_law_wants_it(
    api: Client, neighbours: tuple[Neighbour, Neighbour],
    books: Database, charging: Database, clock: DrivenClock, relay: Relay,
) -> None:  # fmt: skip
    maeve, una = neighbours
    more(api, maeve, maeve.product("postpaid")["productOffering"]["id"])
    with pytest.raises(StillServed, match="active"):
        erase(books, maeve, clock.now())
    leave(api, maeve, relay)
    traces = {maeve.family.lower(), maeve.number.removeprefix("+")}
    before = places_of(books, traces)
    assert len(before) > 30, sorted(before)
    with books.read() as r:
        balanced = trial_balance(r)
    erase(books, maeve, clock.now())
    relay.drain()
    clock.advance(timedelta(days=31))
    with books.transaction() as tx:
        idempotency.forget_old(tx, clock.now())
    hub.prune(books, clock.now(), keep=timedelta(days=7), most=10_000)
    assert places_of(books, traces) <= BY_LAW
    assert places_of(charging, traces) == set()
    with books.read() as r:
        assert trial_balance(r) == balanced
    assert places_of(books, {una.family.lower()}) >= {"party.name", "payment_method.body"}
    for path, _, ident in maeve.posted:
        answer: Any = api.get(f"{path}/{ident}")
        assert answer.status in (200, 404, 405), (path, answer.body)


def test_who_is_being_served_is_not_forgotten(
    api: Client, neighbours: tuple[Neighbour, Neighbour],
    books: Database, clock: DrivenClock, relay: Relay,
) -> None:  # fmt: skip
    """An order that waits for its day is open, whatever became of its customer."""
    maeve, _ = neighbours
    leave(api, maeve, relay)
    assert api.patch(maeve.customer["href"], {"status": "active"}).status == 200
    with pytest.raises(StillACustomer):
        erase(books, maeve, clock.now())
    offering = {"id": maeve.product("postpaid")["productOffering"]["id"]}
    body = order_body(maeve.accounts["postpaid"], offering)
    made(api.post(ORDERS, body | {"requestedStartDate": "2027-03-01T00:00:00Z"}))
    assert api.patch(maeve.customer["href"], {"status": "closed"}).status == 200
    with pytest.raises(StillServed, match="acknowledged"):
        erase(books, maeve, clock.now())
