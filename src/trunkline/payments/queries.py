"""Reads of payments."""

from collections.abc import Sequence

from trunkline.customers import BillingAccountId
from trunkline.payments import store
from trunkline.payments.model import (
    Payment,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    Refund,
    UnknownPayment,
    UnknownPaymentMethod,
)
from trunkline.platform.db import Reader

PAYMENT_METHODS = store.METHOD
"""The kind of document, for lists that are filtered by its table's columns."""

PAYMENTS = store.payment
REFUNDS = store.refund
"""The tables, for lists that are filtered by their columns."""


def payment(r: Reader, payment_id: PaymentId) -> Payment:
    """Raises `UnknownPayment`."""
    found = store.find_payment(r, payment_id)
    if found is None:
        raise UnknownPayment(f"there is no payment {payment_id}")
    return found


def payments(r: Reader, ids: Sequence[str]) -> list[Payment]:
    """Those that exist, in no order."""
    return store.find_payments(r, ids)


def refunds(r: Reader, ids: Sequence[str]) -> list[Refund]:
    """Those that exist, in no order."""
    return store.find_refunds(r, ids)


def payments_of(
    r: Reader, account: BillingAccountId, *, limit: int = 50, offset: int = 0
) -> list[Payment]:
    """An account's payments, the latest first."""
    return store.payments_of(r, account, limit, offset)


def payment_method(r: Reader, method_id: PaymentMethodId) -> PaymentMethod:
    """Raises `UnknownPaymentMethod`."""
    found = store.find_method(r, method_id)
    if found is None:
        raise UnknownPaymentMethod(f"there is no payment method {method_id[:60]}")
    return found


def payment_methods_of(r: Reader, account: BillingAccountId) -> list[PaymentMethod]:
    """In the order in which they were added."""
    return store.methods_of(r, account)
