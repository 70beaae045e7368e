"""Nchf requests answered a second over HTTP/2 in the clear, each durable before its answer.

The real charging and jobs processes on an fsync'ing database, driven by `nchf_load` from a
process of its own: 64 requests outstanding over 4 connections. The generator's books are held
against charging's journal afterwards: a figure whose books don't agree is not reported.
BENCH_NCHF_SUBSCRIBERS (100,000) and BENCH_NCHF_SECONDS (10) change the size.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from benchmarks.gy import legal_entity, provision
from benchmarks.harness import BUILD, ROOT, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline.charging import store
from trunkline.charging.journal import RecordKind
from trunkline.platform import schema
from trunkline.platform.db import Database, charging_metadata
from trunkline.supervisor import Supervisor

SUBSCRIBERS = int(os.environ.get("BENCH_NCHF_SUBSCRIBERS", "100000"))
SECONDS = float(os.environ.get("BENCH_NCHF_SECONDS", "10"))
PLACE = BUILD / "bench"

Answers = dict[str, Any]


@benchmark("nchf")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "nchf-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("nchf.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "nchf-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    books, charging = url("books"), url("charging")
    schema.upgrade(books, "books")
    schema.upgrade(charging, "charging")
    entity = legal_entity(books)
    database = Database(charging, metadata=charging_metadata)
    try:
        provision(database, entity, SUBSCRIBERS, datetime.now(UTC))
        port = _free_port()
        environment = {
            "TRUNKLINE_DATABASES_BOOKS": books,
            "TRUNKLINE_DATABASES_CHARGING": charging,
            "TRUNKLINE_CHARGING_PORT": "0",
            "TRUNKLINE_NCHF_PORT": str(port),
            "TRUNKLINE_CHARGING_METRICS_PORT": str(_free_port()),
            "TRUNKLINE_LOG_LEVEL": "error",
        }
        with Supervisor(environment) as supervisor:
            supervisor.start(("charging", "jobs"))
            runs = [
                _drive(port, "--seconds", "2"),
                single := _drive(
                    port, "--seconds", str(SECONDS / 3), "--outstanding", "1", "--connections", "1"
                ),
                loaded := _drive(port, "--seconds", str(SECONDS)),
                _drive(port, "--requests", "1", "--outstanding", "1"),
            ]
        _agree(database, sum(run["used_octets"] for run in runs))
    finally:
        database.close()
    figures = {
        "nchf.requests_per_s": loaded["requests_per_s"],
        "nchf.p50_ms": loaded["p50_ms"],
        "nchf.p99_ms": loaded["p99_ms"],
        "nchf.single_p50_ms": single["p50_ms"],
    }
    return {name + suffix: value for name, value in figures.items()}


def _drive(port: int, *options: str) -> Answers:
    command = [sys.executable, "-m", "benchmarks.nchf_load", "127.0.0.1", str(port)]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--subscribers", str(SUBSCRIBERS), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=SECONDS * 2 + 120,
    )
    found: Answers = json.loads(done.stdout or b"{}")
    if done.returncode or found["granted_octets"] != found["used_octets"]:
        raise RuntimeError(f"the load generator failed: {found}")
    return found


_CHARGED = sa.select(sa.func.sum(store.records.c.units)).where(
    store.records.c.kind == RecordKind.USAGE
)


def _agree(database: Database, used: int) -> None:
    """The journal has charged exactly what was reported, and nothing stays reserved."""
    with database.read() as r:
        charged = r.execute(_CHARGED).scalar_one()
        rows = r.execute(sa.select(store.accounts)).all()
    reserved = sum(store.account_of(row).state.holds_anything() for row in rows)
    if charged != used or reserved:
        raise RuntimeError(f"books differ: {used} reported, {charged} charged, {reserved} reserved")
    print(f"   {charged:,} octets reported and charged, none reserved", flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
