"""Prices as TMF620 writes them, and as the system reckons with them.

TMF620 v4 has no words for usage prices and allowances, so they are a ProductOfferingPrice of
`@type` UsagePrice or Allowance with further attributes: `service`, `ratingGroup`, `rateSheet`,
`increments` ([{from, increment}]), `connectionFee`, `priority`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trunkline.catalog.model import (
    STANDARD_TAX,
    Allowance,
    InvalidDocument,
    OneTimePrice,
    Price,
    PriceId,
    RecurringPrice,
    Service,
    UsagePrice,
)
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity

RECURRING, ONE_TIME, USAGE, ALLOWANCE = "recurring", "oneTime", "usage", "allowance"
_TYPES = {"UsagePrice": USAGE, "Allowance": ALLOWANCE}
_PRICE_TYPES = {kind.lower(): kind for kind in (RECURRING, ONE_TIME, USAGE, ALLOWANCE)}
_MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}
_LARGEST_RATING_GROUP = 2**32 - 1
_LARGEST_COUNT = 2**62
_LONGEST_CATEGORY = 40

Body = Mapping[str, Any]


def parse_price(body: Body, *, price_id: PriceId, path: str = "") -> Price | None:
    """The typed price that a ProductOfferingPrice means; None for one of a type that is only
    kept (a discount, or no type at all). `path` stands before the paths of errors. Raises
    `InvalidDocument`, or `Invalid` for amounts, currencies and units."""
    kind = _kind(body, path)
    if kind is None:
        return None
    name = str(body.get("name") or price_id)
    if kind == RECURRING:
        return RecurringPrice(
            id=price_id,
            name=name,
            amount=_money(body, "price", path),
            period_months=_period(body, path),
            tax_category=_tax_category(body, path),
        )
    if kind == ONE_TIME:
        return OneTimePrice(
            id=price_id,
            name=name,
            amount=_money(body, "price", path),
            tax_category=_tax_category(body, path),
        )
    if kind == USAGE:
        return _usage_price(body, price_id, name, path)
    return _allowance(body, price_id, name, path)


def at(path: str, name: str) -> str:
    """The path of an attribute of what stands at `path`."""
    return f"{path}.{name}" if path else name


def _kind(body: Body, path: str) -> str | None:
    by_type = _TYPES.get(_optional_text(body, "@type", path) or "")
    price_type = _optional_text(body, "priceType", path)
    by_price_type = _PRICE_TYPES.get((price_type or "").replace(" ", "").lower())
    if by_type and price_type is not None and by_price_type not in (by_type, USAGE):
        raise InvalidDocument(
            f"{price_type[:40]!r} is not the type of a {body['@type']}", path=at(path, "priceType")
        )
    return by_type or by_price_type


def _usage_price(body: Body, price_id: PriceId, name: str, path: str) -> UsagePrice:
    service = _service(body, path)
    amount = _money(body, "price", path)
    per = _quantity(body, service, path)
    fee = _money(body, "connectionFee", path) if "connectionFee" in body else None
    if fee is not None and fee.currency != amount.currency:
        raise InvalidDocument(
            f"the price is in {amount.currency}, the connection fee in {fee.currency}",
            path=at(path, "connectionFee.unit"),
        )
    sheet = _optional_text(body, "rateSheet", path)
    if sheet is not None and service is Service.DATA:
        raise InvalidDocument(
            "data has no called number to look up in a rate sheet", path=at(path, "rateSheet")
        )
    return UsagePrice(
        id=price_id,
        name=name,
        service=service,
        amount=amount,
        per=per,
        rating_group=_rating_group(body, path),
        rate_sheet=sheet,
        increments=_increments(body, path),
        connection_fee=fee or Money.zero(amount.currency),
        tax_category=_tax_category(body, path),
    )


def _allowance(body: Body, price_id: PriceId, name: str, path: str) -> Allowance:
    service = _service(body, path)
    priority = _whole(body.get("priority", 0), at(path, "priority"), least=0)
    return Allowance(
        id=price_id,
        name=name,
        service=service,
        quantity=_quantity(body, service, path),
        rating_group=_rating_group(body, path),
        priority=priority,
    )


def _service(body: Body, path: str) -> Service:
    text = _optional_text(body, "service", path)
    if text not in tuple(Service):
        raise InvalidDocument(
            f"{str(text)[:40]!r} is none of {', '.join(Service)}", path=at(path, "service")
        )
    return Service(text)


def _money(body: Body, name: str, path: str) -> Money:
    """TMF Money {unit, value}, not negative."""
    here = at(path, name)
    value = _object(body.get(name), here)
    unit, number = value.get("unit"), value.get("value")
    if not isinstance(unit, str):
        raise InvalidDocument("a currency is missing", path=at(here, "unit"))
    amount = Money.of(_number(number, at(here, "value")), unit, path=at(here, "value"))
    if amount.micros < 0:
        raise InvalidDocument("a price is not negative", path=at(here, "value"))
    return amount


def _quantity(body: Body, service: Service, path: str) -> Quantity:
    here = at(path, "unitOfMeasure")
    value = _object(body.get("unitOfMeasure"), here)
    units = value.get("units")
    if not isinstance(units, str):
        raise InvalidDocument("the units are missing", path=at(here, "units"))
    amount = _number(value.get("amount", 1), at(here, "amount"))
    quantity = Quantity.parse(amount, units, path=here)
    if quantity.unit is not service.unit:
        raise InvalidDocument(
            f"{service} is counted in {service.unit}, not in {quantity.unit}",
            path=at(here, "units"),
        )
    if quantity.amount < 1:
        raise InvalidDocument("the amount is not positive", path=at(here, "amount"))
    return quantity


def _increments(body: Body, path: str) -> tuple[tuple[int, int], ...]:
    here = at(path, "increments")
    listed = body.get("increments")
    if listed is None:
        return ((0, 1),)
    if not isinstance(listed, list) or not listed:
        raise InvalidDocument("a list of {from, increment} is needed", path=here)
    increments: list[tuple[int, int]] = []
    for index, each in enumerate(listed):
        place = f"{here}[{index}]"
        item = _object(each, place)
        start = _whole(item.get("from"), at(place, "from"), least=0)
        block = _whole(item.get("increment"), at(place, "increment"), least=1)
        if index == 0 and start != 0:
            raise InvalidDocument("the first increment begins at 0", path=at(place, "from"))
        if index and start <= increments[-1][0]:
            raise InvalidDocument("increments begin one after another", path=at(place, "from"))
        if index and (start - increments[-1][0]) % increments[-1][1]:
            raise InvalidDocument(
                f"{start} cuts a block of {increments[-1][1]} in two", path=at(place, "from")
            )
        increments.append((start, block))
    return tuple(increments)


def _rating_group(body: Body, path: str) -> int | None:
    value = body.get("ratingGroup")
    if value is None:
        return None
    here = at(path, "ratingGroup")
    number = _whole(value, here, least=0)
    if number > _LARGEST_RATING_GROUP:
        raise InvalidDocument("a rating group is an unsigned 32-bit integer", path=here)
    return number


def _period(body: Body, path: str) -> int:
    unit = _optional_text(body, "recurringChargePeriodType", path) or "month"
    months = _MONTHS.get(unit.lower())
    if months is None:
        raise InvalidDocument(
            f"{unit[:40]!r} is neither month nor year", path=at(path, "recurringChargePeriodType")
        )
    here = at(path, "recurringChargePeriodLength")
    length = _whole(body.get("recurringChargePeriodLength", 1), here, least=1)
    if length * months > 120:
        raise InvalidDocument("a period is at most ten years", path=here)
    return length * months


def _tax_category(body: Body, path: str) -> str:
    """The category of the first `tax` item; further ones are a matter for the tax tables."""
    items = body.get("tax")
    if not items:
        return STANDARD_TAX
    here = at(path, "tax[0]")
    first = _object(items[0] if isinstance(items, list) else None, here)
    category = _optional_text(first, "taxCategory", here) or STANDARD_TAX
    if len(category) > _LONGEST_CATEGORY:
        raise InvalidDocument(
            f"has more than {_LONGEST_CATEGORY} characters", path=at(here, "taxCategory")
        )
    return category


def _object(value: object, path: str) -> Body:
    if not isinstance(value, Mapping):
        reason = "is missing" if value is None else "is not an object"
        raise InvalidDocument(reason, path=path)
    return value


def _optional_text(body: Body, name: str, path: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidDocument("is not a string", path=at(path, name))
    return value


def _number(value: object, path: str) -> Decimal:
    """A JSON number, or a decimal in a string."""
    if value is None:
        raise InvalidDocument("is missing", path=path)
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        raise InvalidDocument("is not a number", path=path)
    try:
        # Through its text, so that a binary fraction counts as the digits it was written with.
        return Decimal(str(value))
    except ArithmeticError:
        raise InvalidDocument(f"{str(value)[:40]!r} is not a number", path=path) from None


def _whole(value: object, path: str, *, least: int) -> int:
    number = _number(value, path)
    if not number.is_finite() or number != number.to_integral_value():
        raise InvalidDocument("is not a whole number", path=path)
    if not least <= number <= _LARGEST_COUNT:
        raise InvalidDocument(f"is not from {least} to 2^62", path=path)
    return int(number)
