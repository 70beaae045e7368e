"""Emergency calls of those who have no account are kept."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform.columns import Json

revision = "charging_0008"
down_revision = "charging_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_emergency",
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.BigInteger(), nullable=False),
        sa.Column("called", sa.String(), nullable=False),
        sa.Column("identities", Json(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session", "number", name=op.f("charging_emergency_pkey")),
    )
    op.create_index("charging_emergency_at", "charging_emergency", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index("charging_emergency_at", table_name="charging_emergency")
    op.drop_table("charging_emergency")
