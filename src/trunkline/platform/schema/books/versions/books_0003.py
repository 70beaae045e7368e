"""Invoice numbers are compared by bytes."""

import sqlalchemy as sa
from alembic import op

revision = "books_0003"
down_revision = "books_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.alter_column(
            "invoice",
            "number",
            existing_nullable=False,
            existing_type=sa.String(length=40),
            type_=sa.String(length=40, collation="C"),
        )
