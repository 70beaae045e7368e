"""Prices as other systems' documentation works them out, and what users of a tariff expect of the
clock, of numbers and of nothing: scenario, usage, price."""

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from tests.unit.rating.builders import JANUARY, price_of, rate_of, steps_of, tariff_of
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    CHARGE,
    HOLIDAY,
    VOICE,
    PlanSource,
    PriceStep,
    Rate,
    Rater,
    RateSheet,
    SheetEntry,
    TariffSource,
    UsageRule,
    Window,
    compile_tariff,
    destination,
    new_slice,
)

EVERY_DAY = tuple(range(7))


@dataclass(frozen=True)
class Call:
    rate: Rate
    seconds: int
    costs: str


BY_PULSES = rate_of("0.05", 60, increments={0: 30, 30: 6})
FEE_THEN_MINUTE = rate_of("0.10", 60, steps={60: "0.05"}, increments={0: 60, 60: 1}, fee="0.20")


@pytest.mark.parametrize(
    "call",
    [
        # Initial block 30, then by 6 s (MagnusBilling): 45 s are 48 at 0.05 a minute.
        Call(BY_PULSES, 45, "0.04"),
        Call(BY_PULSES, 5, "0.025"),
        # Connect fee, first minute whole, then by the second (CGRateS): the fee, 0.10, and 25 s
        # at 0.05 a minute, rounded once, not up at each second.
        Call(FEE_THEN_MINUTE, 85, "0.320833"),
        Call(FEE_THEN_MINUTE, 60, "0.30"),
        Call(FEE_THEN_MINUTE, 61, "0.300833"),
        # 60/60, 60/1, 1/1, 60/30 as rate sheets write them.
        Call(rate_of("0.60", 60, increments={0: 60}), 61, "1.20"),
        Call(rate_of("0.60", 60, increments={0: 60, 60: 1}), 61, "0.61"),
        Call(rate_of("0.60", 60), 61, "0.61"),
        Call(rate_of("0.60", 60, increments={0: 60, 60: 30}), 61, "0.90"),
        # Nothing used, nothing charged: no fee, no minimum.
        Call(FEE_THEN_MINUTE, 0, "0"),
        Call(rate_of("0.60", 60, minimum="1", fee="0.10"), 0, "0"),
        # Free for ten seconds, then all by the second; a price per hour.
        Call(rate_of("0", 60, steps={10: "0.60"}), 15, "0.05"),
        Call(rate_of("36", 3600), 1, "0.01"),
    ],
)
def test_calls(call: Call) -> None:
    tariff = tariff_of(UsageRule("voice", call.rate))
    assert price_of(tariff, call.seconds, "voice") == to_micros(call.costs)


CARDS = Rate("Cards", 1_000_000, (PriceStep(0, 29_000),), connection_fee=to_micros("0.30"))
"""2.9 % and 0.30 (Stripe's, by Lago)."""
LEAST = Rate("Abroad", 1_000_000, (PriceStep(0, 30_000),), minimum=to_micros("10"))
"""3 %, at least 10 (SAP's)."""
MOST = Rate("At most", 1_000_000, (PriceStep(0, 20_000), PriceStep(to_micros("250"), 0)))
"""2 %, at most 5: nothing of what is beyond 250."""


@pytest.mark.parametrize(
    ("rate", "amount", "costs"),
    [
        (CARDS, "100", "3.20"),
        (CARDS, "0.01", "0.30029"),
        (LEAST, "100", "10"),
        (LEAST, "400", "12"),
        (MOST, "100", "2"),
        (MOST, "250", "5"),
        (MOST, "9000", "5"),
    ],
)
def test_percentages_of_an_amount(rate: Rate, amount: str, costs: str) -> None:
    tariff = tariff_of(UsageRule("content", rate))
    assert price_of(tariff, to_micros(amount), "content") == to_micros(costs)


def by_the_clock(*, holidays: tuple[date, ...] = ()) -> UsageRule:
    """A cent a second by day, a tenth by night, a hundredth on holidays."""
    windows = [Window(EVERY_DAY, 0, 6 * 3600, steps_of({0: "0.001"}))]
    if holidays:
        windows.append(Window((HOLIDAY,), 0, 86_400, steps_of({0: "0.0001"})))
    rate = Rate("Calls", 1, steps_of({0: "0.01"}), windows=tuple(windows), holidays=holidays)
    return UsageRule("voice", rate)


@pytest.mark.parametrize(
    ("zone", "start", "seconds", "costs"),
    [
        # 25 October 2026: the hour from two to three comes twice in Madrid; the night has seven.
        ("Europe/Madrid", "2026-10-24T22:00Z", 7 * 3600 + 10, 7 * 3_600_000 + 100_000),
        # 29 March: it is left out; five.
        ("Europe/Madrid", "2026-03-28T23:00Z", 5 * 3600 + 10, 5 * 3_600_000 + 100_000),
        # London at the same instants, one hour later by its own clock.
        ("Europe/London", "2026-10-24T23:00Z", 7 * 3600 + 10, 7 * 3_600_000 + 100_000),
        ("Europe/London", "2026-03-29T00:00Z", 5 * 3600 + 10, 5 * 3_600_000 + 100_000),
        # Half an hour on Lord Howe, on 4 October; no change at all in Tokyo.
        ("Australia/Lord_Howe", "2026-10-03T13:30Z", 19_800 + 10, 19_800_000 + 100_000),
        ("Asia/Tokyo", "2026-03-28T15:00Z", 6 * 3600 + 10, 6 * 3_600_000 + 100_000),
    ],
)
def test_nights_in_which_clocks_change(zone: str, start: str, seconds: int, costs: int) -> None:
    tariff = tariff_of(by_the_clock(), time_zone=zone)
    begins = int(datetime.fromisoformat(start).timestamp())
    assert price_of(tariff, seconds, "voice", start=begins) == costs


def test_a_call_into_the_new_year() -> None:
    """From 23:59:30 on New Year's Eve, for a minute: half by day's price, half a holiday's."""
    rule = by_the_clock(holidays=(date(2027, 1, 1),))
    tariff = tariff_of(rule, time_zone="Europe/Madrid")
    begins = int(datetime.fromisoformat("2026-12-31T23:59:30+01:00").timestamp())
    assert price_of(tariff, 60, "voice", start=begins) == 30 * 10_000 + 30 * 100


SHEET = RateSheet(
    "world",
    tuple(
        SheetEntry(prefix, rate_of(price, 60))
        for prefix, price in (
            ("44", "0.60"),
            ("447", "1.20"),
            ("4478", "2.40"),
        )
    ),
)


@pytest.mark.parametrize(
    ("called", "costs"),
    [("+441632960000", "0.60"), ("00441632960000", "0.60"), ("441632960000", "0.60"),
     ("+447700900000", "1.20"),
     ("447812345678", "2.40"), ("4478", "2.40"), ("447", "1.20")],
)  # fmt: skip
def test_the_longest_prefix_with_a_plus_sign_or_without(called: str, costs: str) -> None:
    tariff = tariff_of(UsageRule("voice", None, "world"), sheets=(SHEET,))
    assert price_of(tariff, 60, "voice", number=called) == to_micros(costs)


def test_the_same_prefix_costs_in_each_plan_what_its_own_sheet_says() -> None:
    cheap = RateSheet("cheap", (SheetEntry("44", rate_of("0.06", 60)),))
    plans = tuple(
        PlanSource(name, "EUR", (UsageRule("voice", None, sheet),))
        for name, sheet in (("one", "world"), ("two", "cheap"))
    )
    tariff = compile_tariff(TariffSource(plans, (SHEET, cheap)), version=1, effective_from=JANUARY)
    costs = []
    for name in ("one", "two"):
        called = destination("+447700900000")
        index = tariff.plan(name).index
        slice_ = new_slice(index, VOICE, start=0, units=60, destination=called)
        assert Rater(tariff).rate(slice_) == 0
        costs.append(slice_[CHARGE])
    assert costs == [to_micros("1.20"), to_micros("0.06")]


def test_the_month_turns_within_a_session() -> None:
    """Two hours over midnight of the month's end cost what two hours cost, in one go or in two."""
    tariff = tariff_of(UsageRule("voice", rate_of("0.07", 60, increments={0: 60}, fee="0.01")))
    begins = int(datetime.fromisoformat("2026-11-30T23:00:00+00:00").timestamp())
    assert price_of(tariff, 7200, "voice", start=begins) == to_micros("8.41")
