"""Reads of stocks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.inventory import shelf
from trunkline.inventory.model import ResourceKind, ResourceState
from trunkline.inventory.stocks import store
from trunkline.inventory.stocks.kinds import STOCKS
from trunkline.inventory.stocks.model import Holding, is_low
from trunkline.platform.db import Reader
from trunkline.tmf import documents

Body = dict[str, Any]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a stock: `change` to what is free, and what is on hand since."""

    at: datetime
    change: int
    on_hand: int
    source: str | None
    reason: str | None


def holdings(r: Reader, stocks: Sequence[str]) -> dict[str, Holding]:
    """How these stocks stand; numbers and cards are counted on their shelf."""
    found = store.levels(r, stocks)
    free = {
        kind: shelf.count(r, ResourceKind(kind), ResourceState.AVAILABLE)
        for kind in {level.counts for level in found.values() if level.counts}
    }
    return {
        ident: Holding(on_hand=free[level.counts], held=0)
        if level.counts
        else Holding(on_hand=level.on_hand, held=level.held)
        for ident, level in found.items()
    }


def shown(r: Reader, stocks: Sequence[str]) -> list[Body]:
    """The documents of these stocks with what is free in each, in their order."""
    found = {body["id"]: body for body in documents.find(r, STOCKS, stocks)}
    free = holdings(r, list(found))
    return [_shown(found[each], free[each]) for each in stocks if each in found]


def _shown(body: Body, holding: Holding) -> Body:
    level: Body = {"amount": holding.free}
    if (units := body.get("units")) is not None:
        level["units"] = units
    answer = {name: each for name, each in body.items() if name != "units"}
    return answer | {"productStockLevel": level, "isLow": is_low(body, holding.free)}


def journal(r: Reader, stock: str, *, limit: int = 100) -> list[Entry]:
    """What was done to a stock, the latest first."""
    return [
        Entry(
            at=row.at, change=row.change, on_hand=row.on_hand, source=row.source, reason=row.reason
        )
        for row in store.entries(r, stock, limit)
    ]
