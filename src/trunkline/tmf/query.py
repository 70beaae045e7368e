"""TMF630's query parameters: fields, offset, limit, sort, and everything else a filter."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_plus

import msgspec
import sqlalchemy as sa

from trunkline.platform.db import Reader
from trunkline.tmf import totals
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Expression, Op, Path

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_OFFSET = 2**31
FAR = 1000
"""An offset from which on a page is sought from the nearer end of the list."""
_MAX_TERMS = 100

_SYMBOLS = {">=": Op.GTE, "<=": Op.LTE, "!=": Op.NE, "*=": Op.REGEX, ">": Op.GT, "<": Op.LT,
            "=": Op.EQ}  # fmt: skip
_OPS = frozenset(map(str, Op))
_SYMBOL = re.compile(r">=|<=|!=|\*=|==|=|>|<")
_TOKEN = re.compile(r"""\s*"[^"]*"\s*|\s*'[^']*'\s*|[,;]|[^,;]+""")


class Term(msgspec.Struct, frozen=True):
    """`path op value, value...`: any of the values."""

    path: str
    op: Op
    values: tuple[str, ...]


class Query(msgspec.Struct, frozen=True):
    """What a list was asked for. `fields` is None for everything; `sort` holds a path and
    whether it descends. `reach` is what the caller may see of the rows."""

    fields: frozenset[str] | None = None
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    sort: tuple[tuple[str, bool], ...] = ()
    terms: tuple[Term, ...] = ()
    reach: tuple[Expression, ...] = ()


def parse(text: str) -> Query:
    """A query string as a Query. Raises `BadQuery` naming the parameter."""
    once: dict[str, str] = {}
    terms: dict[tuple[str, Op], list[str]] = {}
    count = 0
    for part in text.split("&"):
        if not part:
            continue
        name, op, value = _split(part)
        if name in _PAGING:
            if op is not Op.EQ:
                raise BadQuery("takes no comparison", path=name)
            once[name] = f"{once[name]},{value}" if name in once else value
            continue
        values = _values(value) if op is not Op.REGEX else [_unquoted(value)]
        terms.setdefault((name, op), []).extend(values)
        count += len(values)
    if count > _MAX_TERMS:
        raise BadQuery(f"more than {_MAX_TERMS} values to filter by")
    return Query(
        fields=_fields(once["fields"]) if "fields" in once else None,
        offset=_whole(once.get("offset", "0"), "offset", MAX_OFFSET),
        limit=min(_whole(once.get("limit", str(DEFAULT_LIMIT)), "limit", MAX_OFFSET), MAX_LIMIT),
        sort=_sort(once.get("sort", "")),
        terms=tuple(Term(path, op, tuple(values)) for (path, op), values in terms.items()),
    )


_PAGING = frozenset({"fields", "offset", "limit", "sort"})


def _split(part: str) -> tuple[str, Op, str]:
    """`a.gt=5`, `a%3E5`, `a%3E=5`, `a>=5`, `a=5` all name a path, an operator and a value."""
    text = _decoded(part)
    found = _SYMBOL.search(text)
    if found is None:
        raise BadQuery("a filter is path=value", path=text[:60])
    name, value = text[: found.start()].strip(), text[found.end() :]
    op = _SYMBOLS.get(found.group(), Op.EQ)
    stem, _, suffix = name.rpartition(".")
    if op is Op.EQ and stem and suffix in _OPS:
        return stem, Op(suffix), value
    return name, op, value


def _decoded(part: str) -> str:
    try:
        text = unquote_plus(part, errors="strict")
    except UnicodeDecodeError:
        raise BadQuery("is not UTF-8", path=part[:60]) from None
    if "\0" in text:
        raise BadQuery("holds a NUL", path=part[:60])
    return text


def _values(text: str) -> list[str]:
    """`a,b;c` are three values; quotes keep a comma, and are taken off."""
    values = [""]
    for token in _TOKEN.findall(text):
        if token in (",", ";"):
            values.append("")
        else:
            values[-1] += _unquoted(token.strip())
    return values


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _fields(text: str) -> frozenset[str] | None:
    names = frozenset(name.strip() for name in _unquoted(text).split(",")) - {""}
    return names - {"none"} if names else None


def _whole(text: str, name: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) > largest:
        raise BadQuery(f"{text[:40]!r} is not a whole number from 0 to {largest}", path=name)
    return int(text)


def _sort(text: str) -> tuple[tuple[str, bool], ...]:
    """A path that comes again decides nothing more."""
    found: dict[str, bool] = {}
    for key in map(str.strip, text.split(",")):
        if key:
            found.setdefault(key.lstrip("+-"), key.startswith("-"))
    return tuple(found.items())


class Page(msgspec.Struct, frozen=True):
    """The ids of one page, and how many match in all."""

    ids: Sequence[str]
    total: int


def find(
    r: Reader,
    query: Query,
    *,
    key: Expression,
    order: Sequence[sa.Column[Any]],
    paths: Mapping[str, Path],
    where: Sequence[Expression] = (),
) -> Page:
    """The ids (`key`) of the page, in the order asked for and then in `order`. Raises
    `BadQuery` for a path that can't be filtered or sorted by."""
    conditions = [
        *where,
        *query.reach,
        *(_path(paths, term.path).matches(term.op, term.values, term.path) for term in query.terms),
    ]
    asked = [(_path(paths, name), descends) for name, descends in query.sort]
    by = Ordered(asked, order)
    ids = sa.select(key).where(*conditions)
    total: int | None = None
    if query.offset >= FAR:
        total = totals.total(r, order[0].table, conditions, _about(order[0].table, query))
        if query.offset >= total:
            return Page([], total)
        left = total - query.offset
        if left < query.offset:
            limit = min(query.limit, left)
            backwards = ids.order_by(*by.backwards()).limit(limit).offset(left - limit)
            return Page(r.execute(backwards).scalars().all()[::-1], total)
    ids = ids.order_by(*by.forwards()).limit(query.limit)
    found = r.execute(ids.offset(query.offset)).scalars().all() if query.limit else []
    if total is None and len(found) < query.limit and (found or not query.offset):
        total = query.offset + len(found)
    if total is None:
        total = totals.total(r, order[0].table, conditions, _about(order[0].table, query))
    return Page(found, total)


def _about(table: sa.FromClause, query: Query) -> tuple[str, tuple[Term, ...]]:
    return str(table), query.terms


class Ordered:
    """What was asked to sort by, and then the columns by which a list is stable."""

    def __init__(self, asked: Sequence[tuple[Path, bool]], order: Sequence[sa.Column[Any]]) -> None:
        self._asked = asked
        self._order = order

    def forwards(self) -> list[Any]:
        # On a column that is never null NULLS LAST would only keep its index from being used.
        asked: list[Any] = []
        for path, descends in self._asked:
            by = path.order.desc() if descends else path.order.asc()
            asked.append(by.nulls_last() if path.may_lack else by)
        return [*asked, *self._order]

    def backwards(self) -> list[Any]:
        """The same, the last one first."""
        asked: list[Any] = []
        for path, descends in self._asked:
            by = path.order.asc() if descends else path.order.desc()
            asked.append(by.nulls_first() if path.may_lack else by)
        return [*asked, *(each.desc() for each in self._order)]


def pick(body: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """`body` with these attributes (dotted ones reach into objects and arrays), id and href."""
    wanted: dict[str, Any] = {}
    for name in sorted(fields | {"id", "href"}):  # a whole attribute comes before its parts
        *parents, last = name.split(".")
        inner: Any = wanted
        for step in parents:
            inner = inner.setdefault(step, {})
            if inner is None:
                break
        else:
            inner[last] = None
    picked: dict[str, Any] = _pick(body, wanted)
    return picked


def _pick(value: Any, wanted: Mapping[str, Any] | None) -> Any:
    if wanted is None:
        return value
    if isinstance(value, list):
        return [_pick(each, wanted) for each in value]
    if isinstance(value, dict):
        return {name: _pick(each, wanted[name]) for name, each in value.items() if name in wanted}
    return value


def _path(paths: Mapping[str, Path], name: str) -> Path:
    try:
        return paths[name]
    except KeyError:
        raise BadQuery(
            f"{name[:60]!r} can't be filtered or sorted by; what can: {', '.join(sorted(paths))}",
            path=name[:60],
        ) from None


EVERYTHING = Query()


_UNQUOTED = "!$%&'()*+,-./:;=?@_~"
"""What a query may hold as it is (RFC 3986, section 3.4); a raw > would end the link."""


def links(path: str, text: str, query: Query, total: int) -> str:
    """RFC 8288's Link header: first, prev, next, last, each where there is one."""
    kept = "&".join(
        part for part in text.split("&") if part and not part.startswith(("offset=", "limit="))
    )
    kept = quote(kept, safe=_UNQUOTED)
    limit = max(query.limit, 1)
    offsets = {"first": 0}
    if query.offset > 0:
        offsets["prev"] = max(query.offset - limit, 0)
    if query.offset + query.limit < total:
        offsets["next"] = query.offset + query.limit
    offsets["last"] = (total - 1) // limit * limit if total else 0
    head = f"{path}?{kept}&" if kept else f"{path}?"
    return ", ".join(
        f'<{head}offset={offset}&limit={query.limit}>; rel="{rel}"'
        for rel, offset in offsets.items()
    )
