"""Usage that comes by itself, and what kinds there are."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0020"
down_revision = "books_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage_specification",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("lifecycle_status", sa.String(length=40), nullable=False),
        sa.Column("is_bundle", sa.Boolean(), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("usage_specification_pkey")),
    )
    op.create_index(
        "usage_specification_by_name", "usage_specification", ["name", "id"], unique=False
    )
    op.add_column("usage", sa.Column("description", sa.String(length=400), nullable=True))
    op.add_column("usage", sa.Column("specification_id", sa.String(length=100), nullable=True))
    op.add_column("usage", sa.Column("details", db.Json(), nullable=True))
    with op.batch_alter_table("usage") as batch:
        batch.alter_column("file", existing_type=sa.String(64), nullable=True)
        batch.alter_column("line", existing_type=sa.BigInteger(), nullable=True)
    op.create_index("usage_by_product", "usage", ["account", "start"], unique=False)
    op.create_index("usage_by_specification", "usage", ["specification_id"], unique=False)
    op.create_index("usage_by_time", "usage", ["start", "id"], unique=False)
