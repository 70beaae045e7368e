"""How balances and data abroad stand is told in order: what is undelivered joins the one queue.

The payloads are of the same form: what was told of their ends says when they were reached, what
was told of credit and consent doesn't.
"""

import sqlalchemy as sa
from alembic import op

revision = "charging_0011"
down_revision = "charging_0010"
branch_labels = None
depends_on = None

_JOINED = {
    "spent_beyond": "balance_stands",
    "credit_came": "balance_stands",
    "roamed_beyond": "roaming_stands",
    "consented_to_roam": "roaming_stands",
}


def upgrade() -> None:
    outbox = sa.table("outbox", sa.column("subscriber"), sa.column("topic"))
    for old, new in _JOINED.items():
        op.execute(
            sa.update(outbox)
            .where(outbox.c.subscriber == f"usage.{old}")
            .values(subscriber=f"usage.{new}", topic=f"charging.{new}")
        )


def downgrade() -> None:
    """What is undelivered waits, parked, for the release that knows it."""
