"""Exposure by its cause, its sums by day, and what the host was asked to stop."""

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0029"
down_revision = "books_0028"
branch_labels = None
depends_on = None

_KEPT = (
    "INSERT INTO usage_exposure (account, cause, reached_at, noticed_at, barred_at, restored_at,"
    " currency, beyond) SELECT account, 'balance', exhausted_at, noticed_at, barred_at,"
    " restored_at, currency, beyond FROM usage_exposure_before"
)
_SUMMED = (
    "INSERT INTO usage_exposed (day, cause, currency, within_seconds, ends, unbarred, beyond,"
    " longest) SELECT noticed_at / 86400000000, cause, currency,"
    " CASE WHEN noticed_at - reached_at <= 300000000 THEN 300"
    " WHEN noticed_at - reached_at <= 900000000 THEN 900"
    " WHEN noticed_at - reached_at <= 3600000000 THEN 3600"
    " WHEN noticed_at - reached_at <= 21600000000 THEN 21600 ELSE 0 END,"
    " count(*), sum(CASE WHEN barred_at IS NULL AND restored_at IS NULL THEN 1 ELSE 0 END),"
    " sum(beyond), max((barred_at - reached_at) / 1000000)"
    " FROM usage_exposure GROUP BY 1, 2, 3, 4"
)
_STOPPED = (
    "INSERT INTO usage_bar (service, cause, product, state, asked_at, wanted, instruction,"
    " attempts) SELECT s.id, 'balance', e.account,"
    " CASE WHEN s.state = 'inactive' THEN 'barred' WHEN i.id IS NULL THEN 'refused'"
    " ELSE 'asked' END, e.noticed_at, TRUE, i.id, 0"
    " FROM usage_exposure e JOIN service s ON s.product_id = e.account"
    " LEFT JOIN network_instruction i ON i.service_id = s.id AND i.verb = 'suspend'"
    " AND i.state IN ('pending', 'working')"
    " WHERE e.restored_at IS NULL AND s.state IN ('active', 'inactive')"
    " ON CONFLICT DO NOTHING"
)
"""What the host stopped before, or was asked to, so that a top-up lifts it."""


def upgrade() -> None:
    op.execute(sa.text("CREATE TABLE usage_exposure_before AS SELECT * FROM usage_exposure"))
    op.drop_table("usage_exposure")
    op.create_table(
        "usage_exposure",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("reached_at", db.Instant(), nullable=False),
        sa.Column("noticed_at", db.Instant(), nullable=False),
        sa.Column("barred_at", db.Instant(), nullable=True),
        sa.Column("restored_at", db.Instant(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("beyond", sa.BigInteger(), nullable=False),
        sa.Column("until", db.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("account", "cause", "reached_at", name=op.f("usage_exposure_pkey")),
    )
    op.create_index("usage_exposure_latest", "usage_exposure", ["noticed_at"])
    op.create_table(
        "usage_exposed",
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("within_seconds", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("unbarred", sa.BigInteger(), nullable=False),
        sa.Column("beyond", sa.BigInteger(), nullable=False),
        sa.Column("longest", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "day", "cause", "currency", "within_seconds", name=op.f("usage_exposed_pkey")
        ),
    )
    op.create_table(
        "usage_bar",
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("product", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("asked_at", db.Instant(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("instruction", sa.String(length=100), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("ticket", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("service", "cause", name=op.f("usage_bar_pkey")),
    )
    op.create_index("usage_bar_by_state", "usage_bar", ["state", "asked_at"])
    op.create_index("usage_bar_by_product", "usage_bar", ["product"])
    op.create_index("usage_bar_by_instruction", "usage_bar", ["instruction"])
    op.execute(sa.text(_KEPT))
    op.execute(sa.text(_SUMMED))
    op.execute(sa.text(_STOPPED))
    op.drop_table("usage_exposure_before")
