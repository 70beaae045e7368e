"""Product orders: captured, decomposed into tasks, carried out, and undone where cancelled.

An order is accepted with every reference checked and its prices fixed. Its tasks then run by
themselves, as far as stock and charging let them; what fails is held where an operator sees
it, and is tried again, given up or cancelled. Ordering alone changes what customers have.
"""

from trunkline.ordering.decomposition import (
    NotDeliverable,
    ServiceKind,
)
from trunkline.ordering.model import (
    ORDER_LIFECYCLE,
    Action,
    ExternalIdReused,
    ItemRequest,
    NotOrderable,
    OrderId,
    OrderItem,
    OrderNotFound,
    OrderState,
    PastCancelling,
    ProductOrder,
    Task,
    TaskKind,
    TaskNotFound,
    TaskState,
    UnfitOrder,
    UnknownReference,
)
from trunkline.ordering.operations import (
    cancel_order,
    give_up_item,
    place_order,
    retry_task,
    start_order,
)
from trunkline.ordering.qualification.model import Place, Reason
from trunkline.ordering.qualification.operations import QUALIFICATION, qualify
from trunkline.ordering.qualification.reach import declare_reach, withdraw_reach
from trunkline.ordering.queries import (
    latest_orders,
    order,
    orders,
    orders_by_state,
    orders_of,
    tasks,
)
from trunkline.ordering.store import (
    order_item,
    product_order,
)

__all__ = [
    "ORDER_LIFECYCLE",
    "QUALIFICATION",
    "Action",
    "ExternalIdReused",
    "ItemRequest",
    "NotDeliverable",
    "NotOrderable",
    "OrderId",
    "OrderItem",
    "OrderNotFound",
    "OrderState",
    "PastCancelling",
    "Place",
    "ProductOrder",
    "Reason",
    "ServiceKind",
    "Task",
    "TaskKind",
    "TaskNotFound",
    "TaskState",
    "UnfitOrder",
    "UnknownReference",
    "cancel_order",
    "declare_reach",
    "give_up_item",
    "latest_orders",
    "order",
    "order_item",
    "orders",
    "orders_by_state",
    "orders_of",
    "place_order",
    "product_order",
    "qualify",
    "retry_task",
    "start_order",
    "tasks",
    "withdraw_reach",
]
