"""The manner of TMF630, on the tests' own widgets and papers, over both engines."""

import io
from typing import Any

import falcon
import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.conftest import MakeClient
from tests.unit.tmf.widgets import API, BASE, create_tables
from trunkline.platform import audit, security
from trunkline.platform.attempts import TooManyAttempts
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, DatabaseUnavailable
from trunkline.rest import create_app

WIDGETS, PAPERS = f"{BASE}/widget", f"{BASE}/paper"
MERGE, STEPS = "application/merge-patch+json", "application/json-patch+json"


@pytest.fixture
def app(books: Database, charging: Database, clock: DrivenClock) -> Any:
    create_tables(books)
    return create_app(books=books, charging=charging, clock=clock, apis=[API], max_body=20_000)


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client("tmf000:*")


def made(client: Client, **attributes: Any) -> dict[str, Any]:
    answer = client.post(WIDGETS, {"name": "a widget", **attributes})
    assert answer.status == 201
    body: dict[str, Any] = answer.body
    return body


def test_created_found_and_deleted(client: Client) -> None:
    created = client.post(WIDGETS, {"name": "one", "size": 3, "part": [{"code": "x"}]})
    assert created.status == 201
    assert created.headers["location"] == created.body["href"]
    assert created.body["@type"] == "Widget"
    assert created.body["part"] == [{"code": "x"}]
    assert "note" not in created.body
    found = client.get(created.body["href"])
    assert (found.status, found.body) == (200, created.body)
    assert found.headers["content-type"] == "application/json;charset=utf-8"
    assert client.delete(created.body["href"]).status == 204
    gone = client.get(created.body["href"])
    assert (gone.status, gone.body["code"], gone.body["@type"]) == (404, "notFound", "Error")
    assert client.delete(created.body["href"]).status == 404


def test_every_write_is_in_the_audit_trail_and_no_refusal_is(
    client: Client, make_client: MakeClient, books: Database, clock: DrivenClock
) -> None:
    one = client.post(WIDGETS, {"name": "one"}, Idempotency_Key="k").body
    client.post(WIDGETS, {"name": "one"}, Idempotency_Key="k")
    assert client.patch(one["href"], {"name": "two"}, MERGE).status == 200
    assert client.patch(one["href"], {"size": 9}, MERGE).status == 400
    assert client.post(WIDGETS, {"name": "forbidden"}).status == 400
    assert client.delete(one["href"], If_Match='"other"').status == 412
    assert make_client("tmf000:read").delete(one["href"]).status == 403
    assert client.delete(one["href"]).status == 204
    with books.snapshot() as r:
        told = audit.about(r, one["id"])
        assert audit.latest(r) == told, "and of nothing else"
        assert audit.verify(r) == []
        (key,) = (each for each in security.api_keys(r) if each.scopes != ("tmf000:read",))
    assert {each.who for each in told} == {f"test ({key.id})"}
    assert [(each.verb, each.detail) for each in reversed(told)] == [
        ("create widget", None),
        ("change widget", {"attributes": ["name"]}),
        ("delete widget", None),
    ]
    assert {each.at for each in told} == {clock.now()}


def test_two_keys_of_one_name_share_no_answers(make_client: MakeClient) -> None:
    one, other = make_client("tmf000:*"), make_client("tmf000:*")
    first = one.post(WIDGETS, {"name": "one"}, Idempotency_Key="k").body
    assert other.post(WIDGETS, {"name": "one"}, Idempotency_Key="k").body["id"] != first["id"]


def test_pages_carry_their_counts_and_links(client: Client) -> None:
    for n in range(5):
        made(client, name=f"n{n}", size=n % 2)
    whole = client.get(WIDGETS)
    assert (whole.status, len(whole.body)) == (200, 5)
    assert whole.headers["x-total-count"] == whole.headers["x-result-count"] == "5"
    assert "link" not in whole.headers
    part = client.get(f"{WIDGETS}?size=0&sort=name&offset=1&limit=1")
    assert (part.status, [each["name"] for each in part.body]) == (206, ["n2"])
    assert (part.headers["x-total-count"], part.headers["x-result-count"]) == ("3", "1")
    assert f'<{WIDGETS}?size=0&sort=name&offset=2&limit=1>; rel="next"' in part.headers["link"]
    beyond = client.get(f"{WIDGETS}?offset=9")
    assert (beyond.status, beyond.body, beyond.headers["x-total-count"]) == (206, [], "5")
    none = client.get(f"{WIDGETS}?name=nobody")
    assert (none.status, none.body, none.headers["x-total-count"]) == (200, [], "0")


def test_fields_give_what_was_asked_for(client: Client) -> None:
    widget = made(client, size=1)
    assert client.get(f"{widget['href']}?fields=name").body == {
        "id": widget["id"], "href": widget["href"], "name": "a widget"
    }  # fmt: skip
    assert set(client.get(f"{WIDGETS}?fields=none").body[0]) == {"id", "href"}


def test_a_patch_is_the_verb_that_it_means(client: Client) -> None:
    href = made(client)["href"]
    renamed = client.patch(href, {"name": "other"})
    assert (renamed.status, renamed.body["name"]) == (200, "other")
    both = client.patch(href, {"name": "third", "state": "scrapped", "note": "old"}, MERGE)
    assert (both.body["name"], both.body["state"], both.body["note"]) == (
        "third",
        "scrapped",
        "old",
    )
    stepped = client.patch(
        href,
        [{"op": "test", "path": "/name", "value": "third"},
         {"op": "replace", "path": "/name", "value": "fourth"}],
        STEPS,
    )  # fmt: skip
    assert (stepped.status, stepped.body["name"]) == (200, "fourth")
    assert client.patch(href, stepped.body).body == stepped.body


@together(
    ("patch", "media", "status", "path"),
    [
        ({"size": 4}, MERGE, 400, "size"),
        ({"id": "x"}, MERGE, 400, "id"),
        ({"href": "x"}, MERGE, 400, "href"),
        ({"state": "used"}, MERGE, 400, "state"),
        ({"note": "why"}, MERGE, 400, "note"),
        ({"name": 7}, MERGE, 400, "name"),
        ({"name": None}, MERGE, 400, "name"),
        ({"unheard": "of"}, MERGE, 400, "unheard"),
        ({"name": "x", "size": 4}, MERGE, 400, "size"),
        ([], MERGE, 400, "$"),
        ("x", "application/json", 400, "$"),
        ({"name": "x"}, "text/plain", 415, None),
        ({"name": "x"}, STEPS, 400, "$"),
        ([{"op": "remove", "path": "/nothing"}], STEPS, 400, "[0].path"),
        ([{"op": "test", "path": "/name", "value": "x"}], STEPS, 409, "[0].value"),
        ([{"op": "replace", "path": "", "value": 1}], STEPS, 400, "$"),
    ],
)
def test_a_patch_that_means_nothing_changes_nothing(
    client: Client, patch: Any, media: str, status: int, path: str | None
) -> None:
    widget = made(client)
    refused = client.patch(widget["href"], patch, media)
    assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert client.get(widget["href"]).body == widget


BAD_QUERIES = [
    ("unheard=of", "unheard"),
    ("part.unheard=of", "part.unheard"),
    ("sort=unheard", "unheard"),
    ("offset=-1", "offset"),
    ("limit=-1", "limit"),
    ("limit=ten", "limit"),
    ("size=x", "size"),
    ("size.gt=" + "9" * 30, "size"),
    ("size.regex=1", "size"),
    ("isNew=maybe", "isNew"),
    ("madeAt.gt=yesterday", "madeAt"),
    ("madeAt.gt=2026-01-01T00:00:00", "madeAt"),
    ("madeAt=9999-12-31T23:59:59.9999Z", "madeAt"),
    ("price.value=1.0000001", "price.value"),
    ("name.regex=(a*)*", "name"),
    ("name.regex=[", "name"),
    ("name.regex=a**", "name"),
    ("name=%00", "name=%00"),
    ("name=%ff", "name=%ff"),
    ("name", "name"),
]


@together(("query", "path"), BAD_QUERIES)
def test_a_query_that_cannot_be_honoured_is_refused(client: Client, query: str, path: str) -> None:
    refused = client.get(f"{WIDGETS}?{query}")
    assert (refused.status, refused.body["path"]) == (400, path), refused.body


BAD_BODIES: list[tuple[Any, str, int, str | None]] = [
    (b"{", "application/json", 400, "$"),
    (b"", "application/json", 400, "$"),
    (b"[]", "application/json", 400, "$"),
    (b"null", "application/json", 400, "$"),
    (b'"text"', "application/json", 400, "$"),
    (b'{"name": "\xff"}', "application/json", 400, "$"),
    (b'{"name": "a\\u0000b"}', "application/json", 400, "name"),
    (b'{"name": "x", "size": 1e500}', "application/json", 400, "size"),
    (b'{"name": "x", "size": 1.5}', "application/json", 400, "size"),
    (b'{"size": 1}', "application/json", 400, "name"),
    (b'{"name": ["x"]}', "application/json", 400, "name"),
    (b'{"name": "x", "part": [{"code": 5}]}', "application/json", 400, "part[0].code"),
    (b'{"name": "x", "part": {"code": "y"}}', "application/json", 400, "part"),
    (b'{"name": "forbidden"}', "application/json", 400, "name"),
    (b'{"name": "x"}', "application/xml", 415, None),
    (b'{"name": "x"}', "application/merge-patch+json", 415, None),
    (b'{"name": "' + b"x" * 30_000 + b'"}', "application/json", 413, None),
    (b'{"a":' * 3000 + b"1" + b"}" * 3000, "application/json", 400, "$"),
    (b"[" * 19_000, "application/json", 400, "$"),
]


@together(("body", "media", "status", "path"), BAD_BODIES)
def test_a_body_that_cannot_be_read_is_refused(
    client: Client, body: bytes, media: str, status: int, path: str | None
) -> None:
    refused = client.send("POST", WIDGETS, body, media=media)
    assert (refused.status, refused.body.get("path")) == (status, path), refused.body
    assert client.get(WIDGETS).body == []


def test_what_is_not_there(client: Client) -> None:
    for path in (f"{WIDGETS}/none", f"{WIDGETS}/%00", f"{WIDGETS}/a%2Fb", f"{BASE}/unheard", "/"):
        missing = client.get(path)
        assert (missing.status, missing.body["@type"]) == (404, "Error"), path
    wrong = client.send("PUT", WIDGETS, {})
    assert (wrong.status, wrong.body["code"]) == (405, "methodNotAllowed")
    assert "GET" in wrong.headers["allow"]
    assert client.send("DELETE", WIDGETS).status == 405


def test_nobody_without_a_key_or_its_scope(
    client: Client, make_client: MakeClient, app: Any
) -> None:
    assert Client(app, None).get(WIDGETS).status == 401
    assert Client(app, None).get(WIDGETS, Authorization="Basic eDp5").status == 401
    unknown = Client(app, "tl_unknown").get(WIDGETS)
    said = 'Bearer error="invalid_token", error_description="this API key is not known"'
    assert (unknown.status, unknown.headers["www-authenticate"]) == (401, said)
    reader = make_client("tmf000:read")
    assert reader.get(WIDGETS).status == 200
    refused = reader.post(WIDGETS, {"name": "x"})
    assert (refused.status, refused.body["code"]) == (403, "lacksScope")
    assert make_client("tmf620:*").get(WIDGETS).status == 403
    assert Client(app, None).get(WIDGETS, X_API_Key=reader._key or "").status == 200


def test_the_same_key_and_body_get_the_first_answer(
    client: Client, make_client: MakeClient
) -> None:
    first = client.post(WIDGETS, {"name": "once"}, Idempotency_Key="k1")
    again = client.post(WIDGETS, {"name": "once"}, Idempotency_Key="k1")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["location"] == first.headers["location"]
    other = client.post(WIDGETS, {"name": "twice"}, Idempotency_Key="k1")
    assert (other.status, other.body["code"]) == (409, "idempotencyKeyReused")
    assert client.post(PAPERS, {"name": "once"}, Idempotency_Key="k1").status == 201
    assert client.post(WIDGETS, {"name": "x"}, Idempotency_Key="k" * 300).status == 400
    assert len(client.get(WIDGETS).body) == 1


def test_a_refused_request_may_be_sent_again_under_its_key(client: Client) -> None:
    assert client.post(WIDGETS, {"name": "forbidden"}, Idempotency_Key="k2").status == 400
    assert client.post(WIDGETS, {"name": "allowed"}, Idempotency_Key="k2").status == 201


def test_entity_tags_keep_two_from_overwriting_each_other(client: Client) -> None:
    created = client.post(WIDGETS, {"name": "tagged"})
    href, tag = created.body["href"], created.headers["etag"]
    assert client.get(href).headers["etag"] == tag
    assert client.get(href, If_None_Match=tag).status == 304
    mine = client.patch(href, {"name": "mine"}, If_Match=tag)
    assert (mine.status, mine.headers["etag"] != tag) == (200, True)
    theirs = client.patch(href, {"name": "theirs"}, If_Match=tag)
    assert (theirs.status, theirs.body["code"]) == (412, "stale")
    assert client.delete(href, If_Match=tag).status == 412
    assert client.get(href, If_None_Match=tag).body["name"] == "mine"
    assert client.delete(href, If_Match=mine.headers["etag"]).status == 204


def test_tags_compare_weakly_where_nothing_changes_and_strongly_where_something_does(
    client: Client,
) -> None:
    created = client.post(WIDGETS, {"name": "tagged"})
    href, tag = created.body["href"], created.headers["etag"]
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = client.get(href, If_None_Match=named)
        assert (same.status, same.raw, same.headers["etag"]) == (304, b"", tag)
    assert client.get(href, If_None_Match='"other"').status == 200
    assert client.patch(href, {"name": "x"}, If_Match=f"W/{tag}").status == 412
    assert client.patch(href, {"name": "x"}, If_Match=f'"other", {tag}').status == 200
    assert client.patch(href, {"name": "y"}, If_Match="*").status == 200


def head(client: Client, path: str) -> Any:
    where, _, query = path.partition("?")
    key = {"X-API-Key": client._key or ""}
    answer = client._http.simulate_head(where, query_string=query, headers=key)
    assert answer.content == b""
    return answer


def test_head_is_get_without_the_body(client: Client) -> None:
    widget = made(client)
    for path in (WIDGETS, widget["href"], f"{WIDGETS}?limit=1&fields=none", BASE, "/healthz"):
        full, short = client.get(path), head(client, path)
        assert short.status_code == full.status
        assert short.headers["content-length"] == str(len(full.raw))
        for name in ("x-total-count", "etag", "content-type", "link"):
            assert short.headers.get(name) == full.headers.get(name), (path, name)
    assert head(client, f"{WIDGETS}/nobody").status_code == 404
    assert head(client, f"{WIDGETS}?unheard=of").status_code == 400


def test_head_needs_what_get_needs(app: Any, make_client: MakeClient) -> None:
    assert Client(app, None)._http.simulate_head(WIDGETS).status_code == 401
    key = make_client("tmf001:read")._key or ""
    assert (
        Client(app, None)._http.simulate_head(WIDGETS, headers={"X-API-Key": key}).status_code
        == 403
    )


def test_options_tell_the_methods(client: Client) -> None:
    for path, methods in (
        (WIDGETS, {"GET", "POST"}),
        (f"{WIDGETS}/any", {"GET", "PATCH", "DELETE"}),
    ):
        told = client._http.simulate_options(path, headers={"X-API-Key": client._key or ""})
        assert told.status_code == 200
        assert set(told.headers["allow"].replace(",", " ").split()) >= methods
        assert "access-control-allow-origin" not in told.headers


PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}


def test_no_other_origin_is_let_in_unless_it_is_told(client: Client) -> None:
    refused = client._http.simulate_options(WIDGETS, headers=PREFLIGHT)
    assert (refused.status_code, refused.json["@type"]) == (401, "Error")
    answer = client.get(WIDGETS, Origin="https://shop.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("origins", "told"),
    [(("https://shop.example",), "https://shop.example"), (("*",), "*")],
)
def test_pages_of_origins_that_settings_name_may_ask(
    books: Database, charging: Database, clock: DrivenClock, make_client: MakeClient,
    app: Any, origins: tuple[str, ...], told: str,
) -> None:  # fmt: skip
    asked = create_app(books=books, charging=charging, clock=clock, apis=[API], origins=origins)
    client = make_client("tmf000:*", on=asked)
    before = client._http.simulate_options(WIDGETS, headers=PREFLIGHT)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, told)
    assert "PATCH" in before.headers["access-control-allow-methods"]
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    answer = client.get(WIDGETS, Origin="https://shop.example")
    assert answer.headers["access-control-allow-origin"] == told
    assert "X-Total-Count" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"].lower()
    stranger = client.get(WIDGETS, Origin="https://elsewhere.example")
    assert ("access-control-allow-origin" in stranger.headers) == (told == "*")
    for each in (before.headers, answer.headers, stranger.headers):
        assert "access-control-allow-credentials" not in each
    refused = client.get(f"{WIDGETS}/nobody", Origin="https://shop.example")
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (404, told)


class Chunks(io.RawIOBase):
    """A body whose length nobody has said, as servers hand it on."""

    def __init__(self, whole: bytes, size: int = 7) -> None:
        super().__init__()
        self.left = whole
        self.size = size
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        size = self.size if size < 0 else min(size, self.size)
        piece, self.left = self.left[:size], self.left[size:]
        self.given += len(piece)
        return piece


def posted(client: Client, body: Chunks) -> Any:
    headers = {"X-API-Key": client._key or "", "Content-Type": "application/json"}
    return client._http.simulate_post(WIDGETS, headers=headers, extras={"wsgi.input": body})


def test_a_body_in_chunks_is_read_to_its_end(client: Client) -> None:
    created = posted(client, Chunks(b'{"name": "in seven pieces and one more"}'))
    assert (created.status_code, created.json["name"]) == (201, "in seven pieces and one more")
    assert posted(client, Chunks(b"")).status_code == 400


def test_a_body_in_chunks_is_read_no_further_than_bodies_go(client: Client) -> None:
    endless = Chunks(b'{"name": "' + b"x" * 10_000_000 + b'"}', size=4096)
    assert posted(client, endless).status_code == 413
    assert endless.given <= 20_001


def test_a_body_of_ten_megabytes_is_refused_unread(client: Client) -> None:
    huge = Chunks(b"", size=1)
    headers = {"X-API-Key": client._key or "", "Content-Length": "10000000"}
    refused = client._http.simulate_post(WIDGETS, headers=headers, extras={"wsgi.input": huge})
    assert (refused.status_code, refused.json["code"], huge.given) == (413, "tooLarge", 0)


class Patience:
    """Something that can't be had at the moment."""

    scopes = {"GET": "tmf000:read"}  # noqa: RUF012

    def __init__(self, error: Exception) -> None:
        self._error = error

    def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [
        (TooManyAttempts("slower", seconds=7), 429, "7"),
        (DatabaseUnavailable("books: locked"), 503, "1"),
    ],
)
def test_who_is_to_come_again_is_told_when(
    client: Client, app: Any, error: Exception, status: int, seconds: str
) -> None:
    app.add_route("/patience", Patience(error))
    refused = client.get("/patience")
    assert (refused.status, refused.headers["retry-after"]) == (status, seconds)
    assert refused.body["@type"] == "Error"


FILTERS = [
    ("name=b", {"b"}),
    ("name=a,c", {"a", "c"}),
    ("name=a;c", {"a", "c"}),
    ("name=a&name=c", {"a", "c"}),
    ("name=%22a%22,c", {"a", "c"}),
    ("name.ne=a", {"b", "c"}),
    ("name!=a", {"b", "c"}),
    ("size.gt=1", {"c"}),
    ("size%3E1", {"c"}),
    ("size.gte=1", {"b", "c"}),
    ("size%3E=1", {"b", "c"}),
    ("size%3E%3D1", {"b", "c"}),
    ("size.lt=1", {"a"}),
    ("size%3C1", {"a"}),
    ("size%3C%3D1", {"a", "b"}),
    ("name.regex=%5E%5Bab%5D$", {"a", "b"}),
    ("part.code=x", {"a", "b"}),
    ("part.code=x&part.code=y", {"a", "b", "c"}),
    ("part.code=y&size.lt=2", {"b"}),
    ("name=nobody", set()),
]


@pytest.fixture
def decoys(client: Client) -> None:
    for size, (name, codes) in enumerate([("a", "x"), ("b", "xy"), ("c", "y")]):
        made(client, name=name, size=size, part=[{"code": each} for each in codes])


@together(("query", "names"), FILTERS)
def test_a_filter_leaves_its_decoys_out(
    client: Client, decoys: None, query: str, names: set[str]
) -> None:
    found = client.get(f"{WIDGETS}?{query}")
    assert {each["name"] for each in found.body} == names
    assert found.headers["x-total-count"] == str(len(names))


def test_totals_of_long_lists_follow_every_write(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.tmf.totals.WORTH_REMEMBERING", 1)
    monkeypatch.setattr("trunkline.tmf.query.FAR", 2)
    for n in range(6):
        made(client, name=f"n{n}", size=n % 2)
        for _ in range(2):
            page = client.get(f"{WIDGETS}?size=0&limit=1&offset=0")
            assert page.headers["x-total-count"] == str(n // 2 + 1)
            client.get(f"{WIDGETS}?size=1&limit=1")
    href = client.get(f"{WIDGETS}?size=0&limit=1&offset=2").body[0]["href"]
    assert client.delete(href).status == 204
    gone = client.get(f"{WIDGETS}?size=0&limit=1&offset=2")
    assert (gone.body, gone.headers["x-total-count"]) == ([], "2")


def test_documents_keep_what_they_do_not_know(client: Client) -> None:
    body = {
        "name": "p",
        "weight": 1.50,
        "@type": "SpecialPaper",
        "extra": {"deep": [1, {"x": None}]},
    }
    created = client.post(PAPERS, body)
    assert created.status == 201
    assert created.body["extra"] == body["extra"]
    assert created.body["@type"] == "SpecialPaper"
    assert b'"weight":1.5' in created.raw
    patched = client.patch(created.body["href"], {"extra": {"more": 1}, "weight": None})
    assert patched.body["extra"] == {"deep": [1, {"x": None}], "more": 1}
    assert "weight" not in patched.body
    stepped = client.patch(
        patched.body["href"], [{"op": "add", "path": "/tag", "value": [{"id": "t"}]}], STEPS
    )
    assert stepped.body["tag"] == [{"id": "t"}]
    assert client.get(f"{PAPERS}?tag.id=t&tag.id.ne=u").body == [stepped.body]


def test_numbers_survive_with_all_their_digits(client: Client) -> None:
    body = b'{"name":"n","big":123456789012345678901234567890,"exact":0.10,"tiny":1e-30}'
    created = client.send("POST", PAPERS, body)
    assert created.status == 201
    for digits in (b'"big":123456789012345678901234567890', b'"exact":0.10'):
        assert digits in client.get(created.body["href"]).raw
    assert client.send("POST", PAPERS, b'{"name":"n","x":1e131073}').body["path"] == "x"


@together(
    ("patch", "path"),
    [
        ({"id": "other"}, "id"),
        ({"href": "other"}, "href"),
        ({"name": None}, "name"),
        ({"tag": [{"id": "x"}, {"rank": 1}]}, "tag[1].id"),
        ({"isBundle": "yes"}, "isBundle"),
    ],
)
def test_a_document_stays_what_its_schema_says(client: Client, patch: Any, path: str) -> None:
    paper = client.post(PAPERS, {"name": "p"}).body
    refused = client.patch(paper["href"], patch)
    assert (refused.status, refused.body["path"]) == (400, path)
    assert client.get(paper["href"]).body == paper
