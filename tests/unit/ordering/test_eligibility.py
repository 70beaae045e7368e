"""Who may have an offering, and why not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from trunkline.catalog import Eligibility, LifecycleStatus, Offering, OfferingId
from trunkline.ordering.qualification.model import (
    Asker,
    Place,
    places,
    plain_postcode,
    reasons,
    segments,
)

NOW = datetime(2026, 11, 2, tzinfo=UTC)
PLAN = Offering(id=OfferingId("off_a"), name="Plan", brand=None, status=LifecycleStatus.LAUNCHED)


def codes(rule: Eligibility | None = None, asker: Asker | None = None, **rest: Any) -> list[str]:
    together = rest.pop("together", {"off_a": 1})
    offering = msgspec.structs.replace(PLAN, eligibility=rule or Eligibility(), **rest)
    found = reasons(offering, asker or Asker(), at=NOW, together=together)
    assert all(each.label for each in found)
    return [each.code for each in found]


def test_nothing_speaks_against_what_is_for_everybody() -> None:
    assert codes() == []
    assert codes(asker=Asker(brand="brd_x", currency="EUR", reached=frozenset())) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": LifecycleStatus.ACTIVE}, ["notOnSale"]),
        ({"is_sellable": False}, ["notOnSale"]),
        ({"valid_from": datetime(2026, 11, 3, tzinfo=UTC)}, ["notYetOnSale"]),
        ({"valid_from": NOW}, []),
        ({"valid_until": NOW}, ["noLongerOnSale"]),
        ({"valid_until": datetime(2026, 11, 3, tzinfo=UTC)}, []),
        ({"brand": "brd_a"}, ["otherBrand"]),
    ],
)
def test_when_and_by_whom_it_is_sold(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(asker=Asker(brand="brd_b"), **changes) == expected


def test_channels_bind_where_one_is_known() -> None:
    rule = Eligibility(channels=frozenset({"web"}))
    assert codes(rule) == []
    assert codes(rule, Asker(channels=frozenset({"web", "the shop"}))) == []
    assert codes(rule, Asker(channels=frozenset({"app"}))) == ["otherChannel"]


def test_segments_bind_everybody() -> None:
    rule = Eligibility(segments=frozenset({"vip", "staff"}))
    assert codes(rule) == ["otherSegment"]
    assert codes(rule, Asker(segments=frozenset({"young"}))) == ["otherSegment"]
    assert codes(rule, Asker(segments=frozenset({"young", "staff"}))) == []


@pytest.mark.parametrize(
    ("has", "together", "expected"),
    [
        ({}, {"off_a": 1}, ["requiresOther"]),
        ({"off_b": 1}, {"off_a": 1}, []),
        ({}, {"off_a": 1, "off_b": 1}, []),
        ({"off_b": 1}, {"off_a": 1, "off_b": -1}, ["requiresOther"]),
        ({"off_b": 1, "off_c": 1}, {"off_a": 1}, ["excludedByOther"]),
        ({"off_b": 1}, {"off_a": 1, "off_c": 1}, ["excludedByOther"]),
        ({"off_b": 1, "off_a": 1}, {"off_a": 1}, []),
        ({"off_b": 1, "off_a": 2}, {"off_a": 1}, ["tooMany"]),
        ({"off_b": 1}, {"off_a": 3}, ["tooMany"]),
    ],
)
def test_what_stands_beside_it(
    has: dict[str, int], together: dict[str, int], expected: list[str]
) -> None:
    rule = Eligibility(requires=frozenset({"off_b"}), excludes=frozenset({"off_c"}), most=2)
    assert codes(rule, Asker(has=has), together=together) == expected


def test_reach_is_asked_only_of_what_needs_it() -> None:
    rule = Eligibility(access="FTTH")
    assert codes(rule) == ["placeNeeded"]
    assert codes(rule, Asker(reached=frozenset())) == ["outOfReach"]
    assert codes(rule, Asker(reached=frozenset({"dsl"}))) == ["outOfReach"]
    assert codes(rule, Asker(reached=frozenset({"ftth"}))) == []


def test_the_gravest_comes_first_and_all_are_told() -> None:
    rule = Eligibility(segments=frozenset({"vip"}), requires=frozenset({"off_b"}), access="5G")
    assert codes(rule, status=LifecycleStatus.RETIRED) == [
        "notOnSale", "otherSegment", "requiresOther", "placeNeeded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("characteristics", "expected"),
    [
        ({}, set()),
        ({"segment": "VIP"}, {"vip"}),
        ({"marketSegment": ["Young", "staff"], "segment": None}, {"young", "staff"}),
        ({"segment": ""}, set()),
    ],
)
def test_a_customers_segments(characteristics: dict[str, Any], expected: set[str]) -> None:
    assert segments(characteristics) == expected


def test_places_that_say_where_they_are() -> None:
    given: list[Mapping[str, Any]] = [
        {"role": "home", "id": "p"},
        {"role": "home", "postCode": "D02 X285", "country": "IE"},
        {"role": "home", "name": "somewhere"},
        {"role": "home", "postcode": 7},
    ]
    assert list(places(given)) == [Place(id="p"), Place(postcode="D02 X285", country="IE")]
    assert list(places(None)) == []
    assert plain_postcode("d02-x 285") == "D02X285"
