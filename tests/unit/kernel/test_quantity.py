"""Quantities are whole numbers of their base unit."""

from decimal import Decimal

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.quantity import Quantity, Unit


@pytest.mark.parametrize(
    ("amount", "units", "expected"),
    [
        (5, "GB", Quantity(5_000_000_000, Unit.BYTES)),
        ("1.5", "MB", Quantity(1_500_000, Unit.BYTES)),
        (1, "GiB", Quantity(2**30, Unit.BYTES)),
        (Decimal("0.5"), "min", Quantity(30, Unit.SECONDS)),
        (2, " Hours ", Quantity(7200, Unit.SECONDS)),
        (100, "SMS", Quantity(100, Unit.MESSAGES)),
        (0, "b", Quantity(0, Unit.BYTES)),
        (3, "events", Quantity(3, Unit.EVENTS)),
    ],
)
def test_quantities_are_in_base_units(
    amount: str | int | Decimal, units: str, expected: Quantity
) -> None:
    assert Quantity.parse(amount, units) == expected


@pytest.mark.parametrize(
    ("amount", "units", "reason"),
    [
        (1, "parsec", "not a known unit"),
        (1, "", "not a known unit"),
        ("many", "GB", "not a number"),
        ("0.5", "b", "not a whole number of bytes"),
        ("NaN", "GB", "not a whole number"),
        ("1e400", "GB", "not a whole number"),
        (2**63, "b", "not a whole number"),
    ],
)
def test_what_is_no_quantity_is_refused(amount: str | int, units: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        Quantity.parse(amount, units, path="allowance")
    assert caught.value.path == "allowance"


def test_how_a_quantity_looks() -> None:
    assert str(Quantity(5_000_000, Unit.BYTES)) == "5,000,000 bytes"
