"""Receivables: what customers owe, and which payment paid which invoice.

An invoice opens an item, a payment becomes a credit, and allocation matches the two: the
invoice that the payer named, else the oldest due, in part where it must be, and what is left
over waits as credit for the next invoice. The sums here are those of the ledger's receivables
and customers' credits at any moment.
"""

from trunkline.receivables.model import (
    AGEING,
    Allocation,
    AllocationId,
    Credit,
    OpenItem,
    allocate,
)
from trunkline.receivables.operations import allocate_payment, hold_invoice, open_items
from trunkline.receivables.queries import (
    OPEN_ITEMS,
    ageing,
    allocations_for,
    allocations_of,
    allocations_to,
    items_of,
    open_item,
    open_items_for,
    overdue_accounts,
    payments_with_allocations,
    receivable_account,
    receivable_balance,
    receivable_balances,
    receivable_totals,
)
from trunkline.receivables.refunding import refund

__all__ = [
    "AGEING",
    "OPEN_ITEMS",
    "Allocation",
    "AllocationId",
    "Credit",
    "OpenItem",
    "ageing",
    "allocate",
    "allocate_payment",
    "allocations_for",
    "allocations_of",
    "allocations_to",
    "hold_invoice",
    "items_of",
    "open_item",
    "open_items",
    "open_items_for",
    "overdue_accounts",
    "payments_with_allocations",
    "receivable_account",
    "receivable_balance",
    "receivable_balances",
    "receivable_totals",
    "refund",
]
