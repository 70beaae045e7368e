"""What customers had, told without who they were."""

from datetime import datetime

from trunkline import customers
from trunkline.customers.events import PartyErased
from trunkline.inventory.service_store import service
from trunkline.inventory.store import product
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

_GONE = frozenset({"place", "note", "productSerialNumber", "contactMedium", "attachment"})


def forget_party(tx: Tx, event: PartyErased, now: datetime) -> None:
    """Names, places and characteristics go; the number and the card that a service had stay with
    it, since usage and invoices are explained by them."""
    ids = event.known_as
    had = customers.erase_in(
        tx, product.c.customer_id, ids, ids, column="details",
        beside={"characteristics": {}}, gone=_GONE, now=now,
    )  # fmt: skip
    realised = customers.erase_in(
        tx, service.c.customer_id, ids, ids, column="details", gone=_GONE, now=now
    )
    for name, changed in (("Product", had), ("Service", realised)):
        for each in changed:
            tx.changed(name, each, Change.ATTRIBUTES)
