"""The house rules that the import linter can't see, as functions over a file's syntax tree.

Each rule yields `Violation`s; `test_house.py` holds the sources to them, `test_rules_bite.py`
shows each one failing.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOMAINS = frozenset(
    [
        "ledger",
        "catalog",
        "customers",
        "inventory",
        "network",
        "tax",
        "rating",
        "charging",
        "usage",
        "payments",
        "vouchers",
        "receivables",
        "billing",
        "ordering",
        "migration",
    ]
)
"""Packages with a face. kernel, platform and tmf are libraries: their modules are their face."""

WIRING = frozenset({"app"})
"""The composition root may reach into a domain's `reactions`."""

BANNED_NAMES = frozenset({"utils", "helpers", "common", "manager", "misc"})
BANNED_CALLS = {
    "datetime.now": "`now` is an argument",
    "datetime.utcnow": "`now` is an argument",
    "datetime.today": "`now` is an argument",
    "date.today": "`now` is an argument",
    "time.time": "`now` is an argument",
    "time.sleep": "nothing waits by sleeping",
    "uuid.uuid4": "ids come from tx.new_id",
    "uuid4": "ids come from tx.new_id",
    "float": "money and quantities are integers",
}
WIRE = frozenset(
    ["Aggregate", "Api", "Document", "Entity", "Moment", "Resource", "Task", "Timestamp", "Verb",
     "Wire", "href", "http", "openapi", "resource"]
)  # fmt: skip
"""What of `tmf` only declarations use."""
ANOTHER_SYSTEM = Path("network/simulator.py")
"""Not a part of ours: it stands in for a network's."""
LONGEST_FILE = 500
LONGEST_FUNCTION = 70


class Source(NamedTuple):
    """A parsed module: its place below `src/trunkline`, its text and its tree."""

    place: Path
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, root: Path, path: Path) -> "Source":
        text = path.read_text()
        return cls(path.relative_to(root), text, ast.parse(text))

    @property
    def package(self) -> str:
        return self.place.parts[0].removesuffix(".py")


class Violation(NamedTuple):
    place: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.what}"


def imported(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    """Line, module and imported names of every import, those for typing alone included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, []


def faces(source: Source) -> Iterator[Violation]:
    """From another domain one imports only its face or its events."""
    for line, module, names in imported(source.tree):
        parts = module.split(".")
        if parts[0] != "trunkline" or len(parts) < 2 or parts[1] not in DOMAINS:
            continue
        if parts[1] == source.package:
            continue
        inner = parts[2:] or [name for name in names if name in {"events", "reactions", "store"}]
        if not inner or inner == ["events"]:
            continue
        if source.package in WIRING and inner == ["reactions"]:
            continue
        yield Violation(source.place, line, f"reaches past the face of {parts[1]}: {module}")


def pure_models(source: Source) -> Iterator[Violation]:
    """A domain's model.py, and all of rating, import neither the platform nor a store."""
    if source.package not in DOMAINS:
        return
    if source.place.name != "model.py" and source.package != "rating":
        return
    for line, module, _ in imported(source.tree):
        if module.startswith("trunkline.platform") or module.endswith(".store"):
            yield Violation(source.place, line, f"a pure module imports {module}")


def no_wire(source: Source) -> Iterator[Violation]:
    """A domain knows no version of an API: no declaration, no form of the wire, no base path
    (ADR 8). The network is asked in words of its own."""
    if source.package not in DOMAINS:
        return
    for line, module, names in imported(source.tree):
        if module.partition(".")[0] == "falcon" or module.startswith("trunkline.rest"):
            yield Violation(source.place, line, f"a domain imports {module}")
        if module.startswith("trunkline.tmf"):
            for name in sorted(WIRE & set(names)):
                yield Violation(source.place, line, f"a domain imports {name}, a form of the wire")
    if source.place == ANOTHER_SYSTEM:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and "/tmf-api/" in str(node.value):
            yield Violation(source.place, node.lineno, "a domain knows an API's base path")


def banned_calls(source: Source) -> Iterator[Violation]:
    """Domains read no clock, wait for nothing, invent no random id, and use no float."""
    if source.package not in DOMAINS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            for banned, why in BANNED_CALLS.items():
                if name == banned or name.endswith(f".{banned}"):
                    yield Violation(source.place, node.lineno, f"calls {name}(): {why}")


def banned_names(source: Source) -> Iterator[Violation]:
    """No module is named for being a drawer."""
    for part in source.place.with_suffix("").parts:
        if BANNED_NAMES & set(part.lower().split("_")):
            yield Violation(source.place, 1, f"{part} says nothing about what it holds")


def lengths(source: Source) -> Iterator[Violation]:
    """Files and functions stay short enough to be read in one go. Migrations are generated."""
    if source.place.parent.name == "versions":
        return
    count = len(source.text.splitlines())
    if count > LONGEST_FILE:
        yield Violation(source.place, 1, f"{count} lines, more than {LONGEST_FILE}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > LONGEST_FUNCTION:
                yield Violation(
                    source.place,
                    node.lineno,
                    f"{node.name} has {size} lines, more than {LONGEST_FUNCTION}",
                )


RULES = (faces, pure_models, no_wire, banned_calls, banned_names, lengths)
