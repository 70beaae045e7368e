"""A client that does nothing but ask: the HTTP load generator, a process of its own.

    python -m benchmarks.rest_load HOST PORT [--seconds 5 | --once] [--connections 32]

Reads requests from standard input, a line each: the method, the path, the rest of the headers
and the body as one JSON list of strings. They are turned into bytes before the clock starts;
each connection is kept open and has one request under way at a time. `--once` sends each line
once, otherwise they go round. Prints what it measured as one line of JSON. Exit code 1: an
answer was none of 200 and 201, or one is missing.
"""

import argparse
import asyncio
import json
import sys
import time
from array import array
from collections.abc import Iterator
from itertools import cycle
from typing import cast

import uvloop

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Load:
    """What is still to be asked, and what came back."""

    def __init__(self, requests: Iterator[bytes], until: float | None) -> None:
        self.requests = requests
        self.until = until
        self.latencies = array("d")
        self.failures: list[str] = []
        self.open = 0
        self.done = asyncio.Event()

    def next(self) -> bytes | None:
        """The next request; None when it is time to stop."""
        if self.failures or (self.until is not None and time.perf_counter() >= self.until):
            return None
        return next(self.requests, None)


class Connection(asyncio.Protocol):
    """Asks, waits for the answer, asks again."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._sent_at = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.open += 1
        self._ask()

    def _ask(self) -> None:
        request = self._load.next()
        self._waiting = request is not None
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(_END_OF_HEAD)
        if head < 0:
            return
        if len(received) < head + len(_END_OF_HEAD) + _content_length(received[:head]):
            return
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        if received[9:12] not in (b"200", b"201"):
            self._load.failures.append(received.decode(errors="replace"))
        self._received = b""
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting:
            self._load.failures.append(f"the connection was lost: {error}")
        self._load.open -= 1
        if not self._load.open:
            self._load.done.set()


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.index(_LENGTH) + len(_LENGTH)
    return int(lowered[at:].partition(b"\r")[0])


async def _run(arguments: argparse.Namespace, requests: list[bytes]) -> dict[str, object]:
    began = time.perf_counter()
    load = Load(
        iter(requests) if arguments.once else cycle(requests),
        None if arguments.once else began + arguments.seconds,
    )
    loop = asyncio.get_running_loop()
    for _ in range(arguments.connections):
        await loop.create_connection(lambda: Connection(load), arguments.host, arguments.port)
    await load.done.wait()
    lasted = time.perf_counter() - began
    ordered = sorted(load.latencies)
    return {
        "answers": len(ordered),
        "requests_per_s": len(ordered) / lasted,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[len(ordered) * 99 // 100],
        "failures": load.failures[:3],
    }


def _encoded(line: str, host: str) -> bytes:
    method, path, headers, body = cast(list[str], json.loads(line))
    content = body.encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}\r\n".encode() + content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    requests = [_encoded(line, arguments.host) for line in sys.stdin]
    found = uvloop.run(_run(arguments, requests))
    print(json.dumps(found))
    complete = not arguments.once or found["answers"] == len(requests)
    return 0 if complete and not found["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
