"""Volume, flat amounts, percentages, and what was spent: worked examples, with their arithmetic."""

import msgspec
import pytest

from tests.unit.rating.builders import JANUARY, NOON, price_of, rate_of, steps_of, tariff_of
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    ADDED,
    BUCKET_COUNT,
    CHARGE,
    Allowance,
    CounterSource,
    Discount,
    Filters,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    Rater,
    Tariff,
    TariffRefused,
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    bucket_offset,
    compile_tariff,
    new_slice,
    service_code,
)

EURO = 1_000_000


def compiled(
    *rules: UsageRule,
    counters: tuple[CounterSource, ...] = (),
    discounts: tuple[Discount, ...] = (),
    allowances: tuple[Allowance, ...] = (),
) -> Tariff:
    plan = PlanSource("plan", "EUR", rules, allowances, counters, discounts)
    return compile_tariff(TariffSource((plan,)), version=1, effective_from=JANUARY)


class Month:
    """An account's counters through a month; each use is a session of its own."""

    def __init__(self, tariff: Tariff, service: str) -> None:
        self.tariff, self.service = tariff, service_code(service)
        self.counted = [0] * len(tariff.plan("plan").counters)

    def use(self, *units: int) -> int:
        """What a session of these slices costs, in micros."""
        position, charged = None, 0
        for each in units:
            slice_ = new_slice(
                0,
                self.service,
                start=NOON,
                units=each,
                position=position,
                counters=self.counted,
            )
            assert Rater(self.tariff).rate(slice_) == 0
            position = slice_[8:15]
            charged += slice_[CHARGE]
            tail = bucket_offset(slice_[BUCKET_COUNT])
            for index in range(len(self.counted)):
                self.counted[index] += slice_[tail + 2 * index + ADDED]
        return charged


def test_graduated_with_flat_amounts() -> None:
    """0-10 at 10 and flat 2, 11-20 at 5 and flat 3, above at 5 and flat 3 (Lago): 1 -> 12,
    10 -> 102, 11 -> 110, 21 -> 163. No use costs nothing; what is due without (the 2 at 0) is a
    recurring price."""
    steps = tuple(
        PriceStep(start, to_micros(price), to_micros(flat))
        for start, price, flat in ((0, "10", "2"), (10, "5", "3"), (20, "5", "3"))
    )
    tariff = compiled(UsageRule("sms", Rate("Texts", 1, steps)))
    costs = {units: price_of(tariff, units, "sms") for units in (0, 1, 10, 11, 21)}
    assert costs == {0: 0, 1: 12 * EURO, 10: 102 * EURO, 11: 110 * EURO, 21: 163 * EURO}


VOLUME = Rate(
    "Volume",
    10,
    (PriceStep(0, 2 * EURO, 10 * EURO), PriceStep(1000, EURO)),
    tiers=Tiers.VOLUME,
)
"""In tenths of a unit: to 100 at 2 and flat 10, above at 1."""


def test_volume() -> None:
    """1 -> 12, 100 -> 210, 100.5 -> 100.5 (Lago)."""
    tariff = compiled(UsageRule("sms", VOLUME))
    costs = {units: price_of(tariff, units, "sms") for units in (10, 1000, 1005)}
    assert costs == {10: 12 * EURO, 1000: 210 * EURO, 1005: 100_500_000}


def test_volume_with_a_discount_on_all_of_it() -> None:
    """25 % off the prices by unit, not off the flat amount: 1.5 + 10; 150 + 10; 100.5 at 0.75."""
    tariff = compiled(UsageRule("sms", VOLUME), discounts=(Discount(2500),))
    costs = {units: price_of(tariff, units, "sms") for units in (10, 1000, 1005)}
    assert costs == {10: 11_500_000, 1000: 160 * EURO, 1005: 75_375_000}
    # 100 first, then half a unit more: 84.625 are given back.
    assert Month(tariff, "sms").use(1000, 5) == 75_375_000


@pytest.mark.parametrize(
    "discount",
    [
        Discount(2500, rating_group=7),
        Discount(2500, where=Filters(dnn="ims")),
        Discount(2500, counter="all", from_unit=10),
    ],
)
def test_volume_with_a_discount_on_part_of_it_is_refused(discount: Discount) -> None:
    counters = (CounterSource("all", Measure.UNITS, "sms"),)
    with pytest.raises(TariffRefused, match="part of its usage"):
        compiled(UsageRule("sms", VOLUME), counters=counters, discounts=(discount,))


def test_volume_by_the_hour_is_refused_where_it_stands() -> None:
    night = Window((0,), 0, 3600, (PriceStep(0, EURO),))
    rule = UsageRule("sms", msgspec.structs.replace(VOLUME, windows=(night,)))
    with pytest.raises(TariffRefused, match="nobody knows when each was used") as refused:
        compiled(UsageRule("data", rate_of()), rule)
    assert refused.value.path == "plan plan, usage rule 2, 'Volume'"


def test_a_percentage_with_fixed_amounts() -> None:
    """1.3 % of what exceeds 250, and 2 for each event (Lago): two of 400 are
    0.013 x (800 - 250) + 2 x 2 = 11.15."""
    rate = Rate(
        "Content",
        1_000_000,
        (PriceStep(0, 0), PriceStep(250 * EURO, 13_000)),
        connection_fee=2 * EURO,
        counter="own",
    )
    counters = (CounterSource("own", Measure.PRICED),)
    month = Month(compiled(UsageRule("content", rate), counters=counters), "content")
    assert month.use(400 * EURO) == 3_950_000
    assert month.use(400 * EURO) == 7_200_000


def test_a_minimum_trues_up() -> None:
    """50 and 3 x 10 are 80; against a minimum of 100, 20 more."""
    less = tariff_of(UsageRule("sms", rate_of("10", fee="50")))
    tariff = tariff_of(UsageRule("sms", rate_of("10", fee="50", minimum="100")))
    assert price_of(less, 3, "sms") == 80 * EURO
    assert price_of(tariff, 3, "sms") - price_of(less, 3, "sms") == 20 * EURO


SPENT = CounterSource("spent", Measure.MONEY, "voice")


def test_steps_by_what_was_spent() -> None:
    """0.10 a minute until 2.00 were spent, then 0.05: 15 minutes 1.50; of 10 more five at 0.10
    and five at 0.05; then 0.05 each."""
    rate = Rate(
        "Calls",
        60,
        steps_of({0: "0.10", 2 * EURO: "0.05"}),
        (Increment(0, 60),),
        counter="spent",
    )
    month = Month(compiled(UsageRule("voice", rate), counters=(SPENT,)), "voice")
    assert [month.use(900), month.use(600), month.use(60)] == [1_500_000, 750_000, 50_000]
    assert month.counted == [2_300_000]
    # However the call is reported.
    sliced = Month(month.tariff, "voice")
    assert [sliced.use(1, 840, 59), sliced.use(599, 1), sliced.use(60)] == [
        1_500_000, 750_000, 50_000
    ]  # fmt: skip


def test_a_discount_by_what_was_spent() -> None:
    """Calls at 0.25 a minute and 0.05 to connect; 10 % off once 1.00 was spent. Four minutes
    bring 1.05 with the fee: the fifth is 0.225. The fee has no discount."""
    rate = Rate("Calls", 60, (PriceStep(0, 250_000),), (Increment(0, 60),), connection_fee=50_000)
    tariff = compiled(
        UsageRule("voice", rate),
        counters=(SPENT,),
        discounts=(Discount(1000, "voice", counter="spent", from_unit=EURO),),
    )
    month = Month(tariff, "voice")
    assert month.use(300) == 50_000 + 4 * 250_000 + 225_000
    assert month.use(60) == 50_000 + 225_000


def test_what_is_spent_brings_no_flat_amounts_and_no_volume() -> None:
    for tiers, flat in ((Tiers.VOLUME, 0), (Tiers.GRADUATED, 1)):
        rate = Rate(
            "Calls",
            60,
            (PriceStep(0, 1), PriceStep(10, 1, flat)),
            tiers=tiers,
            counter="spent",
        )
        with pytest.raises(TariffRefused, match="must count the paid units"):
            compiled(UsageRule("voice", rate), counters=(SPENT,))


MINUTES = CounterSource("minutes", Measure.PAID, "voice")
NIGHT = Window((0,), 0, 3600, (PriceStep(0, 1),))


@pytest.mark.parametrize(
    ("changed", "discounts", "reason"),
    [
        ({"windows": (NIGHT,)}, (), "nobody knows when each was used; use graduated steps"),
        ({}, (Discount(1000, counter="minutes", from_unit=60),), "part of its usage: make it a"),
        ({}, (Discount(1000, rating_group=7),), "a volume price gets no discount on part"),
        ({"counter": "minutes", "minimum": 1}, (), "a minimum by session, a volume by month"),
        ({"counter": "hours"}, (), "the plan has no counter 'hours'"),
    ],
)
def test_what_a_volume_price_cannot_have_is_refused_with_the_plan_the_price_and_why(
    changed: dict[str, object], discounts: tuple[Discount, ...], reason: str
) -> None:
    volume = Rate("Calls", 60, (PriceStep(0, 2), PriceStep(60, 1)), tiers=Tiers.VOLUME)
    rule = UsageRule("voice", msgspec.structs.replace(volume, **changed))
    with pytest.raises(TariffRefused) as refused:
        compiled(rule, counters=(MINUTES,), discounts=discounts)
    assert refused.value.path == "plan plan, usage rule 1, 'Calls'"
    assert reason in str(refused.value)
