"""Stocks and service orders."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from trunkline.kernel.time import format_instant
from trunkline.platform import db

revision = "books_0014"
down_revision = "books_0013"
branch_labels = None
depends_on = None

_SHELVES = (
    ("numbers", "Numbers", "number", "MSISDN"),
    ("sims", "SIM cards", "sim", "SIM"),
)


def _count_the_shelves() -> None:
    """Numbers and cards are stocks, too, which count themselves."""
    stock = sa.table(
        "product_stock",
        *(
            sa.column(name, type_)
            for name, type_ in (
                ("id", sa.String()), ("revision", sa.Integer()), ("created_at", db.Instant()),
                ("updated_at", db.Instant()), ("name", sa.String()), ("status", sa.String()),
                ("product_id", sa.String()), ("counts", sa.String()),
                ("on_hand", sa.BigInteger()), ("held", sa.BigInteger()), ("body", db.Json()),
            )
        ),
    )  # fmt: skip
    now = datetime.now(UTC)
    for ident, name, kind, product in _SHELVES:
        body = {
            "id": ident, "@type": "ProductStock", "name": name,
            "productStockStatusType": "available", "stockedProduct": {"name": product},
            "creationDate": format_instant(now), "lastUpdate": format_instant(now),
        }  # fmt: skip
        op.execute(
            sa.insert(stock).values(
                id=ident, revision=1, created_at=now, updated_at=now, name=name,
                status="available", product_id=product, counts=kind, on_hand=0, held=0, body=body,
            )
        )  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "cancel_service_order",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("cancel_service_order_pkey")),
    )
    op.create_index(
        "cancel_service_order_by_order", "cancel_service_order", ["order_id", "id"], unique=False
    )
    op.create_index(
        "cancel_service_order_by_state", "cancel_service_order", ["state", "id"], unique=False
    )
    op.create_table(
        "product_stock",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("place_id", sa.String(length=100), nullable=True),
        sa.Column("offering_id", sa.String(length=100), nullable=True),
        sa.Column("specification_id", sa.String(length=100), nullable=True),
        sa.Column("product_id", sa.String(length=100), nullable=True),
        sa.Column("counts", sa.String(length=10), nullable=True),
        sa.Column("on_hand", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("product_stock_pkey")),
    )
    op.create_index("product_stock_by_name", "product_stock", ["name", "id"], unique=False)
    op.create_index(
        "product_stock_by_offering", "product_stock", ["offering_id", "id"], unique=False
    )
    op.create_index("product_stock_by_place", "product_stock", ["place_id", "id"], unique=False)
    op.create_index("product_stock_by_product", "product_stock", ["product_id", "id"], unique=False)
    op.create_index(
        "product_stock_by_specification", "product_stock", ["specification_id", "id"], unique=False
    )
    op.create_index("product_stock_by_status", "product_stock", ["status", "id"], unique=False)
    op.create_table(
        "service_order",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("priority", sa.String(length=200), nullable=True),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("order_date", db.Instant(), nullable=False),
        sa.Column("requested_start", db.Instant(), nullable=True),
        sa.Column("start_date", db.Instant(), nullable=True),
        sa.Column("completion_date", db.Instant(), nullable=True),
        sa.Column("cancellation_date", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("service_order_pkey")),
    )
    op.create_index("service_order_by_category", "service_order", ["category", "id"], unique=False)
    op.create_index(
        "service_order_by_customer", "service_order", ["customer_id", "id"], unique=False
    )
    op.create_index("service_order_by_date", "service_order", ["order_date", "id"], unique=False)
    op.create_index(
        "service_order_by_external_id", "service_order", ["external_id", "id"], unique=False
    )
    op.create_index("service_order_by_state", "service_order", ["state", "id"], unique=False)
    op.create_table(
        "service_order_item",
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("service_id", sa.String(length=100), nullable=True),
        sa.Column("waits_for", db.Json(), nullable=False),
        sa.Column("is_undoing", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("service_order_item_pkey")),
    )
    op.create_index(
        "service_order_item_by_service", "service_order_item", ["service_id", "state"], unique=False
    )
    op.create_table(
        "stock_adjustment",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_adjustment_pkey")),
    )
    op.create_index("stock_adjustment_by_state", "stock_adjustment", ["state", "id"], unique=False)
    op.create_table(
        "stock_check",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_check_pkey")),
    )
    op.create_index("stock_check_by_state", "stock_check", ["state", "id"], unique=False)
    op.create_table(
        "stock_entry",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("stock_id", sa.String(length=100), nullable=False),
        sa.Column("at", db.Instant(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("on_hand", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_entry_pkey")),
    )
    op.create_index("stock_entry_by_stock", "stock_entry", ["stock_id", "id"], unique=False)
    op.create_table(
        "stock_hold",
        sa.Column("reservation_id", sa.String(length=100), nullable=False),
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("stock_id", sa.String(length=100), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", "item", name=op.f("stock_hold_pkey")),
    )
    op.create_index("stock_hold_by_stock", "stock_hold", ["stock_id"], unique=False)
    op.create_table(
        "stock_query",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_query_pkey")),
    )
    op.create_index("stock_query_by_state", "stock_query", ["state", "id"], unique=False)
    op.create_table(
        "stock_reservation",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("ends_at", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("stock_reservation_pkey")),
    )
    op.create_index(
        "stock_reservation_by_state", "stock_reservation", ["state", "id"], unique=False
    )
    _count_the_shelves()
    with op.batch_alter_table("resource") as batch:
        batch.drop_constraint("resource_kind_value_key", type_="unique")
    op.create_index(
        "resource_in_stock",
        "resource",
        ["kind", "value"],
        unique=True,
        sqlite_where=sa.text("kind <> 'other'"),
        postgresql_where=sa.text("kind <> 'other'"),
    )
