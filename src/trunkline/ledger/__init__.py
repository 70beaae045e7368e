"""The ledger: double entry, the money truth.

Every movement of money anywhere in Trunkline is an entry here: postings on the accounts of a
legal entity's chart that sum to zero in each currency, named by (kind, reference) so that it
can be sent twice and stands once, and never altered. Whatever another part believes about
money is checked against these books.
"""

from trunkline.ledger.chart import (
    ADJUSTMENTS,
    BREAKAGE,
    CASH,
    CHART,
    COMMISSIONS,
    CUSTOMER_CREDITS,
    DEALERS,
    ONE_TIME_REVENUE,
    PREPAID,
    RECEIVABLES,
    RECURRING_REVENUE,
    ROUNDING,
    TAX_PAYABLE,
    UNBILLED,
    USAGE_REVENUE,
    VOUCHERS,
    AccountKind,
)
from trunkline.ledger.model import (
    AccountBalance,
    Entry,
    InvoicePrefixTaken,
    LegalEntity,
    LegalEntityId,
    PostedMeanwhile,
    Posting,
    UnbalancedEntry,
    UnknownAccount,
    UnknownLegalEntity,
    check,
    merged,
)
from trunkline.ledger.operations import create_legal_entity, post, post_many
from trunkline.ledger.queries import (
    balance,
    entries_of,
    legal_entities,
    legal_entity,
    trial_balance,
)

__all__ = [
    "ADJUSTMENTS",
    "BREAKAGE",
    "CASH",
    "CHART",
    "COMMISSIONS",
    "CUSTOMER_CREDITS",
    "DEALERS",
    "ONE_TIME_REVENUE",
    "PREPAID",
    "RECEIVABLES",
    "RECURRING_REVENUE",
    "ROUNDING",
    "TAX_PAYABLE",
    "UNBILLED",
    "USAGE_REVENUE",
    "VOUCHERS",
    "AccountBalance",
    "AccountKind",
    "Entry",
    "InvoicePrefixTaken",
    "LegalEntity",
    "LegalEntityId",
    "PostedMeanwhile",
    "Posting",
    "UnbalancedEntry",
    "UnknownAccount",
    "UnknownLegalEntity",
    "balance",
    "check",
    "create_legal_entity",
    "entries_of",
    "legal_entities",
    "legal_entity",
    "merged",
    "post",
    "post_many",
    "trial_balance",
]
