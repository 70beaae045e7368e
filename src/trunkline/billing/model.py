"""Invoices, their lines, and the runs that make them."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from trunkline.customers import BillingAccountId, CustomerId
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.ledger import LegalEntityId
from trunkline.tax import TaxItem


class UnknownInvoice(NotFound):
    code = "unknownInvoice"


class UnknownBillRun(NotFound):
    code = "unknownBillRun"


class NotYetOver(Conflict):
    """A bill run was asked to bill the future."""

    code = "billingPeriodNotOver"


class InvoiceId(Id):
    __slots__ = ()
    prefix = "inv"


class BillRunId(Id):
    __slots__ = ()
    prefix = "run"


class LineKind(StrEnum):
    """What a line charges for; the sections of an invoice, in their order."""

    RECURRING = "recurring"
    ONE_TIME = "oneTime"
    USAGE = "usage"


class InvoiceLine(msgspec.Struct, frozen=True):
    """`amount` is net and in whole minor units. A usage line counts `quantity` of `unit`
    (bytes, seconds, messages), of which `included` cost nothing, in `events`; on other lines
    these are empty. `detail` says what shortens a charge ("12 of 31 days")."""

    line: int
    kind: LineKind
    text: str
    amount: Money
    tax_category: str
    product: str | None = None
    period: Period | None = None
    detail: str = ""
    unit: str = ""
    quantity: int = 0
    included: int = 0
    events: int = 0


class PartyOnInvoice(msgspec.Struct, frozen=True):
    """A seller or a buyer as the invoice shows it for ever, whatever becomes of them."""

    name: str
    address: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    tax_number: str = ""
    bank_account: str = ""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An issued invoice: it never changes. `net + tax == gross`; `previous_balance` is what
    the account owed before it, negative for credit. Dates are the market's local ones, the
    period's end is its first instant outside."""

    id: InvoiceId
    number: str
    account: BillingAccountId
    customer: CustomerId
    entity: LegalEntityId
    brand: str
    seller: PartyOnInvoice
    buyer: PartyOnInvoice
    time_zone: str
    period: Period
    issued_at: datetime
    issue_date: date
    due_at: datetime
    due_date: date
    terms_days: int
    net: Money
    tax: Money
    gross: Money
    previous_balance: Money
    taxes: tuple[TaxItem, ...]
    lines: tuple[InvoiceLine, ...] = ()
    run: BillRunId | None = None

    @property
    def amount_due(self) -> Money:
        """What the account owes with this invoice: never less than zero."""
        total = self.gross + self.previous_balance
        return total if total.micros > 0 else Money.zero(total.currency)


class BillRunState(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"


class RunTotal(msgspec.Struct, frozen=True):
    """What a run invoiced in one entity and currency."""

    entity: LegalEntityId
    invoices: int
    net: Money
    tax: Money
    gross: Money


class BillRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run over all accounts whose period ended by `through`. One that was killed stays
    `running`; the next takes up what it left. `accounts` counts the periods that were billed,
    with an invoice or without anything to invoice."""

    id: BillRunId
    through: datetime
    state: BillRunState
    started_at: datetime
    finished_at: datetime | None
    accounts: int
    invoices: int
    failed: int


class BillFailure(msgspec.Struct, frozen=True):
    """An account that a run set aside, and why; the next run tries it again."""

    run: BillRunId
    account: BillingAccountId
    code: str
    reason: str
    failed_at: datetime


class BillRunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `run_bills` did."""

    run: BillRunId
    accounts: int
    invoices: int
    failures: tuple[BillFailure, ...]
    totals: tuple[RunTotal, ...]

    @property
    def failed(self) -> int:
        """How many accounts were set aside."""
        return len(self.failures)

    @property
    def summary(self) -> str:
        """For people, in a line."""
        said = [f"{self.accounts:,} account months billed, {self.invoices:,} invoices"]
        said += [f"{total.net} net, {total.gross} with tax" for total in self.totals]
        return "; ".join(said)
