"""PostgreSQL leaves room beside each account for its next states, so that they touch no index."""

from alembic import op

revision = "charging_0010"
down_revision = "charging_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _set("(fillfactor = 50)", "SET")


def downgrade() -> None:
    _set("(fillfactor)", "RESET")


def _set(what: str, how: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE charging_account {how} {what}")
