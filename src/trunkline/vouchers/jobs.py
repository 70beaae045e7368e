"""What is done about vouchers without being asked."""

from datetime import datetime

from trunkline.platform.db import Database
from trunkline.vouchers import batches, lock_store, store
from trunkline.vouchers.model import FORGOTTEN_AFTER, BatchState

CHUNK = 2000
"""Vouchers that one transaction ends."""
_BATCHES = 20


def forget_tries(database: Database, now: datetime) -> int:
    """Forgets the failures that no longer count; how many."""
    with database.transaction() as tx:
        return lock_store.forget_locks(tx, now - FORGOTTEN_AFTER)


def expire(database: Database, now: datetime) -> int:
    """Ends what was not redeemed in time, a part at a time; how many vouchers it ended."""
    total = 0
    with database.read() as r:
        due = store.past(r, BatchState.EXPORTED, now, _BATCHES)
    for batch in due:
        ended = 1
        while ended:
            with database.transaction() as tx:
                ended = batches.expire_vouchers(tx, batch.id, most=CHUNK, now=now)
            total += ended
    return total
