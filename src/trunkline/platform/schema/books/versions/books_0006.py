"""Catalogue import and export jobs."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0006"
down_revision = "books_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("catalog_import_job", "catalog_export_job"):
        op.create_table(
            name,
            sa.Column("id", sa.String(length=100), nullable=False),
            sa.Column("revision", sa.Integer(), nullable=False),
            sa.Column("created_at", db.Instant(), nullable=False),
            sa.Column("updated_at", db.Instant(), nullable=False),
            sa.Column("scope", sa.String(length=10), nullable=False),
            sa.Column("status", sa.String(length=20), nullable=False),
            sa.Column("body", db.Json(), nullable=False),
            sa.PrimaryKeyConstraint("id", name=op.f(f"{name}_pkey")),
        )
