"""What is to be paid for an offering, and what several such prices come to. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from trunkline.catalog import Offering
from trunkline.inventory import PriceAlteration, PriceKind, ProductPrice
from trunkline.kernel.money import Money
from trunkline.ordering.model import Agreed, UnfitOrder


def prices(offering: Offering, agreed: Sequence[Agreed] = ()) -> tuple[ProductPrice, ...]:
    """What a product of this offering costs beside its usage, as it is now, with what was
    agreed. Raises `UnfitOrder` for an alteration of what it doesn't cost, in another currency,
    or below nothing."""
    recurring = [
        ProductPrice(
            kind=PriceKind.RECURRING,
            name=price.name,
            amount=price.amount,
            period_months=price.period_months,
            offering_price=price.id,
            tax_category=price.tax_category,
        )
        for price in offering.recurring_prices
    ]
    one_time = [
        ProductPrice(
            kind=PriceKind.ONE_TIME,
            name=price.name,
            amount=price.amount,
            offering_price=price.id,
            tax_category=price.tax_category,
        )
        for price in offering.one_time_prices
    ]
    return altered((*recurring, *one_time), agreed)


def altered(listed: tuple[ProductPrice, ...], agreed: Sequence[Agreed]) -> tuple[ProductPrice, ...]:
    """The prices with what was agreed; the errors are those of `prices`."""
    found = list(listed)
    for each in agreed:
        place = _place(found, each)
        price = found[place]
        if price.amount.currency != each.amount.currency:
            raise UnfitOrder(f"{price.name} is in {price.amount.currency}, not {each.amount}")
        alteration = PriceAlteration(name=each.name, amount=each.amount, agreement=each.agreement)
        found[place] = msgspec.structs.replace(price, alterations=(*price.alterations, alteration))
        if found[place].altered.micros < 0:
            raise UnfitOrder(f"{price.name} would be less than nothing: {found[place].altered}")
    return tuple(found)


def _place(listed: Sequence[ProductPrice], agreed: Agreed) -> int:
    for place, price in enumerate(listed):
        if price.kind is agreed.kind and agreed.price in (None, price.offering_price):
            return place
    raise UnfitOrder(f"there is no {agreed.kind} price that {agreed.name[:60]!r} could alter")


class Total(msgspec.Struct, frozen=True):
    """What is paid once, or for each period of so many months: as listed, and as agreed."""

    kind: PriceKind
    period_months: int
    listed: Money
    agreed: Money


def totals(priced: Iterable[tuple[ProductPrice, int]]) -> list[Total]:
    """The sums of prices, each so many times, by kind, period and currency; what recurs comes
    first."""
    sums: dict[tuple[PriceKind, int, str], tuple[Money, Money]] = {}
    for price, count in priced:
        months = price.period_months if price.kind is PriceKind.RECURRING else 1
        key = (price.kind, months, price.amount.currency)
        zero = Money.zero(price.amount.currency)
        listed, agreed = sums.get(key, (zero, zero))
        sums[key] = (listed + price.amount * count, agreed + price.altered * count)
    order = sorted(sums, key=lambda key: (key[0] is not PriceKind.RECURRING, *key[1:]))
    return [Total(kind, months, *sums[kind, months, unit]) for kind, months, unit in order]
