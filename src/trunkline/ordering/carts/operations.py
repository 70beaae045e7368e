"""Carts: filled, changed, priced, and ordered (TMF663).

Prices are not kept: they are what an order would cost at the moment of asking, so that a cart
never shows what can't be had any more.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from trunkline.catalog import Effect, Offering, OfferingId
from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.errors import Conflict
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering import pricing
from trunkline.ordering.bodies import (
    Body,
    action_of,
    check_kept,
    customer_and_path,
    ends,
    id_of,
    items_in,
    noted,
    numbered,
    offering_in,
    price_body,
    request_from,
    total_bodies,
    with_items,
    without_nulls,
)
from trunkline.ordering.carts import store
from trunkline.ordering.model import (
    Action,
    ItemRequest,
    NotOrderable,
    ProductOrder,
)
from trunkline.ordering.offers import offers, offers_in
from trunkline.ordering.pricing import Counted, costs
from trunkline.ordering.promoting import CODE, promoted_in, reduced
from trunkline.ordering.quotes.operations import agreed_in, offered, take_quote
from trunkline.platform.db import Database, Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Kind

GOOD_FOR = timedelta(days=90)
"""How long a cart is valid after the last change of it."""
EMPTY_FOR = timedelta(days=7)
KEPT = timedelta(days=30)
"""For so long an expired cart can still be read."""
_CHUNK = 20
_INNER = "cartItem"
_COMPUTED = ("itemPrice", "ItemTotalPrice")
_LATER = "saveForLater"
_PAID = (Action.ADD, Action.MODIFY)


class CartId(Id):
    __slots__ = ()
    prefix = "crt"


class CartExpired(Conflict):
    code = "cartExpired"


class CartOrdered(Conflict):
    """It has become an order, and stays what that order was made from."""

    code = "cartOrdered"


def _columns(body: Body) -> Mapping[str, Any]:
    customer = customer_and_path(body)
    return {
        "customer_id": customer[0] if customer else None,
        "channel_id": id_of(body.get("channel")),
        "order_id": id_of(body.get("productOrder")),
        "valid_until": parse_instant(body["validFor"]["endDateTime"]),
    }


def _complete(body: Body, before: Body | None, now: datetime) -> Body:
    plain: Body = without_nulls(body)
    if before is not None:
        _check_open(before, now)
        check_kept(plain, before, ("validFor",))
    plain.pop("cartTotalPrice", None)
    items = with_items(plain.get(_INNER) or [], _INNER, _without_prices)
    plain[_INNER] = items
    numbered(items, _INNER, _INNER)
    for at, item in items_in(items, _INNER, _INNER):
        item["action"] = action_of(item, at).value
        item.setdefault("quantity", 1)
        item.setdefault("status", "active")
        noted(item.get("note") or [])
    ends(plain)
    period = plain.get("validFor") or {}
    least = now + (GOOD_FOR if items else EMPTY_FOR)
    until = parse_instant(period["endDateTime"]) if period.get("endDateTime") else least
    if before is not None:
        until = max(until, least)
    plain["validFor"] = {"startDateTime": format_instant(now)} | period
    plain["validFor"]["endDateTime"] = format_instant(until)
    return plain


def _without_prices(item: Body) -> Body:
    return {name: each for name, each in item.items() if name not in _COMPUTED}


def _check_open(body: Body, now: datetime) -> None:
    """Raises `CartExpired` and `CartOrdered`."""
    order = id_of(body.get("productOrder"))
    if order is not None:
        raise CartOrdered(f"the cart has become the order {order}", path="productOrder")
    if parse_instant(body["validFor"]["endDateTime"]) <= now:
        raise CartExpired("the cart is no longer valid", path="validFor")


def _check(tx: Tx, body: Body, _before: Body | None) -> None:
    offers_in(tx, body, _INNER)


CART = Kind(
    name="ShoppingCart",
    ids=CartId,
    table=store.cart,
    columns=_columns,
    complete=_complete,
    check=_check,
)


def fill_cart(tx: Tx, body: Body, now: datetime) -> Body:
    """Keeps a new cart; one that names a `quote` and no items gets that quote's, at the prices
    that were agreed. Raises `UnknownReference`, `UnfitOrder`, `UnfitDocument`."""
    asked: Body = without_nulls(body)
    asked.pop("productOrder", None)
    quote = id_of(asked.get("quote"))
    if quote is not None and not asked.get(_INNER):
        asked |= offered(tx, quote, _INNER, now)
    return documents.create(tx, CART, asked, now)


def change_cart(tx: Tx, ident: str, changing: Callable[[Body], Body], now: datetime) -> Body:
    """Raises `CartExpired`, `CartOrdered` and what `fill_cart` raises."""

    def changed(kept: Body) -> Body:
        wanted = dict(changing(kept))
        check_kept(wanted, kept, ("productOrder",))
        return wanted

    return documents.change(tx, CART, ident, changed, now)


def forget_carts(books: Database, now: datetime) -> int:
    """Forgets the carts that nobody ordered and that expired longer ago than `KEPT`, in short
    transactions; says how many."""
    forgotten = 0
    while True:
        with books.read() as r:
            ids = store.expired(r, now - KEPT, _CHUNK)
        if not ids:
            return forgotten
        with books.transaction() as tx:
            for body in documents.find(tx, CART, ids):
                documents.delete(tx, CART, body["id"])
                forgotten += 1


def priced(r: Reader, ids: Sequence[str], now: datetime) -> list[Body]:
    """Those of these carts that exist, with their prices as they are now, promotions included."""
    found = documents.find(r, CART, ids)
    wanted = {
        offering[0]
        for body in found
        for at, item in items_in(body[_INNER], _INNER, _INNER)
        if (offering := offering_in(item, at)) is not None
    }
    known = offers(r, wanted)
    return [_priced(r, body, known, now) for body in found]


def _priced(r: Reader, body: Body, offerings: Mapping[OfferingId, Offering], now: datetime) -> Body:
    sums: list[Counted] = []
    found = items_in(body[_INNER], _INNER, _INNER)
    wanted = [(at, item) for at, item in found if item.get("status") != _LATER]
    effects = promoted_in(r, body, wanted, offerings, now)

    def price(item: Body, *, included: bool = False) -> Body:
        cost = [] if included else _cost(r, body, item, offerings, effects, now)
        named = offering_in(item, "")
        bundle = offerings.get(OfferingId(named[0])) if named else None
        covered = included or (bundle is not None and bool(pricing.prices(bundle, now)))
        if item.get(_INNER):
            inside = [price(each, included=covered) for each in item[_INNER]]
            item = item | {_INNER: inside}
        if not cost:
            return item
        count = item.get("quantity", 1)
        counted = [(each, times * count) for each, times in cost]
        if item.get("status") != _LATER:
            sums.extend(counted)
        return item | {
            "itemPrice": [price_body(each) for each, _ in cost],
            "ItemTotalPrice": total_bodies(counted),
        }

    items = [price(item) for item in body[_INNER]]
    return body | {_INNER: items, "cartTotalPrice": total_bodies(sums)}


def _cost(
    r: Reader,
    body: Body,
    item: Body,
    offerings: Mapping[OfferingId, Offering],
    effects: Sequence[Effect],
    now: datetime,
) -> list[Counted]:
    """What one of an item costs; nothing where its offering is gone, or not added."""
    action, named = action_of(item, ""), offering_in(item, "")
    offering = offerings.get(OfferingId(named[0])) if named else None
    if offering is None or action not in _PAID:
        return []
    agreed = _agreed(r, body, item)
    parts = {found[0] for each in item.get(_INNER) or () if (found := offering_in(each, ""))}
    if agreed is None:
        cost = costs(offering, offerings, parts, of=lambda each: reduced(each, effects, now))
    else:
        cost = [(each, 1) for each in agreed]
    if action is Action.MODIFY:
        cost = [(each, count) for each, count in cost if each.kind is PriceKind.RECURRING]
    return cost


def _agreed(r: Reader, body: Body, item: Body) -> tuple[ProductPrice, ...] | None:
    """What a quote that the item refers to has agreed with this cart's customer."""
    reference, customer = item.get("quoteItem"), customer_and_path(body)
    if reference is None or customer is None:
        return None
    return agreed_in(r, str(reference.get("quoteId")), str(reference.get("id")), customer[0])


def requests_in(r: Reader, body: Body) -> list[ItemRequest]:
    """What an order of this cart orders: all but what was put aside for later. Raises
    `NotOrderable` where nothing is left."""
    items = [each for each in body[_INNER] if each.get("status") != _LATER]
    if not items:
        raise NotOrderable("the cart holds nothing to order", path="shoppingCart.id")
    return [
        request_from(
            each,
            _INNER,
            agreed=lambda item: _agreed(r, body, item),
            quoted=lambda item: item.get("quoteItem"),
        )
        for each in items
    ]


def _sold(body: Body) -> Body:
    """What an order has of the circumstances of a cart."""
    sold: Body = {}
    if body.get(CODE):
        sold[CODE] = body[CODE]
    if body.get("channel"):
        sold["channel"] = [body["channel"]]
    return sold


def order_cart(
    tx: Tx,
    *,
    ident: str,
    customer: str | None,
    place: Callable[[Sequence[ItemRequest], str | None, Body], ProductOrder],
    now: datetime,
) -> ProductOrder:
    """Makes an order of a cart: `place` places what the cart holds, for the cart's customer or
    the one that is given, sold through the cart's channel and with its promotion's code. The
    cart refers to the order from then on. Raises `DocumentNotFound`, `CartExpired`,
    `CartOrdered`, `NotOrderable`, and what `place` raises."""
    placed: list[ProductOrder] = []
    quotes: set[str] = set()

    def ordered(body: Body) -> Body:
        _check_open(body, now)
        items = (item for _, item in items_in(body[_INNER], _INNER, _INNER))
        quotes.update(each["quoteItem"]["quoteId"] for each in items if each.get("quoteItem"))
        named = customer_and_path(body)
        owner = named[0] if named else customer
        if customer is not None and owner != customer:
            raise NotOrderable("the cart is another customer's", path="shoppingCart.id")
        placed.append(place(requests_in(tx, body), owner, _sold(body)))
        return body | {"productOrder": {"id": str(placed[0].id)}}

    documents.change(tx, CART, ident, ordered, now)
    for quote in sorted(quotes):
        take_quote(tx, quote, placed[0], now)
    return placed[0]
