"""Roles, permissions and the keys that sign tokens; API keys of one customer."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from trunkline.platform import db

revision = "books_0008"
down_revision = "books_0007"
branch_labels = None
depends_on = None

_READ = ("read",)
_BUILT_IN: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "administrator": ("Administrator", {"*": ("*",)}),
    "readOnly": ("Read only", {"*": _READ}),
    "careAgent": (
        "Care agent",
        {
            "*": _READ,
            "console": ("write",),
            "subscriber": ("issue",),
            **dict.fromkeys(
                (
                    "tmf621",
                    "tmf622",
                    "tmf629",
                    "tmf632",
                    "tmf644",
                    "tmf648",
                    "tmf654",
                    "tmf663",
                    "tmf666",
                    "tmf670",
                    "tmf676",
                    "tmf679",
                    "tmf681",
                    "tmf683",
                ),
                ("*",),
            ),
        },
    ),
    "productManager": (
        "Product manager",
        {
            "*": _READ,
            **dict.fromkeys(
                ("tmf620", "tmf633", "tmf634", "tmf651", "tmf671", "tmf679", "tmf687"), ("*",)
            ),
        },
    ),
    "finance": (
        "Finance",
        {
            "*": _READ,
            "console": ("write",),
            **dict.fromkeys(
                ("tmf635", "tmf654", "tmf666", "tmf670", "tmf676", "tmf678", "tmf668"), ("*",)
            ),
        },
    ),
    "subscriber": (
        "Subscriber",
        {
            **dict.fromkeys(
                (
                    "tmf620",
                    "tmf629",
                    "tmf635",
                    "tmf637",
                    "tmf638",
                    "tmf651",
                    "tmf654",
                    "tmf666",
                    "tmf669",
                    "tmf670",
                    "tmf671",
                    "tmf676",
                    "tmf678",
                    "tmf681",
                ),
                _READ,
            ),
            **dict.fromkeys(
                (
                    "tmf621",
                    "tmf622",
                    "tmf632",
                    "tmf644",
                    "tmf648",
                    "tmf663",
                    "tmf677",
                    "tmf679",
                    "tmf683",
                ),
                ("*",),
            ),
        },
    ),
}


def upgrade() -> None:
    roles = op.create_table(
        "user_role",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("scopes", db.Json(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("user_role_pkey")),
    )
    op.create_table(
        "user_permission",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("valid_from", db.Instant(), nullable=True),
        sa.Column("valid_to", db.Instant(), nullable=True),
        sa.Column("gives", db.Json(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("updated_at", db.Instant(), nullable=False),
        sa.Column("body", db.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("user_permission_pkey")),
    )
    op.create_index("user_permission_by_user", "user_permission", ["user"], unique=False)
    op.create_table(
        "token_signing_key",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("private", sa.String(), nullable=False),
        sa.Column("created_at", db.Instant(), nullable=False),
        sa.Column("retired_at", db.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("token_signing_key_pkey")),
    )
    op.add_column("api_key", sa.Column("customer_id", sa.String(length=100), nullable=True))
    op.add_column("api_key", sa.Column("party_id", sa.String(length=100), nullable=True))
    op.bulk_insert(roles, [_row(*each) for each in _BUILT_IN.items()])


def _row(ident: str, role: tuple[str, dict[str, tuple[str, ...]]]) -> dict[str, object]:
    name, areas = role
    given = [(area, verb) for area, verbs in areas.items() for verb in verbs]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "id": ident,
        "name": name,
        "scopes": sorted("*" if area == verb else f"{area}:{verb}" for area, verb in given),
        "created_at": moment,
        "updated_at": moment,
        "body": {
            "id": ident,
            "@type": "UserRole",
            "involvementRole": name,
            "entitlement": [
                {"function": area, "action": verb, "@type": "Entitlement"} for area, verb in given
            ],
        },
    }
