"""Service orders (TMF641): services created, changed and ended, as the network allows.

An order's items are taken in the order that they ask for. What the network refuses is held with
its reason, tried again or cancelled; cancelling ends what the order has brought.
"""

from trunkline.ordering.service_orders.kinds import CANCEL_SERVICE_ORDERS, SERVICE_ORDERS
from trunkline.ordering.service_orders.model import plan
from trunkline.ordering.service_orders.operations import (
    cancel_service_order,
    delete_service_order,
    describe_service_order,
    place_service_order,
    request_cancellation,
    retry_service_order,
)
from trunkline.ordering.service_orders.store import (
    cancel_service_order as cancel_table,
)
from trunkline.ordering.service_orders.store import (
    service_order,
    service_order_item,
)

__all__ = [
    "CANCEL_SERVICE_ORDERS",
    "SERVICE_ORDERS",
    "cancel_service_order",
    "cancel_table",
    "delete_service_order",
    "describe_service_order",
    "place_service_order",
    "plan",
    "request_cancellation",
    "retry_service_order",
    "service_order",
    "service_order_item",
]
