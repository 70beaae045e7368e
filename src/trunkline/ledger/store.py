"""The books' tables: legal entities, their charts, the immutable journal."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.kernel.money import Money
from trunkline.ledger.chart import CHART, AccountKind, ChartAccount
from trunkline.ledger.model import (
    AccountBalance,
    Entry,
    EntryId,
    LegalEntity,
    LegalEntityId,
    PostedMeanwhile,
    Posting,
    prefix_taken,
)
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata, immutable
from trunkline.platform.sums import exact_sum, summed

legal_entity = sa.Table(
    "legal_entity",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("tax_number", sa.String(60), nullable=False),
    sa.Column("invoice_prefix", sa.String(20), nullable=False, unique=True),
    sa.Column("address", Json, nullable=False),
    sa.Column("contact", Json, nullable=False),
    sa.Column("bank_account", sa.String(100)),
    sa.Column("created_at", Instant, nullable=False),
)

ledger_account = sa.Table(
    "ledger_account",
    books_metadata,
    sa.Column("legal_entity_id", sa.ForeignKey(legal_entity.c.id), primary_key=True),
    sa.Column("code", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
)

journal_entry = sa.Table(
    "journal_entry",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("legal_entity_id", sa.ForeignKey(legal_entity.c.id), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("description", sa.String(200), nullable=False),
    sa.Column("booked_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.UniqueConstraint("reference", "kind"),
)

posting = sa.Table(
    "posting",
    books_metadata,
    sa.Column("entry_id", sa.ForeignKey(journal_entry.c.id), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("account", sa.String(10), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.ForeignKeyConstraint(
        ["legal_entity_id", "account"], ["ledger_account.legal_entity_id", "ledger_account.code"]
    ),
    # Balances are sums over this index alone.
    sa.Index("posting_by_account", "account", "legal_entity_id", "currency", "amount_micros"),
)

immutable(journal_entry)
immutable(posting)

_INSERT_ENTITY = sa.insert(legal_entity)
_INSERT_ACCOUNT = sa.insert(ledger_account)
_INSERT_ENTRY = sa.insert(journal_entry)
_INSERT_POSTING = sa.insert(posting)
_ENTITY = sa.select(legal_entity).where(legal_entity.c.id == sa.bindparam("id"))
_ENTITIES = sa.select(legal_entity).order_by(legal_entity.c.id)
_PREFIX = sa.select(legal_entity.c.id).where(
    legal_entity.c.invoice_prefix == sa.bindparam("invoice_prefix")
)
_POSTED = sa.select(journal_entry.c.kind, journal_entry.c.reference).where(
    journal_entry.c.reference.in_(sa.bindparam("references", expanding=True))
)

_BALANCES = (
    sa.select(
        posting.c.legal_entity_id,
        posting.c.account,
        ledger_account.c.name,
        ledger_account.c.kind,
        posting.c.currency,
        *exact_sum(
            sa.case((posting.c.amount_micros > 0, posting.c.amount_micros), else_=0), "debit"
        ),
        *exact_sum(
            sa.case((posting.c.amount_micros < 0, -posting.c.amount_micros), else_=0), "credit"
        ),
    )
    .join(
        ledger_account,
        (ledger_account.c.legal_entity_id == posting.c.legal_entity_id)
        & (ledger_account.c.code == posting.c.account),
    )
    .group_by(
        posting.c.legal_entity_id,
        posting.c.account,
        ledger_account.c.name,
        ledger_account.c.kind,
        posting.c.currency,
    )
    .order_by(posting.c.legal_entity_id, posting.c.currency, posting.c.account)
)
_BALANCES_OF_ENTITY = _BALANCES.where(posting.c.legal_entity_id == sa.bindparam("entity"))

_BALANCE = sa.select(*exact_sum(posting.c.amount_micros, "amount")).where(
    posting.c.account == sa.bindparam("account"), posting.c.currency == sa.bindparam("currency")
)
_BALANCE_OF_ENTITY = _BALANCE.where(posting.c.legal_entity_id == sa.bindparam("entity"))

_ENTRIES = (
    sa.select(journal_entry, posting.c.account, posting.c.amount_micros, posting.c.currency)
    .outerjoin(posting, posting.c.entry_id == journal_entry.c.id)
    .where(journal_entry.c.reference == sa.bindparam("reference"))
    .order_by(journal_entry.c.id, posting.c.line)
)


def insert_entity(tx: Tx, entity: LegalEntity) -> None:
    with collision(taken=prefix_taken(entity.invoice_prefix)):
        tx.execute(
            _INSERT_ENTITY,
            {
                "id": entity.id,
                "name": entity.name,
                "country": entity.country,
                "currency": entity.currency,
                "tax_number": entity.tax_number,
                "invoice_prefix": entity.invoice_prefix,
                "address": list(entity.address),
                "contact": list(entity.contact),
                "bank_account": entity.bank_account,
                "created_at": entity.created_at,
            },
        )
    insert_accounts(tx, entity.id, CHART)


def insert_accounts(tx: Tx, entity: LegalEntityId, accounts: Iterable[ChartAccount]) -> None:
    tx.execute(
        _INSERT_ACCOUNT,
        [
            {
                "legal_entity_id": entity,
                "code": account.code,
                "name": account.name,
                "kind": account.kind.value,
            }
            for account in accounts
        ],
    )


def is_prefix_taken(r: Reader, invoice_prefix: str) -> bool:
    return r.execute(_PREFIX, {"invoice_prefix": invoice_prefix}).first() is not None


def find_entity(r: Reader, entity_id: LegalEntityId) -> LegalEntity | None:
    row = r.execute(_ENTITY, {"id": entity_id}).first()
    return _entity(row) if row else None


def all_entities(r: Reader) -> list[LegalEntity]:
    return [_entity(row) for row in r.execute(_ENTITIES)]


def posted(r: Reader, references: Sequence[str]) -> set[tuple[str, str]]:
    """The (kind, reference) pairs that stand in the journal, among those of `references`."""
    rows = r.execute(_POSTED, {"references": list(references)})
    return {(row.kind, row.reference) for row in rows}


def insert_entries(tx: Tx, entries: Sequence[tuple[EntryId, Entry]], now: datetime) -> None:
    with collision(taken=PostedMeanwhile("an entry was posted by another at the same moment")):
        tx.execute(
            _INSERT_ENTRY,
            [
                {
                    "id": entry_id,
                    "legal_entity_id": entry.entity,
                    "kind": entry.kind,
                    "reference": entry.reference,
                    "description": entry.description,
                    "booked_at": entry.booked_at,
                    "recorded_at": now,
                }
                for entry_id, entry in entries
            ],
        )
    postings = [
        {
            "entry_id": entry_id,
            "line": line,
            "legal_entity_id": entry.entity,
            "account": each.account,
            "amount_micros": each.amount.micros,
            "currency": each.amount.currency,
        }
        for entry_id, entry in entries
        for line, each in enumerate(entry.postings)
    ]
    if postings:
        tx.execute(_INSERT_POSTING, postings)


def balances(r: Reader, entity: LegalEntityId | None) -> list[AccountBalance]:
    if entity is None:
        rows = r.execute(_BALANCES)
    else:
        rows = r.execute(_BALANCES_OF_ENTITY, {"entity": entity})
    return [
        AccountBalance(
            entity=LegalEntityId(row.legal_entity_id),
            account=row.account,
            name=row.name,
            kind=AccountKind(row.kind),
            debit=Money(summed(row, "debit"), row.currency),
            credit=Money(summed(row, "credit"), row.currency),
        )
        for row in rows
    ]


def account_micros(r: Reader, account: str, currency: str, entity: LegalEntityId | None) -> int:
    values: dict[str, Any] = {"account": account, "currency": currency}
    if entity is None:
        return summed(r.execute(_BALANCE, values).one(), "amount")
    return summed(r.execute(_BALANCE_OF_ENTITY, values | {"entity": entity}).one(), "amount")


def entries(r: Reader, reference: str) -> list[Entry]:
    found: dict[str, tuple[Any, list[Posting]]] = {}
    for row in r.execute(_ENTRIES, {"reference": reference}):
        postings = found.setdefault(row.id, (row, []))[1]
        if row.account is not None:
            postings.append(Posting(row.account, Money(row.amount_micros, row.currency)))
    return [
        Entry(
            entity=LegalEntityId(row.legal_entity_id),
            kind=row.kind,
            reference=row.reference,
            postings=tuple(postings),
            description=row.description,
            booked_at=row.booked_at,
        )
        for row, postings in found.values()
    ]


def _entity(row: Any) -> LegalEntity:
    return LegalEntity(
        id=LegalEntityId(row.id),
        name=row.name,
        country=row.country,
        currency=row.currency,
        tax_number=row.tax_number,
        invoice_prefix=row.invoice_prefix,
        created_at=row.created_at,
        address=tuple(row.address),
        contact=tuple(row.contact),
        bank_account=row.bank_account,
    )
