"""Entries and what makes one acceptable."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.money import LARGEST, Money
from trunkline.ledger.chart import CODES, AccountKind


class UnbalancedEntry(Invalid):
    code = "unbalancedEntry"


class UnknownAccount(Invalid):
    code = "unknownLedgerAccount"


class UnknownLegalEntity(NotFound):
    code = "unknownLegalEntity"


class InvoicePrefixTaken(Conflict):
    code = "invoicePrefixTaken"


def prefix_taken(prefix: str) -> InvoicePrefixTaken:
    return InvoicePrefixTaken(f"another entity's invoices begin with {prefix}")


class PostedMeanwhile(Conflict):
    code = "postedMeanwhile"


class LegalEntityId(Id):
    __slots__ = ()
    prefix = "le"


class EntryId(Id):
    __slots__ = ()
    prefix = "je"


class LegalEntity(msgspec.Struct, frozen=True):
    """Who sells, invoices and owes tax: a set of books of its own.

    `address` and `contact` are lines as they stand on paper; `bank_account` is how a customer
    pays it (an IBAN, or a routing and account number), as printed.
    """

    id: LegalEntityId
    name: str
    country: str
    currency: str
    tax_number: str
    invoice_prefix: str
    created_at: datetime
    address: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    bank_account: str | None = None


class Posting(msgspec.Struct, frozen=True):
    """One side of an entry on an account of the chart: debit positive, credit negative."""

    account: str
    amount: Money


class Entry(msgspec.Struct, frozen=True):
    """A movement in one entity's books. (`kind`, `reference`) names it for ever: the same pair
    is never posted twice."""

    entity: LegalEntityId
    kind: str
    reference: str
    postings: tuple[Posting, ...]
    description: str
    booked_at: datetime


class AccountBalance(msgspec.Struct, frozen=True):
    """An account's balance in one entity and currency; `debit` and `credit` are its turnovers,
    both non-negative, and `amount` is debit less credit."""

    entity: LegalEntityId
    account: str
    name: str
    kind: AccountKind
    debit: Money
    credit: Money

    @property
    def amount(self) -> Money:
        return self.debit - self.credit


def check(entry: Entry) -> None:
    """Raises `UnbalancedEntry` unless the postings sum to zero in every currency, and
    `UnknownAccount` for a code that is not in the chart."""
    sums: dict[str, int] = {}
    for index, posting in enumerate(entry.postings):
        if posting.account not in CODES:
            raise UnknownAccount(
                f"{posting.account[:20]!r} is not in the chart of accounts",
                path=f"postings[{index}].account",
            )
        amount = posting.amount
        if abs(amount.micros) > LARGEST:
            raise Invalid("more than the books can hold", path=f"postings[{index}].amount")
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.micros
    for currency, micros in sums.items():
        if micros:
            raise UnbalancedEntry(
                f"{entry.kind} {entry.reference} is out of balance by {Money(micros, currency)}",
                path="postings",
            )


def merged(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The same movement with one posting an account and currency, and none of zero, in the
    order of first mention."""
    sums: dict[tuple[str, str], int] = {}
    for posting in postings:
        key = (posting.account, posting.amount.currency)
        sums[key] = sums.get(key, 0) + posting.amount.micros
    return tuple(
        Posting(account, Money(micros, currency))
        for (account, currency), micros in sums.items()
        if micros
    )
