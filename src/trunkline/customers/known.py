"""Who and what references may name: for documents' `refers`, in any domain above. What settings
say another system masters (`Database.elsewhere`) is taken on trust."""

from collections.abc import Collection

import sqlalchemy as sa

from trunkline.customers import store
from trunkline.customers.tables import agreement, agreement_specification, party_role
from trunkline.platform.db import Reader


def _among(*tables: sa.Table) -> sa.Executable:
    ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
    return sa.union_all(*(sa.select(table.c.id).where(table.c.id.in_(ids)) for table in tables))


_PARTIES = _among(store.party, store.customer, party_role)
_ACCOUNTS = _among(store.billing_account)
_AGREEMENTS = _among(agreement)
_AGREEMENT_SPECIFICATIONS = _among(agreement_specification)
_OF_TYPE = {
    "individual": _among(store.party),
    "organization": _among(store.party),
    "party": _among(store.party),
    "customer": _among(store.customer),
    "partyrole": _among(party_role),
}
PARTY_TYPES = frozenset(_OF_TYPE)
"""The types, in lower case, of the parties that are mastered here."""


PARTY, CUSTOMER, AGREEMENT = "party", "customer", "agreement"
"""The kinds that another system may master."""


def is_elsewhere(r: Reader, kind: str) -> bool:
    """Whether references of this type, in lower case, are taken on trust."""
    kind = PARTY if kind in PARTY_TYPES and kind != CUSTOMER else kind
    return kind in r.database.elsewhere


def known_parties(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of a party, a customer or a party role."""
    trusted = is_elsewhere(r, PARTY) or is_elsewhere(r, CUSTOMER)
    return set(ids) if trusted else _there(r, _PARTIES, ids)


def known_parties_of(r: Reader, kind: str, ids: Collection[str]) -> set[str]:
    """Of these ids, those of a party of this type (one of `PARTY_TYPES`)."""
    return set(ids) if is_elsewhere(r, kind) else _there(r, _OF_TYPE[kind], ids)


def known_accounts(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of a billing account."""
    return _there(r, _ACCOUNTS, ids)


def known_agreements(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of an agreement."""
    return set(ids) if is_elsewhere(r, AGREEMENT) else _there(r, _AGREEMENTS, ids)


def known_agreement_specifications(r: Reader, ids: Collection[str]) -> set[str]:
    """Of these ids, those of an agreement's specification."""
    return _there(r, _AGREEMENT_SPECIFICATIONS, ids)


def _there(r: Reader, statement: sa.Executable, ids: Collection[str]) -> set[str]:
    return set(r.execute(statement, {"ids": list(ids)}).scalars()) if ids else set()
