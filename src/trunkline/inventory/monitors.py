"""What became of each request to activate, change or end a service (TMF640 Monitor)."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import sqlalchemy as sa

from trunkline.inventory.model import ServiceId
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.platform.db import Reader, Tx, encode_json
from trunkline.tmf import documents

Body = dict[str, Any]
_INSTRUCTIONS = "instruction"
_AS_JSON = [{"name": "Content-Type", "value": "application/json"}]


class MonitorId(Id):
    __slots__ = ()
    prefix = "mon"


class MonitorState(StrEnum):
    """TMF640 v4, as the document writes them."""

    IN_PROGRESS = "InProgress"
    IN_ERROR = "InError"
    COMPLETED = "Completed"


MONITOR_LIFECYCLE = Lifecycle(
    "monitor",
    {
        MonitorState.IN_PROGRESS: {MonitorState.IN_ERROR, MonitorState.COMPLETED},
        MonitorState.IN_ERROR: frozenset(),
        MonitorState.COMPLETED: frozenset(),
    },
)

service_monitor = documents.table(
    "service_monitor",
    sa.Column("service_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Index("service_monitor_by_service", "service_id", "id"),
    sa.Index("service_monitor_by_state", "state", "id"),
)

MONITORS = documents.Kind(
    name="Monitor",
    ids=MonitorId,
    table=service_monitor,
    columns=lambda body: {"service_id": body["service"], "state": body["state"]},
    lifecycle=MONITOR_LIFECYCLE,
    state="state",
    begins=(MonitorState.IN_PROGRESS, MonitorState.COMPLETED),
)
"""Beside the document's attributes, `service` is the service's id, and `instruction` has those of
the network's instructions that are waited for."""

_OPEN = (
    sa.select(service_monitor.c.service_id, service_monitor.c.id, service_monitor.c.body)
    .where(
        service_monitor.c.service_id.in_(sa.bindparam("ids", expanding=True)),
        service_monitor.c.state == MonitorState.IN_PROGRESS.value,
    )
    .order_by(service_monitor.c.id)
)


def open_monitor(
    tx: Tx,
    *,
    service: ServiceId,
    method: str,
    address: str,
    asked: Body,
    instructions: Sequence[str],
    now: datetime,
) -> Body:
    """Notes a request about the service at `address`, which waits for these instructions, or is
    done already."""
    waits = bool(instructions)
    body: Body = {
        "service": service,
        "sourceHref": address,
        "state": (MonitorState.IN_PROGRESS if waits else MonitorState.COMPLETED).value,
        "request": {
            "method": method,
            "to": address,
            "header": _AS_JSON,
            "body": encode_json(asked),
        },
    }
    if waits:
        body[_INSTRUCTIONS] = list(instructions)
    else:
        body["response"] = _response(200, {})
    return documents.create(tx, MONITORS, body, now)


def open_monitors(r: Reader, services: Sequence[str]) -> dict[str, str]:
    """The latest monitor of each of these services that is still in progress."""
    rows = r.execute(_OPEN, {"ids": list(services)}) if services else ()
    return {row.service_id: row.id for row in rows}


def settle_monitors(
    tx: Tx, *, service: ServiceId, instruction: str, reason: str | None, now: datetime
) -> None:
    """An instruction has been answered: those who waited for it wait for one less."""
    for row in tx.execute(_OPEN, {"ids": [service]}).all():
        waited = row.body.get(_INSTRUCTIONS, [])
        if instruction in waited:
            left = [each for each in waited if each != instruction]
            documents.change(
                tx, MONITORS, row.id, partial(_answered, left=left, reason=reason), now
            )


def _answered(body: Body, left: list[str], reason: str | None) -> Body:
    if reason is not None:
        said = {"code": "networkRefused", "reason": reason}
        state, response = MonitorState.IN_ERROR, _response(422, said)
    elif left:
        return body | {_INSTRUCTIONS: left}
    else:
        state, response = MonitorState.COMPLETED, _response(200, {})
    return body | {_INSTRUCTIONS: left, "state": state.value, "response": response}


def _response(status: int, body: Body) -> Body:
    return {"statusCode": str(status), "header": _AS_JSON, "body": encode_json(body)}
