"""TMF683: interactions with parties."""

from datetime import timedelta
from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import customer, made
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock
from trunkline.platform.relay import Relay

INTERACTION = "/tmf-api/partyInteraction/v4/partyInteraction"
TICKET = "/tmf-api/troubleTicket/v4/troubleTicket"
PHONE = {"id": "phone", "href": "https://channels.example/phone", "name": "Call centre"}


def body(**rest: Any) -> dict[str, Any]:
    return {
        "interactionDate": {"startDateTime": "2026-11-02T08:50:00Z"},
        "reason": "A question",
        "status": "opened",
        "direction": "inbound",
        "channel": [PHONE],
        **rest,
    }


def test_an_interaction_is_kept_whole(api: Client, clock: DrivenClock) -> None:
    buyer = customer(api)
    party = {"id": buyer["id"], "role": "customer", "@referredType": "Customer"}
    item = {
        "reason": "The bill",
        "item": {"id": buyer["id"], "role": "about", "@referredType": "Customer"},
        "note": [{"text": "angry"}],
        "relatedParty": [party],
    }
    kept = made(
        api.post(
            INTERACTION,
            body(
                relatedParty=[party], interactionItem=[item, {"reason": "Another"}],
                note=[{"text": "call back"}], mood="bad", description="They called",
                attachment=[{"url": "https://x.example/1", "name": "recording"}],
            ),
        )
    )  # fmt: skip
    now = format_instant(clock.now())
    assert (kept["creationDate"], kept["statusChangeDate"]) == (now, now)
    assert kept["relatedParty"][0]["href"] == buyer["href"]
    assert kept["interactionItem"][0]["item"]["href"] == buyer["href"]
    assert kept["interactionItem"][0]["relatedParty"][0]["href"] == buyer["href"]
    assert [each["id"] for each in kept["interactionItem"]] == ["1", "2"]
    assert kept["note"] == [{"id": "1", "date": now, "text": "call back"}]
    assert kept["mood"] == "bad"
    clock.advance(timedelta(minutes=5))
    done = api.patch(kept["href"], {"status": "completed"}).body
    assert done["statusChangeDate"] == format_instant(clock.now())
    assert done["creationDate"] == now
    assert api.patch(kept["href"], {"status": "opened"}).status == 409
    noted = api.patch(
        kept["href"], [{"op": "add", "path": "/note/-", "value": {"text": "two"}}],
        "application/json-patch+json",
    ).body  # fmt: skip
    assert [each["id"] for each in noted["note"]] == ["1", "2"]
    assert api.delete(kept["href"]).status == 204
    assert api.get(kept["href"]).status == 404


def test_interactions_are_found_among_others(api: Client) -> None:
    buyer = customer(api)
    party = {"id": buyer["id"], "role": "customer", "@referredType": "Customer"}
    made(api.post(INTERACTION, body(reason="Decoy", direction="outbound", status="completed")))
    period = {"startDateTime": "2026-11-03T08:00:00Z", "endDateTime": "2026-11-03T08:10:00Z"}
    wanted = made(
        api.post(INTERACTION, body(relatedParty=[party], interactionDate=period,
                                   note=[{"text": "x", "author": "Maeve"}]))
    )  # fmt: skip
    for query in (
        f"relatedParty.id={buyer['id']}", "reason=A+question", "direction=inbound",
        "status=opened", "note.author=Maeve", "interactionDate.endDateTime=2026-11-03T08:10:00Z",
        "interactionDate.startDateTime.gt=2026-11-03T00:00:00Z",
    ):  # fmt: skip
        assert api.get(f"{INTERACTION}?{query}").body == [wanted], query
    assert len(api.get(f"{INTERACTION}?channel.id=phone&limit=1").body) == 1
    assert api.get(f"{INTERACTION}?channel.id=shop").body == []


@together(
    ("change", "path"),
    [
        ({"interactionDate": None}, "interactionDate"),
        ({"reason": None}, "reason"),
        ({"status": None}, "status"),
        ({"direction": None}, "direction"),
        ({"channel": None}, "channel"),
        ({"channel": []}, "channel"),
        ({"channel": [{"id": "phone"}]}, "channel[0].href"),
        ({"direction": "sideways"}, "direction"),
        ({"status": "lost"}, "status"),
        ({"interactionDate": {"startDateTime": "2026-11-03T00:00:00Z",
                              "endDateTime": "2026-11-02T00:00:00Z"}},
         "interactionDate.endDateTime"),
        ({"interactionDate": {"startDateTime": "noon"}}, "interactionDate.startDateTime"),
        ({"relatedParty": [{"id": "x", "@referredType": "Customer"}]}, "relatedParty[0].id"),
        ({"relatedParty": [{"id": "x", "@referredType": "Employee"}]}, "relatedParty[0].href"),
        ({"interactionItem": [{"item": {"id": "x", "role": "r", "@referredType": "Product"}}]},
         "interactionItem[0].item.id"),
        ({"interactionItem": [{"item": {"id": "x"}}]}, "interactionItem[0].item.role"),
        ({"interactionRelationship": [{"id": "x"}]}, "interactionRelationship[0].id"),
    ],
)  # fmt: skip
def test_an_interaction_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    refused = api.post(INTERACTION, body() | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(INTERACTION).body == []


def test_what_stays_as_it_was(api: Client) -> None:
    kept = made(api.post(INTERACTION, body()))
    for name, value in (("direction", "outbound"), ("creationDate", "2026-01-01T00:00:00Z")):
        refused = api.patch(kept["href"], {name: value})
        assert (refused.status, refused.body["path"]) == (400, name)


def test_a_ticket_leaves_its_trace(api: Client, relay: Relay) -> None:
    buyer = customer(api)
    party = {"id": buyer["id"], "role": "customer", "@referredType": "Customer"}
    ticket = {"description": "x", "severity": "Minor", "ticketType": "question"}
    opened = made(api.post(TICKET, ticket | {"relatedParty": [party], "channel": {"id": "web"}}))
    made(api.post(TICKET, ticket))
    relay.drain()
    traces = api.get(INTERACTION).body
    assert [each["relatedParty"][0]["id"] for each in traces] == [buyer["id"]]
    assert traces[0]["interactionItem"][0]["item"]["href"] == opened["href"]
    assert traces[0]["channel"][0]["id"] == "web"
    assert (traces[0]["direction"], traces[0]["status"]) == ("inbound", "completed")
