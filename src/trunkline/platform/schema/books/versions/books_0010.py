"""Services of no product, other resources, and what the network is told."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0010"
down_revision = "books_0009"
branch_labels = None
depends_on = None

_SHOWN = """
UPDATE resource SET
    name = value,
    is_physical = (kind = 'sim'),
    status = CASE state
        WHEN 'available' THEN 'available' WHEN 'reserved' THEN 'reserved'
        WHEN 'assigned' THEN 'reserved' ELSE 'suspended' END,
    usage_state = CASE state WHEN 'assigned' THEN 'active' ELSE 'idle' END,
    administrative_state = CASE state
        WHEN 'quarantined' THEN 'locked' WHEN 'retired' THEN 'shutdown' ELSE 'unlocked' END,
    operational_state = CASE state WHEN 'retired' THEN 'disable' ELSE 'enable' END
"""
"""What numbers and cards show follows from where they stand."""


def upgrade() -> None:
    op.create_table(
        "network_instruction",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("service_id", sa.String(length=100), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("wish", db.Json(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", db.Instant(), nullable=False),
        sa.Column("following", sa.String(length=500), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("ended_at", db.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("network_instruction_pkey")),
        sa.UniqueConstraint(
            "service_id", "place", name=op.f("network_instruction_service_id_place_key")
        ),
    )
    op.create_index(
        "network_instruction_due", "network_instruction", ["state", "due_at"], unique=False
    )
    op.create_table(
        "network_service",
        sa.Column("service_id", sa.String(length=100), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("service_id", name=op.f("network_service_pkey")),
    )
    op.create_table(
        "service_monitor",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("service_id", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("service_monitor_pkey")),
    )
    op.create_index(
        "service_monitor_by_service", "service_monitor", ["service_id", "id"], unique=False
    )
    op.create_index("service_monitor_by_state", "service_monitor", ["state", "id"], unique=False)
    op.add_column("product", sa.Column("details", db.Json(), nullable=True))
    op.drop_index(op.f("product_by_account"), table_name="product")
    op.create_index("product_by_account", "product", ["billing_account_id", "id"], unique=False)
    op.drop_index(op.f("product_by_customer"), table_name="product")
    op.create_index("product_by_customer", "product", ["customer_id", "id"], unique=False)
    op.drop_index(op.f("product_by_order"), table_name="product")
    op.create_index("product_by_order", "product", ["order_id", "id"], unique=False)
    op.create_index("product_by_offering", "product", ["offering_id", "id"], unique=False)
    with op.batch_alter_table("resource") as batch:
        batch.alter_column(
            "value", existing_type=sa.String(20), type_=sa.String(200), nullable=True
        )
        batch.add_column(sa.Column("name", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("category", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("is_physical", sa.Boolean(), nullable=True))
        batch.add_column(sa.Column("status", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("administrative_state", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("operational_state", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("usage_state", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("details", db.Json(), nullable=True))
    op.execute(_SHOWN)
    op.drop_index("resource_by_product", table_name="resource")
    op.create_index("resource_by_product", "resource", ["product_id", "id"])
    op.create_index("resource_by_category", "resource", ["category", "id"])
    op.create_index("resource_by_name", "resource", ["name", "id"])
    op.create_index("resource_by_status", "resource", ["status", "id"])
    op.create_index("resource_by_usage", "resource", ["usage_state", "id"])
    op.create_index("resource_by_value", "resource", ["value", "id"])
    with op.batch_alter_table("service") as batch:
        batch.alter_column("category", existing_type=sa.String(3), type_=sa.String(100))
        batch.alter_column("product_id", existing_type=sa.String(100), nullable=True)
        batch.add_column(sa.Column("specification_id", sa.String(length=100), nullable=True))
        batch.add_column(sa.Column("details", db.Json(), nullable=True))
    op.drop_index("service_by_customer", table_name="service")
    op.create_index("service_by_customer", "service", ["customer_id", "id"])
    op.drop_index("service_by_product", table_name="service")
    op.create_index("service_by_product", "service", ["product_id", "id"])
    op.drop_index("service_by_state", table_name="service")
    op.create_index("service_by_state", "service", ["state", "category", "id"])
    op.create_index("service_by_specification", "service", ["specification_id", "id"])
