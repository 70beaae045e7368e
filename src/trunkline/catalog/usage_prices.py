"""Prices of use as their documents write them (`docs/operating/tariffs.md`)."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from trunkline.catalog.model import InvalidDocument
from trunkline.catalog.reading import (
    Body,
    as_number,
    as_object,
    as_whole,
    at,
    money_at,
    text_at,
)
from trunkline.catalog.usage import (
    Allowance,
    Measure,
    PriceId,
    Service,
    Step,
    TierMode,
    TierPeriod,
    UsageCounter,
    UsageDiscount,
    UsagePrice,
    Where,
    Window,
    Zone,
    unit_of,
)
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit

_LARGEST_NUMBER = 2**32 - 1
_NAMED = re.compile(r"[a-z][a-z0-9-]{0,10}", re.ASCII)
_NETWORK = re.compile(r"[0-9]{3,6}", re.ASCII)
_SLICE = re.compile(r"[0-9]{1,3}(-[0-9a-fA-F]{6})?", re.ASCII)
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday")
_DAY = 86_400
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": _DAY, "week": 7 * _DAY}
_LONGEST_NAME = 100
_MOST_LISTED = 1000
_MOST_VALIDITY = 10 * 366 * _DAY
_PERCENT = 1_000_000
_CALLS_NOBODY = (Service.DATA, Service.CONTENT, Service.VOICE_IN, Service.SMS_IN)


def usage_price(body: Body, price_id: PriceId, name: str, tax: str, path: str) -> UsagePrice:
    service = _service(body, path)
    amount = _price(body, service, None, path)
    is_share = service == Service.CONTENT
    per = Quantity(_PERCENT, Unit.MICROS) if is_share else _quantity(body, service, path)
    currency = amount.currency
    sheet = text_at(body, "rateSheet", path)
    if sheet is not None and service in _CALLS_NOBODY:
        raise InvalidDocument(
            f"{service} has no called number to look up in a rate sheet", path=at(path, "rateSheet")
        )
    fee = _more_money(body, "connectionFee", currency, path)
    where = _where(body, path)
    spent = _goes_by_spending(body, service)
    steps = _steps(body, service, currency, path, spent=spent)
    mode = TierMode(_one_of(body, "tierMode", tuple(TierMode), path) or TierMode.GRADUATED)
    if mode is TierMode.VOLUME and not steps:
        raise InvalidDocument("a volume price has tiers", path=at(path, "tiers"))
    holidays = _holidays(body, path)
    windows = _windows(body, service, currency, path, spent=spent)
    period = TierPeriod(_one_of(body, "tierPeriod", tuple(TierPeriod), path) or TierPeriod.SESSION)
    if spent:
        _check_spending(mode, period, (*steps, *(s for each in windows for s in each.steps)), path)
    if any(7 in window.days for window in windows) and not holidays:
        raise InvalidDocument("no day is one: list them", path=at(path, "holidays"))
    if windows and mode is TierMode.VOLUME:
        raise InvalidDocument("a volume price has none", path=at(path, "windows"))
    return UsagePrice(
        id=price_id,
        name=name,
        service=service,
        amount=amount,
        per=per,
        rate_sheet=sheet,
        increments=_increments(body, path),
        connection_fee=fee or Money.zero(currency),
        tax_category=tax,
        where=where,
        minimum=_more_money(body, "minimumCharge", currency, path),
        steps=steps,
        tier_mode=mode,
        tier_period=period,
        by_spending=spent,
        windows=windows,
        holidays=holidays,
    )


def allowance(body: Body, price_id: PriceId, name: str, path: str) -> Allowance:
    service = _service(body, path)
    where = _where(body, path)
    validity = _validity(body, path)
    first_use = _flag(body, "firstUse", path)
    if first_use and not validity:
        raise InvalidDocument("for how long, from its first use on?", path=at(path, "validity"))
    rollover = 0
    if body.get("rollover") is not None:
        rollover = _quantity(body, service, path, "rollover").amount
        if validity:
            raise InvalidDocument(
                "what has a validity of its own doesn't roll over", path=at(path, "rollover")
            )
    return Allowance(
        id=price_id,
        name=name,
        service=service,
        quantity=_quantity(body, service, path),
        priority=as_whole(body.get("priority", 0), at(path, "priority"), least=0),
        where=where,
        validity=validity,
        first_use=first_use,
        rollover=rollover,
    )


def usage_discount(body: Body, price_id: PriceId, name: str, path: str) -> UsageDiscount:
    service = _service(body, path) if body.get("service") is not None else None
    start, spent = 0, None
    if _is_money(body.get("from"), service):
        spent = money_at(body, "from", path)
    elif body.get("from") is not None:
        if service is None:
            raise InvalidDocument("units of what?", path=at(path, "service"))
        start = _units(body, "from", service, path)
    hundredths = _percentage(body, path, most=100, factor=100)
    if not hundredths:
        raise InvalidDocument("a discount of nothing", path=at(path, "percentage"))
    return UsageDiscount(
        id=price_id,
        name=name,
        hundredths=hundredths,
        service=service,
        where=_where(body, path),
        start=start,
        spent=spent,
    )


def usage_counter(body: Body, price_id: PriceId, name: str, path: str) -> UsageCounter:
    measure = Measure(_one_of(body, "measure", tuple(Measure), path) or Measure.UNITS)
    service = _service(body, path) if body.get("service") is not None else None
    if service is None and measure is not Measure.MONEY:
        raise InvalidDocument("units of what?", path=at(path, "service"))
    return UsageCounter(
        id=price_id,
        name=name,
        counter=_name(body, "counter", path) or str(price_id),
        measure=measure,
        service=service,
        where=_where(body, path),
    )


def _service(body: Body, path: str) -> str:
    text = text_at(body, "service", path) or ""
    if text in tuple(Service):
        return Service(text)
    if not _NAMED.fullmatch(text):
        raise InvalidDocument(
            f"{text[:40]!r} is none of {', '.join(Service)}, nor a name of your own: 1 to 11 of"
            " a-z, 0-9 and -, a letter first",
            path=at(path, "service"),
        )
    return text


def _price(item: Body, service: str, currency: str | None, path: str) -> Money:
    """`price`; of content, `percentage`: what one unit of the currency costs."""
    if service == Service.CONTENT:
        if currency is None:
            currency = text_at(item, "currency", path)
        if currency is None:
            raise InvalidDocument("a percentage in which currency?", path=at(path, "currency"))
        share = _percentage(item, path, most=1000, factor=10_000)
        return Money.of(Decimal(share) / _PERCENT, currency, path=at(path, "currency"))
    amount = money_at(item, "price", path)
    if currency not in (None, amount.currency):
        raise InvalidDocument(
            f"the price is in {currency}, this in {amount.currency}", path=at(path, "price.unit")
        )
    return amount


def _percentage(body: Body, path: str, *, most: int, factor: int) -> int:
    """In parts of a percent, `factor` of them."""
    here = at(path, "percentage")
    share = as_number(body.get("percentage"), here)
    if not share.is_finite() or not 0 <= share <= most:
        raise InvalidDocument(f"is not from 0 to {most}", path=here)
    if share * factor != (share * factor).to_integral_value():
        raise InvalidDocument(f"is finer than 1/{factor} of a percent", path=here)
    return int(share * factor)


def _where(body: Body, path: str) -> Where:
    qos = None
    if body.get("qos") is not None:
        qos = as_whole(body["qos"], at(path, "qos"), least=0)
        if qos > 255:
            raise InvalidDocument("a 5QI or QCI is at most 255", path=at(path, "qos"))
    slice_ = text_at(body, "slice", path)
    if slice_ is not None and not (_SLICE.fullmatch(slice_) and int(slice_.split("-")[0]) < 256):
        raise InvalidDocument("is not SST or SST-SD (1-0000aa)", path=at(path, "slice"))
    return Where(
        rating_group=_number32(body, "ratingGroup", path),
        service_identifier=_number32(body, "serviceIdentifier", path),
        zone=_zone(body, path),
        dnn=_name(body, "dnn", path),
        slice=slice_,
        qos=qos,
    )


def _zone(body: Body, path: str) -> Zone | None:
    value, here = body.get("zone"), at(path, "zone")
    if value is None:
        return None
    if isinstance(value, str):
        return Zone(_checked(value, here))
    zone = as_object(value, here)
    name = _name(zone, "name", here)
    if name is None:
        raise InvalidDocument("a zone has a name", path=at(here, "name"))
    listed = _list(zone, "networks", here)
    for index, each in enumerate(listed):
        if not isinstance(each, str) or not _NETWORK.fullmatch(each):
            raise InvalidDocument(
                "is not an MCC, nor an MCC and MNC", path=f"{here}.networks[{index}]"
            )
        if each in listed[:index]:
            raise InvalidDocument("stands there twice", path=f"{here}.networks[{index}]")
    return Zone(name, tuple(listed))


def _number32(body: Body, name: str, path: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    number = as_whole(value, at(path, name), least=0)
    if number > _LARGEST_NUMBER:
        what = "a rating group" if name == "ratingGroup" else "a service identifier"
        raise InvalidDocument(f"{what} is an unsigned 32-bit integer", path=at(path, name))
    return number


def _name(body: Body, name: str, path: str) -> str | None:
    text = text_at(body, name, path)
    return None if text is None else _checked(text, at(path, name))


def _checked(text: str, path: str) -> str:
    if not 1 <= len(text) <= _LONGEST_NAME or not text.isprintable():
        raise InvalidDocument(f"a name has 1 to {_LONGEST_NAME} printable characters", path=path)
    return text


def _flag(body: Body, name: str, path: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidDocument("is neither true nor false", path=at(path, name))
    return value


def _one_of(body: Body, name: str, words: Sequence[str], path: str) -> str | None:
    text = text_at(body, name, path)
    if text is not None and text not in words:
        raise InvalidDocument(f"{text[:40]!r} is none of {', '.join(words)}", path=at(path, name))
    return text


def _list(body: Body, name: str, path: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_LISTED:
        raise InvalidDocument(f"is not a list of 1 to {_MOST_LISTED}", path=at(path, name))
    return value


def _more_money(body: Body, name: str, currency: str, path: str) -> Money | None:
    if body.get(name) is None:
        return None
    amount = money_at(body, name, path)
    if amount.currency != currency:
        raise InvalidDocument(
            f"the price is in {currency}, this in {amount.currency}", path=at(path, f"{name}.unit")
        )
    return amount


def _is_money(value: object, service: str | None) -> bool:
    """Whether a bound is an amount that was spent; one of content's is of the content's own."""
    return isinstance(value, Mapping) and "value" in value and service != Service.CONTENT


def _goes_by_spending(body: Body, service: str) -> bool:
    """Whether a tier of the price, or of a window of it, begins where so much was spent."""
    windows = body.get("windows")
    for item in (body, *(windows if isinstance(windows, list) else ())):
        tiers = item.get("tiers") if isinstance(item, Mapping) else None
        for each in tiers if isinstance(tiers, list) else ():
            if isinstance(each, Mapping) and _is_money(each.get("from"), service):
                return True
    return False


def _check_spending(mode: TierMode, period: TierPeriod, steps: Sequence[Step], path: str) -> None:
    if period is not TierPeriod.MONTH:
        raise InvalidDocument("what is spent adds up by the month", path=at(path, "tierPeriod"))
    if mode is TierMode.VOLUME:
        raise InvalidDocument("a volume price goes by units", path=at(path, "tierMode"))
    if any(each.flat for each in steps):
        raise InvalidDocument("what is spent brings no flat amounts", path=at(path, "tiers"))


def _steps(body: Body, service: str, currency: str, path: str, *, spent: bool) -> tuple[Step, ...]:
    """`tiers`: what `price` is from where on, in units or, where it goes by what was `spent`, in
    micros; the first begins at 0."""
    steps: list[Step] = []
    for index, each in enumerate(_list(body, "tiers", path)):
        place = f"{at(path, 'tiers')}[{index}]"
        item = as_object(each, place)
        if spent and item.get("from", 0) != 0:
            bound = _more_money(item, "from", currency, place)
            start = 0 if bound is None else bound.micros
        else:
            start = _units(item, "from", service, place)
        if index == 0 and start:
            raise InvalidDocument("the first tier begins at 0", path=at(place, "from"))
        if index and start <= steps[-1].start:
            raise InvalidDocument("tiers begin one after another", path=at(place, "from"))
        amount = _price(item, service, currency, place)
        flat = _more_money(item, "flat", currency, place) or Money.zero(currency)
        steps.append(Step(start, amount, flat))
    return tuple(steps)


def _units(item: Body, name: str, service: str, path: str) -> int:
    """A number of the service's base unit, or a Quantity; of content an amount of money."""
    value = item.get(name, 0)
    if not isinstance(value, Mapping):
        return as_whole(value, at(path, name), least=0)
    if service == Service.CONTENT:
        return money_at(item, name, path).micros
    return _quantity(item, service, path, name).amount


def _windows(
    body: Body, service: str, currency: str, path: str, *, spent: bool
) -> tuple[Window, ...]:
    windows: list[Window] = []
    for index, each in enumerate(_list(body, "windows", path)):
        place = f"{at(path, 'windows')}[{index}]"
        item = as_object(each, place)
        days = _list(item, "days", place)
        for number, day in enumerate(days):
            if day not in _DAYS or day in days[:number]:
                raise InvalidDocument(
                    f"{str(day)[:40]!r} is none of {', '.join(_DAYS)}, or there twice",
                    path=f"{place}.days[{number}]",
                )
        start = _clock(item, "from", "00:00", place)
        end = _clock(item, "to", "24:00", place)
        if start >= end:
            raise InvalidDocument("ends before it begins: make it two", path=at(place, "to"))
        steps = _steps(item, service, currency, place, spent=spent)
        if not steps:
            amount = _price(item, service, currency, place)
            steps = (Step(0, amount, Money.zero(currency)),)
        numbers = tuple(sorted(_DAYS.index(day) for day in days)) if days else tuple(range(7))
        for other in windows:
            if set(other.days) & set(numbers) and start < other.end and other.start < end:
                raise InvalidDocument("overlaps another window", path=place)
        windows.append(Window(numbers, start, end, steps))
    return tuple(windows)


def _clock(item: Body, name: str, otherwise: str, path: str) -> int:
    text = text_at(item, name, path) or otherwise
    match = _CLOCK.fullmatch(text)
    second = int(match[1]) * 3600 + int(match[2]) * 60 if match else _DAY + 1
    if match is None or int(match[2]) > 59 or second > _DAY:
        raise InvalidDocument(
            f"{text[:20]!r} is no time of day (00:00 to 24:00)", path=at(path, name)
        )
    return second


def _holidays(body: Body, path: str) -> tuple[date, ...]:
    days = []
    for index, each in enumerate(_list(body, "holidays", path)):
        place = f"{at(path, 'holidays')}[{index}]"
        try:
            days.append(date.fromisoformat(each))
        except (TypeError, ValueError):
            raise InvalidDocument("is no date (2026-12-25)", path=place) from None
    return tuple(sorted(set(days)))


def _validity(body: Body, path: str) -> int:
    """In seconds; 0 where it isn't given."""
    if body.get("validity") is None:
        return 0
    here = at(path, "validity")
    value = as_object(body["validity"], here)
    units = text_at(value, "units", here) or ""
    seconds = _SECONDS.get(units.lower().removesuffix("s"))
    if seconds is None:
        raise InvalidDocument(
            f"{units[:20]!r} is none of {', '.join(_SECONDS)}", path=at(here, "units")
        )
    amount = as_whole(value.get("amount", 1), at(here, "amount"), least=1)
    if amount * seconds > _MOST_VALIDITY:
        raise InvalidDocument("is more than ten years", path=at(here, "amount"))
    return amount * seconds


def _quantity(body: Body, service: str, path: str, name: str = "unitOfMeasure") -> Quantity:
    here = at(path, name)
    value = as_object(body.get(name), here)
    units = value.get("units")
    if not isinstance(units, str):
        raise InvalidDocument("the units are missing", path=at(here, "units"))
    amount = as_number(value.get("amount", 1), at(here, "amount"))
    quantity = Quantity.parse(amount, units, path=here)
    if quantity.unit is not unit_of(service):
        raise InvalidDocument(
            f"{service} is counted in {unit_of(service)}, not in {quantity.unit}",
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
        item = as_object(each, place)
        start = as_whole(item.get("from"), at(place, "from"), least=0)
        block = as_whole(item.get("increment"), at(place, "increment"), least=1)
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
