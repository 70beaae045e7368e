"""Promotions: what TMF671's patterns mean, and which of them hold.

Of a promotion that is on sale and of the type Discount or Reduction, each pattern says under
which criteria what becomes cheaper. The pattern of the smallest `priority` number whose criteria
hold takes effect, and no other of that promotion. Other types (awards, say) are kept, and mean
nothing here.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from trunkline.catalog.model import ON_SALE, Document, InvalidDocument, OfferingId, PromotionId
from trunkline.catalog.reading import at, valid_for
from trunkline.kernel.money import Money

Body = Mapping[str, Any]
Facts = Mapping[str, Collection[str | Decimal]]
"""What is known of a sale, by the names of `TEXTS` and `NUMBERS`: all values of each. Channels
and segments are in small letters."""

OWNED = "product.productOffering.id"
TEXTS = frozenset({"productOffering.id", OWNED, "channel.id", "marketSegment.id", "promotionCode"})
"""Parameters whose values are texts: what is bought, what the customer has, and so on."""
_IN_SMALL_LETTERS = frozenset({"channel.id", "marketSegment.id"})
NUMBERS = frozenset({"total"})
"""Those whose values are numbers: the total is in main units of the sale's currency."""

_TYPES = frozenset({"discount", "reduction"})
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes cheaper: one `offering`, or everything bought (None); by `percent` of its
    prices, or by an `amount` of them. `path` is where it stands in the promotion."""

    promotion: PromotionId
    name: str
    path: str
    offering: OfferingId | None = None
    percent: Decimal | None = None
    amount: Money | None = None


class Criterion(msgspec.Struct, frozen=True):
    parameter: str
    compare: str
    value: str | Decimal

    def holds(self, facts: Facts) -> bool:
        """Whether some known value satisfies it; `<>` whether all do."""
        values = facts.get(self.parameter, ())
        some = all if self.compare == "<>" else any
        return some(_OPERATORS[self.compare](each, self.value) for each in values)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    priority: int
    start: datetime | None
    end: datetime | None
    groups: tuple[tuple[bool, tuple[Criterion, ...]], ...]
    """Whether all of them must hold, or one."""
    all_groups: bool
    effects: tuple[Effect, ...]

    def holds(self, facts: Facts, now: datetime) -> bool:
        if (self.start and now < self.start) or (self.end and now >= self.end):
            return False
        held = [
            (all if together else any)(each.holds(facts) for each in criteria)
            for together, criteria in self.groups
        ]
        return (all if self.all_groups else any)(held)


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One on sale, as it takes effect; `patterns` by their priority."""

    start: datetime | None
    end: datetime | None
    patterns: tuple[Pattern, ...]

    def effects(self, facts: Facts, now: datetime) -> tuple[Effect, ...]:
        if (self.start and now < self.start) or (self.end and now >= self.end):
            return ()
        return next((each.effects for each in self.patterns if each.holds(facts, now)), ())

    def asks_for(self, parameter: str) -> bool:
        """Whether this fact matters to it."""
        return any(
            each.parameter == parameter
            for pattern in self.patterns
            for _, criteria in pattern.groups
            for each in criteria
        )


def effects_of(promotions: Iterable[Promotion], facts: Facts, now: datetime) -> list[Effect]:
    """What these promotions come to in a sale."""
    return [effect for each in promotions for effect in each.effects(facts, now)]


def promotion_of(document: Document) -> Promotion | None:
    """The promotion as it takes effect; None where it isn't on sale or is of a type without
    effect here. Raises `InvalidDocument` for one that can't be read."""
    body = document.body
    kind = str(body.get("promotionType") or "").lower()
    if document.lifecycle_status not in ON_SALE or kind not in _TYPES:
        return None
    start, end = valid_for(body)
    patterns = [
        _pattern(document, kind, each, f"pattern[{i}]")
        for i, each in enumerate(body.get("pattern") or ())
    ]
    patterns.sort(key=lambda each: each.priority)
    return Promotion(start=start, end=end, patterns=tuple(patterns))


def _pattern(promotion: Document, kind: str, body: Body, path: str) -> Pattern:
    start, end = valid_for(body)
    return Pattern(
        priority=body.get("priority") or 0,
        start=start,
        end=end,
        all_groups=_together(body, "criteriaGroupLogicalRelationship", path),
        groups=tuple(
            _group(group, f"{path}.criteriaGroup[{i}]")
            for i, group in enumerate(body.get("criteriaGroup") or ())
        ),
        effects=tuple(
            _effect(promotion, kind, action, f"{path}.action[{i}]")
            for i, action in enumerate(body.get("action") or ())
        ),
    )


def _group(body: Body, path: str) -> tuple[bool, tuple[Criterion, ...]]:
    together = _together(body, "criteriaLogicalRelationship", path)
    listed: Sequence[Body] = body.get("criteria") or ()
    return together, tuple(
        _criterion(each, f"{path}.criteria[{i}]") for i, each in enumerate(listed)
    )


def _together(body: Body, name: str, path: str) -> bool:
    said = str(body.get(name) or "AND").upper()
    if said not in ("AND", "OR"):
        raise InvalidDocument("is AND or OR", path=at(path, name))
    return said == "AND"


def _criterion(body: Body, path: str) -> Criterion:
    parameter, compare = body.get("criteriaParameter"), body.get("criteriaOperator")
    if parameter not in TEXTS | NUMBERS:
        names = ", ".join(sorted(TEXTS | NUMBERS))
        raise InvalidDocument(f"is one of {names}", path=at(path, "criteriaParameter"))
    usable = _OPERATORS if parameter in NUMBERS else ("=", "<>")
    if compare not in usable:
        raise InvalidDocument(f"is one of {', '.join(usable)}", path=at(path, "criteriaOperator"))
    value: str | Decimal = str(body.get("criteriaValue") or "")
    if parameter in _IN_SMALL_LETTERS:
        value = str(value).lower()
    if parameter in NUMBERS:
        value = _number(str(value), at(path, "criteriaValue"))
    return Criterion(str(parameter), str(compare), value)


def _effect(promotion: Document, kind: str, body: Body, path: str) -> Effect:
    place = at(path, "actionValue")
    said = str(body.get("actionValue") or "").strip()
    percent = amount = None
    if kind == "discount":
        percent = _number(said.removesuffix("%").strip(), place)
        if not 0 < percent <= 100:
            raise InvalidDocument("a discount is more than 0 % and at most 100 %", path=place)
    else:
        value, _, currency = said.partition(" ")
        amount = Money.of(_number(value, place), currency.strip(), path=place)
        if amount.micros <= 0:
            raise InvalidDocument("a reduction is more than 0", path=place)
    entity = body.get("actionEntityRef")
    return Effect(
        promotion=PromotionId(promotion.id),
        name=promotion.name,
        path=path,
        offering=OfferingId(entity["id"]) if isinstance(entity, Mapping) else None,
        percent=percent,
        amount=amount,
    )


def _number(text: str, path: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise InvalidDocument(f"{text[:40]!r} is not a number", path=path) from None
    if not number.is_finite():
        raise InvalidDocument("is not finite", path=path)
    return number
