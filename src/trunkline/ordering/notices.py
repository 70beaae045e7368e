"""What customers are told about their orders."""

from trunkline.customers import CustomerId
from trunkline.messaging import SendMessage, notify
from trunkline.ordering.model import Action, ProductOrder
from trunkline.platform.db import Tx


def tell_of_completion(tx: Tx, order: ProductOrder) -> None:
    """Who has got something new hears that it is ready, where messages are sent at all."""
    if not any(item.action is Action.ADD for item in order.items):
        return
    customer = CustomerId(order.customer)
    notify(tx, SendMessage(template="welcome", customer=customer, variables={"order": order.id}))
