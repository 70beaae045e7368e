"""The table of rows that came in, so that each comes in once and a change is noticed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from trunkline.customers import CustomerId
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

migrated_row = sa.Table(
    "migrated_row",
    books_metadata,
    sa.Column("external_id", sa.String(100), primary_key=True),
    sa.Column("customer_id", sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("fields", Json, nullable=False, info={"personal": True}),
    sa.Column("imported_at", Instant, nullable=False),
)

_INSERT = sa.insert(migrated_row)
_FIND = sa.select(migrated_row.c.external_id, migrated_row.c.fields).where(
    migrated_row.c.external_id.in_(sa.bindparam("ids", expanding=True))
)


_FORGET = (
    sa.update(migrated_row)
    .where(migrated_row.c.customer_id.in_(sa.bindparam("ids", expanding=True)))
    .values(fields={})
)


def forget_fields(tx: Tx, customers: Sequence[str]) -> None:
    """What the rows of these customers said. That they came in stays, so that they don't again."""
    tx.execute(_FORGET, {"ids": list(customers)})


def fields_of(r: Reader, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The columns of those rows that came in, by external id."""
    if not ids:
        return {}
    return {row.external_id: row.fields for row in r.execute(_FIND, {"ids": list(ids)})}


def insert_rows(
    tx: Tx, rows: Mapping[str, tuple[CustomerId, dict[str, str]]], now: datetime
) -> None:
    tx.execute(
        _INSERT,
        [
            {
                "external_id": external_id,
                "customer_id": customer_id,
                "fields": fields,
                "imported_at": now,
            }
            for external_id, (customer_id, fields) in rows.items()
        ],
    )
