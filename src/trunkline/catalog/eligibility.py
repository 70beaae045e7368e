"""Whom an offering is for, as its document declares it. Pure; what is unreadable restricts nothing.

`channel` and `marketSegment` are TMF620's; `productOfferingRelationship` of the types below says
what must, must not and could stand beside it. Characteristics of the offering say the rest:
`maximumPerCustomer`, and `accessTechnology` where it can be had only where that reaches.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

REQUIRES = frozenset({"requires", "dependency", "dependson", "relieson", "prerequisite"})
EXCLUDES = frozenset({"excludes", "exclusivity", "exclusion", "incompatible"})
ALTERNATIVES = frozenset({"alternative", "substitution", "substitutes", "substitutedby"})


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """Channels and segments are ids and names in lower case, empty where all are served; the
    others are ids of offerings. `most` is how many one customer may have."""

    channels: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()
    alternatives: tuple[str, ...] = ()
    most: int | None = None
    access: str | None = None

    @property
    def depends_on_others(self) -> bool:
        """Whether it matters what the customer has."""
        return bool(self.requires or self.excludes or self.most is not None)


EVERYBODY = Eligibility()


def eligibility_of(body: Mapping[str, Any], characteristics: Mapping[str, Any]) -> Eligibility:
    """What an offering's document, and the values of its characteristics, say of it."""
    related = list(_objects(body.get("productOfferingRelationship")))
    access = characteristics.get("accessTechnology")
    return Eligibility(
        channels=frozenset(_names(body.get("channel"))),
        segments=frozenset(_names(body.get("marketSegment"))),
        requires=frozenset(_related(related, REQUIRES)),
        excludes=frozenset(_related(related, EXCLUDES)),
        alternatives=tuple(dict.fromkeys(_related(related, ALTERNATIVES))),
        most=_count(characteristics.get("maximumPerCustomer")),
        access=access if isinstance(access, str) and access else None,
    )


def component_counts(body: Mapping[str, Any]) -> tuple[int, ...]:
    """How many of each component a bundle holds: `numberRelOfferDefault`, or else the lower
    limit, or else one. None of an optional one."""
    counts = []
    for each in _objects(body.get("bundledProductOffering")):
        option = each.get("bundledProductOfferingOption")
        option = option if isinstance(option, Mapping) else {}
        said = (option.get(f"numberRelOffer{which}") for which in ("Default", "LowerLimit"))
        counts.append(next((n for n in map(_count, said) if n is not None), 1))
    return tuple(counts)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


def _names(value: object) -> Iterator[str]:
    for each in _objects(value):
        for name in ("id", "name"):
            said = each.get(name)
            if isinstance(said, str) and said:
                yield said.lower()


def _related(related: list[Mapping[str, Any]], types: frozenset[str]) -> Iterator[str]:
    for each in related:
        if str(each.get("relationshipType", "")).lower() in types:
            yield str(each.get("id"))


def _count(value: object) -> int | None:
    """A whole number, said as one or as a text."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
