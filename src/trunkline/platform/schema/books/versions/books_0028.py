"""Who asked for a batch of vouchers, who approved of it, and the buckets given beside."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0028"
down_revision = "books_0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("voucher_batch", sa.Column("gifts", db.Json(), nullable=True))
    op.add_column("voucher_batch", sa.Column("asked_by", sa.String(length=300), nullable=True))
    op.add_column("voucher_batch", sa.Column("approved_by", sa.String(length=300), nullable=True))
