"""What is done about rules without being told: balances that are too low are found."""

from datetime import datetime

from trunkline import charging
from trunkline.payments.automatic import operations, store
from trunkline.platform.db import Database

CHUNK = 200
"""Rules that one look takes."""


def look_at_balances(books: Database, charging_database: Database, now: datetime) -> int:
    """Begins what no crossing tells of: a month's cap that is over, a rule that was taken up
    again, a balance that was too low all along. How many collections began."""
    after, begun = "", 0
    while True:
        with books.read() as r:
            rules = store.idle_rules_after(r, after, CHUNK)
        if not rules:
            return begun
        after = rules[-1].id
        with charging_database.read() as r:
            balances = charging.balances_by_id(r, [each.account for each in rules], now)
        for rule in rules:
            balance = balances.get(rule.account)
            if balance is None or balance.money >= rule.threshold:
                continue
            with books.transaction() as tx:
                changed = operations.balance_fell(
                    tx, rule.account, balance.money, seen_at=now, now=now
                )
            begun += changed is not None and changed.collection is not None
