"""The steps by which a price came about."""

from fractions import Fraction

import pytest

from tests.unit.rating.builders import FOREVER, NOON, rate_of, tariff_of
from trunkline.rating import (
    CHARGE,
    DATA,
    VOICE,
    Rater,
    RateSheet,
    SheetEntry,
    UsageRule,
    destination,
    matched_prefix,
    new_slice,
    standing,
    trace,
)

DATA_RATE = rate_of("0.01", 100, increments={0: 100}, steps={300: "0.02"}, fee="0.05")


def test_allowance_first_then_the_connection_then_each_price() -> None:
    tariff = tariff_of(UsageRule("data", DATA_RATE))
    bucket = (150, 0, DATA, -1, 0, FOREVER)
    slice_ = new_slice(0, DATA, start=NOON, units=520, buckets=[bucket])
    again = slice_[:]
    steps = trace(tariff, slice_)
    assert [(each.first, each.units, each.bucket, int(each.cost), each.fee) for each in steps] == [
        (0, 150, 0, 0, 0),
        (150, 200, None, 70_000, 50_000),
        (350, 200, None, 40_000, 0),
    ]
    Rater(tariff).rate(again)
    assert again == slice_
    assert slice_[CHARGE] == sum(each.cost for each in steps)
    assert standing(slice_).ahead == 30


def test_the_exact_price_keeps_its_fraction() -> None:
    tariff = tariff_of(UsageRule("data", rate_of("0.000001", 3)))
    slice_ = new_slice(0, DATA, start=NOON, units=4)
    [step] = trace(tariff, slice_)
    assert step.cost == Fraction(4, 3)
    assert (standing(slice_).exact, standing(slice_).charged) == (Fraction(4, 3), 1)


@pytest.mark.parametrize(
    ("called", "prefix"), [("4670123", "4670"), ("4680123", "46"), ("", ""), ("1555", "")]
)
def test_the_prefix_that_decided(called: str, prefix: str) -> None:
    sheet = RateSheet(
        "abroad",
        (
            SheetEntry("46", rate_of("0.10", label="Sweden")),
            SheetEntry("4670", rate_of("0.20", label="Sweden, mobile")),
        ),
    )
    tariff = tariff_of(UsageRule("voice", rate_of("1"), "abroad"), sheets=(sheet,))
    slice_ = new_slice(0, VOICE, start=NOON, units=60, destination=destination(called))
    assert matched_prefix(tariff, slice_) == prefix
