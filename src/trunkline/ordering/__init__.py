"""Product orders: captured, decomposed into tasks, carried out, and undone where cancelled.

An order is accepted with every reference checked and its prices fixed. Its tasks then run by
themselves, as far as stock and charging let them; what fails is held where an operator sees
it, and is tried again, given up or cancelled. Ordering alone changes what customers have.
"""

from trunkline.ordering import service_orders
from trunkline.ordering.bodies import price_body, total_bodies, without_nulls
from trunkline.ordering.cancellations import CANCELLATION
from trunkline.ordering.carts.operations import (
    CART,
    change_cart,
    fill_cart,
    forget_carts,
    order_cart,
    priced,
)
from trunkline.ordering.decomposition import (
    NotDeliverable,
    ServiceKind,
)
from trunkline.ordering.model import (
    ORDER_LIFECYCLE,
    Action,
    Effect,
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
    amend_order,
    cancel_order,
    delete_order,
    give_up_item,
    place_order,
    request_cancellation,
    retry_task,
    start_order,
)
from trunkline.ordering.personal import StillServed, erase_personal_data
from trunkline.ordering.pricing import prices
from trunkline.ordering.qualification.model import Place, places
from trunkline.ordering.qualification.operations import QUALIFICATION, qualify
from trunkline.ordering.qualification.reach import declare_reach, read_areas, withdraw_reach
from trunkline.ordering.queries import (
    latest_orders,
    order,
    orders,
    orders_by_state,
    orders_of,
    tasks,
)
from trunkline.ordering.quotes.kind import QUOTE
from trunkline.ordering.quotes.operations import change_quote, make_quote, order_quote
from trunkline.ordering.store import (
    order_item,
    product_order,
)

__all__ = [
    "CANCELLATION",
    "CART",
    "ORDER_LIFECYCLE",
    "QUALIFICATION",
    "QUOTE",
    "Action",
    "Effect",
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
    "ServiceKind",
    "StillServed",
    "Task",
    "TaskKind",
    "TaskNotFound",
    "TaskState",
    "UnfitOrder",
    "UnknownReference",
    "amend_order",
    "cancel_order",
    "change_cart",
    "change_quote",
    "declare_reach",
    "delete_order",
    "erase_personal_data",
    "fill_cart",
    "forget_carts",
    "give_up_item",
    "latest_orders",
    "make_quote",
    "order",
    "order_cart",
    "order_item",
    "order_quote",
    "orders",
    "orders_by_state",
    "orders_of",
    "place_order",
    "places",
    "price_body",
    "priced",
    "prices",
    "product_order",
    "qualify",
    "read_areas",
    "request_cancellation",
    "retry_task",
    "service_orders",
    "start_order",
    "tasks",
    "total_bodies",
    "withdraw_reach",
    "without_nulls",
]
