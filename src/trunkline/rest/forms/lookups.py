"""Filters by a column of the row that a reference points at."""

import sqlalchemy as sa

from trunkline.tmf import Path, column
from trunkline.tmf.paths import Expression


def of_row(value: Expression, *, reference: Expression, key: Expression) -> Path:
    """`value` of the row whose `key` is `reference`. The rows are found first, by their own
    indexes, and then what refers to them by its own."""
    plain = column(value)
    return Path(
        value,
        plain.parse,
        plain.kind,
        within=lambda found: reference.in_(sa.select(key).where(found)),
        least=sa.select(value).where(key == reference).scalar_subquery(),
    )
