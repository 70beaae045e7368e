"""The tables of service orders and of their items' steps, and all SQL on them."""

import sqlalchemy as sa

from trunkline.platform.db import Instant, Json, books_metadata
from trunkline.tmf import documents

service_order = documents.table(
    "service_order",
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("external_id", sa.String(200)),
    sa.Column("category", sa.String(200)),
    sa.Column("priority", sa.String(200)),
    sa.Column("customer_id", sa.String(100)),
    sa.Column("order_date", Instant, nullable=False),
    sa.Column("requested_start", Instant),
    sa.Column("start_date", Instant),
    sa.Column("completion_date", Instant),
    sa.Column("cancellation_date", Instant),
    sa.Index("service_order_by_state", "state", "id"),
    sa.Index("service_order_by_external_id", "external_id", "id"),
    sa.Index("service_order_by_customer", "customer_id", "id"),
    sa.Index("service_order_by_category", "category", "id"),
    sa.Index("service_order_by_date", "order_date", "id"),
)

service_order_item = sa.Table(
    "service_order_item",
    books_metadata,
    sa.Column("order_id", sa.String(100), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(100), nullable=False),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("service_id", sa.String(100)),
    sa.Column("waits_for", Json, nullable=False),
    sa.Column("is_undoing", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Index("service_order_item_by_service", "service_id", "state"),
)

cancel_service_order = documents.table(
    "cancel_service_order",
    sa.Column("order_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Index("cancel_service_order_by_order", "order_id", "id"),
    sa.Index("cancel_service_order_by_state", "state", "id"),
)
