"""Credit-control requests answered a second, each durable before its answer (`subscribers` says
how). BENCH_GY_SUBSCRIBERS (100,000) and BENCH_GY_SECONDS (10) change the size.
"""

import os
from collections.abc import Callable

from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from benchmarks.subscribers import measured

SUBSCRIBERS = int(os.environ.get("BENCH_GY_SUBSCRIBERS", "100000"))
SECONDS = float(os.environ.get("BENCH_GY_SECONDS", "10"))
PLACE = BUILD / "bench"


@benchmark("gy")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "gy-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("gy.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "gy-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    single, loaded = measured(
        url,
        "benchmarks.gy_load",
        "charging",
        subscribers=SUBSCRIBERS,
        seconds=SECONDS,
    )
    figures = {
        "gy.ccr_per_s": loaded["requests_per_s"],
        "gy.p50_ms": loaded["p50_ms"],
        "gy.p99_ms": loaded["p99_ms"],
        "gy.single_p50_ms": single["p50_ms"],
        "gy.single_ccr_per_s": single["requests_per_s"],
    }
    return {name + suffix: value for name, value in figures.items()}
