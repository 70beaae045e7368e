"""Ways to pay and payments received."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import LARGEST, Money, minor_digits
from trunkline.ledger import CASH, CUSTOMER_CREDITS, PREPAID, Entry, LegalEntityId, Posting

AUTOMATIC = "automatic"
"""The source of payments that came by a rule (`automatic`)."""


class UnknownPayment(NotFound):
    code = "unknownPayment"


class UnknownPaymentMethod(NotFound):
    code = "unknownPaymentMethod"


class MethodInUse(Conflict):
    code = "paymentMethodInUse"


class MethodNotUsable(Refused):
    """A payment names a method that isn't active."""

    code = "paymentMethodNotUsable"


class ReferenceUsed(Conflict):
    code = "paymentReferenceUsed"


class UnknownRefund(NotFound):
    code = "unknownRefund"


class NotRefundable(Refused):
    """More than there is to give back, or to somebody else."""

    code = "notRefundable"


class CardNumberRefused(Invalid):
    code = "cardNumberRefused"


class PaymentId(Id):
    __slots__ = ()
    prefix = "pay"


class PaymentMethodId(Id):
    __slots__ = ()
    prefix = "pm"


class RefundId(Id):
    __slots__ = ()
    prefix = "rfd"


class PaymentMethodKind(StrEnum):
    """By which road money comes."""

    ELECTRONIC_CHECK = "electronicCheck"
    MAILED_CHECK = "mailedCheck"
    BANK_TRANSFER = "bankTransfer"
    DIRECT_DEBIT = "directDebit"
    CREDIT_CARD = "creditCard"
    CASH = "cash"
    DIGITAL_WALLET = "digitalWallet"
    VOUCHER = "voucher"


class Purpose(StrEnum):
    """What a payment is for; never both."""

    SETTLE = "settle"
    """It pays invoices."""
    TOP_UP = "topup"
    """It is credited to a subscriber's prepaid balance."""


class PaymentState(StrEnum):
    RECEIVED = "received"


class PaymentMethod(msgspec.Struct, frozen=True):
    """How an account means to pay, or, without one, a party. `token` is the gateway's name for
    the card or mandate and `last_digits` (at most four) what a person knows it by: never a
    card's number."""

    id: PaymentMethodId
    account: BillingAccountId | None
    kind: PaymentMethodKind
    created_at: datetime
    status: str = "active"
    name: str = ""
    preferred: bool = False
    token: str | None = None
    last_digits: str | None = None
    automatic: bool = False
    """We collect it, rather than wait for it to arrive."""


class Payment(msgspec.Struct, frozen=True):
    """Money that came for a billing account. (`source`, `reference`) is the sender's name for
    it, and comes in once."""

    id: PaymentId
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    method: PaymentMethodKind
    source: str
    reference: str
    purpose: Purpose
    state: PaymentState
    received_at: datetime
    subscriber: ChargingAccountId | None = None
    """For a top-up: whose balance."""
    invoice: str | None = None
    """For a settlement: the id of the invoice that it names; else the oldest are paid first."""
    payment_method: PaymentMethodId | None = None
    refunded: Money | None = None
    """How much of it has been given back; None for nothing."""
    net: Money | None = None
    """What of it the sender says isn't tax."""
    confirmed_at: datetime | None = None
    """For a top-up: when charging had credited it, or had refused to."""
    failure: str | None = None
    """For a top-up: why charging refused it. It is the customer's credit then."""
    details: Mapping[str, Any] = {}
    """What the sender said beside: kept, never read."""

    @property
    def is_on_balance(self) -> bool:
        """Whether it is, or will be, on a prepaid balance."""
        return self.purpose is Purpose.TOP_UP and self.failure is None

    @property
    def top_up_status(self) -> str:
        """Of a top-up, as TMF654 calls it."""
        if self.confirmed_at is None:
            return "created"
        return "completed" if self.failure is None else "failed"

    @property
    def refundable(self) -> Money:
        """What of it can still be given back."""
        return self.amount if self.refunded is None else self.amount - self.refunded


class RefundState(StrEnum):
    """TMF676's status of a refund, as far as it is ours."""

    PENDING = "pendingAuthorization"
    """A top-up's: charging has been asked to give up the balance."""
    DONE = "done"
    DENIED = "denied"
    """The balance has been used up meanwhile; nothing was given back."""


REFUND_LIFECYCLE: Lifecycle[RefundState] = Lifecycle(
    "refund",
    {
        RefundState.PENDING: {RefundState.DONE, RefundState.DENIED},
        RefundState.DONE: set(),
        RefundState.DENIED: set(),
    },
)


class Refund(msgspec.Struct, frozen=True):
    """Money that went back. (`source`, `reference`) names it as with a payment. `payment` is
    None where it is an account's unused credit, whatever that came from."""

    id: RefundId
    account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    method: PaymentMethodKind
    source: str
    reference: str
    state: RefundState
    refunded_at: datetime
    status_at: datetime
    payment: PaymentId | None = None
    payment_method: PaymentMethodId | None = None
    net: Money | None = None
    reason: str | None = None
    """Why it was denied."""
    details: Mapping[str, Any] = {}


def check_reference(reference: str) -> None:
    if not 1 <= len(reference) <= 200 or not reference.isprintable():
        raise Invalid("a reference is 1 to 200 printable characters", path="reference")


def turned_entry_of(payment: Payment, booked_at: datetime) -> Entry:
    """What no balance took becomes the customer's credit."""
    return Entry(
        entity=payment.entity,
        kind="topup refused",
        reference=payment.id,
        postings=(Posting(PREPAID, payment.amount), Posting(CUSTOMER_CREDITS, -payment.amount)),
        description=f"{payment.subscriber} took no top-up"[:200],
        booked_at=booked_at,
    )


def refund_entry_of(refund: Refund, *, top_up: bool) -> Entry:
    """Cash out, from the customer's credit or the prepaid balances."""
    other = PREPAID if top_up else CUSTOMER_CREDITS
    return Entry(
        entity=refund.entity,
        kind="refund",
        reference=refund.id,
        postings=(Posting(other, refund.amount), Posting(CASH, -refund.amount)),
        description=f"{refund.method.value} {refund.source} {refund.reference}"[:200],
        booked_at=refund.status_at,
    )


def check_net(net: Money | None, amount: Money) -> None:
    if net is not None and not 0 <= net.micros <= amount.micros:
        raise Invalid(f"is not a part of {amount}", path="net")


def check_amount(amount: Money) -> None:
    """A payment is positive and in whole minor units. Raises `Invalid`."""
    if not 0 < amount.micros <= LARGEST:
        raise Invalid(f"{amount} is not an amount that can be paid", path="amount")
    if amount.rounded() != amount:
        digits = minor_digits(amount.currency)
        raise Invalid(f"{amount} has more than {digits} decimals", path="amount")


def check_method(token: str | None, last_digits: str | None) -> None:
    """Refuses what looks like a card's number (12 to 19 digits with a valid Luhn sum), and
    more than four last digits."""
    if token is not None:
        digits = token.replace(" ", "").replace("-", "")
        if digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19 and luhn(digits):
            raise CardNumberRefused("a card's number is never kept: send its token", path="token")
        if not 1 <= len(token) <= 200 or not token.isprintable():
            raise Invalid("a token is 1 to 200 printable characters", path="token")
    if last_digits is not None and not (len(last_digits) <= 4 and last_digits.isalnum()):
        raise Invalid("at most four digits or letters", path="lastDigits")


def entry_of(payment: Payment) -> Entry:
    """Cash in, against the customer's credit or the prepaid balances."""
    other = PREPAID if payment.purpose is Purpose.TOP_UP else CUSTOMER_CREDITS
    return Entry(
        entity=payment.entity,
        kind="topup" if payment.purpose is Purpose.TOP_UP else "payment",
        reference=payment.id,
        postings=(Posting(CASH, payment.amount), Posting(other, -payment.amount)),
        description=f"{payment.method.value} {payment.source} {payment.reference}"[:200],
        booked_at=payment.received_at,
    )


def luhn(digits: str) -> bool:
    """Whether the digits have a valid Luhn sum (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
