"""The tables of flows name tests that exist, and every flow names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([a-z_/]+/test_[a-z_]+\.py)(?:::(test_[a-z0-9_]+))?`")


def flows(document: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Of the table whose third column is "test": each row, and the tests that it names."""
    found, within = [], False
    for line in document.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 2 and cells[2] == "test":
            within = True
        elif not line.startswith("|"):
            within = False
        elif within and not set(cells[0]) <= set("-"):
            found.append((cells[0], NAMED.findall(cells[2])))
    return found


@pytest.mark.parametrize("edge", ["diameter", "nchf"])
def test_flows_name_tests_that_exist(edge: str) -> None:
    rows = flows(ROOT / "docs" / f"conformance-{edge}.md")
    assert len(rows) > 20
    for flow, named in rows:
        assert named, f"no test of: {flow}"
        for file, test in named:
            path = ROOT / "tests" / file
            assert path.exists(), file
            functions = {
                each.name
                for each in ast.parse(path.read_text()).body
                if isinstance(each, ast.FunctionDef)
            }
            assert not test or test in functions, f"{file}::{test}"


def test_what_is_no_test_is_found(tmp_path: Path) -> None:
    document = tmp_path / "flows.md"
    document.write_text(
        "| flow | clause | test |\n|---|---|---|\n| a | 1 | `unit/x/test_y.py::test_z` |\n"
        "| b | 2 | |\n\n| c | d | e |\n"
    )
    assert flows(document) == [("a", [("unit/x/test_y.py", "test_z")]), ("b", [])]
