"""Who and what references may name: for documents' `refers`, in any domain above."""

from collections.abc import Collection

import sqlalchemy as sa

from trunkline.customers import store
from trunkline.platform.db import Reader


def _among(*tables: sa.Table) -> sa.Executable:
    ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
    return sa.union_all(*(sa.select(table.c.id).where(table.c.id.in_(ids)) for table in tables))


_PARTIES = _among(store.party, store.customer)
_ACCOUNTS = _among(store.billing_account)


def known_parties(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of a party or a customer."""
    return set(r.execute(_PARTIES, {"ids": list(ids)}).scalars()) if ids else set()


def known_accounts(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of a billing account."""
    return set(r.execute(_ACCOUNTS, {"ids": list(ids)}).scalars()) if ids else set()
