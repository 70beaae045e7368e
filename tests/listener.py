"""A listener: a real HTTP server on loopback that remembers what it was told."""

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Heard(msgspec.Struct):
    """One request: where, with which headers, and the event."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes

    @property
    def type(self) -> str:
        said: str = self.body["eventType"]
        return said

    @property
    def resource(self) -> dict[str, Any]:
        """The resource that it is about."""
        (found,) = self.body["event"].values()
        assert isinstance(found, dict)
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that the client broke off is no news."""


class ListenerServer:
    """Answers with `answer(heard)`: a status, or a status and headers; 201 unless told
    otherwise. It is asked before what it heard counts as taken; `held` keeps it from
    answering until it is set."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Heard] = []
        self.taken: list[Heard] = []
        self.answer: Callable[[Heard], Any] = lambda _heard: 201
        self.held = threading.Event()
        self.held.set()
        self.reached = threading.Semaphore(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = msgspec.json.decode(raw)
                heard = Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body, raw)
                outer.asked.append(heard)
                outer.reached.release()
                outer.held.wait(60)
                said = outer.answer(heard)
                status, headers = said if isinstance(said, tuple) else (said, {})
                if 200 <= status < 300:
                    outer.taken.append(heard)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

        self._scheme = "https" if tls else "http"
        self._server = _Server((host, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def types(self) -> list[str]:
        return [each.type for each in self.taken]

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
