"""What billing does when products come into service."""

from collections.abc import Sequence
from datetime import datetime

from trunkline.billing.demands import DEMANDS
from trunkline.billing.operations import bill_products
from trunkline.customers import erase_in
from trunkline.customers.events import PartyErased
from trunkline.inventory import ProductStatus, products
from trunkline.inventory.events import ProductCreated, ProductStatusChanged
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction

_IN_SERVICE = (ProductStatus.ACTIVE, ProductStatus.SUSPENDED)
"""What a product becomes, or is created as, when it begins to be charged."""

Told = ProductCreated | ProductStatusChanged


def on_products(tx: Tx, events: Sequence[Told], _now: datetime) -> None:
    """A product is billed from its start on, and with the first one its account."""
    begun = [event.product for event in events if event.status in _IN_SERVICE]
    if begun:
        bill_products(tx, products(tx, begun))


def on_product(tx: Tx, event: Told, now: datetime) -> None:
    on_products(tx, (event,), now)


def on_party_erased(tx: Tx, event: PartyErased, now: datetime) -> None:
    """What was said with demands for a bill is forgotten; invoices stay as they were issued."""
    owner = DEMANDS.table.c.billing_account_id
    erase_in(tx, owner, event.accounts, event.known_as, kind=DEMANDS, now=now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("billing.party_erased", on=PartyErased, run=on_party_erased, database="books"),
    Reaction(
        "billing.product_created",
        on=ProductCreated,
        run=on_product,
        database="books",
        together=on_products,
    ),
    Reaction(
        "billing.start_billing",
        on=ProductStatusChanged,
        run=on_product,
        database="books",
        together=on_products,
    ),
)
