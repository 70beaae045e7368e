"""What was used beyond prepaid balances before the network stopped it."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0027"
down_revision = "books_0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage_exposure",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("exhausted_at", db.Instant(), nullable=False),
        sa.Column("noticed_at", db.Instant(), nullable=False),
        sa.Column("barred_at", db.Instant(), nullable=True),
        sa.Column("restored_at", db.Instant(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("beyond", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "exhausted_at", name=op.f("usage_exposure_pkey")),
    )
