"""What became of each request to activate, change or end a service (TMF640 Monitor)."""

import sqlalchemy as sa

from trunkline.kernel.ids import Id
from trunkline.tmf import documents


class MonitorId(Id):
    __slots__ = ()
    prefix = "mon"


service_monitor = documents.table(
    "service_monitor",
    sa.Column("service_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Index("service_monitor_by_service", "service_id", "id"),
    sa.Index("service_monitor_by_state", "state", "id"),
)
