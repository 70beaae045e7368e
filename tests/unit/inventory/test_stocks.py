"""Whole pieces, what is free of them, and when they run low."""

from decimal import Decimal
from typing import Any

import pytest

from trunkline.inventory.resource_operations import (
    ADMINISTRATIVE_LIFECYCLE,
    STATUS_LIFECYCLE,
    AdministrativeState,
    ResourceStatus,
)
from trunkline.inventory.stocks.model import (
    Holding,
    UnfitQuantity,
    is_low,
    pieces,
    sought,
    status_at,
)
from trunkline.kernel.lifecycle import IllegalTransition


@pytest.mark.parametrize(("amount", "expected"), [(0, 0), (7, 7), (Decimal("7.0"), 7)])
def test_pieces_are_whole(amount: Any, expected: int):
    assert pieces({"amount": amount}, "level") == expected


@pytest.mark.parametrize("amount", [None, Decimal("0.5"), -1, 10**13, Decimal("1e30")])
def test_what_is_no_number_of_pieces(amount: Any):
    with pytest.raises(UnfitQuantity) as refused:
        pieces({"amount": amount}, "level")
    assert refused.value.path == "level.amount"


def test_what_is_held_is_not_free():
    assert Holding(on_hand=10, held=4).free == 6


@pytest.mark.parametrize(
    ("body", "free", "low"),
    [
        ({}, 0, False),
        ({"minStockLevel": {"amount": 2}}, 2, True),
        ({"minStockLevel": {"amount": 2}}, 3, False),
        ({"minStockLevel": {"amount": 2}, "stockLevelAlert": {"amount": 5}}, 4, True),
    ],
)
def test_the_alert_comes_before_the_least(body: dict[str, Any], free: int, low: bool):
    assert is_low(body, free) is low


@pytest.mark.parametrize(
    ("said", "free", "status"),
    [
        ("available", 0, "unavailable"),
        ("unavailable", 3, "available"),
        ("reserved", 3, "reserved"),
        ("unknown", 0, "unknown"),
    ],
)
def test_the_status_follows_unless_somebody_said_so(said: str, free: int, status: str):
    assert status_at({"productStockStatusType": said}, free) == status


def test_criteria_become_columns():
    criteria = {
        "place": {"id": "dub"},
        "stockedProduct": {"productOffering": {"id": "off"}, "name": "Phone"},
    }
    assert sought(criteria) == {"place_id": "dub", "offering_id": "off", "product_id": "Phone"}


def test_what_is_in_alarm_is_given_to_nobody():
    with pytest.raises(IllegalTransition):
        STATUS_LIFECYCLE.check(ResourceStatus.ALARM, ResourceStatus.RESERVED)
    with pytest.raises(IllegalTransition):
        ADMINISTRATIVE_LIFECYCLE.check(AdministrativeState.LOCKED, AdministrativeState.SHUTDOWN)
