"""How values look to people, and that nothing in them is ever markup."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import jinja2
import pytest

from trunkline.console.charts import bars, stacked_bars
from trunkline.console.rendering import (
    day,
    environment,
    exact,
    instant,
    json_in_html,
    money,
    number,
    quantity,
    sentence,
    words,
)
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit

DUBLIN = ZoneInfo("Europe/Dublin")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "EUR", "€1,234.50"),
        ("-0.0042", "EUR", "-€0.0042"),
        ("0", "USD", "$0.00"),
        ("1500", "JPY", "¥1,500"),
        ("1.5", "KWD", "KWD\u00a01.500"),
        ("-12", "CHF", "-CHF\u00a012.00"),
    ],
)
def test_money(amount: str, currency: str, shown: str) -> None:
    assert money(Money.of(amount, currency)) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "aligned", "loose"),
    [
        ("12.5", "EUR", '€12.50<span class="micros">0000</span>', "€12.50"),
        (
            "-1234.567891",
            "EUR",
            '-€1,234.56<span class="micros">7891</span>',
            '-€1,234.56<span class="micros">7891</span>',
        ),
        (
            "3.25",
            "JPY",
            '¥3<span class="micros">.250000</span>',
            '¥3<span class="micros">.25</span>',
        ),
    ],
)
def test_money_to_the_micro(amount: str, currency: str, aligned: str, loose: str) -> None:
    assert exact(Money.of(amount, currency)) == aligned
    assert exact(Money.of(amount, currency), aligned=False) == loose


def test_no_money_is_nothing() -> None:
    assert exact(None) == ""


@pytest.mark.parametrize(
    ("amount", "unit", "shown"),
    [
        (0, Unit.BYTES, "0 B"),
        (999, Unit.BYTES, "999 B"),
        (1_500_000, Unit.BYTES, "1.5 MB"),
        (10_000_000_000, Unit.BYTES, "10 GB"),
        (2_049_000_000_000, Unit.BYTES, "2 TB"),
        (59, Unit.SECONDS, "59 s"),
        (750, Unit.SECONDS, "12 min 30 s"),
        (7_200, Unit.SECONDS, "2 h"),
        (360_060, Unit.SECONDS, "100 h 1 min"),
        (1, Unit.MESSAGES, "1 message"),
        (1_000, Unit.MESSAGES, "1,000 messages"),
        (2, Unit.EVENTS, "2 events"),
    ],
)
def test_quantities(amount: int, unit: Unit, shown: str) -> None:
    assert quantity(Quantity(amount, unit)) == shown


def test_words() -> None:
    assert words("partiallyPaid") == "partially paid"
    assert words("one_time") == "one time"
    assert words("reserveSim") == "reserve SIM"
    assert sentence("it's O'Hara") == "It's O'Hara"
    assert sentence("") == ""
    assert number(1_234_567) == "1,234,567"


def test_instants_are_the_operators() -> None:
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert instant(summer, DUBLIN) == "2 Jul 2026, 00:30"
    assert day(summer, DUBLIN) == "2 Jul 2026"
    assert day(date(2026, 7, 1), DUBLIN) == "1 Jul 2026"
    assert instant(None, DUBLIN) == day(None, DUBLIN) == "\u2013"


def test_json_can_not_close_its_element() -> None:
    told = json_in_html({"name": "</script><script>&amp;<!--"})
    assert not set("<>&") & set(told)
    assert "\\u003c/script\\u003e" in told


def test_templates_escape_and_refuse_what_is_missing() -> None:
    templates = environment(DUBLIN)
    shown = templates.from_string("<b title='{{ name }}'>{{ name }}</b>")
    assert shown.render(name="<i>'{{7*7}}'") == (
        "<b title='&lt;i&gt;&#39;{{7*7}}&#39;'>&lt;i&gt;&#39;{{7*7}}&#39;</b>"
    )
    with pytest.raises(jinja2.UndefinedError):
        shown.render()


def test_charts_have_a_bar_for_each_name() -> None:
    option = bars(["Mon", "Tue"], {"Requests": [1, 2]})
    assert option["xAxis"]["data"] == ["Mon", "Tue"]
    assert option["series"][0]["data"] == [1, 2]
    rows = stacked_bars(["Mon", "Tue"], [("Data", [1.5, None]), ("Calls", [None, 2])])
    assert [each["text"] for each in rows["title"]] == ["Data", "Calls"]
    assert [each["yAxisIndex"] for each in rows["series"]] == [0, 1]
    assert [each["axisLabel"]["show"] for each in rows["xAxis"]] == [False, True]
