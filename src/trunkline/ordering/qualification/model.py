"""Whether an asker may have an offering, and why not. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from trunkline.catalog import Offering, OneTimePrice, RecurringPrice, UsagePrice
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id

_MOST_PLACES = 100


class QualificationId(Id):
    __slots__ = ()
    prefix = "poq"


class Reason(msgspec.Struct, frozen=True):
    """Why not: a stable code, and words for a person (TMF679,
    EligibilityUnavailabilityReason)."""

    code: str
    label: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is to be delivered: the id of a place, or its postcode."""

    id: str | None = None
    postcode: str | None = None
    country: str | None = None


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as far as it is known. `has` counts what they have by offering, and `reached`
    holds the access technologies at their place (None where no place was named). Names are in
    lower case."""

    brand: str | None = None
    currency: str | None = None
    segments: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    has: Mapping[str, int] = {}
    reached: frozenset[str] | None = None


class UnfitReach(Invalid):
    code = "unfitReach"


def reasons(
    offering: Offering,
    asker: Asker,
    *,
    at: datetime,
    together: Mapping[str, int],
    parts: Iterable[Offering] = (),
) -> list[Reason]:
    """All that speaks against it, the gravest first; nothing where it may be had. `together`
    counts what is asked for at once, this offering included. `parts` are a bundle's components:
    they need not be on sale by themselves, but they must reach the place."""
    return [
        *_on_sale(offering, at),
        *_sold_here(offering, asker),
        *_meant_for(offering, asker),
        *_beside_others(offering, asker, together),
        *(reason for each in (offering, *parts) for reason in _reached(each, asker)),
    ]


def _on_sale(offering: Offering, at: datetime) -> Iterator[Reason]:
    name = f"the offering {offering.id}"
    if offering.is_on_sale(at):
        return
    if offering.valid_from is not None and at < offering.valid_from:
        yield Reason("notYetOnSale", f"{name} is not on sale yet")
    elif offering.valid_until is not None and at >= offering.valid_until:
        yield Reason("noLongerOnSale", f"{name} is no longer on sale")
    else:
        yield Reason("notOnSale", f"{name} is not on sale: it is {offering.status}")


def _sold_here(offering: Offering, asker: Asker) -> Iterator[Reason]:
    name = f"the offering {offering.id}"
    if offering.brand is not None and asker.brand is not None and offering.brand != asker.brand:
        yield Reason("otherBrand", f"{name} is another brand's")
    for currency in currencies(offering):
        if asker.currency is not None and currency != asker.currency:
            yield Reason(
                "otherCurrency", f"{name} is priced in {currency}, and paid is in {asker.currency}"
            )


def currencies(offering: Offering) -> list[str]:
    """Those of its prices."""
    priced: tuple[RecurringPrice | OneTimePrice | UsagePrice, ...] = (
        *offering.recurring_prices,
        *offering.one_time_prices,
        *offering.usage_prices,
    )
    return sorted({price.amount.currency for price in priced})


def _meant_for(offering: Offering, asker: Asker) -> Iterator[Reason]:
    name, rule = f"the offering {offering.id}", offering.eligibility
    if rule.channels and asker.channels and not rule.channels & asker.channels:
        yield Reason("otherChannel", f"{name} is not sold through this channel")
    if rule.segments and not rule.segments & asker.segments:
        said = ", ".join(sorted(rule.segments))
        yield Reason("otherSegment", f"{name} is for the segments {said} alone")


def _beside_others(
    offering: Offering, asker: Asker, together: Mapping[str, int]
) -> Iterator[Reason]:
    name, rule = f"the offering {offering.id}", offering.eligibility

    def has(other: str) -> int:
        return max(asker.has.get(other, 0) + together.get(other, 0), 0)

    for other in sorted(rule.requires):
        if not has(other):
            yield Reason("requiresOther", f"{name} requires the offering {other}")
    for other in sorted(rule.excludes):
        if has(other):
            yield Reason("excludedByOther", f"{name} can't stand beside the offering {other}")
    if rule.most is not None and has(offering.id) > rule.most:
        yield Reason("tooMany", f"a customer may have {rule.most} of {name}")


def _reached(offering: Offering, asker: Asker) -> Iterator[Reason]:
    access = offering.eligibility.access
    if access is None:
        return
    if asker.reached is None:
        yield Reason("placeNeeded", f"where it is to be had decides on the offering {offering.id}")
    elif access.lower() not in asker.reached:
        yield Reason("outOfReach", f"{access} does not reach this place")


def segments(characteristics: Mapping[str, Any]) -> frozenset[str]:
    """A customer's segments: its characteristic `segment` or `marketSegment`, a text or a list
    of them."""
    found: set[str] = set()
    for name in ("segment", "marketSegment"):
        said = characteristics.get(name)
        found |= {str(each).lower() for each in (said if isinstance(said, list) else [said])}
    return frozenset(found - {"none", ""})


def places(given: list[Mapping[str, Any]] | None) -> Iterator[Place]:
    """TM Forum's places (references or addresses) that say where they are."""
    for each in islice(given or (), _MOST_PLACES):
        place = Place(
            id=_text(each, "id"),
            postcode=_text(each, "postcode") or _text(each, "postCode"),
            country=_text(each, "country"),
        )
        if place.id or place.postcode:
            yield place


def _text(given: Mapping[str, Any], name: str) -> str | None:
    said = given.get(name)
    return said if isinstance(said, str) and said else None


def plain_postcode(text: str) -> str:
    """As areas are kept and found: without spaces and dashes, in upper case."""
    return "".join(each for each in text.upper() if each.isalnum())
