"""TMF644: privacy profile specifications, profiles and agreements; the consents they give."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import customer, individual, made
from trunkline import customers
from trunkline.customers import MARKETING, PartyId
from trunkline.platform.changes import Change
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

PRIVACY = "/tmf-api/privacyManagement/v4"
SPECIFICATIONS = f"{PRIVACY}/partyPrivacyProfileSpecification"
PROFILES = f"{PRIVACY}/partyPrivacyProfile"
AGREEMENTS = f"{PRIVACY}/partyPrivacyAgreement"

Body = dict[str, Any]


def reference(party: Body) -> Body:
    return {"id": party["id"], "@referredType": party["@type"]}


def specification(api: Client, name: str = "Residential", **rest: Any) -> Body:
    asked = [{"name": "email", "privacyUsagePurpose": MARKETING, "criticalityLevel": "low",
              "partyPrivacyProfileSpecCharacteristicValue": [
                  {"value": "allowed"}, {"value": "refused", "isDefault": True}]}]  # fmt: skip
    body = {"name": name, "partyPrivacyProfileSpecCharacteristic": asked, **rest}
    return made(api.post(SPECIFICATIONS, body))


def says(value: Any, name: str = "email", purpose: str | None = MARKETING) -> Body:
    said = {"name": name, "value": value}
    return said if purpose is None else said | {"privacyUsagePurpose": purpose}


def profile_body(spec: Body, party: Body, *said: Body, **rest: Any) -> Body:
    return {
        "agreedByParty": reference(party),
        "partyPrivacyProfileSpecification": {"id": spec["id"]},
        "partyPrivacyProfileCharacteristic": list(said),
        **rest,
    }


def profile(api: Client, spec: Body, party: Body, *said: Body, **rest: Any) -> Body:
    return made(api.post(PROFILES, profile_body(spec, party, *said, **rest)))


def granted(books: Database, clock: DrivenClock, party: Body) -> set[tuple[str, str]]:
    with books.read() as r:
        now = clock.now()
        found = customers.consents(r, PartyId(party["id"]), now)
        return {(each.purpose, each.channel) for each in found if each.holds(now)}


def told(books: Database, party: Body) -> list[tuple[str, bool, str]]:
    with books.read() as r:
        found = customers.consent_history(r, PartyId(party["id"]))
        return [(each.channel, each.granted, each.how) for each in found]


def test_a_specification(api: Client, clock: DrivenClock) -> None:
    spec = specification(api, version="1.0", extra={"kept": [1]}, description=None)
    specification(api, "Partners")
    assert spec["status"] == "Active"
    assert spec["extra"] == {"kept": [1]}
    assert "description" not in spec
    for query in ("name=Residential", "version=1.0", "status=Active&name.regex=^Res",
                  f"id={spec['id']}"):  # fmt: skip
        assert api.get(f"{SPECIFICATIONS}?{query}").body == [spec], query
    both = api.get(f"{SPECIFICATIONS}?partyPrivacyProfileSpecCharacteristic.name=email")
    assert len(both.body) == 2
    clock.advance(timedelta(hours=1))
    changed = api.patch(spec["href"], {"status": "In Design"}).body
    assert changed["lastUpdate"] > spec["lastUpdate"]
    assert api.patch(spec["href"], {"status": "Retired"}).status == 200
    back = api.patch(spec["href"], {"status": "Active"})
    assert (back.status, back.body["code"], back.body["path"]) == (
        409, "illegalTransition", "status")  # fmt: skip
    assert api.delete(spec["href"]).status == 204
    assert api.get(spec["href"]).status == 404


def test_specifications_exist_before_profiles(api: Client, books: Database, now: Any) -> None:
    with books.transaction() as tx:
        customers.seed_privacy(tx, now)
        customers.seed_privacy(tx, now)
    (seeded,) = api.get(SPECIFICATIONS).body
    names = [each["name"] for each in seeded["partyPrivacyProfileSpecCharacteristic"]]
    assert names == ["email", "sms", "app"]
    assert api.get(f"{SPECIFICATIONS}/{seeded['id']}").body == seeded


def test_a_profile_gives_and_takes_consent(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    spec, maeve, other = specification(api), individual(api), individual(api, "Other")
    made_ = profile(
        api, spec, maeve,
        says("allowed", "Email address"), says(True, "SMS"), says("opt-out", "app", None),
        says("yes", "usageData", "research"),
    )  # fmt: skip
    assert (made_["status"], made_["creationDate"]) == ("agreed", "2026-11-02T09:00:00.000Z")
    assert made_["applicableForParty"]["id"] == maeve["id"]
    assert granted(books, clock, maeve) == {
        (MARKETING, "email"), (MARKETING, "sms"), ("RESEARCH", "usagedata")}  # fmt: skip
    assert granted(books, clock, other) == set()
    clock.advance(timedelta(days=1))
    said = made_["partyPrivacyProfileCharacteristic"]
    said[0]["value"] = "refused"
    changed = api.patch(made_["href"], {"partyPrivacyProfileCharacteristic": said})
    assert changed.status == 200, changed.body
    assert granted(books, clock, maeve) == {(MARKETING, "sms"), ("RESEARCH", "usagedata")}
    assert api.delete(made_["href"]).status == 204
    assert granted(books, clock, maeve) == set()
    assert told(books, maeve) == [
        ("email", True, "profile"), ("sms", True, "profile"), ("app", False, "profile"),
        ("usagedata", True, "profile"), ("email", False, "profile"),
        ("sms", False, "profile"), ("usagedata", False, "profile"),
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["created", "terminated", "suspended"])
def test_only_what_is_in_force_consents(
    api: Client, books: Database, clock: DrivenClock, status: str
) -> None:
    maeve = individual(api)
    made_ = profile(api, specification(api), maeve, says("allowed"))
    assert granted(books, clock, maeve)
    api.patch(made_["href"], {"status": status})
    assert not granted(books, clock, maeve)
    again = api.patch(made_["href"], {"status": "agreed"})
    assert again.status == (409 if status == "terminated" else 200)
    assert bool(granted(books, clock, maeve)) is (status != "terminated")


def test_a_consent_for_a_time(api: Client, books: Database, clock: DrivenClock) -> None:
    """Agreed on 2 November, from the 5th up to the 9th."""
    maeve = individual(api)
    valid = {"startDateTime": "2026-11-05T00:00:00Z", "endDateTime": "2026-11-09T00:00:00Z"}
    profile(api, specification(api), maeve, says("allowed"), validFor=valid)
    held = []
    for _ in range(9):
        held.append(bool(granted(books, clock, maeve)))
        clock.advance(timedelta(days=1))
    #           2      3      4      5      6     7     8     9 (at 09:00)
    assert held == [False, False, False, True, True, True, True, False, False]


def test_a_customer_and_a_guardian(api: Client, books: Database, clock: DrivenClock) -> None:
    parent, child = individual(api, "Parent"), individual(api, "Child")
    buyer = customer(api, child)
    profile(api, specification(api), parent, says("allowed", "sms"),
            applicableForParty=reference(buyer))  # fmt: skip
    assert granted(books, clock, child) == {(MARKETING, "sms")}
    assert granted(books, clock, parent) == set()
    with books.read() as r:
        (said,) = customers.consents(r, PartyId(child["id"]), clock.now())
    assert (said.by, said.how) == (parent["id"], "profile")


def test_a_withdrawal_elsewhere_shows_in_the_profile(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    maeve = individual(api)
    made_ = profile(api, specification(api), maeve, says(True, "sms"), says("allowed"))
    with books.transaction() as tx:
        customers.withdraw_consent(
            tx, party=PartyId(maeve["id"]), purpose=MARKETING, channel="sms", by=maeve["id"],
            how="sms", now=clock.now(),
        )  # fmt: skip
    assert granted(books, clock, maeve) == {(MARKETING, "email")}
    shown = api.get(made_["href"]).body["partyPrivacyProfileCharacteristic"]
    assert [each["value"] for each in shown] == [False, "allowed"]
    assert told(books, maeve)[-1] == ("sms", False, "sms")


def test_profiles_are_found(api: Client) -> None:
    spec, maeve = specification(api), individual(api)
    wanted = profile(api, spec, maeve, says("allowed"), name="Maeve's")
    profile(api, specification(api, "Other"), individual(api, "Other"), says("no", "sms"),
            status="created")  # fmt: skip
    for query in (
        "name=Maeve%27s", "status=agreed", f"agreedByParty.id={maeve['id']}",
        f"applicableForParty.id={maeve['id']}", f"partyPrivacyProfileSpecification.id={spec['id']}",
        "partyPrivacyProfileCharacteristic.name=email",
        "partyPrivacyProfileCharacteristic.value=allowed",
    ):  # fmt: skip
        assert api.get(f"{PROFILES}?{query}").body == [wanted], query
    partial = api.get(f"{PROFILES}?fields=status&limit=1")
    assert partial.status == 206
    assert set(partial.body[0]) == {"id", "href", "status"}


@together(
    ("change", "path"),
    [
        ({"agreedByParty": {"id": "nobody", "@referredType": "Individual"}}, "agreedByParty.id"),
        ({"agreedByParty": {"id": "nobody"}}, "agreedByParty.@referredType"),
        ({"agreedByParty": None}, "agreedByParty"),
        ({"applicableForParty": {"id": "nobody", "@referredType": "Individual"}},
         "applicableForParty.id"),
        ({"partyPrivacyProfileSpecification": {"id": "none"}},
         "partyPrivacyProfileSpecification.id"),
        ({"partyPrivacyProfileSpecification": "none"}, "partyPrivacyProfileSpecification"),
        ({"partyPrivacyProfileCharacteristic": [{"name": "email"}]},
         "partyPrivacyProfileCharacteristic[0].value"),
        ({"partyPrivacyProfileCharacteristic": {}}, "partyPrivacyProfileCharacteristic"),
        ({"agreement": {"id": "none"}}, "agreement.id"),
        ({"validFor": {"startDateTime": "2026-11-05T00:00:00Z",
                       "endDateTime": "2026-11-05T00:00:00Z"}}, "validFor.endDateTime"),
        ({"validFor": {"startDateTime": "tomorrow"}}, "validFor.startDateTime"),
        ({"status": 7}, "status"),
        ({"name": "NUL \0"}, "name"),
    ],
)  # fmt: skip
def test_profiles_that_are_refused(api: Client, change: Body, path: str) -> None:
    body = profile_body(specification(api), individual(api), says("allowed")) | change
    refused = api.post(PROFILES, body)
    assert (refused.status, refused.body["path"]) == (400, path)


def test_a_party_that_has_said_something_stays(api: Client) -> None:
    spec, maeve, gone = specification(api), individual(api), individual(api, "Gone")
    said = profile(api, spec, maeve, says("allowed"))
    assert api.delete(maeve["href"]).status == 409
    waiting = profile(api, spec, gone, says("allowed"), status="created")
    assert api.delete(gone["href"]).status == 204
    refused = api.patch(waiting["href"], {"status": "agreed"})
    assert (refused.status, refused.body["code"]) == (400, "unknownReference")
    assert api.delete(waiting["href"]).status == 204
    assert api.delete(said["href"]).status == 204


def test_what_of_a_profile_may_not_change(api: Client) -> None:
    spec, maeve, other = specification(api), individual(api), individual(api, "Other")
    href = profile(api, spec, maeve, says("allowed"))["href"]
    for change, path in (
        ({"applicableForParty": reference(other)}, "applicableForParty.id"),
        ({"creationDate": "2020-01-01T00:00:00Z"}, "creationDate"),
        ({"id": "mine"}, "id"),
        ({"partyPrivacyProfileCharacteristic": None}, "partyPrivacyProfileCharacteristic"),
    ):
        refused = api.patch(href, change)
        assert (refused.status, refused.body["path"]) == (400, path)
    used = api.delete(spec["href"])
    assert (used.status, used.body["code"]) == (409, "privacySpecificationInUse")


@pytest.mark.parametrize("path", [SPECIFICATIONS, PROFILES, AGREEMENTS])
def test_another_status_is_told_of(app: Any, api: Client, books: Database, path: str) -> None:
    spec, maeve = specification(api), individual(api)
    bodies = {
        SPECIFICATIONS: {"partyPrivacyProfileSpecCharacteristic": [{"name": "email"}]},
        PROFILES: profile_body(spec, maeve, says("allowed")),
        AGREEMENTS: {"name": "Privacy", "agreementType": "privacy", "agreementItem": [{}],
                     "engagedPartyRole": [reference(maeve)]},
    }  # fmt: skip
    new = made(api.post(path, bodies[path]))
    recorder: Any = books.announce
    api.patch(new["href"], {"description": "the same status"})
    told = [each.change for each in recorder.heard if each.id == new["id"]]
    assert told == [Change.CREATED, Change.ATTRIBUTES]
    api.patch(new["href"], {"status": "terminated"})
    assert Change.STATE in [each.change for each in recorder.heard if each.id == new["id"]]


def test_the_id_is_ours(api: Client) -> None:
    spec = specification(api, id="mine", href="/mine")
    assert spec["id"] != "mine"


def test_an_agreement(api: Client) -> None:
    spec, maeve = specification(api), individual(api)
    agreed = profile(api, spec, maeve, says("allowed"))
    body = {
        "name": "Privacy of Maeve", "agreementType": "privacy",
        "agreementItem": [{"termOrCondition": [{"description": "as the law says"}]}],
        "engagedPartyRole": [reference(maeve) | {"role": "customer"}],
        "partyPrivacyProfile": [{"id": agreed["id"]}],
        "documentNumber": 7,
    }  # fmt: skip
    made_ = made(api.post(AGREEMENTS, body))
    other = {"name": "Other", "engagedPartyRole": [reference(individual(api))]}
    made(api.post(AGREEMENTS, body | other | {"partyPrivacyProfile": []}))
    assert made_["status"] == "in process"
    assert made_["initialDate"] == "2026-11-02T09:00:00.000Z"
    for query in ("name.regex=Maeve", f"engagedPartyRole.id={maeve['id']}",
                  f"partyPrivacyProfile.id={agreed['id']}"):  # fmt: skip
        assert api.get(f"{AGREEMENTS}?{query}").body == [made_], query
    linked = api.patch(agreed["href"], {"agreement": {"id": made_["id"]}})
    assert linked.status == 200, linked.body
    assert api.patch(made_["href"], {"status": "approved"}).body["status"] == "approved"
    assert api.patch(made_["href"], {"status": "rejected"}).status == 200
    assert api.patch(made_["href"], {"status": "approved"}).status == 409
    for change, path in (
        ({"engagedPartyRole": [{"id": "nobody", "@referredType": "Individual"}]},
         "engagedPartyRole[0].id"),
        ({"partyPrivacyProfile": [{"id": "none"}]}, "partyPrivacyProfile[0].id"),
        ({"agreementItem": [{"productOffering": [{"id": "none"}]}]},
         "agreementItem[0].productOffering[0].id"),
        ({"engagedPartyRole": []}, "engagedPartyRole"),
        ({"documentNumber": "seven"}, "documentNumber"),
        ({"name": None}, "name"),
    ):  # fmt: skip
        refused = api.post(AGREEMENTS, body | change)
        assert (refused.status, refused.body["path"]) == (400, path)
    assert api.delete(made_["href"]).status == 204
    assert api.delete(made_["href"]).status == 404
