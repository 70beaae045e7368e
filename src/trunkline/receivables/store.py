"""The tables of open items, credits and allocations."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Instant, Reader, Tx, books_metadata, immutable
from trunkline.platform.sums import exact_sum, summed
from trunkline.receivables.model import (
    AGEING,
    AgeingBucket,
    Allocation,
    AllocationId,
    Credit,
    OpenItem,
    ReceivableAccount,
    bucket_of,
)

# One row an account: its sums, and the lock under which its items and credits are matched.
receivable_account = sa.Table(
    "receivable_account",
    books_metadata,
    sa.Column("billing_account_id", sa.String(100), primary_key=True),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("open_micros", sa.BigInteger, nullable=False),
    sa.Column("credit_micros", sa.BigInteger, nullable=False),
)

open_item = sa.Table(
    "open_item",
    books_metadata,
    sa.Column("invoice_id", sa.String(100), primary_key=True),
    sa.Column("number", sa.String(40), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("open_micros", sa.BigInteger, nullable=False),
    sa.Column("issued_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("on_hold", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("hold_changed_at", Instant),
)
sa.Index("open_item_by_account", open_item.c.billing_account_id, open_item.c.due_at)
sa.Index(
    "open_item_unpaid",
    open_item.c.due_at,
    open_item.c.currency,
    open_item.c.open_micros,
    sqlite_where=open_item.c.open_micros != 0,
    postgresql_where=open_item.c.open_micros != 0,
)

credit = sa.Table(
    "credit",
    books_metadata,
    sa.Column("origin", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("left_micros", sa.BigInteger, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("invoice_id", sa.String(100)),
    sa.Index("credit_by_account", "billing_account_id", "received_at"),
)

allocation = sa.Table(
    "allocation",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("origin", sa.ForeignKey(credit.c.origin), nullable=False),
    sa.Column("invoice_id", sa.ForeignKey(open_item.c.invoice_id), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("allocated_at", Instant, nullable=False),
    sa.Index("allocation_by_account", "billing_account_id"),
    sa.Index("allocation_by_origin", "origin"),
    sa.Index("allocation_by_invoice", "invoice_id"),
)
immutable(allocation)

# PostgreSQL's construct renders the clause that both engines understand.
_INSERT_ACCOUNTS = postgresql.insert(receivable_account).on_conflict_do_nothing(
    index_elements=["billing_account_id"]
)
_ACCOUNTS = (
    sa.select(receivable_account)
    .where(receivable_account.c.billing_account_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(receivable_account.c.billing_account_id)
)
_LOCK_ACCOUNTS = _ACCOUNTS.with_for_update()
_UPDATE_ACCOUNT = (
    sa.update(receivable_account)
    .where(receivable_account.c.billing_account_id == sa.bindparam("of_account"))
    .values(open_micros=sa.bindparam("open"), credit_micros=sa.bindparam("credit"))
)
_TOTALS = (
    sa.select(
        receivable_account.c.legal_entity_id,
        receivable_account.c.currency,
        *exact_sum(receivable_account.c.open_micros, "open"),
        *exact_sum(receivable_account.c.credit_micros, "credit"),
    )
    .group_by(receivable_account.c.legal_entity_id, receivable_account.c.currency)
    .order_by(receivable_account.c.legal_entity_id, receivable_account.c.currency)
)
_INSERT_ITEM = sa.insert(open_item)
_INSERT_CREDIT = sa.insert(credit)
_INSERT_ALLOCATION = sa.insert(allocation)
_UPDATE_ITEM = (
    sa.update(open_item)
    .where(open_item.c.invoice_id == sa.bindparam("of_invoice"))
    .values(open_micros=sa.bindparam("open"))
)
_HOLD_ITEM = (
    sa.update(open_item)
    .where(open_item.c.invoice_id == sa.bindparam("of_invoice"))
    .values(
        on_hold=sa.bindparam("held", type_=sa.Boolean),
        hold_changed_at=sa.bindparam("at", type_=Instant),
    )
)
_UPDATE_CREDIT = (
    sa.update(credit)
    .where(credit.c.origin == sa.bindparam("of_origin"))
    .values(left_micros=sa.bindparam("left"))
)
_CREDIT = sa.select(credit).where(credit.c.origin == sa.bindparam("origin"))
_CREDITS_LEFT = sa.select(credit).where(
    credit.c.billing_account_id.in_(sa.bindparam("ids", expanding=True)),
    credit.c.left_micros != 0,
)
_CREDITS_OF = sa.select(credit).where(credit.c.origin.in_(sa.bindparam("origins", expanding=True)))
_ITEMS_UNPAID = sa.select(open_item).where(
    open_item.c.billing_account_id.in_(sa.bindparam("ids", expanding=True)),
    open_item.c.open_micros != 0,
)
_ITEMS = sa.select(open_item).where(
    open_item.c.invoice_id.in_(sa.bindparam("invoices", expanding=True))
)
_ITEMS_OF_ACCOUNT = (
    sa.select(open_item)
    .where(open_item.c.billing_account_id == sa.bindparam("account"))
    .order_by(open_item.c.due_at, open_item.c.invoice_id)
)
_OVERDUE = (
    sa.select(open_item.c.billing_account_id)
    .where(
        open_item.c.billing_account_id.in_(sa.bindparam("ids", expanding=True)),
        open_item.c.open_micros != 0,
        open_item.c.due_at <= sa.bindparam("now", type_=Instant),
    )
    .distinct()
)
_ALLOCATIONS_OF_ACCOUNT = (
    sa.select(allocation)
    .where(allocation.c.billing_account_id == sa.bindparam("account"))
    .order_by(allocation.c.id)
)
_ALLOCATIONS_OF_INVOICES = (
    sa.select(allocation)
    .where(allocation.c.invoice_id.in_(sa.bindparam("invoices", expanding=True)))
    .order_by(allocation.c.id)
)
_ALLOCATIONS_FROM = (
    sa.select(allocation)
    .where(allocation.c.origin == sa.bindparam("origin"))
    .order_by(allocation.c.id)
)
_UNPAID = (
    sa.select(
        open_item.c.due_at,
        open_item.c.currency,
        sa.func.count().label("items"),
        *exact_sum(open_item.c.open_micros, "open"),
    )
    .where(open_item.c.open_micros != 0)
    .group_by(open_item.c.due_at, open_item.c.currency)
)


def lock_accounts(
    tx: Tx, accounts: Iterable[tuple[BillingAccountId, LegalEntityId, str]]
) -> dict[BillingAccountId, ReceivableAccount]:
    """The accounts' sums, locked in the order of their ids; those not seen before start at
    zero in the currency given."""
    rows = {
        account: {
            "billing_account_id": account,
            "legal_entity_id": entity,
            "currency": currency,
            "open_micros": 0,
            "credit_micros": 0,
        }
        for account, entity, currency in accounts
    }
    tx.execute(_INSERT_ACCOUNTS, [rows[account] for account in sorted(rows)])
    found = tx.execute(_LOCK_ACCOUNTS, {"ids": list(rows)})
    return {each.account: each for each in map(_account, found)}


def save_accounts(tx: Tx, accounts: Sequence[ReceivableAccount]) -> None:
    tx.execute(
        _UPDATE_ACCOUNT,
        [
            {
                "of_account": each.account,
                "open": each.open.micros,
                "credit": each.credit.micros,
            }
            for each in accounts
        ],
    )


def find_account(r: Reader, account: BillingAccountId) -> ReceivableAccount | None:
    row = r.execute(_ACCOUNTS, {"ids": [account]}).first()
    return _account(row) if row else None


def find_accounts(
    r: Reader, accounts: Sequence[BillingAccountId]
) -> dict[BillingAccountId, ReceivableAccount]:
    found = r.execute(_ACCOUNTS, {"ids": list(accounts)})
    return {each.account: each for each in map(_account, found)}


def totals(r: Reader) -> list[tuple[LegalEntityId, Money, Money]]:
    return [
        (
            LegalEntityId(row.legal_entity_id),
            Money(summed(row, "open"), row.currency),
            Money(summed(row, "credit"), row.currency),
        )
        for row in r.execute(_TOTALS)
    ]


def insert_items(tx: Tx, items: Sequence[OpenItem]) -> None:
    tx.execute(
        _INSERT_ITEM,
        [
            {
                "invoice_id": item.invoice,
                "number": item.number,
                "billing_account_id": item.account,
                "legal_entity_id": item.entity,
                "currency": item.amount.currency,
                "amount_micros": item.amount.micros,
                "open_micros": item.open.micros,
                "issued_at": item.issued_at,
                "due_at": item.due_at,
            }
            for item in items
        ],
    )


def insert_credits(tx: Tx, credits_: Sequence[Credit]) -> None:
    tx.execute(
        _INSERT_CREDIT,
        [
            {
                "origin": each.origin,
                "billing_account_id": each.account,
                "legal_entity_id": each.entity,
                "currency": each.amount.currency,
                "amount_micros": each.amount.micros,
                "left_micros": each.left.micros,
                "received_at": each.received_at,
                "invoice_id": each.invoice,
            }
            for each in credits_
        ],
    )


def insert_allocations(tx: Tx, allocations: Sequence[Allocation]) -> None:
    tx.execute(
        _INSERT_ALLOCATION,
        [
            {
                "id": each.id,
                "origin": each.origin,
                "invoice_id": each.invoice,
                "billing_account_id": each.account,
                "legal_entity_id": each.entity,
                "amount_micros": each.amount.micros,
                "currency": each.amount.currency,
                "allocated_at": each.allocated_at,
            }
            for each in allocations
        ],
    )


def save_items(tx: Tx, open_micros: dict[str, int]) -> None:
    tx.execute(
        _UPDATE_ITEM,
        [{"of_invoice": invoice, "open": micros} for invoice, micros in open_micros.items()],
    )


def hold_item(tx: Tx, invoice: str, *, held: bool, at: datetime) -> None:
    tx.execute(_HOLD_ITEM, {"of_invoice": invoice, "held": held, "at": at})


def save_credits(tx: Tx, left_micros: dict[str, int]) -> None:
    tx.execute(
        _UPDATE_CREDIT,
        [{"of_origin": origin, "left": micros} for origin, micros in left_micros.items()],
    )


def find_credit(r: Reader, origin: str) -> Credit | None:
    row = r.execute(_CREDIT, {"origin": origin}).first()
    return _credit(row) if row else None


def credits_left(r: Reader, accounts: Sequence[BillingAccountId]) -> list[Credit]:
    return [_credit(row) for row in r.execute(_CREDITS_LEFT, {"ids": list(accounts)})]


def credits_by_origin(r: Reader, origins: Sequence[str]) -> dict[str, Credit]:
    found = r.execute(_CREDITS_OF, {"origins": list(origins)})
    return {each.origin: each for each in map(_credit, found)}


def items_unpaid(r: Reader, accounts: Sequence[BillingAccountId]) -> list[OpenItem]:
    return [_item(row) for row in r.execute(_ITEMS_UNPAID, {"ids": list(accounts)})]


def items(r: Reader, invoices: Sequence[str]) -> dict[str, OpenItem]:
    found = r.execute(_ITEMS, {"invoices": list(invoices)})
    return {each.invoice: each for each in map(_item, found)}


def items_of(r: Reader, account: BillingAccountId) -> list[OpenItem]:
    return [_item(row) for row in r.execute(_ITEMS_OF_ACCOUNT, {"account": account})]


def overdue(r: Reader, accounts: Sequence[str], now: datetime) -> set[str]:
    found = r.execute(_OVERDUE, {"ids": list(accounts), "now": now})
    return set(found.scalars())


def allocations_of(r: Reader, account: BillingAccountId) -> list[Allocation]:
    return [_allocation(row) for row in r.execute(_ALLOCATIONS_OF_ACCOUNT, {"account": account})]


def allocations_from(r: Reader, origin: str) -> list[Allocation]:
    return [_allocation(row) for row in r.execute(_ALLOCATIONS_FROM, {"origin": origin})]


def allocations_to(r: Reader, invoices: Sequence[str]) -> list[Allocation]:
    rows = r.execute(_ALLOCATIONS_OF_INVOICES, {"invoices": list(invoices)})
    return [_allocation(row) for row in rows]


def ageing(r: Reader, currency: str, now: datetime) -> list[AgeingBucket]:
    counts = [0] * len(AGEING)
    sums = [0] * len(AGEING)
    for row in r.execute(_UNPAID.where(open_item.c.currency == currency)):
        index = bucket_of(row.due_at, now)
        counts[index] += row.items
        sums[index] += summed(row, "open")
    return [
        AgeingBucket(first, last, count, Money(micros, currency))
        for (first, last), count, micros in zip(AGEING, counts, sums, strict=True)
    ]


def _account(row: Any) -> ReceivableAccount:
    return ReceivableAccount(
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        open=Money(row.open_micros, row.currency),
        credit=Money(row.credit_micros, row.currency),
    )


def _item(row: Any) -> OpenItem:
    return OpenItem(
        invoice=row.invoice_id,
        number=row.number,
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        open=Money(row.open_micros, row.currency),
        issued_at=row.issued_at,
        due_at=row.due_at,
        on_hold=row.on_hold,
        hold_changed_at=row.hold_changed_at,
    )


def _credit(row: Any) -> Credit:
    return Credit(
        origin=row.origin,
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        left=Money(row.left_micros, row.currency),
        received_at=row.received_at,
        invoice=row.invoice_id,
    )


def _allocation(row: Any) -> Allocation:
    return Allocation(
        id=AllocationId(row.id),
        origin=row.origin,
        invoice=row.invoice_id,
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        allocated_at=row.allocated_at,
    )
