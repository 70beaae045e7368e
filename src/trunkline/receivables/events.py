"""What happened to what is owed."""

from datetime import datetime
from typing import ClassVar

from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.platform.messages import Message


class InvoiceSettled(Message, frozen=True):
    """Nothing of this invoice is open any more."""

    topic: ClassVar[str] = "receivables.invoice_settled"

    invoice: str
    account: BillingAccountId
    amount: Money
    settled_at: datetime

    @property
    def key(self) -> str:
        return self.account


class InvoiceReopened(Message, frozen=True):
    """A refund took back `amount` of what had paid it."""

    topic: ClassVar[str] = "receivables.invoice_reopened"

    invoice: str
    account: BillingAccountId
    amount: Money
    reopened_at: datetime

    @property
    def key(self) -> str:
        return self.account
