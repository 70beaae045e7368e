"""Ways to pay are documents."""

import sqlalchemy as sa
from alembic import op

from trunkline.kernel.time import format_instant
from trunkline.platform import db

revision = "books_0004"
down_revision = "books_0003"
branch_labels = None
depends_on = None

_TYPES = {
    "electronicCheck": ("check", "Electronic check"),
    "mailedCheck": ("check", "Mailed check"),
    "bankTransfer": ("bankAccountTransfer", "Bank transfer"),
    "directDebit": ("bankAccountDebit", "Direct debit"),
    "creditCard": ("tokenizedCard", "Card"),
    "cash": ("cash", "Cash"),
}


def upgrade() -> None:
    added: tuple[sa.Column[object], ...] = (
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("updated_at", db.Instant(), nullable=True),
        sa.Column("related_party_id", sa.String(length=100), nullable=True),
        sa.Column("type", sa.String(length=30), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=True),
        sa.Column("status_date", db.Instant(), nullable=True),
        sa.Column("preferred", sa.Boolean(), nullable=True),
        sa.Column("body", db.Json(), nullable=True),
    )
    for column in added:
        op.add_column("payment_method", column)
    _fill()
    with op.batch_alter_table("payment_method") as batch:
        batch.alter_column("billing_account_id", existing_type=sa.String(100), nullable=True)
        for column in added:
            if column.name != "related_party_id":
                batch.alter_column(column.name, existing_type=column.type, nullable=False)
        for name in ("token", "last_digits", "automatic"):
            batch.drop_column(name)
    op.create_index("payment_method_by_party", "payment_method", ["related_party_id"], unique=False)
    op.create_index("payment_method_by_name", "payment_method", ["name", "id"], unique=False)


def _fill() -> None:
    """The bodies of those that were kept so far."""
    method = sa.table(
        "payment_method",
        sa.column("id", sa.String),
        sa.column("billing_account_id", sa.String),
        sa.column("kind", sa.String),
        sa.column("token", sa.String),
        sa.column("last_digits", sa.String),
        sa.column("automatic", sa.Boolean),
        sa.column("created_at", db.Instant()),
        sa.column("revision", sa.Integer),
        sa.column("updated_at", db.Instant()),
        sa.column("type", sa.String),
        sa.column("name", sa.String),
        sa.column("status", sa.String),
        sa.column("status_date", db.Instant()),
        sa.column("preferred", sa.Boolean),
        sa.column("body", db.Json()),
    )
    connection = op.get_bind()
    fill = (
        sa.update(method)
        .where(method.c.id == sa.bindparam("ident"))
        .values(
            {
                name: sa.bindparam(f"new_{name}", type_=method.c[name].type)
                for name in (
                    "revision",
                    "updated_at",
                    "type",
                    "name",
                    "status",
                    "status_date",
                    "preferred",
                    "body",
                )
            }
        )
    )
    rows = connection.execute(sa.select(method)).all()
    for start in range(0, len(rows), 1000):
        connection.execute(fill, [_filled(row) for row in rows[start : start + 1000]])


def _filled(row: sa.Row[tuple[object, ...]]) -> dict[str, object]:
    type_, name = _TYPES[row.kind]
    body = {
        "id": row.id,
        "@type": type_,
        "name": name,
        "method": row.kind,
        "automatic": row.automatic,
        "account": [{"id": row.billing_account_id, "@referredType": "BillingAccount"}],
        "status": "active",
        "statusDate": format_instant(row.created_at),
        "isPreferred": False,
    }
    if row.token is not None:
        body["token"] = row.token
    if row.last_digits is not None:
        body["lastFourDigits"] = row.last_digits
    return {
        "ident": row.id,
        "new_revision": 1,
        "new_updated_at": row.created_at,
        "new_type": type_,
        "new_name": name,
        "new_status": "active",
        "new_status_date": row.created_at,
        "new_preferred": False,
        "new_body": body,
    }
