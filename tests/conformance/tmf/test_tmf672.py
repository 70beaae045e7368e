"""TMF672: roles and permissions, and that they mean something."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.conformance.tmf.shop import Body, made
from trunkline.kernel.time import format_instant
from trunkline.platform import audit, roles, security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

BASE = "/tmf-api/rolesAndPermissionsManagement/v4"
ROLES, PERMISSIONS = f"{BASE}/userRole", f"{BASE}/permission"
BUILT_IN = {"administrator", "careAgent", "productManager", "finance", "readOnly", "subscriber"}


@pytest.fixture
def api(make_client: MakeClient) -> Client:
    return make_client("*")


def user(books: Database, clock: DrivenClock, name: str, *scopes: str) -> None:
    with books.transaction() as tx:
        security.create_user(tx, name=name, secret="x", scopes=scopes, now=clock.now())


def role(api: Client, *scopes: str, **rest: Any) -> Body:
    entitlement = [
        {"function": area, "action": verb}
        for area, _, verb in (each.partition(":") for each in scopes)
    ]
    return made(api.post(ROLES, {"involvementRole": "one", "entitlement": entitlement, **rest}))


def permission_body(who: str, role: str, asset: str = "trunkline", **rest: Any) -> Body:
    return {
        "user": {"id": who, "@referredType": "User"},
        "validFor": {},
        "assetUserRole": [{"manageableAsset": {"id": asset}, "userRole": {"id": role}}],
        **rest,
    }


def permit(api: Client, who: str, role: str, **rest: Any) -> Body:
    return made(api.post(PERMISSIONS, permission_body(who, role, **rest)))


def may(books: Database, clock: DrivenClock, who: str) -> set[str]:
    with books.read() as r:
        return set(roles.granted(r, who, clock.now()))


def test_the_built_in_roles_are_there(api: Client) -> None:
    assert {each["id"] for each in api.get(ROLES).body} == BUILT_IN
    administrator = api.get(f"{ROLES}/administrator").body
    assert administrator["entitlement"] == [
        {"function": "*", "action": "*", "@type": "Entitlement"}
    ]
    refused = api.patch(administrator["href"], {"entitlement": []})
    assert (refused.status, refused.body["code"]) == (409, "builtIn")


def test_a_role_is_kept_whole_and_changed(api: Client) -> None:
    one = role(api, "tmf620:read", colour="green")
    assert (one["involvementRole"], one["colour"], one["@type"]) == ("one", "green", "UserRole")
    found = api.get(one["href"])
    assert found.body == one
    changed = api.patch(one["href"], {"involvementRole": "two", "colour": None})
    assert changed.body == {**{k: v for k, v in one.items() if k != "colour"},
                            "involvementRole": "two"}  # fmt: skip
    assert api.patch(one["href"], {"id": "x"}).body["path"] == "id"
    assert api.patch(one["href"], {"entitlement": None}).status == 400
    assert api.delete(one["href"]).status == 405
    assert api.get(f"{ROLES}/nothing").status == 404
    assert api.patch(f"{ROLES}/nothing", {}).status == 404


def test_roles_with_decoys(api: Client) -> None:
    one = role(api, "tmf620:read", involvementRole="Reader")
    role(api, "tmf622:read", involvementRole="Other")
    for query in ("involvementRole=Reader", "entitlement.function=tmf620&involvementRole=Reader"):
        assert [each["id"] for each in api.get(f"{ROLES}?{query}").body] == [one["id"]]
    assert api.get(f"{ROLES}?entitlement.function=tmf999").body == []
    assert api.get(f"{ROLES}?nonsense=1").status == 400
    assert api.get(f"{ROLES}?fields=involvementRole&id={one['id']}").body == [
        {"id": one["id"], "href": one["href"], "involvementRole": "Reader"}
    ]


@together(
    ("body", "path"),
    [
        ({}, "entitlement"),
        ({"entitlement": {}}, "entitlement"),
        ({"entitlement": ["x"]}, "entitlement[0]"),
        ({"entitlement": [{"function": 1, "action": "read"}]}, "entitlement[0].function"),
        ({"entitlement": [], "involvementRole": "x" * 201}, "involvementRole"),
        ({"entitlement": [], "involvementRole": 7}, "involvementRole"),
    ],
)
def test_roles_that_are_none(api: Client, body: Body, path: str) -> None:
    refused = api.post(ROLES, body)
    assert (refused.status, refused.body["path"]) == (400, path)


def test_a_permission_is_kept_whole(api: Client, clock: DrivenClock) -> None:
    one = permit(api, "maeve", "careAgent", description="for the summer", colour="green")
    assert one["creationDate"] == format_instant(clock.now())
    assert (one["description"], one["colour"], one["@type"]) == (
        "for the summer", "green", "Permission"
    )  # fmt: skip
    assert one["granter"]["@referredType"] == "ApiKey"
    assert api.get(one["href"]).body == one
    permit(api, "decoy", "finance")
    for query in (
        "user.id=maeve", "assetUserRole.userRole.id=careAgent", "description=for the summer"
    ):  # fmt: skip
        assert [each["id"] for each in api.get(f"{PERMISSIONS}?{query}").body] == [one["id"]]
    changed = api.patch(one["href"], {"description": "for good"})
    assert changed.body == {**one, "description": "for good"}
    assert api.delete(one["href"]).status == 405


def at(role: object) -> list[Body]:
    return [{"manageableAsset": {"id": "*"}, "userRole": role}]


@together(
    ("rest", "path"),
    [
        ({"user": None}, "user"),
        ({"user": {"id": "x"}}, "user.@referredType"),
        ({"user": {"id": "x" * 101, "@referredType": "User"}}, "user.id"),
        ({"validFor": None}, "validFor"),
        ({"validFor": {"startDateTime": "soon"}}, "validFor.startDateTime"),
        ({"validFor": {"startDateTime": "2026-11-03T00:00:00Z",
                       "endDateTime": "2026-11-02T00:00:00Z"}}, "validFor.endDateTime"),
        ({"assetUserRole": at({"id": "nothing"})}, "assetUserRole[0].userRole.id"),
        ({"assetUserRole": at({})}, "assetUserRole[0].userRole.id"),
        ({"assetUserRole": [{"userRole": {"id": "x"}}]}, "assetUserRole[0].manageableAsset"),
        ({"privilege": [{"function": "tmf620", "action": "read"}]},
         "privilege[0].manageableAsset"),
        ({"privilege": [{"manageableAsset": {"id": "*"}, "action": "read"}]},
         "privilege[0].function"),
    ],
)  # fmt: skip
def test_permissions_that_are_none(api: Client, rest: Body, path: str) -> None:
    refused = api.post(PERMISSIONS, permission_body("maeve", "careAgent", **rest))
    assert (refused.status, refused.body["path"]) == (400, path)


def test_a_permission_counts_at_once_for_its_period(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    begins, ends = clock.now() + timedelta(days=1), clock.now() + timedelta(days=3)
    period = {"startDateTime": format_instant(begins), "endDateTime": format_instant(ends)}
    one = permit(api, "maeve", role(api, "tmf620:read")["id"], validFor=period)
    assert may(books, clock, "maeve") == set()
    clock.advance(timedelta(days=1))
    assert may(books, clock, "maeve") == {"tmf620:read"}
    assert may(books, clock, "another") == set()
    clock.advance(timedelta(hours=1))
    api.patch(one["href"], {"validFor": {"endDateTime": format_instant(clock.now())}})
    assert may(books, clock, "maeve") == set()


def test_what_a_role_allows_depends_on_the_asset(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    both = role(api, "tmf620:*", "tmf622:read")["id"]
    for name, asset in (("all", "*"), ("area", "tmf622"), ("product", "prod_1"), ("n", "45")):
        made(api.post(PERMISSIONS, permission_body(name, both, asset)))
    assert may(books, clock, "all") == {"tmf620:*", "tmf622:read"}
    assert may(books, clock, "area") == {"tmf622:read"}
    assert may(books, clock, "product") == may(books, clock, "n") == set()
    made(api.post(PERMISSIONS, permission_body("chief", "administrator", "tmf620")))
    assert may(books, clock, "chief") == {"tmf620:*"}


def test_privileges_give_single_scopes(api: Client, books: Database, clock: DrivenClock) -> None:
    privilege = {"manageableAsset": {"id": "trunkline"}, "function": "tmf678", "action": "read"}
    odd = {**privilege, "function": "Incident management", "action": "all"}
    permit(api, "maeve", "careAgent", assetUserRole=[], privilege=[privilege, odd])
    assert may(books, clock, "maeve") == {"tmf678:read"}


def test_a_changed_role_counts_for_all_who_have_it(
    api: Client, books: Database, clock: DrivenClock
) -> None:
    one = role(api, "tmf620:read")
    permit(api, "maeve", one["id"])
    api.patch(one["href"], {"entitlement": [{"function": "tmf622", "action": "*"}]})
    assert may(books, clock, "maeve") == {"tmf622:*"}


def test_a_key_may_what_it_is_permitted(
    api: Client, books: Database, clock: DrivenClock, make_client: MakeClient
) -> None:
    shop = make_client("tmf620:read")
    with books.read() as r:
        key = security.authenticate(r, str(shop._key), clock.now()).key
    assert shop.get(ROLES).status == 403
    permit(api, str(key), "readOnly")
    with books.read() as r:
        assert security.authenticate(r, str(shop._key), clock.now()).may("tmf672:read")


def test_nobody_gives_what_they_lack(api: Client, make_client: MakeClient) -> None:
    lead = make_client("tmf672:*", "tmf620:*")
    reader = role(lead, "tmf620:read")
    permit(lead, "maeve", reader["id"])
    refused = [
        lead.post(ROLES, {"entitlement": [{"function": "tmf622", "action": "read"}]}),
        lead.post(ROLES, {"entitlement": [{"function": "*", "action": "read"}]}),
        lead.post(ROLES, {"entitlement": [{"function": "all", "action": "all"}]}),
        lead.patch(reader["href"], {"entitlement": [{"function": "*", "action": "*"}]}),
        lead.patch(f"{ROLES}/careAgent", {"entitlement": []}),
        lead.post(PERMISSIONS, permission_body("lead", "administrator")),
        lead.post(PERMISSIONS, permission_body("lead", "careAgent")),
    ]
    strong = permit(api, "boss", "administrator")
    over = {"validFor": {"endDateTime": "2026-11-01T00:00:00Z"}}
    refused.append(lead.patch(strong["href"], over))
    weak = permit(lead, "lead", reader["id"])
    refused.append(lead.patch(weak["href"], {"assetUserRole": at({"id": "administrator"})}))
    assert [each.status for each in refused] == [403] * len(refused)
    assert {each.body["code"] for each in refused} == {"lacksScope"}


def test_the_last_administrator_stays(api: Client, books: Database, clock: DrivenClock) -> None:
    user(books, clock, "anna")
    user(books, clock, "ben")
    anna, ben = (permit(api, name, "administrator") for name in ("anna", "ben"))
    over = {"validFor": {"endDateTime": format_instant(clock.now())}}
    assert api.patch(anna["href"], over).status == 200
    refused = api.patch(ben["href"], over)
    assert (refused.status, refused.body["code"]) == (409, "lastAdministrator")
    with books.transaction() as tx, pytest.raises(roles.LastAdministrator):
        security.disable_user(tx, name="ben", now=clock.now())
    user(books, clock, "root", "*")
    assert api.patch(ben["href"], over).status == 200
    with books.transaction() as tx, pytest.raises(roles.LastAdministrator):
        security.disable_user(tx, name="root", now=clock.now())
    with books.transaction() as tx:
        security.disable_user(tx, name="anna", now=clock.now())


def test_what_is_granted_is_audited(api: Client, books: Database) -> None:
    one = permit(api, "maeve", "careAgent")
    api.patch(one["href"], {"description": "x"})
    with books.read() as r:
        told = [(each.verb, each.detail) for each in audit.about(r, one["id"])]
    assert told == [
        ("change permission", {"attributes": ["description"]}), ("create permission", None)
    ]  # fmt: skip
