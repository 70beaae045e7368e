"""TMF687 Stock Management, v4.

A stock's level is what is free in it. Articles are counted in whole pieces; the stocks `numbers`
and `sims` count what is on the shelf that orders take from. A PATCH of the level is a new count.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.inventory import stocks
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept
from trunkline.rest.forms.stock import (
    AdjustForm,
    CheckForm,
    ProductStockForm,
    QueryForm,
    ReserveForm,
)
from trunkline.rest.forms.wire import STOCK
from trunkline.tmf import Api, Body, Document, Paths, href, in_json
from trunkline.tmf.documents import Kind, find

_STOCKS = f"{STOCK}/productStock"
_KNOWN = {
    "stockedProduct.productOffering": kept.of_catalog("productOffering"),
    "stockedProduct.productSpecification": kept.of_catalog("productSpecification"),
    "resource": kept.RESOURCES,
}
_SUPPLIED = ("creationDate",)


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    return stocks.shown(r, ids)


def _check(r: Reader, body: Body, before: Body | None) -> None:
    product = body.get("stockedProduct", {})
    known = {
        path: knows
        for path, knows in _KNOWN.items()
        if not kept.is_elsewhere(product.get(path.rpartition(".")[2]))
    }
    kept.check_references(r, body, before, known, "relatedParty")


def _create(tx: Tx, given: Body, now: datetime) -> str:
    body = kept.present(given)
    body.pop("isLow", None)
    _check(tx, body, None)
    return stocks.create_stock(tx, body, now)


def _replace(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    after = kept.present(after)
    (before,) = _find(tx, [ident])
    kept.check_fixed(kept.changed_names(before, after), _SUPPLIED)
    _check(tx, after, before)
    stocks.change_stock(tx, ident, after, now)


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    stocks.delete_stock(tx, ident)


def _task(
    kind: Kind,
    schema: type[msgspec.Struct],
    run: Callable[[Tx, Body, datetime], str],
    paths: Paths,
) -> Document:
    """A POST runs it, and what came of it can be read."""

    def create(tx: Tx, given: Body, now: datetime) -> str:
        body = kept.present(given)
        kept.check_references(tx, body, None, {}, "relatedParty", "relatedEntity")
        return run(tx, body, now)

    return Document(
        path=f"{STOCK}/{kind.name[0].lower()}{kind.name[1:]}",
        type=kind.name,
        key=kind.table.c.id,
        paths=paths,
        schema=schema,
        find=lambda r, ids: find(r, kind, ids),
        to_wire=_addressed,
        create=create,
    )


_REFERENCES = ("productStockTarget", "productStockReserved", "productStockRequested")


def _addressed(body: Body) -> Body:
    """With the addresses of the stocks that it names."""
    return {name: _with_addresses(each) for name, each in body.items()}


def _with_addresses(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_addresses(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: {"href": href(_STOCKS, each["id"]), **each} if name in _REFERENCES else each
        for name, each in value.items()
    }


def _columns(table: sa.Table) -> Any:
    return table.c


_stock = _columns(stocks.product_stock)
_adjusted = _columns(stocks.stock_adjustment)
_checked = _columns(stocks.stock_check)
_queried = _columns(stocks.stock_query)
_held = _columns(stocks.stock_reservation)

API = Api(
    number="TMF687",
    title="Stock Management",
    version="4.0.0",
    base=STOCK,
    resources=(
        Document(
            path=_STOCKS,
            type="ProductStock",
            key=_stock.id,
            paths={
                "name": _stock.name,
                "productStockStatusType": _stock.status,
                "stockLevelCategory": _stock.category,
                "place.id": _stock.place_id,
                "creationDate": _stock.created_at,
                "lastUpdate": _stock.updated_at,
                "stockedProduct.productOffering.id": _stock.offering_id,
                "stockedProduct.productSpecification.id": _stock.specification_id,
                "relatedParty.id": in_json(_stock.body, "relatedParty.id"),
            },
            schema=ProductStockForm,
            find=_find,
            create=_create,
            replace=_replace,
            delete=_delete,
        ),
        _task(
            stocks.ADJUSTMENTS,
            AdjustForm,
            stocks.adjust,
            {
                "state": _adjusted.state,
                "adjustReason": _adjusted.reason,
                "creationDate": _adjusted.created_at,
                "adjustProductStockItem.productStockTarget.id": in_json(
                    _adjusted.body, "adjustProductStockItem.productStockTarget.id"
                ),
            },
        ),
        _task(
            stocks.CHECKS,
            CheckForm,
            stocks.check,
            {"state": _checked.state, "creationDate": _checked.created_at},
        ),
        _task(
            stocks.RESERVATIONS,
            ReserveForm,
            stocks.reserve,
            {
                "reserveProductStockState": _held.state,
                "creationDate": _held.created_at,
                "validFor.endDateTime": _held.ends_at,
                "relatedParty.id": in_json(_held.body, "relatedParty.id"),
                "relatedEntity.id": in_json(_held.body, "relatedEntity.id"),
            },
        ),
        _task(
            stocks.QUERIES,
            QueryForm,
            stocks.query,
            {"state": _queried.state, "creationDate": _queried.created_at},
        ),
    ),
)
