"""What is to be paid for an offering, and what several such prices come to. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from trunkline.catalog import Offering
from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.money import Money

Counted = tuple[ProductPrice, int]
"""A price, and how many times it is paid."""
Key = TypeVar("Key", bound=str)


def prices(offering: Offering, at: datetime) -> tuple[ProductPrice, ...]:
    """What a product of this offering costs beside its usage, as it is sold at this instant. What
    was sold keeps its price, whatever becomes of the catalogue's."""
    offering = offering.priced_at(at)
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
    return (*recurring, *one_time)


def costs(
    offering: Offering,
    offerings: Mapping[Key, Offering],
    named: Collection[str] = (),
    *,
    of: Callable[[Offering], tuple[ProductPrice, ...]],
) -> list[Counted]:
    """What one of an offering costs. A bundle that has prices is paid by them alone; another
    costs what its components do, but for those that are `named` (and priced) beside it. `of`
    gives the prices of one."""
    own = of(offering)
    if own or not offering.components:
        return [(price, 1) for price in own]
    known = {str(ident): each for ident, each in offerings.items()}
    return [
        (price, count)
        for part, count in zip(offering.components, offering.component_counts, strict=True)
        if count and part not in named and part in known
        for price in of(known[part])
    ]


class Total(msgspec.Struct, frozen=True):
    """What is paid once, or for each period of so many months: as listed, and as agreed."""

    kind: PriceKind
    period_months: int
    listed: Money
    agreed: Money


def totals(priced: Iterable[Counted]) -> list[Total]:
    """The sums of prices by kind, period and currency; what recurs comes first."""
    sums: dict[tuple[PriceKind, int, str], tuple[Money, Money]] = {}
    for price, count in priced:
        months = price.period_months if price.kind is PriceKind.RECURRING else 1
        key = (price.kind, months, price.amount.currency)
        zero = Money.zero(price.amount.currency)
        listed, agreed = sums.get(key, (zero, zero))
        sums[key] = (listed + price.amount * count, agreed + price.altered * count)
    order = sorted(sums, key=lambda key: (key[0] is not PriceKind.RECURRING, *key[1:]))
    return [Total(kind, months, *sums[kind, months, unit]) for kind, months, unit in order]
