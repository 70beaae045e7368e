"""What charging does without being asked."""

from datetime import datetime

from trunkline.charging import hot, store
from trunkline.charging.charge import give_up_sessions
from trunkline.charging.state import State
from trunkline.platform.db import Database

CHUNK = 500
"""Accounts that one look takes."""
MOST_HELD = 100
"""Accounts that one transaction changes."""


def release_lost_sessions(database: Database, now: datetime) -> int:
    """Releases what is reserved for sessions that nothing was heard of for twice their grants'
    validity, on accounts that nobody touches either. Returns how many accounts it was."""
    epoch = int(now.timestamp())
    after = found = 0
    while True:
        with database.read() as r:
            accounts = store.accounts_after(r, after, CHUNK)
        if not accounts:
            return found
        after = accounts[-1].key
        lost = [each.key for each in accounts if _has_lost_sessions(each.state, epoch)]
        for start in range(0, len(lost), MOST_HELD):
            with database.transaction() as tx:
                held = store.hold_many(tx, lost[start : start + MOST_HELD])
                for account in held.values():
                    give_up_sessions(account.state, epoch)
                hot.write(tx, held.values(), [])
        found += len(lost)


def _has_lost_sessions(state: State, epoch: int) -> bool:
    return any(session.until < epoch for session in state.sessions)
