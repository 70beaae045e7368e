"""Who has left a pool, and has something of it in use, may be a member of another."""

from alembic import op

revision = "charging_0009"
down_revision = "charging_0008"
branch_labels = None
depends_on = None

_KEY = "charging_pool_member_pkey"


def upgrade() -> None:
    with op.batch_alter_table("charging_pool_member") as members:
        members.drop_constraint(op.f(_KEY), type_="primary")
        members.create_primary_key(op.f(_KEY), ["member", "pool"])


def downgrade() -> None:
    with op.batch_alter_table("charging_pool_member") as members:
        members.drop_constraint(op.f(_KEY), type_="primary")
        members.create_primary_key(op.f(_KEY), ["member"])
