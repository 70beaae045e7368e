"""TMF640: services wanted of the network, with one and without."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.connected import Connected
from tests.conformance.tmf.test_tmf637 import ordered as ordered
from tests.conformance.tmf.test_tmf638 import specification
from trunkline.network.simulator import Simulator

Body = dict[str, Any]
BASE = "/tmf-api/ServiceActivationAndConfiguration/v4"
SERVICE = f"{BASE}/service"
MONITOR = f"{BASE}/monitor"


def wanted(api: Client, **rest: Any) -> Body:
    return {"state": "active", "serviceSpecification": specification(api), **rest}


class TestWithoutANetwork:
    def test_it_is_so_at_once(self, api: Client):
        made = shop.made(api.post(SERVICE, wanted(api, name="Line")))
        assert (made["state"], made["hasStarted"]) == ("active", True)
        assert "monitor" not in made
        (monitor,) = api.get(f"{MONITOR}?state=Completed").body
        assert monitor["sourceHref"] == made["href"]
        assert monitor["request"]["method"] == "POST"
        assert api.get(monitor["href"]).body == monitor

    @pytest.mark.parametrize("state", ["designed", "reserved", "inactive"])
    def test_it_may_begin_earlier(self, api: Client, state: str):
        made = shop.made(api.post(SERVICE, wanted(api, state=state)))
        assert made["state"] == state
        changed = api.patch(made["href"], {"state": "active"})
        assert changed.status == 200, changed.body
        assert changed.body["state"] == "active"

    def test_it_rests_and_works_again(self, api: Client):
        made = shop.made(api.post(SERVICE, wanted(api)))
        for state in ("inactive", "active"):
            assert api.patch(made["href"], {"state": state}).body["state"] == state
        refused = api.patch(made["href"], {"state": "designed"})
        assert refused.status == 409
        assert "inactive" in refused.body["message"]

    def test_it_is_ended_by_deleting(self, api: Client):
        made = shop.made(api.post(SERVICE, wanted(api)))
        assert api.delete(made["href"]).status == 204
        assert api.get(made["href"]).status == 404
        assert api.delete(made["href"]).status == 404
        kept = api.get(f"{shop.SERVICE}/{made['id']}").body
        assert kept["state"] == "terminated"

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"state": "terminated"}, "state"),
            ({"state": "on"}, "state"),
            ({"serviceSpecification": {"id": "none"}}, "serviceSpecification.id"),
            ({"serviceCharacteristic": [{"name": "a", "value": 1}] * 2}, "name"),
        ],
    )
    def test_what_is_refused(self, api: Client, body: Body, path: str):
        answer = api.post(SERVICE, wanted(api) | body)
        assert answer.status == 400, answer.body
        assert answer.body["path"].endswith(path)

    def test_a_products_service_is_the_orders(self, api: Client, ordered: Body):
        (service,) = api.get(f"{SERVICE}?relatedEntity.id={ordered['id']}").body
        assert api.patch(service["href"], {"state": "inactive"}).status == 422
        assert api.delete(service["href"]).status == 422
        assert api.patch(service["href"], {"description": "First"}).status == 200

    def test_monitors_are_only_read(self, api: Client):
        assert api.post(MONITOR, {}).status == 405


class TestWithANetwork(Connected):
    def test_active_means_that_the_network_said_so(
        self, api: Client, hss: Simulator, settle: Callable[[], None]
    ):
        hss.behaviour.looks = 2
        answer = api.post(SERVICE, wanted(api))
        assert answer.status == 202
        location = answer.headers["location"]
        assert answer.body["state"] == "reserved"
        assert answer.body["monitor"]["href"] == location
        assert api.get(location).body["state"] == "InProgress"
        settle()
        assert api.get(answer.body["href"]).body["state"] == "reserved"
        settle()
        settle()
        made = api.get(answer.body["href"]).body
        assert made["state"] == "active"
        assert "monitor" not in made
        done = api.get(location).body
        assert (done["state"], done["response"]["statusCode"]) == ("Completed", "200")
        assert next(iter(hss.services.values()))["state"] == "active"

    def test_a_refusal_is_told(self, api: Client, hss: Simulator, settle: Callable[[], None]):
        hss.behaviour.refused = ["27201"]
        values = [{"name": "imsi", "value": "27201"}]
        answer = api.post(SERVICE, wanted(api, serviceCharacteristic=values))
        settle()
        told = api.get(answer.headers["location"]).body
        assert told["state"] == "InError"
        assert "unknown subscriber" in told["response"]["body"]
        assert api.get(answer.body["href"]).body["state"] == "reserved"
        hss.behaviour.refused = []
        again = api.patch(answer.body["href"], {"state": "active"})
        assert again.status == 200
        settle()
        assert api.get(answer.body["href"]).body["state"] == "active"

    def test_what_it_is_like_is_the_networks_too(
        self, api: Client, hss: Simulator, settle: Callable[[], None]
    ):
        made = api.post(SERVICE, wanted(api)).body
        settle()
        values = [{"name": "mbit", "value": 500}]
        changed = api.patch(made["href"], {"serviceCharacteristic": values, "name": "Fast"}).body
        assert changed["name"] == "Fast"
        assert changed["serviceCharacteristic"] == []
        assert changed["monitor"]
        settle()
        after = api.get(made["href"]).body
        assert after["serviceCharacteristic"] == values
        assert next(iter(hss.services.values()))["serviceCharacteristic"] == values

    def test_it_is_ended_on_the_network_first(
        self, api: Client, hss: Simulator, settle: Callable[[], None]
    ):
        made = api.post(SERVICE, wanted(api)).body
        settle()
        assert len(hss.services) == 1
        answer = api.delete(made["href"])
        assert answer.status == 202
        monitor = answer.headers["Location"]
        assert api.get(monitor).body["state"] == "InProgress"
        left = api.get(made["href"]).body
        assert (left["state"], left["monitor"]["href"]) == ("active", monitor)
        settle()
        assert api.get(monitor).body["state"] == "Completed"
        assert hss.services == {}
        assert api.get(made["href"]).status == 404
        assert {each["state"] for each in api.get(MONITOR).body} == {"Completed"}
        inventory = api.get(f"{shop.SERVICE}/{made['id']}").body
        assert inventory["state"] == "terminated"
