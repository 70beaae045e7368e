"""What is done about vouchers without being asked."""

from datetime import datetime

from trunkline.platform.db import Database
from trunkline.vouchers.batches import selling, store
from trunkline.vouchers.batches.model import BatchState
from trunkline.vouchers.lockouts import store as lockouts
from trunkline.vouchers.lockouts.model import FORGOTTEN_AFTER

CHUNK = 2000
"""Vouchers that one transaction ends."""
_BATCHES = 20


def forget_tries(database: Database, now: datetime) -> int:
    """Forgets the failures that no longer count; how many."""
    with database.transaction() as tx:
        return lockouts.forget_locks(tx, now - FORGOTTEN_AFTER)


def expire(database: Database, now: datetime) -> int:
    """Ends what was not redeemed in time, a part at a time; how many vouchers it ended."""
    total = 0
    with database.read() as r:
        due = store.past(r, BatchState.EXPORTED, now, _BATCHES)
    for batch in due:
        ended = 1
        while ended:
            with database.transaction() as tx:
                ended = selling.expire_vouchers(tx, batch.id, most=CHUNK, now=now)
            total += ended
    return total
