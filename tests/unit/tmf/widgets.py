"""A small resource of the tests' own: widgets with parts, in tables that only tests know."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.money import to_micros
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Database, Instant, Json, Reader, Tx
from trunkline.tmf import (
    Aggregate,
    Api,
    Body,
    Document,
    Entity,
    Paths,
    Timestamp,
    Verb,
    Wire,
    amount,
    child,
    column,
    either,
    href,
    in_json,
)

metadata = sa.MetaData()
widgets = sa.Table(
    "test_widget",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("note", sa.String(100)),
    sa.Column("size", sa.BigInteger),
    sa.Column("is_new", sa.Boolean, nullable=False),
    sa.Column("price_micros", sa.BigInteger),
    sa.Column("made_at", Instant, nullable=False),
)
parts = sa.Table(
    "test_part",
    metadata,
    sa.Column("widget_id", sa.String(100), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(20), nullable=False),
)
papers = sa.Table(
    "test_paper",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("last_update", Instant, nullable=False),
)


class WidgetId(Id):
    __slots__ = ()
    prefix = "wid"


class Part(Wire):
    code: str


class Widget(Entity, kw_only=True):
    name: str
    state: str
    note: str | None = None
    size: int | None = None
    is_new: bool
    price: Any = None
    made_at: Timestamp
    part: tuple[Part, ...] = ()


class NewWidget(Wire):
    name: str
    note: str | None = None
    size: int | None = None
    part: tuple[Part, ...] = ()


class Renaming(Wire):
    name: str


class Scrapping(Wire):
    state: str
    note: str | None = None


BASE = "/tmf-api/widgetManagement/v4"
_WIDGETS = f"{BASE}/widget"


def store(tx: Tx, rows: Sequence[dict[str, Any]], codes: Sequence[dict[str, Any]]) -> None:
    if rows:
        tx.execute(widgets.insert(), rows)
    if codes:
        tx.execute(parts.insert(), codes)


def find(r: Reader, ids: Sequence[str]) -> list[Widget]:
    held: dict[str, list[Part]] = {}
    for row in r.execute(
        sa.select(parts).where(parts.c.widget_id.in_(ids)).order_by(parts.c.position)
    ):
        held.setdefault(row.widget_id, []).append(Part(code=row.code))
    return [
        Widget(
            id=row.id,
            href=href(_WIDGETS, row.id),
            name=row.name,
            state=row.state,
            note=row.note,
            size=row.size,
            is_new=row.is_new,
            made_at=format_instant(row.made_at),
            part=tuple(held.get(row.id, ())),
        )
        for row in r.execute(sa.select(widgets).where(widgets.c.id.in_(ids)))
    ]


def make(tx: Tx, new: NewWidget, now: datetime) -> str:
    ident = tx.new_id(WidgetId, now)
    if new.name == "forbidden":
        raise Invalid("is a bad name", path="name")
    row = {"id": ident, "name": new.name, "state": "new", "note": new.note, "size": new.size,
           "is_new": True, "price_micros": to_micros("1.5"), "made_at": now}  # fmt: skip
    store(
        tx,
        [row],
        [{"widget_id": ident, "position": i, "code": part.code} for i, part in enumerate(new.part)],
    )
    return ident


def rename(tx: Tx, ident: str, asked: Renaming, now: datetime) -> None:
    tx.execute(widgets.update().where(widgets.c.id == ident).values(name=asked.name))


def scrap(tx: Tx, ident: str, asked: Scrapping, now: datetime) -> None:
    tx.execute(
        widgets.update().where(widgets.c.id == ident).values(state=asked.state, note=asked.note)
    )


def destroy(tx: Tx, ident: str, now: datetime) -> None:
    tx.execute(widgets.delete().where(widgets.c.id == ident))


_CODES = child(parts.c.code, on=parts.c.widget_id == widgets.c.id)
PATHS: Paths = {
    "name": widgets.c.name,
    "state": widgets.c.state,
    "note": widgets.c.note,
    "size": widgets.c.size,
    "isNew": widgets.c.is_new,
    "price.value": amount(widgets.c.price_micros),
    "madeAt": widgets.c.made_at,
    "part.code": _CODES,
    "word": either(column(widgets.c.note), _CODES),
}

WIDGET = Aggregate(
    path=_WIDGETS,
    type="Widget",
    key=widgets.c.id,
    paths=PATHS,
    find=find,
    to_wire=lambda widget: widget,
    form=Widget,
    accepts=NewWidget,
    create=make,
    verbs=(
        Verb(on="state", to=frozenset({"scrapped"}), form=Scrapping, run=scrap),
        Verb(on="name", form=Renaming, run=rename),
    ),
    delete=destroy,
)


class PaperTag(Wire):
    id: str
    colour: str | None = None
    rank: int | None = None


class Paper(Wire):
    name: str
    title: str | None = None
    is_bundle: bool | None = None
    weight: float | None = None
    tag: tuple[PaperTag, ...] = ()


class PaperId(Id):
    __slots__ = ()
    prefix = "pap"


def papers_of(r: Reader, ids: Sequence[str]) -> list[Body]:
    rows = r.execute(sa.select(papers).where(papers.c.id.in_(ids)))
    return [
        {"id": row.id, "lastUpdate": format_instant(row.last_update), **row.body} for row in rows
    ]


def write(tx: Tx, body: Body, now: datetime) -> str:
    ident = tx.new_id(PaperId, now)
    tx.execute(papers.insert(), {"id": ident, "body": body, "last_update": now})
    return ident


def rewrite(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    kept = {name: each for name, each in body.items() if name not in ("id", "lastUpdate")}
    tx.execute(papers.update().where(papers.c.id == ident).values(body=kept, last_update=now))


PAPER = Document(
    path=f"{BASE}/paper",
    type="Paper",
    key=papers.c.id,
    paths={
        "@type": in_json(papers.c.body, "@type"),
        "name": in_json(papers.c.body, "name"),
        "isBundle": in_json(papers.c.body, "isBundle", "boolean"),
        "weight": in_json(papers.c.body, "weight", "number"),
        "title": in_json(papers.c.body, "title"),
        "tag.id": in_json(papers.c.body, "tag.id"),
        "tag.colour": in_json(papers.c.body, "tag.colour"),
        "tag.rank": in_json(papers.c.body, "tag.rank", "number"),
        "lastUpdate": papers.c.last_update,
    },
    find=papers_of,
    schema=Paper,
    create=write,
    replace=rewrite,
)

API = Api(number="TMF000", title="Widgets", version="4.0.0", base=BASE, resources=(WIDGET, PAPER))


def create_tables(books: Database) -> None:
    with books.engine.begin() as connection:
        metadata.create_all(connection)


def decoded(data: bytes) -> Any:
    return msgspec.json.decode(data)
