"""Account 4300 takes expired balances beside vouchers: it is called breakage."""

import sqlalchemy as sa
from alembic import op

revision = "books_0031"
down_revision = "books_0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    accounts = sa.table("ledger_account", *map(sa.column, ("code", "name")))
    op.execute(sa.update(accounts).where(accounts.c.code == "4300").values(name="Breakage"))
