"""Payments: how customers pay, and the money that came.

A payment comes in once by its sender's reference, is posted to the ledger, and goes one of
two ways, never both: it settles invoices (receivables react to `PaymentReceived`), or it is a
top-up, which charging credits under the payment's id. Card numbers are never kept.
"""

from trunkline.payments.methods import InvalidPaymentMethod, MethodStatus
from trunkline.payments.model import (
    CardNumberRefused,
    MethodInUse,
    MethodNotUsable,
    Payment,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Purpose,
    ReferenceUsed,
    UnknownPayment,
    UnknownPaymentMethod,
)
from trunkline.payments.operations import (
    NewPaymentMethod,
    add_payment_method,
    add_payment_methods,
    change_method,
    keep_method,
    receive_payment,
    remove_method,
)
from trunkline.payments.queries import (
    PAYMENT_METHODS,
    PAYMENTS,
    payment,
    payment_method,
    payment_methods_of,
    payments,
    payments_of,
)

__all__ = [
    "PAYMENTS",
    "PAYMENT_METHODS",
    "CardNumberRefused",
    "InvalidPaymentMethod",
    "MethodInUse",
    "MethodNotUsable",
    "MethodStatus",
    "NewPaymentMethod",
    "Payment",
    "PaymentId",
    "PaymentMethod",
    "PaymentMethodId",
    "PaymentMethodKind",
    "PaymentState",
    "Purpose",
    "ReferenceUsed",
    "UnknownPayment",
    "UnknownPaymentMethod",
    "add_payment_method",
    "add_payment_methods",
    "change_method",
    "keep_method",
    "payment",
    "payment_method",
    "payment_methods_of",
    "payments",
    "payments_of",
    "receive_payment",
    "remove_method",
]
