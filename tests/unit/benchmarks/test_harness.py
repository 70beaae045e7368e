"""Figures are kept by name, and ONLY picks by name or by the part before a dot."""

import json
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.load import Books, summary


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], ["billing", "gy", "gy.postgresql"]),
        (["gy"], ["gy", "gy.postgresql"]),
        (["gy.postgresql"], ["gy.postgresql"]),
        (["billing", "gy.postgresql"], ["billing", "gy.postgresql"]),
        (["g"], []),
    ],
)
def test_selection(only: list[str], expected: list[str]) -> None:
    assert harness.selected(["billing", "gy", "gy.postgresql"], only) == expected


def test_figures_are_merged_by_name(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.json"
    harness.merge({"gy.ccr_per_s": 5000.0, "gy.p99_ms": 4.56789}, file)
    harness.merge({"gy.ccr_per_s": 6000.0}, file)
    assert json.loads(file.read_text()) == {"gy.ccr_per_s": 6000.0, "gy.p99_ms": 4.568}


def test_percentiles() -> None:
    books = Books(answered=100)
    books.seconds.extend(n / 1000 for n in range(100, 0, -1))
    found = summary(books, 2.0)
    assert found["requests_per_s"] == 50.0
    assert (found["p50_ms"], found["p99_ms"], found["max_ms"]) == (51.0, 100.0, 100.0)
    assert summary(Books(), 1.0)["p99_ms"] == 0.0
