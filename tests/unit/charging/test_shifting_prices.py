"""Grants by prices that fall, or move by what other sessions use."""

import msgspec
import pytest

from tests.unit.charging.builders import MB, Phone, account, asks, compiled, plan, rule, tariffs
from trunkline.rating import CounterSource, Increment, Measure, PriceStep, Tiers, UsageRule


def by_month(tiers: Tiers, *steps: PriceStep) -> Phone:
    found = rule("data", "0.01", MB)
    assert found.rate is not None
    rate = msgspec.structs.replace(
        found.rate, steps=steps, tiers=tiers, counter="month", increments=(Increment(0, MB),)
    )
    counters = (CounterSource("month", Measure.PRICED),)
    own = plan(rules=(UsageRule("data", rate),))
    return Phone(account(), tariffs(compiled(msgspec.structs.replace(own, counters=counters))))


def test_a_falling_price_reserves_its_peak_and_gives_back() -> None:
    """10 MB at 0.50, all at 0.10 from the next on: 15 MB cost 1.50, but 10 of them 5.00."""
    phone = by_month(Tiers.VOLUME, PriceStep(0, 500_000), PriceStep(10 * MB, 100_000))
    phone.begin(asks(9 * MB))
    assert phone.state.held == 4_500_000
    phone.go_on(asks(6 * MB, used=9 * MB))
    assert phone.state.money == 5_500_000
    assert phone.state.held == 500_000
    phone.end(asks(used=6 * MB))
    assert (phone.state.money, phone.state.held) == (8_500_000, 0)


@pytest.mark.parametrize("first", ["s1", "s2"])
def test_a_rising_price_is_reserved_for_whoever_is_first(first: str) -> None:
    """5 MB at 0.01, then 1.00 each: both sessions fit, whichever reports first."""
    phone = by_month(Tiers.GRADUATED, PriceStep(0, 10_000), PriceStep(5 * MB, 1_000_000))
    granted = {}
    for session in ("s1", "s2"):
        granted[session] = phone.begin(asks(5 * MB), session=session).units[0].granted
    assert granted["s1"] == 5 * MB
    for session in sorted(granted, key=lambda each: each != first):
        phone.end(asks(used=granted[session]), session=session)
        assert phone.state.money >= 0
    assert phone.state.held == 0
