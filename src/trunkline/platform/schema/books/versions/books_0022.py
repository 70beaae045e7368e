"""A top-up may be refused."""

import sqlalchemy as sa
from alembic import op

revision = "books_0022"
down_revision = "books_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment", sa.Column("failure", sa.String(length=400), nullable=True))
