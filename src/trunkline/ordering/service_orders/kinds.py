"""Service orders and their cancellations, as documents."""

from typing import Any

from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import parse_instant
from trunkline.ordering.model import ORDER_LIFECYCLE, OrderState
from trunkline.ordering.service_orders import store
from trunkline.ordering.service_orders.model import (
    CancelServiceOrderId,
    CancelState,
    ServiceOrderId,
)
from trunkline.tmf.documents import Kind

Body = dict[str, Any]
_INSTANTS = {
    "order_date": "orderDate",
    "requested_start": "requestedStartDate",
    "start_date": "startDate",
    "completion_date": "completionDate",
    "cancellation_date": "cancellationDate",
}


def _columns(body: Body) -> Body:
    instants = {
        column: parse_instant(body[name], path=name) if name in body else None
        for column, name in _INSTANTS.items()
    }
    return {
        "state": body["state"],
        "external_id": body.get("externalId"),
        "category": body.get("category"),
        "priority": body.get("priority"),
        "customer_id": body.get("customer") or None,
        **instants,
    }


SERVICE_ORDERS = Kind(
    name="ServiceOrder",
    ids=ServiceOrderId,
    table=store.service_order,
    columns=_columns,
    lifecycle=ORDER_LIFECYCLE,
    state="state",
    begins=(OrderState.ACKNOWLEDGED,),
)
"""Beside the document's attributes, `customer` is the customer's id, and `cancelling` is set once
cancellation was asked for."""

CANCEL_LIFECYCLE = Lifecycle(
    "cancellation",
    {
        CancelState.ACCEPTED: {CancelState.IN_PROGRESS, CancelState.DONE, CancelState.FAILED},
        CancelState.IN_PROGRESS: {CancelState.DONE, CancelState.FAILED},
        CancelState.DONE: frozenset(),
        CancelState.FAILED: frozenset(),
    },
)
CANCEL_SERVICE_ORDERS = Kind(
    name="CancelServiceOrder",
    ids=CancelServiceOrderId,
    table=store.cancel_service_order,
    columns=lambda body: {"order_id": body["serviceOrder"]["id"], "state": body["state"]},
    lifecycle=CANCEL_LIFECYCLE,
    state="state",
    begins=(CancelState.ACCEPTED,),
)
