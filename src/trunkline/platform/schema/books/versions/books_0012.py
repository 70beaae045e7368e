"""Agreements as documents, interactions, party roles, partnerships."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from trunkline.kernel.time import format_instant
from trunkline.platform import db

revision = "books_0012"
down_revision = "books_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreement_specification",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("lifecycle_status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("agreement_specification_pkey")),
    )
    op.create_index(
        "agreement_specification_by_name", "agreement_specification", ["name", "id"], unique=False
    )
    op.create_table(
        "partnership_specification",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("partnership_specification_pkey")),
    )
    op.create_index(
        "partnership_specification_by_name",
        "partnership_specification",
        ["name", "id"],
        unique=False,
    )
    op.create_table(
        "party_interaction",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=True),
        sa.Column("status_changed_at", db.Instant(), nullable=False),
        sa.Column("starts", db.Instant(), nullable=True),
        sa.Column("ends", db.Instant(), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("party_interaction_pkey")),
    )
    op.create_index(
        "party_interaction_by_created", "party_interaction", ["created_at", "id"], unique=False
    )
    op.create_index(
        "party_interaction_by_customer", "party_interaction", ["customer_id", "id"], unique=False
    )
    op.create_index(
        "party_interaction_by_start", "party_interaction", ["starts", "id"], unique=False
    )
    op.create_index(
        "party_interaction_by_status", "party_interaction", ["status", "id"], unique=False
    )
    op.create_table(
        "party_role",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("party_id", sa.String(length=100), nullable=True),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("party_role_pkey")),
    )
    op.create_index("party_role_by_name", "party_role", ["name", "id"], unique=False)
    op.create_index("party_role_by_party", "party_role", ["party_id", "id"], unique=False)
    op.create_index("party_role_by_status", "party_role", ["status", "id"], unique=False)
    op.create_table(
        "partnership",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("specification_id", sa.String(length=100), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["specification_id"],
            ["partnership_specification.id"],
            name=op.f("partnership_specification_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("partnership_pkey")),
    )
    op.create_index("partnership_by_name", "partnership", ["name", "id"], unique=False)
    op.create_index(
        "partnership_by_specification", "partnership", ["specification_id"], unique=False
    )
    _make_agreements_documents()


def _make_agreements_documents() -> None:
    added: tuple[sa.Column[object], ...] = (
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("updated_at", db.Instant(), nullable=True),
        sa.Column("type", sa.String(length=200), nullable=True),
        sa.Column("body", db.Json(), nullable=True),
    )
    for column in added:
        op.add_column("agreement", column)
    op.add_column("agreement", sa.Column("specification_id", sa.String(length=100), nullable=True))
    _fill()
    op.drop_index("agreement_by_customer", table_name="agreement")
    with op.batch_alter_table("agreement") as batch:
        batch.alter_column("customer_id", existing_type=sa.String(100), nullable=True)
        for column in added:
            batch.alter_column(column.name, existing_type=column.type, nullable=False)
        batch.drop_column("items")
    op.create_index("agreement_by_customer", "agreement", ["customer_id", "id"], unique=False)
    op.create_index("agreement_by_specification", "agreement", ["specification_id"], unique=False)
    op.create_index("agreement_by_status", "agreement", ["status", "id"], unique=False)


def _fill() -> None:
    """The bodies of those that were signed so far, a thousand at a time."""
    agreement = sa.table(
        "agreement",
        sa.column("id", sa.String),
        sa.column("customer_id", sa.String),
        sa.column("name", sa.String),
        sa.column("status", sa.String),
        sa.column("items", db.Json()),
        sa.column("starts", db.Instant()),
        sa.column("ends", db.Instant()),
        sa.column("external_id", sa.String),
        sa.column("created_at", db.Instant()),
        sa.column("revision", sa.Integer),
        sa.column("updated_at", db.Instant()),
        sa.column("type", sa.String),
        sa.column("body", db.Json()),
    )
    customer = sa.table("customer", sa.column("id", sa.String), sa.column("name", sa.String))
    connection = op.get_bind()
    page = (
        sa.select(
            agreement, agreement.c["items"].label("items_"), customer.c.name.label("customer_name")
        )
        .join(customer, customer.c.id == agreement.c.customer_id)
        .where(agreement.c.id > sa.bindparam("after"))
        .order_by(agreement.c.id)
        .limit(1000)
    )
    update = (
        sa.update(agreement)
        .where(agreement.c.id == sa.bindparam("ident"))
        .values(
            revision=1, updated_at=sa.bindparam("at"), type="commercial", body=sa.bindparam("kept")
        )
    )
    after = ""
    while rows := connection.execute(page, {"after": after}).all():
        connection.execute(
            update,
            [{"ident": row.id, "at": row.created_at, "kept": _body(row)} for row in rows],
        )
        after = rows[-1].id


def _body(row: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "agreementType": "commercial",
        "status": row.status,
        "initialDate": format_instant(row.created_at),
        "agreementPeriod": {"startDateTime": format_instant(row.starts)},
        "engagedParty": [
            {
                "id": row.customer_id,
                "name": row.customer_name,
                "role": "customer",
                "@referredType": "Customer",
            }
        ],
        "agreementItem": [
            {
                "name": item["name"],
                "productOffering": [{"id": item["offering"]}],
                "recurringAlteration": {
                    "unit": item["recurring_alteration"]["currency"],
                    "value": Decimal(item["recurring_alteration"]["micros"]) / 1_000_000,
                },
            }
            for item in row.items_
        ],
    }
    if row.ends is not None:
        body["agreementPeriod"]["endDateTime"] = format_instant(row.ends)
    if row.status == "terminated" and row.ends is not None:
        body["completionDate"] = dict(body["agreementPeriod"])
    if row.external_id is not None:
        body["externalId"] = row.external_id
    return body
