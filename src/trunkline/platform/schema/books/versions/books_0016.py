"""Parties and customers with all their attributes, and their history."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0016"
down_revision = "books_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "party_change",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("resource", sa.String(length=20), nullable=False),
        sa.Column("resource_id", sa.String(length=100), nullable=False),
        sa.Column("at", db.Instant(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("attribute", sa.String(length=200), nullable=False),
        sa.Column("before", db.Json(), nullable=True),
        sa.Column("after", db.Json(), nullable=True),
        sa.Column("is_erased", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("party_change_pkey")),
    )
    op.create_index("party_change_by_resource", "party_change", ["resource_id", "id"], unique=False)
    op.create_index("party_change_by_time", "party_change", ["at", "id"], unique=False)
    op.add_column("customer", sa.Column("details", db.Json(), nullable=True))
    op.add_column("customer", sa.Column("valid_from", db.Instant(), nullable=True))
    op.add_column("customer", sa.Column("valid_until", db.Instant(), nullable=True))
    op.add_column("party", sa.Column("details", db.Json(), nullable=True))
    op.add_column("party", sa.Column("parent_id", sa.String(length=100), nullable=True))
    op.add_column("party", sa.Column("parent_relationship", sa.String(length=200), nullable=True))
    op.create_index("party_by_parent", "party", ["parent_id", "id"], unique=False)
