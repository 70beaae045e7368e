"""docs/conformance.md: what each API supports, and how much of it the tests have seen.

    python -m tests.conformance.tmf.report

What is supported is read from the declarations, the counts from the last run of the tests
(`make conformance` does both); where that counted nothing of an API, what was counted before
stays.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.tmf import tally
from trunkline.platform.clock import SystemClock
from trunkline.rest import all_apis
from trunkline.tmf import Api, Resource

FILE = Path(__file__).parents[3] / "docs" / "conformance.md"
APIS: tuple[Api, ...] = all_apis(None, None, SystemClock())  # type: ignore[arg-type]
HEAD = """# Conformance

Written by `make conformance`: operations and filters are those of the declarations; the counts
are of that run, on SQLite and PostgreSQL together. *Validated* are answers that were held against
TM Forum's document of the API, or, of those APIs that are our own, against ours; *made up* are
requests by schemathesis, of our document and of theirs. A test holds the file against the
declarations.

Every list takes `fields`, `offset`, `limit` and `sort` too, every API of TM Forum has its hub, and
every path below can be sorted by. Texts compare by `=`, `ne`, `gt`, `gte`, `lt`, `lte` and
`regex`, numbers and instants by all but `regex`.

| API | version | operations | filters | validated answers | requests made up |
|---|---|---|---|---|---|
"""


def operations(resource: Resource[Any]) -> str:
    verbs = ["list", "get"]
    verbs += ["post"] if resource.creates else []
    verbs += ["patch"] if resource.changes else []
    verbs += ["delete"] if resource.delete is not None else []
    return f"{resource.name}: {', '.join(verbs)}"


def beside(api: Api) -> Iterable[str]:
    """What it has beyond resources, of our own APIs."""
    if not api.number.startswith("TMF"):
        for path, methods in api.beside.items():
            verbs = ", ".join(name for name in methods if name != "parameters")
            yield f"{path.removeprefix(api.base)[1:]}: {verbs}"


def counted_before() -> dict[str, tuple[int, int]]:
    """The counts that the file has, by number."""
    if not FILE.exists():
        return {}
    found = re.findall(
        r"^\| (TMF\d+|[A-Z]+) .*\| ([\d,]+) \| ([\d,]+) \|$", FILE.read_text(), re.MULTILINE
    )
    return {
        number: (int(validated.replace(",", "")), int(fuzzed.replace(",", "")))
        for number, validated, fuzzed in found
    }


def rows(validated: Counter[str], fuzzed: Counter[str]) -> Iterable[str]:
    before = counted_before()
    for api in sorted(APIS, key=lambda each: each.number):
        answers, requests = validated[api.base], fuzzed[api.number]
        if not requests:
            answers, requests = before.get(api.number, (answers, requests))
        does = "; ".join([*map(operations, api.resources), *beside(api)])
        filters = sum(len(resource.filters) for resource in api.resources)
        yield (
            f"| {api.number} {api.title} | {api.version} | {does} | {filters} "
            f"| {answers:,} | {requests:,} |"
        )


def filters() -> Iterable[str]:
    for api in sorted(APIS, key=lambda each: each.number):
        if not api.resources:
            continue
        yield f"\n### {api.number} {api.title}\n"
        for resource in api.resources:
            names = ", ".join(f"`{name}`" for name in resource.filters)
            yield f"- **{resource.name}**: {names}"


def text(validated: Counter[str], fuzzed: Counter[str]) -> str:
    table = "\n".join(rows(validated, fuzzed))
    return f"{HEAD}{table}\n\n## Filters\n" + "\n".join(filters()) + "\n"


def main() -> None:
    FILE.write_text(text(*tally.read()))


if __name__ == "__main__":
    main()
