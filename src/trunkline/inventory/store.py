"""The tables of products and their prices, and all SQL on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.inventory.model import (
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
)
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

product = sa.Table(
    "product",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("offering_id", sa.String(100), nullable=False),
    sa.Column("offering_name", sa.String(200), nullable=False),
    sa.Column("customer_id", sa.String(100), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("start_date", Instant),
    sa.Column("termination_date", Instant),
    sa.Column("order_id", sa.String(100)),
    sa.Column("order_item", sa.String(100)),
    sa.Column("order_date", Instant),
    sa.Column("characteristics", Json, nullable=False),
    sa.Column("details", Json),
    sa.Index("product_by_account", "billing_account_id", "id"),
    sa.Index("product_by_customer", "customer_id", "id"),
    sa.Index("product_by_order", "order_id", "id"),
    sa.Index("product_by_offering", "offering_id", "id"),
    sa.Index("product_by_status", "status", "id"),
    # Many are of one status: PostgreSQL keeps them once in this one, and counts them fast.
    sa.Index("product_count_by_status", "status"),
)

product_price = sa.Table(
    "product_price",
    books_metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("period_months", sa.Integer, nullable=False),
    sa.Column("offering_price_id", sa.String(100)),
    sa.Column("tax_category", sa.String(40), nullable=False),
    sa.Column("valid_from", Instant),
    sa.Column("valid_until", Instant),
)

price_alteration = sa.Table(
    "product_price_alteration",
    books_metadata,
    sa.Column("product_id", sa.String(100), primary_key=True),
    sa.Column("price_position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("agreement_id", sa.String(100)),
    sa.ForeignKeyConstraint(
        ["product_id", "price_position"], [product_price.c.product_id, product_price.c.position]
    ),
)

_INSERT_PRODUCT = sa.insert(product)
_INSERT_PRICE = sa.insert(product_price)
_INSERT_ALTERATION = sa.insert(price_alteration)
_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_accounts: sa.BindParameter[Any] = sa.bindparam("accounts", expanding=True)
_in_service = (product.c.start_date < sa.bindparam("end", type_=Instant)) & (
    product.c.termination_date.is_(None)
    | (product.c.termination_date > sa.bindparam("start", type_=Instant))
)

_PRODUCTS = sa.select(product).where(product.c.id.in_(_ids)).order_by(product.c.id)
_PRODUCTS_FOR_UPDATE = _PRODUCTS.with_for_update()
_PRODUCTS_FOR_BILLING = (
    sa.select(product)
    .where(product.c.billing_account_id.in_(_accounts), _in_service)
    .order_by(product.c.billing_account_id, product.c.id)
)
_ALL_PRICES = (
    sa.select(
        product_price,
        price_alteration.c.name.label("alteration_name"),
        price_alteration.c.amount_micros.label("alteration_micros"),
        price_alteration.c.agreement_id,
    )
    .outerjoin(
        price_alteration,
        (price_alteration.c.product_id == product_price.c.product_id)
        & (price_alteration.c.price_position == product_price.c.position),
    )
    .order_by(product_price.c.product_id, product_price.c.position, price_alteration.c.position)
)
_PRICES = _ALL_PRICES.where(product_price.c.product_id.in_(_ids))
_PRICES_FOR_BILLING = _ALL_PRICES.where(
    product_price.c.product_id.in_(
        sa.select(product.c.id).where(product.c.billing_account_id.in_(_accounts), _in_service)
    )
)
_MOVE_PRODUCT = (
    sa.update(product)
    .where(product.c.id == sa.bindparam("which"))
    .values(
        status=sa.bindparam("to"),
        start_date=sa.bindparam("start"),
        termination_date=sa.bindparam("end"),
    )
)

_AMEND_PRODUCT = (
    sa.update(product)
    .where(product.c.id == sa.bindparam("which"))
    .values(
        name=sa.bindparam("named"),
        customer_id=sa.bindparam("owner"),
        characteristics=sa.bindparam("values", type_=Json),
        details=sa.bindparam("rest", type_=Json),
    )
)
_DELETE_PRODUCT = [
    sa.delete(table).where(key == sa.bindparam("which"))
    for table, key in (
        (price_alteration, price_alteration.c.product_id),
        (product_price, product_price.c.product_id),
        (product, product.c.id),
    )
]
_CHANGE_OFFERING = (
    sa.update(product)
    .where(product.c.id == sa.bindparam("which"))
    .values(offering_id=sa.bindparam("of"), offering_name=sa.bindparam("called"))
)
_END_PRICES = (
    sa.update(product_price)
    .where(
        product_price.c.product_id == sa.bindparam("which"), product_price.c.valid_until.is_(None)
    )
    .values(valid_until=sa.bindparam("ended", type_=Instant))
)
_LAST_PRICE = sa.select(sa.func.max(product_price.c.position)).where(
    product_price.c.product_id == sa.bindparam("which")
)
_PRODUCTS_BY_STATUS = sa.select(product.c.status, sa.func.count().label("held")).group_by(
    product.c.status
)


def insert_products(tx: Tx, products: Sequence[Product]) -> None:
    tx.execute(
        _INSERT_PRODUCT,
        [
            {
                "id": each.id,
                "name": each.name,
                "offering_id": each.offering,
                "offering_name": each.offering_name,
                "customer_id": each.customer,
                "billing_account_id": each.billing_account,
                "status": each.status.value,
                "created_at": each.created_at,
                "start_date": each.start_date,
                "termination_date": each.termination_date,
                "order_id": each.order,
                "order_item": each.order_item,
                "order_date": each.order_date,
                "characteristics": dict(each.characteristics),
                "details": dict(each.details) or None,
            }
            for each in products
        ],
    )
    _insert_prices(
        tx,
        [(each.id, place, price) for each in products for place, price in enumerate(each.prices)],
    )


def _insert_prices(tx: Tx, placed: Sequence[tuple[ProductId, int, ProductPrice]]) -> None:
    prices = [
        {
            "product_id": product_id,
            "position": position,
            "kind": price.kind.value,
            "name": price.name,
            "amount_micros": price.amount.micros,
            "currency": price.amount.currency,
            "period_months": price.period_months,
            "offering_price_id": price.offering_price,
            "tax_category": price.tax_category,
            "valid_from": price.valid_from,
            "valid_until": price.valid_until,
        }
        for product_id, position, price in placed
    ]
    if prices:
        tx.execute(_INSERT_PRICE, prices)
    alterations = [
        {
            "product_id": product_id,
            "price_position": price_position,
            "position": position,
            "name": alteration.name,
            "amount_micros": alteration.amount.micros,
            "currency": alteration.amount.currency,
            "agreement_id": alteration.agreement,
        }
        for product_id, price_position, price in placed
        for position, alteration in enumerate(price.alterations)
    ]
    if alterations:
        tx.execute(_INSERT_ALTERATION, alterations)


def products_for_update(tx: Tx, ids: Sequence[str]) -> dict[ProductId, Product]:
    """Without their prices."""
    rows = tx.execute(_PRODUCTS_FOR_UPDATE, {"ids": list(ids)})
    return {ProductId(row.id): _product(row, ()) for row in rows}


def move_products(tx: Tx, products: Iterable[Product]) -> None:
    """Stores status, start and end of these."""
    tx.execute(
        _MOVE_PRODUCT,
        [
            {
                "which": each.id,
                "to": each.status.value,
                "start": each.start_date,
                "end": each.termination_date,
            }
            for each in products
        ],
    )


def amend_product(tx: Tx, product: Product) -> None:
    """Stores what is no lifecycle of it: name, customer, characteristics, details."""
    tx.execute(
        _AMEND_PRODUCT,
        {
            "which": product.id,
            "named": product.name,
            "owner": product.customer,
            "values": dict(product.characteristics),
            "rest": dict(product.details) or None,
        },
    )


def change_terms(tx: Tx, product: Product, prices: Sequence[ProductPrice], at: datetime) -> None:
    """Stores the product's offering; its prices end at this instant, and these follow."""
    offered = {"which": product.id, "of": product.offering, "called": product.offering_name}
    tx.execute(_CHANGE_OFFERING, offered)
    tx.execute(_END_PRICES, {"which": product.id, "ended": at})
    if prices:
        last = tx.execute(_LAST_PRICE, {"which": product.id}).scalar_one()
        placed = enumerate(prices, start=0 if last is None else last + 1)
        _insert_prices(tx, [(product.id, place, price) for place, price in placed])


def delete_product(tx: Tx, product_id: ProductId) -> None:
    for statement in _DELETE_PRODUCT:
        tx.execute(statement, {"which": product_id})


def products(r: Reader, ids: Sequence[str]) -> list[Product]:
    """Those of these ids that exist, with their prices, by id."""
    rows = r.execute(_PRODUCTS, {"ids": list(ids)}).all()
    return _with_prices(rows, r.execute(_PRICES, {"ids": list(ids)})) if rows else []


def ids_of(r: Reader, statement: sa.Executable, params: dict[str, Any]) -> list[ProductId]:
    return [ProductId(row.id) for row in r.execute(statement, params)]


def products_for_billing(r: Reader, accounts: Sequence[str], period: Period) -> list[Product]:
    values = {"accounts": list(accounts), "start": period.start, "end": period.end}
    rows = r.execute(_PRODUCTS_FOR_BILLING, values).all()
    return _with_prices(rows, r.execute(_PRICES_FOR_BILLING, values)) if rows else []


def products_by_status(r: Reader) -> dict[ProductStatus, int]:
    return {ProductStatus(row.status): row.held for row in r.execute(_PRODUCTS_BY_STATUS)}


def _with_prices(rows: Sequence[Any], price_rows: Iterable[Any]) -> list[Product]:
    prices: dict[str, list[ProductPrice]] = {}
    last: tuple[str, int] | None = None
    for row in price_rows:
        altered: tuple[PriceAlteration, ...] = ()
        if row.alteration_micros is not None:
            altered = (
                PriceAlteration(
                    name=row.alteration_name,
                    amount=Money(row.alteration_micros, row.currency),
                    agreement=row.agreement_id,
                ),
            )
        own = prices.setdefault(row.product_id, [])
        if last == (row.product_id, row.position):
            alterations = own[-1].alterations + altered
            own[-1] = msgspec.structs.replace(own[-1], alterations=alterations)
            continue
        last = (row.product_id, row.position)
        own.append(
            ProductPrice(
                kind=PriceKind(row.kind),
                name=row.name,
                amount=Money(row.amount_micros, row.currency),
                period_months=row.period_months,
                offering_price=row.offering_price_id,
                tax_category=row.tax_category,
                alterations=altered,
                valid_from=row.valid_from,
                valid_until=row.valid_until,
            )
        )
    return [_product(row, tuple(prices.get(row.id, ()))) for row in rows]


def _product(row: Any, prices: tuple[ProductPrice, ...]) -> Product:
    return Product(
        id=ProductId(row.id),
        name=row.name,
        offering=row.offering_id,
        offering_name=row.offering_name,
        customer=row.customer_id,
        billing_account=row.billing_account_id,
        status=ProductStatus(row.status),
        created_at=row.created_at,
        start_date=row.start_date,
        termination_date=row.termination_date,
        order=row.order_id,
        order_item=row.order_item,
        order_date=row.order_date,
        characteristics=row.characteristics,
        details=row.details or {},
        prices=prices,
    )
