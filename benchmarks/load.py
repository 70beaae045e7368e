"""What the load generators share: sessions one after another, the books that they keep, and the
command line.

    python -m benchmarks.gy_load HOST PORT [--seconds 10 | --requests N] [--outstanding 64]
        [--subscribers 100000] [--first 0] [--stride 1] [--connections 4] [--updates 3]

Each of the outstanding requests belongs to a session that runs from its beginning over its updates
to its end and reports exactly what it was granted; the next session is another subscriber's. A
generator keeps its own books, which must be the server's in the end, and prints them as one line
of JSON with what it measured. Exit code 1: an answer was not as it should be, or one is missing.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import uvloop

FIRST_IMSI = 999_700_000_000_000
ASKED = 1_000_000
RATING_GROUP = 1


def imsi(subscriber: int) -> str:
    """The IMSI of subscriber 0, 1, 2...; the benchmark provisions these."""
    return str(FIRST_IMSI + subscriber)


@dataclass
class Session:
    """What one of the outstanding requests belongs to."""

    slot: int
    subscriber: int = 0
    name: bytes = b""
    number: int = 0
    granted: int = 0
    sent: float = 0.0


@dataclass
class Books:
    """What the generator saw; the octets of answered requests only."""

    sent: int = 0
    answered: int = 0
    sessions: int = 0
    granted: int = 0
    used: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))

    def note(self, what: str) -> None:
        self.wrong[what] = self.wrong.get(what, 0) + 1


class Load:
    """All sessions, over all connections."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.updates: int = arguments.updates
        self.subscribers: int = arguments.subscribers
        self.limit: int = arguments.requests or sys.maxsize
        self.until = float("inf")
        self.books = Books()
        self.first: int = arguments.first
        self.stride: int = arguments.stride
        self.next_subscriber = 0
        self.run = f"{int(time.time()):010d}{os.getpid() % 100_000_000:08d}"
        self.flying = 0
        self.idle = asyncio.Event()

    def begin(self, session: Session) -> None:
        """The next subscriber's session takes this one's place."""
        self.books.sessions += 1
        session.subscriber = self.first + self.next_subscriber
        self.next_subscriber = (self.next_subscriber + self.stride) % self.subscribers
        session.name = b"g;%18s;%019d" % (self.run.encode(), self.books.sessions)
        session.number = 0
        session.granted = 0

    def may_begin(self) -> bool:
        return self.books.sent < self.limit and time.perf_counter() < self.until


class Playing(Protocol):
    """One connection of a generator's."""

    def start(self, session: Session) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


Connect = Callable[[Load, argparse.Namespace, int], Awaitable[Playing]]


async def drive(arguments: argparse.Namespace, connect: Connect) -> dict[str, object]:
    load = Load(arguments)
    connections = [
        await connect(load, arguments, number) for number in range(arguments.connections)
    ]
    began, worked = time.perf_counter(), time.process_time()
    if not arguments.requests:
        load.until = began + arguments.seconds
    for slot in range(arguments.outstanding):
        connections[slot % len(connections)].start(Session(slot))
    for connection in connections:
        connection.flush()
    await asyncio.wait_for(load.idle.wait(), (arguments.seconds or 0) + arguments.patience)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    for connection in connections:
        connection.close()
    return {**summary(load.books, took), "processor_s": round(worked, 3)}


def summary(books: Books, took: float) -> dict[str, object]:
    ordered = sorted(books.seconds)

    def percentile(share: float) -> float:
        if not ordered:
            return 0.0
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 3)

    return {
        "requests_per_s": round(books.answered / took, 1),
        "p50_ms": percentile(0.50),
        "p99_ms": percentile(0.99),
        "max_ms": percentile(1.0),
        "seconds": round(took, 3),
        "answered": books.answered,
        "sessions": books.sessions,
        "granted_octets": books.granted,
        "used_octets": books.used,
        "wrong": books.wrong,
    }


def main(prog: str, connect: Connect) -> int:
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--requests", type=int, default=0, help="instead of seconds")
    parser.add_argument("--outstanding", type=int, default=64)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="subscriber's number")
    parser.add_argument("--stride", type=int, default=1, help="from one subscriber to the next")
    parser.add_argument("--updates", type=int, default=3, help="in each session")
    parser.add_argument("--patience", type=float, default=60.0, help="for the last answers")
    found = uvloop.run(drive(parser.parse_args(), connect))
    print(json.dumps(found))
    return 1 if found["wrong"] else 0
