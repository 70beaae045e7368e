"""TMF669: party roles."""

from typing import Any

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import PARTY, account, individual, made
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock

ROLE = "/tmf-api/partyRoleManagement/v4/partyRole"


def firm(api: Client, name: str = "Masts Ltd") -> dict[str, Any]:
    return made(api.post(f"{PARTY}/organization", {"tradingName": name}))


def role(api: Client, party: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    party = party or firm(api)
    engaged = {"id": party["id"], "@referredType": party["@type"]}
    return made(api.post(ROLE, {"name": "Supplier", "engagedParty": engaged, **rest}))


def test_a_role_is_kept_whole(api: Client, clock: DrivenClock) -> None:
    payer = account(api)
    party = firm(api)
    kept = role(
        api,
        party,
        status="Approved",
        account=[{"id": payer["id"], "name": "Theirs"}],
        characteristic=[{"name": "tier", "value": {"level": 2}}],
        contactMedium=[
            {"mediumType": "email", "characteristic": {"emailAddress": "x@masts.example"}}
        ],
        creditProfile=[
            {"creditProfileDate": "2026-01-01T00:00:00Z",
             "validFor": {"startDateTime": "2026-01-01T00:00:00Z"}, "creditScore": 7}
        ],
        rating="A",
        **{"@type": "Supplier", "@baseType": "PartyRole"},
    )  # fmt: skip
    assert kept["status"] == "approved"
    assert kept["validFor"] == {"startDateTime": format_instant(clock.now())}
    assert kept["engagedParty"]["href"] == party["href"]
    assert kept["account"][0]["href"] == payer["href"]
    assert (kept["rating"], kept["@type"]) == ("A", "Supplier")
    assert api.get(kept["href"]).body == kept
    assert api.get(f"{ROLE}?@type=Supplier&characteristic.name=tier").body == [kept]


def test_roles_are_found_among_others(api: Client) -> None:
    party = firm(api)
    role(api, name="Dealer", status="active")
    contact = {"id": individual(api)["id"], "role": "contact", "@referredType": "Individual"}
    wanted = role(api, party, relatedParty=[contact])
    for query in (
        "name=Supplier", "status=initialized", f"engagedParty.id={party['id']}",
        "relatedParty.role=contact", "name.ne=Dealer",
    ):  # fmt: skip
        assert api.get(f"{ROLE}?{query}").body == [wanted], query


def test_the_life_of_a_role(api: Client, clock: DrivenClock) -> None:
    kept = role(api)
    for status, reason in (("rejected", "no licence"), ("initialized", None), ("active", None),
                           ("suspended", "audit"), ("active", None)):  # fmt: skip
        patch = {"status": status} | ({"statusReason": reason} if reason else {})
        moved = api.patch(kept["href"], patch).body
        assert (moved["status"], moved.get("statusReason")) == (status, reason)
    assert api.patch(kept["href"], {"status": "rejected"}).status == 409
    ended = api.patch(kept["href"], {"status": "terminated"}).body
    assert ended["validFor"]["endDateTime"] == format_instant(clock.now())
    refused = api.patch(kept["href"], {"status": "active"})
    assert (refused.status, refused.body["code"]) == (409, "illegalTransition")
    assert api.delete(kept["href"]).status == 204


@together(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"status": "terminated"}, "status"),
        ({"status": "rich"}, "status"),
        ({"engagedParty": {"id": "x", "@referredType": "Organization"}}, "engagedParty.id"),
        ({"engagedParty": {"id": "x"}}, "engagedParty.@referredType"),
        ({"account": [{"id": "x", "name": "y"}]}, "account[0].id"),
        ({"account": [{}]}, "account[0].name"),
        ({"agreement": [{"id": "x"}]}, "agreement[0].id"),
        ({"paymentMethod": [{"id": "x"}]}, "paymentMethod[0].id"),
        ({"relatedParty": [{"id": "x", "@referredType": "PartyRole"}]}, "relatedParty[0].id"),
        ({"contactMedium": [{"mediumType": "email"}]}, "contactMedium[0].characteristic"),
        ({"validFor": {"startDateTime": "2026-01-02T00:00:00Z",
                       "endDateTime": "2026-01-01T00:00:00Z"}}, "validFor.endDateTime"),
        ({"@type": "Customer"}, "@type"),
    ],
)  # fmt: skip
def test_a_role_that_cannot_be(api: Client, change: dict[str, Any], path: str) -> None:
    refused = api.post(ROLE, {"name": "Supplier"} | change)
    assert (refused.status, refused.body["path"]) == (400, path), refused.body
    assert api.get(ROLE).body == []


def test_a_role_refers_to_a_role(api: Client) -> None:
    head = role(api, name="Distributor")
    dealer = role(
        api,
        name="Dealer",
        relatedParty=[{"id": head["id"], "role": "above", "@referredType": "PartyRole"}],
    )
    assert dealer["relatedParty"][0]["href"] == head["href"]
