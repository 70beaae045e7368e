"""Messages, their dispatches and templates."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0013"
down_revision = "books_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "communication_message",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=True),
        sa.Column("party_id", sa.String(length=100), nullable=True),
        sa.Column("scheduled_at", db.Instant(), nullable=True),
        sa.Column("sent_at", db.Instant(), nullable=True),
        sa.Column("completed_at", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("communication_message_pkey")),
    )
    op.create_index(
        "communication_message_by_state", "communication_message", ["state", "id"], unique=False
    )
    op.create_index(
        op.f("communication_message_party_id"), "communication_message", ["party_id"], unique=False
    )
    op.create_table(
        "message_channel",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("since", db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("message_channel_pkey")),
    )
    op.create_table(
        "message_early_receipt",
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("received_at", db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("message_early_receipt_pkey")),
    )
    op.create_table(
        "message_template",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("sms", sa.Text(), nullable=True),
        sa.Column("saved_at", db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", "language", "version", name=op.f("message_template_pkey")),
    )
    op.create_table(
        "message_template_key",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("declaration", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("message_template_key_pkey")),
    )
    op.create_table(
        "message_dispatch",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("message_id", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("party_id", sa.String(length=100), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("due_at", db.Instant(), nullable=False),
        sa.Column("expires_at", db.Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("begun_at", db.Instant(), nullable=True),
        sa.Column("done_at", db.Instant(), nullable=True),
        sa.Column("read_at", db.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["communication_message.id"],
            name=op.f("message_dispatch_message_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("message_dispatch_pkey")),
    )
    op.create_index(
        "message_dispatch_at_work",
        "message_dispatch",
        ["channel", "state", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'sending')"),
        postgresql_where=sa.text("state IN ('ready', 'sending')"),
    )
    op.create_index(
        "message_dispatch_by_party", "message_dispatch", ["party_id", "id"], unique=False
    )
    op.create_index(
        op.f("message_dispatch_message_id"), "message_dispatch", ["message_id"], unique=False
    )
    op.create_table(
        "quiet_hours",
        sa.Column("market_id", sa.String(length=100), nullable=False),
        sa.Column("starts_minute", sa.Integer(), nullable=False),
        sa.Column("ends_minute", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["market_id"], ["market.id"], name=op.f("quiet_hours_market_id_fkey")
        ),
        sa.PrimaryKeyConstraint("market_id", name=op.f("quiet_hours_pkey")),
    )
    op.create_table(
        "message_part",
        sa.Column("dispatch_id", sa.String(length=100), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["dispatch_id"],
            ["message_dispatch.id"],
            name=op.f("message_part_dispatch_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "dispatch_id", "attempt", "position", name=op.f("message_part_pkey")
        ),
    )
    op.create_index(op.f("message_part_reference"), "message_part", ["reference"], unique=False)
