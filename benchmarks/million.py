"""One core and 2 GB for a million subscribers: what an account takes on disk, how long the charging
process needs until it answers its first request, how much memory it has then, and whether that
grows with the requests.

BENCH_MILLION_ACCOUNTS (1,000,000) and BENCH_MILLION_REQUESTS (1,000,000) change the size.
"""

import os
import time
from datetime import UTC, datetime

from benchmarks import spent
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh
from benchmarks.subscribers import (
    Answers,
    agree,
    begin,
    finished,
    free_port,
    legal_entity,
    provision,
)
from trunkline.platform import schema
from trunkline.platform.db import Database, charging_metadata
from trunkline.rating import compiled
from trunkline.supervisor import Supervisor

ACCOUNTS = int(os.environ.get("BENCH_MILLION_ACCOUNTS", "1000000"))
REQUESTS = int(os.environ.get("BENCH_MILLION_REQUESTS", "1000000"))
STRIDE = 611_953
"""A prime: requests go to accounts all over the file, and to each of them in the end."""
PARTS = 10
"""After the first of them the process has what it keeps: from then on its memory is watched."""
PATIENCE = 600 + REQUESTS / PARTS / 1000
"""Seconds that a tenth may take."""
FLAT = 0.02
MEGABYTE = 1_000_000


@benchmark("million")
def on_sqlite() -> Figures:
    place = fresh(BUILD / "bench" / "million")
    books, file = f"sqlite:///{place}/books.db", place / "charging.db"
    charging = f"sqlite:///{file}"
    schema.upgrade(books, "books")
    schema.upgrade(charging, "charging")
    compiled.load()  # as `make` does
    database = Database(charging, metadata=charging_metadata)
    try:
        began = time.perf_counter()
        provision(database, legal_entity(books), range(ACCOUNTS), datetime.now(UTC))
        took = time.perf_counter() - began
        database.checkpoint()
        per_account = file.stat().st_size / ACCOUNTS
        print(f"   {ACCOUNTS:,} accounts in {took:.0f} s", flush=True)
        figures = {"million.account_bytes": per_account, "million.provision_s": took}
        figures |= _serve(books, charging, database)
    finally:
        database.close()
    return figures


def _serve(books: str, charging: str, database: Database) -> Figures:
    port = free_port()
    environment = {
        "TRUNKLINE_DATABASES_BOOKS": books,
        "TRUNKLINE_DATABASES_CHARGING": charging,
        "TRUNKLINE_CHARGING_PORT": str(port),
        "TRUNKLINE_CHARGING_METRICS_PORT": "0",
        "TRUNKLINE_NCHF_PORT": "0",
        "TRUNKLINE_LOG_LEVEL": "error",
    }

    def drive(*options: str) -> Answers:
        chosen = "--subscribers", str(ACCOUNTS), "--stride", str(STRIDE)
        patient = "--patience", str(PATIENCE)
        generator = begin("benchmarks.gy_load", port, *chosen, *patient, *options)
        found = finished(generator, PATIENCE + 60)
        used.append(found["used_octets"])
        return found

    used: list[int] = []
    with Supervisor(environment) as supervisor:
        began = time.perf_counter()
        supervisor.start(("charging",))
        ready = time.perf_counter() - began
        first = drive("--requests", "1", "--outstanding", "1", "--connections", "1")
        [pid] = supervisor.pids("charging")
        resident = [spent.resident(pid)]
        supervisor.start(("jobs",))
        speeds = []
        for part in range(PARTS):
            speeds.append(drive("--requests", str(REQUESTS // PARTS))["requests_per_s"])
            resident.append(spent.resident(pid))
            print(
                f"   {(part + 1) * REQUESTS // PARTS:,} requests: {resident[-1] / MEGABYTE:.1f} MB",
                flush=True,
            )
    agree(database, sum(used))
    grown = resident[-1] - resident[1]
    verdict = "is flat" if grown < FLAT * resident[1] else "GROWS"
    print(f"   memory {verdict}: {grown / MEGABYTE:+.1f} MB since the first tenth", flush=True)
    return {
        "million.ready_s": ready,
        "million.first_answer_s": ready + first["max_ms"] / 1000,
        "million.ccr_per_s": sum(speeds) / len(speeds),
        "million.resident_mb": resident[0] / MEGABYTE,
        "million.resident_after_mb": resident[-1] / MEGABYTE,
        "million.grown_mb": grown / MEGABYTE,
    }
