"""Writes: what is owed, what was paid, and their matching.

Each works under the lock of the accounts that it touches (their `receivable_account` rows, in
the order of their ids), so that an invoice and a payment that arrive together find each other.
"""

from collections.abc import Sequence
from datetime import datetime

from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId, post_many
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.receivables import store
from trunkline.receivables.events import InvoiceSettled
from trunkline.receivables.model import (
    Allocation,
    AllocationId,
    Credit,
    NothingOpen,
    OpenItem,
    ReceivableAccount,
    UnknownOpenItem,
    allocate,
    entry_of,
    transfer_of,
)


def open_items(tx: Tx, new: Sequence[OpenItem], *, now: datetime) -> list[Allocation]:
    """Takes up what freshly issued invoices ask for, whose entries the caller posts, and pays
    them from the accounts' credits. One below zero becomes a credit; one of zero is nothing.
    Answers with the allocations made."""
    owed = [item for item in new if item.amount.micros > 0]
    owing = [item for item in new if item.amount.micros < 0]
    if not owed and not owing:
        return []
    accounts = store.lock_accounts(
        tx, ((item.account, item.entity, item.amount.currency) for item in owed + owing)
    )
    opened: dict[BillingAccountId, int] = {}
    credited: dict[BillingAccountId, int] = {}
    for item in owed:
        opened[item.account] = opened.get(item.account, 0) + item.amount.micros
    if owed:
        store.insert_items(tx, owed)
    if owing:
        credits_ = [
            Credit(
                origin=item.invoice,
                account=item.account,
                entity=item.entity,
                amount=-item.amount,
                left=-item.amount,
                received_at=item.issued_at,
            )
            for item in owing
        ]
        store.insert_credits(tx, credits_)
        post_many(tx, [transfer_of(each) for each in credits_], now)
        for each in credits_:
            credited[each.account] = credited.get(each.account, 0) + each.amount.micros
    with_credit = [
        account for account, sums in accounts.items() if sums.credit or account in credited
    ]
    return _match(tx, accounts, opened, credited, with_credit, now)


def allocate_payment(
    tx: Tx,
    *,
    payment: str,
    account: BillingAccountId,
    entity: LegalEntityId,
    amount: Money,
    received_at: datetime,
    invoice: str | None = None,
    now: datetime,
) -> list[Allocation]:
    """Pays open invoices with a payment whose entry (cash against the customer's credit) is
    posted: the invoice that it names first, then the oldest due. The rest stays credit for the
    next invoice. The same payment again does nothing."""
    accounts = store.lock_accounts(tx, [(account, entity, amount.currency)])
    if store.find_credit(tx, payment) is not None:
        return []
    fresh = Credit(payment, account, entity, amount, amount, received_at, invoice)
    store.insert_credits(tx, [fresh])
    return _match(tx, accounts, {}, {account: amount.micros}, [account], now)


def hold_invoice(tx: Tx, invoice: str, *, held: bool, now: datetime) -> OpenItem:
    """Puts what is open of an invoice on hold (somebody disputes it), so that no credit pays it
    by itself; or lets it go, and credit pays it. Staying as it is changes nothing. Raises
    `UnknownOpenItem`, and `NothingOpen` for one that is settled."""
    before = store.items(tx, [invoice]).get(invoice)
    if before is None:
        raise UnknownOpenItem(f"nothing was ever open of invoice {invoice}")
    accounts = store.lock_accounts(tx, [(before.account, before.entity, before.amount.currency)])
    item = store.items(tx, [invoice])[invoice]
    if item.on_hold == held:
        return item
    if held and item.settled:
        raise NothingOpen(f"{item.number} is settled")
    store.hold_item(tx, invoice, held=held, at=now)
    tx.changed("CustomerBill", invoice, Change.STATE)
    if not held:
        _match(tx, accounts, {}, {}, [item.account], now)
    return store.items(tx, [invoice])[invoice]


def match_account(
    tx: Tx, account: BillingAccountId, entity: LegalEntityId, currency: str, now: datetime
) -> list[Allocation]:
    """Pays what is open of an account from its unused credit."""
    accounts = store.lock_accounts(tx, [(account, entity, currency)])
    return _match(tx, accounts, {}, {}, [account], now)


def _match(
    tx: Tx,
    accounts: dict[BillingAccountId, ReceivableAccount],
    opened: dict[BillingAccountId, int],
    credited: dict[BillingAccountId, int],
    with_credit: Sequence[BillingAccountId],
    now: datetime,
) -> list[Allocation]:
    """Allocates the credits of `with_credit`, and saves the sums of `accounts` with what was
    opened and credited."""
    made: list[tuple[Credit, OpenItem, Money]] = []
    if with_credit:
        credits_by: dict[BillingAccountId, list[Credit]] = {}
        items_by: dict[BillingAccountId, list[OpenItem]] = {}
        for credit in store.credits_left(tx, with_credit):
            credits_by.setdefault(credit.account, []).append(credit)
        for item in store.items_unpaid(tx, with_credit):
            items_by.setdefault(item.account, []).append(item)
        for account in sorted(credits_by):
            made += allocate(credits_by[account], items_by.get(account, ()))
    allocations = _save(tx, made, now)
    paid: dict[BillingAccountId, int] = {}
    for each in allocations:
        paid[each.account] = paid.get(each.account, 0) + each.amount.micros
    store.save_accounts(
        tx,
        [
            ReceivableAccount(
                account=sums.account,
                entity=sums.entity,
                open=_moved(sums.open, opened.get(account, 0) - paid.get(account, 0)),
                credit=_moved(sums.credit, credited.get(account, 0) - paid.get(account, 0)),
            )
            for account, sums in accounts.items()
        ],
    )
    return allocations


def _save(
    tx: Tx, made: Sequence[tuple[Credit, OpenItem, Money]], now: datetime
) -> list[Allocation]:
    if not made:
        return []
    allocations = []
    left: dict[str, int] = {}
    unpaid: dict[str, int] = {}
    items: dict[str, OpenItem] = {}
    for credit, item, amount in made:
        allocations.append(
            Allocation(
                id=tx.new_id(AllocationId, now),
                origin=credit.origin,
                invoice=item.invoice,
                account=item.account,
                entity=item.entity,
                amount=amount,
                allocated_at=now,
            )
        )
        items[item.invoice] = item
        left[credit.origin] = left.get(credit.origin, credit.left.micros) - amount.micros
        unpaid[item.invoice] = unpaid.get(item.invoice, item.open.micros) - amount.micros
    assert min(left.values()) >= 0, "a credit paid more than it had"
    assert min(unpaid.values()) >= 0, "an invoice was paid more than it asked"
    store.insert_allocations(tx, allocations)
    store.save_credits(tx, left)
    store.save_items(tx, unpaid)
    post_many(tx, [entry_of(each) for each in allocations], now)
    for invoice, micros in unpaid.items():
        tx.changed("CustomerBill", invoice, Change.STATE)
        if micros == 0:
            item = items[invoice]
            tx.emit(
                InvoiceSettled(
                    invoice=invoice, account=item.account, amount=item.amount, settled_at=now
                )
            )
    return allocations


def _moved(amount: Money, micros: int) -> Money:
    return Money(amount.micros + micros, amount.currency)
