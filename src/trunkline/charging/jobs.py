"""What charging does without being asked."""

from datetime import datetime

from trunkline.charging import hot, lifetime, ongoing, store
from trunkline.charging.journal import Record
from trunkline.charging.pools.leasing import is_idle
from trunkline.charging.pools.operations import return_leases
from trunkline.charging.renewal import is_due
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import State
from trunkline.platform.db import Database

CHUNK = 500
"""Accounts that one look takes."""
MOST_HELD = 100
"""Accounts that one transaction changes."""


def release_lost_sessions(database: Database, now: datetime) -> int:
    """Does for accounts that nobody touches what a touch would do: releases what is reserved for
    sessions that nothing was heard of for twice their grants' validity, ends validity and grace,
    takes fees, gives idle leases back to their pools. Returns how many accounts it was."""
    epoch = int(now.timestamp())
    after = found = 0
    while True:
        with database.read() as r:
            accounts = store.accounts_after(r, after, CHUNK)
        if not accounts:
            return found
        after = accounts[-1].key
        due = [each.key for each in accounts if _is_due(each.state, epoch)]
        for start in range(0, len(due), MOST_HELD):
            _touch(database, due[start : start + MOST_HELD], now)
        idle = [each.key for each in accounts if is_idle(each.state, epoch)]
        return_leases(database, idle, now)
        found += len({*due, *idle})


def _touch(database: Database, keys: list[int], now: datetime) -> None:
    epoch = int(now.timestamp())
    with database.transaction() as tx:
        held = store.hold_many(tx, keys)
        befores = [(each, ongoing.standing(each.state)) for each in held.values()]
        written: list[tuple[int, Record]] = []
        for account in held.values():
            records: list[Record] = []
            give_up_sessions(account.state, epoch)
            ongoing.enter(account.state, epoch, records)
            written += ((account.key, record) for record in records)
        ongoing.tell(tx, befores, ((held[key].state, record) for key, record in written), now)
        hot.write(tx, held.values(), written)


def _is_due(state: State, epoch: int) -> bool:
    if any(session.until < epoch for session in state.sessions):
        return True
    return state.terms is not None and (
        0 < lifetime.next_change(state) <= epoch or is_due(state, epoch)
    )
