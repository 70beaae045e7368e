"""Requests to cancel an order, kept with what became of them (TMF622, CancelProductOrder)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering import store
from trunkline.ordering.model import CancellationId, OrderId
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Kind

Body = dict[str, Any]


class CancellationState(StrEnum):
    """TMF622 v4, TaskStateType."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    DONE = "done"


CANCELLATION_LIFECYCLE = Lifecycle(
    "the cancellation",
    {
        CancellationState.ACKNOWLEDGED: {
            CancellationState.IN_PROGRESS,
            CancellationState.TERMINATED_WITH_ERROR,
            CancellationState.DONE,
        },
        CancellationState.IN_PROGRESS: {
            CancellationState.TERMINATED_WITH_ERROR,
            CancellationState.DONE,
        },
        CancellationState.TERMINATED_WITH_ERROR: frozenset(),
        CancellationState.DONE: frozenset(),
    },
)


def _columns(body: Body) -> Mapping[str, Any]:
    return {
        "order_id": body["productOrder"]["id"],
        "state": body["state"],
        "requested_at": _instant(body, "requestedCancellationDate"),
        "effective_at": _instant(body, "effectiveCancellationDate"),
    }


def _instant(body: Body, name: str) -> datetime | None:
    return parse_instant(body[name], path=name) if body.get(name) else None


CANCELLATION = Kind(
    name="CancelProductOrder",
    ids=CancellationId,
    table=store.order_cancellation,
    columns=_columns,
    lifecycle=CANCELLATION_LIFECYCLE,
    state="state",
    begins=(CancellationState.IN_PROGRESS, CancellationState.ACKNOWLEDGED),
)


def note(
    tx: Tx,
    order: OrderId,
    body: Mapping[str, Any],
    reason: str | None,
    now: datetime,
    *,
    state: CancellationState = CancellationState.IN_PROGRESS,
) -> CancellationId:
    """Keeps that the order is to be cancelled."""
    told = {"cancellationReason": reason} if reason else {}
    asked = {**body, **told, "productOrder": {"id": str(order)}, "state": state.value}
    asked.pop("effectiveCancellationDate", None)
    return CancellationId(documents.create(tx, CANCELLATION, asked, now)["id"])


def reason_of(r: Reader, cancellation: CancellationId) -> str | None:
    """What was given as the reason."""
    told: str | None = documents.get(r, CANCELLATION, cancellation).get("cancellationReason")
    return told


def begun(tx: Tx, cancellation: CancellationId, now: datetime) -> None:
    documents.move(tx, CANCELLATION, cancellation, CancellationState.IN_PROGRESS, now)


def failed(tx: Tx, cancellation: CancellationId, error: TrunklineError, now: datetime) -> None:
    """It came too late. Why is kept as the extension `terminationError`."""
    why = [{"id": error.code, "value": error.reason}]
    to = CancellationState.TERMINATED_WITH_ERROR
    documents.move(tx, CANCELLATION, cancellation, to, now, terminationError=why)


def completed(tx: Tx, order: OrderId, now: datetime) -> None:
    """The order is cancelled: so every request for it is done."""
    at = format_instant(now)
    for ident in store.open_cancellations(tx, order):
        documents.move(
            tx, CANCELLATION, ident, CancellationState.DONE, now, effectiveCancellationDate=at
        )
