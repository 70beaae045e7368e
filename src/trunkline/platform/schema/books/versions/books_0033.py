"""What of the price of usage isn't charged stands with it, and in sums by day."""

import sqlalchemy as sa
from alembic import op

revision = "books_0033"
down_revision = "books_0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("waived_micros", sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("waiver", sa.String(length=40), nullable=True))
    op.create_table(
        "usage_waived",
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("waiver", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "waiver", "currency", name=op.f("usage_waived_pkey")),
    )
