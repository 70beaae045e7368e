"""Import and export jobs (TMF620, 633, 634), against a real file server on loopback."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from tests.cases import together
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.shop import CATALOG, made, offer
from trunkline.app.files import HttpFiles
from trunkline.catalog import run_transfers
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, DatabaseUnavailable
from trunkline.tmf.hub.callbacks import CallbackRule

SERVICES = "/tmf-api/serviceCatalogManagement/v4"


class FileServer(ThreadingHTTPServer):
    """Keeps what is PUT, and gives it back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Files)
        self.files: dict[str, bytes] = {}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def put(self, name: str, value: Any) -> str:
        raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
        self.files[f"/{name}"] = raw
        return self.url(name)


class _Files(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        found = self.server.files.get(self.path)
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.files[self.path] = self.rfile.read(length)
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Silent."""


@pytest.fixture
def there() -> Iterator[FileServer]:
    server = FileServer()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.shutdown()
    server.server_close()
    serving.join()


FILES = HttpFiles(CallbackRule(allow_private=True))


def done(api: Client, books: Database, clock: DrivenClock, job: Any) -> Any:
    clock.set(clock.now() + timedelta(seconds=5))
    assert run_transfers(books, FILES, clock.now()) == 1
    return api.get(job["href"]).body


def test_what_was_exported_comes_in_again_and_changes_nothing(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    offer(api, "Flat")
    offer(api, "Family", bundledProductOffering=[])
    category = made(api.post(f"{CATALOG}/category", {"name": "Plans"}))
    before = {name: api.get(f"{CATALOG}/{name}").body for name in ("productOffering", "category")}
    job = made(api.post(f"{CATALOG}/exportJob", {"url": there.url("all.json")}))
    assert (job["status"], job["creationDate"]) == ("Not Started", "2026-11-02T09:00:00.000Z")
    job = done(api, books, clock, job)
    assert (job["status"], job["completionDate"]) == ("Succeeded", "2026-11-02T09:00:05.000Z")
    exported = msgspec.json.decode(there.files["/all.json"])
    assert {each["name"] for each in exported["productOffering"]} == {"Flat", "Family"}
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.url("all.json")}))
    assert done(api, books, clock, job)["status"] == "Succeeded"
    for name, listed in before.items():
        assert api.get(f"{CATALOG}/{name}").body == listed
    assert api.delete(category["href"]).status == 204
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.url("all.json")}))
    assert done(api, books, clock, job)["status"] == "Succeeded"
    assert api.get(category["href"]).body["name"] == "Plans"


class _Broken(HttpFiles):
    """Fails as only a mistake of ours would."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(CallbackRule(allow_private=True))
        self._failure = failure

    def fetch(self, url: str, limit: int) -> bytes:
        raise self._failure


def test_a_job_that_fails_by_our_fault_ends_and_holds_no_other_up(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.url("all.json")}))
    next_job = made(api.post(f"{CATALOG}/exportJob", {"url": there.url("all.json")}))
    assert run_transfers(books, _Broken(RecursionError("too deep")), clock.now(), most=1) == 1
    job = api.get(job["href"]).body
    assert job["status"] == "Failed"
    assert "too deep" in job["errorLog"]
    assert done(api, books, clock, next_job)["status"] == "Succeeded"


def test_a_job_whose_database_is_away_is_run_again(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    there.put("empty.json", {})
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.url("empty.json")}))
    with pytest.raises(DatabaseUnavailable):
        run_transfers(books, _Broken(DatabaseUnavailable("books: locked")), clock.now())
    assert api.get(job["href"]).body["status"] == "Running"
    assert done(api, books, clock, job)["status"] == "Succeeded"


def test_an_export_can_be_of_some(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    wanted = made(api.post(f"{CATALOG}/category", {"name": "Plans", "isRoot": True}))
    made(api.post(f"{CATALOG}/category", {"name": "Devices", "isRoot": False}))
    body = {"url": there.url("some"), "path": f"{CATALOG}/category", "query": "isRoot=true"}
    job = made(api.post(f"{CATALOG}/exportJob", body))
    assert done(api, books, clock, job)["status"] == "Succeeded"
    (exported,) = msgspec.json.decode(there.files["/some"])
    assert exported["id"] == wanted["id"]


def test_entries_come_in_whatever_their_order(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    url = there.put(
        "services",
        {
            "serviceCandidate": [{"id": "c", "name": "c", "serviceSpecification": {"id": "top"}}],
            "serviceSpecification": [
                {
                    "id": "top",
                    "name": "top",
                    "serviceSpecRelationship": [{"relationshipType": "dependency", "id": "low"}],
                },
                {"id": "low", "name": "low"},
            ],
        },
    )
    job = made(api.post(f"{SERVICES}/importJob", {"url": url}))
    assert done(api, books, clock, job)["status"] == "Succeeded"
    assert len(api.get(f"{SERVICES}/serviceSpecification").body) == 2


@together(
    ("content", "said"),
    [
        (b"{", "$: the body is not JSON"),
        ([], "$: the file holds an object"),
        ({"productOffering": {}}, "productOffering: is not a list"),
        ({"serviceCandidate": []}, "serviceCandidate: is none of"),
        ({"category": ["x"]}, "category[0]: is not an object"),
        ({"category": [{"name": "ok"}, {"description": "x"}]}, "category[1].name: a name"),
        ({"category": [{"name": "ok", "parentId": "no"}]}, "category[0].parentId: there is no"),
        ({"category": [{"id": "a", "name": "a", "parentId": "b"},
                       {"id": "b", "name": "b", "parentId": "a"}]}, "which refers back to it"),
    ],
)  # fmt: skip
def test_a_file_comes_in_whole_or_not_at_all(
    api: Client,
    books: Database,
    clock: DrivenClock,
    there: FileServer,
    content: Any,
    said: str,
) -> None:
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.put("bad", content)}))
    job = done(api, books, clock, job)
    assert (job["status"], said in job["errorLog"]) == ("Failed", True), job
    assert api.get(f"{CATALOG}/category").body == []
    assert api.delete(job["href"]).status == 204


def test_files_that_can_not_be_had(
    api: Client, books: Database, clock: DrivenClock, there: FileServer
) -> None:
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.url("absent")}))
    assert "answered 404" in done(api, books, clock, job)["errorLog"]
    job = made(api.post(f"{CATALOG}/importJob", {"url": there.put("x", {})}))
    run_transfers(books, HttpFiles(CallbackRule()), clock.now())
    refused = api.get(job["href"]).body
    assert (refused["status"], "no address of the public" in refused["errorLog"]) == (
        "Failed",
        True,
    )


@together(
    ("body", "path"),
    [
        ({}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "http://a", "contentType": "text/csv"}, "contentType"),
        ({"url": "http://a", "path": "/tmf-api/other/v4/customer"}, "path"),
        ({"url": "http://a", "status": "Succeeded"}, "status"),
    ],
)
def test_what_is_wrong_is_named(api: Client, body: Any, path: str) -> None:
    for collection in ("importJob", "exportJob"):
        refused = api.post(f"{CATALOG}/{collection}", body)
        assert (refused.status, refused.body["path"]) == (400, path)
        assert api.get(f"{CATALOG}/{collection}").body == []


def test_jobs_belong_to_their_own_api_and_are_not_patched(api: Client) -> None:
    made(api.post(f"{SERVICES}/importJob", {"url": "http://a.example/x"}))
    assert api.get(f"{CATALOG}/importJob").body == []
    (job,) = api.get(f"{SERVICES}/importJob?status=Not+Started").body
    assert api.patch(job["href"], {"url": "http://b.example"}).status == 405
