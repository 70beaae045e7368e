"""What Alembic runs for each command: on the connection that `schema` gives it."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from trunkline.platform.db import Instant, Json


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Our own column types by their own names."""
    if kind == "type" and isinstance(item, Instant | Json):
        autogen_context.imports.add("from trunkline.platform import db")
        return f"db.{type(item).__name__}()"
    return False


connection: sa.Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("metadata"),
    render_item=render_item,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
