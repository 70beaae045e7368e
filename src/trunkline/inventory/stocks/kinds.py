"""Stocks and what is asked of them, as documents."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from trunkline.inventory.stocks import store
from trunkline.inventory.stocks.model import (
    AdjustmentId,
    CheckId,
    QueryId,
    ReservationId,
    StockId,
    check_lengths,
    columns,
)
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.tmf.documents import Kind

Body = dict[str, Any]


class StockStatus(StrEnum):
    """TMF687 v4, ProductStockStatusType."""

    RESERVED = "reserved"
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


_ALL = frozenset(StockStatus)
STOCK_LIFECYCLE = Lifecycle("stock", {each: _ALL - {each} for each in StockStatus})


def _completed(body: Body, before: Body | None, now: datetime) -> Body:
    made = before["creationDate"] if before else format_instant(now)
    values = columns(body)
    check_lengths(values)
    return {"lastUpdate": format_instant(now), **body, "creationDate": made}


def _stock_columns(body: Body) -> Mapping[str, Any]:
    # Its level is written by those who change it.
    return columns(body)


STOCKS = Kind(
    name="ProductStock",
    ids=StockId,
    table=store.product_stock,
    columns=_stock_columns,
    complete=_completed,
    lifecycle=STOCK_LIFECYCLE,
    state="productStockStatusType",
    begins=tuple(StockStatus),
)
ADJUSTMENTS = Kind(
    name="AdjustProductStock",
    ids=AdjustmentId,
    table=store.stock_adjustment,
    columns=lambda body: {"state": body["state"], "reason": body.get("adjustReason")},
)
CHECKS = Kind(
    name="CheckProductStock",
    ids=CheckId,
    table=store.stock_check,
    columns=lambda body: {"state": body["state"]},
)
QUERIES = Kind(
    name="QueryProductStock",
    ids=QueryId,
    table=store.stock_query,
    columns=lambda body: {"state": body["state"]},
)


def _ends_at(body: Body) -> datetime | None:
    said = body.get("validFor", {}).get("endDateTime")
    return parse_instant(said) if said else None


RESERVATIONS = Kind(
    name="ReserveProductStock",
    ids=ReservationId,
    table=store.stock_reservation,
    columns=lambda body: {
        "state": body["reserveProductStockState"],
        "ends_at": _ends_at(body),
    },
)
