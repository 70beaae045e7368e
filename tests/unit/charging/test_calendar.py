"""A quota of data over the hour at which its price changes."""

from datetime import UTC, datetime

import msgspec

from tests.unit.charging.builders import MB, Phone, account, asks, compiled, plan, rule, tariffs
from trunkline.rating import PriceStep, UsageRule, Window

EVENING = int(datetime(2026, 11, 3, 20, tzinfo=UTC).timestamp())


def evening() -> UsageRule:
    """A cent a megabyte, three from eight on."""
    found = rule("data", "0.01", MB)
    assert found.rate is not None
    window = Window(tuple(range(7)), 20 * 3600, 24 * 3600, (PriceStep(0, 30_000),))
    return msgspec.structs.replace(
        found, rate=msgspec.structs.replace(found.rate, windows=(window,))
    )


def test_the_change_is_told_and_both_sides_are_priced() -> None:
    phone = Phone(account(), tariffs(compiled(plan(rules=(evening(),)))))
    phone.now = EVENING - 600
    answer = phone.begin(asks(100 * MB))
    assert answer.units[0].tariff_change == EVENING
    report = asks(used=50 * MB)
    report.after_change = 20 * MB
    phone.now = EVENING + 60
    phone.end(report)
    assert account().money - phone.state.money == 30 * 10_000 + 20 * 30_000


def test_without_a_change_ahead_nothing_is_told() -> None:
    phone = Phone(account(), tariffs(compiled(plan(rules=(evening(),)))))
    phone.now = EVENING - 7200
    assert phone.begin(asks(100 * MB)).units[0].tariff_change == 0
