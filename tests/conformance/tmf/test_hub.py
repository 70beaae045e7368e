"""The hub of every API: registering, and events that arrive at a real listener."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.listener import ListenerServer
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rest import create_app
from trunkline.tmf.hub import CallbackRule, Dispatcher

HUB = f"{shop.ORDERING}/hub"
ANYWHERE = CallbackRule(allow_private=True)


@pytest.fixture
def app(app: Any, books: Database, charging: Database, clock: DrivenClock) -> Any:
    """One that lets callbacks be on loopback."""
    return create_app(books=books, charging=charging, clock=clock, callbacks=ANYWHERE)


@pytest.fixture
def dispatcher(books: Database, clock: DrivenClock) -> Dispatcher:
    return Dispatcher(books, clock, ANYWHERE, connect=1.0, total=2.0)


@pytest.fixture
def new_listener() -> Iterator[Callable[[], ListenerServer]]:
    made: list[ListenerServer] = []

    def make() -> ListenerServer:
        made.append(ListenerServer())
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def listener(new_listener: Callable[[], ListenerServer]) -> ListenerServer:
    return new_listener()


def register(api: Client, listener: ListenerServer, hub: str = HUB, **rest: Any) -> Any:
    return shop.made(api.post(hub, {"callback": listener.url, **rest}))


def test_an_order_is_heard_from_its_placing_to_its_end(
    api: Client, listener: ListenerServer, dispatcher: Dispatcher, relay: Relay
):
    register(api, listener)
    order = shop.order(api, shop.account(api), shop.offer(api))
    assert dispatcher.drain() == 1
    first = listener.taken[0]
    assert first.path == "/listener/productOrderCreateEvent"
    assert first.type == "ProductOrderCreateEvent"
    assert first.body["event"]["productOrder"] == order
    relay.drain()
    dispatcher.drain()
    assert set(listener.types[1:]) == {"ProductOrderStateChangeEvent"}
    last = listener.taken[-1].resource
    assert (last["id"], last["state"]) == (
        order["id"], api.get(f"{shop.ORDERING}/productOrder/{order['id']}").body["state"],
    )  # fmt: skip


def test_a_listener_that_left_hears_nothing(
    api: Client, listener: ListenerServer, dispatcher: Dispatcher
):
    hub = register(api, listener)
    shop.order(api, shop.account(api), shop.offer(api))
    assert api.delete(f"{HUB}/{hub['id']}").status == 204
    assert api.delete(f"{HUB}/{hub['id']}").status == 404
    assert dispatcher.drain() == 0
    assert listener.asked == []
