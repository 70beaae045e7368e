"""What promotions take off the prices of what is ordered, quoted or stands in a cart."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.catalog import OWNED, Effect, Facts, Offering, OfferingId
from trunkline.customers import Customer, CustomerId
from trunkline.inventory import PriceAlteration, ProductPrice
from trunkline.kernel.money import Money
from trunkline.ordering.bodies import Body, action_of, customer_and_path, id_of, offering_in
from trunkline.ordering.model import Action
from trunkline.ordering.pricing import prices
from trunkline.ordering.qualification.asking import held
from trunkline.ordering.qualification.model import segments
from trunkline.platform.db import Reader

CODE = "promotionCode"
"""The extension of orders, quotes and carts that names a promotion's code, or several."""


def promoted(
    r: Reader,
    *,
    owner: Customer | None,
    asked: Sequence[tuple[Offering, int]],
    channels: Iterable[str],
    code: Any,
    now: datetime,
) -> list[Effect]:
    """What the promotions on sale make cheaper where these offerings are asked for so often."""
    running = catalog.promotions(r)
    if not running:
        return []
    total = sum(
        (price.amount.to_decimal() * count for each, count in asked for price in prices(each, now)),
        Decimal(0),
    )
    codes = [code] if isinstance(code, str) else code if isinstance(code, list) else []
    facts: Facts = {
        "productOffering.id": {str(each.id) for each, _ in asked},
        "channel.id": {each.lower() for each in channels},
        "marketSegment.id": segments(owner.characteristics) if owner is not None else frozenset(),
        CODE: {each for each in codes if isinstance(each, str)},
        "total": [total],
    }
    if owner is not None and any(each.asks_for(OWNED) for each in running):
        had: Counter[str] = held(inventory.products_of_customer(r, owner.id))
        facts = {**facts, OWNED: set(had)}
    return catalog.effects_of(running, facts, now)


def promoted_in(
    r: Reader,
    body: Body,
    items: Iterable[tuple[str, Body]],
    offerings: Mapping[OfferingId, Offering],
    now: datetime,
) -> list[Effect]:
    """The same for what a cart or a quote asks for: its items, each with its place."""
    asked: Counter[OfferingId] = Counter()
    for at, item in items:
        named = offering_in(item, at)
        if named is not None and action_of(item, at) in (Action.ADD, Action.MODIFY):
            asked[OfferingId(named[0])] += item.get("quantity", 1)
    customer, channel = customer_and_path(body), id_of(body.get("channel"))
    known = customers.customers(r, {CustomerId(customer[0])}) if customer else {}
    return promoted(
        r,
        owner=next(iter(known.values()), None),
        asked=[(offerings[each], count) for each, count in asked.items() if each in offerings],
        channels=[channel] if channel else [],
        code=body.get(CODE),
        now=now,
    )


def reduced(
    offering: Offering, effects: Sequence[Effect], now: datetime
) -> tuple[ProductPrice, ...]:
    """The prices of an offering of now with what promotions take off: percents of each price, and
    amounts of the first in their currency that still costs something. None falls below zero."""
    cost = list(prices(offering, now))
    for effect in effects:
        if effect.offering not in (None, offering.id):
            continue
        if effect.percent is not None:
            cost = [_less(each, effect, _part(each.amount, effect.percent)) for each in cost]
        elif effect.amount is not None:
            _take(cost, effect, effect.amount)
    return tuple(cost)


def _take(cost: list[ProductPrice], effect: Effect, amount: Money) -> None:
    for i, price in enumerate(cost):
        if price.amount.currency == amount.currency and price.altered.micros > 0:
            cost[i] = _less(price, effect, amount)
            return


def _part(amount: Money, percent: Decimal) -> Money:
    numerator, denominator = percent.as_integer_ratio()
    return amount.scaled(numerator, denominator * 100)


def _less(price: ProductPrice, effect: Effect, by: Money) -> ProductPrice:
    taken = min(by, price.altered)
    if taken.micros <= 0:
        return price
    alteration = PriceAlteration(name=effect.name, amount=-taken)
    return msgspec.structs.replace(price, alterations=(*price.alterations, alteration))
