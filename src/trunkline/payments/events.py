"""What happened to payments."""

from datetime import datetime
from typing import ClassVar

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.payments.model import PaymentId, RefundId
from trunkline.platform.messages import Message


class PaymentReceived(Message, frozen=True):
    """Money came that pays invoices; in the books it is the customer's credit until it is
    allocated."""

    topic: ClassVar[str] = "payments.payment_received"

    payment: PaymentId
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    received_at: datetime
    invoice: str | None = None

    @property
    def key(self) -> str:
        return self.account


class TopUpPaid(Message, frozen=True):
    """Money came for a prepaid balance; charging has been told to credit it."""

    topic: ClassVar[str] = "payments.top_up_paid"

    payment: PaymentId
    account: BillingAccountId
    subscriber: ChargingAccountId
    amount: Money
    received_at: datetime

    @property
    def key(self) -> str:
        return self.account


class RefundMade(Message, frozen=True):
    """Money went back to a customer; without `payment`, of credit that wasn't used."""

    topic: ClassVar[str] = "payments.refund_made"

    refund: RefundId
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    payment: PaymentId | None
    refunded_at: datetime

    @property
    def key(self) -> str:
        return self.account
