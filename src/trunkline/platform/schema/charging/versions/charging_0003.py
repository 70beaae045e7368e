"""What edges must tell the network about open sessions."""

import sqlalchemy as sa
from alembic import op

revision = "charging_0003"
down_revision = "charging_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_notice",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("edge", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"],
            ["charging_account.key"],
            name=op.f("charging_notice_account_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("charging_notice_pkey")),
        sa.UniqueConstraint("account", "session", name=op.f("charging_notice_account_session_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "charging_notice_due", "charging_notice", ["edge", "due_at", "id"], unique=False
    )
