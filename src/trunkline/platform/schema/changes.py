"""What migrations do beside Alembic's own operations."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation
from alembic.operations.ops import CreateTableOp, MigrationScript

from trunkline.platform.db import IMMUTABLE, immutable_ddl


def refuse_changes(table: str) -> None:
    """Makes the rows of `table` immutable, as `platform.db.immutable` does."""
    for statement in immutable_ddl(table, op.get_context().dialect.name):
        op.execute(sa.text(statement.replace(":", "\\:")))


class _RefuseChanges(MigrateOperation):
    def __init__(self, table: str) -> None:
        self.table = table


@renderers.dispatch_for(_RefuseChanges)
def _render(context: AutogenContext, operation: _RefuseChanges) -> str:
    context.imports.add(f"from {__name__} import refuse_changes")
    return f"refuse_changes({operation.table!r})"


def add_refusals(script: MigrationScript, metadata: sa.MetaData) -> None:
    """After each creation of an immutable table, what makes it so."""
    assert script.upgrade_ops is not None
    immutable = metadata.info.get(IMMUTABLE, set())
    operations: list[Any] = []
    for operation in script.upgrade_ops.ops:
        operations.append(operation)
        if isinstance(operation, CreateTableOp) and operation.table_name in immutable:
            operations.append(_RefuseChanges(operation.table_name))
    script.upgrade_ops.ops[:] = operations
