"""The tables of parties, customers, billing accounts and search terms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.catalog import BrandId
from trunkline.customers.model import (
    AccountKind,
    AccountState,
    BillingAccount,
    BillingAccountId,
    ContactMedium,
    Customer,
    CustomerId,
    CustomerStatus,
    ExternalIdTaken,
    Individual,
    IndividualStatus,
    Organization,
    OrganizationStatus,
    Party,
    PartyId,
)
from trunkline.customers.searching import LONGEST_TERM, MOST_WORDS, beyond
from trunkline.kernel.errors import TrunklineError
from trunkline.ledger import LegalEntityId
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

PERSONAL = {"personal": True}
"""Marks the columns whose content belongs to a person: what exports and erasure look for."""

party = sa.Table(
    "party",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("name", sa.String(200), nullable=False, info=PERSONAL),
    sa.Column("given_name", sa.String(200), info=PERSONAL),
    sa.Column("family_name", sa.String(200), info=PERSONAL),
    sa.Column("birth_date", sa.Date, info=PERSONAL),
    sa.Column("gender", sa.String(200), info=PERSONAL),
    sa.Column("trading_name", sa.String(200)),
    sa.Column("organization_type", sa.String(200)),
    sa.Column("contact_media", Json, nullable=False, info=PERSONAL),
    sa.Column("external_id", sa.String(100), unique=True),
    sa.Column("extensions", Json, nullable=False, info=PERSONAL),
    sa.Column("details", Json, info=PERSONAL),
    sa.Column("parent_id", sa.String(100)),
    sa.Column("parent_relationship", sa.String(200)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index("party_by_kind", "kind", "id"),
    sa.Index("party_by_name", "name", "id"),
    sa.Index("party_by_parent", "parent_id", "id"),
)

customer = sa.Table(
    "customer",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, info=PERSONAL),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("status_reason", sa.String(200)),
    sa.Column("party_id", sa.ForeignKey(party.c.id), nullable=False),
    sa.Column("brand_id", sa.ForeignKey("brand.id"), nullable=False),
    sa.Column("external_id", sa.String(100), unique=True),
    sa.Column("characteristics", Json, nullable=False, info=PERSONAL),
    sa.Column("details", Json, info=PERSONAL),
    sa.Column("valid_from", Instant),
    sa.Column("valid_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index("customer_by_party", "party_id", "id"),
    sa.Index("customer_by_status", "status", "id"),
    sa.Index("customer_by_name", "name", "id"),
)

billing_account = sa.Table(
    "billing_account",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("customer_id", sa.ForeignKey(customer.c.id), nullable=False),
    sa.Column("name", sa.String(200), nullable=False, info=PERSONAL),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("legal_entity_id", sa.ForeignKey("legal_entity.id"), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("cycle_day", sa.Integer, nullable=False),
    sa.Column("payment_terms_days", sa.Integer, nullable=False),
    sa.Column("external_id", sa.String(100), unique=True),
    sa.Column("description", sa.String(400)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("financial_account_id", sa.String(100)),
    sa.Column("details", Json, info=PERSONAL),
    sa.Index("billing_account_by_customer", "customer_id", "id"),
    sa.Index("billing_account_by_financial_account", "financial_account_id"),
    sa.Index("billing_account_by_state", "state", "id"),
)

# Terms are compared by bytes, so that a prefix is a range of the index on both engines.
_TERM = sa.String(LONGEST_TERM).with_variant(sa.String(LONGEST_TERM, collation="C"), "postgresql")
customer_search = sa.Table(
    "customer_search",
    books_metadata,
    sa.Column("term", _TERM, primary_key=True, info=PERSONAL),
    sa.Column("customer_id", sa.ForeignKey(customer.c.id), primary_key=True),
    sa.Index("customer_search_by_customer", "customer_id", "term"),
)


def _by_ids(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(table.c.id.in_(sa.bindparam("ids", expanding=True)))


def _by_external_ids(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(table.c.external_id.in_(sa.bindparam("ids", expanding=True)))


_INSERT = {table: sa.insert(table) for table in (party, customer, billing_account)}
_UPDATE = {
    table: sa.update(table).where(table.c.id == sa.bindparam("with_id"))
    for table in (party, customer, billing_account)
}
_DELETE = {
    table: sa.delete(table).where(table.c.id == sa.bindparam("with_id"))
    for table in (party, customer)
}
_BY_IDS = {table: _by_ids(table) for table in (party, customer, billing_account)}
_LOCKED = {table: statement.with_for_update() for table, statement in _BY_IDS.items()}
_HELD = {
    table: statement.with_for_update(read=True, key_share=True)
    for table, statement in _BY_IDS.items()
}
_BY_EXTERNAL_IDS = {table: _by_external_ids(table) for table in _BY_IDS}
_CUSTOMERS_OF_PARTY = (
    sa.select(customer).where(customer.c.party_id == sa.bindparam("party")).order_by(customer.c.id)
)
_ACCOUNTS_OF = (
    sa.select(billing_account)
    .where(billing_account.c.customer_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(billing_account.c.id)
)
_CHILDREN_OF = (
    sa.select(party)
    .where(party.c.parent_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(party.c.id)
)
_LATEST = sa.select(customer).order_by(customer.c.id.desc()).limit(sa.bindparam("limit"))
_LATEST_BEFORE = _LATEST.where(customer.c.id < sa.bindparam("after"))
_COUNT = sa.select(sa.func.count()).select_from(customer)

# PostgreSQL's construct renders the clause that both engines understand.
_INSERT_TERM = postgresql.insert(customer_search).on_conflict_do_nothing()
_DELETE_TERMS = sa.delete(customer_search).where(
    customer_search.c.customer_id == sa.bindparam("customer")
)


def _search(words: int) -> sa.Select[Any]:
    """Customers that have a term in every range, each once: at the first term in the first
    range. They come in the order of that term, which is the index's."""
    found = customer_search.alias("found")
    earlier = customer_search.alias("earlier")
    statement = (
        sa.select(found.c.term, found.c.customer_id)
        .where(
            found.c.term >= sa.bindparam("low_0"),
            found.c.term < sa.bindparam("high_0"),
            sa.tuple_(found.c.term, found.c.customer_id)
            > sa.tuple_(sa.bindparam("after_term"), sa.bindparam("after_id")),
            ~sa.exists().where(
                earlier.c.customer_id == found.c.customer_id,
                earlier.c.term >= sa.bindparam("low_0"),
                earlier.c.term < found.c.term,
            ),
        )
        .order_by(found.c.term, found.c.customer_id)
        .limit(sa.bindparam("limit"))
    )
    for number in range(1, words):
        other = customer_search.alias(f"other_{number}")
        statement = statement.where(
            sa.exists().where(
                other.c.customer_id == found.c.customer_id,
                other.c.term >= sa.bindparam(f"low_{number}"),
                other.c.term < sa.bindparam(f"high_{number}"),
            )
        )
    return statement


_SEARCH = {words: _search(words) for words in range(1, MOST_WORDS + 1)}

_DELETE_ACCOUNT = sa.delete(billing_account).where(billing_account.c.id == sa.bindparam("account"))

Model = TypeVar("Model")


def insert_parties(tx: Tx, new: Sequence[Party]) -> None:
    _insert(tx, party, [{"id": each.id, **_party_columns(each)} for each in new])


def update_party(tx: Tx, changed: Party) -> None:
    with collision(taken=_taken(party)):
        tx.execute(_UPDATE[party], {"with_id": changed.id, **_party_columns(changed)})


def delete_party(tx: Tx, party_id: PartyId, used: TrunklineError) -> None:
    with collision(missing=used):
        tx.execute(_DELETE[party], {"with_id": party_id})


def delete_customer(tx: Tx, customer_id: CustomerId, used: TrunklineError) -> None:
    tx.execute(_DELETE_TERMS, {"customer": customer_id})
    with collision(missing=used):
        tx.execute(_DELETE[customer], {"with_id": customer_id})


def insert_customers(tx: Tx, new: Sequence[Customer]) -> None:
    _insert(tx, customer, [{"id": each.id, **_customer_columns(each)} for each in new])


def update_customer(tx: Tx, changed: Customer) -> None:
    tx.execute(_UPDATE[customer], {"with_id": changed.id, **_customer_columns(changed)})


def insert_accounts(tx: Tx, new: Sequence[BillingAccount]) -> None:
    _insert(tx, billing_account, [{"id": each.id, **_account_columns(each)} for each in new])


def update_account(tx: Tx, changed: BillingAccount) -> None:
    tx.execute(_UPDATE[billing_account], {"with_id": changed.id, **_account_columns(changed)})


def delete_account(tx: Tx, account_id: str) -> None:
    tx.execute(_DELETE_ACCOUNT, {"account": account_id})


def add_terms(tx: Tx, terms: Mapping[CustomerId, Iterable[str]]) -> None:
    rows = [
        {"customer_id": customer_id, "term": term}
        for customer_id, each in terms.items()
        for term in sorted(each)
    ]
    if rows:
        tx.execute(_INSERT_TERM, rows)


def replace_terms(tx: Tx, customer_id: CustomerId, terms: Iterable[str]) -> None:
    tx.execute(_DELETE_TERMS, {"customer": customer_id})
    add_terms(tx, {customer_id: terms})


def find_parties(r: Reader, ids: Iterable[str], *, lock: bool = False) -> dict[PartyId, Party]:
    return {each.id: each for each in _load(r, party, ids, _party, lock=lock)}


def find_customers(
    r: Reader, ids: Iterable[str], *, lock: bool = False
) -> dict[CustomerId, Customer]:
    return {each.id: each for each in _load(r, customer, ids, _customer, lock=lock)}


def find_accounts(
    r: Reader, ids: Iterable[str], *, lock: bool = False
) -> dict[BillingAccountId, BillingAccount]:
    return {each.id: each for each in _load(r, billing_account, ids, _account, lock=lock)}


def held(
    tx: Tx, customer_id: str, account_id: str
) -> tuple[Customer | None, BillingAccount | None]:
    """The two, whose states nobody changes (`lock=True`) until the transaction ends."""
    owners = _rows(tx, _HELD[customer], [customer_id])
    payers = _rows(tx, _HELD[billing_account], [account_id])
    return (
        next((_customer(row) for row in owners), None),
        next((_account(row) for row in payers), None),
    )


def customers_by_external_id(r: Reader, ids: Iterable[str]) -> dict[str, Customer]:
    rows = _rows(r, _BY_EXTERNAL_IDS[customer], ids)
    return {row.external_id: _customer(row) for row in rows}


def taken_external_ids(r: Reader, table: sa.Table, ids: Iterable[str | None]) -> set[str]:
    wanted = [each for each in ids if each is not None]
    return {row.external_id for row in _rows(r, _BY_EXTERNAL_IDS[table], wanted)}


def customers_of_party(r: Reader, party_id: PartyId) -> list[Customer]:
    return [_customer(row) for row in r.execute(_CUSTOMERS_OF_PARTY, {"party": party_id})]


def children_of(r: Reader, parents: Iterable[str]) -> list[Organization]:
    found = [_party(row) for row in _rows(r, _CHILDREN_OF, parents)]
    return [each for each in found if isinstance(each, Organization)]


def accounts_of(r: Reader, customers: Iterable[CustomerId]) -> list[BillingAccount]:
    return [_account(row) for row in _rows(r, _ACCOUNTS_OF, customers)]


def latest_customers(r: Reader, limit: int, after: str | None) -> list[Customer]:
    """The latest first; `after` is the id of the last of the page before."""
    if after is None:
        return [_customer(row) for row in r.execute(_LATEST, {"limit": limit})]
    return [_customer(row) for row in r.execute(_LATEST_BEFORE, {"limit": limit, "after": after})]


def count_customers(r: Reader) -> int:
    return int(r.execute(_COUNT).scalar_one())


def search(
    r: Reader, words: Sequence[str], limit: int, after: tuple[str, str]
) -> list[tuple[str, CustomerId]]:
    """(term, customer) of those that have a term beginning with each of the words."""
    values: dict[str, Any] = {"limit": limit, "after_term": after[0], "after_id": after[1]}
    for number, word in enumerate(words):
        values[f"low_{number}"] = word
        values[f"high_{number}"] = beyond(word)
    rows = r.execute(_SEARCH[len(words)], values)
    return [(row.term, CustomerId(row.customer_id)) for row in rows]


def _insert(tx: Tx, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        with collision(taken=_taken(table)):
            tx.execute(_INSERT[table], rows)


def _taken(table: sa.Table) -> ExternalIdTaken:
    return ExternalIdTaken(
        f"a {table.name.replace('_', ' ')} came in under this external id at the same moment",
        path="externalId",
    )


def _rows(r: Reader, statement: sa.Select[Any], ids: Iterable[str]) -> Iterable[Any]:
    wanted = list(ids)
    return r.execute(statement, {"ids": wanted}).all() if wanted else ()


def _load(
    r: Reader,
    table: sa.Table,
    ids: Iterable[str],
    make: Callable[[Any], Model],
    *,
    lock: bool,
) -> list[Model]:
    return [make(row) for row in _rows(r, (_LOCKED if lock else _BY_IDS)[table], ids)]


def _party_columns(each: Party) -> dict[str, Any]:
    person = isinstance(each, Individual)
    return {
        "kind": "individual" if person else "organization",
        "status": each.status.value,
        "name": each.name,
        "given_name": each.given_name if isinstance(each, Individual) else None,
        "family_name": each.family_name if isinstance(each, Individual) else None,
        "birth_date": each.birth_date if isinstance(each, Individual) else None,
        "gender": each.gender if isinstance(each, Individual) else None,
        "trading_name": each.trading_name if isinstance(each, Organization) else None,
        "organization_type": each.organization_type if isinstance(each, Organization) else None,
        "contact_media": each.contact_media,
        "external_id": each.external_id,
        "extensions": dict(each.extensions),
        "details": dict(each.details) or None,
        "parent_id": each.parent if isinstance(each, Organization) else None,
        "parent_relationship": (
            each.parent_relationship if isinstance(each, Organization) else None
        ),
        "created_at": each.created_at,
        "updated_at": each.updated_at,
    }


def _customer_columns(each: Customer) -> dict[str, Any]:
    return {
        "name": each.name,
        "status": each.status.value,
        "status_reason": each.status_reason,
        "party_id": each.party,
        "brand_id": each.brand,
        "external_id": each.external_id,
        "characteristics": dict(each.characteristics),
        "details": dict(each.details) or None,
        "valid_from": each.valid_from,
        "valid_until": each.valid_until,
        "created_at": each.created_at,
        "updated_at": each.updated_at,
    }


def _account_columns(each: BillingAccount) -> dict[str, Any]:
    return {
        "customer_id": each.customer,
        "name": each.name,
        "state": each.state.value,
        "legal_entity_id": each.legal_entity,
        "currency": each.currency,
        "kind": each.kind.value,
        "cycle_day": each.cycle_day,
        "payment_terms_days": each.payment_terms_days,
        "external_id": each.external_id,
        "description": each.description,
        "financial_account_id": each.financial_account,
        "details": dict(each.details) or None,
        "created_at": each.created_at,
        "updated_at": each.updated_at,
    }


def _party(row: Any) -> Party:
    media = msgspec.convert(row.contact_media, tuple[ContactMedium, ...])
    if row.kind == "individual":
        return Individual(
            id=PartyId(row.id),
            name=row.name,
            status=IndividualStatus(row.status),
            given_name=row.given_name,
            family_name=row.family_name,
            birth_date=row.birth_date,
            gender=row.gender,
            contact_media=media,
            external_id=row.external_id,
            extensions=row.extensions,
            details=row.details or {},
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
    return Organization(
        id=PartyId(row.id),
        name=row.name,
        status=OrganizationStatus(row.status),
        trading_name=row.trading_name,
        organization_type=row.organization_type,
        contact_media=media,
        external_id=row.external_id,
        extensions=row.extensions,
        details=row.details or {},
        parent=None if row.parent_id is None else PartyId(row.parent_id),
        parent_relationship=row.parent_relationship,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _customer(row: Any) -> Customer:
    return Customer(
        id=CustomerId(row.id),
        name=row.name,
        status=CustomerStatus(row.status),
        status_reason=row.status_reason,
        party=PartyId(row.party_id),
        brand=BrandId(row.brand_id),
        external_id=row.external_id,
        characteristics=row.characteristics,
        details=row.details or {},
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _account(row: Any) -> BillingAccount:
    return BillingAccount(
        id=BillingAccountId(row.id),
        customer=CustomerId(row.customer_id),
        name=row.name,
        state=AccountState(row.state),
        legal_entity=LegalEntityId(row.legal_entity_id),
        currency=row.currency,
        kind=AccountKind(row.kind),
        cycle_day=row.cycle_day,
        payment_terms_days=row.payment_terms_days,
        external_id=row.external_id,
        description=row.description,
        financial_account=row.financial_account_id,
        details=row.details or {},
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
