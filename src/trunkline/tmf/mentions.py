"""Who and what documents name, by an index: the tickets of a customer among a million.

A filter on `relatedParty.id` inside JSON reads every row; a kind that says which of its
references are asked for (`Kind.named`) has them in this table, too.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.platform.db import Reader, Tx, books_metadata
from trunkline.tmf.paths import Path, byte_order, column

LONGEST = 100
Named = tuple[str, str]
"""The dotted path of a reference, and its id."""

mention = sa.Table(
    "document_mention",
    books_metadata,
    sa.Column("kind", sa.String(LONGEST), primary_key=True),
    sa.Column("path", sa.String(LONGEST), primary_key=True),
    sa.Column("named_id", sa.String(LONGEST), primary_key=True),
    sa.Column("document_id", sa.String(LONGEST), primary_key=True),
    sa.Index("document_mention_by_document", "document_id", "kind"),
)
_m = mention.c
_INSERT = sa.insert(mention)
_FORGET = sa.delete(mention).where(
    _m.document_id == sa.bindparam("ident"), _m.kind == sa.bindparam("of_kind")
)


def remember(tx: Tx, kind: str, named: Iterable[tuple[str, Iterable[Named]]]) -> None:
    """Adds what new documents name: (id, what it names) of each."""
    rows = [
        {"kind": kind, "path": path, "named_id": each, "document_id": ident}
        for ident, names in named
        for path, each in sorted(set(names))
        if len(each) <= LONGEST
    ]
    if rows:
        tx.execute(_INSERT, rows)


def forget(tx: Tx, kind: str, ident: str) -> None:
    tx.execute(_FORGET, {"ident": ident, "of_kind": kind})


def mentioning(r: Reader, ids: Collection[str]) -> list[tuple[str, str]]:
    """The kind and id of each document that names one of these."""
    found = sa.select(_m.kind, _m.document_id).where(_m.named_id.in_(list(ids))).distinct()
    return [(row.kind, row.document_id) for row in r.execute(found.order_by(_m.document_id))]


def naming(kind: str, path: str, key: sa.Column[Any]) -> Path:
    """The filter on the ids at `path` of this kind, whose documents' ids are in `key`."""
    plain = column(_m.named_id)
    here: Sequence[sa.ColumnElement[bool]] = (_m.kind == kind, _m.path == path)
    return Path(
        plain.value,
        plain.parse,
        plain.kind,
        within=lambda found: key.in_(sa.select(_m.document_id).where(*here, found)),
        least=sa.select(sa.func.min(byte_order(_m.named_id)))
        .where(*here, _m.document_id == key)
        .scalar_subquery(),
    )
