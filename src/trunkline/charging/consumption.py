"""Questions about consumption that were asked and answered, kept as documents (books)."""

import sqlalchemy as sa

from trunkline.kernel.ids import Id
from trunkline.tmf import documents
from trunkline.tmf.documents import Body


class ConsumptionQueryId(Id):
    __slots__ = ()
    prefix = "ucq"


_table = documents.table(
    "usage_consumption_query",
    sa.Column("customer_id", sa.String(100)),
    sa.Index("usage_consumption_query_by_customer", "customer_id", "id"),
)
_table.c.body.info["personal"] = True


def _columns(body: Body) -> dict[str, str | None]:
    return {"customer_id": body.get("customer")}


CONSUMPTION_QUERIES = documents.Kind(
    name="QueryUsageConsumption",
    ids=ConsumptionQueryId,
    table=_table,
    columns=_columns,
)
"""`customer` of a body is whose consumption it tells of, where that is one customer's."""
