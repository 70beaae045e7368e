"""The hub of every API: registering, and events that arrive at a real listener."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client, documents
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import made
from tests.listener import ListenerServer
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rest import all_apis, create_app, open_apis
from trunkline.tmf.hub import CallbackRule, Dispatcher, listeners

HUB = f"{shop.ORDERING}/hub"
CUSTOMER_HUB = f"{shop.CUSTOMER.rpartition('/')[0]}/hub"
CHANGES = ("AttributeValueChangeEvent", "StateChangeEvent", "StatusChangeEvent", "ChangeEvent")
ANYWHERE = CallbackRule(allow_private=True)


@pytest.fixture
def app(app: Any, books: Database, charging: Database, clock: DrivenClock) -> Any:
    """One that lets callbacks be on loopback."""
    return create_app(books=books, charging=charging, clock=clock, callbacks=ANYWHERE)


@pytest.fixture
def dispatcher(books: Database, clock: DrivenClock) -> Dispatcher:
    return Dispatcher(books, clock, ANYWHERE, connect=10.0, total=20.0)


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
    return made(api.post(hub, {"callback": listener.url, **rest}))


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


def test_every_api_has_its_hub(
    api: Client,
    books: Database,
    charging: Database,
    clock: DrivenClock,
    listener: ListenerServer,
):
    for each in all_apis(books, charging, clock):
        hub = f"{each.base}/hub"
        if not each.hub:
            assert api.post(hub, {"callback": listener.url}).status == 404
            continue
        answer = api.post(hub, {"callback": listener.url})
        new = made(answer)
        assert new == {"id": new["id"], "href": f"{hub}/{new['id']}", "callback": listener.url}
        assert answer.headers["location"] == new["href"]
        assert api.get(new["href"]).body == new
        assert api.get(hub).body == [new]
        assert api.delete(new["href"]).status == 204
        assert api.delete(new["href"]).status == 404
        assert api.get(new["href"]).status == 404


def test_registering_again_is_the_same_listener(api: Client, listener: ListenerServer):
    one = register(api, listener)
    assert register(api, listener) == one
    assert register(api, listener, query="eventType=ProductOrderCreateEvent") != one
    assert register(api, listener, f"{shop.PRODUCT.rpartition('/')[0]}/hub")["id"] != one["id"]
    assert len(api.get(HUB).body) == 2


@together(
    ("body", "status", "path"),
    [
        ({}, 400, "callback"),
        ({"callback": 3}, 400, "callback"),
        ({"callback": ""}, 400, "callback"),
        ({"callback": "nowhere"}, 400, "callback"),
        ({"callback": "ftp://example.com/"}, 400, "callback"),
        ({"callback": "http://me:secret@example.com/"}, 400, "callback"),
        ({"callback": "https://example.com", "query": "nonsense"}, 400, "query"),
        ({"callback": "https://example.com", "query": "eventType=OrderedEvent"}, 400, "query"),
        ({"callback": "https://example.com", "query": "state.regex=(a"}, 400, "query"),
        ({"callback": "https://example.com", "query": "sort=state"}, 400, "query"),
        ({"callback": "https://example.com", "query": ["state=x"]}, 400, "query"),
        ({"callback": "https://example.com", "query": "a=" + "x" * 3000}, 400, "query"),
        ({"callback": "https://example.com", "secret": ""}, 400, "secret"),
        ({"callback": "http://0.0.0.0/"}, 422, "callback"),
        ([], 400, "$"),
        (b"{", 400, "$"),
    ],
)
def test_a_registration_that_is_wrong(api: Client, body: Any, status: int, path: str):
    answer = api.post(HUB, body)
    assert (answer.status, answer.body["path"]) == (status, path)
    assert api.get(HUB).body == []


def test_a_wrong_filter_is_named(api: Client):
    body = {"callback": "https://example.com", "query": "eventType=ProductEvent,OrderEvent"}
    said = api.post(HUB, body).body["message"]
    assert "TMF622 has no event 'ProductEvent'" in said
    assert "ProductOrder" in said


def test_callbacks_to_this_machine_are_refused_unless_settings_allow_them(
    books: Database, charging: Database, clock: DrivenClock, make_client: MakeClient
):
    narrow = create_app(books=books, charging=charging, clock=clock)
    api = make_client("*", on=narrow)
    for callback in ("http://127.0.0.1:8080/", "http://localhost/x", "http://[::1]/",
                     "http://169.254.169.254/latest", "http://10.0.0.1/"):  # fmt: skip
        answer = api.post(HUB, {"callback": callback})
        assert (answer.status, answer.body["code"]) == (422, "callbackRefused")


def test_a_key_has_so_many_listeners_and_no_more(api: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listeners, "MOST", 2)
    first = made(api.post(HUB, {"callback": "https://example.com/1"}))
    made(api.post(HUB, {"callback": "https://example.com/2"}))
    refused = api.post(HUB, {"callback": "https://example.com/3"})
    assert (refused.status, refused.body["code"]) == (409, "tooManyListeners")
    assert made(api.post(HUB, {"callback": "https://example.com/1"})) == first
    assert len(api.get(HUB).body) == 2


def test_who_may_not_read_may_not_listen(make_client: MakeClient, listener: ListenerServer):
    body = {"callback": listener.url}
    assert make_client("tmf629:*").post(HUB, body).status == 403
    assert make_client("tmf622:write").post(HUB, body).status == 403
    assert make_client("tmf622:read").post(HUB, body).status == 201


def test_a_listener_is_its_owners(make_client: MakeClient, listener: ListenerServer):
    one, other = make_client("tmf622:*"), make_client("tmf622:*")
    mine = register(one, listener)
    theirs = register(other, listener)
    assert mine["id"] != theirs["id"]
    assert one.get(HUB).body == [mine]
    assert one.get(theirs["href"]).status == 404
    assert one.delete(theirs["href"]).status == 404
    operator = make_client("tmf622:read", "hub:*")
    assert {each["id"] for each in operator.get(HUB).body} == {mine["id"], theirs["id"]}
    assert operator.delete(theirs["href"]).status == 204
    assert other.get(HUB).body == []


def test_a_key_that_was_revoked_hears_nothing(
    api: Client, make_client: MakeClient, listener: ListenerServer, dispatcher: Dispatcher,
    books: Database, clock: DrivenClock,
):  # fmt: skip
    other = make_client("tmf629:read")
    register(other, listener, CUSTOMER_HUB)
    with books.transaction() as tx:
        key = next(each for each in security.api_keys(tx) if each.scopes == ("tmf629:read",))
        security.revoke_api_key(tx, key=key.id, now=clock.now())
    shop.customer(api)
    assert dispatcher.drain() == 0


def test_a_secret_is_kept_to_ourselves(api: Client, listener: ListenerServer):
    new = register(api, listener, secret="between us")
    assert "secret" not in new
    assert "secret" not in api.get(new["href"]).body


def test_a_change_by_patch_and_its_states_are_heard(
    api: Client, listener: ListenerServer, dispatcher: Dispatcher
):
    register(api, listener, CUSTOMER_HUB, query="eventType.ne=CustomerCreateEvent")
    customer = shop.customer(api)
    path = f"{shop.CUSTOMER}/{customer['id']}"
    changed = api.patch(path, {"name": "Maeve the Second"}).body
    dispatcher.drain()
    assert listener.types == ["CustomerAttributeValueChangeEvent"]
    assert listener.taken[0].resource == changed
    assert api.patch(path, {"name": "Maeve the Second"}).status == 200
    assert dispatcher.drain() == 0, "nothing has changed"


def test_events_are_named_as_the_documents_have_them(
    books: Database, charging: Database, clock: DrivenClock
):
    """Where a document has events of a change of attributes or state, ours are called so; where
    it has none of the state, a change of it is told as one of attributes."""
    theirs = documents()
    if not theirs:
        pytest.skip("../shared/specs/tmf is absent")
    wrong = []
    for each in open_apis(books, charging, clock):
        listened = {
            path.rpartition("/")[2] for path in theirs[each.base]["paths"] if "/listener/" in path
        }
        for resource in each.resources:
            name = resource.type[:1].lower() + resource.type[1:]
            ends = {event.removeprefix(name) for event in listened if event.startswith(name)}
            changes = {end for end in CHANGES if end in ends}
            if changes and resource.attribute_event not in changes and resource.changes:
                wrong.append((each.number, resource.type, resource.attribute_event, ends))
            if changes and resource.state_event not in changes:
                wrong.append((each.number, resource.type, resource.state_event, ends))
    assert wrong == []
