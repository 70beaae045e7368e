"""The edge as a whole: who may pass, its documents, its health."""

import re
from typing import Any

import falcon
import falcon.testing
import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.conformance.tmf.client import Client, documents, routes
from tests.conformance.tmf.conftest import MakeClient
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.rest import all_apis, create_app, open_apis
from trunkline.tmf.guard import Guard

OURS = ("charging", "history", "retail", "topup", "vouchers")
"""Areas of scopes beyond TM Forum's."""
OPEN = {
    "/.well-known/oauth-authorization-server", "/docs", "/docs/start.js", "/healthz", "/metrics",
    "/oauth2/jwks", "/oauth2/token", "/openapi.json", "/readyz",
}  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete", "head")


def test_no_route_is_open_but_those_that_are_meant_to_be(
    app: Any, books: Database, charging: Database
) -> None:
    bases = {api.base for api in all_apis(books, charging, DrivenClock.__new__(DrivenClock))}
    known = routes(app)
    assert len(known) > 40
    for path, resource in known:
        if getattr(resource, "is_open", False):
            assert path in OPEN | bases
            method = "post" if path == "/oauth2/token" else "get"
            assert [m for m in METHODS if hasattr(resource, f"on_{m}")] == [method]
            continue
        for method in METHODS:
            if hasattr(resource, f"on_{method}"):
                area, _, right = resource.scopes[method.upper()].partition(":")
                assert area.startswith("tmf") or area in OURS, path
                reads = method == "get" or f"{path}/".count("/hub/")  # to listen is to read
                assert right == ("read" if reads else "write"), path


def test_every_closed_route_refuses_a_stranger_and_one_without_the_scope(
    app: Any, make_client: MakeClient
) -> None:
    strangers = [(Client(app, None), 401), (make_client("tmf000:*"), 403)]
    for path, resource in routes(app):
        if getattr(resource, "is_open", False):
            continue
        for method in resource.scopes:
            for client, status in strangers:
                where = path.replace("{ident}", "any")
                body: Any = {} if method in ("POST", "PATCH") else None
                answer = client.send(method, where, body)
                assert answer.status == status, (method, path)
                assert answer.body["@type"] == "Error"


def test_no_shared_cache_keeps_an_answer(api: Client) -> None:
    base = "/tmf-api/party/v4/individual"
    for path in (base, f"{base}/nobody", "/healthz", "/nowhere"):
        headers = api.get(path).headers
        assert headers["cache-control"] == "private, no-cache"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_revoked_key_is_believed_no_longer_than_it_is_remembered(
    books: Database, clock: DrivenClock
) -> None:
    guard = Guard(books, clock, remember=0.0)
    with books.transaction() as tx:
        key = security.create_api_key(tx, name="k", scopes=["tmf000:read"], now=clock.now())
    request = falcon.testing.create_req(headers={"X-API-Key": key.secret})
    guard.process_resource(request, falcon.Response(), Broken(), None)
    assert request.context.caller.name == "k"
    with books.transaction() as tx:
        security.revoke_api_key(tx, key=key.id, now=clock.now())
    with pytest.raises(security.Unauthenticated):
        guard.process_resource(request, falcon.Response(), Broken(), None)


class Careless:
    """A handler whose author forgot to say who may call it."""

    def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        raise AssertionError("nobody gets here")


def test_a_route_that_states_no_scope_is_closed_to_all(app: Any, make_client: MakeClient) -> None:
    app.add_route("/forgotten", Careless())
    refused = make_client("*").get("/forgotten")
    assert (refused.status, refused.body["code"]) == (403, "lacksScope")


def test_a_fault_of_ours_is_answered_without_its_trace(app: Any, make_client: MakeClient) -> None:
    app.add_route("/broken", Broken())
    client = make_client("*")
    answer = client._http.simulate_get("/broken", headers={"X-API-Key": client._key})
    assert answer.status_code == 500
    body = msgspec.json.decode(answer.content)
    assert (body["code"], body["@type"]) == ("internal", "Error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


class Broken:
    scopes = {"GET": "tmf000:read"}  # noqa: RUF012

    def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        raise RuntimeError("a secret detail")


def test_our_documents_are_valid_and_served_where_they_belong(
    app: Any, books: Database, charging: Database
) -> None:
    http = falcon.testing.TestClient(app)
    bundle = http.simulate_get("/openapi.json").json
    validate(bundle)
    assert all("." not in name for name in bundle["components"]["schemas"])
    apis = all_apis(books, charging, DrivenClock.__new__(DrivenClock))
    assert len(apis) > 20
    for api in apis:
        own = http.simulate_get(api.base).json
        validate(own)
        for path, operations in own["paths"].items():
            assert operations.keys() == bundle["paths"][path].keys()
        assert all(path.startswith(api.base) for path in own["paths"])


def test_our_documents_say_how_a_token_is_got_and_what_it_must_allow(app: Any) -> None:
    http = falcon.testing.TestClient(app)
    bundle = http.simulate_get("/openapi.json").json
    flow = bundle["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]
    assert http.simulate_post(flow["tokenUrl"]).status_code != 404
    found = dict(routes(app))
    seen = 0
    for path, operations in bundle["paths"].items():
        resource = found.get(path.replace("{id}", "{ident}"))
        for method, operation in operations.items():
            if resource is None or method == "parameters":
                continue
            scope = resource.scopes[method.upper()]
            assert {"oauth": [scope]} in operation["security"], (method, path)
            assert scope in flow["scopes"]
            seen += 1
    assert seen > 300


def test_what_is_ours_alone_is_documented_whole_with_examples_that_fit(app: Any) -> None:
    """Each route has its path in the document and each of its methods; who may use it is said;
    and what is given as an example of a body is one."""
    paths = falcon.testing.TestClient(app).simulate_get("/openapi.json").json["paths"]
    told = {re.sub(r"\{\w+\}", "{}", path): each for path, each in paths.items()}
    seen = examples = 0
    for path, resource in routes(app):
        if not path.startswith("/trunkline/") or getattr(resource, "is_open", False):
            continue
        own = re.sub(r"\{\w+\}", "{}", path)
        fitting = [each for each in told if re.fullmatch(own.replace("/{}/{}", "/{}/[^/]+"), each)]
        assert fitting, path
        for operations in (told[each] for each in fitting):
            assert {each for each in METHODS if hasattr(resource, f"on_{each}")} == {
                each for each in operations if each != "parameters"
            }, path
            for operation in operations.values():
                if not isinstance(operation, dict):
                    continue
                assert operation["security"][0]["oauth"]
                assert "default" in operation["responses"]
                body = operation.get("requestBody", {"content": {}})["content"]
                said = body.get("application/json", {})
                if "example" in said:
                    Draft202012Validator(said["schema"]).validate(said["example"])
                    examples += 1
                seen += 1
    assert seen > 40
    assert examples >= 7


def test_what_we_offer_is_in_the_documents(books: Database, charging: Database) -> None:
    theirs = documents()
    if not theirs:
        pytest.skip("../shared/specs/tmf is absent")
    for api in open_apis(books, charging, DrivenClock.__new__(DrivenClock)):
        paths = theirs[api.base]["paths"]
        for resource in api.resources:
            offered = paths[f"/{resource.name}"]
            assert "get" in offered
            assert not resource.creates or "post" in offered
            item = paths[f"/{resource.name}/{{id}}"]
            assert not resource.changes or "patch" in item
            assert resource.delete is None or "delete" in item


def test_documentation_loads_nothing_from_elsewhere(app: Any) -> None:
    http = falcon.testing.TestClient(app)
    page = http.simulate_get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "/static/vendor/swagger-ui/swagger-ui-bundle.js" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "/openapi.json" in http.simulate_get("/docs/start.js").text


def test_health(app: Any) -> None:
    http = falcon.testing.TestClient(app)
    assert http.simulate_get("/healthz").json == {"status": "alive"}
    ready = http.simulate_get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "ready")
    assert {each["name"] for each in ready.json["checks"]} >= {
        "database books", "database charging"
    }  # fmt: skip
    metrics = http.simulate_get("/metrics")
    assert metrics.status_code == 200
    assert "trunkline_outbox_deliveries" in metrics.text


def test_not_ready_where_a_database_is_away(
    books: Database, charging: Database, clock: DrivenClock
) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none", metadata=charging.metadata, clock=clock)
    http = falcon.testing.TestClient(create_app(books=books, charging=away, clock=clock))
    ready = http.simulate_get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "notReady")
    assert http.simulate_get("/healthz").status_code == 200
    away.close()
