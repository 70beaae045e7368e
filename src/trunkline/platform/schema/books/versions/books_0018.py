"""Questions about consumption, bills on hold and on demand."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0018"
down_revision = "books_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_bill_on_demand",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("billing_account_id", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("customer_bill_on_demand_pkey")),
    )
    op.create_index(
        "customer_bill_on_demand_by_account",
        "customer_bill_on_demand",
        ["billing_account_id", "id"],
        unique=False,
    )
    op.create_table(
        "usage_consumption_query",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("usage_consumption_query_pkey")),
    )
    op.create_index(
        "usage_consumption_query_by_customer",
        "usage_consumption_query",
        ["customer_id", "id"],
        unique=False,
    )
    op.add_column(
        "open_item", sa.Column("on_hold", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("open_item", sa.Column("hold_changed_at", db.Instant(), nullable=True))
