"""What is read out of the documents of selling: qualifications, quotes and carts. Pure.

All three have items about an offering or about a product that the customer has, and related
parties of whom one may be the customer.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count, islice
from typing import Any

from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.kernel.time import parse_instant
from trunkline.ordering.model import MOST_ITEMS, MOST_OF_ONE, Action, ItemRequest
from trunkline.ordering.pricing import totals
from trunkline.ordering.qualification.model import places

Body = dict[str, Any]
_DEPTH = 5


class UnfitDocument(Invalid):
    """The body contradicts itself, or changes what it may not."""

    code = "unfitDocument"


def without_nulls(value: Any) -> Any:
    """Attributes that are null are absent."""
    if isinstance(value, Mapping):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value if each is not None]
    return value


def check_kept(body: Body, before: Body | None, names: Collection[str]) -> None:
    """Raises `UnfitDocument` for an attribute that is the server's and was changed."""
    for name in sorted(names):
        if before is not None and body.get(name) != before.get(name):
            raise UnfitDocument("can't be changed", path=name)


def customer_and_path(body: Body) -> tuple[str, str] | None:
    """The id of the related party that is the customer, with its path."""
    for index, party in enumerate(body.get("relatedParty") or ()):
        said = (str(party.get("role")).lower(), str(party.get("@referredType")).lower())
        if "customer" in said:
            return party["id"], f"relatedParty[{index}].id"
    return None


def id_of(reference: Any) -> str | None:
    """The id of a reference, or of the first of several."""
    if isinstance(reference, list):
        reference = reference[0] if reference else None
    return reference.get("id") if isinstance(reference, Mapping) else None


def segments_of(body: Body) -> Iterator[str]:
    """Market segments that are named among the related parties."""
    for party in body.get("relatedParty") or ():
        said = (str(party.get("role")).lower(), str(party.get("@referredType")).lower())
        if "segment" in said or "marketsegment" in said:
            yield party["id"]


def items_in(
    items: list[Body], at: str, inner: str | None, depth: int = 1
) -> Iterator[tuple[str, Body]]:
    """Each item with its path; those within others (at `inner`) too, after them. Raises
    `UnfitDocument` where there are too many, or they are nested too deeply."""
    if len(items) > MOST_ITEMS:
        raise UnfitDocument(f"has at most {MOST_ITEMS} items", path=at)
    if depth > _DEPTH:
        raise UnfitDocument(f"items are nested deeper than {_DEPTH}", path=at)
    for index, item in enumerate(items):
        place = f"{at}[{index}]"
        yield place, item
        if inner is not None and item.get(inner):
            yield from items_in(item[inner], f"{place}.{inner}", inner, depth + 1)


def with_items(items: list[Body], inner: str, change: Callable[[Body], Body]) -> list[Body]:
    """The items, and those within them, each changed."""
    changed = []
    for item in items:
        if item.get(inner):
            item = item | {inner: with_items(item[inner], inner, change)}
        changed.append(change(item))
    return changed


def numbered(
    items: list[Body], at: str, inner: str | None, default: Action | None = Action.ADD
) -> None:
    """Gives those that lack them ids and an action, in place. Raises `UnfitDocument` for an
    id that comes twice and for a quantity that none can be."""
    found = list(islice(items_in(items, at, inner), MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise UnfitDocument(f"has at most {MOST_ITEMS} items", path=at)
    named = {item["id"] for _, item in found if item.get("id")}
    free = (str(number) for number in count(1) if str(number) not in named)
    seen: set[str] = set()
    for place, item in found:
        item["id"] = ident = item.get("id") or next(free)
        if ident in seen or len(ident) > 100:
            raise UnfitDocument(
                f"the item id {ident[:40]!r} is too long or not unique", path=f"{place}.id"
            )
        seen.add(ident)
        quantity = item.get("quantity", 1)
        if not 1 <= quantity <= MOST_OF_ONE:
            raise UnfitDocument(f"is not from 1 to {MOST_OF_ONE}", path=f"{place}.quantity")
        if default is not None:
            item.setdefault("action", default.value)


def noted(notes: list[Body]) -> None:
    """Gives notes without an id their place as one, in place."""
    named = {note["id"] for note in notes if note.get("id")}
    free = (str(number) for number in count(1) if str(number) not in named)
    for note in notes:
        if not note.get("id"):
            note["id"] = next(free)


def offering_in(item: Body, at: str) -> tuple[str, str] | None:
    """The id of the offering that an item is about, with its path."""
    direct = item.get("productOffering")
    if direct:
        return direct["id"], f"{at}.productOffering.id"
    inside = (item.get("product") or {}).get("productOffering")
    if inside:
        return inside["id"], f"{at}.product.productOffering.id"
    return None


def action_of(item: Body, at: str) -> Action:
    """Raises `UnfitDocument` for what is no action."""
    said = str(item.get("action", Action.ADD)).replace("_", "").lower()
    said = "delete" if said == "remove" else said
    for action in Action:
        if action.lower() == said:
            return action
    known = ", ".join(Action)
    raise UnfitDocument(f"{said[:40]!r} is none of {known}", path=f"{at}.action")


def ends(body: Body) -> datetime | None:
    """The end of `validFor`. Raises `UnfitDocument` where it is before the beginning."""
    period = body.get("validFor") or {}
    start, end = (
        parse_instant(period[name], path=f"validFor.{name}") if period.get(name) else None
        for name in ("startDateTime", "endDateTime")
    )
    if start is not None and end is not None and end <= start:
        raise UnfitDocument("ends before it starts", path="validFor.endDateTime")
    return end


def price_body(price: ProductPrice) -> Body:
    """A price as TM Forum's documents show it (OrderPrice, QuotePrice, CartPrice)."""
    shown: Body = {
        "name": price.name,
        "priceType": price.kind.value,
        "price": _amount(price.amount),
    }
    if price.kind is PriceKind.RECURRING:
        shown["recurringChargePeriod"] = _months(price.period_months)
    if price.offering_price:
        shown["productOfferingPrice"] = {"id": price.offering_price}
    if price.alterations:
        shown["priceAlteration"] = [
            {"name": each.name, "priceType": price.kind.value, "price": _amount(each.amount)}
            for each in price.alterations
        ]
    return shown


def total_bodies(priced: Iterable[tuple[ProductPrice, int]]) -> list[Body]:
    """What prices, each so many times, come to: one for what is paid once and one for each
    period, with what was agreed."""
    shown = []
    for total in totals(priced):
        body: Body = {"priceType": total.kind.value, "price": _amount(total.agreed)}
        if total.kind is PriceKind.RECURRING:
            body["recurringChargePeriod"] = _months(total.period_months)
        shown.append(body)
    return shown


def _amount(money: Money) -> Body:
    return {"dutyFreeAmount": {"unit": money.currency, "value": money.to_decimal()}}


def _months(months: int) -> str:
    return f"{months} month{'s' if months > 1 else ''}"


def request_from(
    item: Body,
    inner: str,
    *,
    agreed: Callable[[Body], tuple[ProductPrice, ...] | None],
    quoted: Callable[[Body], Body | None],
) -> ItemRequest:
    """What an item of a document orders, at which prices if they were agreed, and which quote's
    item that was in."""
    product = item.get("product") or {}
    characteristics = {
        each["name"]: each["value"] for each in product.get("productCharacteristic") or ()
    }
    offering = offering_in(item, "")
    kept = {name: each for name, each in product.items() if name not in ("id", "href")}
    details: Body = {"product": kept} if kept else {}
    if (reference := quoted(item)) is not None:
        details["quoteItem"] = reference
    return ItemRequest(
        action=action_of(item, ""),
        id=item["id"],
        offering=offering[0] if offering else None,
        product=product.get("id"),
        quantity=item.get("quantity", 1),
        characteristics=characteristics,
        places=tuple(places(product.get("place"))),
        parts=tuple(
            request_from(each, inner, agreed=agreed, quoted=quoted)
            for each in item.get(inner) or ()
        ),
        prices=agreed(item),
        details=details,
    )
