"""What can't be read, or can't be meant, at every route there is: the status and body of the
checklist, and nothing kept."""

from collections.abc import Iterator
from io import RawIOBase
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Answer, Client, routes
from tests.conformance.tmf.neighbours import two
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rest import all_apis

UNREADABLE: list[tuple[str, bytes, int]] = [
    ("nothing", b"", 400),
    ("half of it", b'{"name": ', 400),
    ("two of it", b"{} {}", 400),
    ("no JSON", b"<a/>", 400),
    ("no UTF-8", b'{"name": "\xff"}', 400),
    ("half of a character", b'{"name": "\\ud800"}', 400),
    ("a NUL", b'{"name": "a\\u0000b"}', 400),
    ("a NUL in a name", b'{"a\\u0000b": 1}', 400),
    ("no number", b'{"name": NaN}', 400),
    ("a number without end", b'{"name": 1e999999}', 400),
    ("a number of many digits", b'{"name": ' + b"9" * 5000 + b"}", 400),
    ("deep objects", b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    ("deep arrays", b"[" * 400_000, 400),
    ("a bit too deep", b'{"a":' * 40 + b"1" + b"}" * 40, 400),
    ("null", b"null", 400),
    ("a text", b'"name"', 400),
    ("a number", b"1", 400),
    ("an array", b"[1]", 400),
]
BAD_QUERIES = [
    "offset=-1", "offset=x", "offset=1.5", "offset=99999999999999999999", "limit=-1", "limit=",
    "limit=all", "offset.gt=1", "nosuchpath=1", "no.such.path=1", "nosuchpath.regex=a",
    "id.regex=(a%2B)%2B%24", "id.regex=%5B", "sort=nosuchpath", "sort=-no.such", "id",
    "id=%00", "id=%FF", "__class__=1", "id%27%20OR%201=1",
    "&".join(f"id={n}" for n in range(2000)),
]  # fmt: skip
TEXTS = ["x" * 5000, "'; DROP TABLE product; --", "é" * 300, "\u202e", "%", "_", "\\", "💥"]


class Endless(RawIOBase):
    """More of a body than anybody takes."""

    given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = b"x" * (65_536 if size < 0 else min(size, 65_536))
        self.given += len(piece)
        return piece


def refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer.raw
    assert answer.body["@type"] == "Error"
    assert {"code", "reason", "message", "status"} <= answer.body.keys()
    assert "Traceback" not in answer.raw.decode()
    assert "sqlalchemy" not in answer.raw.decode().lower()


def writing(app: Any, method: str) -> Iterator[str]:
    """Every path that takes a body by this method."""
    for path, resource in routes(app):
        if hasattr(resource, f"on_{method.lower()}") and not getattr(resource, "is_open", False):
            yield path


def test_bodies_that_cannot_be_read(app: Any, api: Client) -> None:
    """By every POST there is."""
    paths = [path.replace("{ident}", "any") for path in writing(app, "POST")]
    assert len(paths) > 60
    for path in paths:
        for _, body, status in UNREADABLE:
            refused(api.bare("POST", path, body), status, 404)
        for media in ("application/xml", "text/plain", "multipart/form-data; boundary=x"):
            refused(api.bare("POST", path, b"<a/>", media=media), 415, 404)


def test_bodies_that_are_too_large(app: Any, api: Client) -> None:
    """Ten megabytes that say so are not read at all, those that don't, no further than bodies
    go."""
    headers = {"X-API-Key": api._key or ""}
    for method in ("POST", "PATCH", "PUT"):
        for path in writing(app, method):
            where = path.replace("{ident}", "any")
            for said in ({"Content-Length": "10000000"}, {}):
                body = Endless()
                answer = Answer(
                    api._http.simulate_request(
                        method, where, headers=headers | said,
                        extras={"wsgi.input": body, "CONTENT_LENGTH": said.get("Content-Length")}
                        if said
                        else {"wsgi.input": body},
                    )
                )  # fmt: skip
                refused(answer, 413, 404)
                assert body.given == 0 if said else body.given < 3_000_000, path


@pytest.fixture
def town(
    api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> None:
    """Somebody has something of nearly everything."""
    two(api, books, charging, clock, relay)


@pytest.mark.slow
def test_nothing_that_is_there_takes_what_cannot_be_read_or_meant(
    app: Any,
    api: Client,
    town: None,
    books: Database,
    charging: Database,
    clock: DrivenClock,
) -> None:
    """In one town, which takes a while to build, and is changed by none of these."""
    offered = [each for of in all_apis(books, charging, clock) for each in of.resources]
    methods = dict(routes(app))
    for resource in offered:
        before = api.bare("GET", f"{resource.path}?limit=1000").raw
        _no_list_is_found_by_what_makes_no_sense(api, resource)
        there = api.bare("GET", f"{resource.path}?limit=1").body
        where = f"{resource.path}/{there[0]['id'] if there else 'any'}"
        handler = methods[f"{resource.path}/{{ident}}"]
        for method in ("PATCH", "PUT"):
            if hasattr(handler, f"on_{method.lower()}"):
                _no_change_is_made_by_what_makes_no_sense(api, method, where, there)
        assert api.bare("GET", f"{resource.path}?limit=1000").raw == before, resource.path


def _no_list_is_found_by_what_makes_no_sense(api: Client, resource: Any) -> None:
    for query in BAD_QUERIES:
        refused(api.bare("GET", f"{resource.path}?{query}"), 400)
    every = ",".join(sorted(resource.filters))
    many = ",".join([every] * 40)
    assert api.bare("GET", f"{resource.path}?sort={many}").status in (200, 206, 400)
    texts = cycle(TEXTS)
    for name, path in resource.filters.items():
        for op in path.operators:
            text = next(texts)
            answer = api.bare("GET", f"{resource.path}?{name}.{op}={quote(text)}")
            assert answer.status in (200, 206, 400), (name, op, text, answer.raw)


def _no_change_is_made_by_what_makes_no_sense(
    api: Client, method: str, where: str, there: list[Any]
) -> None:
    missing = () if there else (404,)
    for _, body, status in UNREADABLE:
        refused(api.bare(method, where, body), status, *missing)
    for media in ("application/xml", "text/plain", "application/json-seq"):
        refused(api.bare(method, where, b"<a/>", media=media), 415, *missing)
    if there and method == "PATCH":
        for change in ({"id": "another"}, {"href": "/elsewhere"}):
            refused(api.bare("PATCH", where, change), 400, 403, 409, 422)
        steps = "application/json-patch+json"
        for step in (
            {"op": "replace", "path": "/id", "value": "another"},
            {"op": "remove", "path": "/nosuchthing"},
            {"op": "jump", "path": "/id"},
            {"op": "replace", "path": "id", "value": 1},
            {"op": "add", "path": "", "value": []},
            {"op": "copy", "from": "", "path": "/id"},
        ):
            refused(api.bare("PATCH", where, [step], media=steps), 400, 403, 409, 422)
        test = [{"op": "test", "path": "/id", "value": 1}]
        refused(api.bare("PATCH", where, test, media=steps), 409)


def test_a_reference_to_nothing_is_named(api: Client) -> None:
    payer = shop.account(api)
    body = shop.order_body(payer, {"id": "nothing"})
    answer = api.post(f"{shop.ORDERING}/productOrder", body)
    refused(answer, 400)
    assert answer.body["path"] == "productOrderItem[0].productOffering.id"
