"""What befalls an account that has terms, around each thing that is done to it: time moves it,
its first use activates it, a fee is due, a threshold is crossed. What has changed is told by
messages, in the transaction that changed it. Plain accounts never come here.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from trunkline.charging import lifetime
from trunkline.charging.events import AccountStatusChanged, BalanceLow, FeeMissed
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import Action, ChargeAnswer, ChargeRequest, Identity, Kind, Result
from trunkline.charging.postings import BatchId
from trunkline.charging.renewal import entries, fee_of, forfeit, renew, taken
from trunkline.charging.state import State, Status
from trunkline.charging.store import Account
from trunkline.charging.watching import crossed
from trunkline.kernel.money import Money
from trunkline.platform.db import Tx
from trunkline.platform.messages import Message


class Standing(NamedTuple):
    """What is told about when it changes."""

    status: int
    missed: int
    """The month whose fee is missing."""


def standing(state: State) -> Standing:
    renewal = None if state.terms is None else state.terms.renewal
    return Standing(state.status, 0 if renewal is None else renewal.missed)


def enter(state: State, now: int, records: list[Record]) -> None:
    """Moves the account to `now`: takes what has expired, or the fee that is due."""
    lifetime.settle(state, now)
    forfeit(state, now, records)
    renew(state, now, records)


def begin(state: State, request: ChargeRequest, now: int, records: list[Record]) -> bool:
    """The same before a request of the network; True where it activates the account, unless
    `keep` finds that it came to nothing."""
    begins = state.status == Status.PRE_ACTIVE and _is_use(request)
    if begins:
        lifetime.activate(state, now)
    enter(state, now, records)
    return begins


def _is_use(request: ChargeRequest) -> bool:
    if request.kind is Kind.EVENT:
        return request.action is Action.DIRECT_DEBIT
    return request.kind is not Kind.TERMINATE


def keep(state: State, answer: ChargeAnswer, records: Iterable[Record]) -> None:
    """After a request that has activated the account: a first use that was refused was none."""
    used = answer.result is Result.SUCCESS and (
        not answer.units or any(unit.result is Result.SUCCESS for unit in answer.units)
    )
    if not used and not any(record.kind == RecordKind.FEE for record in records):
        lifetime.deactivate(state)


def news(
    account: Account, before: Standing, now: int, identities: Sequence[Identity] = ()
) -> list[Message]:
    """What there is to tell since it stood as `before`."""
    state = account.state
    if state.terms is None:
        return []
    after, renewal = standing(state), state.terms.renewal
    moved = after.status != before.status
    missed = after.missed != 0 and after.missed != before.missed
    threshold = crossed(state)
    if not moved and not missed and threshold is None:
        return []
    told: list[Message] = []
    at = datetime.fromtimestamp(now, UTC)
    if moved:
        until = lifetime.next_change(state)
        told.append(
            AccountStatusChanged(
                account=account.id,
                billing_account=account.billing_account,
                previous=lifetime.word(before.status),
                status=lifetime.word(after.status),
                at=at,
                until=datetime.fromtimestamp(until, UTC) if until else None,
            )
        )
    phone = next((value for kind, value in identities if kind == "msisdn"), None)
    balance = Money(state.money, state.currency)
    if missed and renewal is not None:
        told.append(
            FeeMissed(
                account=account.id,
                billing_account=account.billing_account,
                amount=Money(fee_of(state, renewal, after.missed), state.currency),
                balance=balance,
                at=at,
                phone=phone,
            )
        )
    if threshold is not None:
        told.append(
            BalanceLow(
                account=account.id,
                billing_account=account.billing_account,
                threshold=Money(threshold, state.currency),
                balance=balance,
                at=at,
                phone=phone,
            )
        )
    return told


def tell(
    tx: Tx,
    befores: Iterable[tuple[Account, Standing]],
    written: Iterable[tuple[State, Record]],
    now: datetime,
) -> None:
    """Emits what there is to tell of these accounts, and what they paid as fees. That it was told
    stands in their states: they are written after it."""
    epoch = int(now.timestamp())
    for account, before in befores:
        tx.emit_all(news(account, before, epoch))
    tell_fees(tx, written, now)


def tell_fees(tx: Tx, written: Iterable[tuple[State, Record]], now: datetime) -> None:
    sums = taken(written)
    if sums:
        tx.emit_all(entries(sums, tx.new_id(BatchId, now), now))
