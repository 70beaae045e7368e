"""Registers benchmarks, runs them, and keeps their figures in build/bench.json."""

import importlib
import json
import pkgutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import benchmarks

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
FIGURES = BUILD / "bench.json"

Figures = Mapping[str, float]
Benchmark = Callable[[], Figures]

_registered: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Registers a function that measures and returns {"figure's name": value}; `name` is what
    ONLY selects, by itself or up to a dot (`gy` runs `gy` and `gy.postgresql`)."""

    def register(function: Benchmark) -> Benchmark:
        assert name not in _registered, f"two benchmarks are called {name}"
        _registered[name] = function
        return function

    return register


def discover() -> list[str]:
    """Imports all modules of this package but the programs among them; the names they
    registered, in order."""
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"benchmarks.{module.name}")
    return sorted(_registered)


def selected(names: Iterable[str], only: Iterable[str]) -> list[str]:
    """Those of `names` that `only` asks for; all, when it asks for none."""
    wanted = tuple(only)
    return [
        name
        for name in names
        if not wanted or any(name == each or name.startswith(f"{each}.") for each in wanted)
    ]


def run(names: Iterable[str]) -> bool:
    """Runs each and merges its figures at once, so that a later failure costs no earlier
    result. False when one failed."""
    succeeded = True
    for name in names:
        print(f"== {name}", flush=True)
        started = time.perf_counter()
        try:
            figures = _registered[name]()
        except Exception as error:
            print(f"   FAILED: {error!r}", flush=True)
            succeeded = False
            continue
        for figure, value in figures.items():
            print(f"   {figure:<40} {value:>14,.2f}", flush=True)
        print(f"   ({time.perf_counter() - started:.0f} s)", flush=True)
        merge(figures)
    return succeeded


def merge(figures: Figures, file: Path = FIGURES) -> None:
    """Adds these to the file's, replacing figures of the same name."""
    known: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    known.update({name: round(value, 3) for name, value in figures.items()})
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    fresh.replace(file)
