"""Files at addresses that clients name: fetched and sent as events are, to no address that
settings don't allow, and to the very one that was looked at."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping

from trunkline.catalog import TransferFailed, run_transfers
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.loops import keep_at
from trunkline.tmf.hub.callbacks import Callback, CallbackRule, parse, resolve

LOOK_EVERY = 2.0
"""Seconds."""
CONNECT = 3.0
TOTAL = 60.0
"""Seconds for a connection, and for a whole file."""
_PIECE = 65_536


class HttpFiles:
    """Files over HTTP/1.1, on a connection each; redirects are not followed."""

    def __init__(self, rule: CallbackRule, *, total: float = TOTAL) -> None:
        self._rule = rule
        self._total = total
        self._tls = ssl.create_default_context()

    def fetch(self, url: str, limit: int) -> bytes:
        """The file there, of at most `limit` bytes. Raises `TransferFailed`."""
        return self._exchange("GET", url, None, {}, limit)

    def send(self, url: str, body: bytes, media: str) -> None:
        """PUTs the file there. Raises `TransferFailed`."""
        self._exchange("PUT", url, body, {"Content-Type": media}, _PIECE)

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> bytes:
        callback = parse(url, path="url")
        until = time.monotonic() + self._total
        connection = http.client.HTTPConnection(callback.host, callback.port)
        try:
            connection.sock = self._connected(callback)
            connection.request(
                method,
                callback.at(callback.path or "/"),
                body,
                {"Host": callback.authority, "User-Agent": "Trunkline", **headers},
            )
            answer = connection.getresponse()
            if not 200 <= answer.status < 300:
                raise TransferFailed(f"{callback.host} answered {answer.status}", path="url")
            return self._read(answer, limit, until)
        except (OSError, http.client.HTTPException) as error:
            raise TransferFailed(f"{callback.host}: {error}", path="url") from error
        finally:
            connection.close()

    def _read(self, answer: http.client.HTTPResponse, limit: int, until: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise TransferFailed(f"the file has more than {limit} bytes", path="url")
            if time.monotonic() > until:
                raise TransferFailed(f"it took more than {self._total:g} s", path="url")
        return b"".join(pieces)

    def _connected(self, callback: Callback) -> socket.socket:
        allowed = [a for a in resolve(callback.host, callback.port) if self._rule.allows(a)]
        if not allowed:
            raise self._rule.refusal(callback.host, path="url")
        plain = socket.create_connection((allowed[0], callback.port), timeout=CONNECT)
        plain.settimeout(self._total)
        if callback.scheme == "http":
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=callback.host)
        except BaseException:
            plain.close()
            raise


class Transfers:
    """Runs the catalogue's import and export jobs."""

    def __init__(self, books: Database, clock: Clock, rule: CallbackRule) -> None:
        self._books = books
        self._clock = clock
        self._files = HttpFiles(rule)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; one job after another, so that it is heard between them."""
        keep_at(self._run_one, stop, name="catalogue jobs")

    def _run_one(self) -> float:
        done = run_transfers(self._books, self._files, self._clock.now(), most=1)
        return 0 if done else LOOK_EVERY
