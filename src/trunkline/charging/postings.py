"""What charging tells the ledger: one entry for the charges of each kind of account."""

from collections.abc import Iterable
from datetime import datetime

from trunkline.charging.journal import BILLED, Record, RecordKind
from trunkline.charging.state import State
from trunkline.kernel.ids import Id
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, UNBILLED, USAGE_REVENUE, Entry, LegalEntityId, Posting
from trunkline.ledger.events import PostEntry


class BatchId(Id):
    """What was charged together."""

    __slots__ = ()
    prefix = "chb"


Totals = dict[tuple[str, bool, str], int]
"""Micros by (legal entity, prepaid, currency)."""


def totals(written: Iterable[tuple[State, Record]]) -> Totals:
    """What these records charge for usage; empty when they charge nothing. What of a hybrid
    account's goes onto the bill is charged as a postpaid one's."""
    sums: Totals = {}
    for state, record in written:
        if record.charge and record.kind in BILLED:
            of = state.entity, state.prepaid, state.currency
            sums[of] = sums.get(of, 0) + record.charge
        elif record.kind == RecordKind.ON_BILL:
            for prepaid, micros in ((True, record.charge), (False, -record.charge)):
                of = state.entity, prepaid, state.currency
                sums[of] = sums.get(of, 0) + micros
    return {of: micros for of, micros in sums.items() if micros}


def entries(sums: Totals, batch: BatchId, now: datetime) -> list[PostEntry]:
    """Usage earns revenue as it happens: from what was paid before, or to be billed."""
    posted = []
    for index, ((entity, prepaid, currency), micros) in enumerate(sums.items()):
        amount = Money(micros, currency)
        posted.append(
            PostEntry(
                Entry(
                    entity=LegalEntityId(entity),
                    kind="usage",
                    reference=f"{batch}-{index}",
                    postings=(
                        Posting(PREPAID if prepaid else UNBILLED, amount),
                        Posting(USAGE_REVENUE, -amount),
                    ),
                    description="Usage paid from balances" if prepaid else "Usage to be billed",
                    booked_at=now,
                )
            )
        )
    return posted
