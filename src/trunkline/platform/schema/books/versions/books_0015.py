"""Quotes, carts, cancellations, and what orders and products keep besides."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0015"
down_revision = "books_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_order_cancellation",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("requested_at", db.Instant(), nullable=True),
        sa.Column("effective_at", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["product_order.id"],
            name=op.f("product_order_cancellation_order_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("product_order_cancellation_pkey")),
    )
    op.create_index(
        op.f("product_order_cancellation_order_id"),
        "product_order_cancellation",
        ["order_id"],
        unique=False,
    )
    op.create_table(
        "quote",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("quote_date", db.Instant(), nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=True),
        sa.Column("category", sa.String(length=500), nullable=True),
        sa.Column("valid_until", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("quote_pkey")),
    )
    for column in ("customer_id", "external_id", "quote_date", "state"):
        op.create_index(op.f(f"quote_{column}"), "quote", [column], unique=False)
    op.create_table(
        "shopping_cart",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("channel_id", sa.String(length=100), nullable=True),
        sa.Column("order_id", sa.String(length=100), nullable=True),
        sa.Column("valid_until", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("shopping_cart_pkey")),
    )
    for column in ("channel_id", "customer_id", "order_id"):
        op.create_index(op.f(f"shopping_cart_{column}"), "shopping_cart", [column], unique=False)
    op.add_column("product_order", sa.Column("details", db.Json(), nullable=True))
    op.add_column("product_order_item", sa.Column("parent", sa.String(length=100), nullable=True))
    op.add_column("product_order_item", sa.Column("prices", db.Json(), nullable=True))
    op.add_column("product_order_item", sa.Column("details", db.Json(), nullable=True))
    op.add_column("product_price", sa.Column("valid_from", db.Instant(), nullable=True))
    op.add_column("product_price", sa.Column("valid_until", db.Instant(), nullable=True))
