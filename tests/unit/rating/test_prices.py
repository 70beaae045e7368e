"""What usage costs: worked examples, each with its arithmetic."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.rating.builders import (
    JANUARY,
    NOON,
    Session,
    bucket,
    price_of,
    rate_of,
    tariff_of,
)
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    CHARGE,
    LABEL,
    NO_PRICE,
    SHORT,
    TOO_LARGE,
    UNKNOWN_DESTINATION,
    UNKNOWN_PLAN,
    Allowance,
    Increment,
    PriceStep,
    Rate,
    Rater,
    RateSheet,
    SheetEntry,
    Tariff,
    UsageRule,
    compile_tariff,
    evidence,
    new_slice,
)
from trunkline.rating.model import TariffSource
from trunkline.rating.slices import InvalidDestination, again, destination
from trunkline.rating.tariff import UnknownPlan

RATE_SHEET = Path(__file__).parents[4] / "shared/data/voice-rate-sheet.csv"


def test_grouped_increments() -> None:
    """0.006 a minute, the first 30 s whole and then by 6 s (cgrates#118): 32 s are 36 of 60,
    57 s are 60, 75 s are 78."""
    tariff = tariff_of(UsageRule("voice", rate_of("0.006", 60, increments={0: 30, 30: 6})))
    assert price_of(tariff, 32, "voice") == to_micros("0.0036")
    assert price_of(tariff, 57, "voice") == to_micros("0.0060")
    assert price_of(tariff, 75, "voice") == to_micros("0.0078")


def test_what_is_less_than_a_micro_counts_on_at_another_price() -> None:
    """249 octets at 2 for 10^9 are 0.498 micros, 124 more at 4 are 0.496: 1 together."""
    session = Session(tariff_of(UsageRule("data", rate_of("2", 10**9))))
    session.use(83)
    session.use(166)
    session.rater = Rater(tariff_of(UsageRule("data", rate_of("4", 10**9))))
    session.use(124)
    assert session.charged == 1
    session.use(126)
    assert session.charged == 1
    session.rater = Rater(tariff_of(UsageRule("data", rate_of("1", 3))))
    session.use(1)
    assert session.charged == 333_335  # 333,333.333... and 1.498


def test_a_change_of_price_that_rounded_is_explained_by_that() -> None:
    """The journal keeps those of before the remainder was carried on."""
    session = Session(tariff_of(UsageRule("data", rate_of("2", 10**9))))
    session.use(249)
    before = session.position or []
    rater = Rater(tariff_of(UsageRule("data", rate_of("4", 10**9))))
    session.rater, session.position = rater, [249, 0, 0, 0, 0, 250, 1]
    session.use(124)
    told = again(rater.rate, evidence(session.slice, before))
    assert told.same
    assert told.slice[CHARGE] == 0
    session.slice[CHARGE] = 7
    assert not again(rater.rate, evidence(session.slice, before)).same


def test_a_connection_fee_and_a_dearer_first_minute() -> None:
    """0.20, then 0.10 for the first minute whole, then 0.05 a minute by the second:
    90 s are 0.20 + 0.10 + 30 x 0.05 / 60 = 0.325."""
    rate = rate_of("0.10", 60, steps={60: "0.05"}, increments={0: 60, 60: 1}, fee="0.20")
    assert price_of(tariff_of(UsageRule("voice", rate)), 90, "voice") == to_micros("0.325")


def test_graduated_prices_with_a_flat_part_each() -> None:
    """To 10 at 10 and flat 2, to 20 and above at 5 and flat 3: a flat part is a dearer first
    unit of its step. 1 -> 12, 10 -> 102, 11 -> 110, 21 -> 163."""
    rate = rate_of("10", fee="2", steps={10: "8", 11: "5", 20: "8", 21: "5"})
    tariff = tariff_of(UsageRule("sms", rate))
    prices = {units: price_of(tariff, units, "sms") for units in (1, 10, 11, 21)}
    assert prices == {units: to_micros(price) for units, price in
                      {1: 12, 10: 102, 11: 110, 21: 163}.items()}  # fmt: skip


def test_packages() -> None:
    """121 in tens at 100 each are 1,300; with ten of them free, 1,200."""
    tariff = tariff_of(UsageRule("data", rate_of("100", 10, increments={0: 10})))
    assert price_of(tariff, 121) == to_micros(1300)
    assert price_of(tariff, 121, buckets=(bucket(10),)) == to_micros(1200)


def test_rounding_is_half_up_and_of_the_sum() -> None:
    """At 1 micro for 4 units: 1 is 0.25 -> 0, 2 are 0.5 -> 1, 6 are 1.5 -> 2, however sliced."""
    tariff = tariff_of(UsageRule("data", rate_of("0.000001", 4)))
    assert [price_of(tariff, units) for units in (1, 2, 5, 6)] == [0, 1, 1, 2]
    session = Session(tariff)
    charges = []
    for _ in range(6):
        session.use(1)
        charges.append(session.charged)
    assert charges == [0, 1, 1, 1, 1, 2]


def test_no_usage_costs_nothing() -> None:
    tariff = tariff_of(UsageRule("voice", rate_of(fee="1", minimum="2")))
    assert price_of(tariff, 0, "voice") == 0


def test_a_minimum_holds_for_the_session_not_for_each_slice() -> None:
    tariff = tariff_of(UsageRule("voice", rate_of("0.01", minimum="0.25")))
    session = Session(tariff, "voice")
    charges = []
    for _ in range(3):
        session.use(10)
        charges.append(session.charged)
    assert charges == [to_micros("0.25"), to_micros("0.25"), to_micros("0.30")]


def test_a_started_increment_is_paid_once() -> None:
    """By the minute at 0.10: 10 s, 49 s and 2 s are 61 s, two minutes."""
    tariff = tariff_of(UsageRule("voice", rate_of("0.10", 60, increments={0: 60})))
    session = Session(tariff, "voice")
    charges = []
    for seconds in (10, 49, 2):
        session.use(seconds)
        charges.append(session.slice[CHARGE])
    assert charges == [100_000, 0, 100_000]


class TestAllowances:
    def test_are_used_up_in_order_before_money(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of("1")))
        session = Session(tariff, buckets=(bucket(10), bucket(5)))
        session.use(18)
        assert (session.taken(0), session.taken(1)) == (10, 5)
        assert (session.free, session.charged) == (15, to_micros(3))

    def test_are_taken_by_whole_increments_as_far_as_they_go(self) -> None:
        """In tens from 25: 1 unit takes 10, 12 more take 10 beyond the 9 already paid for;
        then 5 are left, and what follows starts an increment that money pays."""
        tariff = tariff_of(UsageRule("data", rate_of("1", increments={0: 10})))
        session = Session(tariff, buckets=(bucket(25),))
        takes = []
        for units in (1, 12, 12, 1):
            session.use(units)
            takes.append(session.taken(0))
        assert takes == [10, 10, 5, 0]
        assert session.charged == to_micros(10)

    def test_what_others_reserved_is_not_taken(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of("1")))
        session = Session(tariff, buckets=(bucket(10, reserved=4),))
        session.use(10)
        assert (session.taken(0), session.charged) == (6, to_micros(4))

    def test_serve_their_service_and_rating_group_alone(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of("1")))
        buckets = (bucket(10, "voice"), bucket(10, group=7), bucket(2, group=8), bucket(3))
        session = Session(tariff, group=8, buckets=buckets)
        session.use(10)
        assert [session.taken(index) for index in range(4)] == [0, 0, 2, 3]
        assert session.charged == to_micros(5)

    def test_spare_the_connection_fee_and_the_minimum(self) -> None:
        tariff = tariff_of(UsageRule("voice", rate_of("1", fee="5", minimum="8")))
        session = Session(tariff, "voice", buckets=(bucket(60, "voice"),))
        session.use(60)
        assert session.charged == 0
        session.use(1)
        assert session.charged == to_micros(8)

    def test_a_call_outlives_its_bucket_and_meets_the_next(self) -> None:
        """The first serves until 100 s into the call, the second from 150 s on."""
        tariff = tariff_of(UsageRule("voice", rate_of("1")))
        buckets = (
            bucket(1000, "voice", expires=NOON + 100),
            bucket(1000, "voice", starts=NOON + 150),
        )
        session = Session(tariff, "voice", buckets=buckets)
        session.use(200)
        assert (session.taken(0), session.taken(1)) == (100, 50)
        assert session.charged == to_micros(50)

    def test_data_is_rated_at_its_instant(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of("1")))
        buckets = (bucket(5, expires=NOON), bucket(5, starts=NOON + 1), bucket(5, starts=NOON))
        session = Session(tariff, buckets=buckets)
        session.use(5)
        assert [session.taken(index) for index in range(3)] == [0, 0, 5]

    def test_stand_in_the_plan_in_the_order_of_use(self) -> None:
        tariff = tariff_of(
            allowances=(
                Allowance("c", "C", "data", 1, priority=2),
                Allowance("b", "B", "data", 1, priority=1),
                Allowance("a", "A", "data", 1, rating_group=5, priority=1),
            )
        )
        assert [each.id for each in tariff.plan("plan").allowances] == ["a", "b", "c"]


class TestMoneyLimit:
    def test_grants_whole_increments_that_it_can_pay(self) -> None:
        """0.30 at 0.10 for each started 60 s: 180 s of 600."""
        tariff = tariff_of(UsageRule("voice", rate_of("0.10", 60, increments={0: 60})))
        session = Session(tariff, "voice", limit=to_micros("0.30"))
        assert session.use(600) == SHORT
        assert (session.granted, session.charged) == (180, to_micros("0.30"))

    def test_counts_the_connection_fee_with_the_first_increment(self) -> None:
        """0.50 pays no fee of 0.45 and minute of 0.10; nothing is charged for trying."""
        rate = rate_of("0.10", 60, increments={0: 60}, fee="0.45")
        session = Session(tariff_of(UsageRule("voice", rate)), "voice", limit=to_micros("0.50"))
        assert session.use(1) == SHORT
        assert (session.granted, session.charged) == (0, 0)
        session.limit = to_micros("0.55")
        assert session.use(1) == 0
        assert session.charged == to_micros("0.55")

    def test_counts_the_minimum(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of("0.01", minimum="1")))
        session = Session(tariff, limit=to_micros("0.99"))
        assert session.use(1) == SHORT
        assert session.granted == 0

    def test_counts_the_minimum_of_a_price_that_comes_later(self) -> None:
        """A session that costs 0.02 so far, at a new price with a minimum of 1: nothing for 0.97,
        and not even the minimum; 98 units for 0.98, since the minimum covers them."""
        session = Session(tariff_of(UsageRule("data", rate_of("0.01"))))
        session.use(2)
        session.rater = Rater(tariff_of(UsageRule("data", rate_of("0.01", minimum="1"))))
        session.limit = to_micros("0.97")
        assert session.use(1) == SHORT
        assert (session.granted, session.charged) == (2, to_micros("0.02"))
        session.limit = to_micros("0.98")
        assert session.use(99) == SHORT
        assert (session.granted, session.charged) == (100, to_micros("1"))

    def test_of_zero_or_below_leaves_allowances_and_what_is_free_of_charge(self) -> None:
        tariff = tariff_of(
            UsageRule("data", rate_of("1")), UsageRule("data", rate_of("0"), rating_group=9)
        )
        for limit in (0, -to_micros(5)):
            session = Session(tariff, limit=limit, buckets=(bucket(7),))
            assert session.use(10) == SHORT
            assert (session.granted, session.charged) == (7, 0)
            assert Session(tariff, group=9, limit=limit).use(1 << 50) == 0


class TestWhichPrice:
    def test_a_rating_group_goes_before_any(self) -> None:
        tariff = tariff_of(
            *(
                UsageRule("data", rate_of(str(price), label=f"at {price}"), rating_group=group)
                for group, price in ((None, 1), (10, 2), (30, 3), (20, 4))
            )
        )
        labels = []
        for group in (-1, 5, 10, 20, 25, 30, 31):
            session = Session(tariff, group=group)
            session.use(1)
            labels.append(tariff.labels[session.slice[LABEL]])
        assert labels == ["at 1", "at 1", "at 2", "at 4", "at 1", "at 3", "at 1"]

    def test_none_is_a_refusal(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of(), rating_group=10))
        assert Session(tariff, "voice").use(1) == NO_PRICE
        assert Session(tariff, group=11).use(1) == NO_PRICE
        assert Session(tariff, group=9).use(1) == NO_PRICE
        assert Rater(tariff).rate(new_slice(1, 0, start=0, units=1)) == UNKNOWN_PLAN
        assert Rater(tariff).rate(new_slice(0, 9, start=0, units=1)) == NO_PRICE
        with pytest.raises(UnknownPlan, match="no plan 'other'"):
            tariff.plan("other")

    def test_impossible_usage_is_a_refusal(self) -> None:
        tariff = tariff_of(UsageRule("data", rate_of()), UsageRule("voice", rate_of()))
        assert Session(tariff).use(-1) == TOO_LARGE
        assert Session(tariff).use((1 << 60) + 1) == TOO_LARGE
        assert Session(tariff, "voice").use((1 << 31) + 1) == TOO_LARGE
        assert Session(tariff, start=1 << 41).use(1) == TOO_LARGE

    def test_the_longest_prefix_wins(self) -> None:
        entries = {"44": "1", "447": "2", "44770": "3", "1": "4"}
        sheet = RateSheet(
            "s", tuple(SheetEntry(key, rate_of(price)) for key, price in entries.items())
        )
        tariff = tariff_of(UsageRule("voice", rate_sheet="s"), sheets=(sheet,))
        numbers = {
            "+442012345678": 1, "44": 1, "447": 2, "44779": 2, "4477": 2, "447700900123": 3,
            "12125550100": 4, "44770": 3,
        }  # fmt: skip
        for number, price in numbers.items():
            assert price_of(tariff, 1, "voice", number=number) == to_micros(price), number

    def test_an_unknown_destination_is_a_refusal_without_a_rate_of_its_own(self) -> None:
        sheet = RateSheet("s", (SheetEntry("440", rate_of("1")),))
        alone = tariff_of(UsageRule("voice", rate_sheet="s"), sheets=(sheet,))
        for number in ("", "4", "44", "441", "99"):
            assert Session(alone, "voice", number=number).use(1) == UNKNOWN_DESTINATION
        both = tariff_of(UsageRule("voice", rate_of("7"), rate_sheet="s"), sheets=(sheet,))
        assert price_of(both, 1, "voice", number="441") == to_micros(7)
        assert price_of(both, 1, "voice", number="4401") == to_micros(1)

    def test_a_number_is_read_as_digits(self) -> None:
        assert destination("") == 0
        assert destination("+12") == 120_000_000_000_000 * 16 + 2
        assert destination("1234567890123456") == 123_456_789_012_345 * 16 + 15
        with pytest.raises(InvalidDestination, match="'12a' is not a telephone number"):
            destination("12a")


@pytest.fixture(scope="module")
def sheet_rows() -> list[dict[str, str]]:
    if not RATE_SHEET.exists():
        pytest.skip("../shared/data/voice-rate-sheet.csv is not there")
    with RATE_SHEET.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_real_rate_sheet_at_any_length(sheet_rows: list[dict[str, str]]) -> None:
    """Connection charge plus whole charge periods at the price a minute, rounded half up to
    the micro once, for each of its prefixes."""
    tariff = _sheet_tariff(sheet_rows)
    assert len(sheet_rows) == 4743
    for row in sheet_rows:
        for seconds in _lengths():
            expected = _sheet_price(row, seconds)
            assert price_of(tariff, seconds, "voice", number=row["Prefix"]) == expected, row


def _lengths() -> Iterator[int]:
    yield from (1, 7, 30, 59, 60, 61, 3599, 100_003)


def _sheet_price(row: dict[str, str], seconds: int) -> int:
    period = int(row["Charge period"])
    charged = -(-seconds // period) * period
    twice = 2 * to_micros(row["Per minute charge"]) * charged
    return to_micros(row["Connection charge"]) + (twice + 60) // 120


def _sheet_tariff(rows: list[dict[str, str]]) -> Tariff:
    entries = tuple(
        SheetEntry(
            row["Prefix"],
            Rate(
                row["Target Pattern Name"],
                60,
                (PriceStep(0, to_micros(row["Per minute charge"])),),
                (Increment(0, int(row["Charge period"])),),
                connection_fee=to_micros(row["Connection charge"]),
            ),
        )
        for row in rows
    )
    return tariff_of(UsageRule("voice", rate_sheet="world"), sheets=(RateSheet("world", entries),))


def test_a_tariff_survives_as_bytes() -> None:
    tariff = tariff_of(
        UsageRule("data", rate_of(label="Data")),
        allowances=(Allowance("a", "Included", "data", 10),),
    )
    again = Tariff.decode(tariff.encode())
    assert (again.table, again.labels, again.plans) == (tariff.table, tariff.labels, tariff.plans)
    assert (again.version, again.effective_from) == (1, JANUARY)


def test_an_empty_tariff_prices_nothing() -> None:
    tariff = compile_tariff(TariffSource(()), version=1, effective_from=JANUARY)
    assert Rater(tariff).rate(new_slice(0, 0, start=0, units=1)) == UNKNOWN_PLAN
