"""What the network's requests have earned, until the ledger is told.

Each batch adds what it charged in its own commit; `post_earnings` sends the sums to the ledger,
every few seconds. A ledger entry for each batch would cost charging's database, which answers
the network, further commits for each of its own, and the books hundreds of entries a second.
A sum is of five seconds of one worker, so that it is booked when it was earned and workers
never wait for each other's.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from trunkline.charging.postings import BatchId, Totals, entries
from trunkline.platform.db import Tx, charging_metadata

EARN = (
    "INSERT INTO charging_earning (slot, worker, entity, prepaid, currency, micros)"
    " VALUES ({0}, {0}, {0}, {0}, {0}, {0})"
    " ON CONFLICT (slot, worker, entity, prepaid, currency) DO UPDATE"
    " SET micros = charging_earning.micros + excluded.micros"
)
"""For the drivers, with their own placeholder."""

Earning = tuple[int, str, str, bool, str, int]
"""Slot (epoch second), worker, legal entity, prepaid, currency, micros: the parameters of
`EARN`."""

table = sa.Table(
    "charging_earning",
    charging_metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("worker", sa.String, primary_key=True),
    sa.Column("entity", sa.String, primary_key=True),
    sa.Column("prepaid", sa.Boolean, primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column("micros", sa.BigInteger, nullable=False),
)

_KEY = tuple(table.primary_key.columns.keys())
# One that a batch is adding to is left for the next time, so that neither waits for the other.
_held = sa.select(table).with_for_update(skip_locked=True)
_remove = sa.delete(table).where(*(table.c[name] == sa.bindparam(name) for name in _KEY))


def earned(sums: Totals, slot: int, worker: str) -> list[Earning]:
    """What one batch adds."""
    return [(slot, worker, *of, micros) for of, micros in sums.items()]


def post_earnings(tx: Tx, now: datetime) -> int:
    """Sends to the ledger what was earned since the last time; returns in how many entries."""
    rows = tx.execute(_held).all()
    if not rows:
        return 0
    tx.execute(_remove, [{name: getattr(row, name) for name in _KEY} for row in rows])
    posted = 0
    for slot, sums in _by_slot(rows).items():
        batch = tx.new_id(BatchId, now)
        messages = entries(sums, batch, datetime.fromtimestamp(slot, UTC))
        tx.emit_all(messages)
        posted += len(messages)
    return posted


def _by_slot(rows: Iterable[Any]) -> dict[int, Totals]:
    """The workers' sums together."""
    slots: dict[int, Totals] = {}
    for row in rows:
        sums = slots.setdefault(row.slot, {})
        of = row.entity, row.prepaid, row.currency
        sums[of] = sums.get(of, 0) + row.micros
    return slots
