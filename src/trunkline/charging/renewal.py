"""A month's fee, taken from a prepaid balance when the month begins, and with it the month's
allowances. Where the balance is too low they wait for a top-up: usage costs what it costs
without them. What is taken is earned then, and the ledger told. Pure, but for ids.
"""

from collections.abc import Iterable
from datetime import datetime

from trunkline.charging.buckets import enter_month
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.months import month_at
from trunkline.charging.postings import BatchId
from trunkline.charging.state import State, Status
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, RECURRING_REVENUE, Entry, LegalEntityId, Posting
from trunkline.ledger.events import PostEntry


def renew(state: State, now: int, records: list[Record]) -> None:
    """Takes the fee of the month that `now` is in, where it is due and there is enough."""
    renewal = None if state.terms is None else state.terms.renewal
    if renewal is None or state.status != Status.ACTIVE:
        return
    month = _month(state, now)
    if month in renewal.paid:
        return
    enter_month(state, now, None, records)
    if state.money - state.floor - state.held < renewal.fee:
        renewal.missed = month
        return
    renewal.paid = [each for each in renewal.paid if each >= month - 1] + [month]
    renewal.missed = 0
    state.money -= renewal.fee
    state.seq += 1
    records.append(
        Record(
            state.seq,
            RecordKind.FEE,
            now,
            month,
            state.money,
            renewal.fee,
            session=renewal.label,
        )
    )


def _month(state: State, now: int) -> int:
    if state.starts <= now < state.ends:
        return state.period
    return month_at(now, state.cycle_day, state.time_zone)


Fees = dict[tuple[str, str], int]
"""Micros by (legal entity, currency)."""


def fees(written: Iterable[tuple[State, Record]]) -> Fees:
    """What these records took as fees."""
    sums: Fees = {}
    for state, record in written:
        if record.kind == RecordKind.FEE and record.charge:
            of = state.entity, state.currency
            sums[of] = sums.get(of, 0) + record.charge
    return sums


def fee_entries(sums: Fees, batch: BatchId, now: datetime) -> list[PostEntry]:
    """From what was paid before to what is earned."""
    return [
        PostEntry(
            Entry(
                entity=LegalEntityId(entity),
                kind="subscription",
                reference=f"{batch}-fee-{index}",
                postings=(
                    Posting(PREPAID, Money(micros, currency)),
                    Posting(RECURRING_REVENUE, -Money(micros, currency)),
                ),
                description="Fees of prepaid accounts",
                booked_at=now,
            )
        )
        for index, ((entity, currency), micros) in enumerate(sums.items())
    ]
