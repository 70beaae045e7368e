"""What came in with somebody is forgotten with them."""

from datetime import datetime

from trunkline.customers.events import PartyErased
from trunkline.migration import store
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def _forget(tx: Tx, event: PartyErased, _now: datetime) -> None:
    store.forget_fields(tx, event.known_as)


REACTIONS = (Reaction("migration.party_erased", PartyErased, _forget, "books"),)
