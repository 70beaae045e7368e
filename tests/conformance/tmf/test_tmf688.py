"""TMF688: topics, their events and who listens to them."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import made
from tests.conformance.tmf.test_hub import app, dispatcher, listener, new_listener, register
from tests.listener import ListenerServer
from trunkline.platform import security, tokens
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.rest.forms.wire import EVENT
from trunkline.tmf import hub
from trunkline.tmf.hub import queue

__all__ = ["app", "dispatcher", "listener", "new_listener"]

PARKED = f"{EVENT}/parkedDelivery"
TOPIC = f"{EVENT}/topic"


def topic(api: Client, **body: Any) -> str:
    ident: str = made(api.post(TOPIC, body))["id"]
    return ident


def types(answer: Any) -> list[str]:
    return [each["eventType"] for each in answer.body]


def test_a_topic_lives(api: Client) -> None:
    body = {"name": "orders", "headerQuery": "eventType=ProductOrderCreateEvent",
            "contentQuery": "event.productOrder.state=acknowledged", "@type": "Topic",
            "colour": "red"}  # fmt: skip
    answer = api.post(TOPIC, body)
    new = made(answer)
    assert new == {**body, "id": new["id"], "href": f"{TOPIC}/{new['id']}"}
    assert answer.headers["location"] == new["href"]
    assert api.get(new["href"]).body == new
    made(api.post(TOPIC, {"name": "decoy"}))
    found = api.get(f"{TOPIC}?name=orders")
    assert [each["id"] for each in found.body] == [new["id"]]
    assert found.headers["x-total-count"] == "1"
    assert api.get(f"{TOPIC}?fields=name&limit=1").status == 206
    assert api.patch(new["href"], {"name": "x"}).status == 405
    assert api.delete(new["href"]).status == 204
    assert api.delete(new["href"]).status == 404
    assert api.get(new["href"]).status == 404


@together(
    ("body", "path"),
    [
        ({"headerQuery": "nonsense"}, "headerQuery"),
        ({"contentQuery": "a.regex=(b)"}, "contentQuery"),
        ({"contentQuery": "limit=3"}, "contentQuery"),
        ({"name": 3}, "name"),
        ([], "$"),
    ],
)
def test_a_topic_that_is_wrong(api: Client, body: Any, path: str) -> None:
    answer = api.post(TOPIC, body)
    assert (answer.status, answer.body["path"]) == (400, path)


def test_a_topic_keeps_what_it_matches(api: Client) -> None:
    everything = topic(api)
    orders = topic(api, headerQuery="eventType=ProductOrderCreateEvent")
    one = topic(api, contentQuery="productOrder.externalId=second")
    payer, offering = shop.account(api), shop.offer(api)
    first = shop.order(api, payer, offering, externalId="first")
    second = shop.order(api, payer, offering, externalId="second")
    kept = api.get(f"{TOPIC}/{orders}/event")
    assert types(kept) == ["ProductOrderCreateEvent"] * 2
    assert [each["event"]["productOrder"] for each in kept.body] == [first, second]
    (only,) = api.get(f"{TOPIC}/{one}/event").body
    assert only["event"]["productOrder"]["id"] == second["id"]
    item = api.get(only["href"])
    assert (item.status, item.body) == (200, only)
    assert api.get(f"{only['href']}?fields=eventType").body == {
        name: only[name] for name in ("id", "href", "eventType")
    }
    assert api.get(f"{TOPIC}/{orders}/event/nothing").status == 404
    assert api.get(f"{TOPIC}/{one}/event/{kept.body[0]['id']}").status == 404
    seen = set(types(api.get(f"{TOPIC}/{everything}/event?limit=1000")))
    assert {"CustomerCreateEvent", "ProductOfferingCreateEvent", "TopicCreateEvent"} <= seen


def test_events_of_a_topic_are_filtered_and_paged(api: Client) -> None:
    one = topic(api)
    other = topic(api)
    for number in range(5):
        event = {"eventType": f"Type{number % 2}", "title": f"t{number}", "domain": "tests"}
        made(api.post(f"{TOPIC}/{one}/event", event))
    made(api.post(f"{TOPIC}/{other}/event", {"eventType": "Type0"}))
    path = f"{TOPIC}/{one}/event"
    titles = [each["title"] for each in api.get(f"{path}?domain=tests").body]
    assert titles == ["t0", "t1", "t2", "t3", "t4"]
    assert [e["title"] for e in api.get(f"{path}?eventType=Type1").body] == ["t1", "t3"]
    assert [e["title"] for e in api.get(f"{path}?title=t4&eventType=Type0").body] == ["t4"]
    page = api.get(f"{path}?domain=tests&offset=1&limit=2&sort=-title")
    assert (page.status, page.headers["x-total-count"]) == (206, "5")
    assert [e["title"] for e in page.body] == ["t3", "t2"]
    assert 'rel="next"' in page.headers["link"]
    assert api.get(f"{path}?colour=red").status == 400
    assert api.get(f"{TOPIC}/nothing/event").status == 404


def test_a_client_posts_an_event_and_who_listens_gets_it(
    api: Client, listener: ListenerServer, dispatcher: hub.Dispatcher
) -> None:
    one = topic(api, headerQuery="eventType=NeverEvent")
    path = f"{TOPIC}/{one}/hub"
    new = made(api.post(path, {"callback": f"{listener.url}/inbox", "query": "priority=1"}))
    for priority in ("1", "2"):
        event = {
            "eventType": "AlarmEvent",
            "eventTime": "2026-11-21T20:50:00Z",
            "priority": priority,
            "event": {"alarm": {"id": "a7", "extra": [1, None, {"x": True}]}},
            "source": {"id": "tower-1"},
            "colour": "red",
        }
        answer = api.post(f"{TOPIC}/{one}/event", event)
        stored = made(answer)
        assert stored == {**event, "@type": "Event", "id": stored["id"],
                          "eventId": stored["id"], "href": stored["href"]}  # fmt: skip
        assert api.get(answer.headers["location"]).body == stored
    assert dispatcher.drain() == 1
    (heard,) = listener.taken
    assert heard.path == "/inbox"
    assert heard.body["priority"] == "1"
    assert heard.body["event"] == event["event"]
    assert api.get(path).body == [api.get(f"{path}/{new['id']}").body] == [new]
    assert api.delete(f"{path}/{new['id']}").status == 204
    assert api.get(f"{path}/{new['id']}").status == 404
    assert api.delete(f"{path}/{new['id']}").status == 404


def test_a_topics_listener_hears_what_is_announced(
    api: Client, listener: ListenerServer, dispatcher: hub.Dispatcher
) -> None:
    one = topic(api, headerQuery="eventType=CustomerCreateEvent")
    made(api.post(f"{TOPIC}/{one}/hub", {"callback": listener.url}))
    customer = shop.customer(api)
    assert dispatcher.drain() == 1
    assert listener.taken[0].path == "/"
    assert listener.taken[0].resource["id"] == customer["id"]
    assert api.delete(f"{TOPIC}/{one}").status == 204
    shop.customer(api)
    assert dispatcher.drain() == 0


@together(
    ("body", "path"),
    [
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"source": {"name": "x"}}, "source.id"),
        ({"relatedParty": [{"id": "1"}]}, "relatedParty[0].@referredType"),
        ({"analyticCharacteristic": [{"name": "x"}]}, "analyticCharacteristic[0].value"),
        ([1], "$"),
        ("x", "$"),
    ],
)
def test_an_event_that_is_wrong(api: Client, body: Any, path: str) -> None:
    one = topic(api)
    answer = api.post(f"{TOPIC}/{one}/event", body)
    assert (answer.status, answer.body["path"]) == (400, path)
    answer = api.post(f"{TOPIC}/nothing/event", {})
    assert (answer.status, answer.body["path"]) == (400, "topicId")


def test_who_reads_a_topic_sees_what_it_may_read(
    api: Client, make_client: MakeClient, listener: ListenerServer, dispatcher: hub.Dispatcher
) -> None:
    """Topics are no way round the scopes of the APIs whose events they keep."""
    one = topic(api, headerQuery="eventType=CustomerCreateEvent,PartyCreateEvent,Note")
    customer = shop.customer(api)
    made(api.post(f"{TOPIC}/{one}/event", {"eventType": "Note"}))
    some = make_client("tmf688:*")
    more = make_client("tmf688:*", "tmf629:read")
    assert types(api.get(f"{TOPIC}/{one}/event")) == ["CustomerCreateEvent", "Note"]
    assert types(some.get(f"{TOPIC}/{one}/event")) == ["Note"]
    assert types(more.get(f"{TOPIC}/{one}/event")) == ["CustomerCreateEvent", "Note"]
    closed = api.get(f"{TOPIC}/{one}/event").body[0]
    assert closed["event"]["customer"]["id"] == customer["id"]
    assert some.get(closed["href"]).status == 404
    assert more.get(closed["href"]).status == 200
    made(some.post(f"{TOPIC}/{one}/hub", {"callback": listener.url}))
    shop.customer(api)
    assert dispatcher.drain() == 0


def test_who_listens_hears_no_more_than_it_might_when_it_said_so(
    api: Client,
    app: Any,
    books: Database,
    clock: DrivenClock,
    make_client: MakeClient,
    listener: ListenerServer,
    dispatcher: hub.Dispatcher,
) -> None:
    """A token that allows little makes no listener that hears all that its key may."""
    one = topic(api, headerQuery="eventType=CustomerCreateEvent")
    secret = make_client("*")._key
    assert secret is not None
    with books.transaction() as tx:
        key = security.authenticate(tx, secret, clock.now())
        narrow, wide = (
            tokens.issue(
                tx, key, issuer="http://127.0.0.1:8080", scopes=scopes, binding=None,
                now=clock.now(),
            ).token
            for scopes in (["tmf688:*"], None)
        )  # fmt: skip
    made(Client(app, narrow).post(f"{TOPIC}/{one}/hub", {"callback": listener.url}))
    shop.customer(api)
    assert dispatcher.drain() == 0
    made(Client(app, wide).post(f"{TOPIC}/{one}/hub", {"callback": listener.url}))
    shop.customer(api)
    assert dispatcher.drain() == 1


def test_topics_keep_events_for_a_time_and_a_number(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    one = topic(api, headerQuery="eventType=Never")

    def post(title: str) -> None:
        made(api.post(f"{TOPIC}/{one}/event", {"title": title}))

    def titles() -> list[str]:
        return [each["title"] for each in api.get(f"{TOPIC}/{one}/event").body]

    for number in range(5):
        post(str(number))
    clock.advance(timedelta(days=2))
    post("5")
    post("6")
    keep = timedelta(days=3)
    hub.prune(books, clock.now(), keep=keep, most=100)
    assert len(titles()) == 7
    hub.prune(books, clock.now(), keep=keep, most=3)
    assert titles()[1:] == ["5", "6"]
    clock.advance(timedelta(days=2))
    assert hub.prune(books, clock.now(), keep=keep, most=100) >= 1
    assert titles() == ["5", "6"]


def test_the_events_of_topics_themselves(
    api: Client, listener: ListenerServer, dispatcher: hub.Dispatcher
) -> None:
    register(api, listener, f"{EVENT}/hub")
    one = topic(api, name="x")
    api.delete(f"{TOPIC}/{one}")
    dispatcher.drain()
    assert listener.types == ["TopicCreateEvent", "TopicDeleteEvent"]
    assert listener.taken[1].resource["name"] == "x"


def test_what_was_parked_is_seen_and_sent_again(
    api: Client, make_client: MakeClient, listener: ListenerServer, dispatcher: hub.Dispatcher,
    clock: DrivenClock,
) -> None:  # fmt: skip
    register(api, listener, f"{EVENT}/hub", query="eventType=TopicCreateEvent")
    listener.answer = lambda _heard: 400
    names = [topic(api, name=name) for name in ("one", "two", "three")]
    dispatcher.drain()
    assert api.get(PARKED).body == []
    for delay in queue.DELAYS:
        clock.advance(timedelta(seconds=delay))
        dispatcher.drain()
    found = api.get(f"{PARKED}?limit=2")
    assert (found.status, found.headers["x-total-count"]) == (206, "3")
    first, second = found.body
    assert first["about"] == f"Topic {names[0]}"
    assert (first["state"], first["eventType"]) == ("parked", "TopicCreateEvent")
    assert first["lastError"] == "answered 400"
    assert api.get(first["href"]).body == first
    other = make_client("tmf688:*")
    assert other.get(PARKED).body == []
    assert other.get(first["href"]).status == 404
    assert other.patch(first["href"], {"state": "pending"}).status == 404
    assert other.delete(first["href"]).status == 404
    assert api.patch(first["href"], {"state": "done"}).status == 400
    assert api.patch(first["href"], {"state": "pending"}).body["state"] == "pending"
    assert api.delete(second["href"]).status == 204
    for gone in (first, second):
        assert api.get(gone["href"]).status == 404
    listener.answer = lambda _heard: 201
    assert dispatcher.drain() == 1
    assert [each.resource["id"] for each in listener.taken] == [names[0]]
    assert len(api.get(PARKED).body) == 1
    assert api.get(f"{PARKED}/x").status == 404
    assert api.get(f"{PARKED}?state=parked").status == 400
    metrics = api._http.simulate_get("/metrics").text
    assert 'trunkline_hub_deliveries{state="parked"} 1.0' in metrics
    assert "trunkline_hub_listeners_away 0.0" in metrics
