"""Products that bills have had."""

import sqlalchemy as sa
from alembic import op

revision = "books_0002"
down_revision = "books_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billed_product",
        sa.Column("product_id", sa.String(length=100), nullable=False),
        sa.Column("billing_account_id", sa.String(length=100), nullable=False),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("billed_product_pkey")),
    )
    op.create_index(
        "billed_product_by_account", "billed_product", ["billing_account_id"], unique=False
    )
    # Until now a bill had every product that had started before its end.
    op.execute(
        "INSERT INTO billed_product (product_id, billing_account_id, begun) "
        "SELECT product.id, product.billing_account_id, "
        "billing_cycle.next_start IS NOT NULL AND product.start_date < billing_cycle.next_start "
        "FROM product JOIN billing_cycle "
        "ON billing_cycle.billing_account_id = product.billing_account_id "
        "WHERE product.start_date IS NOT NULL"
    )
