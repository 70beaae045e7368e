"""The table of sales: which vouchers a dealer was given, and at which price."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.vouchers.batches.model import Sale, SaleId, VoucherBatchId
from trunkline.vouchers.batches.store import voucher_batch

voucher_sale = sa.Table(
    "voucher_sale",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey(voucher_batch.c.id), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("dealer_id", sa.String(100), nullable=False),
    sa.Column("first_serial", sa.BigInteger, nullable=False),
    sa.Column("last_serial", sa.BigInteger, nullable=False),
    sa.Column("face_micros", sa.BigInteger, nullable=False),
    sa.Column("price_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("sold_at", Instant, nullable=False),
    sa.Index("voucher_sale_by_dealer", "dealer_id", "id"),
    sa.Index("voucher_sale_by_batch", "batch_id", "id"),
)

_SALES = sa.select(voucher_sale).where(voucher_sale.c.id.in_(sa.bindparam("ids", expanding=True)))
_SALES_OF = (
    sa.select(voucher_sale)
    .where(voucher_sale.c.batch_id == sa.bindparam("which", type_=sa.String))
    .order_by(voucher_sale.c.id)
)


def insert_sale(tx: Tx, new: Sale) -> None:
    row = {
        "id": new.id,
        "batch_id": new.batch,
        "legal_entity_id": new.entity,
        "dealer_id": new.dealer,
        "first_serial": new.first,
        "last_serial": new.last,
        "face_micros": new.face.micros,
        "price_micros": new.price.micros,
        "currency": new.face.currency,
        "sold_at": new.sold_at,
    }
    tx.execute(sa.insert(voucher_sale), row)


def find_sales(r: Reader, ids: Sequence[str]) -> list[Sale]:
    return [_of_sale(row) for row in r.execute(_SALES, {"ids": list(ids)})] if ids else []


def sales_of(r: Reader, batch: str) -> list[Sale]:
    return [_of_sale(row) for row in r.execute(_SALES_OF, {"which": batch})]


def _of_sale(row: Any) -> Sale:
    return Sale(
        id=SaleId(row.id),
        batch=VoucherBatchId(row.batch_id),
        entity=LegalEntityId(row.legal_entity_id),
        dealer=row.dealer_id,
        first=row.first_serial,
        last=row.last_serial,
        face=Money(row.face_micros, row.currency),
        price=Money(row.price_micros, row.currency),
        sold_at=row.sold_at,
    )
