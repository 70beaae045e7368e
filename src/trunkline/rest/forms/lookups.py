"""What stands behind a reference: filters by a column of its row, and whose an account is."""

from collections.abc import Iterable

import sqlalchemy as sa

from trunkline import customers
from trunkline.customers import BillingAccountId
from trunkline.platform.db import Reader
from trunkline.rest.forms.wire import Party, customer_party
from trunkline.tmf import Path, column
from trunkline.tmf.paths import Expression


def of_row(value: Expression, *, reference: Expression, key: Expression) -> Path:
    """`value` of the row whose `key` is `reference`. The rows are found first, by their own
    indexes, and then what refers to them by its own."""
    plain = column(value)
    return Path(
        value,
        plain.parse,
        plain.kind,
        within=lambda found: reference.in_(sa.select(key).where(found)),
        least=sa.select(value).where(key == reference).scalar_subquery(),
    )


def owners(r: Reader, accounts: Iterable[BillingAccountId]) -> dict[BillingAccountId, Party]:
    """The customers of these billing accounts, by account; from the books."""
    found = customers.billing_accounts(r, set(accounts))
    known = customers.customers(r, {each.customer for each in found.values()})
    return {
        account: customer_party(owner.id, owner.name)
        for account, each in found.items()
        if (owner := known.get(each.customer)) is not None
    }
