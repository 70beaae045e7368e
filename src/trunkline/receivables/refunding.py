"""Writes: a customer's money goes back.

A refund takes of the payment what hasn't paid an invoice yet, and then what has: those invoices
are open again. It is all done under the account's lock, with the ledger, in one transaction.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from trunkline import payments
from trunkline.kernel.money import Money
from trunkline.ledger import post_many
from trunkline.payments import NotRefundable, Payment, Refund, RefundRequest
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.receivables import store
from trunkline.receivables.events import InvoiceReopened
from trunkline.receivables.model import (
    Allocation,
    AllocationId,
    ReceivableAccount,
    Refunding,
    entry_of,
    refund_credit,
    refund_credits,
)
from trunkline.receivables.operations import allocate_payment, match_account


def refund(tx: Tx, asked: RefundRequest, *, now: datetime) -> Refund:
    """Gives money back: of one payment, never more than it was, or of an account's unused
    credit. A top-up's waits for charging to give up the balance. The same (source, reference)
    again answers with the refund that stands. Raises `NotRefundable`, `UnknownPayment`, and what
    `payments.check_refund` does."""
    fresh = payments.check_refund(tx, asked, now)
    # Under the lock, so that of two that come at once the second finds the first. The account
    # comes before its payments, as everybody takes them.
    account = _locked(tx, fresh)
    paid = None if fresh.payment is None else payments.held_payment(tx, fresh)
    standing = payments.standing_refund(tx, fresh)
    if standing is not None:
        return standing
    if paid is None:
        return _of_credit(tx, fresh, account, now)
    payments.check_refundable(paid, fresh)
    if paid.is_on_balance:
        return payments.ask_back(tx, fresh, paid)
    return _of_payment(tx, fresh, paid, now)


def _of_payment(tx: Tx, fresh: Refund, paid: Payment, now: datetime) -> Refund:
    # Its event may not have been delivered yet; once delivered, it does nothing again.
    allocate_payment(
        tx,
        payment=paid.id,
        account=paid.account,
        entity=paid.entity,
        amount=paid.amount,
        received_at=paid.received_at,
        invoice=paid.invoice,
        now=now,
    )
    account = _locked(tx, fresh)
    credit = store.find_credit(tx, paid.id)
    assert credit is not None, "an allocated payment is a credit"
    parts = refund_credit(credit, store.allocations_from(tx, paid.id), fresh.amount)
    assert parts.total == fresh.amount.micros, "a payment had less than it had left"
    payments.give_back(tx, fresh, {paid.id: fresh.amount.micros}, now)
    reopened = _undo(tx, parts, now)
    left = credit.left.micros + reopened - fresh.amount.micros
    store.save_credits(tx, {credit.origin: left})
    _save(tx, account, reopened=reopened, refunded=fresh.amount.micros)
    match_account(tx, fresh.account, fresh.entity, fresh.amount.currency, now)
    return fresh


def _of_credit(tx: Tx, fresh: Refund, account: ReceivableAccount, now: datetime) -> Refund:
    credits_ = store.credits_left(tx, [fresh.account])
    parts = refund_credits(credits_, fresh.amount)
    if parts.total < fresh.amount.micros:
        raise NotRefundable(f"the account has {account.credit} of unused credit", path="amount")
    left = {each.origin: each.left.micros for each in credits_}
    store.save_credits(tx, {origin: left[origin] - taken for origin, taken in parts.taken.items()})
    _save(tx, account, reopened=0, refunded=fresh.amount.micros)
    paid = {str(each.id): parts.taken[each.id] for each in payments.payments(tx, list(parts.taken))}
    payments.give_back(tx, fresh, paid, now)
    return fresh


def _locked(tx: Tx, fresh: Refund) -> ReceivableAccount:
    of = fresh.account, fresh.entity, fresh.amount.currency
    return store.lock_accounts(tx, [of])[fresh.account]


def _undo(tx: Tx, parts: Refunding, now: datetime) -> int:
    """Takes allocations back, and opens their invoices again; how much that is."""
    if not parts.undone:
        return 0
    taken_back: Mapping[str, Allocation] = {
        each.invoice: msgspec.structs.replace(
            each, id=tx.new_id(AllocationId, now), amount=-amount, allocated_at=now
        )
        for each, amount in parts.undone
    }
    items = store.items(tx, list(taken_back))
    store.insert_allocations(tx, list(taken_back.values()))
    store.save_items(
        tx,
        {
            invoice: items[invoice].open.micros - each.amount.micros
            for invoice, each in taken_back.items()
        },
    )
    post_many(tx, [entry_of(each) for each in taken_back.values()], now)
    for invoice, each in taken_back.items():
        tx.changed("CustomerBill", invoice, Change.STATE)
        tx.emit(
            InvoiceReopened(
                invoice=invoice, account=each.account, amount=-each.amount, reopened_at=now
            )
        )
    return -sum(each.amount.micros for each in taken_back.values())


def _save(tx: Tx, account: ReceivableAccount, *, reopened: int, refunded: int) -> None:
    currency = account.open.currency
    changed = msgspec.structs.replace(
        account,
        open=Money(account.open.micros + reopened, currency),
        credit=Money(account.credit.micros + reopened - refunded, currency),
    )
    store.save_accounts(tx, [changed])
