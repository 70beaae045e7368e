"""Refunds, and actions on prepaid balances."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0011"
down_revision = "books_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "balance_action",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("billing_account_id", sa.String(length=100), nullable=False),
        sa.Column("legal_entity_id", sa.String(length=100), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("requested_at", db.Instant(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("description", sa.String(length=400), nullable=True),
        sa.Column("to_account", sa.String(length=100), nullable=True),
        sa.Column("to_billing_account_id", sa.String(length=100), nullable=True),
        sa.Column("until", db.Instant(), nullable=True),
        sa.Column("confirmed_at", db.Instant(), nullable=True),
        sa.Column("failure", sa.String(length=400), nullable=True),
        sa.Column("details", db.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("balance_action_pkey")),
    )
    op.create_index("balance_action_by_account", "balance_action", ["account", "id"], unique=False)
    op.create_index("balance_action_by_kind", "balance_action", ["kind", "id"], unique=False)
    op.create_index(
        "balance_action_by_payer", "balance_action", ["billing_account_id", "id"], unique=False
    )
    op.create_index(
        "balance_action_by_receiver", "balance_action", ["to_account", "id"], unique=False
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("billing_account_id", sa.String(length=100), nullable=False),
        sa.Column("legal_entity_id", sa.String(length=100), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("refunded_at", db.Instant(), nullable=False),
        sa.Column("status_at", db.Instant(), nullable=False),
        sa.Column("payment_id", sa.String(length=100), nullable=True),
        sa.Column("payment_method_id", sa.String(length=100), nullable=True),
        sa.Column("net_micros", sa.BigInteger(), nullable=True),
        sa.Column("details", db.Json(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("refund_payment_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["payment_method_id"], ["payment_method.id"], name=op.f("refund_payment_method_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("refund_pkey")),
        sa.UniqueConstraint("source", "reference", name=op.f("refund_source_reference_key")),
    )
    op.create_index(
        "refund_by_account", "refund", ["billing_account_id", "refunded_at"], unique=False
    )
    op.create_index("refund_by_payment", "refund", ["payment_id"], unique=False)
    op.create_index("refund_by_time", "refund", ["refunded_at", "id"], unique=False)
    op.create_index("allocation_by_origin", "allocation", ["origin"], unique=False)
    op.add_column(
        "payment",
        sa.Column("refunded_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("payment", sa.Column("net_micros", sa.BigInteger(), nullable=True))
    op.add_column("payment", sa.Column("confirmed_at", db.Instant(), nullable=True))
    op.add_column("payment", sa.Column("details", db.Json(), nullable=True))
    op.create_index("payment_by_subscriber", "payment", ["subscriber_id", "id"], unique=False)
    # What charging had not credited by now it still will; nobody waits for its answer.
    op.execute("UPDATE payment SET confirmed_at = received_at WHERE purpose = 'topup'")
