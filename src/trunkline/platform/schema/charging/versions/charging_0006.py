"""A service that the operator named has a larger number; SQLite's numbers are large already."""

import sqlalchemy as sa
from alembic import op

revision = "charging_0006"
down_revision = "charging_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "charging_record", "service", existing_type=sa.SmallInteger(), type_=sa.BigInteger()
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "charging_record", "service", existing_type=sa.BigInteger(), type_=sa.SmallInteger()
        )
