"""Quotes: made, negotiated, approved by a second person, accepted, and ordered."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.catalog import Effect, Offering, OfferingId
from trunkline.customers import AccountState, CustomerId
from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering.bodies import (
    Body,
    UnfitDocument,
    action_of,
    check_kept,
    customer_and_path,
    items_in,
    offering_in,
    request_from,
    total_bodies,
    with_items,
    without_nulls,
)
from trunkline.ordering.model import (
    MOST_OF_ONE,
    Action,
    ItemRequest,
    ProductOrder,
    UnknownReference,
)
from trunkline.ordering.offers import offers_in
from trunkline.ordering.operations import place_order
from trunkline.ordering.pricing import Counted
from trunkline.ordering.promoting import CODE, promoted_in, reduced
from trunkline.ordering.quotes.kind import ITEMS, QUOTE, numbered_items
from trunkline.ordering.quotes.model import (
    ALTERATIONS,
    NEGOTIABLE,
    QUOTE_LIFECYCLE,
    NotYoursToApprove,
    QuoteExpired,
    QuoteNotReady,
    QuoteOrdered,
    QuoteSettled,
    QuoteState,
    alterations_in,
    altered,
    is_expired,
    kept_price,
    orders_in,
    price_kept,
)
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents

Place = Callable[[Sequence[ItemRequest], str], ProductOrder]
"""Places what is agreed for a customer."""


def make_quote(tx: Tx, body: Body, now: datetime) -> Body:
    """Keeps a new quote at the catalogue's prices, with what promotions take off them and with
    the alterations that it asks for. One that wants its answer at once (`instantSyncQuote`) and
    alters nothing is approved. Raises `UnknownReference`, `UnfitOrder`, `UnfitDocument`,
    `NotYoursToApprove`."""
    asked: Body = without_nulls(body)
    for name in ("state", "quoteDate", "effectiveQuoteCompletionDate", "quoteTotalPrice"):
        asked.pop(name, None)
    if tx.by_subscriber:
        asked.pop("validFor", None)
    asked = _quoted(tx, asked, None, now)
    if asked.get("instantSyncQuote") and not _awaits_approval(asked):
        asked |= {
            "state": QuoteState.APPROVED.value,
            "effectiveQuoteCompletionDate": format_instant(now),
        }
    return documents.create(tx, QUOTE, asked, now)


def change_quote(tx: Tx, ident: str, changing: Callable[[Body], Body], now: datetime) -> Body:
    """Negotiates, approves, accepts, rejects or cancels. What is quoted changes only until it is
    approved, and makes a new version. Accepted, it becomes an order where it is known who pays.
    Raises `IllegalTransition`, `QuoteSettled`, `QuoteExpired`, `QuoteNotReady`,
    `NotYoursToApprove`, and what `make_quote` and `place_order` raise."""

    def changed(kept: Body) -> Body:
        wanted: Body = without_nulls(changing(kept))
        before, state = kept["state"], wanted.get("state", kept["state"])
        if state != before and state in set(QuoteState):
            QUOTE_LIFECYCLE.check(QuoteState(before), QuoteState(state))
        if tx.by_subscriber:
            check_kept(wanted, kept, ("validFor",))
        if before not in NEGOTIABLE and state not in NEGOTIABLE:
            _check_settled(wanted, kept)
        if any(wanted.get(name) != kept.get(name) for name in (ITEMS, CODE)):
            wanted = _quoted(tx, wanted, kept, now)
        else:
            wanted["authorization"] = _merged(wanted, kept.get("authorization") or [])
            wanted["quoteTotalPrice"] = kept.get("quoteTotalPrice", [])
            if before == QuoteState.REJECTED and state == QuoteState.IN_PROGRESS:
                wanted["version"] = _next(kept)
        if state == before:
            return wanted
        if state == QuoteState.APPROVED:
            return _approved(tx, wanted, now)
        if state == QuoteState.ACCEPTED:
            return _accepted(tx, wanted, now)
        return wanted

    return documents.change(tx, QUOTE, ident, changed, now)


def _check_settled(wanted: Body, kept: Body) -> None:
    """What was agreed, with whom and for how long stays."""
    for name in (ITEMS, CODE, "validFor", "relatedParty", "agreement", "version"):
        if wanted.get(name) != kept.get(name):
            raise QuoteSettled(f"the quote is {kept['state']}", path=name)


def _quoted(tx: Tx, body: Body, before: Body | None, now: datetime) -> Body:
    """The body with what its items cost, and a new version of it where there was one before."""
    numbered_items(body)
    offerings = offers_in(tx, body, ITEMS)
    effects = promoted_in(tx, body, items_in(body[ITEMS], ITEMS, ITEMS), offerings, now)
    asked = any(alterations_in(item, at) for at, item in items_in(body[ITEMS], ITEMS, ITEMS))
    sums: list[Counted] = []
    items = [
        _priced(item, f"{ITEMS}[{place}]", offerings, effects, now, sums)
        for place, item in enumerate(body[ITEMS])
    ]
    quoted = body | {ITEMS: items, "quoteTotalPrice": total_bodies(sums)}
    if before is not None:
        quoted["version"] = _next(before)
    quoted["authorization"] = _merged(body, _requested(tx, now) if asked else [])
    return quoted


def _priced(
    item: Body,
    at: str,
    offerings: Mapping[OfferingId, Offering],
    effects: Sequence[Effect],
    now: datetime,
    sums: list[Counted],
    *,
    included: bool = False,
) -> Body:
    """An item, and those within it, with what one of it costs; a bundle without prices of its
    own gets an item for each of its components."""
    shown = {name: each for name, each in item.items() if name != "quoteItemPrice"}
    if item.get("product"):
        told = item["product"].items()
        shown["product"] = {name: each for name, each in told if name != "productOrderItem"}
    named = offering_in(item, at)
    offering = offerings.get(OfferingId(named[0])) if named else None
    action = action_of(item, at)
    listed: list[Counted] = []
    if offering is not None and action in (Action.ADD, Action.MODIFY) and not included:
        listed = [(price, 1) for price in reduced(offering, effects, now)]
        if action is Action.MODIFY:
            listed = [each for each in listed if each[0].kind is PriceKind.RECURRING]
        if item.get("productOffering"):
            shown["productOffering"] = item["productOffering"] | {"name": offering.name}
    cost = altered(listed, alterations_in(item, at))
    count = item.get("quantity", 1)
    sums.extend((price, times * count) for price, times in cost)
    if cost:
        shown["quoteItemPrice"] = [
            kept_price(price, len(before.alterations))
            for (price, _), (before, _) in zip(cost, listed, strict=True)
        ]
    inside = list(item.get(ITEMS) or ())
    if offering is not None and offering.components and action is Action.ADD:
        inside = _parts(shown, inside, offering)
    if inside:
        shown[ITEMS] = [
            _priced(each, f"{at}.{ITEMS}[{place}]", offerings, effects, now, sums,
                    included=included or bool(listed))
            for place, each in enumerate(inside)
        ]  # fmt: skip
    return shown


def _parts(item: Body, inside: list[Body], bundle: Offering) -> list[Body]:
    """The items of a bundle's components, as many as the bundles hold."""
    told = {found[0]: each for each in inside if (found := offering_in(each, ""))}
    count = item.get("quantity", 1)
    parts = list(inside)
    for place, (part, held) in enumerate(
        zip(bundle.components, bundle.component_counts, strict=True), start=1
    ):
        if part in told:
            told[part]["quantity"] = max(held, 1) * count
        elif held:
            if held * count > MOST_OF_ONE:
                raise UnfitDocument(
                    f"that is {held * count} of one; at most {MOST_OF_ONE}", path=ITEMS
                )
            parts.append({
                "id": f"{item['id']}.{place}", "action": Action.ADD.value,
                "quantity": held * count, "productOffering": {"id": str(part)},
            })  # fmt: skip
    return parts


def _next(before: Body) -> str:
    said = str(before.get("version", "1"))
    return (
        str(int(said) + 1) if said.isascii() and said.isdigit() and len(said) < 9 else f"{said}.1"
    )


def _merged(body: Body, ours: Sequence[Body]) -> list[Body]:
    """The authorizations of others with the one that the server keeps itself."""
    others = [each for each in body.get("authorization") or () if each.get("name") != ALTERATIONS]
    return [*others, *(each for each in ours if each.get("name") == ALTERATIONS)]


def _requested(tx: Tx, now: datetime) -> list[Body]:
    """That somebody else has to approve; `requestedBy` is an extension."""
    if tx.by_subscriber:
        raise NotYoursToApprove("prices are altered by those who sell", path=ITEMS)
    return [
        {
            "name": ALTERATIONS,
            "state": "requested",
            "requestedDate": format_instant(now),
            "requestedBy": _who(tx),
        }
    ]


def _who(tx: Tx) -> str:
    return "Trunkline" if tx.caller is None else tx.caller.identity


def _awaits_approval(body: Body) -> bool:
    return any(each.get("name") == ALTERATIONS for each in body.get("authorization") or ())


def _approved(tx: Tx, body: Body, now: datetime) -> Body:
    """Approved by the caller: anybody who sells, but for altered prices somebody other than who
    asked for them."""
    if is_expired(body, now):
        raise QuoteExpired("the quote is no longer valid", path="validFor")
    if tx.by_subscriber:
        raise NotYoursToApprove("a quote is approved by those who sell", path="state")
    given = []
    for each in body.get("authorization") or ():
        if each.get("name") == ALTERATIONS:
            if each.get("requestedBy") == _who(tx):
                raise NotYoursToApprove(
                    "who altered the prices does not approve them", path="state"
                )
            approver = {"id": _who(tx), "role": "approver", "@referredType": "User"}
            each = each | {
                "state": "approved", "givenDate": format_instant(now), "approver": [approver],
            }  # fmt: skip
        given.append(each)
    return body | {"authorization": given, "effectiveQuoteCompletionDate": format_instant(now)}


def _accepted(tx: Tx, body: Body, now: datetime) -> Body:
    """Accepted by the customer: an order at once, where it is known who pays."""
    if is_expired(body, now):
        raise QuoteExpired("the quote is no longer valid", path="validFor")
    customer = customer_and_path(body)
    if customer is None:
        raise QuoteNotReady("no related party is the customer", path="relatedParty")
    account = _account(tx, body, customer[0])
    if account is None:
        return body
    start = body.get("expectedFulfillmentStartDate")
    order = place_order(
        tx,
        customer=customer[0],
        billing_account=account,
        items=requests_in(body),
        requested_start=parse_instant(start) if start else None,
        details={"quote": [{"id": body["id"], "@referredType": "Quote"}]},
        now=now,
    )
    return _referring(body, order)


def _account(r: Reader, body: Body, customer: str) -> str | None:
    named = body.get("billingAccount") or []
    if named:
        account: str = named[0]["id"]
        return account
    open_ = [
        each.id
        for each in customers.accounts_of(r, CustomerId(customer))
        if each.state is AccountState.ACTIVE
    ]
    return open_[0] if len(open_) == 1 else None


def requests_in(body: Body) -> list[ItemRequest]:
    """What an order of this quote orders, at the prices that were agreed."""

    def quoted(item: Body) -> Body:
        return {"id": item["id"], "quoteId": body["id"]}

    return [request_from(each, ITEMS, agreed=_agreed, quoted=quoted) for each in body[ITEMS]]


def _agreed(item: Body) -> tuple[ProductPrice, ...] | None:
    kept = item.get("quoteItemPrice")
    return tuple(map(price_kept, kept)) if kept else None


def _referring(body: Body, order: ProductOrder) -> Body:
    """The quote with its items' references to what was ordered."""
    known = {each.id: each for each in order.items}

    def refer(item: Body) -> Body:
        ordered = known.get(item["id"])
        if ordered is None:
            return item
        reference = {
            "orderItemId": ordered.id,
            "productOrderId": str(order.id),
            "orderItemAction": ordered.action.value,
        }
        return item | {"product": (item.get("product") or {}) | {"productOrderItem": [reference]}}

    return body | {ITEMS: with_items(body[ITEMS], ITEMS, refer)}


def agreed_in(r: Reader, quote: str, item: str, customer: str) -> tuple[ProductPrice, ...] | None:
    """What one of a quote's item costs as it was agreed with this customer; None where nothing
    was, or it doesn't bind any more."""
    for body in documents.find(r, QUOTE, [quote]):
        named = customer_and_path(body)
        binds = body["state"] in (QuoteState.APPROVED, QuoteState.ACCEPTED)
        if binds and named is not None and named[0] == customer:
            for _, each in items_in(body[ITEMS], ITEMS, ITEMS):
                if each["id"] == item:
                    return _agreed(each)
    return None


def offered(tx: Tx, quote: str, inner: str, now: datetime) -> Body:
    """What a cart of this quote holds; its items are those at `inner`. Raises
    `UnknownReference`, `QuoteNotReady`, `QuoteExpired`, `QuoteOrdered`."""
    body = _binding(tx, quote, now)

    def filled(item: Body) -> Body:
        kept: Body = {
            name: item[name] for name in ("id", "action", "quantity", "product", "productOffering")
            if name in item
        }  # fmt: skip
        if item.get(ITEMS):
            kept[inner] = [filled(each) for each in item[ITEMS]]
        return kept | {"quoteItem": {"id": item["id"], "quoteId": body["id"]}}

    items = [filled(each) for each in body[ITEMS]]
    return {inner: items, "relatedParty": body.get("relatedParty") or []}


def order_quote(tx: Tx, *, ident: str, place: Place, now: datetime) -> ProductOrder:
    """Makes an order of an approved or accepted quote; approved, it is accepted with that.
    Raises `DocumentNotFound`, `QuoteNotReady`, `QuoteExpired`, `QuoteOrdered`, and what `place`
    raises."""
    placed: list[ProductOrder] = []

    def ordered(body: Body) -> Body:
        _check_binding(body, now)
        customer = customer_and_path(body)
        if customer is None:
            raise QuoteNotReady("no related party is the customer", path="quote[0].id")
        placed.append(place(requests_in(body), customer[0]))
        return _referring(body, placed[0]) | {"state": QuoteState.ACCEPTED.value}

    documents.change(tx, QUOTE, ident, ordered, now)
    return placed[0]


def take_quote(tx: Tx, ident: str, order: ProductOrder, now: datetime) -> None:
    """An order was made of it by way of a cart: it is accepted, and refers to the order. Raises
    what `order_quote` raises."""

    def taken(body: Body) -> Body:
        _check_binding(body, now)
        return _referring(body, order) | {"state": QuoteState.ACCEPTED.value}

    documents.change(tx, QUOTE, ident, taken, now)


def _binding(r: Reader, ident: str, now: datetime) -> Body:
    found = documents.find(r, QUOTE, [ident])
    if not found:
        raise UnknownReference(f"there is no quote {ident[:60]}", path="quote[0].id")
    body: dict[str, Any] = found[0]
    _check_binding(body, now)
    return body


def _check_binding(body: Body, now: datetime) -> None:
    if body["state"] not in (QuoteState.APPROVED, QuoteState.ACCEPTED):
        raise QuoteNotReady(f"the quote is {body['state']}", path="quote[0].id")
    if body["state"] == QuoteState.APPROVED and is_expired(body, now):
        raise QuoteExpired("the quote is no longer valid", path="quote[0].id")
    orders = orders_in(body)
    if orders:
        raise QuoteOrdered(f"the order {orders[0]} was made from it", path="quote[0].id")
