"""Which promotions hold in a sale, and what they come to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.cases import together
from trunkline.catalog import (
    Document,
    DocumentKind,
    Facts,
    InvalidDocument,
    UnknownReference,
    create_document,
    effects_of,
    patch_document,
    promotions,
)
from trunkline.catalog.bodies import read_document
from trunkline.catalog.model import PromotionId
from trunkline.catalog.promotions import Promotion, promotion_of
from trunkline.kernel.money import Money
from trunkline.platform.db import Database

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def criterion(parameter: str, compare: str, value: str) -> dict[str, str]:
    return {
        "criteriaParameter": parameter, "criteriaOperator": compare, "criteriaValue": value
    }  # fmt: skip


def pattern(*criteria: dict[str, str], value: str = "10%", **others: Any) -> dict[str, Any]:
    return {
        "action": [{"actionType": "existing offering", "actionValue": value}],
        "criteriaGroup": [{"criteria": list(criteria)}],
        **others,
    }


def body(*patterns: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "name": "Autumn",
        "promotionType": "Discount",
        "lifecycleStatus": "Launched",
        "pattern": list(patterns),
        **others,
    }


def document(*patterns: dict[str, Any], **others: Any) -> Document:
    return read_document(
        DocumentKind.PROMOTION, body(*patterns, **others), document_id=PromotionId("p"),
        now=NOW, revision=1,
    )  # fmt: skip


def promotion(*patterns: dict[str, Any], **others: Any) -> Promotion:
    made = promotion_of(document(*patterns, **others))
    assert made is not None
    return made


def percents(facts: Facts, *patterns: dict[str, Any], **others: Any) -> list[Any]:
    return [each.percent for each in effects_of([promotion(*patterns, **others)], facts, NOW)]


STUDENT = criterion("marketSegment.id", "=", "student")
OFFER = criterion("productOffering.id", "=", "off_1")


def test_criteria_are_all_or_one() -> None:
    both = pattern(STUDENT, OFFER)
    either = pattern(STUDENT, OFFER)
    either["criteriaGroup"][0]["criteriaLogicalRelationship"] = "or"
    known: list[tuple[Facts, bool, bool]] = [
        ({"marketSegment.id": {"student"}, "productOffering.id": {"off_0", "off_1"}}, True, True),
        ({"marketSegment.id": {"student"}}, False, True),
        ({"productOffering.id": {"off_1"}}, False, True),
        ({"productOffering.id": {"off_2"}, "marketSegment.id": {"teacher"}}, False, False),
        ({}, False, False),
    ]
    for facts, all_hold, one_holds in known:
        assert percents(facts, both) == ([Decimal(10)] if all_hold else []), facts
        assert percents(facts, either) == ([Decimal(10)] if one_holds else []), facts


@pytest.mark.parametrize(
    ("compare", "held"),
    [("=", [20]), ("<>", [10, 30]), (">", [30]), ("<", [10]), (">=", [20, 30]), ("<=", [10, 20])],
)
def test_a_total_is_compared_as_a_number(compare: str, held: list[int]) -> None:
    over = pattern(criterion("total", compare, "20.00"))
    holding = [n for n in (10, 20, 30) if percents({"total": [Decimal(n)]}, over)]
    assert holding == held


def test_what_is_not_equal_differs_from_all() -> None:
    other = pattern(criterion("channel.id", "<>", "shop"))
    assert percents({"channel.id": {"web"}}, other)
    assert not percents({"channel.id": {"web", "shop"}}, other)
    assert percents({}, other)


def test_one_pattern_takes_effect_the_first_by_priority() -> None:
    general = pattern(value="5", priority=9)
    better = pattern(STUDENT, value="15 %", priority=1)
    assert percents({"marketSegment.id": {"student"}}, general, better) == [15]
    assert percents({}, general, better) == [5]


def test_periods_are_half_open() -> None:
    def lasting(start: datetime, end: datetime) -> dict[str, Any]:
        return {"startDateTime": start.isoformat(), "endDateTime": end.isoformat()}

    day = timedelta(days=1)
    for period, held in (
        (lasting(NOW, NOW + day), True),
        (lasting(NOW - day, NOW), False),
        (lasting(NOW + day, NOW + 2 * day), False),
    ):
        assert bool(percents({}, pattern(), validFor=period)) is held
        assert bool(percents({}, pattern(validFor=period))) is held


def test_a_reduction_is_an_amount_of_money() -> None:
    reduced = pattern(value="2.50 EUR")
    reduced["action"][0]["actionEntityRef"] = {"id": "off_1"}
    (effect,) = effects_of([promotion(reduced, promotionType="Reduction")], {}, NOW)
    assert (effect.amount, effect.offering) == (Money(2_500_000, "EUR"), "off_1")


def test_what_is_not_on_sale_or_an_award_has_no_effect() -> None:
    wrong = pattern(value="a gift")
    assert promotion_of(document(wrong, promotionType="Award")) is None
    assert promotion_of(document(wrong, lifecycleStatus="In design")) is None


@together(
    ("changed", "path"),
    [
        ({"value": "much"}, "pattern[0].action[0].actionValue"),
        ({"value": "0"}, "pattern[0].action[0].actionValue"),
        ({"value": "101%"}, "pattern[0].action[0].actionValue"),
        ({"value": "NaN"}, "pattern[0].action[0].actionValue"),
        ({"criteriaGroupLogicalRelationship": "XOR"},
         "pattern[0].criteriaGroupLogicalRelationship"),
        ({"criteriaGroup": [{"criteria": [criterion("weather", "=", "fine")]}]},
         "pattern[0].criteriaGroup[0].criteria[0].criteriaParameter"),
        ({"criteriaGroup": [{"criteria": [criterion("channel.id", ">", "web")]}]},
         "pattern[0].criteriaGroup[0].criteria[0].criteriaOperator"),
        ({"criteriaGroup": [{"criteria": [criterion("total", ">", "much")]}]},
         "pattern[0].criteriaGroup[0].criteria[0].criteriaValue"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_can_not_be_sold(
    books: Database, changed: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidDocument) as caught, books.transaction() as tx:
        create_document(
            tx, kind=DocumentKind.PROMOTION, body=body(pattern(**changed)), now=NOW
        )  # fmt: skip
    assert caught.value.path == path


def test_the_catalogue_knows_what_is_promoted(books: Database) -> None:
    named = pattern()
    named["action"][0]["actionEntityRef"] = {"id": "off_1"}
    with pytest.raises(UnknownReference) as caught, books.transaction() as tx:
        create_document(tx, kind=DocumentKind.PROMOTION, body=body(named), now=NOW)
    assert caught.value.path == "pattern[0].action[0].actionEntityRef.id"
    with books.transaction() as tx:
        kept = create_document(tx, kind=DocumentKind.PROMOTION, body=body(pattern()), now=NOW)
        create_document(
            tx, kind=DocumentKind.PROMOTION, body=body(pattern(), lifecycleStatus="Active"), now=NOW
        )
        create_document(
            tx,
            kind=DocumentKind.PROMOTION,
            body=body(pattern(), lifecycleStatus="In test"),
            now=NOW,
        )
        assert len(effects_of(promotions(tx), {}, NOW)) == 2
        patch_document(
            tx, kind=DocumentKind.PROMOTION, document_id=kept.id,
            patch={"lifecycleStatus": "Retired"}, now=NOW,
        )  # fmt: skip
    with books.read() as r:
        assert len(promotions(r)) == 1
