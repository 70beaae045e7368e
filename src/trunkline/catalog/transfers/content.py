"""A catalogue as a file: read, put in order, written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trunkline.catalog.bodies import references
from trunkline.catalog.model import DocumentKind, InvalidDocument
from trunkline.kernel.errors import Invalid
from trunkline.tmf import wire
from trunkline.tmf.documents import Body

MAX_CONTENT = 50_000_000
"""Bytes."""


class Entry:
    """One document of a file, and where it stands there."""

    def __init__(self, kind: DocumentKind, body: Body, path: str) -> None:
        self.kind = kind
        self.body = body
        self.path = path

    def needs(self) -> Iterable[tuple[DocumentKind, str]]:
        try:
            return [(each.kind, each.id) for each in references(self.kind, self.body)]
        except InvalidDocument as error:
            error.path = f"{self.path}.{error.path}"
            raise


def read(content: bytes, only: DocumentKind | None, known: Sequence[DocumentKind]) -> list[Entry]:
    """The entries of a file, each after those that it refers to. Raises `Invalid` naming the
    place, also for entries that refer to one another in a circle."""
    value = wire.decode(content)
    listed = {only.value: value} if only is not None else value
    if not isinstance(listed, dict):
        raise Invalid("the file holds an object with a list for each collection", path="$")
    names = {each.value: each for each in known}
    entries = []
    for name, bodies in listed.items():
        if name not in names:
            raise Invalid(f"is none of {', '.join(names)}", path=name)
        if not isinstance(bodies, list):
            raise Invalid("is not a list", path=name)
        for index, body in enumerate(bodies):
            if not isinstance(body, dict):
                raise Invalid("is not an object", path=f"{name}[{index}]")
            entries.append(Entry(names[name], body, f"{name}[{index}]"))
    return _in_order(entries)


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    by_id = {(each.kind, each.body["id"]): each for each in entries if "id" in each.body}
    ordered: list[Entry] = []
    state: dict[int, bool] = {}
    for first in entries:
        waiting = [(first, iter(first.needs()))] if id(first) not in state else []
        state.setdefault(id(first), False)
        while waiting:
            entry, rest = waiting[-1]
            needed = next((by_id[key] for key in rest if key in by_id), None)
            if needed is None:
                waiting.pop()
                state[id(entry)] = True
                ordered.append(entry)
            elif id(needed) not in state:
                state[id(needed)] = False
                waiting.append((needed, iter(needed.needs())))
            elif not state[id(needed)] and needed is not entry:
                raise Invalid(f"refers to {entry.path}, which refers back to it", path=needed.path)
    return ordered


def write(bodies: Mapping[DocumentKind, Sequence[Any]], only: DocumentKind | None) -> bytes:
    """The file of these bodies."""
    if only is not None:
        return wire.encode(bodies[only])
    return wire.encode({kind.value: each for kind, each in bodies.items()})
