"""The tables of dealers, their keys and what they paid in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Conflict
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.vouchers.dealers.model import Dealer, DealerPaymentId, DealerState

dealer = sa.Table(
    "dealer",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("float_micros", sa.BigInteger, nullable=False),
    sa.Column("credit_limit_micros", sa.BigInteger, nullable=False),
    sa.Column("commission_ppm", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("dealer_by_name", "name", "id"),
)

dealer_key = sa.Table(
    "dealer_key",
    books_metadata,
    sa.Column("key_id", sa.String(100), primary_key=True),
    sa.Column("dealer_id", sa.ForeignKey(dealer.c.id), nullable=False, index=True),
)

dealer_payment = sa.Table(
    "dealer_payment",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("dealer_id", sa.ForeignKey(dealer.c.id), nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("paid_at", Instant, nullable=False),
    sa.UniqueConstraint("dealer_id", "reference"),
)

_which = sa.bindparam("which", type_=sa.String)

_DEALERS = sa.select(dealer).where(dealer.c.id.in_(sa.bindparam("ids", expanding=True)))

_LOCK_DEALER = sa.select(dealer).where(dealer.c.id == _which).with_for_update()

_KEYS = sa.select(dealer_key).where(dealer_key.c.dealer_id.in_(sa.bindparam("ids", expanding=True)))

_OF_KEY = sa.select(dealer_key.c.dealer_id).where(dealer_key.c.key_id == _which)

_DROP_KEYS = sa.delete(dealer_key).where(dealer_key.c.dealer_id == _which)

_SAVE_DEALER = (
    sa.update(dealer)
    .where(dealer.c.id == _which)
    .values(
        float_micros=sa.bindparam("float_", type_=sa.BigInteger),
        credit_limit_micros=sa.bindparam("limit_", type_=sa.BigInteger),
        commission_ppm=sa.bindparam("commission", type_=sa.Integer),
        state=sa.bindparam("state_", type_=sa.String),
    )
)

_ADD_PAYMENT = postgresql.insert(dealer_payment).on_conflict_do_nothing(
    index_elements=["dealer_id", "reference"]
)

_PAYMENT = sa.select(dealer_payment).where(
    dealer_payment.c.dealer_id == sa.bindparam("dealer"),
    dealer_payment.c.reference == sa.bindparam("reference"),
)


def insert_dealer(tx: Tx, new: Dealer) -> None:
    row = {
        "id": new.id,
        "name": new.name,
        "legal_entity_id": new.entity,
        "currency": new.float_.currency,
        "float_micros": new.float_.micros,
        "credit_limit_micros": new.credit_limit.micros,
        "commission_ppm": new.commission_ppm,
        "state": new.state.value,
        "created_at": new.created_at,
    }
    with collision(taken=Conflict(f"{new.id} is a dealer already", path="id")):
        tx.execute(sa.insert(dealer), row)


def put_keys(tx: Tx, which: str, keys: Sequence[str]) -> None:
    tx.execute(_DROP_KEYS, {"which": which})
    if keys:
        with collision(taken=Conflict("acts for another dealer", path="keys")):
            tx.execute(
                sa.insert(dealer_key), [{"key_id": each, "dealer_id": which} for each in keys]
            )


def save_dealer(tx: Tx, changed: Dealer) -> None:
    values = {
        "which": changed.id,
        "float_": changed.float_.micros,
        "limit_": changed.credit_limit.micros,
        "commission": changed.commission_ppm,
        "state_": changed.state.value,
    }
    tx.execute(_SAVE_DEALER, values)


def find_dealers(r: Reader, ids: Sequence[str]) -> list[Dealer]:
    if not ids:
        return []
    keys = _keys(r, ids)
    return [_of_dealer(row, keys) for row in r.execute(_DEALERS, {"ids": list(ids)})]


def lock_dealer(tx: Tx, which: str) -> Dealer | None:
    row = tx.execute(_LOCK_DEALER, {"which": which}).first()
    return None if row is None else _of_dealer(row, _keys(tx, [which]))


def dealer_of_key(r: Reader, key: str) -> str | None:
    found: str | None = r.execute(_OF_KEY, {"which": key}).scalar()
    return found


def _keys(r: Reader, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in r.execute(_KEYS, {"ids": list(ids)}):
        found.setdefault(row.dealer_id, []).append(row.key_id)
    return found


def add_dealer_payment(
    tx: Tx, payment: DealerPaymentId, which: str, reference: str, amount: Money, now: datetime
) -> tuple[str, Money] | None:
    """None where it is new; else the payment that stands under this reference."""
    row = {
        "id": payment,
        "dealer_id": which,
        "reference": reference,
        "amount_micros": amount.micros,
        "currency": amount.currency,
        "paid_at": now,
    }
    if tx.execute(_ADD_PAYMENT, row).rowcount:
        return None
    found = tx.execute(_PAYMENT, {"dealer": which, "reference": reference}).one()
    return found.id, Money(found.amount_micros, found.currency)


def _of_dealer(row: Any, keys: dict[str, list[str]]) -> Dealer:
    return Dealer(
        id=row.id,
        name=row.name,
        entity=LegalEntityId(row.legal_entity_id),
        float_=Money(row.float_micros, row.currency),
        credit_limit=Money(row.credit_limit_micros, row.currency),
        commission_ppm=row.commission_ppm,
        state=DealerState(row.state),
        created_at=row.created_at,
        keys=tuple(sorted(keys.get(row.id, ()))),
    )
