"""Writes on stocks: what is in them, what is held, and the journal of it all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from trunkline.inventory import stock as shelf_stock
from trunkline.inventory.model import OutOfStock, ResourceKind
from trunkline.inventory.stocks import store
from trunkline.inventory.stocks.events import EndReservation, StockLow
from trunkline.inventory.stocks.kinds import ADJUSTMENTS, CHECKS, QUERIES, RESERVATIONS, STOCKS
from trunkline.inventory.stocks.model import (
    AdjustmentId,
    CountsItself,
    EntryId,
    Holding,
    NotEnough,
    ReservationId,
    StockInUse,
    StockNotFound,
    TaskState,
    is_low,
    period_end,
    pieces,
    sought,
    status_at,
    stocked,
)
from trunkline.inventory.stocks.queries import holdings, shown
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.tmf import documents

Body = dict[str, Any]
_MOST_HELD = 1000
"""Numbers or cards that one item reserves."""
_LEVEL = "productStockLevel"


def create_stock(tx: Tx, body: Body, now: datetime) -> str:
    """A new stock of articles with what is in it. Raises `UnfitQuantity`, and what documents
    raise."""
    level = pieces(body.get(_LEVEL), _LEVEL)
    units = body[_LEVEL].get("units")
    kept = {name: each for name, each in body.items() if name not in ("id", _LEVEL)}
    if units is not None:
        kept["units"] = units
    made = documents.create(tx, STOCKS, kept, now)
    store.set_level(tx, made["id"], on_hand=level, held=0)
    _enter(tx, made["id"], level, level, now, source=None, reason="opened")
    _follow(tx, made["id"], Holding(on_hand=0, held=0), Holding(on_hand=level, held=0), now)
    ident: str = made["id"]
    return ident


def change_stock(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    """Describes a stock anew; another level is a new count of what is free, and journalled."""
    before = _locked(tx, [ident])[ident]
    (present,) = shown(tx, [ident])
    kept = {name: each for name, each in body.items() if name not in (_LEVEL, "isLow")}
    if (units := body.get(_LEVEL, {}).get("units")) is not None:
        kept["units"] = units
    if body.get(_LEVEL) != present[_LEVEL]:
        counted = pieces(body.get(_LEVEL), _LEVEL)
        _check_articles(tx, ident, _LEVEL)
        after = Holding(on_hand=counted + before.held, held=before.held)
        _set(tx, ident, before, after, now, source=None, reason="counted")
        before = after
    kept["lastUpdate"] = format_instant(now)
    documents.change(tx, STOCKS, ident, lambda _: kept, now)
    _follow(tx, ident, before, before, now)


def delete_stock(tx: Tx, ident: str) -> None:
    """Raises `CountsItself`, and `StockInUse` where something of it is held."""
    _locked(tx, [ident])
    _check_articles(tx, ident, "id")
    if store.is_held(tx, ident):
        raise StockInUse("some of it is reserved", path="id")
    documents.delete(tx, STOCKS, ident)


def adjust(tx: Tx, body: Body, now: datetime) -> str:
    """Adds to stocks, or takes off, all items or none. Raises `StockNotFound`, `CountsItself`
    and `NotEnough`, with the item's path."""
    ident = tx.new_id(AdjustmentId, now)
    asked: list[Body] = body["adjustProductStockItem"]
    # All at once, in the order of their ids, so that two adjustments can't wait for each other.
    store.lock(tx, [item["productStockTarget"]["id"] for item in asked])
    items = []
    for index, item in enumerate(asked):
        at = f"adjustProductStockItem[{index}]"
        stock = item["productStockTarget"]["id"]
        path = f"{at}.adjustProductStockQuantity"
        change = pieces(item["adjustProductStockQuantity"], path, least=-(10**12))
        before = _locked(tx, [stock], f"{at}.productStockTarget.id")[stock]
        _check_articles(tx, stock, f"{at}.productStockTarget.id")
        after = Holding(on_hand=before.on_hand + change, held=before.held)
        if after.free < 0:
            raise NotEnough(f"only {before.free} are free", path=path)
        _set(tx, stock, before, after, now, source=ident, reason=body.get("adjustReason"))
        items.append({**item, "state": TaskState.DONE.value})
    supplied = {
        "id": str(ident),
        "state": TaskState.DONE.value,
        "creationDate": format_instant(now),
        "completedAdjustProductStockDate": format_instant(now),
        "adjustProductStockItem": items,
    }
    documents.create(tx, ADJUSTMENTS, body | supplied, now)
    return ident


def check(tx: Tx, body: Body, now: datetime) -> str:
    """Says of each item whether there is enough, and, where that is asked for, what else has."""
    items = []
    for index, item in enumerate(body["checkProductStockItem"]):
        at = f"checkProductStockItem[{index}]"
        wanted = pieces(item["requestedQuantity"], f"{at}.requestedQuantity", least=1)
        criteria = item["checkedProductStock"]
        found = _best(tx, sought(criteria), wanted)
        if found is None:
            raise StockNotFound("no stock is like this", path=f"{at}.checkedProductStock")
        checked, free = found
        answer = "available" if free >= wanted else "notAvailable"
        others: list[Body] = []
        if free < wanted and (item.get("provideAlternative") or body.get("provideAlternative")):
            others = _alternates(tx, stocked(checked["stockedProduct"]), wanted)
            answer = "alternate" if others else answer
        items.append(
            {
                **item,
                "checkedProductStock": checked,
                "availabilityResult": answer,
                "state": TaskState.DONE.value,
                **({"alternate": others} if others else {}),
            }
        )
    supplied = {
        "state": TaskState.DONE.value,
        "creationDate": format_instant(now),
        "completedCheckProductStockDate": format_instant(now),
        "checkProductStockItem": items,
    }
    made = documents.create(tx, CHECKS, _without_id(body) | supplied, now)
    return str(made["id"])


def query(tx: Tx, body: Body, now: datetime) -> str:
    """The stocks that answer to criteria, of which at least the level that they name is free."""
    criteria = body["searchCriteria"]
    level = criteria.get(_LEVEL) or {}
    least = pieces(level, f"searchCriteria.{_LEVEL}") if level.get("amount") is not None else None
    found = [
        each
        for each in shown(tx, store.matching(tx, sought(criteria), least=least))
        if least is None or each[_LEVEL]["amount"] >= least
    ]
    supplied = {
        "state": TaskState.DONE.value,
        "creationDate": format_instant(now),
        "completedQueryProductStockDate": format_instant(now),
        "queryProductStockItem": found,
    }
    made = documents.create(tx, QUERIES, _without_id(body) | supplied, now)
    return str(made["id"])


def reserve(tx: Tx, body: Body, now: datetime) -> str:
    """Holds what all items ask for, or, where one can't be had, nothing: then the task ends with
    an error that each item tells. What is held is given back when the validity ends."""
    ends = period_end(body, now, parse_instant)
    ident = tx.new_id(ReservationId, now)
    holds: list[tuple[str, str, int]] = []
    items: list[Body] = []
    left: dict[str, int] = {}
    asked: list[Body] = body["reserveProductStockItem"]
    # All at once, in the order of their ids, so that two reservations can't wait for each other.
    store.lock(tx, sorted({each for item in asked for each in _like(tx, item)}))
    for index, item in enumerate(asked):
        at = f"reserveProductStockItem[{index}]"
        quantity = pieces(item["quantityRequested"], f"{at}.quantityRequested", least=1)
        stock = _chosen(tx, item, quantity, left, at)
        if stock is not None:
            left[stock] = left.get(stock, 0) + quantity
            holds.append((f"{index}", stock, quantity))
        items.append(item)
    enough = len(holds) == len(items) and _hold(tx, ident, holds, now)
    state = TaskState.DONE if enough else TaskState.FAILED
    if not enough:
        holds = []
    by_item = {int(item): (stock, quantity) for item, stock, quantity in holds}
    supplied = {
        "id": str(ident),
        "creationDate": format_instant(now),
        "reserveProductStockState": state.value,
        "reserveProductStockItem": [
            _reserved(item, by_item.get(index), state) for index, item in enumerate(items)
        ],
    }
    documents.create(tx, RESERVATIONS, body | supplied, now)
    if enough and ends is not None:
        tx.emit(EndReservation(reservation=ident), not_before=ends)
    return ident


def _reserved(item: Body, hold: tuple[str, int] | None, state: TaskState) -> Body:
    amount: Body = {"amount": hold[1] if hold else 0}
    if (units := item["quantityRequested"].get("units")) is not None:
        amount["units"] = units
    answer = {**item, "quantityReserved": amount, "reserveProductStockState": state.value}
    if hold:
        answer["productStockReserved"] = {"id": hold[0]}
    return answer


def end_reservation(tx: Tx, reservation: str, now: datetime) -> None:
    """Gives back what a reservation still holds."""
    given_back = store.take_holds(tx, reservation)
    if not given_back:
        return
    before = _locked(tx, [stock for stock, _ in given_back])
    for stock, quantity in given_back:
        if _counts(tx, stock) is not None:
            shelf_stock.release_resources(tx, holder=f"{reservation}/{stock}")
            continue
        after = Holding(on_hand=before[stock].on_hand, held=before[stock].held - quantity)
        _set(tx, stock, before[stock], after, now, source=reservation, reason="reservation ended")
        before[stock] = after
    documents.change(tx, RESERVATIONS, reservation, _emptied, now)


def _emptied(body: Body) -> Body:
    items = [
        {**item, "quantityReserved": {**item.get("quantityReserved", {}), "amount": 0}}
        for item in body["reserveProductStockItem"]
    ]
    return body | {"reserveProductStockItem": items}


def _chosen(tx: Tx, item: Body, quantity: int, left: Mapping[str, int], at: str) -> str | None:
    """The stock that has enough: the one that is named, or one of the product."""
    named = item.get("productStockRequested", {}).get("id")
    if named is not None:
        _locked(tx, [named], f"{at}.productStockRequested.id")
        found = [named]
    else:
        wanted = _wanted(item)
        found = store.matching(tx, wanted, least=quantity) if wanted else []
        if not found and not (wanted and store.matching(tx, wanted, most=1)):
            raise StockNotFound("no stock has such a product", path=f"{at}.requestedProduct")
    free = holdings(tx, found)
    return next((s for s in found if free[s].free - left.get(s, 0) >= quantity), None)


def _like(tx: Tx, item: Body) -> list[str]:
    """The stocks that an item may be had of."""
    named = item.get("productStockRequested", {}).get("id")
    if named is not None:
        return [named]
    wanted = _wanted(item)
    return store.matching(tx, wanted) if wanted else []


def _wanted(item: Body) -> dict[str, str]:
    return {k: v for k, v in stocked(item["requestedProduct"]).items() if v is not None}


def _hold(
    tx: Tx, reservation: ReservationId, holds: Sequence[tuple[str, str, int]], now: datetime
) -> bool:
    present = _locked(tx, [stock for _, stock, _ in holds])
    for item, stock, quantity in holds:
        kind = _counts(tx, stock)
        if kind is not None:
            if not _hold_on_shelf(tx, kind, f"{reservation}/{stock}", quantity, item):
                return False
            continue
        before = present[stock]
        if before.free < quantity:
            return False
        after = Holding(on_hand=before.on_hand, held=before.held + quantity)
        _set(tx, stock, before, after, now, source=reservation, reason="reserved")
        present[stock] = after
    store.hold(tx, reservation, holds)
    return True


def _hold_on_shelf(tx: Tx, kind: ResourceKind, holder: str, quantity: int, item: str) -> bool:
    if quantity > _MOST_HELD:
        raise Invalid(f"at most {_MOST_HELD} at a time", path=f"reserveProductStockItem[{item}]")
    take = shelf_stock.reserve_numbers if kind is ResourceKind.NUMBER else shelf_stock.reserve_sims
    try:
        take(tx, holders=[holder] * quantity)
    except OutOfStock:
        return False
    return True


def _best(tx: Tx, wanted: Body, quantity: int) -> tuple[Body, int] | None:
    """Of the stocks like this, one with enough, or else the fullest."""
    found = shown(tx, store.matching(tx, wanted)) if wanted else []
    ranked = sorted(found, key=lambda each: -int(each[_LEVEL]["amount"]))
    enough = [each for each in found if each[_LEVEL]["amount"] >= quantity]
    best = next(iter(enough or ranked), None)
    return (best, int(best[_LEVEL]["amount"])) if best else None


def _alternates(tx: Tx, product: Body, quantity: int) -> list[Body]:
    wanted = {name: each for name, each in product.items() if each is not None}
    found = shown(tx, store.matching(tx, wanted, least=quantity)) if wanted else []
    return [
        {
            "alternateStock": {"id": each["id"]},
            "alternateQuantity": each[_LEVEL],
            **({"alternatePlace": each["place"]} if "place" in each else {}),
        }
        for each in found
        if each[_LEVEL]["amount"] >= quantity
    ]


def _without_id(body: Body) -> Body:
    return {name: each for name, each in body.items() if name != "id"}


def _locked(tx: Tx, stocks: Sequence[str], path: str = "id") -> dict[str, Holding]:
    store.lock(tx, stocks)
    found = holdings(tx, stocks)
    for each in stocks:
        if each not in found:
            raise StockNotFound(f"there is no stock {each[:60]}", path=path)
    return found


def _counts(tx: Tx, stock: str) -> ResourceKind | None:
    counts = store.levels(tx, [stock])[stock].counts
    return ResourceKind(counts) if counts else None


def _check_articles(tx: Tx, stock: str, path: str) -> None:
    kind = _counts(tx, stock)
    if kind is not None:
        raise CountsItself(f"each {kind} is a resource of its own (TMF639)", path=path)


def _set(
    tx: Tx,
    stock: str,
    before: Holding,
    after: Holding,
    now: datetime,
    *,
    source: str | None,
    reason: str | None,
) -> None:
    store.set_level(tx, stock, on_hand=after.on_hand, held=after.held)
    _enter(tx, stock, after.free - before.free, after.on_hand, now, source=source, reason=reason)
    tx.changed("ProductStock", stock, Change.ATTRIBUTES)
    _follow(tx, stock, before, after, now)


def _enter(
    tx: Tx,
    stock: str,
    change: int,
    on_hand: int,
    now: datetime,
    *,
    source: str | None,
    reason: str | None,
) -> None:
    values = {
        "id": tx.new_id(EntryId, now),
        "stock_id": stock,
        "at": now,
        "change": change,
        "on_hand": on_hand,
        "source": source,
        "reason": reason[:500] if reason else None,
    }
    store.enter(tx, values)


def _follow(tx: Tx, stock: str, before: Holding, after: Holding, now: datetime) -> None:
    """The status follows what is left, and what runs low is told once."""
    body = documents.get(tx, STOCKS, stock)
    status = status_at(body, after.free)
    if status != body["productStockStatusType"] and _counts(tx, stock) is None:
        moved = partial(_with_status, status=status)
        documents.change(tx, STOCKS, stock, moved, now)
    if is_low(body, after.free) and not is_low(body, before.free):
        tx.emit(StockLow(stock=stock, free=after.free))


def _with_status(body: Body, *, status: str) -> Body:
    return body | {"productStockStatusType": status}
