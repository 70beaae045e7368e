"""Which paths of a resource may be filtered and sorted, and where SQL finds their values.

A path has no value, one value, or (inside an array) many. `=` and the other comparisons hold
where some value satisfies them; `ne` holds where `=` does not, so that it also finds what
lacks the path. Sorting takes the least value, and puts what lacks the path last.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from trunkline.kernel import money
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Instant
from trunkline.tmf.errors import BadQuery

Expression = sa.ColumnElement[Any]
Kind = Literal["string", "integer", "number", "boolean", "date-time"]

_LARGEST = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)


class Op(StrEnum):
    """The comparisons of TMF630."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    REGEX = "regex"


class Path(msgspec.Struct, frozen=True, eq=False):
    """`value` is the SQL expression. `parse` makes a bound value of a query's text, and raises
    `Invalid` naming the path. `within`, for what is inside arrays, wraps a condition on
    `value` into one on the resource's row; `least` is then the expression to sort by."""

    value: Expression
    parse: Callable[[str, str], Any]
    kind: Kind = "string"
    within: Callable[[Expression], Expression] | None = None
    least: Expression | None = None
    only_equal: bool = False
    also: "Path | None" = None
    """Where else values of this path stand."""

    @property
    def operators(self) -> tuple[Op, ...]:
        """The comparisons that it takes."""
        if self.only_equal:
            return (Op.EQ,)
        if self.kind == "boolean":
            return (Op.EQ, Op.NE)
        return tuple(op for op in Op if op is not Op.REGEX or self.kind == "string")

    def matches(self, op: Op, texts: Sequence[str], path: str) -> Expression:
        """The condition for `path op texts`, where any of the texts may match."""
        if op not in self.operators:
            raise BadQuery(
                f"a {self.kind} is not compared by {op} here, only by {', '.join(self.operators)}",
                path=path,
            )
        if op is Op.NE:
            return ~sa.func.coalesce(self.matches(Op.EQ, texts, path), sa.false())
        if op is Op.REGEX:
            found = sa.or_(*(_regex(self.value, text, path) for text in texts))
        elif self.kind == "date-time":
            found = sa.or_(*(_compare_instant(self.value, op, text, path) for text in texts))
        elif op is Op.EQ:
            wanted = [self.parse(text, path) for text in texts]
            # With one value an index gives the rows in the order of its further columns.
            found = self.value == wanted[0] if len(wanted) == 1 else self.value.in_(wanted)
        else:
            compare = _COMPARE[op]
            left = byte_order(self.value) if self.kind == "string" else self.value
            found = sa.or_(*(compare(left, self.parse(text, path)) for text in texts))
        if self.within:
            found = self.within(found)
        return sa.or_(found, self.also.matches(op, texts, path)) if self.also else found

    @property
    def may_lack(self) -> bool:
        if self.least is not None or self.within is not None:
            return True
        return bool(getattr(self.value, "nullable", True))

    @property
    def order(self) -> Expression:
        value = self.value if self.least is None else self.least
        return byte_order(value) if self.kind == "string" else value


Paths = Mapping[str, "Path | Expression"]


def column(value: Expression, *, parse: Callable[[str, str], Any] | None = None) -> Path:
    """A column of the resource's own row. How a query's text becomes a value follows from the
    column's type, unless `parse(text, path)` says otherwise."""
    for type_, kind, usual in _BY_TYPE:
        if isinstance(value.type, type_):
            return Path(value, parse or usual, kind)
    raise AssertionError(f"no query parameter can become a {value.type!r}")


def amount(micros: Expression) -> Path:
    """A column of money's micros, which the wire shows in main units."""
    return Path(micros, lambda text, path: money.to_micros(text, path=path), "number")


def child(value: Expression, *, on: Expression) -> Path:
    """A column of a child table, whose rows belong to the resource's row by `on`."""
    plain = column(value)
    return Path(
        value,
        plain.parse,
        plain.kind,
        within=lambda found: sa.exists(sa.select(1).where(on, found)),
        least=sa.select(_least(value, plain.kind)).where(on).scalar_subquery(),
    )


def in_json(
    document: Expression, path: str, kind: Literal["string", "number", "boolean"] = "string"
) -> Path:
    """`path` (dotted; it walks through arrays) inside a column of JSON. Values that are not
    of this kind are not seen."""
    function, parse = _JSON[kind]
    # As columns the steps are part of the statement, and of what it is cached by.
    steps: list[Expression] = [sa.literal_column(f'"{step}"') for step in path.split(".")]
    values = function(document, *steps).table_valued(sa.column("value", function.of))
    value: Expression = values.c.value
    return Path(
        value,
        parse,
        kind,
        within=lambda found: sa.exists(sa.select(1).select_from(values).where(found)),
        least=sa.select(_least(value, kind)).select_from(values).scalar_subquery(),
    )


def either(first: Path, second: Path) -> Path:
    """Values that stand in two places."""
    one, other = first.order, second.order
    least = sa.case((sa.or_(other.is_(None), one <= other), one), else_=other)
    return msgspec.structs.replace(first, also=second, least=least)


def supplied(path: Path, text: str) -> Path:
    """The same where rows that lack a value are shown with this one."""
    if not path.may_lack:
        return path
    value = path.value if path.least is None else path.least
    return column(sa.func.coalesce(value, sa.literal(text, sa.String)))


def _least(value: Expression, kind: Kind) -> Expression:
    if kind == "boolean":
        return sa.func.min(sa.cast(value, sa.Integer))
    return sa.func.min(byte_order(value) if kind == "string" else value)


def _compare_instant(value: Expression, op: Op, text: str, path: str) -> Expression:
    """Instants are shown to the millisecond and compare as shown: what a client has read
    finds what it read."""
    said = parse_instant(text, path=path)
    floor = said.replace(microsecond=said.microsecond // 1000 * 1000)
    exact = floor == said
    try:
        after = floor + _MILLISECOND
    except OverflowError:
        raise BadQuery("the instant is out of range", path=path) from None
    match op:
        case Op.EQ:
            return sa.and_(value >= floor, value < after) if exact else sa.false()
        case Op.GT:
            return value >= after
        case Op.GTE:
            return value >= (floor if exact else after)
        case Op.LT:
            return value < (floor if exact else after)
        case _:
            return value < after


_COMPARE: dict[Op, Callable[[Expression, Any], Expression]] = {
    Op.GT: lambda value, other: value > other,
    Op.GTE: lambda value, other: value >= other,
    Op.LT: lambda value, other: value < other,
    Op.LTE: lambda value, other: value <= other,
}

_ATOM = (
    r"(?:\.|[^][.()\\{}^$|*+?]|\[\^?(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[\w @:/,]|-(?=\]))+\])"
)
_BRANCH = rf"\^?(?:{_ATOM}[*+?]?)*\$?"
_REGEX = re.compile(rf"{_BRANCH}(?:\|{_BRANCH})*", re.ASCII)


def _regex(value: Expression, pattern: str, path: str) -> Expression:
    check_pattern(pattern, path)
    return value.regexp_match("(?s)" + pattern)


def check_pattern(pattern: str, path: str) -> None:
    """Regular expressions without groups, escapes and counts, and with few repetitions: what
    both engines and Python read alike, and what no text makes slow. Raises `BadQuery`."""
    if (
        len(pattern) > 100
        or sum(map(pattern.count, "*+")) > 3
        or _REGEX.fullmatch(pattern) is None
        or not _compiles(pattern)
    ):
        raise BadQuery(
            "a regex may hold literals, ., [a-z], ^, $, |, ? and at most three of * and +",
            path=path,
        )


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _text(text: str, _path: str) -> str:
    return text


def _integer(text: str, path: str) -> int:
    try:
        number = int(text) if len(text) <= 20 else _LARGEST + 1
    except ValueError:
        raise BadQuery(f"{text[:40]!r} is not a whole number", path=path) from None
    if abs(number) > _LARGEST:
        raise BadQuery(f"{text[:40]!r} is out of range", path=path)
    return number


def _number(text: str, path: str) -> float:
    try:
        number = float(Decimal(text))
    except (InvalidOperation, OverflowError):
        raise BadQuery(f"{text[:40]!r} is not a number", path=path) from None
    if number - number != 0:
        raise BadQuery(f"{text[:40]!r} is not a finite number", path=path)
    return number


def _boolean(text: str, path: str) -> bool:
    if text not in ("true", "false"):
        raise BadQuery(f"{text[:40]!r} is neither true nor false", path=path)
    return text == "true"


_BY_TYPE: tuple[tuple[type, Kind, Callable[[str, str], Any]], ...] = (
    (Instant, "date-time", lambda text, path: parse_instant(text, path=path)),
    (sa.Boolean, "boolean", _boolean),
    (sa.Integer, "integer", _integer),
    (sa.String, "string", _text),
)


class byte_order(FunctionElement[str]):  # noqa: N801 (a function's name in SQL)
    """A text that sorts by its bytes, on both engines."""

    inherit_cache = True
    type = sa.String()


@compiles(byte_order)
def _byte_order(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(byte_order, "postgresql")
def _byte_order_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'({compiler.process(element.clauses, **kw)}) COLLATE "C"'


class _JsonValues(FunctionElement[Any]):
    """The rows of (document, step, step...): one for each value at the path."""

    inherit_cache = True
    of: Any = sa.String()
    sqlite_types = "'text'"
    postgresql = "CASE WHEN jsonb_typeof(q.v) = 'string' THEN q.v #>> '{}' END"


class _JsonStrings(_JsonValues):
    inherit_cache = True


class _JsonNumbers(_JsonValues):
    inherit_cache = True
    of = sa.Float()
    sqlite_types = "'integer', 'real'"
    postgresql = "CASE WHEN jsonb_typeof(q.v) = 'number' THEN (q.v #>> '{}')::float8 END"


class _JsonBooleans(_JsonValues):
    inherit_cache = True
    of = sa.Boolean()
    sqlite_types = "'true', 'false'"
    postgresql = "CASE WHEN jsonb_typeof(q.v) = 'boolean' THEN (q.v #>> '{}')::boolean END"


_JSON: dict[str, tuple[type[_JsonValues], Callable[[str, str], Any]]] = {
    "string": (_JsonStrings, _text),
    "number": (_JsonNumbers, _number),
    "boolean": (_JsonBooleans, _boolean),
}


def _steps(element: _JsonValues) -> tuple[Any, list[str]]:
    document, *steps = element.clauses
    names = [step.name for step in steps]
    assert all(re.fullmatch(r'"[@A-Za-z0-9_]+"', name) for name in names), names
    return document, names


@compiles(_JsonValues, "sqlite")
def _json_sqlite(element: _JsonValues, compiler: SQLCompiler, **_kw: Any) -> str:
    document, steps = _steps(element)
    root = compiler.process(document)
    joins = [f"json_each({_items(root, root, '$')}) AS e0"]
    for i, step in enumerate(steps):
        outer = f"e{i}"
        items = _items(f"{outer}.value", f"{outer}.value -> '$.{step}'", f"$.{step}")
        joins.append(f"json_each(CASE {outer}.type WHEN 'object' THEN {items} END) AS e{i + 1}")
    last = f"e{len(steps)}"
    return (
        f"(SELECT {last}.value AS value FROM {', '.join(joins)} "
        f"WHERE {last}.type IN ({element.sqlite_types}))"
    )


def _items(source: str, value: str, at: str) -> str:
    """The value at `at` of `source` as an array: itself, or the only item of one."""
    kind = f"json_type({source}, '{at}')"
    return f"CASE {kind} WHEN 'array' THEN {value} ELSE '[' || ({value}) || ']' END"


@compiles(_JsonValues, "postgresql")
def _json_postgresql(element: _JsonValues, compiler: SQLCompiler, **_kw: Any) -> str:
    document, steps = _steps(element)
    path = "".join(f".{step}[*]" for step in steps)
    return (
        f"(SELECT {element.postgresql} AS value "
        f"FROM jsonb_path_query({compiler.process(document)}, 'lax ${path}') AS q(v))"
    )
