"""A client that holds every answer against TM Forum's document of its API, and against ours.

The documents are read from ../shared/specs/tmf; where they are absent, answers are held against
our own OpenAPI alone, and the tests that are about the documents say that they skipped.
"""

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import falcon.testing
import msgspec
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker

from tests.conformance.tmf import tally
from tests.conformance.tmf.announced import Recorder

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "tmf"

_FORMATS = FormatChecker(formats=())
_MISPRINTED = {"TMF672": "/tmf-api/rolesAndPermissionsManagement/v4"}
"""Base paths where a document carries another's."""
_OURS = {206, 304, 412, 413, 415, 422, 429, 503}
"""Statuses of TMF630 and HTTP that the documents do not list."""
_OUR_OWN = re.compile(r"GET /hub(/[^/]+)?|[A-Z]+ /parkedDelivery(/[^/]+)?")
"""What can be asked beyond the documents: who listens, and what could not be delivered."""


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def documents() -> dict[str, Any]:
    """The swagger documents by base path, without a slash at the end."""
    found = {}
    for path in sorted(SPECS.glob("*.swagger.json")):
        document = msgspec.json.decode(path.read_bytes())
        base = _MISPRINTED.get(path.name.partition("-")[0], document["basePath"])
        found[base.rstrip("/")] = document
    return found


@cache
def _validator(base: str, name: str, *, many: bool) -> Any:
    schema: dict[str, Any] = {"$ref": f"#/definitions/{name}"}
    if many:
        schema = {"type": "array", "items": schema}
    definitions = documents()[base]["definitions"]
    return Draft4Validator({**schema, "definitions": definitions}, format_checker=_FORMATS)


def _whole(schema: Any) -> Any:
    """The schema of what no `fields` have made smaller."""
    if "items" in schema:
        return {**schema, "items": _whole(schema["items"])}
    return schema["anyOf"][0] if {"$ref": _PARTIAL} in schema.get("anyOf", ()) else schema


_PARTIAL = "#/components/schemas/Partial"


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", template))


def _fits(template: str, path: str) -> bool:
    return _pattern(template).fullmatch(path) is not None


def routes(app: Any) -> list[tuple[str, Any]]:
    """Every (path, responder) that the application has."""
    found = []

    def walk(nodes: list[Any]) -> None:
        for node in nodes:
            if node.resource is not None:
                found.append((node.uri_template, node.resource))
            walk(node.children)

    walk(app._router._roots)
    return found


class Answer:
    """What came back; `body` is the decoded JSON, None where there is none."""

    def __init__(self, result: Any) -> None:
        self.status: int = result.status_code
        self.headers = result.headers
        self.raw: bytes = result.content
        is_json = "json" in self.headers.get("content-type", "")
        self.body: Any = msgspec.json.decode(self.raw) if self.raw and is_json else None


class _Ours:
    """Our own document of an application, and what answers must be by it."""

    def __init__(self, document: Any) -> None:
        self._paths = document["paths"]
        self._components = document["components"]
        self._validators: dict[tuple[str, str, str], Any] = {}

    def validate(self, method: str, path: str, answer: Answer) -> None:
        for template, operations in self._paths.items():
            operation = operations.get(method.lower())
            if operation is None or not _fits(template, path):
                continue
            if path.startswith("/trunkline/"):
                tally.validated["/".join(path.split("/")[:4])] += 1
            if answer.body is not None:
                status = str(answer.status)
                status = status if status in operation["responses"] else "default"
                key = (template, method, status)
                if key not in self._validators:
                    self._validators[key] = self._validator(operation["responses"][status])
                self._validators[key].validate(answer.body)

    def _validator(self, said: Any) -> Any:
        if "$ref" in said:
            said = self._components["responses"]["error"]
        schema = _whole(said["content"]["application/json"]["schema"])
        return Draft202012Validator(
            {**schema, "components": self._components}, format_checker=_FORMATS
        )


_LEARNED: dict[frozenset[str], _Ours] = {}


def _ours(app: Any) -> _Ours:
    """Read once of all applications that have the same routes: it takes a second to make."""
    paths = frozenset(path for path, _ in routes(app))
    if paths not in _LEARNED:
        answer = falcon.testing.TestClient(app).simulate_get("/openapi.json")
        _LEARNED[paths] = _Ours(msgspec.json.decode(answer.content))
    return _LEARNED[paths]


class Client:
    """Requests with one API key; each answer is validated before it is returned."""

    def __init__(self, app: Any, key: str | None, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._http = falcon.testing.TestClient(app)
        self._key = key
        self._ours = _ours(app)
        self.validated = 0

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, headers=headers)

    def patch(self, path: str, body: Any, media: str | None = None, **headers: str) -> Answer:
        return self.send("PATCH", path, body, headers=headers, media=media)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.send("DELETE", path, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        media: str | None = None,
    ) -> Answer:
        where, _, query = path.partition("?")
        before = self._before(method, where)
        answer = self.bare(method, path, body, headers=headers, media=media)
        self._validate(method, where, query, answer)
        if before is not None and answer.status in (200, 201, 202, 204):
            assert self._recorder is not None
            since, old = before
            self._recorder.check(method, where, answer.body, since, changed=old != answer.body)
        return answer

    def bare(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        media: str | None = None,
    ) -> Answer:
        """The same without a look at the documents, for those who ask thousands of times."""
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self._key is not None:
            sent.setdefault("Authorization", f"Bearer {self._key}")
        raw = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        if raw is not None:
            sent["Content-Type"] = media or "application/json"
        where, _, query = path.partition("?")
        return Answer(
            self._http.simulate_request(method, where, query_string=query, body=raw, headers=sent)
        )

    def _before(self, method: str, path: str) -> tuple[int, Any] | None:
        """Before a write: how much was announced, and what a PATCH finds."""
        if self._recorder is None or method == "GET":
            return None
        old = None
        if method == "PATCH":
            sent = {"Authorization": f"Bearer {self._key}"}
            old = Answer(self._http.simulate_get(path, headers=sent)).body
        return len(self._recorder.heard), old

    def _validate(self, method: str, path: str, query: str, answer: Answer) -> None:
        assert answer.status < 500 or answer.status == 503, answer.raw
        if answer.status >= 400:
            assert answer.body["code"], answer.raw
            assert answer.body["status"] == str(answer.status)
        partial = "fields=" in query
        if not partial:
            self._ours.validate(method, path, answer)
        for base, document in documents().items():
            if path.startswith(f"{base}/"):
                own = path.removeprefix(base)
                self._validate_theirs(base, document, method, own, answer, partial=partial)
                return

    def _validate_theirs(
        self,
        base: str,
        document: Any,
        method: str,
        path: str,
        answer: Answer,
        *,
        partial: bool,
    ) -> None:
        if _OUR_OWN.fullmatch(f"{method} {path}"):
            return
        operation = next(
            (
                operations[method.lower()]
                for template, operations in document["paths"].items()
                if _fits(template, path) and method.lower() in operations
            ),
            None,
        )
        if answer.status >= 400:
            _validator(base, "Error", many=False).validate(answer.body)
            if operation is None:
                assert answer.status in (401, 403, 404, 405), answer.raw
                return
        if answer.headers.get("content-type") == "application/pdf":
            return
        assert operation is not None, f"the document has no {method} {path}"
        known = {int(status) for status in operation["responses"]} | _OURS
        if method == "DELETE":
            known.add(202)  # its end goes on after the answer, which the documents know of POST
        assert answer.status in known, f"{method} {path}: {answer.status} is not documented"
        if answer.status in (200, 201, 206) and answer.body is not None:
            self._validate_body(base, operation, answer, partial=partial)
        self.validated += 1
        tally.validated[base] += 1

    def _validate_body(self, base: str, operation: Any, answer: Answer, *, partial: bool) -> None:
        said = operation["responses"].get(str(answer.status)) or operation["responses"]["200"]
        schema = said["schema"]
        many = schema.get("type") == "array"
        name = (schema["items"] if many else schema)["$ref"].rpartition("/")[2]
        if not partial:  # `fields` leaves out what is mandatory, too
            _validator(base, name, many=many).validate(answer.body)
        for each in answer.body if many else [answer.body]:
            assert isinstance(each["id"], str)
            assert each["href"].endswith(f"/{each['id']}")
