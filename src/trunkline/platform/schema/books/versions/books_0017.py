"""Lists are found in the order of their ids."""

from alembic import op

revision = "books_0017"
down_revision = "books_0016"
branch_labels = None
depends_on = None

_ANEW = (
    ("product_order_by_state", "product_order", ["state", "id"]),
    ("product_order_by_date", "product_order", ["order_date", "id"]),
    ("customer_by_party", "customer", ["party_id", "id"]),
    ("customer_by_name", "customer", ["name", "id"]),
    ("billing_account_by_customer", "billing_account", ["customer_id", "id"]),
    ("party_by_name", "party", ["name", "id"]),
    ("payment_by_time", "payment", ["received_at", "id"]),
    ("service_by_state", "service", ["state", "id", "category"]),
)
_MORE = (
    ("product_order_by_account", "product_order", ["billing_account_id", "id"]),
    ("payment_by_state", "payment", ["state", "id"]),
    ("invoice_by_account", "invoice", ["billing_account_id", "id"]),
    ("product_count_by_status", "product", ["status"]),
)


def upgrade() -> None:
    for name, table, _ in _ANEW:
        op.drop_index(name, table_name=table)
    for name, table, columns in (*_ANEW, *_MORE):
        op.create_index(name, table, columns)
