"""Writes on the top-ups that dealers sell at their tills."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from trunkline.charging import Balance
from trunkline.charging.events import ActOnBalance, BalanceVerb, TopUp
from trunkline.customers import BillingAccount, billing_account
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.ledger import post
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.vouchers.dealers.model import Dealer, DealerReferenceUsed
from trunkline.vouchers.dealers.operations import (
    check_amount,
    check_reference,
    hold_dealer,
    move_float,
)
from trunkline.vouchers.top_ups import store
from trunkline.vouchers.top_ups.model import (
    RETAIL,
    RETAIL_REFUSED,
    RETAIL_REVERSED,
    TOP_UP_LIFECYCLE,
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    NotReversible,
    ReversalId,
    TopUpState,
    UnknownTopUp,
    check_takes_top_ups,
    retail_entry,
)

REVERSIBLE_FOR = timedelta(hours=24)

RESOURCE = "RetailTopUp"

_NOTHING: Mapping[str, Any] = {}


def sell_top_up(
    tx: Tx,
    dealer_id: str,
    *,
    balance: Balance,
    amount: Money,
    reference: str,
    caller: str,
    details: Mapping[str, Any] = _NOTHING,
    now: datetime,
) -> ChannelTopUp:
    """A top-up for which a dealer was paid: their float pays for it, less their commission. The
    same reference again answers with the one that stands, or raises `DealerReferenceUsed`.
    Raises `DealerLimit`, `DealerBlocked`, `UnknownDealer`, `NotPrepaid`, `AccountIsClosed`,
    `CurrencyMismatch`, `Invalid`."""
    dealer = hold_dealer(tx, dealer_id)
    check_reference(reference)
    check_amount(amount, dealer)
    standing = store.by_reference(tx, dealer_id, reference)
    if standing is not None:
        if (standing.account, standing.amount) != (balance.account, amount):
            raise DealerReferenceUsed(f"{reference} was another top-up", path="reference")
        return standing
    payer = _payer(tx, dealer, balance)
    cost = (amount - amount.scaled(dealer.commission_ppm, 1_000_000)).rounded()
    dealer.check_can_pay(cost)
    top_up = ChannelTopUp(
        id=tx.new_id(ChannelTopUpId, now),
        channel=Channel.RETAIL,
        account=balance.account,
        billing_account=payer.id,
        entity=payer.legal_entity,
        amount=amount,
        cost=cost,
        state=TopUpState.CREATED,
        requested_at=now,
        caller=caller,
        dealer=dealer_id,
        reference=reference,
        details=details,
    )
    store.insert_top_up(tx, top_up)
    move_float(tx, dealer, -cost)
    post(tx, retail_entry(top_up, now, RETAIL), now)
    tx.emit(TopUp(payment_id=top_up.id, account=top_up.account, amount=amount))
    for resource in (RESOURCE, "TopupBalance"):
        tx.changed(resource, top_up.id, Change.CREATED)
    return top_up


def reverse_top_up(tx: Tx, top_up_id: str, *, now: datetime) -> ChannelTopUp:
    """Asks a retail top-up back, within `REVERSIBLE_FOR` and where the balance still has it: if
    it hasn't, the top-up stands as before. Asked again, it is asked once. Raises
    `UnknownTopUp`, `NotReversible`, `IllegalTransition`."""
    present = store.lock_top_up(tx, top_up_id)
    if present is None or present.channel is not Channel.RETAIL:
        raise UnknownTopUp(f"there is no retail top-up {top_up_id[:60]}")
    if present.state in (TopUpState.REVERSING, TopUpState.REVERSED):
        return present
    TOP_UP_LIFECYCLE.check(present.state, TopUpState.REVERSING)
    if now > present.requested_at + REVERSIBLE_FOR:
        raise NotReversible(f"it is older than {REVERSIBLE_FOR}", path="state")
    asked = msgspec.structs.replace(
        present,
        state=TopUpState.REVERSING,
        reversal=tx.new_id(ReversalId, now),
        reason=None,
    )
    store.save_top_up(tx, asked)
    assert asked.reversal is not None
    tx.emit(
        ActOnBalance(
            action=asked.reversal,
            verb=BalanceVerb.ADJUST,
            account=asked.account,
            amount=-asked.amount,
        )
    )
    tx.changed(RESOURCE, asked.id, Change.STATE)
    return asked


def note_reversal(tx: Tx, reversal: str, *, failure: str | None, now: datetime) -> None:
    """What charging answered: taken back, or, with a `failure`, not. Once."""
    present = store.lock_by_reversal(tx, reversal)
    if present is None or present.state is not TopUpState.REVERSING:
        return
    to = TopUpState.REVERSED if failure is None else TopUpState.COMPLETED
    TOP_UP_LIFECYCLE.check(present.state, to)
    changed = msgspec.structs.replace(
        present, state=to, reversed_at=now if failure is None else None, reason=failure
    )
    store.save_top_up(tx, changed)
    if failure is None:
        _give_back(tx, changed, RETAIL_REVERSED, now)
    for resource in (RESOURCE, "TopupBalance"):
        tx.changed(resource, present.id, Change.STATE)


def note_retail(tx: Tx, top_up: str, *, failure: str | None, now: datetime) -> None:
    """A retail top-up that charging refused costs its dealer nothing."""
    found = store.find_top_ups(tx, [top_up])
    if found and found[0].channel is Channel.RETAIL:
        tx.changed(RESOURCE, top_up, Change.STATE)
        if failure is not None and found[0].state is TopUpState.FAILED:
            _give_back(tx, found[0], RETAIL_REFUSED, now)


def _give_back(tx: Tx, top_up: ChannelTopUp, kind: str, now: datetime) -> None:
    """The dealer's float has what the top-up cost again."""
    assert top_up.dealer is not None
    if post(tx, retail_entry(top_up, now, kind), now):
        move_float(tx, hold_dealer(tx, top_up.dealer), top_up.cost)


def _payer(tx: Tx, dealer: Dealer, balance: Balance) -> BillingAccount:
    check_takes_top_ups(balance)
    payer = billing_account(tx, balance.billing_account)
    if payer.legal_entity != dealer.entity:
        raise Invalid("is another legal entity's customer", path="account")
    if balance.money.currency != dealer.float_.currency:
        raise CurrencyMismatch(f"the balance is in {balance.money.currency}", path="amount")
    return payer
