"""The table of carts."""

import sqlalchemy as sa

from trunkline.platform.db import Instant
from trunkline.tmf import documents

cart = documents.table(
    "shopping_cart",
    sa.Column("customer_id", sa.String(100), index=True),
    sa.Column("channel_id", sa.String(100), index=True),
    sa.Column("order_id", sa.String(100), index=True),
    sa.Column("valid_until", Instant),
)
