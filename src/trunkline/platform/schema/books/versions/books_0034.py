"""What was last published of the prices of use is known, and whose could not be."""

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "books_0034"
down_revision = "books_0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_publication",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sources", sa.LargeBinary(), nullable=False),
        sa.Column("refused", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("charging_publication_pkey")),
    )
    # What was published so far, nobody has kept.
    row = {
        "sources": msgspec.msgpack.encode({"known": False}),
        "refused": msgspec.msgpack.encode(()),
    }
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT count(*) FROM charging_tariff_request")).scalar():
        connection.execute(
            sa.text(
                "INSERT INTO charging_publication (id, sources, refused) VALUES (1, :sources,"
                " :refused)"
            ),
            row,
        )


def downgrade() -> None:
    op.drop_table("charging_publication")
