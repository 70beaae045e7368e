"""The table of carts."""

from datetime import datetime

import sqlalchemy as sa

from trunkline.platform.db import Instant, Reader
from trunkline.tmf import documents

cart = documents.table(
    "shopping_cart",
    sa.Column("customer_id", sa.String(100), index=True),
    sa.Column("channel_id", sa.String(100), index=True),
    sa.Column("order_id", sa.String(100), index=True),
    sa.Column("valid_until", Instant),
    sa.Index("shopping_cart_by_end", "valid_until"),
)
_EXPIRED = (
    sa.select(cart.c.id)
    .where(
        cart.c.valid_until < sa.bindparam("before", type_=Instant),
        cart.c.order_id.is_(None),
    )
    .order_by(cart.c.valid_until)
    .limit(sa.bindparam("most"))
)


def expired(r: Reader, before: datetime, most: int) -> list[str]:
    """Those that expired before, and were never ordered; the oldest first."""
    return list(r.execute(_EXPIRED, {"before": before, "most": most}).scalars())
