"""Open items, credits, and how the one pays the other."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.money import Money
from trunkline.ledger import CUSTOMER_CREDITS, RECEIVABLES, Entry, LegalEntityId, Posting
from trunkline.payments import Payment


class UnknownOpenItem(NotFound):
    code = "unknownOpenItem"


class NothingOpen(Conflict):
    code = "nothingOpen"


class AllocationId(Id):
    __slots__ = ()
    prefix = "alc"


class OpenItem(msgspec.Struct, frozen=True):
    """What an invoice asks for: `amount` when it was issued, of which `open` is unpaid."""

    invoice: str
    number: str
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    open: Money
    issued_at: datetime
    due_at: datetime
    on_hold: bool = False
    """Nothing pays it but what names it, until it is let go."""
    hold_changed_at: datetime | None = None

    @property
    def settled(self) -> bool:
        return not self.open


class Credit(msgspec.Struct, frozen=True):
    """What an account has paid, or was given by an invoice below zero: `left` of it has not
    paid an invoice yet. `origin` is the payment's or the invoice's id; `invoice` is the one
    that it is meant for."""

    origin: str
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    left: Money
    received_at: datetime
    invoice: str | None = None


class Allocation(msgspec.Struct, frozen=True):
    """`amount` of a credit that paid an invoice; below zero, that a refund took back again."""

    id: AllocationId
    origin: str
    invoice: str
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    allocated_at: datetime


class ReceivableAccount(msgspec.Struct, frozen=True):
    """A billing account's sums: `open` of its invoices, `credit` not yet used."""

    account: BillingAccountId
    entity: LegalEntityId
    open: Money
    credit: Money

    @property
    def balance(self) -> Money:
        """What the account owes; negative where we owe it."""
        return self.open - self.credit


class AgeingBucket(msgspec.Struct, frozen=True):
    """Open amounts by days overdue: from `first` to `last` (None: without end); the bucket
    that is not due yet has -1 for both. `items` counts invoices."""

    first: int
    last: int | None
    items: int
    amount: Money


class PaymentWithAllocations(msgspec.Struct, frozen=True):
    """A payment, what it paid, and what is left of it as credit."""

    payment: Payment
    allocations: tuple[Allocation, ...]
    left: Money


AGEING: tuple[tuple[int, int | None], ...] = ((-1, -1), (0, 30), (31, 60), (61, 90), (91, None))
"""The usual buckets. An item is overdue by whole days since the instant it fell due."""


def bucket_of(due_at: datetime, now: datetime) -> int:
    """The index in `AGEING` of an item that is due at `due_at`."""
    if now < due_at:
        return 0
    days = (now - due_at) // timedelta(days=1)
    return next(
        index
        for index, (first, last) in enumerate(AGEING)
        if first >= 0 and first <= days and (last is None or days <= last)
    )


def allocate(
    credits_: Iterable[Credit], items: Iterable[OpenItem]
) -> list[tuple[Credit, OpenItem, Money]]:
    """Pays `items` with `credits_` of the same account, the oldest credit first: each pays the
    invoice that it names, then the oldest due that isn't on hold. What is left over stays
    credit."""
    order = sorted(items, key=lambda item: (item.due_at, item.issued_at, item.invoice))
    rest = {item.invoice: item.open.micros for item in order}
    found: list[tuple[Credit, OpenItem, Money]] = []
    for credit in sorted(credits_, key=lambda each: (each.received_at, each.origin)):
        left = credit.left.micros
        named = [item for item in order if item.invoice == credit.invoice]
        for item in named + [each for each in order if not each.on_hold]:
            taken = min(left, rest[item.invoice])
            if taken > 0:
                found.append((credit, item, Money(taken, item.open.currency)))
                rest[item.invoice] -= taken
                left -= taken
    return found


def entry_of(allocation: Allocation) -> Entry:
    """The customer's credit becomes the invoice's payment."""
    return Entry(
        entity=allocation.entity,
        kind="allocation",
        reference=allocation.id,
        postings=(
            Posting(CUSTOMER_CREDITS, allocation.amount),
            Posting(RECEIVABLES, -allocation.amount),
        ),
        description=f"{allocation.origin} pays {allocation.invoice}"[:200],
        booked_at=allocation.allocated_at,
    )


def transfer_of(credit: Credit) -> Entry:
    """An invoice below zero is no receivable but the customer's credit."""
    return Entry(
        entity=credit.entity,
        kind="credit",
        reference=credit.origin,
        postings=(Posting(RECEIVABLES, credit.amount), Posting(CUSTOMER_CREDITS, -credit.amount)),
        description=f"{credit.origin} is below zero"[:200],
        booked_at=credit.received_at,
    )


class Refunding(msgspec.Struct, frozen=True):
    """How a refund is made up: `taken` micros of each credit's rest, by its origin, and what
    earlier allocations give back, the latest first."""

    taken: dict[str, int]
    undone: tuple[tuple[Allocation, Money], ...] = ()

    @property
    def total(self) -> int:
        return sum(self.taken.values())


def refund_credits(credits_: Iterable[Credit], amount: Money) -> Refunding:
    """Of unused credit, the latest first. The total falls short where there isn't enough."""
    left = amount.micros
    taken: dict[str, int] = {}
    for credit in sorted(credits_, key=lambda each: (each.received_at, each.origin), reverse=True):
        part = min(left, credit.left.micros)
        if part > 0:
            taken[credit.origin] = part
            left -= part
    return Refunding(taken)


def refund_credit(credit: Credit, allocations: Iterable[Allocation], amount: Money) -> Refunding:
    """Of one credit: first what is left of it, then what it paid, the latest first; those
    invoices are open again. `allocations` are its own, those below zero undo earlier ones."""
    left = max(amount.micros - credit.left.micros, 0)
    undone: list[tuple[Allocation, Money]] = []
    for allocation, standing in _standing(allocations):
        part = min(left, standing)
        if part > 0:
            undone.append((allocation, Money(part, amount.currency)))
            left -= part
    return Refunding({credit.origin: amount.micros - left}, tuple(undone))


def _standing(allocations: Iterable[Allocation]) -> list[tuple[Allocation, int]]:
    """What of each invoice a credit still pays, the latest first."""
    latest: dict[str, Allocation] = {}
    sums: dict[str, int] = {}
    for each in sorted(allocations, key=lambda one: (one.allocated_at, one.id)):
        sums[each.invoice] = sums.get(each.invoice, 0) + each.amount.micros
        if each.amount.micros > 0:
            latest[each.invoice] = each
    order = sorted(latest.values(), key=lambda one: (one.allocated_at, one.id), reverse=True)
    return [(each, sums[each.invoice]) for each in order]
