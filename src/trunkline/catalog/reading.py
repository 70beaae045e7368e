"""What JSON bodies hold, read with the path of whatever is wrong."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.catalog.model import InvalidDocument
from trunkline.kernel.money import Money
from trunkline.kernel.time import parse_instant

LARGEST_COUNT = 2**62

Body = Mapping[str, Any]


def at(path: str, name: str) -> str:
    """The path of an attribute of what stands at `path`."""
    return f"{path}.{name}" if path else name


def money_at(body: Body, name: str, path: str) -> Money:
    """TMF Money {unit, value}, not negative."""
    here = at(path, name)
    value = as_object(body.get(name), here)
    unit, number = value.get("unit"), value.get("value")
    if not isinstance(unit, str):
        raise InvalidDocument("a currency is missing", path=at(here, "unit"))
    amount = Money.of(as_number(number, at(here, "value")), unit, path=at(here, "value"))
    if amount.micros < 0:
        raise InvalidDocument("a price is not negative", path=at(here, "value"))
    return amount


def as_object(value: object, path: str) -> Body:
    if not isinstance(value, Mapping):
        reason = "is missing" if value is None else "is not an object"
        raise InvalidDocument(reason, path=path)
    return value


def text_at(body: Body, name: str, path: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidDocument("is not a string", path=at(path, name))
    return value


def as_number(value: object, path: str) -> Decimal:
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


def as_whole(value: object, path: str, *, least: int) -> int:
    number = as_number(value, path)
    if not number.is_finite() or number != number.to_integral_value():
        raise InvalidDocument("is not a whole number", path=path)
    if not least <= number <= LARGEST_COUNT:
        raise InvalidDocument(f"is not from {least} to 2^62", path=path)
    return int(number)


def valid_for(body: Body, path: str = "") -> tuple[datetime | None, datetime | None]:
    """`validFor` as instants; None is open-ended."""
    period, here = body.get("validFor"), at(path, "validFor")
    if period is None:
        return None, None
    period = as_object(period, here)
    start, end = _instant(period, "startDateTime", here), _instant(period, "endDateTime", here)
    if start is not None and end is not None and end <= start:
        raise InvalidDocument("ends before it starts", path=at(here, "endDateTime"))
    return start, end


def _instant(period: Body, name: str, path: str) -> datetime | None:
    value = period.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidDocument("is not an instant", path=at(path, name))
    return parse_instant(value, path=at(path, name))
