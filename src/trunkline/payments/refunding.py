"""Writes on refunds: money that goes back.

What settled invoices, or waits as credit, is refunded by receivables, which know what is left of
it (`receivables.refund`); a top-up is asked back of charging, which may have charged it away.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging.events import ActOnBalance, BalanceVerb
from trunkline.customers import BillingAccountId, billing_account
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.ledger import post
from trunkline.payments import store
from trunkline.payments.events import RefundMade
from trunkline.payments.model import (
    REFUND_LIFECYCLE,
    NotRefundable,
    Payment,
    PaymentId,
    PaymentMethodId,
    PaymentMethodKind,
    ReferenceUsed,
    Refund,
    RefundId,
    RefundState,
    UnknownPayment,
    UnknownRefund,
    check_amount,
    check_net,
    check_reference,
    refund_entry_of,
)
from trunkline.payments.operations import check_on_file
from trunkline.platform.changes import Change
from trunkline.platform.collisions import collision
from trunkline.platform.db import Tx


class RefundRequest(msgspec.Struct, frozen=True):
    """What somebody wants to be given back. (`source`, `reference`) counts once; without
    `payment`, an account's unused credit."""

    account: BillingAccountId
    amount: Money
    method: PaymentMethodKind
    reference: str
    source: str = "manual"
    payment: PaymentId | None = None
    payment_method: PaymentMethodId | None = None
    net: Money | None = None
    details: Mapping[str, Any] = {}


def check_refund(tx: Tx, asked: RefundRequest, now: datetime) -> Refund:
    """The refund as it would be. Raises what `receive_payment` does for its amount, account,
    reference and method."""
    check_amount(asked.amount)
    check_net(asked.net, asked.amount)
    check_reference(asked.reference)
    payer = billing_account(tx, asked.account)
    if payer.currency != asked.amount.currency:
        raise CurrencyMismatch(
            f"account {asked.account} pays in {payer.currency}, not in {asked.amount.currency}",
            path="amount",
        )
    if asked.payment_method is not None:
        check_on_file(tx, asked.payment_method, asked.account)
    return Refund(
        id=tx.new_id(RefundId, now),
        account=asked.account,
        entity=payer.legal_entity,
        amount=asked.amount,
        method=asked.method,
        source=asked.source,
        reference=asked.reference,
        state=RefundState.DONE,
        refunded_at=now,
        status_at=now,
        payment=asked.payment,
        payment_method=asked.payment_method,
        net=asked.net,
        details=asked.details,
    )


def standing_refund(tx: Tx, refund: Refund) -> Refund | None:
    """The refund that came in before under this (source, reference). Raises `ReferenceUsed`
    where it said something else."""
    found = store.refund_by_reference(tx, refund.source, refund.reference)
    if found is None:
        return None
    same = msgspec.structs.replace(
        refund,
        id=found.id,
        state=found.state,
        refunded_at=found.refunded_at,
        status_at=found.status_at,
        reason=found.reason,
    )
    if same != found:
        raise ReferenceUsed(
            f"{refund.source} refund {refund.reference} came in already, and was another",
            path="reference",
            refund=found.id,
        )
    return found


def held_payment(tx: Tx, refund: Refund) -> Payment:
    """Its payment, which nobody else refunds until the transaction ends. Raises
    `UnknownPayment`."""
    assert refund.payment is not None
    paid = store.lock_payment(tx, refund.payment)
    if paid is None:
        raise UnknownPayment(f"there is no payment {refund.payment[:60]}", path="payment")
    return paid


def check_refundable(paid: Payment, refund: Refund) -> None:
    """Raises `NotRefundable` for another account's payment, or more than is left of it."""
    if paid.account != refund.account:
        raise NotRefundable(f"{paid.id} was not this account's", path="account")
    if refund.amount > paid.refundable:
        raise NotRefundable(
            f"{paid.refundable} of {paid.id} can still be given back", path="amount"
        )


def give_back(tx: Tx, refund: Refund, parts: Mapping[str, int], now: datetime) -> None:
    """Writes a refund that is done, and posts it; `parts` are the micros of each payment that it
    takes from."""
    _insert(tx, refund)
    for payment, micros in sorted(parts.items()):
        store.add_refunded(tx, payment, micros)
        tx.changed("Payment", payment, Change.ATTRIBUTES)
    tx.changed("Refund", refund.id, Change.CREATED)
    _made(tx, refund, top_up=False, now=now)


def ask_back(tx: Tx, refund: Refund, paid: Payment) -> Refund:
    """A top-up's refund waits until charging has given up the balance. Meanwhile it counts
    against what is left of the payment."""
    assert paid.is_on_balance
    assert paid.subscriber is not None
    pending = msgspec.structs.replace(refund, state=RefundState.PENDING)
    _insert(tx, pending)
    store.add_refunded(tx, paid.id, refund.amount.micros)
    tx.changed("Refund", refund.id, Change.CREATED)
    tx.emit(
        ActOnBalance(
            action=refund.id,
            verb=BalanceVerb.ADJUST,
            account=paid.subscriber,
            amount=-refund.amount,
        )
    )
    return pending


def note_refund(tx: Tx, refund_id: str, *, reason: str | None, now: datetime) -> None:
    """What charging answered: done, or, with a `reason`, denied. Once. Raises
    `UnknownRefund`."""
    present = store.lock_refund(tx, refund_id)
    if present is None:
        raise UnknownRefund(f"there is no refund {refund_id[:60]}")
    if present.state is not RefundState.PENDING:
        return
    to = RefundState.DONE if reason is None else RefundState.DENIED
    REFUND_LIFECYCLE.check(present.state, to)
    changed = msgspec.structs.replace(
        present, state=to, reason=None if reason is None else reason[:400], status_at=now
    )
    store.update_refund(tx, changed)
    tx.changed("Refund", refund_id, Change.STATE)
    if present.payment is not None:
        tx.changed("Payment", present.payment, Change.ATTRIBUTES)
    if to is RefundState.DONE:
        _made(tx, changed, top_up=True, now=now)
    elif present.payment is not None:
        store.add_refunded(tx, present.payment, -present.amount.micros)


def _insert(tx: Tx, refund: Refund) -> None:
    taken = ReferenceUsed(
        f"{refund.source} refund {refund.reference} came in at the same moment", path="reference"
    )
    with collision(taken=taken):
        store.insert_refund(tx, refund)


def _made(tx: Tx, refund: Refund, *, top_up: bool, now: datetime) -> None:
    post(tx, refund_entry_of(refund, top_up=top_up), now)
    tx.emit(
        RefundMade(
            refund=refund.id,
            account=refund.account,
            entity=refund.entity,
            amount=refund.amount,
            payment=refund.payment,
            refunded_at=refund.status_at,
        )
    )
