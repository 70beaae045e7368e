"""What time takes from a prepaid balance. A month's fee, when the month begins, and with it come
the month's allowances; where the balance is too low they wait for a top-up: usage costs what it
costs without them. And what is left once its grace is over. What is taken is earned then, and
the ledger told. Pure, but for ids.
"""

from collections.abc import Iterable
from datetime import datetime

from trunkline.charging.buckets import enter_month
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.lifetime import grace_ends
from trunkline.charging.months import month_at, month_days
from trunkline.charging.pools.shares import lent_money
from trunkline.charging.postings import BatchId
from trunkline.charging.state import State, Status
from trunkline.charging.terms import Life, Renewal
from trunkline.kernel.money import Money
from trunkline.kernel.time import zone
from trunkline.ledger import BREAKAGE, PREPAID, RECURRING_REVENUE, Entry, LegalEntityId, Posting
from trunkline.ledger.events import PostEntry
from trunkline.rating import Days, prorate


def renew(state: State, now: int, records: list[Record]) -> None:
    """Takes the fee of the month that `now` is in, where it is due and there is enough."""
    renewal = None if state.terms is None else state.terms.renewal
    if renewal is None or state.status != Status.ACTIVE:
        return
    month = _month(state, now)
    if month in renewal.paid:
        return
    enter_month(state, now, None, records)
    fee = fee_of(state, renewal, month)
    if state.money - state.floor - state.held < fee:
        renewal.missed = month
        return
    renewal.paid = [each for each in renewal.paid if each >= month - 1] + [month]
    renewal.missed = 0
    state.money -= fee
    state.seq += 1
    records.append(
        Record(
            state.seq,
            RecordKind.FEE,
            now,
            month,
            state.money,
            fee,
            session=renewal.label,
        )
    )


def fee_of(state: State, renewal: Renewal, month: int) -> int:
    """What the month costs, in micros: of the one in which the account began, where it is so
    agreed, the part from that day on, in whole minor units as a bill would have it."""
    if not renewal.first or renewal.paid:
        return renewal.fee
    life = None if state.terms is None else state.terms.life
    began = datetime.fromtimestamp(life.activated if life else state.opened, zone(state.time_zone))
    first, last = month_days(month, state.cycle_day)
    if not first <= began.date() < last:
        return renewal.fee
    part = prorate(began.date(), last, period=(first, last), days=Days(renewal.first))
    return part.of(Money(renewal.fee, state.currency)).rounded().micros


def _month(state: State, now: int) -> int:
    if state.starts <= now < state.ends:
        return state.period
    return month_at(now, state.cycle_day, state.time_zone)


def forfeits(state: State, now: int) -> int:
    """What an account has yet to lose at `now`, in micros, its time being over; what is in use, or
    a pool's, it doesn't. What comes later without a new validity stays."""
    terms = state.terms
    if terms is None or terms.life is None or not _is_over(state, terms.life, now):
        return 0
    if terms.life.forfeited == terms.life.valid_until:
        return 0
    return max(state.money - state.held - lent_money(state), 0)


def _is_over(state: State, life: Life, now: int) -> bool:
    if life.money_only:
        return life.valid_until > 0 and grace_ends(life) <= now
    return state.status == Status.EXPIRED


def forfeit(state: State, now: int, records: list[Record]) -> None:
    """Takes what is left of the money once grace is over."""
    micros = forfeits(state, now)
    life = None if state.terms is None else state.terms.life
    if life is not None and not state.held and _is_over(state, life, now):
        life.forfeited = life.valid_until
    if micros:
        month = enter_month(state, now, None, records)
        state.money -= micros
        state.seq += 1
        records.append(Record(state.seq, RecordKind.EXPIRED, now, month, state.money, micros))


Taken = dict[tuple[int, str, str], int]
"""Micros by (kind of record, legal entity, currency)."""

_ENTRIES = {
    RecordKind.FEE: ("subscription", "fee", RECURRING_REVENUE, "Fees of prepaid accounts"),
    RecordKind.EXPIRED: ("expiry", "expired", BREAKAGE, "Prepaid balances that expired"),
}
"""An entry's kind, its reference's part, the income, and what is said of it."""


def taken(written: Iterable[tuple[State, Record]]) -> Taken:
    """What these records took by itself: fees, and what expired."""
    sums: Taken = {}
    for state, record in written:
        if record.kind in _ENTRIES and record.charge:
            of = record.kind, state.entity, state.currency
            sums[of] = sums.get(of, 0) + record.charge
    return sums


def entries(sums: Taken, batch: BatchId, now: datetime) -> list[PostEntry]:
    """From what was paid before to what is earned."""
    posted = []
    for index, ((of, entity, currency), micros) in enumerate(sums.items()):
        kind, word, income, description = _ENTRIES[RecordKind(of)]
        amount = Money(micros, currency)
        posted.append(
            PostEntry(
                Entry(
                    entity=LegalEntityId(entity),
                    kind=kind,
                    reference=f"{batch}-{word}-{index}",
                    postings=(Posting(PREPAID, amount), Posting(income, -amount)),
                    description=description,
                    booked_at=now,
                )
            )
        )
    return posted
