"""Stocks of articles, counted in whole pieces, and of numbers and cards, which count themselves."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id

Body = dict[str, Any]
MOST = 10**12


class StockId(Id):
    __slots__ = ()
    prefix = "stk"


class EntryId(Id):
    __slots__ = ()
    prefix = "ste"


class AdjustmentId(Id):
    __slots__ = ()
    prefix = "sta"


class CheckId(Id):
    __slots__ = ()
    prefix = "stc"


class QueryId(Id):
    __slots__ = ()
    prefix = "stq"


class ReservationId(Id):
    __slots__ = ()
    prefix = "str"


class TaskState(StrEnum):
    """TMF687 v4, TaskStateType."""

    ACCEPTED = "accepted"
    FAILED = "terminatedWithError"
    IN_PROGRESS = "inProgress"
    DONE = "done"


class UnfitQuantity(Invalid):
    code = "unfitQuantity"


class StockNotFound(NotFound):
    code = "stockNotFound"


class CountsItself(Conflict):
    """The stock of numbers or cards changes with them (TMF639)."""

    code = "countsItself"


class NotEnough(Conflict):
    code = "notEnough"


class StockInUse(Conflict):
    code = "stockInUse"


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How a stock stands: what is on hand, and what of it is held for somebody."""

    on_hand: int
    held: int

    @property
    def free(self) -> int:
        return self.on_hand - self.held


def pieces(quantity: Mapping[str, Any] | None, path: str, *, least: int = 0) -> int:
    """A TM Forum Quantity in whole pieces. Raises `UnfitQuantity`."""
    amount = (quantity or {}).get("amount")
    if amount is None:
        raise UnfitQuantity("is required", path=f"{path}.amount")
    if Decimal(amount) != int(amount):
        raise UnfitQuantity("pieces are counted whole", path=f"{path}.amount")
    found = int(amount)
    if not least <= found <= MOST:
        raise UnfitQuantity(f"is not from {least} to {MOST}", path=f"{path}.amount")
    return found


def columns(body: Body) -> dict[str, Any]:
    """What stocks are found by."""
    product = body.get("stockedProduct", {})
    return {
        "name": body.get("name"),
        "status": body["productStockStatusType"],
        "category": body.get("stockLevelCategory"),
        "place_id": body.get("place", {}).get("id"),
        **stocked(product),
    }


def stocked(product: Mapping[str, Any]) -> dict[str, Any]:
    """What a product in stock is told by."""
    return {
        "offering_id": product.get("productOffering", {}).get("id"),
        "specification_id": product.get("productSpecification", {}).get("id"),
        "product_id": product.get("id") or product.get("name"),
    }


_LONGEST = {"name": 200, "status": 20, "category": 200}


def check_lengths(values: Mapping[str, Any], at: str = "") -> None:
    """Raises `Invalid` for what is too long to be found by."""
    for name, value in values.items():
        if value is not None and len(value) > _LONGEST.get(name, 100):
            raise Invalid(f"has at most {_LONGEST.get(name, 100)} characters", path=at + name)


def sought(criteria: Body) -> dict[str, Any]:
    """The columns that stocks must have which answer to these criteria."""
    product = criteria.get("stockedProduct", {})
    wanted = {
        "id": criteria.get("id"),
        "name": criteria.get("name"),
        "status": criteria.get("productStockStatusType"),
        "category": criteria.get("stockLevelCategory"),
        "place_id": criteria.get("place", {}).get("id"),
        **stocked(product),
    }
    return {name: each for name, each in wanted.items() if each is not None}


def is_low(body: Body, free: int) -> bool:
    """Whether there is no more left than the stock's alert, or else its least, says."""
    level = body.get("stockLevelAlert") or body.get("minStockLevel")
    return level is not None and free <= int(level.get("amount") or 0)


def status_at(body: Body, free: int) -> str:
    """Available or not follows from what is left; other states are somebody's word."""
    said: str = body["productStockStatusType"]
    if said not in ("available", "unavailable"):
        return said
    return "available" if free > 0 else "unavailable"


def period_end(body: Body, now: datetime, parse: Any) -> datetime | None:
    """When a reservation ends by itself. Raises `Invalid` where that is past."""
    said = body.get("validFor", {}).get("endDateTime")
    if said is None:
        return None
    ends: datetime = parse(said, path="validFor.endDateTime")
    if ends <= now:
        raise Invalid("has passed", path="validFor.endDateTime")
    return ends
