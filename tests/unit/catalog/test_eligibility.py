"""Whom an offering is for, as its document says."""

from typing import Any

import pytest

from trunkline.catalog.eligibility import EVERYBODY, component_counts, eligibility_of


def test_channels_segments_and_relations_are_read() -> None:
    body = {
        "channel": [{"id": "WEB", "name": "Web shop"}, {"id": "app"}],
        "marketSegment": [{"id": "s1", "name": "Students"}],
        "productOfferingRelationship": [
            {"id": "a", "relationshipType": "requires"},
            {"id": "b", "relationshipType": "Exclusivity"},
            {"id": "c", "relationshipType": "substitution"},
            {"id": "d", "relationshipType": "cousin"},
        ],
    }
    found = eligibility_of(body, {"maximumPerCustomer": "2", "accessTechnology": "FTTH"})
    assert found.channels == {"web", "web shop", "app"}
    assert found.segments == {"s1", "students"}
    assert found.requires == {"a"}
    assert found.excludes == {"b"}
    assert found.alternatives == ("c",)
    assert (found.most, found.access) == (2, "FTTH")
    assert found.depends_on_others


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"channel": "web", "marketSegment": {"id": "x"}, "productOfferingRelationship": 7},
        {"channel": [1, None, {}], "marketSegment": [{"id": 4}]},
        {"productOfferingRelationship": [{"id": "x"}]},
    ],
)
def test_what_says_nothing_restricts_nothing(body: dict[str, Any]) -> None:
    odd = {"maximumPerCustomer": True, "accessTechnology": 7}
    assert eligibility_of(body, odd) == EVERYBODY


def test_a_bundle_holds_as_many_as_its_options_say() -> None:
    options: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "bundledProductOfferingOption": {"numberRelOfferDefault": 3}},
        {"id": "c", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 2}},
        {"id": "d", "bundledProductOfferingOption": {"numberRelOfferDefault": 0}},
        {"id": "e", "bundledProductOfferingOption": "two"},
    ]
    assert component_counts({"bundledProductOffering": options}) == (1, 3, 2, 0, 1)
