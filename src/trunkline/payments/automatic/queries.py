"""Reads of rules and collections."""

from collections.abc import Sequence

import sqlalchemy as sa

from trunkline.customers import BillingAccountId
from trunkline.payments.automatic import store
from trunkline.payments.automatic.model import Collection, Rule, RuleState
from trunkline.platform.db import Reader

RULES = store.rule
COLLECTIONS = store.collection
"""The tables, for lists that are filtered by their columns."""

_OF = sa.select(RULES.c.id).where(
    RULES.c.billing_account_id.in_(sa.bindparam("accounts", expanding=True)),
    RULES.c.state != RuleState.ENDED.value,
)


def automatic_top_ups(r: Reader, ids: Sequence[str]) -> list[Rule]:
    """Those that exist, in no order."""
    return store.find_rules(r, ids)


def rules_of(r: Reader, accounts: Sequence[BillingAccountId]) -> list[Rule]:
    """Those of these billing accounts that haven't ended."""
    if not accounts:
        return []
    return store.find_rules(r, list(r.execute(_OF, {"accounts": list(accounts)}).scalars()))


def collections(r: Reader, ids: Sequence[str]) -> list[Collection]:
    """Those that exist, in no order."""
    return store.find_collections(r, ids)
