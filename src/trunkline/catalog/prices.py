"""Prices as TMF620 writes them, and as the system reckons with them.

TMF620 v4 has no words for usage prices and allowances, so they are a ProductOfferingPrice of
`@type` UsagePrice, Allowance, UsageDiscount or UsageCounter with further attributes, which
`usage_prices` reads and `docs/operating/tariffs.md` describes.
"""

import msgspec

from trunkline.catalog.model import (
    InvalidDocument,
    OneTimePrice,
    Price,
    RecurringPrice,
)
from trunkline.catalog.reading import Body, as_object, as_whole, at, money_at, text_at, valid_for
from trunkline.catalog.usage import (
    STANDARD_TAX,
    PriceId,
)
from trunkline.catalog.usage_prices import allowance, usage_counter, usage_discount, usage_price

RECURRING, ONE_TIME, USAGE, ALLOWANCE = "recurring", "oneTime", "usage", "allowance"
DISCOUNT, COUNTER = "usageDiscount", "usageCounter"
_TYPES = {
    "UsagePrice": USAGE,
    "Allowance": ALLOWANCE,
    "UsageDiscount": DISCOUNT,
    "UsageCounter": COUNTER,
}
_PRICE_TYPES = {kind.lower(): kind for kind in (RECURRING, ONE_TIME, USAGE, ALLOWANCE)}
_MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}
_LONGEST_CATEGORY = 40


def parse_price(body: Body, *, price_id: PriceId, path: str = "") -> Price | None:
    """The typed price that a ProductOfferingPrice means; None for one of a type that is only
    kept (a discount, or no type at all). `path` stands before the paths of errors. Raises
    `InvalidDocument`, or `Invalid` for amounts, currencies and units."""
    kind = _kind(body, path)
    if kind is None:
        return None
    valid_from, valid_until = valid_for(body, path)
    return msgspec.structs.replace(
        _price_of(kind, body, price_id, path), valid_from=valid_from, valid_until=valid_until
    )


def _price_of(kind: str, body: Body, price_id: PriceId, path: str) -> Price:
    name = str(body.get("name") or price_id)
    if kind == RECURRING:
        return RecurringPrice(
            id=price_id,
            name=name,
            amount=money_at(body, "price", path),
            period_months=_period(body, path),
            tax_category=tax_category_of(body, path),
        )
    if kind == ONE_TIME:
        return OneTimePrice(
            id=price_id,
            name=name,
            amount=money_at(body, "price", path),
            tax_category=tax_category_of(body, path),
        )
    if kind == USAGE:
        return usage_price(body, price_id, name, tax_category_of(body, path), path)
    if kind == DISCOUNT:
        return usage_discount(body, price_id, name, path)
    if kind == COUNTER:
        return usage_counter(body, price_id, name, path)
    return allowance(body, price_id, name, path)


def _kind(body: Body, path: str) -> str | None:
    by_type = _TYPES.get(text_at(body, "@type", path) or "")
    price_type = text_at(body, "priceType", path)
    by_price_type = _PRICE_TYPES.get((price_type or "").replace(" ", "").lower())
    if by_type and price_type is not None and by_price_type not in (by_type, USAGE):
        raise InvalidDocument(
            f"{price_type[:40]!r} is not the type of a {body['@type']}", path=at(path, "priceType")
        )
    return by_type or by_price_type


def _period(body: Body, path: str) -> int:
    unit = text_at(body, "recurringChargePeriodType", path) or "month"
    months = _MONTHS.get(unit.lower())
    if months is None:
        raise InvalidDocument(
            f"{unit[:40]!r} is neither month nor year", path=at(path, "recurringChargePeriodType")
        )
    here = at(path, "recurringChargePeriodLength")
    length = as_whole(body.get("recurringChargePeriodLength", 1), here, least=1)
    if length * months > 120:
        raise InvalidDocument("a period is at most ten years", path=here)
    return length * months


def tax_category_of(body: Body, path: str) -> str:
    """The category of the first `tax` item; further ones are a matter for the tax tables."""
    items = body.get("tax")
    if not items:
        return STANDARD_TAX
    here = at(path, "tax[0]")
    first = as_object(items[0] if isinstance(items, list) else None, here)
    category = text_at(first, "taxCategory", here) or STANDARD_TAX
    if len(category) > _LONGEST_CATEGORY:
        raise InvalidDocument(
            f"has more than {_LONGEST_CATEGORY} characters", path=at(here, "taxCategory")
        )
    return category
