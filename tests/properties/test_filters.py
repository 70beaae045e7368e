"""Lists against a plain Python model: filters, sort, paging and fields over random data."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.tmf.widgets import (
    PAPER,
    PATHS,
    WIDGET,
    create_tables,
    papers,
    parts,
    store,
    widgets,
)
from trunkline.kernel.time import format_instant, to_micros
from trunkline.platform.db import Database
from trunkline.tmf import query, totals, wire
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op
from trunkline.tmf.resource import Body, Resource

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = st.sampled_from(
    ["", "a", "A", "ab", "b", "ba", "Zoë", "x y", "a,b", "it's", "%", "_", "10"]
)
INSTANTS = st.integers(0, 20).map(lambda n: EPOCH + timedelta(microseconds=n * 300))
ROWS = st.fixed_dictionaries(
    {
        "name": WORDS,
        "state": st.sampled_from(["new", "used", "scrapped"]),
        "note": st.none() | WORDS,
        "size": st.none() | st.integers(-3, 3),
        "is_new": st.booleans(),
        "price_micros": st.none() | st.integers(-2, 2).map(lambda n: n * 500_000),
        "made_at": INSTANTS,
        "codes": st.lists(WORDS, max_size=3),
    }
)
TAGS = st.fixed_dictionaries(
    {"id": WORDS},
    optional={"rank": st.integers(0, 3), "colour": WORDS, "extra": st.none() | WORDS},
)
BODIES = st.fixed_dictionaries(
    {"name": WORDS | st.just(7)},
    optional={
        "title": WORDS,
        "@type": WORDS | st.just("Paper"),
        "isBundle": st.booleans(),
        "weight": st.integers(-2, 2) | st.sampled_from([0.5, 1.25]),
        "tag": st.lists(TAGS | WORDS, max_size=3) | TAGS,
    },
)
OPS = ("eq", "ne", "gt", "gte", "lt", "lte")
KINDS = {
    "id": "string", "name": "string", "state": "string", "note": "string", "size": "integer",
    "isNew": "boolean", "price.value": "number", "madeAt": "date-time", "part.code": "string",
    "word": "string",
}  # fmt: skip
PAPER_KINDS = {
    "id": "string", "@type": "string", "name": "string", "isBundle": "boolean", "weight": "number",
    "title": "string", "tag.id": "string", "tag.colour": "string", "tag.rank": "number",
}  # fmt: skip


def quoted(text: str) -> str:
    return quote(f'"{text}"' if text == "" or "," in text or "'" in text else text)


def values_of(kind: str) -> st.SearchStrategy[str]:
    return {
        "string": WORDS.map(quoted),
        "integer": st.integers(-3, 3).map(str),
        "number": st.sampled_from(["-1", "-0.5", "0", "0.5", "1", "1.25", "2"]),
        "boolean": st.sampled_from(["true", "false"]),
        "date-time": st.integers(0, 20).map(
            lambda n: (EPOCH + timedelta(microseconds=n * 300)).isoformat().replace("+00:00", "Z")
        ),
    }[kind]


@st.composite
def terms(draw: st.DrawFn, kinds: dict[str, str]) -> tuple[str, str, list[str]]:
    path = draw(st.sampled_from(sorted(kinds)))
    ops = ("eq", "ne") if kinds[path] == "boolean" else OPS
    return (
        path,
        draw(st.sampled_from(ops)),
        draw(st.lists(values_of(kinds[path]), min_size=1, max_size=3)),
    )


@st.composite
def queries(draw: st.DrawFn, kinds: dict[str, str]) -> dict[str, Any]:
    unique = lambda term: term[:2]  # noqa: E731
    return {
        "terms": draw(st.lists(terms(kinds), max_size=3, unique_by=unique)),
        "sort": draw(
            st.lists(st.tuples(st.sampled_from(sorted(kinds)), st.booleans()), max_size=2)
        ),
        "offset": draw(st.integers(0, 6)),
        "limit": draw(st.integers(0, 6)),
        "fields": draw(
            st.none()
            | st.lists(
                st.sampled_from(["name", "part.code", "tag", "tag.id", "size", "none"]),
                min_size=1,
                max_size=3,
            )
        ),
    }


def text_of(asked: dict[str, Any]) -> str:
    symbols = {"gt": "%3E", "lte": "%3C=", "eq": "="}
    pieces = []
    for i, (path, op, values) in enumerate(asked["terms"]):
        head = f"{path}{symbols[op]}" if op in symbols and i % 2 else f"{path}.{op}="
        joined = [",".join(values)] if i % 2 else values
        pieces += [head + value for value in joined]
    if asked["sort"]:
        pieces.append(
            "sort=" + ",".join(("-" if down else "%2B") + path for path, down in asked["sort"])
        )
    if asked["fields"]:
        pieces.append("fields=" + ",".join(asked["fields"]))
    return "&".join([*pieces, f"offset={asked['offset']}", f"limit={asked['limit']}"])


# The model: the rules of the checklist, on plain values.


def reach(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from reach(each, steps)
    elif not steps:
        if value is not None:
            yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from reach(value[steps[0]], steps[1:])


def seen(body: Body, path: str, kind: str) -> list[Any]:
    types: Any = {"boolean": bool, "number": (int, float), "integer": int}.get(kind, str)
    found = [each for each in reach(body, path.split(".")) if isinstance(each, types)]
    if kind in ("number", "integer"):
        found = [each for each in found if not isinstance(each, bool)]
    return [key_of(each) for each in found]


def key_of(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def holds(body: Body, path: str, op: str, texts: list[str], kind: str) -> bool:
    if op == "ne":
        return not holds(body, path, "eq", texts, kind)
    for text in texts:
        said: Any = unquote(text)
        if kind in ("string", "date-time"):
            if said[:1] == '"':
                said = said[1:-1]
            if kind == "date-time":
                whole = datetime.fromisoformat(said)
                said = whole.isoformat(timespec="microseconds")[:26] + "Z"
            said = said.encode()
        else:
            said = {"true": True, "false": False}.get(said) if kind == "boolean" else float(said)
        for value in seen(body, path, kind):
            mine = (value[:-1] + b"000Z") if kind == "date-time" else value
            if {"eq": mine == said, "gt": mine > said, "gte": mine >= said,
                "lt": mine < said, "lte": mine <= said}[op]:  # fmt: skip
                return True
    return False


def expected(bodies: list[Body], asked: dict[str, Any], kinds: dict[str, str]) -> list[Body]:
    kept = [
        body
        for body in sorted(bodies, key=lambda body: body["id"])
        if all(holds(body, path, op, texts, kinds[path]) for path, op, texts in asked["terms"])
    ]
    for path, down in reversed(asked["sort"]):
        # Instants sort by more than the wire shows.
        place, kind = ("exactly", "integer") if path == "madeAt" else (path, kinds[path])
        least: dict[str, Any] = {
            body["id"]: min(seen(body, place, kind), default=None) for body in kept
        }
        have = [body for body in kept if least[body["id"]] is not None]
        lack = [body for body in kept if least[body["id"]] is None]
        kept = sorted(have, key=lambda body: least[body["id"]], reverse=down) + lack
    return kept


def trimmed(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [trimmed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, each in value.items():
        if name in names:
            result[name] = each
        elif inner := [n.split(".", 1)[1] for n in names if n.startswith(f"{name}.")]:
            result[name] = trimmed(each, inner)
    return result


def compare(
    books: Database,
    resource: Resource[Any],
    bodies: list[Body],
    asked: dict[str, Any],
    kinds: dict[str, str],
) -> None:
    parsed = query.parse(text_of(asked))
    with books.read() as r:
        page = query.find(
            r, parsed, key=resource.key, order=resource.stable, paths=resource.filters
        )
        answers = [wire.plain(each) for each in resource.answers(r, page.ids)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(query, "FAR", 1)
            patch.setattr(totals, "WORTH_REMEMBERING", 1)
            for _ in range(2):  # counted, and remembered
                far = query.find(
                    r, parsed, key=resource.key, order=resource.stable, paths=resource.filters
                )
                assert (list(far.ids), far.total) == (list(page.ids), page.total), text_of(asked)
    wanted = expected(bodies, asked, kinds)
    here = wanted[asked["offset"] : asked["offset"] + asked["limit"]]
    assert [each["id"] for each in answers] == [body["id"] for body in here], text_of(asked)
    assert page.total == len(wanted), text_of(asked)
    if asked["fields"]:
        names = [*asked["fields"], "id", "href"]
        assert parsed.fields is not None
        picked = [query.pick(each, parsed.fields) for each in answers]
        assert picked == [trimmed(each, names) for each in answers]


SETTINGS = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def tables(books: Database) -> Database:
    create_tables(books)
    return books


@SETTINGS
@given(rows=st.lists(ROWS, max_size=8), asked=st.lists(queries(KINDS), min_size=1, max_size=6))
def test_columns_and_children(
    tables: Database, rows: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    bodies: list[Body] = []
    plain, codes = [], []
    for i, row in enumerate(rows):
        ident = f"wid_{(i * 5) % 8}"
        plain.append({"id": ident, **{k: v for k, v in row.items() if k != "codes"}})
        codes += [
            {"widget_id": ident, "position": n, "code": c} for n, c in enumerate(row["codes"])
        ]
        price = row["price_micros"]
        bodies.append(
            {"id": ident, "name": row["name"], "state": row["state"], "note": row["note"],
             "size": row["size"], "isNew": row["is_new"],
             "price": {"value": None if price is None else price / 1e6},
             "madeAt": format_instant(row["made_at"]), "exactly": to_micros(row["made_at"]),
             "part": [{"code": code} for code in row["codes"]],
             "word": [row["note"], *row["codes"]]}
        )  # fmt: skip
    with tables.transaction() as tx:
        tx.execute(widgets.delete())
        tx.execute(parts.delete())
        store(tx, plain, codes)
    assert set(KINDS) == {"id", *PATHS}
    for each in asked:
        compare(tables, WIDGET, bodies, each, KINDS)


@SETTINGS
@given(
    bodies=st.lists(BODIES, max_size=8),
    asked=st.lists(queries(PAPER_KINDS), min_size=1, max_size=6),
)
def test_documents(tables: Database, bodies: list[Body], asked: list[dict[str, Any]]) -> None:
    bodies = [
        {"id": f"pap_{(i * 5) % 8}", "@type": "Paper", **body} for i, body in enumerate(bodies)
    ]
    with tables.transaction() as tx:
        tx.execute(papers.delete())
        if bodies:
            tx.execute(
                papers.insert(),
                [
                    {"id": body["id"], "last_update": EPOCH,
                     "body": {k: v for k, v in body.items() if k != "id" and v != "Paper"}}
                    for body in bodies
                ],
            )  # fmt: skip
    for each in asked:
        compare(tables, PAPER, bodies, each, PAPER_KINDS)


@SETTINGS
@given(
    names=st.lists(st.text("abAB.1 -", max_size=6), max_size=8),
    pattern=st.text("abAB.*+?^$|1[]- ", max_size=8),
)
def test_a_regex_is_refused_or_means_the_same_on_both_engines(
    tables: Database, names: list[str], pattern: str
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"wid_{i}", "name": name, "state": "new", "is_new": True, "made_at": EPOCH}
        for i, name in enumerate(names)
    ]
    with tables.transaction() as tx:
        tx.execute(widgets.delete())
        if rows:
            tx.execute(widgets.insert(), rows)
    term = query.Query(terms=(query.Term("name", Op.REGEX, (pattern,)),))
    try:
        with tables.read() as r:
            page = query.find(r, term, key=WIDGET.key, order=WIDGET.stable, paths=WIDGET.filters)
    except BadQuery:
        return
    assert list(page.ids) == [row["id"] for row in rows if re.search(pattern, row["name"])]
