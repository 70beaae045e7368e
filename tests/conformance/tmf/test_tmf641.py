"""TMF641: service orders, with a network and without."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.connected import Connected
from tests.conformance.tmf.test_tmf637 import ordered as ordered
from tests.conformance.tmf.test_tmf638 import known, specification
from trunkline.kernel.time import format_instant
from trunkline.network.simulator import Simulator
from trunkline.platform.clock import DrivenClock
from trunkline.platform.relay import Relay

Body = dict[str, Any]
BASE = "/tmf-api/serviceOrdering/v4"
ORDER = f"{BASE}/serviceOrder"
CANCEL = f"{BASE}/cancelServiceOrder"
SERVICE = shop.SERVICE


def add(api: Client, ident: str = "1", **service: Any) -> Body:
    service = {"serviceSpecification": specification(api), **service}
    return {"id": ident, "action": "add", "service": service}


def on(service: Body, action: str, ident: str = "1", **change: Any) -> Body:
    return {"id": ident, "action": action, "service": {"id": service["id"], **change}}


def place(api: Client, *items: Body, **rest: Any) -> Body:
    return shop.made(api.post(ORDER, {"serviceOrderItem": list(items), **rest}))


def after(api: Client, relay: Relay, order: Body) -> Body:
    relay.drain()
    found: Body = api.get(order["href"]).body
    return found


def item(order: Body, place: int = 0) -> Body:
    found: Body = order["serviceOrderItem"][place]
    return found


def test_a_service_is_brought(api: Client, relay: Relay):
    owner = shop.customer(api)
    party = {"id": owner["id"], "role": "customer", "@referredType": "Customer",
             "@type": "RelatedParty"}  # fmt: skip
    placed = place(
        api, add(api, name="Line", relatedParty=[party]), externalId="E-1", category="Fibre",
        priority="1", description="For Maeve", relatedParty=[party],
        note=[{"text": "ring twice"}], **Body({"x-site": [7]}),
    )  # fmt: skip
    assert (placed["state"], item(placed)["state"]) == ("acknowledged", "acknowledged")
    assert placed["orderDate"].startswith("2026-11-02")
    assert placed["x-site"] == [7]
    done = after(api, relay, placed)
    assert (done["state"], item(done)["state"]) == ("completed", "completed")
    assert {"startDate", "completionDate"} <= done.keys()
    service = api.get(item(done)["service"]["href"]).body
    assert (service["state"], service["name"]) == ("active", "Line")
    assert service["relatedParty"][0]["id"] == owner["id"]


def test_a_service_is_changed_and_ended(api: Client, relay: Relay):
    service = known(api, serviceCharacteristic=[{"name": "mbit", "value": 100}])
    values = [{"name": "mbit", "value": 500}]
    changed = place(api, on(service, "modify", serviceCharacteristic=values, state="inactive"))
    assert after(api, relay, changed)["state"] == "completed"
    found = api.get(service["href"]).body
    assert (found["state"], found["serviceCharacteristic"]) == ("inactive", values)
    same = place(api, on(service, "noChange"))
    assert after(api, relay, same)["state"] == "completed"
    ended = place(api, on(service, "delete"))
    assert after(api, relay, ended)["state"] == "completed"
    assert api.get(service["href"]).body["state"] == "terminated"


def test_items_come_in_their_order(api: Client, relay: Relay):
    relation = {"relationshipType": "dependsOn", "orderItem": {"itemId": "2"}}
    first = add(api, "1") | {"serviceOrderItemRelationship": [relation]}
    nested = add(api, "2") | {"serviceOrderItem": [add(api, "3")]}
    done = after(api, relay, place(api, first, nested))
    assert done["state"] == "completed"
    assert item(item(done, 1))["state"] == "completed"
    assert len(api.get(SERVICE).body) == 3


@together(
    ("change", "path"),
    [
        ({"id": "2", "action": "add"}, "service"),
        ({"action": "replace"}, "action"),
        ({"action": "modify", "service": {}}, "serviceOrderItem[0].service.id"),
        ({"action": "delete", "service": {"id": "none"}}, "serviceOrderItem[0].service.id"),
        ({"service": {"serviceSpecification": {"id": "none"}}},
         "serviceOrderItem[0].service.serviceSpecification.id"),
        ({"service": {"state": "terminated"}}, "serviceOrderItem[0].service.state"),
        ({"service": {"id": "mine"}}, "serviceOrderItem[0].service.id"),
        ({"quantity": 2}, "serviceOrderItem[0].quantity"),
        ({"serviceOrderItemRelationship": [
            {"relationshipType": "dependsOn", "orderItem": {"itemId": "9"}}]}, "itemId"),
        ({"serviceOrderItemRelationship": [
            {"relationshipType": "dependsOn", "orderItem": {"itemId": "1"}}]}, "id"),
    ],
)  # fmt: skip
def test_items_that_are_refused(api: Client, change: Body, path: str):
    usual: Body = {"id": "1", "action": "add", "service": {"name": "Line"}}
    sent = usual | change
    if path == "service":
        del sent["service"]
    answer = api.post(ORDER, {"serviceOrderItem": [sent]})
    assert answer.status == 400, answer.body
    assert answer.body["path"].endswith(path)


@pytest.mark.parametrize("body", [{}, {"serviceOrderItem": []}, {"serviceOrderItem": "all"}])
def test_an_order_has_items(api: Client, body: Body):
    answer = api.post(ORDER, body)
    assert answer.status == 400
    assert answer.body["path"].endswith("serviceOrderItem")


def test_what_an_order_can_not_change(api: Client, ordered: Body):
    (service,) = api.get(f"{SERVICE}?relatedEntity.id={ordered['id']}").body
    answer = api.post(ORDER, {"serviceOrderItem": [on(service, "delete")]})
    assert answer.status == 422
    assert "TMF622" in answer.body["message"]


def test_an_order_for_later_waits(api: Client, relay: Relay, clock: DrivenClock):
    tomorrow = format_instant(clock.now() + timedelta(days=1))
    placed = place(api, add(api), requestedStartDate=tomorrow)
    assert after(api, relay, placed)["state"] == "acknowledged"
    clock.advance(timedelta(days=2))
    assert after(api, relay, placed)["state"] == "completed"


def test_an_order_is_described_anew(api: Client, relay: Relay, clock: DrivenClock):
    tomorrow = format_instant(clock.now() + timedelta(days=1))
    placed = place(api, add(api), requestedStartDate=tomorrow)
    changed = api.patch(placed["href"], {"description": "New", "priority": "2"}).body
    assert (changed["description"], changed["priority"]) == ("New", "2")
    sooner = api.patch(placed["href"], {"requestedStartDate": format_instant(clock.now())})
    assert sooner.status == 200
    assert after(api, relay, placed)["state"] == "completed"
    for name in ("orderDate", "requestedStartDate"):
        answer = api.patch(placed["href"], {name: tomorrow})
        assert (answer.status, answer.body["path"]) == (400, name)
    answer = api.patch(placed["href"], {"serviceOrderItem": []})
    assert answer.status == 400


def test_an_order_is_cancelled_and_leaves_nothing(api: Client, relay: Relay, clock: DrivenClock):
    tomorrow = format_instant(clock.now() + timedelta(days=1))
    placed = place(api, add(api), requestedStartDate=tomorrow)
    body = {"serviceOrder": {"id": placed["id"]}, "cancellationReason": "changed my mind"}
    cancel = shop.made(api.post(CANCEL, body))
    assert cancel["state"] == "done"
    assert cancel["effectiveCancellationDate"]
    order = api.get(placed["href"]).body
    assert (order["state"], item(order)["state"]) == ("cancelled", "cancelled")
    assert order["cancellationReason"] == "changed my mind"
    assert api.get(item(order)["service"]["href"]).body["state"] == "terminated"
    refused = api.patch(placed["href"], {"state": "inProgress"})
    assert refused.status == 409
    clock.advance(timedelta(days=2))
    assert after(api, relay, placed)["state"] == "cancelled"


def test_a_cancellation_for_later(api: Client, relay: Relay, clock: DrivenClock):
    days = [format_instant(clock.now() + timedelta(days=n)) for n in (1, 2)]
    placed = place(api, add(api), requestedStartDate=days[1])
    body = {"serviceOrder": {"id": placed["id"]}, "requestedCancellationDate": days[0]}
    cancel = shop.made(api.post(CANCEL, body))
    assert cancel["state"] == "accepted"
    clock.advance(timedelta(days=1, hours=1))
    assert after(api, relay, placed)["state"] == "cancelled"
    assert api.get(cancel["href"]).body["state"] == "done"


def test_what_has_ended_is_not_cancelled(api: Client, relay: Relay):
    placed = place(api, add(api))
    relay.drain()
    body = {"serviceOrder": {"id": placed["id"]}}
    assert api.post(CANCEL, body).status == 409
    assert api.patch(placed["href"], {"state": "cancelled"}).status == 409
    assert api.get(CANCEL).body == []
    unknown = api.post(CANCEL, {"serviceOrder": {"id": "none"}})
    assert (unknown.status, unknown.body["path"]) == (400, "serviceOrder.id")


def test_an_order_that_has_ended_is_deleted(api: Client, relay: Relay):
    placed = place(api, add(api))
    relay.drain()
    assert api.delete(placed["href"]).status == 204
    assert api.get(placed["href"]).status == 404
    soon = place(api, add(api))
    assert api.delete(soon["href"]).status == 204
    relay.drain()
    assert api.get(item(soon)["service"]["href"]).body["state"] == "terminated"


def test_lists_are_filtered(api: Client, relay: Relay):
    mine = place(api, add(api), externalId="E-1", category="A")
    relay.drain()
    decoy = place(api, add(api), externalId="E-2", category="B")
    for query, found in [
        ("externalId=E-1", [mine["id"]]),
        ("state=completed", [mine["id"]]),
        ("state=acknowledged", [decoy["id"]]),
        ("category=B", [decoy["id"]]),
        (f"serviceOrderItem.service.id={item(mine)['service']['id']}", [mine["id"]]),
        ("serviceOrderItem.action=delete", []),
    ]:
        assert [each["id"] for each in api.get(f"{ORDER}?{query}").body] == found, query


class TestWithANetwork(Connected):
    def test_items_wait_for_the_network(
        self, api: Client, relay: Relay, hss: Simulator, settle: Callable[[], None]
    ):
        relation = {"relationshipType": "dependsOn", "orderItem": {"itemId": "1"}}
        second = add(api, "2") | {"serviceOrderItemRelationship": [relation]}
        placed = place(api, add(api, "1"), second)
        begun = after(api, relay, placed)
        assert [each["state"] for each in begun["serviceOrderItem"]] == [
            "inProgress", "acknowledged",
        ]  # fmt: skip
        settle()
        done = api.get(placed["href"]).body
        assert done["state"] == "completed"
        assert len(hss.services) == 2

    def test_a_refusal_is_held_and_tried_again(
        self, api: Client, hss: Simulator, settle: Callable[[], None]
    ):
        hss.behaviour.refused = ["27201"]
        values = [{"name": "imsi", "value": "27201"}]
        placed = place(api, add(api, serviceCharacteristic=values))
        settle()
        held = api.get(placed["href"]).body
        assert (held["state"], item(held)["state"]) == ("held", "held")
        assert "unknown subscriber" in item(held)["errorMessage"][0]["message"]
        hss.behaviour.refused = []
        assert api.patch(placed["href"], {"state": "inProgress"}).body["state"] == "inProgress"
        settle()
        assert api.get(placed["href"]).body["state"] == "completed"

    def test_cancelling_takes_it_off_the_network(
        self, api: Client, hss: Simulator, settle: Callable[[], None]
    ):
        hss.behaviour.refused = ["27201"]
        values = [{"name": "imsi", "value": "27201"}]
        placed = place(api, add(api, "1"), add(api, "2", serviceCharacteristic=values))
        settle()
        assert len(hss.services) == 1
        cancelled = api.patch(placed["href"], {"state": "cancelled"}).body
        assert cancelled["state"] == "pendingCancellation"
        settle()
        assert api.get(placed["href"]).body["state"] == "cancelled"
        assert hss.services == {}
