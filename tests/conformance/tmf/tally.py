"""How many answers were held against the documents, and how many requests were made up, by API.

Each process of a test run writes what it counted to build/conformance/ as it ends; `report` adds
them up.
"""

import json
import os
from collections import Counter
from pathlib import Path

PLACE = Path(__file__).parents[3] / "build" / "conformance"

validated: Counter[str] = Counter()
"""By base path: answers that were held against TM Forum's document."""
fuzzed: Counter[str] = Counter()
"""By number: requests that schemathesis made up."""


def write() -> None:
    """Leaves this process's counts for `report`."""
    if validated or fuzzed:
        PLACE.mkdir(parents=True, exist_ok=True)
        counts = {"validated": validated, "fuzzed": fuzzed}
        (PLACE / f"{os.getpid()}.json").write_text(json.dumps(counts))


def read() -> tuple[Counter[str], Counter[str]]:
    """What all processes have counted."""
    answers: Counter[str] = Counter()
    requests: Counter[str] = Counter()
    for file in PLACE.glob("*.json"):
        found = json.loads(file.read_text())
        answers.update(found["validated"])
        requests.update(found["fuzzed"])
    return answers, requests
