"""How charging grows: the same Gy load on one charging process, on two beside each other on one
PostgreSQL server, and on two cells, each a process with a server of its own; 64 requests
outstanding at each server.

All of it on the same cores, load generators included, so what the model of docs/operating/scale.md
rests on isn't the requests a second: it is the processor time, the write-ahead log and the disk
that a request takes, by who takes them. `python -m benchmarks.scale` writes the figures of
build/bench.json into that page. BENCH_SCALE_SUBSCRIBERS (100,000, for each cell as many) and
BENCH_SCALE_SECONDS (10, for each of the three) change the size.
"""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from math import ceil

import msgspec

from benchmarks import spent
from benchmarks.harness import BUILD, FIGURES, ROOT, Figures, benchmark
from benchmarks.places import fresh, postgresql
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
from trunkline.supervisor import Supervisor

SUBSCRIBERS = int(os.environ.get("BENCH_SCALE_SUBSCRIBERS", "100000"))
SECONDS = float(os.environ.get("BENCH_SCALE_SECONDS", "10"))
PLACE = BUILD / "bench"
PAGE = ROOT / "docs" / "operating" / "scale.md"
SHAPES = {"one": (1, 1), "two": (1, 2), "cells": (2, 1)}
"""Cells, and charging processes in each."""
BEGIN, END = "<!-- figures of make bench ONLY=scale -->", "<!-- end of figures -->"
MODEL = "So ten million subscribers take, by the first column:"
MODELLED = 10_000_000
BUSY = 0.5
"""Of a core, at the peak: what is left is for the loss of a machine, and for bursts."""
DAY = 10
"""Busiest hours that a whole day's traffic comes to."""
WARM = 0.2
"""Of the time: before it counts."""


class Cell(msgspec.Struct):
    """A charging database on a server of its own, and whom it charges."""

    books: str
    charging: str
    postmaster: int
    numbers: range
    database: Database
    reported: int = 0
    """Octets that generators have used of it..."""
    answered: int = 0
    """...and the requests that they were answered."""

    def bytes_of(self, *tables: str) -> int:
        """On disk, with their indexes."""
        return sum(self._ask(f"SELECT pg_total_relation_size('{table}')") for table in tables)

    def logged(self) -> int:
        """Octets of write-ahead log so far."""
        return self._ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")

    def count(self, table: str) -> int:
        return self._ask(f"SELECT count(*) FROM {table}")

    def _ask(self, question: str) -> int:
        with self.database.read() as r:
            answer: int = r.connection.exec_driver_sql(question).scalar_one()
            return answer


@benchmark("scale")
def grows() -> Figures:
    figures: dict[str, float] = {}
    with cell("one", range(SUBSCRIBERS)) as first:
        empty = first.bytes_of("charging_record"), first.count("charging_record")
        figures["scale.account_bytes"] = (
            first.bytes_of("charging_account", "charging_identity") / SUBSCRIBERS
        )
        figures |= _measure("one", [first])
        figures["scale.account_bytes_after"] = (
            first.bytes_of("charging_account", "charging_identity") / SUBSCRIBERS
        )
        figures |= _measure("two", [first])
        grown = first.bytes_of("charging_record") - empty[0]
        records = first.count("charging_record") - empty[1]
        figures["scale.record_bytes"] = grown / records
        figures["scale.records_per_request"] = records / first.answered
        with cell("other", range(SUBSCRIBERS, 2 * SUBSCRIBERS)) as second:
            figures |= _measure("cells", [first, second])
    return figures


@contextmanager
def cell(name: str, numbers: range) -> Iterator[Cell]:
    place = fresh(PLACE / f"scale-{name}")
    with postgresql(place / "server") as url:
        books, charging = url("books"), url("charging")
        schema.upgrade(books, "books")
        schema.upgrade(charging, "charging")
        database = Database(charging, metadata=charging_metadata)
        try:
            provision(database, legal_entity(books), numbers, datetime.now(UTC))
            postmaster = int((place / "server" / "postmaster.pid").read_text().split()[0])
            yield Cell(books, charging, postmaster, numbers, database)
        finally:
            database.close()


def _measure(shape: str, cells: list[Cell]) -> Figures:
    """The figures of one shape, after its books have been held against the generators'."""
    processes = SHAPES[shape][1]
    with ExitStack() as running:
        servers = [running.enter_context(_Charging(each, processes)) for each in cells]

        def drive(seconds: float) -> list[Answers]:
            generators = [each.load(seconds) for each in servers]
            found = [finished(each, seconds + 120) for each in generators]
            for each, answers in zip(cells, found, strict=True):
                each.reported += answers["used_octets"]
                each.answered += answers["answered"]
            return found

        drive(SECONDS * WARM)
        before = [each.spent() for each in servers]
        found = drive(SECONDS)
        after = [each.spent() for each in servers]
    for each in cells:
        agree(each.database, each.reported)
    answered = sum(each["answered"] for each in found)
    took = {
        name: sum(now[name] - then[name] for now, then in zip(after, before, strict=True))
        for name in before[0]
    }
    took["generator"] = sum(each["processor_s"] for each in found)
    figures = {
        "ccr_per_s": sum(each["requests_per_s"] for each in found),
        "p50_ms": max(each["p50_ms"] for each in found),
        "p99_ms": max(each["p99_ms"] for each in found),
        "requests_per_commit": took["requests"] / took["commits"],
        "wal_bytes": took["wal"] / answered,
        **{f"{who}_us": took[who] * 1e6 / answered for who in _WHO},
    }
    return {f"scale.{shape}.{name}": value for name, value in figures.items()}


_WHO = ("worker", "postgresql", "generator")


class _Charging:
    """The charging processes of a cell, while it is entered."""

    def __init__(self, cell: Cell, processes: int) -> None:
        self._cell = cell
        self._processes = processes
        self._port, self._metrics = free_port(), free_port(processes)
        self._supervisor = Supervisor(
            {
                "TRUNKLINE_DATABASES_BOOKS": cell.books,
                "TRUNKLINE_DATABASES_CHARGING": cell.charging,
                "TRUNKLINE_CHARGING_PROCESSES": str(processes),
                "TRUNKLINE_CHARGING_PORT": str(self._port),
                "TRUNKLINE_CHARGING_METRICS_PORT": str(self._metrics),
                "TRUNKLINE_NCHF_PORT": "0",
                "TRUNKLINE_LOG_LEVEL": "error",
            }
        )

    def __enter__(self) -> "_Charging":
        self._supervisor.start(("charging",))
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    def load(self, seconds: float) -> "subprocess.Popen[bytes]":
        numbers = self._cell.numbers
        return begin(
            "benchmarks.gy_load",
            self._port,
            *("--subscribers", str(len(numbers)), "--first", str(numbers[0])),
            *("--seconds", str(seconds)),
        )

    def spent(self) -> dict[str, float]:
        """Since they began."""
        requests, commits = self._batches()
        return {
            "worker": spent.cpu(self._supervisor.pids("charging")),
            "postgresql": spent.cpu(spent.family(self._cell.postmaster)),
            "wal": self._cell.logged(),
            "requests": requests,
            "commits": commits,
        }

    def _batches(self) -> tuple[float, float]:
        """Requests, and the commits that they shared, by the processes' own metrics."""
        found = {"sum": 0.0, "count": 0.0}
        for number in range(self._processes):
            url = f"http://127.0.0.1:{self._metrics + number}/metrics"
            with urllib.request.urlopen(url) as answer:
                for name, value in _BATCHES.findall(answer.read().decode()):
                    found[name] += float(value)
        return found["sum"], found["count"]


_BATCHES = re.compile(r"^trunkline_charging_batch_requests_(sum|count) (\S+)$", re.MULTILINE)


def table(figures: Figures) -> str:
    """What was measured, as the page shows it."""
    rows = [
        ("Gy requests a second", "ccr_per_s", "{:,.0f}"),
        ("p50, ms", "p50_ms", "{:.1f}"),
        ("p99, ms", "p99_ms", "{:.1f}"),
        ("requests in a commit", "requests_per_commit", "{:.0f}"),
        ("processor: charging process, µs a request", "worker_us", "{:.0f}"),
        ("processor: PostgreSQL, µs a request", "postgresql_us", "{:.0f}"),
        ("processor: load generator, µs a request", "generator_us", "{:.0f}"),
        ("write-ahead log, octets a request", "wal_bytes", "{:,.0f}"),
    ]
    lines = [
        "| | 1 server, 1 process | 1 server, 2 processes | 2 cells of 1 and 1 |",
        "|---|---:|---:|---:|",
        *(
            f"| {meaning} | "
            + " | ".join(form.format(figures[f"scale.{shape}.{name}"]) for shape in SHAPES)
            + " |"
            for meaning, name, form in rows
        ),
    ]
    sizes = (
        f"An account takes {figures['scale.account_bytes']:,.0f} octets on disk when it is new and "
        f"{figures['scale.account_bytes_after']:,.0f} after some requests (its rows and indexes, "
        "two identities; PostgreSQL keeps room for the next versions of a row); a charging record "
        f"{figures['scale.record_bytes']:,.0f}."
    )
    return "\n".join(lines) + "\n\n" + sizes


def model(figures: Figures) -> str:
    """What ten million subscribers take by these figures (those of one process), at so many
    requests of each in the busiest hour."""
    lines = [
        "| requests of a subscriber in the busiest hour | 2 | 5 | 10 | 20 |",
        "|---|---:|---:|---:|---:|",
    ]
    peaks = [MODELLED * each / 3600 for each in (2, 5, 10, 20)]
    worker, database = (figures[f"scale.one.{who}_us"] / 1e6 for who in ("worker", "postgresql"))
    wal, record = figures["scale.one.wal_bytes"], figures["scale.record_bytes"]
    per_request = figures["scale.records_per_request"]
    rows: list[tuple[str, str, Callable[[float], float]]] = [
        ("requests a second", "{:,.0f}", lambda peak: peak),
        ("cores busy with charging processes", "{:.1f}", lambda peak: peak * worker),
        ("cores busy with PostgreSQL", "{:.1f}", lambda peak: peak * database),
        ("charging processes, half busy", "{:.0f}", lambda peak: ceil(peak * worker / BUSY)),
        ("write-ahead log, MB a second", "{:.0f}", lambda peak: peak * wal / 1e6),
        (
            "charging records, GB a day",
            "{:.0f}",
            lambda peak: peak * 3600 * DAY * per_request * record / 1e9,
        ),
    ]
    lines += [
        f"| {meaning} | " + " | ".join(form.format(of(each)) for each in peaks) + " |"
        for meaning, form, of in rows
    ]
    accounts = MODELLED * figures["scale.account_bytes_after"] / 1e9
    return "\n".join(lines) + f"\n\nTheir accounts take {accounts:,.0f} GB."


def main() -> None:
    """Writes the last figures into the page."""
    figures = json.loads(FIGURES.read_text())
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    told = f"{table(figures)}\n\n{MODEL}\n\n{model(figures)}"
    PAGE.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{after}")


if __name__ == "__main__":
    main()
