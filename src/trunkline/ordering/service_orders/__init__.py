"""Service orders (TMF641): services created, changed and ended, as the network allows."""

from trunkline.ordering.service_orders.store import service_order

__all__ = ["service_order"]
