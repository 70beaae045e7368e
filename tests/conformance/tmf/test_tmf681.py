"""TMF681: messages to people, to any channel, at any time, by any address."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import customer, individual, made
from trunkline import messaging
from trunkline.customers import CustomerId, PartyId
from trunkline.messaging import Accepted, ChannelName, Deferred, Rejected
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

MESSAGES = "/tmf-api/communicationManagement/v4/communicationMessage"
EMAIL = {"mediumType": "email", "characteristic": {"emailAddress": "maeve@example.ie"}}
PHONE = {"mediumType": "mobile", "characteristic": {"phoneNumber": "+353850000001"}}

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def channels(books: Database, clock: DrivenClock) -> None:
    with books.transaction() as tx:
        messaging.declare_channels(tx, ChannelName, clock.now())


def body(**rest: Any) -> Body:
    return {
        "content": "Your SIM is on its way.",
        "messageType": "SMS",
        "sender": {"name": "Test Mobile"},
        "receiver": [{"phoneNumber": "+353850000001"}],
        **rest,
    }


def says(name: str, value: Any) -> Body:
    return {"name": name, "value": value}


def said(api: Client, **rest: Any) -> Body:
    return made(api.post(MESSAGES, body(**rest)))


class Hand:
    """Sends as a sender would, with the outcomes that the test wants."""

    def __init__(self, books: Database, relay: Relay, clock: DrivenClock) -> None:
        self.books, self.relay, self.clock = books, relay, clock

    def take(self, channel: ChannelName = ChannelName.SMS) -> list[messaging.Outgoing]:
        self.relay.drain()
        with self.books.transaction() as tx:
            return messaging.begin_sending(tx, channel=channel, limit=10, now=self.clock.now())

    def note(self, each: messaging.Outgoing, outcome: messaging.Outcome) -> None:
        with self.books.transaction() as tx:
            messaging.note_outcome(tx, dispatch=each.id, outcome=outcome, now=self.clock.now())


@pytest.fixture
def hand(books: Database, relay: Relay, clock: DrivenClock) -> Hand:
    return Hand(books, relay, clock)


def test_a_text_message(api: Client, hand: Hand) -> None:
    new = said(api, priority="2", extra={"kept": True}, description=None)
    assert (new["state"], new["tryTimes"], new["extra"]) == ("initial", 5, {"kept": True})
    assert new["receiver"][0]["deliveryState"] == "held"
    assert "description" not in new
    (sending,) = hand.take()
    assert (sending.address, sending.text) == ("+353850000001", "Your SIM is on its way.")
    assert api.get(new["href"]).body["state"] == "inProgress"
    hand.clock.advance(timedelta(seconds=2))
    hand.note(sending, Accepted())
    told = api.get(new["href"]).body
    assert told["state"] == "completed"
    assert told["sendTime"] == "2026-11-02T09:00:00.000Z"
    assert told["sendTimeComplete"] == "2026-11-02T09:00:02.000Z"
    assert told["receiver"][0]["deliveryState"] == "delivered"
    assert hand.take() == []


def test_messages_are_found(api: Client, hand: Hand) -> None:
    wanted = said(api, subject="Sim", priority="1", logFlag=True, tryTimes=3,
                  scheduledSendTime="2026-11-05T12:00:00Z", description="wanted")  # fmt: skip
    said(api, messageType="Email", receiver=[{"email": "x@example.ie"}], content="Other",
         sender={"name": "Other"}, priority="7", subject="Other")  # fmt: skip
    for query in (
        "messageType=SMS", "priority=1", "subject=Sim", "description=wanted", "logFlag=true",
        "tryTimes=3", "tryTimes.lt=4", "scheduledSendTime.gt=2026-11-05T11:00:00Z",
        "receiver.phoneNumber=%2B353850000001", "sender.name=Test+Mobile", "content.regex=SIM",
        f"id={wanted['id']}", "state=initial&messageType=SMS",
    ):  # fmt: skip
        assert api.get(f"{MESSAGES}?{query}").body == [wanted], query
    page = api.get(f"{MESSAGES}?limit=1&sort=-priority&fields=priority")
    assert (page.status, page.body[0]["priority"]) == (206, "7")
    assert page.headers["x-total-count"] == "2"


def test_the_address_of_a_party(api: Client, hand: Hand) -> None:
    maeve = individual(api, contactMedium=[EMAIL, PHONE])
    buyer = customer(api, maeve)
    for referred in (maeve, buyer):
        party = {"id": referred["id"], "@referredType": referred["@type"]}
        said(api, receiver=[{"party": party}])
        said(api, receiver=[{"party": party}], messageType="Email", subject="Sim")
    assert {each.address for each in hand.take()} == {"+353850000001"}
    assert {each.address for each in hand.take(ChannelName.EMAIL)} == {"maeve@example.ie"}
    found = api.get(f"{MESSAGES}?receiver.party.id={maeve['id']}")
    assert len(found.body) == 2


def test_what_stands_in_an_inbox_has_arrived(
    api: Client, hand: Hand, books: Database, relay: Relay
) -> None:
    maeve = individual(api)
    party = {"id": maeve["id"], "@referredType": "Individual"}
    new = said(api, messageType="Mobile app push notification", receiver=[{"party": party}])
    relay.drain()
    assert api.get(new["href"]).body["state"] == "completed"
    with books.read() as r:
        ((dispatch, message),) = messaging.inbox(r, maeve["id"])
    assert message["content"] == new["content"]
    with books.transaction() as tx:
        messaging.read_message(tx, dispatch.id, hand.clock.now())
    assert api.get(new["href"]).body["receiver"][0]["readTime"] == "2026-11-02T09:00:00.000Z"


def test_a_template_in_the_receivers_language(api: Client) -> None:
    chars = [says("language", "de-AT")]
    anna = individual(api, "Anna", "Moser", contactMedium=[EMAIL], partyCharacteristic=chars)
    new = said(
        api, messageType="Email", content="",
        receiver=[{"party": {"id": anna["id"], "@referredType": "Individual"}}],
        characteristic=[says("template", "invoice.issued"), says("number", "INV-7"),
                        says("amount", {"unit": "EUR", "value": 12.5}),
                        says("due", "2026-11-16")],
    )  # fmt: skip
    assert new["subject"] == "Ihre Rechnung INV-7"
    assert "Guten Tag Anna Moser" in new["content"]
    assert "über 12,50\xa0€" in new["content"]
    assert "16.11.2026" in new["content"]
    asked = new["characteristic"] + [says("language", "en")]
    english = api.patch(new["href"], {"characteristic": asked}).body
    assert english["subject"] == "Your invoice INV-7"
    assert "€12.50" in english["content"]
    assert api.get(f"{MESSAGES}?characteristic.value=invoice.issued").body == [english]


def test_several_receivers(api: Client, hand: Hand) -> None:
    new = said(api, receiver=[{"phoneNumber": "+353850000001"}, {"phoneNumber": "50123"}])
    one, two = sorted(hand.take(), key=lambda each: each.address)
    hand.note(one, Accepted())
    assert api.get(new["href"]).body["state"] == "inProgress"
    hand.note(two, Rejected("unknown subscriber"))
    told = api.get(new["href"]).body
    assert told["state"] == "failed"
    assert [(each["deliveryState"], each.get("deliveryReason")) for each in told["receiver"]] == [
        ("delivered", None), ("failed", "unknown subscriber")]  # fmt: skip


def test_a_subscriber_reads_what_was_said_to_it_alone(
    app: Any, api: Client, books: Database, clock: DrivenClock
) -> None:
    buyer = customer(api, individual(api, contactMedium=[PHONE]))
    party = {"id": buyer["id"], "@referredType": "Customer"}
    own = said(api, receiver=[{"party": party}])
    both = said(api, receiver=[{"party": party}, {"phoneNumber": "+353850000099"}])
    with books.transaction() as tx:
        binding = security.Binding(CustomerId(buyer["id"]), PartyId(buyer["engagedParty"]["id"]))
        key = security.create_api_key(
            tx, name="app", scopes=["tmf681:read", "tmf681:write"], binding=binding,
            now=clock.now(),
        )  # fmt: skip
    subscriber = Client(app, key.secret)
    assert [each["id"] for each in subscriber.get(MESSAGES).body] == [own["id"]]
    assert subscriber.get(both["href"]).status == 404
    assert subscriber.post(MESSAGES, body()).status == 403


def test_it_is_tried_again_as_often_as_was_asked(api: Client, hand: Hand) -> None:
    new = said(api, tryTimes=1)
    (first,) = hand.take()
    hand.note(first, Deferred("not now"))
    assert api.get(new["href"]).body["receiver"][0]["deliveryState"] == "held"
    assert hand.take() == []
    hand.clock.advance(timedelta(seconds=31))
    (second,) = hand.take()
    assert second.id == first.id
    hand.note(second, Deferred("not now"))
    assert api.get(new["href"]).body["state"] == "failed"
    again = api.patch(new["href"], {"state": "initial"})
    assert (again.status, again.body["state"]) == (200, "initial")
    assert "sendTime" not in again.body
    (third,) = hand.take()
    hand.note(third, Accepted())
    assert api.get(new["href"]).body["state"] == "completed"


def test_it_is_changed_until_it_is_under_way(api: Client, hand: Hand) -> None:
    new = said(api, scheduledSendTime="2026-11-03T12:00:00Z")
    assert hand.take() == []
    changed = api.patch(new["href"], {"content": "Later", "receiver": [{"phoneNumber": "50123"}]})
    assert changed.body["content"] == "Later"
    assert hand.take() == []
    sent = api.patch(new["href"], {"state": "inProgress"})
    assert (sent.status, sent.body["state"]) == (200, "inProgress")
    (sending,) = hand.take()
    assert (sending.text, sending.address) == ("Later", "50123")
    late = api.patch(new["href"], {"content": "Too late"})
    assert (late.status, late.body["code"], late.body["path"]) == (409, "messageBegun", "content")
    assert api.patch(new["href"], {"description": "for the file"}).status == 200
    assert api.delete(new["href"]).status == 409
    hand.note(sending, Accepted())
    assert api.delete(new["href"]).status == 204
    assert api.get(new["href"]).status == 404


def test_it_is_cancelled(api: Client, hand: Hand) -> None:
    new = said(api)
    cancelled = api.patch(new["href"], {"state": "cancelled"}).body
    assert cancelled["state"] == "cancelled"
    assert cancelled["receiver"][0]["deliveryState"] == "cancelled"
    assert hand.take() == []
    for state in ("initial", "inProgress", "completed"):
        refused = api.patch(new["href"], {"state": state})
        assert (refused.status, refused.body["code"]) == (409, "illegalTransition")


def test_deleted_before_it_went(api: Client, hand: Hand) -> None:
    assert api.delete(said(api)["href"]).status == 204
    assert hand.take() == []


def test_a_channel_that_is_not_there(
    api: Client, books: Database, relay: Relay, clock: DrivenClock
) -> None:
    with books.transaction() as tx:
        messaging.declare_channels(tx, [], clock.now())
    new = said(api)
    relay.drain()
    told = api.get(new["href"]).body
    assert told["state"] == "failed"
    assert told["receiver"][0]["deliveryReason"] == "no sms is configured here"


ATTACHED = {"name": "a.pdf", "mimeType": "application/pdf"}


@together(
    ("change", "path"),
    [
        ({"content": None}, "content"),
        ({"content": 5}, "content"),
        ({"content": " "}, "content"),
        ({"sender": {"phoneNumber": "nobody's"}}, "sender.phoneNumber"),
        ({"messageType": "Email", "receiver": [{"email": "a@b.ie"}],
          "sender": {"email": "nobody's"}}, "sender.email"),
        ({"scheduledSendTime": "9999-12-31T23:59:59Z"}, "scheduledSendTime"),
        ({"sender": None}, "sender"),
        ({"receiver": []}, "receiver"),
        ({"receiver": None}, "receiver"),
        ({"receiver": [{"name": "Nobody"}]}, "receiver[0].phoneNumber"),
        ({"receiver": [{"phoneNumber": "call me"}]}, "receiver[0].phoneNumber"),
        ({"receiver": [{"id": "nobody"}]}, "receiver[0].phoneNumber"),
        ({"receiver": [{"phoneNumber": "+35385",
                        "party": {"id": "nobody", "@referredType": "Individual"}}]},
         "receiver[0].party.id"),
        ({"receiver": [{"party": {"id": "x"}}]}, "receiver[0].party.@referredType"),
        ({"messageType": "pigeon"}, "messageType"),
        ({"messageType": "Email"}, "receiver[0].email"),
        ({"messageType": "Email", "receiver": [{"email": "a@b\r\nBcc: c@d.e"}]},
         "receiver[0].email"),
        ({"priority": "soon"}, "priority"),
        ({"tryTimes": -1}, "tryTimes"),
        ({"tryTimes": "3"}, "tryTimes"),
        ({"tryTimes": 10**30}, "tryTimes"),
        ({"subject": "two\nlines"}, "subject"),
        ({"sender": {"name": "two\r\nlines"}}, "sender.name"),
        ({"scheduledSendTime": "soon"}, "scheduledSendTime"),
        ({"state": "completed"}, "state"),
        ({"content": "x" * 2000}, "content"),
        ({"attachment": [ATTACHED | {"content": "?"}]}, "attachment[0].content"),
        ({"attachment": [ATTACHED | {"content": "AAAA"}]}, "attachment"),
        ({"characteristic": [says("purpose", "fun")]}, "characteristic"),
        ({"characteristic": [says("purpose", 7)]}, "characteristic[0].value"),
        ({"characteristic": [{"name": "purpose"}]}, "characteristic[0].value"),
        ({"characteristic": [says("template", "no.such")]}, "template"),
        ({"characteristic": [says("template", "payment.received")]}, "characteristic"),
        ({"characteristic": [says("template", "payment.received"), says("amount", "much")]},
         "characteristic"),
        ({"characteristic": [says("template", "payment.received"), says("amount", "1 EUR"),
                             says("who", "?")]}, "characteristic"),
    ],
)  # fmt: skip
def test_messages_that_are_refused(api: Client, change: Body, path: str) -> None:
    refused = api.post(MESSAGES, body() | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body


@together(
    ("change", "status", "path"),
    [
        ({"sendTime": "2026-11-02T09:00:00Z"}, 400, "sendTime"),
        ({"sendTimeComplete": "2026-11-02T09:00:00Z"}, 400, "sendTimeComplete"),
        ({"state": "completed"}, 400, "state"),
        ({"state": "elsewhere"}, 400, "state"),
        ({"state": None}, 400, "state"),
        ({"receiver": []}, 400, "receiver"),
        ({"messageType": "Email"}, 400, "receiver[0].email"),
        ({"id": "mine"}, 400, "id"),
    ],
)
def test_changes_that_are_refused(api: Client, change: Body, status: int, path: str) -> None:
    refused = api.patch(said(api)["href"], change)
    assert (refused.status, refused.body["path"]) == (status, path), refused.body


def test_what_the_server_says_of_receivers_is_not_taken_from_clients(api: Client) -> None:
    new = said(api, receiver=[{"phoneNumber": "50123", "deliveryState": "delivered"}],
               sendTime="2020-01-01T00:00:00Z", id="mine")  # fmt: skip
    assert new["receiver"][0]["deliveryState"] == "held"
    assert "sendTime" not in new
    assert new["id"] != "mine"


def test_an_email_takes_its_attachments_along(api: Client, hand: Hand) -> None:
    content = base64.b64encode(b"%PDF").decode()
    link = {"url": "https://example.ie/terms", "name": "Terms"}
    said(api, messageType="Email", subject="Papers", receiver=[{"email": "x@example.ie"}],
         attachment=[ATTACHED | {"content": content}, link])  # fmt: skip
    (sending,) = hand.take(ChannelName.EMAIL)
    (attached,) = sending.attachments
    assert (attached.name, attached.content) == ("a.pdf", b"%PDF")
    assert sending.text.endswith("https://example.ie/terms")


def test_an_address_in_other_letters(api: Client, hand: Hand) -> None:
    said(api, messageType="Email", receiver=[{"email": "anna@müller.example"}])
    (sending,) = hand.take(ChannelName.EMAIL)
    assert sending.address == "anna@xn--mller-kva.example"
    refused = api.post(MESSAGES, body(messageType="Email", receiver=[{"email": "ännä@x.example"}]))
    assert (refused.status, refused.body["code"]) == (400, "noAddress")


def test_before_there_is_an_operator(make_client: Any, hand: Hand) -> None:
    new = said(make_client("tmf681:write", "tmf681:read"))
    assert [each.text for each in hand.take()] == [new["content"]]


def test_urgent_first(api: Client, hand: Hand) -> None:
    for priority in ("7", "1", "4", None):
        said(api, content=f"priority {priority}", priority=priority)
    assert [each.text for each in hand.take()] == [
        "priority 1", "priority 4", "priority None", "priority 7"]  # fmt: skip
