"""Trouble tickets."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0009"
down_revision = "books_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trouble_ticket",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.String(length=200), nullable=False),
        sa.Column("ticket_type", sa.String(length=200), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("expected_at", db.Instant(), nullable=True),
        sa.Column("requested_at", db.Instant(), nullable=True),
        sa.Column("resolved_at", db.Instant(), nullable=True),
        sa.Column("status_changed_at", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("trouble_ticket_pkey")),
    )
    op.create_index(
        "trouble_ticket_by_created", "trouble_ticket", ["created_at", "id"], unique=False
    )
    op.create_index(
        "trouble_ticket_by_customer", "trouble_ticket", ["customer_id", "id"], unique=False
    )
    op.create_index(
        "trouble_ticket_by_expected", "trouble_ticket", ["expected_at", "id"], unique=False
    )
    op.create_index(
        "trouble_ticket_by_external_id", "trouble_ticket", ["external_id"], unique=False
    )
    op.create_index("trouble_ticket_by_status", "trouble_ticket", ["status", "id"], unique=False)
    op.create_index(
        "trouble_ticket_by_updated", "trouble_ticket", ["updated_at", "id"], unique=False
    )
