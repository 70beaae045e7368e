"""Payments: how customers pay, and the money that came.

A payment comes in once by its sender's reference, is posted to the ledger, and goes one of
two ways, never both: it settles invoices (receivables react to `PaymentReceived`), or it is a
top-up, which charging credits under the payment's id. Card numbers are never kept.
"""

from trunkline.payments.automatic.collector import Collector
from trunkline.payments.automatic.http_gateway import HttpGateway
from trunkline.payments.automatic.looking import look_at_balances
from trunkline.payments.automatic.model import (
    Collection,
    CollectionState,
    Gateway,
    GatewayUnavailable,
    Order,
    Outcome,
    Rule,
    RuleExists,
    RuleState,
)
from trunkline.payments.automatic.operations import NewRule, change_rule, note_outcome, set_rule
from trunkline.payments.automatic.queries import (
    COLLECTIONS,
    RULES,
    automatic_top_ups,
    collections,
    rules_of,
)
from trunkline.payments.methods import kind_of_type
from trunkline.payments.model import (
    AUTOMATIC,
    CardNumberRefused,
    MethodNotUsable,
    NotRefundable,
    Payment,
    PaymentId,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Purpose,
    ReferenceUsed,
    Refund,
    RefundId,
    UnknownPaymentMethod,
)
from trunkline.payments.operations import (
    NewPaymentMethod,
    add_payment_method,
    add_payment_methods,
    change_method,
    describe_payment,
    keep_method,
    receive_payment,
    remove_method,
)
from trunkline.payments.queries import (
    PAYMENT_METHODS,
    PAYMENTS,
    REFUNDS,
    payment,
    payment_method,
    payment_methods_of,
    payments,
    payments_of,
    refunds,
)
from trunkline.payments.refunding import (
    RefundRequest,
    ask_back,
    check_refund,
    check_refundable,
    give_back,
    held_payment,
    standing_refund,
)

__all__ = [
    "AUTOMATIC",
    "COLLECTIONS",
    "PAYMENTS",
    "PAYMENT_METHODS",
    "REFUNDS",
    "RULES",
    "CardNumberRefused",
    "Collection",
    "CollectionState",
    "Collector",
    "Gateway",
    "GatewayUnavailable",
    "HttpGateway",
    "MethodNotUsable",
    "NewPaymentMethod",
    "NewRule",
    "NotRefundable",
    "Order",
    "Outcome",
    "Payment",
    "PaymentId",
    "PaymentMethodId",
    "PaymentMethodKind",
    "PaymentState",
    "Purpose",
    "ReferenceUsed",
    "Refund",
    "RefundId",
    "RefundRequest",
    "Rule",
    "RuleExists",
    "RuleState",
    "UnknownPaymentMethod",
    "add_payment_method",
    "add_payment_methods",
    "ask_back",
    "automatic_top_ups",
    "change_method",
    "change_rule",
    "check_refund",
    "check_refundable",
    "collections",
    "describe_payment",
    "give_back",
    "held_payment",
    "keep_method",
    "kind_of_type",
    "look_at_balances",
    "note_outcome",
    "payment",
    "payment_method",
    "payment_methods_of",
    "payments",
    "payments_of",
    "receive_payment",
    "refunds",
    "remove_method",
    "rules_of",
    "set_rule",
    "standing_refund",
]
