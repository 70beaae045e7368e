"""Who in the network wants to hear of policy counters."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "charging_0005"
down_revision = "charging_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_subscription",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("counters", db.Json(), nullable=False),
        sa.Column("told", db.Json(), nullable=False),
        sa.Column("details", db.Json(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"],
            ["charging_account.key"],
            name=op.f("charging_subscription_account_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("charging_subscription_pkey")),
    )
    op.create_index(
        op.f("charging_subscription_account"), "charging_subscription", ["account"], unique=False
    )
    op.create_index(
        op.f("charging_subscription_expires_at"),
        "charging_subscription",
        ["expires_at"],
        unique=False,
    )
