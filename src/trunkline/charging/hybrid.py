"""Hybrid accounts: usage is paid from the balance and, where that doesn't reach, goes onto the bill
up to a limit in each billing month. Pure.

The balance is `State.money` and never below zero; `State.floor` is what is left of the limit,
negated, so that whatever asks how much is free asks as it does for any other account. While a
request is decided the money may fall below zero, as a prepaid account's with a credit limit;
`carry` then moves what lies below onto the bill.
"""

import msgspec

from trunkline.charging.journal import BILLED, Record, RecordKind
from trunkline.charging.state import State
from trunkline.charging.terms import Credit


def credit_of(state: State) -> Credit | None:
    """None where the account isn't a hybrid one."""
    return None if state.terms is None else state.terms.credit


def carry(state: State, records: list[Record], first: int) -> None:
    """After a request that has written `records` from place `first` on, the account's last: moves
    what each usage took beyond the balance onto the bill, by a record behind its own. What is
    given back goes where it came from: to the balance what was taken from it since, then off this
    month's bill, and the rest to the balance."""
    credit = credit_of(state)
    if credit is None:
        return
    moved = added = 0
    place = first
    while place < len(records):
        record = records[place]
        record.seq += added
        record.balance += moved
        place += 1
        part = _part(credit, record)
        if part:
            added += 1
            moved += part
            credit.billed += part
            records.insert(place, _onto_bill(record, part))
            place += 1
    state.seq += added
    state.money += moved
    assert state.money >= 0, "a hybrid account's balance is never below zero"
    state.floor = -left(credit)


def left(credit: Credit) -> int:
    """What may still go onto this month's bill, in micros."""
    return max(credit.limit - credit.billed, 0)


def past_the_end(state: State) -> int:
    """What an account whose money is at its end has used beyond it, in micros; a hybrid one of
    this month's."""
    credit = credit_of(state)
    beyond = 0 if credit is None else max(credit.billed - credit.limit, 0)
    return state.floor - state.money + beyond


def _part(credit: Credit, record: Record) -> int:
    """What of this record goes onto the bill; below zero what comes off it."""
    if record.kind not in BILLED or not record.charge:
        return 0
    if record.charge > 0:
        part = min(record.charge, max(-record.balance, 0))
        credit.spent = 0 if part else credit.spent + record.charge
        return part
    back = min(-record.charge, credit.spent)
    credit.spent -= back
    return -min(-record.charge - back, credit.billed)


def _onto_bill(record: Record, part: int) -> Record:
    """The bill's units are those of usage that is on it: all of them or, where the balance paid a
    part, as many of those that cost something."""
    units, free = record.units, record.free
    if part != record.charge:
        units, free = (units - free) * part // record.charge, 0
    return msgspec.structs.replace(
        record,
        seq=record.seq + 1,
        kind=RecordKind.ON_BILL,
        balance=record.balance + part,
        charge=-part,
        units=units,
        free=free,
        overrun=0,
        slice=None,
    )


def begin_month(state: State, month: int, at: int, records: list[Record]) -> None:
    """All of the limit is free again. What has gone onto the bill stays to be billed."""
    credit = credit_of(state)
    if credit is None or not credit.billed:
        return
    freed, credit.billed = credit.billed, 0
    state.floor = -left(credit)
    state.seq += 1
    records.append(Record(state.seq, RecordKind.NEW_MONTH, at, month, state.money, units=freed))
