"""Grants by prices that fall, or move by what other sessions use."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.unit.charging.builders import (
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    rule,
    tariffs,
)
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import CounterSource, Increment, Measure, PriceStep, Rate, Tiers, UsageRule


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


def two_tariffs(first: Rate, second: Rate) -> Tariffs:
    """The second from ten minutes on."""
    later = datetime.fromtimestamp(NOON + 600, UTC)
    service = first.label.lower()
    return tariffs(
        compiled(plan(rules=(UsageRule(service, first),))),
        compiled(plan(rules=(UsageRule(service, second),)), version=2, start=later),
    )


def test_a_grant_of_a_falling_price_ends_where_another_tariff_begins() -> None:
    """7 MB at 0.50, then all at 0.10: the next tariff would give money back, but nothing is
    reserved that isn't there, and the price to come isn't announced."""
    found = rule("data", "0.50", MB, increment=MB).rate
    assert found is not None
    falling = msgspec.structs.replace(
        found, tiers=Tiers.VOLUME, steps=(PriceStep(0, 500_000), PriceStep(8 * MB, 100_000))
    )
    phone = Phone(account(), two_tariffs(falling, falling))
    phone.begin(asks(7 * MB))
    [unit] = phone.go_on(asks(5 * MB, used=7 * MB)).units
    assert (unit.granted, unit.validity, unit.tariff_change) == (5 * MB, 600, 0)
    assert phone.state.money == 6_500_000
    assert 0 <= phone.state.held <= phone.state.money
    phone.end(asks(used=5 * MB))
    assert (phone.state.money, phone.state.held) == (8_800_000, 0)
