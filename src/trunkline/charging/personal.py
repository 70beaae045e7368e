"""What was said with questions and actions about a balance goes with who said it. Accounts, the
journal and amounts stay: invoices and the books are explained by them."""

from datetime import datetime

from trunkline import customers
from trunkline.charging.actions.store import balance_action
from trunkline.charging.consumption import CONSUMPTION_QUERIES
from trunkline.customers.events import PartyErased
from trunkline.platform.db import Tx


def forget_party(tx: Tx, event: PartyErased, now: datetime) -> None:
    ids = event.known_as
    asked = CONSUMPTION_QUERIES.table.c.customer_id
    customers.erase_in(tx, asked, ids, ids, kind=CONSUMPTION_QUERIES, now=now)
    customers.erase_in(
        tx,
        balance_action.c.billing_account_id,
        event.accounts,
        ids,
        column="details",
        beside={"reason": None, "description": None},
        now=now,
    )
