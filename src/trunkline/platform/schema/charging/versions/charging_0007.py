"""Accounts tell when they are due; all there are will be looked at once. Members that wait for
their pools are known."""

import sqlalchemy as sa
from alembic import op

revision = "charging_0007"
down_revision = "charging_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("charging_account", sa.Column("due_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE charging_account SET due_at = 1")
    op.create_index(
        "charging_account_due",
        "charging_account",
        ["due_at", "key"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "charging_pool_waiting",
        sa.Column("pool", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["member"], ["charging_account.key"]),
        sa.ForeignKeyConstraint(["pool"], ["charging_account.key"]),
        sa.PrimaryKeyConstraint("pool", "member"),
    )


def downgrade() -> None:
    op.drop_table("charging_pool_waiting")
    op.drop_index("charging_account_due", table_name="charging_account")
    op.drop_column("charging_account", "due_at")
