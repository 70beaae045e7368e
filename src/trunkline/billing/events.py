"""What happened to bills."""

from datetime import datetime
from typing import ClassVar

from trunkline.billing.model import InvoiceId
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.platform.messages import Message


class InvoiceIssued(Message, frozen=True):
    """An invoice has its number and is owed."""

    topic: ClassVar[str] = "billing.invoice_issued"

    invoice: InvoiceId
    number: str
    account: BillingAccountId
    customer: CustomerId
    period: Period
    gross: Money
    issued_at: datetime
    due_at: datetime

    @property
    def key(self) -> str:
        return self.account
