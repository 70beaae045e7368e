"""A network element to try things with: it speaks TMF640 over HTTP, as an HSS or UDM behind an
activation system would, and can be told to be slow, to refuse, and to be away.

    python -m trunkline.network.simulator --port 9640

`POST /behaviour` (or `Simulator.behaviour`) says how it behaves from then on.
"""

import argparse
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

BASE = "/tmf-api/ServiceActivationAndConfiguration/v4"
_COMPLETED = "Completed"
Json = dict[str, Any]


class Behaviour(msgspec.Struct, kw_only=True):
    """How it behaves. `looks` is how often one has to ask before a request is done; 0 answers at
    once. The next `away` requests get a 503, the next `lost` are carried out and then cut off.
    A service with a characteristic value among `refused` is refused. With a `token`, nobody else
    is let in. `delay` seconds pass before each answer."""

    looks: int = 0
    away: int = 0
    lost: int = 0
    refused: list[str] = msgspec.field(default_factory=list)
    token: str = ""
    delay: float = 0.0


class Simulator:
    """The services that the element has, by its own names for them."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.services: dict[str, Json] = {}
        self.requests: list[tuple[str, str]] = []
        self._monitors: dict[str, Json] = {}
        self._answers: dict[str, tuple[int, Json]] = {}
        self._serial = itertools.count(1)
        self._lock = threading.Lock()

    @contextmanager
    def serving(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
        """Serves in a thread, and gives the base path's URL."""
        simulator = self

        class Handler(_Handler):
            element = simulator

        server = ThreadingHTTPServer((host, port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}{BASE}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, method: str, path: str, query: str, key: str, body: Json) -> tuple[int, Any]:
        """What a request comes to; the same key gets the same answer again."""
        with self._lock:
            self.requests.append((method, path))
            if self.behaviour.away > 0:
                self.behaviour.away -= 1
                return 503, _error(503, "try later")
            kind, _, ident = path.removeprefix(f"{BASE}/").partition("/")
            if kind == "monitor" and method == "GET":
                return self._looked_at(unquote(ident))
            if kind != "service":
                return 404, _error(404, path)
            if method == "GET":
                return self._read(unquote(ident), query)
            if key and (known := self._answers.get(key)) is not None:
                return known
            answer = self._written(method, unquote(ident), body)
            if key:
                self._answers[key] = answer
            return answer

    def _read(self, ident: str, query: str) -> tuple[int, Any]:
        if ident:
            found = self.services.get(ident)
            return (200, found) if found else (404, _error(404, ident))
        wanted = parse_qs(query).get("relatedEntity.id", [])
        return 200, [
            each
            for each in self.services.values()
            if not wanted or any(one["id"] in wanted for one in each.get("relatedEntity", ()))
        ]

    def _written(self, method: str, ident: str, body: Json) -> tuple[int, Json]:
        if method == "POST" and not ident:
            ident = f"hss-{next(self._serial)}"
            known: Json | None = {"id": ident, "href": f"{BASE}/service/{ident}"}
        else:
            known = self.services.get(ident)
        if known is None:
            return 404, _error(404, ident)
        values = {each.get("value") for each in body.get("serviceCharacteristic", ())}
        if refused := values & set(self.behaviour.refused):
            return 422, _error(422, f"unknown subscriber {', '.join(map(str, refused))}")
        wanted = body.get("state")
        if method == "DELETE":
            after: Json | None = None
        else:
            after = {**known, **body, "state": wanted or known.get("state", "active")}
        if self.behaviour.looks:
            if after is not None and method == "POST":
                self.services[ident] = {**after, "state": "reserved"}
            return 202, self._monitor(ident, after)
        self._put(ident, after)
        return {"POST": 201, "PATCH": 200}.get(method, 204), after or {}

    def _put(self, ident: str, after: Json | None) -> None:
        if after is None:
            self.services.pop(ident, None)
        else:
            self.services[ident] = after

    def _monitor(self, ident: str, after: Json | None) -> Json:
        name = f"mon-{next(self._serial)}"
        monitor = {
            "id": name,
            "href": f"{BASE}/monitor/{name}",
            "sourceHref": f"{BASE}/service/{ident}",
            "state": "InProgress",
            "_left": self.behaviour.looks,
            "_then": (ident, after),
        }
        self._monitors[name] = monitor
        return _shown(monitor)

    def _looked_at(self, name: str) -> tuple[int, Json]:
        monitor = self._monitors.get(name)
        if monitor is None:
            return 404, _error(404, name)
        monitor["_left"] -= 1
        if monitor["_left"] <= 0 and monitor["state"] != _COMPLETED:
            self._put(*monitor["_then"])
            monitor["state"] = _COMPLETED
        return 200, _shown(monitor)


def _shown(monitor: Json) -> Json:
    return {name: each for name, each in monitor.items() if not name.startswith("_")}


def _error(status: int, said: str) -> Json:
    return {"@type": "Error", "code": str(status), "reason": said, "message": said}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    element: Simulator

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        element = self.element
        if parts.path == "/behaviour" and self.command == "POST":
            element.behaviour = msgspec.json.decode(raw, type=Behaviour)
            self._send(204, None)
            return
        token = element.behaviour.token
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self._send(401, _error(401, "who are you?"))
            return
        body = msgspec.json.decode(raw, type=Json) if raw else {}
        key = self.headers.get("Idempotency-Key") or ""
        status, said = element.answer(self.command, parts.path, parts.query, key, body)
        if element.behaviour.delay:
            threading.Event().wait(element.behaviour.delay)
        if self.command != "GET" and status < 300 and element.behaviour.lost > 0:
            element.behaviour.lost -= 1
            self.close_connection = True
            return
        self._send(status, said)

    def _send(self, status: int, body: Any) -> None:
        raw = b"" if status == 204 or body is None else msgspec.json.encode(body)
        self.send_response(status)
        if status == 202:
            self.send_header("Location", body["href"])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Tests look at `Simulator.requests`."""


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description="A network element that speaks TMF640")
    parser.add_argument("--port", type=int, default=9640)
    with Simulator().serving(parser.parse_args().port) as url:
        print(url, flush=True)  # noqa: T201 (whoever started it reads this)
        threading.Event().wait()


if __name__ == "__main__":
    main()
