"""The ledger: double entry, the money truth.

Every movement of money anywhere in Trunkline is an entry here: postings on the accounts of a
legal entity's chart that sum to zero in each currency, named by (kind, reference) so that it
can be sent twice and stands once, and never altered. Whatever another part believes about
money is checked against these books.
"""

from trunkline.ledger.chart import (
    ADJUSTMENTS,
    BAD_DEBT,
    CASH,
    CHART,
    CUSTOMER_CREDITS,
    ONE_TIME_REVENUE,
    PREPAID,
    RECEIVABLES,
    RECURRING_REVENUE,
    ROUNDING,
    TAX_PAYABLE,
    UNBILLED,
    USAGE_REVENUE,
    AccountKind,
    ChartAccount,
)
from trunkline.ledger.model import (
    AccountBalance,
    Entry,
    EntryId,
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
    "BAD_DEBT",
    "CASH",
    "CHART",
    "CUSTOMER_CREDITS",
    "ONE_TIME_REVENUE",
    "PREPAID",
    "RECEIVABLES",
    "RECURRING_REVENUE",
    "ROUNDING",
    "TAX_PAYABLE",
    "UNBILLED",
    "USAGE_REVENUE",
    "AccountBalance",
    "AccountKind",
    "ChartAccount",
    "Entry",
    "EntryId",
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
