"""What billing does when products come into service."""

from datetime import datetime

from trunkline.billing.operations import start_billing
from trunkline.customers import BillingAccountId
from trunkline.inventory import ProductStatus
from trunkline.inventory.events import ProductStatusChanged
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def on_product_status(tx: Tx, event: ProductStatusChanged, _now: datetime) -> None:
    """An account is billed from its first product's activation on."""
    if event.status is ProductStatus.ACTIVE:
        start_billing(tx, {BillingAccountId(event.billing_account): event.at})


REACTIONS: tuple[Reaction, ...] = (
    Reaction(
        "billing.start_billing", on=ProductStatusChanged, run=on_product_status, database="books"
    ),
)
