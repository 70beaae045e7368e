"""The tables of stocks, of what was done to them, and all SQL on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.tmf import documents

product_stock = documents.table(
    "product_stock",
    sa.Column("name", sa.String(200)),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("category", sa.String(200)),
    sa.Column("place_id", sa.String(100)),
    sa.Column("offering_id", sa.String(100)),
    sa.Column("specification_id", sa.String(100)),
    sa.Column("product_id", sa.String(100)),
    sa.Column("counts", sa.String(10)),
    sa.Column("on_hand", sa.BigInteger, nullable=False, default=0),
    sa.Column("held", sa.BigInteger, nullable=False, default=0),
    sa.Index("product_stock_by_name", "name", "id"),
    sa.Index("product_stock_by_status", "status", "id"),
    sa.Index("product_stock_by_place", "place_id", "id"),
    sa.Index("product_stock_by_offering", "offering_id", "id"),
    sa.Index("product_stock_by_specification", "specification_id", "id"),
    sa.Index("product_stock_by_product", "product_id", "id"),
)

stock_entry = sa.Table(
    "stock_entry",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("stock_id", sa.String(100), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("on_hand", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String(100)),
    sa.Column("reason", sa.String(500)),
    sa.Index("stock_entry_by_stock", "stock_id", "id"),
)

stock_hold = sa.Table(
    "stock_hold",
    books_metadata,
    sa.Column("reservation_id", sa.String(100), primary_key=True),
    sa.Column("item", sa.String(100), primary_key=True),
    sa.Column("stock_id", sa.String(100), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Index("stock_hold_by_stock", "stock_id"),
)


def _task(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return documents.table(
        name,
        sa.Column("state", sa.String(30), nullable=False),
        *columns,
        sa.Index(f"{name}_by_state", "state", "id"),
    )


stock_adjustment = _task("stock_adjustment", sa.Column("reason", sa.String(200)))
stock_check = _task("stock_check")
stock_query = _task("stock_query")
stock_reservation = _task("stock_reservation", sa.Column("ends_at", Instant))

_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_LEVELS = sa.select(
    product_stock.c.id, product_stock.c.counts, product_stock.c.on_hand, product_stock.c.held
).where(product_stock.c.id.in_(_ids))
_LEVELS_FOR_UPDATE = _LEVELS.order_by(product_stock.c.id).with_for_update()
_SET = (
    sa.update(product_stock)
    .where(product_stock.c.id == sa.bindparam("which"))
    .values(on_hand=sa.bindparam("on_hand"), held=sa.bindparam("held"))
)
_ENTER = sa.insert(stock_entry)
_HOLD = sa.insert(stock_hold)
_DROP_HOLDS = (
    sa.delete(stock_hold)
    .where(stock_hold.c.reservation_id == sa.bindparam("which"))
    .returning(stock_hold.c.stock_id, stock_hold.c.quantity)
)
_HELD = sa.select(stock_hold.c.reservation_id).where(stock_hold.c.stock_id == sa.bindparam("which"))
_ENTRIES = (
    sa.select(stock_entry)
    .where(stock_entry.c.stock_id == sa.bindparam("which"))
    .order_by(stock_entry.c.at.desc(), stock_entry.c.id.desc())
    .limit(sa.bindparam("most"))
)


class Level(msgspec.Struct, frozen=True):
    """What a stock counts of the shelf (None for articles), what is on hand, what is held."""

    counts: str | None
    on_hand: int
    held: int


def levels(r: Reader, ids: Sequence[str]) -> dict[str, Level]:
    rows = r.execute(_LEVELS, {"ids": list(ids)}) if ids else ()
    return {row.id: Level(row.counts, row.on_hand, row.held) for row in rows}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Level]:
    rows = tx.execute(_LEVELS_FOR_UPDATE, {"ids": list(ids)}) if ids else ()
    return {row.id: Level(row.counts, row.on_hand, row.held) for row in rows}


def set_level(tx: Tx, which: str, *, on_hand: int, held: int) -> None:
    tx.execute(_SET, {"which": which, "on_hand": on_hand, "held": held})


def enter(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.execute(_ENTER, values)


def entries(r: Reader, which: str, most: int) -> list[Any]:
    return list(r.execute(_ENTRIES, {"which": which, "most": most}))


def hold(tx: Tx, reservation: str, holds: Sequence[tuple[str, str, int]]) -> None:
    """Each an item, a stock and a quantity."""
    tx.execute(
        _HOLD,
        [
            {"reservation_id": reservation, "item": item, "stock_id": stock, "quantity": quantity}
            for item, stock, quantity in holds
        ],
    )


def take_holds(tx: Tx, reservation: str) -> list[tuple[str, int]]:
    """The stocks and quantities that a reservation holds, which are forgotten."""
    dropped = tx.execute(_DROP_HOLDS, {"which": reservation})
    return sorted((row.stock_id, row.quantity) for row in dropped)


def is_held(r: Reader, stock: str) -> bool:
    return r.execute(_HELD, {"which": stock}).first() is not None


def matching(
    r: Reader, wanted: Mapping[str, str], *, least: int | None = None, most: int = 100
) -> list[str]:
    """The stocks whose columns have these values."""
    conditions: list[sa.ColumnElement[bool]] = [
        product_stock.c[column] == value for column, value in wanted.items()
    ]
    if least is not None:
        enough = product_stock.c.on_hand - product_stock.c.held >= least
        conditions.append(enough | product_stock.c.counts.is_not(None))
    found = sa.select(product_stock.c.id).where(*conditions).order_by(product_stock.c.id)
    return list(r.execute(found.limit(most)).scalars())
