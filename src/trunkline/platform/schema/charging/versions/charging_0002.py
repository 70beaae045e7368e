"""What the network's requests have earned, until the ledger is told."""

import sqlalchemy as sa
from alembic import op

revision = "charging_0002"
down_revision = "charging_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_earning",
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("prepaid", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "slot", "worker", "entity", "prepaid", "currency", name=op.f("charging_earning_pkey")
        ),
    )
