"""What the documents of this domain have in common: notes, periods, words for states."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import count
from typing import Any

from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.tmf.documents import Body

LONGEST = 200


class InvalidDocument(Invalid):
    code = "invalidDocument"


class SuppliedByServer(Invalid):
    code = "suppliedByTheServer"


def numbered(entries: Any, now: datetime, *, dated: str) -> list[Body]:
    """Notes, items and the like with an id and a date (`dated`) each."""
    taken = {each.get("id") for each in entries or ()}
    free = (text for text in map(str, count(1)) if text not in taken)
    return [
        {dated: format_instant(now), **each, "id": each.get("id") or next(free)}
        for each in entries or ()
    ]


def check_period(body: Mapping[str, Any], name: str) -> None:
    """Raises `InvalidDocument` for a period that ends before it begins."""
    period = body.get(name) or {}
    starts, ends = period.get("startDateTime"), period.get("endDateTime")
    if starts and ends and parse_instant(ends) < parse_instant(starts):
        raise InvalidDocument("ends before it begins", path=f"{name}.endDateTime")


def check_supplied(body: Mapping[str, Any], before: Mapping[str, Any], *names: str) -> None:
    """Raises `SuppliedByServer` where a client changes what only the server says."""
    for name in names:
        if body.get(name) != before.get(name):
            raise SuppliedByServer("is supplied by the server", path=name)


def check_short(body: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises `InvalidDocument` for a text that no column takes."""
    for name in names:
        if len(body.get(name) or "") > LONGEST:
            raise InvalidDocument(f"has at most {LONGEST} characters", path=name)


def in_words(body: Body, name: str, words: type[StrEnum]) -> Body:
    """The body with its state as the word that is meant: "In process" is inProcess."""
    said = body.get(name)
    if not isinstance(said, str):
        return body
    known = {_bare(each): each.value for each in words}
    return {**body, name: known.get(_bare(said), said)}


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
