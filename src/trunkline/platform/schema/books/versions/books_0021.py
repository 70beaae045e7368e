"""Whom documents name."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0021"
down_revision = "books_0020"
branch_labels = None
depends_on = None

_NAMED = {
    "trouble_ticket": ("TroubleTicket", ("relatedParty", "relatedEntity")),
    "party_interaction": ("PartyInteraction", ("relatedParty", "interactionItem.item")),
    "party_role": ("PartyRole", ("relatedParty",)),
    "agreement": ("Agreement", ("engagedParty", "agreementItem.productOffering")),
}


def upgrade() -> None:
    op.create_table(
        "document_mention",
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=100), nullable=False),
        sa.Column("named_id", sa.String(length=100), nullable=False),
        sa.Column("document_id", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint(
            "kind", "path", "named_id", "document_id", name=op.f("document_mention_pkey")
        ),
    )
    op.create_index(
        "document_mention_by_document", "document_mention", ["document_id", "kind"], unique=False
    )
    for table, (kind, paths) in _NAMED.items():
        _fill(table, kind, paths)


def _fill(name: str, kind: str, paths: tuple[str, ...]) -> None:
    """What documents of a kind have named so far, a thousand at a time."""
    table = sa.table(name, sa.column("id", sa.String), sa.column("body", db.Json()))
    names = ("kind", "path", "named_id", "document_id")
    insert = sa.insert(sa.table("document_mention", *map(sa.column, names)))
    page = (
        sa.select(table.c.id, table.c.body)
        .where(table.c.id > sa.bindparam("after"))
        .order_by(table.c.id)
        .limit(1000)
    )
    connection = op.get_bind()
    after = ""
    while rows := connection.execute(page, {"after": after}).all():
        found = [
            dict(zip(names, (kind, path, named, row.id), strict=True))
            for row in rows
            for path in paths
            for named in sorted(set(_ids(row.body, path.split("."))))
        ]
        if found:
            connection.execute(insert, found)
        after = rows[-1].id


def _ids(value: Any, steps: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _ids(each, steps)
    elif isinstance(value, dict) and steps:
        yield from _ids(value.get(steps[0]), steps[1:])
    elif isinstance(value, dict) and isinstance(value.get("id"), str) and len(value["id"]) <= 100:
        yield value["id"]
