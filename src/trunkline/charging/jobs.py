"""What charging does without being asked."""

from datetime import datetime

from trunkline.charging import hot, notices, ongoing, store
from trunkline.charging.buckets import enter_month
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.pools.operations import return_leases
from trunkline.charging.pools.shares import is_idle
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import encode
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.platform.db import Database, Tx

CHUNK = 100
"""Accounts that one transaction changes."""
_NEW_CREDIT = (RecordKind.FEE, RecordKind.ALLOWANCE)


def release_lost_sessions(database: Database, now: datetime) -> int:
    """Does for accounts that nobody touches what a touch would do: releases what is reserved for
    sessions that nothing was heard of for twice their grants' validity, ends validity and grace,
    takes fees, begins the months of pools, gives idle leases back to them. Looks at those that
    are due and at no others; returns how many that were."""
    epoch = int(now.timestamp())
    after = 0, 0
    found = 0
    while True:
        with database.read() as r:
            chunk = store.accounts_due(r, epoch, after, CHUNK)
        if not chunk:
            return found
        after = chunk[-1]
        idle = _touch(database, [key for _, key in chunk], now)
        return_leases(database, idle, now)
        found += len(chunk)


def _touch(database: Database, keys: list[int], now: datetime) -> list[int]:
    """Returns those that lease what isn't in use."""
    epoch = int(now.timestamp())
    with database.transaction() as tx:
        held = store.hold_many(tx, keys)
        tariffs = installed_tariffs(tx)
        befores = [(each, ongoing.standing(each.state)) for each in held.values()]
        states = {key: encode(each.state) for key, each in held.items()}
        written: list[tuple[int, Record]] = []
        for account in held.values():
            records = _enter(tx, account, tariffs, epoch)
            written += ((account.key, record) for record in records)
        ongoing.tell(tx, befores, ((held[key].state, record) for key, record in written), now)
        # Most were looked at too soon, since a session went on: theirs is only another due time.
        changed = [each for key, each in held.items() if encode(each.state) != states[key]]
        hot.write(tx, changed, written)
        idle = [each for each in held.values() if is_idle(each.state, epoch)]
        store.set_due(tx, [each for each in held.values() if each not in idle])
    return [each.key for each in idle]


def _enter(tx: Tx, account: Account, tariffs: Tariffs, epoch: int) -> list[Record]:
    state = account.state
    records: list[Record] = []
    month = state.period
    give_up_sessions(state, epoch)
    ongoing.enter(state, epoch, records)
    terms = state.terms
    if terms is not None and (
        terms.renewal
        or terms.pool
        or terms.credit
        or (terms.share and (terms.share.spent or not state.prepaid))
    ):
        in_force = tariffs.at(epoch)
        plan = None if in_force is None else in_force.plan(state.plan)
        enter_month(state, epoch, None if plan is None else plan.allowances, records)
    if state.period != month or any(record.kind in _NEW_CREDIT for record in records):
        notices.tell_of_credit(tx, account)
    return records
