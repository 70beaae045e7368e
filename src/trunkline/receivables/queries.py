"""Reads of what is owed and what was paid."""

from collections.abc import Sequence
from datetime import datetime

from trunkline.customers import BillingAccountId, billing_account
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.payments import Payment, payments_of
from trunkline.platform.db import Reader
from trunkline.receivables import store
from trunkline.receivables.model import (
    AgeingBucket,
    Allocation,
    Credit,
    OpenItem,
    PaymentWithAllocations,
    ReceivableAccount,
    UnknownOpenItem,
)

OPEN_ITEMS = store.open_item
"""The table, for lists that are filtered by its columns."""


def receivable_account(r: Reader, account: BillingAccountId) -> ReceivableAccount:
    """An account's open sum and unused credit; zero for one that never had an invoice or a
    payment. Raises what `customers.billing_account` does for one that does not exist."""
    found = store.find_account(r, account)
    if found is not None:
        return found
    known = billing_account(r, account)
    zero = Money.zero(known.currency)
    return ReceivableAccount(account, known.legal_entity, zero, zero)


def receivable_balance(r: Reader, account: BillingAccountId) -> Money:
    """What an account owes; negative where it has credit."""
    return receivable_account(r, account).balance


def receivable_balances(
    r: Reader, accounts: Sequence[BillingAccountId]
) -> dict[BillingAccountId, Money]:
    """The same for many; those that never had an invoice or a payment are missing."""
    return {account: found.balance for account, found in store.find_accounts(r, accounts).items()}


def receivable_totals(r: Reader) -> list[tuple[LegalEntityId, Money, Money]]:
    """(entity, open, credit) by entity and currency."""
    return store.totals(r)


def open_item(r: Reader, invoice: str) -> OpenItem:
    """Raises `UnknownOpenItem`; an invoice of zero or less has none."""
    found = store.items(r, [invoice]).get(invoice)
    if found is None:
        raise UnknownOpenItem(f"nothing was ever open of invoice {invoice}")
    return found


def open_items_for(r: Reader, invoices: Sequence[str]) -> dict[str, OpenItem]:
    """By invoice; those of zero or less are missing."""
    return store.items(r, invoices)


def items_of(r: Reader, account: BillingAccountId) -> list[OpenItem]:
    """All items of an account, settled ones too, the oldest due first."""
    return store.items_of(r, account)


def overdue_accounts(r: Reader, accounts: Sequence[BillingAccountId], *, now: datetime) -> set[str]:
    """Those of these that owe something that was due by `now`."""
    return store.overdue(r, accounts, now) if accounts else set()


def allocations_of(r: Reader, account: BillingAccountId) -> list[Allocation]:
    """In the order in which they were made."""
    return store.allocations_of(r, account)


def allocations_to(r: Reader, invoice: str) -> list[Allocation]:
    """What paid an invoice."""
    return store.allocations_to(r, [invoice])


def allocations_for(r: Reader, invoices: Sequence[str]) -> dict[str, list[Allocation]]:
    """What paid these invoices, by invoice; those that nothing has paid are missing."""
    found: dict[str, list[Allocation]] = {}
    for each in store.allocations_to(r, invoices):
        found.setdefault(each.invoice, []).append(each)
    return found


def payments_with_allocations(
    r: Reader, account: BillingAccountId, *, limit: int = 50, offset: int = 0
) -> list[PaymentWithAllocations]:
    """An account's payments, the latest first, with what each paid."""
    payments = payments_of(r, account, limit=limit, offset=offset)
    by_origin: dict[str, list[Allocation]] = {}
    for each in store.allocations_of(r, account):
        by_origin.setdefault(each.origin, []).append(each)
    credits_ = store.credits_by_origin(r, [payment.id for payment in payments])
    return [
        PaymentWithAllocations(
            payment=payment,
            allocations=tuple(by_origin.get(payment.id, ())),
            left=_left(payment, credits_.get(payment.id)),
        )
        for payment in payments
    ]


def _left(payment: Payment, credit: Credit | None) -> Money:
    if payment.is_on_balance:
        return Money.zero(payment.amount.currency)
    # Until the reaction has run, all of a payment is the customer's credit.
    return payment.amount if credit is None else credit.left


def ageing(r: Reader, currency: str, *, now: datetime) -> list[AgeingBucket]:
    """What is open in `currency`, by days overdue at `now`: one bucket for each of `AGEING`,
    empty ones too."""
    return store.ageing(r, currency, now)
