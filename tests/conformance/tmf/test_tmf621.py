"""TMF621: trouble tickets, their states and their clock."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import customer, individual, made
from trunkline.kernel.time import format_instant
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.principals import Binding
from trunkline.platform.relay import Relay

TICKET = "/tmf-api/troubleTicket/v4/troubleTicket"


def ticket(api: Client, **rest: Any) -> dict[str, Any]:
    body = {"description": "No service", "severity": "Major", "ticketType": "incident", **rest}
    return made(api.post(TICKET, body))


def owner(customer: dict[str, Any]) -> dict[str, Any]:
    return {"id": customer["id"], "role": "customer", "@referredType": "Customer"}


def test_a_ticket_is_kept_whole(api: Client, clock: DrivenClock) -> None:
    buyer = customer(api)
    opened = ticket(
        api,
        name="Dead line",
        relatedParty=[owner(buyer)],
        note=[{"text": "Called twice", "author": "Maeve"}],
        attachment=[{"name": "speed test", "mimeType": "image/png", "content": "aGk="}],
        channel={"id": "phone", "name": "Call centre"},
        externalId="itsm-7",
        mood="angry",
        status=None,
        **{"@type": "LineTicket", "@baseType": "TroubleTicket"},
    )
    now = clock.now()
    assert opened["status"] == "acknowledged"
    assert opened["priority"] == "High"
    assert opened["creationDate"] == opened["lastUpdate"] == format_instant(now)
    assert opened["expectedResponseDate"] == format_instant(now + timedelta(hours=2))
    assert opened["expectedResolutionDate"] == format_instant(now + timedelta(hours=24))
    assert opened["statusChange"] == [{"status": "acknowledged", "changeDate": format_instant(now)}]
    assert opened["note"] == [
        {"id": "1", "date": format_instant(now), "text": "Called twice", "author": "Maeve"}
    ]
    assert opened["relatedParty"][0]["href"] == buyer["href"]
    assert (opened["mood"], opened["@type"]) == ("angry", "LineTicket")
    assert api.get(opened["href"]).body == opened


def test_tickets_are_found_among_others(api: Client, clock: DrivenClock) -> None:
    buyer, other = customer(api), customer(api)
    decoy = ticket(api, relatedParty=[owner(other)], severity="Minor", ticketType="question")
    clock.advance(timedelta(hours=1))
    wanted = ticket(
        api, relatedParty=[owner(buyer)], externalId="x-1", name="Mine",
        requestedResolutionDate="2026-12-01T00:00:00Z", channel={"id": "web"},
        note=[{"text": "hello"}],
    )  # fmt: skip
    for query in (
        f"relatedParty.id={buyer['id']}", "severity=Major", "priority=High", "ticketType=incident",
        "externalId=x-1", "name=Mine", "channel.id=web", "note.text.regex=^hel",
        f"creationDate={wanted['creationDate']}", f"lastUpdate.gt={decoy['lastUpdate']}",
        f"id.ne={decoy['id']}", "requestedResolutionDate.gte=2026-12-01T00:00:00Z",
        f"expectedResolutionDate={wanted['expectedResolutionDate']}",
    ):  # fmt: skip
        assert api.get(f"{TICKET}?{query}").body == [wanted], query
    assert api.get(f"{TICKET}?status=acknowledged&sort=-creationDate").body == [wanted, decoy]
    assert api.get(f"{TICKET}?status=closed").body == []
    assert api.get(f"{TICKET}?mood=angry").status == 400


def test_the_clock_stands_while_the_customer_is_asked(api: Client, clock: DrivenClock) -> None:
    opened = ticket(api)
    clock.advance(timedelta(minutes=30))
    taken = api.patch(opened["href"], {"status": "inProgress"}).body
    assert taken["responseDate"] == format_instant(clock.now())
    asked = api.patch(
        opened["href"], {"status": "pending", "statusChangeReason": "Which router?"}
    ).body
    assert asked["statusChange"][-1] == {
        "status": "pending",
        "changeDate": format_instant(clock.now()),
        "changeReason": "Which router?",
    }
    clock.advance(timedelta(hours=5))
    told = api.patch(opened["href"], {"status": "inProgress"}).body
    begun = clock.now() - timedelta(hours=5, minutes=30)
    assert told["expectedResolutionDate"] == format_instant(begun + timedelta(hours=24 + 5))
    assert "statusChangeReason" not in told
    sooner = api.patch(opened["href"], {"priority": "Critical"}).body
    assert sooner["expectedResolutionDate"] == format_instant(begun + timedelta(hours=4 + 5))
    resolved = api.patch(opened["href"], {"status": "resolved"}).body
    assert resolved["resolutionDate"] == format_instant(clock.now())
    clock.advance(timedelta(days=1))
    again = api.patch(opened["href"], {"status": "inProgress"}).body
    assert "resolutionDate" not in again
    assert again["expectedResolutionDate"] == format_instant(begun + timedelta(hours=4 + 5 + 24))


def test_a_missed_target_is_on_record_once(api: Client, clock: DrivenClock, relay: Relay) -> None:
    missed = ticket(api)
    met = ticket(api)
    asked = ticket(api)
    api.patch(met["href"], {"status": "inProgress"})
    api.patch(met["href"], {"status": "resolved"})
    api.patch(asked["href"], {"status": "pending"})
    clock.advance(timedelta(hours=2))
    relay.drain()
    late = api.get(missed["href"]).body
    assert late["breach"] == [{"target": "response", "date": format_instant(clock.now())}]
    api.patch(missed["href"], {"status": "inProgress"})
    clock.advance(timedelta(hours=23))
    relay.drain()
    relay.drain()
    assert [each["target"] for each in api.get(missed["href"]).body["breach"]] == [
        "response",
        "resolution",
    ]
    assert "breach" not in api.get(met["href"]).body
    assert "breach" not in api.get(asked["href"]).body
    assert api.get(f"{TICKET}?breach.target=resolution").body == [api.get(missed["href"]).body]
    api.patch(asked["href"], {"status": "inProgress"})
    clock.advance(timedelta(hours=23))
    relay.drain()
    assert "breach" not in api.get(asked["href"]).body
    clock.advance(timedelta(hours=1))
    relay.drain()
    assert [each["target"] for each in api.get(asked["href"]).body["breach"]] == ["resolution"]


def test_what_is_resolved_closes_by_itself(api: Client, clock: DrivenClock, relay: Relay) -> None:
    left, reopened = ticket(api), ticket(api)
    for each in (left, reopened):
        api.patch(each["href"], {"status": "resolved"})
    clock.advance(timedelta(days=1))
    api.patch(reopened["href"], {"status": "inProgress"})
    api.patch(reopened["href"], {"status": "resolved"})
    clock.advance(timedelta(days=13))
    relay.drain()
    assert api.get(left["href"]).body["status"] == "closed"
    assert api.get(reopened["href"]).body["status"] == "resolved"
    assert api.patch(left["href"], {"status": "inProgress"}).status == 409


def test_it_is_too_late_to_reopen(api: Client, clock: DrivenClock) -> None:
    opened = ticket(api)
    api.patch(opened["href"], {"status": "resolved"})
    clock.advance(timedelta(days=15))
    late = api.patch(opened["href"], {"status": "inProgress"})
    assert (late.status, late.body["code"], late.body["path"]) == (409, "tooLateToReopen", "status")


@together(
    ("way", "to"),
    [
        ([], "closed"),
        (["inProgress"], "acknowledged"),
        (["inProgress"], "rejected"),
        (["pending"], "closed"),
        (["held"], "rejected"),
        (["resolved"], "held"),
        (["resolved", "closed"], "inProgress"),
        (["cancelled"], "inProgress"),
        (["rejected"], "inProgress"),
    ],
)
def test_transitions_that_the_table_lacks(api: Client, way: list[str], to: str) -> None:
    opened = ticket(api)
    for status in way:
        assert api.patch(opened["href"], {"status": status}).status == 200
    refused = api.patch(opened["href"], {"status": to})
    assert (refused.status, refused.body["code"]) == (409, "illegalTransition")
    assert refused.body["path"] == "status"


@together(
    ("change", "path"),
    [
        ({"description": None}, "description"),
        ({"severity": None}, "severity"),
        ({"ticketType": None}, "ticketType"),
        ({"severity": 3}, "severity"),
        ({"severity": "x" * 300}, "severity"),
        ({"status": "closed"}, "status"),
        ({"status": "lost"}, "status"),
        ({"status": []}, "status"),
        ({"requestedResolutionDate": "soon"}, "requestedResolutionDate"),
        ({"requestedResolutionDate": "2026-12-01T00:00:00"}, "requestedResolutionDate"),
        ({"relatedParty": [{"id": "x", "@referredType": "Customer"}]}, "relatedParty[0].id"),
        ({"relatedParty": [{"id": "x"}]}, "relatedParty[0].@referredType"),
        ({"relatedEntity": [{"id": "x", "role": "hit", "@referredType": "Product"}]},
         "relatedEntity[0].id"),
        ({"relatedEntity": [{"id": "x", "@referredType": "Product"}]}, "relatedEntity[0].role"),
        ({"troubleTicketRelationship": [{"id": "x", "relationshipType": "dup"}]},
         "troubleTicketRelationship[0].id"),
        ({"note": "hello"}, "note"),
        ({"channel": {"name": "x"}}, "channel.id"),
    ],
)  # fmt: skip
def test_a_ticket_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    body = {"description": "No service", "severity": "Major", "ticketType": "incident"} | change
    refused = api.post(TICKET, body)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(TICKET).body == []


def test_what_the_server_supplies_no_client_changes(api: Client) -> None:
    opened = ticket(api, creationDate="1999-01-01T00:00:00Z", statusChange=[], breach=["x"])
    assert opened["creationDate"] != "1999-01-01T00:00:00Z"
    assert "breach" not in opened
    for name, value in (
        ("creationDate", "1999-01-01T00:00:00Z"), ("statusChange", []), ("breach", []),
        ("resolutionDate", "2026-11-02T09:00:00Z"), ("id", "x"), ("href", "x"),
    ):  # fmt: skip
        refused = api.patch(opened["href"], {name: value})
        assert (refused.status, refused.body["path"]) == (400, name)
    assert api.get(opened["href"]).body == opened


def test_references_between_tickets(api: Client) -> None:
    first = ticket(api)
    second = ticket(
        api, troubleTicketRelationship=[{"id": first["id"], "relationshipType": "duplicates"}]
    )
    itself = [{"id": first["id"], "relationshipType": "duplicates"}]
    refused = api.patch(first["href"], {"troubleTicketRelationship": itself})
    assert refused.status == 400
    assert api.get(f"{TICKET}?troubleTicketRelationship.id={first['id']}").body == [second]


def test_what_is_worked_on_is_not_deleted(api: Client) -> None:
    opened, worked = ticket(api), ticket(api)
    assert api.delete(opened["href"]).status == 204
    assert api.get(opened["href"]).status == 404
    api.patch(worked["href"], {"status": "inProgress"})
    refused = api.delete(worked["href"])
    assert (refused.status, refused.body["code"]) == (409, "notDeletable")


def test_trusted_types_are_taken_on_trust(api: Client) -> None:
    person = individual(api)
    parties = [
        {"id": "agent-7", "role": "agent", "@referredType": "Employee"},
        {"id": person["id"], "role": "reporter", "@referredType": "Individual"},
    ]
    opened = ticket(api, relatedParty=parties)
    assert opened["relatedParty"][0] == parties[0]
    assert opened["relatedParty"][1]["href"] == person["href"]


def test_what_a_subscriber_may_do(
    api: Client, app: Any, books: Database, clock: DrivenClock
) -> None:
    buyer = customer(api)
    binding = Binding(buyer["id"], buyer["engagedParty"]["id"])
    with books.transaction() as tx:
        key = security.create_api_key(
            tx, name="app", scopes=["*"], binding=binding, now=clock.now()
        )
    theirs = Client(app, key.secret)
    said = ticket(theirs)
    assert said["relatedParty"][0]["id"] == buyer["id"]
    for change in (
        {"status": "inProgress"}, {"status": "resolved"}, {"priority": "Critical"},
        {"severity": "Critical"}, {"expectedResolutionDate": "2026-11-02T10:00:00Z"},
    ):  # fmt: skip
        refused = theirs.patch(said["href"], change)
        assert (refused.status, refused.body["code"]) == (403, "staffDecide"), change
        assert refused.body["path"] == next(iter(change))
    body = {"description": "x", "severity": "Minor", "ticketType": "q"}
    for name, value in (("priority", "Critical"), ("status", "inProgress")):
        refused = theirs.post(TICKET, body | {name: value})
        assert (refused.status, refused.body["path"]) == (403, name)
    noted = theirs.patch(said["href"], {"note": [{"text": "hurry"}]}).body
    assert noted["note"][0]["text"] == "hurry"
    api.patch(said["href"], {"status": "pending"})
    assert theirs.patch(said["href"], {"status": "inProgress"}).status == 200
    api.patch(said["href"], {"status": "resolved"})
    assert theirs.patch(said["href"], {"status": "inProgress"}).status == 200
    api.patch(said["href"], {"status": "resolved"})
    assert theirs.patch(said["href"], {"status": "closed"}).body["status"] == "closed"
    assert theirs.patch(ticket(theirs)["href"], {"status": "cancelled"}).status == 200
    assert theirs.delete(said["href"]).status == 403
    other = ticket(api)
    assert theirs.get(other["href"]).status == 404
    assert len(theirs.get(TICKET).body) == 2
