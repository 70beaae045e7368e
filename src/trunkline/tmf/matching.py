"""Filters on plain JSON: what `paths` and `query` do in SQL, for what is in no table.

The same rules hold. A path has no value, one or (inside arrays) many; a comparison holds where
some value satisfies it, and `ne` where `eq` does not. Nothing says of which kind a path is, so a
value is compared as what it is: a number with a number, an instant with an instant (as they are
shown, to the millisecond), and a text with a text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import parse_instant
from trunkline.tmf import query
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op, check_pattern
from trunkline.tmf.query import Query, Term

_PATH = re.compile(r"[@A-Za-z0-9_]+(\.[@A-Za-z0-9_]+)*", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_MOST_DIGITS = 40

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: lambda one, other: one == other,
    Op.GT: lambda one, other: one > other,
    Op.GTE: lambda one, other: one >= other,
    Op.LT: lambda one, other: one < other,
    Op.LTE: lambda one, other: one <= other,
}


def parse(text: str) -> Query:
    """A filter as TMF630 writes it, with `fields` perhaps. Raises `BadQuery` for paging, and
    for a path or a pattern that can be none."""
    asked = query.parse(text.removeprefix("?"))
    if (asked.offset, asked.limit, asked.sort) != (0, query.DEFAULT_LIMIT, ()):
        raise BadQuery("what is filtered here has no pages and no order", path="query")
    for term in asked.terms:
        if len(term.path) > 200 or _PATH.fullmatch(term.path) is None:
            raise BadQuery("is no path of an attribute", path=term.path[:60] or "query")
        if term.op is Op.REGEX:
            for pattern in term.values:
                check_pattern(pattern, term.path)
    return asked


def matches(
    document: Any,
    terms: Sequence[Term],
    look: Callable[[Any, str], Iterable[Any]] | None = None,
) -> bool:
    """Whether all terms hold for this JSON value. `look(document, path)` finds the scalars at a
    path (`values`, by default)."""
    look = look or values
    return all(_holds(term, list(look(document, term.path))) for term in terms)


def values(document: Any, path: str) -> Iterator[Any]:
    """The scalars at a dotted path; it walks through arrays."""
    yield from _values(document, path.split("."))


def _values(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            if steps or not isinstance(each, list):
                yield from _values(each, steps)
    elif isinstance(value, dict):
        if steps and steps[0] in value:
            yield from _values(value[steps[0]], steps[1:])
    elif not steps and value is not None:
        yield value


def _holds(term: Term, found: list[Any]) -> bool:
    if term.op is Op.NE:
        return not any(_compared(each, Op.EQ, text) for each in found for text in term.values)
    if term.op is Op.REGEX:
        return any(
            isinstance(each, str) and re.search(pattern, each, re.DOTALL) is not None
            for each in found
            for pattern in term.values
        )
    return any(_compared(each, term.op, text) for each in found for text in term.values)


def _compared(value: Any, op: Op, text: str) -> bool:
    if isinstance(value, bool):
        return op is Op.EQ and text == ("true" if value else "false")
    if isinstance(value, int | float | Decimal):
        number = _number(text)
        return number is not None and _COMPARE[op](Decimal(str(value)), number)
    if not isinstance(value, str):
        return False
    instants = _instant(value), _instant(text)
    if None not in instants:
        return _COMPARE[op](*instants)
    if op is Op.EQ:
        return value == text
    return _COMPARE[op](value.encode(), text.encode())


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if len(text) <= _MOST_DIGITS else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _instant(text: str) -> datetime | None:
    if _INSTANT.match(text) is None:
        return None
    try:
        return parse_instant(text)
    except Invalid:
        return None
