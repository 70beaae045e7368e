"""Party, settlement and financial accounts; what bills come as."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0019"
down_revision = "books_0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bill_format",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("bill_format_pkey")),
    )
    op.create_index("bill_format_by_name", "bill_format", ["name", "id"], unique=False)
    op.create_table(
        "bill_presentation_media",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("bill_presentation_media_pkey")),
    )
    op.create_index(
        "bill_presentation_media_by_name", "bill_presentation_media", ["name", "id"], unique=False
    )
    op.create_table(
        "billing_cycle_specification",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("frequency", sa.String(length=20), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_cycle_specification_pkey")),
    )
    op.create_index(
        "billing_cycle_specification_by_name",
        "billing_cycle_specification",
        ["name", "id"],
        unique=False,
    )
    op.create_table(
        "financial_account",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=True),
        sa.Column("related_party_id", sa.String(length=100), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("financial_account_pkey")),
    )
    op.create_index("financial_account_by_name", "financial_account", ["name", "id"], unique=False)
    op.create_index(
        "financial_account_by_party", "financial_account", ["related_party_id", "id"], unique=False
    )
    op.create_table(
        "party_account",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=True),
        sa.Column("related_party_id", sa.String(length=100), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("party_account_pkey")),
    )
    op.create_index("party_account_by_name", "party_account", ["name", "id"], unique=False)
    op.create_index(
        "party_account_by_party", "party_account", ["related_party_id", "id"], unique=False
    )
    op.create_table(
        "settlement_account",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=True),
        sa.Column("related_party_id", sa.String(length=100), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("settlement_account_pkey")),
    )
    op.create_index(
        "settlement_account_by_name", "settlement_account", ["name", "id"], unique=False
    )
    op.create_index(
        "settlement_account_by_party",
        "settlement_account",
        ["related_party_id", "id"],
        unique=False,
    )
    op.add_column(
        "billing_account", sa.Column("financial_account_id", sa.String(length=100), nullable=True)
    )
    op.add_column("billing_account", sa.Column("details", db.Json(), nullable=True))
    op.create_index(
        "billing_account_by_financial_account",
        "billing_account",
        ["financial_account_id"],
        unique=False,
    )
