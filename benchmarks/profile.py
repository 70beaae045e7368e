"""What a Gy request costs the charging process, stage by stage: microseconds of processor time.

The edge, the batcher and group commit run in this process on an fsync'ing database, watched; the
load generator beside it, 64 requests outstanding over 4 connections. A stage's time is its own,
without that of the stages inside it. Watching takes two or three microseconds of the whole.
BENCH_PROFILE_REQUESTS (40,000) and BENCH_GY_SUBSCRIBERS (100,000) change the size.
"""

import asyncio
import gc
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import uvloop

from benchmarks.gy import PLACE, SUBSCRIBERS
from benchmarks.harness import Figures, benchmark
from benchmarks.places import fresh, postgresql
from benchmarks.subscribers import agree, begin, finished, provision
from trunkline.charging import Batcher, GroupCommit, hot
from trunkline.diameter import GySettings, gy
from trunkline.ledger import LegalEntityId
from trunkline.platform import schema
from trunkline.platform.clock import SystemClock
from trunkline.platform.db import Database, charging_metadata
from trunkline.platform.settings import LogSettings
from trunkline.platform.telemetry import configure_logs
from trunkline.rating import Rater, compiled

REQUESTS = int(os.environ.get("BENCH_PROFILE_REQUESTS", "40000"))

STAGES: dict[str, tuple[Any, str]] = {
    "reading the message": (gy, "read"),
    "taking rows": (hot, "take"),
    "deciding": (GroupCommit, "_decide"),
    "rating": (Rater, "rate"),
    "writing rows": (hot, "write"),
    "beginning and committing": (GroupCommit, "attempt"),
    "answering": (gy.GyServer, "answered"),
}
REST = "sockets and batching"


@benchmark("profile")
def on_sqlite() -> Figures:
    return _measure(f"sqlite:///{fresh(PLACE / 'profile-sqlite')}/charging.db", "")


@benchmark("profile.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "profile-postgresql")) as url:
        return _measure(url("charging"), ".postgresql")


def _measure(url: str, suffix: str) -> Figures:
    configure_logs(LogSettings(level="error"))
    compiled.load()
    schema.upgrade(url, "charging")
    database = Database(url, metadata=charging_metadata)
    watch = Watch()
    try:
        provision(database, LegalEntityId("le_1"), range(SUBSCRIBERS), datetime.now(UTC))
        _, used = uvloop.run(_serve(database))
        with watch:
            total, watched = uvloop.run(_serve(database))
        agree(database, used + watched)
    finally:
        database.close()
    took = watch.took | {REST: total - sum(watch.took.values()), "a request": total}
    return {
        f"profile.{stage}{suffix} [us]": seconds * 1e6 / REQUESTS for stage, seconds in took.items()
    }


class Watch:
    """Of whose time it is, on one thread."""

    def __init__(self) -> None:
        self.took = dict.fromkeys(STAGES, 0.0)
        self._inside: list[str] = []
        self._since = 0.0
        self._patches = [
            mock.patch.object(owner, name, self._watched(stage, getattr(owner, name)))
            for stage, (owner, name) in STAGES.items()
        ]

    def __enter__(self) -> None:
        for each in self._patches:
            each.start()

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    def _watched(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            self._turn()
            self._inside.append(stage)
            try:
                return function(*args, **named)
            finally:
                self._turn()
                self._inside.pop()

        return watched

    def _turn(self) -> None:
        now = time.thread_time()
        if self._inside:
            self.took[self._inside[-1]] += now - self._since
        self._since = now


async def _serve(database: Database) -> tuple[float, int]:
    """The processor's seconds that this process takes for the requests, and the octets that they
    report."""
    charging = GroupCommit(database, persisted=False)
    persist = database.persist if database.dialect == "sqlite" else None
    batcher = Batcher(charging.attempt, SystemClock(), persist=persist)
    server = gy.GyServer(GySettings("chf.example", "example", port=0), batcher, SystemClock())
    port = await server.start()
    gc.collect()
    gc.freeze()  # as the charging process does once it is ready
    gc.set_threshold(10_000, 20, 20)
    began = time.process_time()
    options = "--subscribers", str(SUBSCRIBERS), "--requests", str(REQUESTS)
    generator = begin("benchmarks.gy_load", port, *options)
    found = await asyncio.to_thread(finished, generator, 300.0)
    took = time.process_time() - began
    await server.stop()
    used: int = found["used_octets"]
    return took, used
