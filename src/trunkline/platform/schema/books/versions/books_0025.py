"""How long tickets may take; carts by when they end."""

import sqlalchemy as sa
from alembic import op

revision = "books_0025"
down_revision = "books_0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_target",
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("response_minutes", sa.BigInteger(), nullable=False),
        sa.Column("resolution_minutes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("priority", name=op.f("ticket_target_pkey")),
    )
    op.create_index("shopping_cart_by_end", "shopping_cart", ["valid_until"], unique=False)
