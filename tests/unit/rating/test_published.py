"""Prices as other systems' documentation works them out, and what users of a tariff expect of the
clock, of numbers and of nothing: scenario, usage, price."""

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from tests.unit.rating.builders import JANUARY, price_of, rate_of, steps_of, tariff_of
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    ADDED,
    CHARGE,
    HOLIDAY,
    VOICE,
    CounterSource,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    Rater,
    RateSheet,
    SheetEntry,
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    bucket_offset,
    compile_tariff,
    destination,
    new_slice,
    service_code,
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
        # 0.006 a minute by 30/6 (what its users ask of CGRateS, 118).
        Call(rate_of("0.006", 60, increments={0: 30, 30: 6}), 32, "0.0036"),
        Call(rate_of("0.006", 60, increments={0: 30, 30: 6}), 57, "0.006"),
        Call(rate_of("0.006", 60, increments={0: 30, 30: 6}), 75, "0.0078"),
        # 15 s at 0.015 a minute, then 15 by 15 at 0.017 (connexo).
        Call(rate_of("0.015", 60, steps={15: "0.017"}, increments={0: 15}), 45, "0.01225"),
        # 15 s at 1 a minute, by 1, 10 and 20 s; at least ten seconds (Kolmisoft).
        Call(rate_of("1", 60), 15, "0.25"),
        Call(rate_of("1", 60, increments={0: 10}), 15, "0.333333"),
        Call(rate_of("1", 60, increments={0: 20}), 15, "0.333333"),
        Call(rate_of("0.60", 60, increments={0: 10, 10: 1}), 3, "0.10"),
        Call(rate_of("0.60", 60, increments={0: 10, 10: 1}), 12, "0.12"),
        # 60 s at 0.05 a minute are 0.05, not 0.0498 (what IvozProvider's users ask for, 692).
        Call(rate_of("0.05", 60), 60, "0.05"),
        # Five minutes free, ten at 0.017 by 6 s, then 0.02 (call_bill).
        Call(rate_of("0", 60, steps={300: "0.017", 900: "0.02"}, increments={0: 6}), 960, "0.19"),
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


def tiers_of(
    *tiers: tuple[int, str, str], per: int = 1, mode: Tiers = Tiers.GRADUATED, package: int = 1
) -> Rate:
    """Tiers as (from unit, price, flat amount)."""
    steps = (PriceStep(start, to_micros(price), to_micros(flat)) for start, price, flat in tiers)
    return Rate("Calls of an API", per, tuple(steps), (Increment(0, package),), tiers=mode)


ZUPLO = ((0, "0.10", "0"), (1000, "0.05", "0"), (10_000, "0.01", "0"))
LAGO = (
    (0, "0.0010", "10"),
    (10_000, "0.0008", "10"),
    (50_000, "0.0006", "10"),
    (100_000, "0.0004", "10"),
)
ORACLE_FLATS = ((0, "0", "10"), (250, "0", "20"), (500, "0", "30"))
ORACLE_UNITS = ((0, "1", "0"), (250, "2", "0"), (500, "3", "0"))
MESSAGES = ((0, "0", "50"), (1000, "0", "200"), (5000, "0", "350"))


@pytest.mark.parametrize(
    ("rate", "units", "costs"),
    [
        # Graduated: 1,000 at 0.01, 9,000 at 0.008, 5,000 at 0.005 (Autumn).
        (tiers_of((0, "0.01", "0"), (1000, "0.008", "0"), (10_000, "0.005", "0")), 15_000, "107"),
        # The same of Zuplo's, and all at the last of its prices.
        (tiers_of(*ZUPLO), 15_000, "600"),
        (tiers_of(*ZUPLO, mode=Tiers.VOLUME), 15_000, "150"),
        # Prices that rise: ten at 2, five at 3 (Zuora).
        (tiers_of((0, "2", "0"), (10, "3", "0"), (20, "5", "0")), 15, "35"),
        # A flat amount with the price that all units have (Lago).
        (tiers_of(*LAGO, mode=Tiers.VOLUME), 65_000, "49"),
        # Amounts for slabs, all those reached or the last alone; the same by unit (Oracle).
        (tiers_of(*ORACLE_FLATS), 1000, "60"),
        (tiers_of(*ORACLE_UNITS), 1000, "2250"),
        (tiers_of(*ORACLE_FLATS, mode=Tiers.VOLUME), 1000, "30"),
        (tiers_of(*ORACLE_UNITS, mode=Tiers.VOLUME), 1000, "3000"),
        # One price for all up to a thousand, five thousand, ten thousand (Flexprice).
        (tiers_of(*MESSAGES, mode=Tiers.VOLUME), 4500, "200"),
        (tiers_of(*MESSAGES, mode=Tiers.VOLUME), 1500, "200"),
        (tiers_of(*MESSAGES, mode=Tiers.VOLUME), 1000, "50"),
        # 5 for each begun hundred, the first of them free (Lago); 1.25 for each begun million
        # (Chargebee); and for all, of the price that their number has (Flexprice).
        (tiers_of((0, "0", "0"), (100, "5", "0"), per=100, package=100), 201, "10"),
        (tiers_of((0, "1.25", "0"), per=10**6, package=10**6), 10, "1.25"),
        (tiers_of((0, "1.25", "0"), per=10**6, package=10**6), 10**6, "1.25"),
        (tiers_of((0, "1.25", "0"), per=10**6, package=10**6), 1_500_000, "2.50"),
        (
            tiers_of(
                (0, "1", "0"), (10_000, "0.8", "0"), per=1000, package=1000, mode=Tiers.VOLUME
            ),
            4500,
            "5",
        ),
    ],
)
def test_tiers_and_packages(rate: Rate, units: int, costs: str) -> None:
    tariff = tariff_of(UsageRule("api-call", rate))
    assert price_of(tariff, units, "api-call") == to_micros(costs)


def test_a_percentage_by_tiers_of_the_months_transactions() -> None:
    """1 % and 200 up to 1,000, 2 % and 300 up to 10,000 (Lago): of 500 each, 550 and 4,000."""
    steps = (PriceStep(0, 10_000, to_micros("200")),
             PriceStep(to_micros("1000"), 20_000, to_micros("300")))  # fmt: skip
    rate = Rate("Transactions", 1_000_000, steps, counter="month")
    plan = PlanSource(
        "plan",
        "EUR",
        (UsageRule("content", rate),),
        counters=(CounterSource("month", Measure.PRICED),),
    )
    rater = Rater(compile_tariff(TariffSource((plan,)), version=1, effective_from=JANUARY))
    counted, costs = 0, []
    for amount in ("500", "550", "4000"):
        units = to_micros(amount)
        slice_ = new_slice(0, service_code("content"), start=0, units=units, counters=(counted,))
        assert rater.rate(slice_) == 0
        counted += slice_[bucket_offset(0) + ADDED]
        costs.append(slice_[CHARGE])
    assert costs == [to_micros("205"), to_micros("306"), to_micros("80")]


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
