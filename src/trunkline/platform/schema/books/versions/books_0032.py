"""The numbers of usage files stand beside them: files that are alike are one file under several."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0032"
down_revision = "books_0031"
branch_labels = None
depends_on = None

_KEPT = (
    "INSERT INTO usage_file_serial (source, serial, file, name, came_at)"
    " SELECT source, serial, sha256, name, started_at FROM usage_file WHERE serial IS NOT NULL"
)


def upgrade() -> None:
    op.create_table(
        "usage_file_serial",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("serial", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("came_at", db.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file"], ["usage_file.sha256"], name=op.f("usage_file_serial_file_fkey")
        ),
        sa.PrimaryKeyConstraint("source", "serial", name=op.f("usage_file_serial_pkey")),
    )
    op.create_index(op.f("usage_file_serial_file"), "usage_file_serial", ["file"])
    op.execute(sa.text(_KEPT))
    op.drop_index("usage_file_by_serial", table_name="usage_file")
    op.drop_column("usage_file", "serial")
