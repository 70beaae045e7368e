"""Windows of the week in the operator's zone, and what the compiler refuses."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.rating.builders import JANUARY, price_of, rate_of, steps_of, tariff_of
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    Allowance,
    Filters,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    SheetEntry,
    Tariff,
    TariffRefused,
    TariffSource,
    UsageRule,
    Window,
    compile_tariff,
)
from trunkline.rating.model import UnknownService
from trunkline.rating.tariff import TariffUnreadable

MADRID = ZoneInfo("Europe/Madrid")
EVENING = Window(days=(0, 1, 2, 3, 4), start=20 * 3600, end=24 * 3600, steps=steps_of({0: "0.02"}))
WEEKEND = Window(days=(5, 6), start=0, end=24 * 3600, steps=steps_of({0: "0.01"}))


def at(text: str) -> int:
    """The epoch second of a local time in Madrid."""
    return int(datetime.fromisoformat(text).replace(tzinfo=MADRID).timestamp())


@pytest.fixture
def tariff() -> Tariff:
    """0.05 a second; 0.02 in the evenings from Monday to Friday; 0.01 at the weekend."""
    rate = rate_of("0.05", windows=(EVENING, WEEKEND))
    return tariff_of(UsageRule("voice", rate), time_zone="Europe/Madrid")


class TestWindows:
    @pytest.mark.parametrize(
        ("start", "price"),
        [
            ("2026-03-04T19:59:59", "0.05"),
            ("2026-03-04T20:00:00", "0.02"),
            ("2026-03-04T23:59:59", "0.02"),
            ("2026-03-05T00:00:00", "0.05"),
            ("2026-03-06T23:59:59", "0.02"),
            ("2026-03-07T00:00:00", "0.01"),
            ("2026-03-08T23:59:59", "0.01"),
            ("2026-03-09T00:00:00", "0.05"),
            ("2026-07-01T19:59:59", "0.05"),
            ("2026-07-01T20:00:00", "0.02"),
            ("1990-01-03T20:30:00", "0.02"),
        ],
    )
    def test_price_by_the_local_hour(self, tariff: Tariff, start: str, price: str) -> None:
        assert price_of(tariff, 1, "voice", start=at(start)) == to_micros(price)

    def test_a_call_across_windows_pays_each_its_own(self, tariff: Tariff) -> None:
        """Friday 19:59:50: ten seconds at 0.05, four hours at 0.02, five seconds at 0.01."""
        seconds = 10 + 4 * 3600 + 5
        price = price_of(tariff, seconds, "voice", start=at("2026-03-06T19:59:50"))
        assert price == to_micros("0.50") + 4 * 3600 * to_micros("0.02") + to_micros("0.05")

    def test_an_increment_keeps_the_price_it_started_at(self) -> None:
        """A minute begun at 19:59:30 is paid whole at the day's price."""
        rate = rate_of("0.05", windows=(EVENING,), increments={0: 60})
        tariff = tariff_of(UsageRule("voice", rate), time_zone="Europe/Madrid")
        price = price_of(tariff, 61, "voice", start=at("2026-03-06T19:59:30"))
        assert price == 60 * to_micros("0.05") + 60 * to_micros("0.02")

    def test_clocks_that_change_in_a_call(self) -> None:
        """Clocks go from 02:00 to 03:00 on 29 March 2026: from 01:30 on, 1,800 s at 0.05,
        and then it is 03:00, where the window begins. On 25 October they go back from 03:00
        to 02:00: from 02:30 (the first), an hour and a half at 0.05 before the window."""
        early = Window(days=(6,), start=3 * 3600, end=4 * 3600, steps=steps_of({0: "0.01"}))
        rate = rate_of("0.05", windows=(early,))
        tariff = tariff_of(UsageRule("voice", rate), time_zone="Europe/Madrid")
        spring = price_of(tariff, 1810, "voice", start=at("2026-03-29T01:30:00"))
        assert spring == 1800 * to_micros("0.05") + 10 * to_micros("0.01")
        autumn = price_of(tariff, 5410, "voice", start=at("2026-10-25T02:30:00"))
        assert autumn == 5400 * to_micros("0.05") + 10 * to_micros("0.01")

    def test_cover_the_whole_week_if_they_like(self) -> None:
        always = Window(tuple(range(7)), 0, 24 * 3600, steps_of({0: "0.03"}))
        tariff = tariff_of(UsageRule("data", rate_of("9", windows=(always,))))
        assert price_of(tariff, 1) == to_micros("0.03")


def refusal(*rules: UsageRule, **others: object) -> str:
    with pytest.raises(TariffRefused) as refused:
        tariff_of(*rules, **others)  # type: ignore[arg-type]
    return str(refused.value)


class TestRefusals:
    def test_of_what_could_overflow_name_the_plan_and_the_price(self) -> None:
        rate = Rate("Gold data", (1 << 59) - 1, (PriceStep(0, 1000),))
        assert refusal(UsageRule("data", rate)) == (
            "plan plan, usage rule 1, 'Gold data': "
            "1000 micros for 576460752303423487 units is too large"
        )

    def test_but_not_of_large_round_numbers(self) -> None:
        """100.00 for a tebibyte is 390,625 for 2^32, which fits."""
        tariff = tariff_of(UsageRule("data", rate_of("100", 1 << 40)))
        assert price_of(tariff, 1 << 40) == to_micros(100)
        assert price_of(tariff, 1 << 60) == to_micros(100) << 20

    @pytest.mark.parametrize(
        ("rate", "reason"),
        [
            (Rate("x", 0, (PriceStep(0, 1),)), "a price for 0 units has no meaning here"),
            (Rate("x", 1, (PriceStep(0, -1),)), "-1 micros can't be charged"),
            (Rate("x", 1, (PriceStep(0, 1 << 62),)), f"{1 << 62} micros can't be charged"),
            (Rate("x", 1, ()), "the first price step must begin at unit 0"),
            (Rate("x", 1, (PriceStep(1, 1),)), "the first price step must begin at unit 0"),
            (
                Rate("x", 1, (PriceStep(0, 1), PriceStep(0, 2))),
                "two price steps begin at one unit",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1), PriceStep(1 << 61, 2))),
                "a price step begins past all usage",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1),), increments=(Increment(0, 0),)),
                "an increment of 0 units",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1),), increments=()),
                "the first increment must begin at unit 0",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1),), windows=(WEEKEND, WEEKEND)),
                "two windows overlap",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1),), windows=(Window((8,), 0, 1, ()),)),
                "a window on days (8,)",
            ),
            (
                Rate("x", 1, (PriceStep(0, 1),), windows=(Window((0,), 5, 5, ()),)),
                "a window from 5 to 5",
            ),
        ],
    )
    def test_of_rates(self, rate: Rate, reason: str) -> None:
        assert refusal(UsageRule("data", rate)) == f"plan plan, usage rule 1, 'x': {reason}"

    def test_of_rules(self) -> None:
        sheet = RateSheet("s", (SheetEntry("1", rate_of()),))
        by_sheet = UsageRule("voice", rate_sheet="s")
        assert "neither a rate nor a rate sheet" in refusal(UsageRule("data"))
        assert "rate sheet 'nope' does not exist" in refusal(UsageRule("data", rate_sheet="nope"))
        assert "usage rule 2: a second rate sheet" in refusal(by_sheet, by_sheet, sheets=(sheet,))
        assert "usage rule 2: a second rate for" in refusal(
            UsageRule("data", rate_of()), UsageRule("data", rate_of())
        )
        assert "usage rule 2: a second rate for" in refusal(
            UsageRule("data", rate_of(), where=Filters(dnn="IMS")),
            UsageRule("data", rate_of(), where=Filters(dnn="ims")),
        )
        assert "-1 is not a rating group" in refusal(UsageRule("data", rate_of(), rating_group=-1))
        with pytest.raises(UnknownService, match="'Fax' is none of data, voice, sms"):
            tariff_of(UsageRule("Fax", rate_of()))

    def test_of_sheets(self) -> None:
        for prefixes, reason in (
            (("1", "+1"), "rate sheet s, prefix +1: the prefix stands there twice"),
            (("1a",), "rate sheet s, prefix 1a: a prefix is 1 to 15 digits"),
            (("",), "a prefix is 1 to 15 digits"),
            (("+",), "a prefix is 1 to 15 digits"),
            (("00",), "a prefix is 1 to 15 digits"),
            (("\uff14\uff14",), "a prefix is 1 to 15 digits"),
            (("44", "0044"), "rate sheet s, prefix 0044: the prefix stands there twice"),
        ):
            sheet = RateSheet("s", tuple(SheetEntry(prefix, rate_of()) for prefix in prefixes))
            rule = UsageRule("voice", rate_sheet="s")
            assert reason in refusal(rule, sheets=(sheet,))
        rule = UsageRule("voice", rate_sheet="s")
        assert "two rate sheets of one name" in refusal(
            rule, sheets=(RateSheet("s", ()), RateSheet("s", ()))
        )

    def test_of_plans(self) -> None:
        plan = PlanSource("twice", "EUR")
        with pytest.raises(TariffRefused, match="plan twice: two plans of one id"):
            compile_tariff(TariffSource((plan, plan)), version=1, effective_from=JANUARY)
        assert "allowance a: 0 units can't be held" in refusal(
            allowances=(Allowance("a", "A", "data", 0),)
        )

    @pytest.mark.parametrize("data", [b"", b"garbage", tariff_of().encode()[:-3]])
    def test_of_bytes_that_are_no_tariff(self, data: bytes) -> None:
        with pytest.raises(TariffUnreadable):
            Tariff.decode(data)


def test_a_plan_whose_sheet_goes_by_the_hour_knows_it() -> None:
    night = Window((0,), 0, 3600, (PriceStep(0, 1),))
    sheet = RateSheet("world", (SheetEntry("44", rate_of(windows=(night,))),))
    tariff = tariff_of(UsageRule("sms", None, "world"), sheets=(sheet,))
    assert tariff.plan("plan").calendared
    assert not tariff_of(UsageRule("sms", rate_of())).plan("plan").calendared
