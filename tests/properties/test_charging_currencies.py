"""Currencies of no, three and four decimals: what is charged for sessions is what the oracle says,
travels in CC-Money whatever its exponent, and is rounded to the currency's own unit on a bill."""

from decimal import ROUND_HALF_UP, Decimal

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties import oracle
from tests.properties.oracle import Usage
from tests.unit.charging.builders import NOON, account, compiled, plan, request, tariffs
from trunkline.charging import Kind, Service, UnitRequest
from trunkline.charging.charge import charge
from trunkline.charging.in_money import charge_in_money
from trunkline.charging.journal import Record
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.currencies import NUMBERS
from trunkline.diameter.money import Sum, money_in
from trunkline.kernel.money import Money
from trunkline.rating import Increment, PriceStep, Rate, TariffSource, UsageRule

DECIMALS = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3, "CLF": 4, "UYW": 4, "EUR": 2}
CURRENCIES = st.sampled_from(sorted(DECIMALS))


@st.composite
def rates(draw: st.DrawFn, unit: int) -> Rate:
    """In minor units, of `unit` micros each, or in micros."""
    prices = st.integers(0, 999).map(lambda each: each * unit) | st.integers(0, 10**9)
    bounds = draw(st.lists(st.integers(1, 300), max_size=2, unique=True))
    return Rate(
        label="x",
        per=draw(st.sampled_from([1, 3, 60, 1024])),
        steps=tuple(PriceStep(bound, draw(prices)) for bound in (0, *bounds)),
        increments=(Increment(0, draw(st.sampled_from([1, 7, 60]))),),
        connection_fee=draw(st.just(0) | prices),
        minimum=draw(st.just(0) | prices),
    )


@given(CURRENCIES, st.data(), st.lists(st.integers(0, 200), min_size=1, max_size=6))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_session_costs_what_the_oracle_says(
    currency: str, data: st.DataObject, reports: list[int]
) -> None:
    service = data.draw(st.sampled_from(["data", "voice"]))
    rate = data.draw(rates(10 ** (6 - DECIMALS[currency])))
    priced = msgspec.structs.replace(plan(rules=(UsageRule(service, rate),)), currency=currency)
    state, journal = account("1000000000", currency=currency), list[Record]()
    prices, before = tariffs(compiled(priced)), state.money
    called = "" if service == "data" else "467"
    for number, used in enumerate((0, *reports, 0)):
        kind = {0: Kind.INITIAL, len(reports) + 1: Kind.TERMINATE}.get(number, Kind.UPDATE)
        asked = request(
            kind,
            number,
            UnitRequest(1, requested=100, used=used),
            service=Service.DATA if service == "data" else Service.VOICE,
            called=called,
        )
        charge(state, asked, prices, NOON, journal)
    whole = Usage(service, sum(reports), NOON, group=1)
    expected = oracle.price(TariffSource((priced,)), "plan", whole).charge
    assert before - state.money == sum(each.charge for each in journal) == expected
    assert (state.held, state.currency) == (0, currency)
    _is_rounded_once(Money(expected, currency))


def _is_rounded_once(exact: Money) -> None:
    unit = Decimal(1).scaleb(-DECIMALS[exact.currency])
    billed = exact.rounded()
    assert billed.to_decimal() == Decimal(exact.micros).scaleb(-6).quantize(
        unit, rounding=ROUND_HALF_UP
    )
    assert billed.micros % 10 ** (6 - DECIMALS[exact.currency]) == 0


def cc_money(digits: int, exponent: int, currency: str) -> Sum:
    octets = codec.grouped(
        d.UNIT_VALUE,
        codec.avp(d.VALUE_DIGITS, digits.to_bytes(8, "big", signed=True)),
        codec.avp(d.EXPONENT, exponent.to_bytes(4, "big", signed=True)),
    ) + codec.u32(d.CURRENCY_CODE, NUMBERS[currency])
    return money_in(octets, 0, len(octets))


@given(CURRENCIES, st.integers(1, 10**6), st.integers(0, 10**6), st.integers(-6, 3))
@settings(max_examples=examples(60))
def test_money_is_reserved_and_debited_whatever_its_exponent(
    currency: str, wished: int, spent: int, exponent: int
) -> None:
    """In minor units with their own exponent, or in any that says the same."""
    own = cc_money(wished, -DECIMALS[currency], currency)
    assert own == Sum(wished * 10 ** (6 - DECIMALS[currency]), currency)
    asked = cc_money(wished, exponent, currency)
    assert asked.micros == Decimal(wished).scaleb(exponent + 6)
    used = cc_money(spent, -DECIMALS[currency], currency)
    state, journal = account("5000000000", currency=currency), list[Record]()
    before, prices = state.money, tariffs()
    first = request(Kind.INITIAL, 0, money=asked.micros)
    first.currency = asked.currency
    answer = charge_in_money(state, first, prices, NOON, journal)
    assert (answer.money, answer.currency) == (min(asked.micros, before), currency)
    assert state.held == answer.money
    last = request(Kind.TERMINATE, 1)
    last.spent, last.currency = used.micros, currency
    charge_in_money(state, last, prices, NOON, journal)
    assert (before - state.money, state.held) == (used.micros, 0)
