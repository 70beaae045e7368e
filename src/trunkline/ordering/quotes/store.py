"""The table of quotes."""

import sqlalchemy as sa

from trunkline.platform.db import Instant
from trunkline.tmf import documents

quote = documents.table(
    "quote",
    sa.Column("customer_id", sa.String(100), index=True),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("quote_date", Instant, nullable=False, index=True),
    sa.Column("external_id", sa.String(100), index=True),
    sa.Column("category", sa.String(500)),
    sa.Column("valid_until", Instant),
)
