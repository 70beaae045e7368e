"""docs/conformance.md is true: what it says is supported is what is declared."""

import re
from collections import Counter

from tests.conformance.tmf import report


def without_counts(text: str) -> str:
    return re.sub(r"\| [\d,]+ \| [\d,]+ \|\n", "| |\n", text)


def test_the_page_tells_what_is_declared() -> None:
    told = without_counts(report.FILE.read_text())
    assert told == without_counts(report.text(Counter(), Counter())), (
        "python -m tests.conformance.tmf.report writes it anew"
    )


def test_every_api_has_its_line() -> None:
    lines = report.FILE.read_text().splitlines()
    for api in report.APIS:
        assert sum(line.startswith(f"| {api.number} ") for line in lines) == 1, api.number
