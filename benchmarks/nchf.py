"""Nchf requests answered a second over HTTP/2 in the clear, each durable before its answer
(`subscribers` says how). BENCH_NCHF_SUBSCRIBERS (100,000) and BENCH_NCHF_SECONDS (10) change the
size.
"""

import os
from collections.abc import Callable

from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from benchmarks.subscribers import measured

SUBSCRIBERS = int(os.environ.get("BENCH_NCHF_SUBSCRIBERS", "100000"))
SECONDS = float(os.environ.get("BENCH_NCHF_SECONDS", "10"))
PLACE = BUILD / "bench"


@benchmark("nchf")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "nchf-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("nchf.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "nchf-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    single, loaded = measured(
        url,
        "benchmarks.nchf_load",
        "nchf",
        subscribers=SUBSCRIBERS,
        seconds=SECONDS,
    )
    figures = {
        "nchf.requests_per_s": loaded["requests_per_s"],
        "nchf.p50_ms": loaded["p50_ms"],
        "nchf.p99_ms": loaded["p99_ms"],
        "nchf.single_p50_ms": single["p50_ms"],
    }
    return {name + suffix: value for name, value in figures.items()}
