"""The numbers of usage files among those of their source."""

import sqlalchemy as sa
from alembic import op

revision = "books_0030"
down_revision = "books_0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage_file", sa.Column("serial", sa.BigInteger(), nullable=True))
    op.create_index("usage_file_by_serial", "usage_file", ["source", "serial"], unique=True)
