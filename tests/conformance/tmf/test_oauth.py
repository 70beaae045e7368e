"""OAuth 2: tokens for clients and for customers, and what makes them good for nothing."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import falcon.testing
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.cases import together
from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from trunkline.app import METADATA
from trunkline.platform import audit, schema, security, tokens
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.principals import Principal
from trunkline.platform.security import Binding, NewApiKey
from trunkline.rest import create_app
from trunkline.tmf import guard

ISSUER = "http://127.0.0.1:8080"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that looks everything up again."""
    monkeypatch.setattr(guard.Guard.__init__, "__kwdefaults__", {"issuer": "", "remember": 0.0})


class Clients:
    def __init__(self, app: Any, books: Database, clock: DrivenClock) -> None:
        self.http = falcon.testing.TestClient(app)
        self.app = app
        self.books = books
        self.clock = clock

    def key(self, *scopes: str, binding: Binding | None = None) -> NewApiKey:
        with self.books.transaction() as tx:
            return security.create_api_key(
                tx, name="shop", scopes=scopes, binding=binding, now=self.clock.now()
            )

    def ask(self, key: NewApiKey | None, *, basic: bool = True, **form: Any) -> Any:
        headers = {"Content-Type": FORM}
        form.setdefault("grant_type", "client_credentials")
        if key is not None and basic:
            pair = base64.b64encode(f"{key.id}:{key.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif key is not None:
            form |= {"client_id": key.id, "client_secret": key.secret}
        body = "&".join(f"{name}={value}" for name, value in form.items() if value is not None)
        return self.http.simulate_post("/oauth2/token", body=body, headers=headers)

    def token(self, key: NewApiKey, **form: Any) -> str:
        answer = self.ask(key, **form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json["access_token"]
        return token

    def client(self, token: str) -> Client:
        return Client(self.app, token)


@pytest.fixture
def clients(app: Any, books: Database, clock: DrivenClock) -> Clients:
    return Clients(app, books, clock)


@pytest.mark.parametrize("basic", [True, False])
def test_a_client_gets_a_token_for_its_key(clients: Clients, basic: bool) -> None:
    key = clients.key("tmf632:read", "tmf629:*")
    answer = clients.ask(key, basic=basic)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert {**answer.json, "access_token": ""} == {
        "access_token": "", "token_type": "Bearer", "expires_in": 900,
        "scope": "tmf629:* tmf632:read",
    }  # fmt: skip
    client = clients.client(answer.json["access_token"])
    assert client.get(f"{shop.PARTY}/individual").status == 200
    assert client.get(shop.BILL + "/customerBill").status == 403
    less = clients.client(clients.token(key, scope="tmf629:read"))
    assert less.get(shop.CUSTOMER).status == 200
    refused = less.get(f"{shop.PARTY}/individual")
    assert refused.status == 403
    assert refused.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="tmf632:read"'
    )


def test_tokens_are_those_of_rfc_9068(clients: Clients, clock: DrivenClock) -> None:
    key = clients.key("tmf632:read")
    token = clients.token(key)
    published = clients.http.simulate_get("/oauth2/jwks").json
    (public,) = published["keys"]
    assert set(public) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    decoded = jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES256"])
    assert decoded.header == {"alg": "ES256", "typ": "at+jwt", "kid": public["kid"]}
    now = int(clock.now().timestamp())
    assert {**decoded.claims, "jti": ""} == {
        "iss": ISSUER, "aud": ISSUER, "sub": key.id, "client_id": key.id, "iat": now,
        "exp": now + 900, "jti": "", "scope": "tmf632:read",
    }  # fmt: skip


def test_the_server_tells_about_itself(clients: Clients) -> None:
    told = clients.http.simulate_get("/.well-known/oauth-authorization-server").json
    assert told["issuer"] == ISSUER
    assert told["token_endpoint"] == f"{ISSUER}/oauth2/token"
    assert told["jwks_uri"] == f"{ISSUER}/oauth2/jwks"
    assert told["grant_types_supported"] == ["client_credentials"]
    assert "tmf620:read" in told["scopes_supported"]


@together(
    ("form", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "tmf622:write"}, 400, "invalid_scope"),
        ({"scope": "*"}, 400, "invalid_scope"),
        ({"scope": "nonsense"}, 400, "invalid_scope"),
        ({"scope": "%20"}, 400, "invalid_scope"),
        ({"customer": "cus_1"}, 400, "unauthorized_client"),
        ({"client_id": "key_other"}, 400, "invalid_request"),
        ({"client_secret": "x"}, 400, "invalid_request"),
    ],
)
def test_what_is_asked_for_wrongly(
    clients: Clients, form: dict[str, Any], status: int, error: str
) -> None:
    answer = clients.ask(clients.key("tmf632:read"), **form)
    assert (answer.status_code, answer.json["error"]) == (status, error)
    assert set(answer.json) == {"error", "error_description"}


def test_a_client_that_is_none(clients: Clients) -> None:
    key = clients.key("tmf632:read")
    wrong = msgspec.structs.replace(key, secret="tl_wrong")
    mixed = msgspec.structs.replace(key, secret=clients.key("*").secret)
    for each in (None, wrong, mixed):
        for basic in (True, False):
            answer = clients.ask(each, basic=basic)
            assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
            assert answer.headers["www-authenticate"] == 'Basic realm="trunkline"'
    for auth in ("Basic !", "Basic eA==", "Basic /w==", "Digest x"):
        headers = {"Authorization": auth, "Content-Type": FORM}
        answer = clients.http.simulate_post("/oauth2/token", body="grant_type=x", headers=headers)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


@together(
    ("body", "media"),
    [
        (b"{}", "application/json"),
        (b"grant_type=a&grant_type=a", FORM),
        (b"grant_type=%ff", FORM),
        (b"a=" + b"x" * 20_000, FORM),
        (b"&".join(b"a%d=1" % n for n in range(30)), FORM),
    ],
)
def test_what_is_no_form(clients: Clients, body: bytes, media: str) -> None:
    answer = clients.http.simulate_post("/oauth2/token", body=body, headers={"Content-Type": media})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_a_token_ends_with_its_time_and_with_its_key(clients: Clients, books: Database) -> None:
    key, other = clients.key("tmf632:read"), clients.key("tmf632:read")
    first, second = (clients.client(clients.token(each)) for each in (key, other))
    parties = f"{shop.PARTY}/individual"
    with books.transaction() as tx:
        security.revoke_api_key(tx, key=other.id, now=clients.clock.now())
    assert (first.get(parties).status, second.get(parties).status) == (200, 401)
    clients.clock.advance(timedelta(minutes=15) - timedelta(seconds=1))
    assert first.get(parties).status == 200
    clients.clock.advance(timedelta(seconds=1))
    refused = first.get(parties)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="this token has expired"'
    )


def test_signing_keys_are_replaced(clients: Clients, books: Database) -> None:
    key = clients.key("tmf632:read")
    parties = f"{shop.PARTY}/individual"

    def kids() -> list[str]:
        return [each["kid"] for each in clients.http.simulate_get("/oauth2/jwks").json["keys"]]

    clients.token(key)
    (one,) = kids()
    clients.clock.advance(tokens.REPLACED_AFTER - timedelta(seconds=1))
    late = clients.client(clients.token(key))
    assert kids() == [one]
    clients.clock.advance(timedelta(seconds=1))
    clients.token(key)
    assert len(kids()) == 2
    assert late.get(parties).status == 200, "the older key goes on verifying"
    clients.clock.advance(tokens.REPLACED_AFTER)
    last = clients.client(clients.token(key))
    assert one not in kids()
    with books.transaction() as tx:
        tokens.replace_signing_key(tx, clients.clock.now())
    assert last.get(parties).status == 401
    assert clients.client(clients.token(key)).get(parties).status == 200


def test_forged_tokens(clients: Clients) -> None:
    key = clients.key("tmf632:read")
    token = clients.token(key)
    header, body, signature = token.split(".")
    good = jwt.decode(token, KeySet.import_key_set(clients.http.simulate_get("/oauth2/jwks").json))
    own = ECKey.generate_key("P-256", private=True)

    def signed(header: dict[str, Any] = good.header, **claims: Any) -> str:
        return jwt.encode(header, {**good.claims, **claims}, own)

    claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=="))
    wider = base64.urlsafe_b64encode(msgspec.json.encode({**claims, "scope": "*"})).decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    forged = [
        signed(),
        signed({"alg": "ES256", "typ": "at+jwt"}),
        signed({"alg": "ES256", "typ": "at+jwt", "kid": "jwk_x"}),
        f"{header}.{wider.rstrip('=')}.{signature}",
        f"{none}.{body}.",
        f"{header}.{body}.",
        f"{header}.{body}.{signature[:-8]}AAAAAAAA",
        "a.b.c",
        "..",
        "x" * 5000 + "..",
    ]
    for each in forged:
        answer = clients.client(each).get(f"{shop.PARTY}/individual")
        assert (answer.status, answer.body["code"]) == (401, "invalidToken"), each
    assert clients.client(token).get(f"{shop.PARTY}/individual").status == 200


def test_a_token_for_another_server(books: Database, clients: Clients) -> None:
    key = clients.key("tmf632:read")
    now = clients.clock.now()
    client = Principal("shop", frozenset({"tmf632:read"}), key.id)
    with books.transaction() as tx:
        issued = tokens.issue(
            tx, client, issuer="https://elsewhere", scopes=None, binding=None, now=now
        )
    assert clients.client(issued.token).get(f"{shop.PARTY}/individual").status == 401


def test_a_token_for_a_customer(clients: Clients, api: Client, books: Database) -> None:
    maeve, other = shop.customer(api), shop.customer(api, shop.individual(api, "Una", "Burke"))
    key = clients.key("tmf629:*", "tmf622:read", tokens.ISSUE_SCOPE)
    answer = clients.ask(key, customer=maeve["id"])
    assert answer.status_code == 200
    scopes = answer.json["scope"].split()
    assert "tmf620:read" in scopes  # the role subscriber says so, whatever the client may
    assert "tmf676:write" not in scopes
    token = clients.client(answer.json["access_token"])
    assert [each["id"] for each in token.get(shop.CUSTOMER).body] == [maeve["id"]]
    assert token.get(other["href"]).status == 404
    assert token.patch(maeve["href"], {"name": "x"}).status == 403
    wider = clients.ask(key, customer=maeve["id"], scope="tmf676:write")
    assert (wider.status_code, wider.json["error"]) == (400, "invalid_scope")
    unknown = clients.ask(key, customer="cus_none")
    assert (unknown.status_code, unknown.json["error"]) == (400, "invalid_request")
    with books.read() as r:
        (told,) = [each for each in audit.about(r, maeve["id"]) if each.verb == "issue token"]
    assert told.who == f"shop ({key.id})"


def test_a_token_for_a_customer_ends_with_the_right_to_issue_it(
    clients: Clients, api: Client
) -> None:
    maeve = shop.customer(api)
    key = clients.key("tmf629:read")
    role = "/tmf-api/rolesAndPermissionsManagement/v4/userRole"
    permission = "/tmf-api/rolesAndPermissionsManagement/v4/permission"
    entitlement = [{"function": "subscriber", "action": "issue"}]
    issuer = shop.made(api.post(role, {"entitlement": entitlement}))
    assert clients.ask(key, customer=maeve["id"]).status_code == 400
    given = {
        "user": {"id": str(key.id), "@referredType": "ApiKey"},
        "validFor": {},
        "assetUserRole": [
            {"manageableAsset": {"id": "trunkline"}, "userRole": {"id": issuer["id"]}}
        ],
    }
    granted = shop.made(api.post(permission, given))
    token = clients.client(clients.token(key, customer=maeve["id"]))
    assert token.get(maeve["href"]).status == 200
    api.patch(granted["href"], {"assetUserRole": []})
    assert token.get(maeve["href"]).status == 401


def test_a_key_of_one_customer(clients: Clients, api: Client) -> None:
    maeve, other = shop.customer(api), shop.customer(api, shop.individual(api, "Una", "Burke"))
    bound = Binding(maeve["id"], maeve["engagedParty"]["id"])
    key = clients.key("*", binding=bound)
    for secret in (key.secret, clients.token(key), clients.token(key, customer=maeve["id"])):
        client = clients.client(secret)
        assert [each["id"] for each in client.get(shop.CUSTOMER).body] == [maeve["id"]]
        assert client.get(other["href"]).status == 404
    refused = clients.ask(key, customer=other["id"])
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_request")


def test_what_the_subscribers_role_says_counts_at_once(clients: Clients, api: Client) -> None:
    maeve = shop.customer(api)
    token = clients.client(clients.token(clients.key(tokens.ISSUE_SCOPE), customer=maeve["id"]))
    assert token.get(maeve["href"]).status == 200
    role = "/tmf-api/rolesAndPermissionsManagement/v4/userRole/subscriber"
    assert api.patch(role, {"entitlement": []}).status == 200
    assert token.get(maeve["href"]).status == 403


def test_another_operators_keys_tokens_and_sessions_are_nothing(
    clients: Clients,
    api: Client,
    new_database: Callable[..., str],
    clock: DrivenClock,
) -> None:
    """The same server, two operators: what is good in one's databases is nothing in another's."""
    maeve = shop.customer(api)
    key = clients.key("*")
    token = clients.token(key)
    with clients.books.transaction() as tx:
        security.create_user(tx, name="anna", secret="x", scopes=["*"], now=clock.now())
    session, _ = security.sign_in(
        clients.books, name="anna", secret="x", address="::1", now=clock.now()
    )
    theirs = {}
    for name, metadata in METADATA.items():
        url = new_database(f"their_{name}", empty=True)
        schema.upgrade(url, metadata.info["database"])
        theirs[name] = Database(url, metadata=metadata, clock=clock, durable=False)
    books = theirs["books"]
    app = create_app(books=books, charging=theirs["charging"], clock=clock)
    other = Clients(app, books, clock)
    own = other.key("*")
    for secret in (key.secret, token):
        assert clients.client(secret).get(maeve["href"]).status == 200
        assert other.client(secret).get(maeve["href"]).status == 401
    for secret in (own.secret, other.token(own)):
        assert other.client(secret).get(maeve["href"]).status == 404
        assert other.client(secret).get(shop.CUSTOMER).body == []
        assert clients.client(secret).get(maeve["href"]).status == 401
    assert other.ask(key).json["error"] == "invalid_client"
    with books.read() as r:
        assert security.console_session(r, session, clock.now()) is None
    with pytest.raises(security.Unauthenticated):
        security.sign_in(books, name="anna", secret="x", address="::1", now=clock.now())
    for database in theirs.values():
        database.close()
