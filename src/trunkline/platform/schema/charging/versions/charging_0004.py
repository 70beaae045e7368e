"""Who is a member of which shared pool."""

import sqlalchemy as sa
from alembic import op

revision = "charging_0004"
down_revision = "charging_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_pool_member",
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pool", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member"],
            ["charging_account.key"],
            name=op.f("charging_pool_member_member_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["pool"], ["charging_account.key"], name=op.f("charging_pool_member_pool_fkey")
        ),
        sa.PrimaryKeyConstraint("member", name=op.f("charging_pool_member_pkey")),
    )
    op.create_index(
        "charging_pool_member_of", "charging_pool_member", ["pool", "member"], unique=False
    )
