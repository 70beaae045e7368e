"""Quotes: their states, and what is negotiated in them. Pure (TMF648 v4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.inventory import PriceAlteration, PriceKind, ProductPrice
from trunkline.kernel.errors import Conflict, Forbidden, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import LARGEST, MICROS, Money
from trunkline.kernel.time import parse_instant
from trunkline.ordering.bodies import Body, UnfitDocument, price_body
from trunkline.ordering.pricing import Counted


class QuoteId(Id):
    __slots__ = ()
    prefix = "quo"


class QuoteState(StrEnum):
    """TMF648 v4, QuoteStateType."""

    IN_PROGRESS = "inProgress"
    PENDING = "pending"
    APPROVED = "approved"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


QUOTE_LIFECYCLE = Lifecycle(
    "the quote",
    {
        QuoteState.IN_PROGRESS: {
            QuoteState.PENDING,
            QuoteState.APPROVED,
            QuoteState.REJECTED,
            QuoteState.CANCELLED,
        },
        QuoteState.PENDING: {
            QuoteState.IN_PROGRESS,
            QuoteState.APPROVED,
            QuoteState.REJECTED,
            QuoteState.CANCELLED,
        },
        QuoteState.APPROVED: {
            QuoteState.IN_PROGRESS,
            QuoteState.ACCEPTED,
            QuoteState.REJECTED,
            QuoteState.CANCELLED,
        },
        QuoteState.REJECTED: {QuoteState.IN_PROGRESS},
        QuoteState.ACCEPTED: frozenset(),
        QuoteState.CANCELLED: frozenset(),
    },
)

NEGOTIABLE = (QuoteState.IN_PROGRESS, QuoteState.PENDING)
"""The states in which what is quoted may change."""
_LARGEST_SHARE = 100_000
ALTERATIONS = "priceAlteration"
"""The name of the authorization that altered prices need."""


PROMOTED = "isPromotion"
"""The extension of an alteration that a promotion makes: nobody asked for it."""


class QuoteExpired(Conflict):
    code = "quoteExpired"


class QuoteSettled(Conflict):
    """What was approved, or ended, is not negotiated any more."""

    code = "quoteSettled"


class QuoteOrdered(Conflict):
    """It has become an order."""

    code = "quoteOrdered"


class QuoteNotReady(Refused):
    """It isn't approved, or nobody is known whom it binds."""

    code = "quoteNotReady"


class NotYoursToApprove(Forbidden):
    """Altered prices are approved by somebody other than who altered them."""

    code = "notYoursToApprove"


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """What was negotiated of a price: an amount or a percentage of it, negative where it is
    taken off."""

    name: str
    kind: PriceKind
    price: str | None
    amount: Money | None
    percentage: Decimal | None
    at: str


def alterations_in(item: Body, at: str) -> list[Alteration]:
    """What an item's `quoteItemPrice` asks to alter. Raises `UnfitDocument`."""
    found = []
    for place, price in enumerate(item.get("quoteItemPrice") or ()):
        within = f"{at}.quoteItemPrice[{place}]"
        for index, each in enumerate(price.get("priceAlteration") or ()):
            if each.get(PROMOTED):
                continue  # It is taken off anew, if it still is.
            where = f"{within}.priceAlteration[{index}]"
            if each.get("applicationDuration"):
                raise UnfitDocument(
                    "an alteration holds as long as the product does",
                    path=f"{where}.applicationDuration",
                )
            of = price.get("productOfferingPrice") or each.get("productOfferingPrice") or {}
            found.append(_alteration(price, each, of.get("id"), where))
    return found


def _alteration(price: Body, each: Body, of: str | None, at: str) -> Alteration:
    said = str(each.get("priceType") or price.get("priceType") or "recurring")
    kinds = {str(kind).lower(): kind for kind in PriceKind}
    kind = kinds.get(said.replace(" ", "").lower())
    if kind is None:
        raise UnfitDocument(f"is one of {', '.join(PriceKind)}", path=f"{at}.priceType")
    cost = each["price"]
    amount = cost.get("dutyFreeAmount")
    percentage = cost.get("percentage")
    if percentage is None and (amount is None or "unit" not in amount or "value" not in amount):
        raise UnfitDocument("says neither an amount nor a percentage", path=f"{at}.price")
    return Alteration(
        name=each.get("name") or "Negotiated",
        kind=kind,
        price=of,
        amount=None
        if percentage is not None
        else Money.of(_decimal(amount["value"]), amount["unit"], path=f"{at}.price"),
        percentage=None if percentage is None else _decimal(percentage),
        at=at,
    )


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def altered(listed: Sequence[Counted], asked: Sequence[Alteration]) -> list[Counted]:
    """The prices with what is asked for. Raises `UnfitDocument` for an alteration of what it
    doesn't cost, in another currency, or below nothing."""
    found = list(listed)
    for each in asked:
        place = _place(found, each)
        price, count = found[place]
        amount = each.amount
        if amount is None:
            assert each.percentage is not None
            if abs(each.percentage) > _LARGEST_SHARE:
                raise UnfitDocument("is not a percentage", path=f"{each.at}.price")
            share = int((each.percentage * MICROS).to_integral_value())
            amount = price.amount.scaled(share, 100 * MICROS)
        if amount.currency != price.amount.currency:
            raise UnfitDocument(f"is not in {price.amount.currency}", path=f"{each.at}.price")
        alteration = PriceAlteration(name=each.name, amount=amount)
        price = msgspec.structs.replace(price, alterations=(*price.alterations, alteration))
        if not 0 <= price.altered.micros <= LARGEST or abs(amount.micros) > LARGEST:
            raise UnfitDocument(f"{price.name} would cost {price.altered}", path=f"{each.at}.price")
        found[place] = (price, count)
    return found


def _place(listed: Sequence[Counted], asked: Alteration) -> int:
    for place, (price, _) in enumerate(listed):
        if price.kind is asked.kind and asked.price in (None, price.offering_price):
            return place
    raise UnfitDocument(f"there is no {asked.kind} price to alter", path=asked.at)


def kept_price(price: ProductPrice, promoted: int) -> Body:
    """A QuotePrice, the first so many alterations of which are promotions'; `taxCategory` is an
    extension."""
    kept = price_body(price) | {"taxCategory": price.tax_category}
    for each in kept.get("priceAlteration", ())[:promoted]:
        each[PROMOTED] = True
    return kept


def price_kept(body: Mapping[str, Any]) -> ProductPrice:
    """The inverse of `kept_price`."""
    recurs = str(body.get("recurringChargePeriod", "1")).split()[0]
    return ProductPrice(
        kind=PriceKind(body["priceType"]),
        name=body["name"],
        amount=_money(body),
        period_months=int(recurs),
        offering_price=(body.get("productOfferingPrice") or {}).get("id"),
        tax_category=body["taxCategory"],
        alterations=tuple(
            PriceAlteration(name=each["name"], amount=_money(each))
            for each in body.get("priceAlteration") or ()
        ),
    )


def _money(body: Mapping[str, Any]) -> Money:
    amount = body["price"]["dutyFreeAmount"]
    return Money.of(_decimal(amount["value"]), amount["unit"])


def is_expired(body: Body, now: datetime) -> bool:
    return parse_instant(body["validFor"]["endDateTime"]) <= now


def orders_in(body: Body, inner: str = "quoteItem") -> list[str]:
    """The orders that its items refer to."""
    found: list[str] = []
    for item in body.get(inner) or ():
        made = (item.get("product") or {}).get("productOrderItem") or ()
        found += [each["productOrderId"] for each in made]
        found += orders_in(item, inner)
    return found
