"""What files tell of data abroad past its limit, without consent: it has happened, and the person
isn't charged for it (Regulation (EU) 2022/612, article 14(4): the provider "shall immediately
cease to provide and to charge"). Pure.

The record that crosses the limit is charged up to it, exactly; what comes behind it, in the order
of arrival, isn't charged. The journal keeps the price as evidence, with what was charged and, in a
record before it, what was waived and why.
"""

from enum import IntEnum
from typing import NamedTuple

from trunkline.charging.counters import count, is_noted
from trunkline.charging.debit import Turn
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.policy.counting import ROAMING
from trunkline.charging.policy.roaming import RoamingPolicy, consented, left
from trunkline.rating import (
    ADDED,
    BUCKET_COUNT,
    COUNTER_SIZE,
    DATA,
    NO_LIMIT,
    Measure,
    bucket_offset,
)

WAIVED = "roaming.waived"
"""The counter of what was waived in the month, in micros."""


class Waiver(IntEnum):
    """Why usage wasn't charged. The numbers stand in the journal."""

    ROAMING_LIMIT = 0

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS = {Waiver.ROAMING_LIMIT: "roamingLimit"}


class Evidence(NamedTuple):
    """What a waiver was decided by, in micros."""

    price: int
    left: int
    """Of the limit."""
    limit: int

    @property
    def waived(self) -> int:
        return max(self.price - self.left, 0)


def chargeable(turn: Turn, policy: RoamingPolicy | None) -> int:
    """The most, in micros, that may be charged for what the turn is about: `NO_LIMIT` but for data
    abroad for which, at its time, nobody had consented to go on. What open sessions have reserved
    of the limit is theirs. In a month so long ago that what it came to isn't known any more:
    nothing."""
    state = turn.state
    if policy is None or not policy.waives or turn.service != DATA:
        return NO_LIMIT
    if not policy.limits_data(turn.used) or not policy.limit_of(state.currency):
        return NO_LIMIT
    if consented(state, turn.at, turn.month):
        return NO_LIMIT
    if not is_noted(state, ROAMING, turn.month):
        return 0
    return left(state, policy, turn.month)


def waive(turn: Turn, policy: RoamingPolicy, most: int) -> None:
    """After usage was debited, which the last of the turn's records tells of: gives back what of
    its price lies beyond `most`, as if it hadn't been charged, and notes that in front of it."""
    usage, state = turn.records[-1], turn.state
    found = Evidence(usage.charge, most, policy.limit_of(state.currency))
    waived = found.waived
    if not waived:
        return
    usage.charge -= waived
    usage.balance += waived
    state.money += waived
    _count_less(turn, usage, waived)
    count(state, WAIVED, turn.month, waived)
    note = Record(
        usage.seq,
        RecordKind.WAIVED,
        usage.at,
        usage.period,
        usage.balance + usage.charge,
        units=waived,
        label=int(Waiver.ROAMING_LIMIT),
        session=usage.session,
        number=usage.number,
        slice=list(found),
    )
    usage.seq += 1
    state.seq += 1
    turn.records.insert(len(turn.records) - 1, note)


def _count_less(turn: Turn, usage: Record, waived: int) -> None:
    """Counters of money count what is charged."""
    slice_ = usage.slice
    if turn.plan is None or slice_ is None:
        return
    offset = bucket_offset(slice_[BUCKET_COUNT]) + ADDED
    for index, counter in enumerate(turn.plan.counters):
        if counter.measure is Measure.MONEY and slice_[offset + index * COUNTER_SIZE]:
            count(turn.state, counter.id, turn.month, -waived)
