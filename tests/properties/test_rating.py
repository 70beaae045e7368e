"""Rating on random tariffs and usage: both forms of the kernel agree with a slow oracle, no way
of slicing a session changes its price, and money is granted for as far as it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import chain, pairwise
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties import oracle
from tests.properties.oracle import Bucket, Usage
from trunkline.rating import (
    CHARGE,
    FREE,
    GRANTED,
    LABEL,
    NO_LIMIT,
    NO_PRICE,
    POSITION,
    POSITION_END,
    RATED,
    SHORT,
    TAKEN,
    UNKNOWN_DESTINATION,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    SheetEntry,
    Tariff,
    TariffSource,
    UsageRule,
    Window,
    bucket_offset,
    compile_tariff,
    compiled,
    destination,
    kernel,
    new_slice,
    service_code,
)

EFFECTIVE = datetime(2026, 1, 1, tzinfo=UTC)
START = int(EFFECTIVE.timestamp())
YEAR = 365 * 86_400
OUTCOMES = {
    RATED: "rated",
    SHORT: "short",
    NO_PRICE: "no price",
    UNKNOWN_DESTINATION: "unknown destination",
}
CLOCKS_CHANGE = [
    int(datetime.fromisoformat(f"2026-{each}Z").timestamp())
    for each in ("03-29T01:00", "04-04T15:00", "10-03T15:30", "10-25T01:00")
]
"""In Madrid by an hour, on Lord Howe by half of one."""
STARTS = st.integers(START, START + YEAR) | st.builds(
    lambda change, seconds: change + seconds,
    st.sampled_from(CLOCKS_CHANGE),
    st.integers(-7200, 7200) | st.integers(-400, 400),
)
PREFIXES = ["1", "12", "123", "1239", "13", "2", "22", "4", "40"]
NUMBERS = ["", "1", "12", "1230", "12395", "139", "21", "229", "4", "40", "400", "9"]


@pytest.fixture(scope="module")
def form() -> compiled.Form:
    return compiled.load()


def both(tariff: Tariff, slice_: list[int], form: compiled.Form | None) -> int:
    """Rate in place by the plain kernel and, where given, hold the compiled one to the same."""
    again = list(slice_)
    code = kernel.rate(tariff.table, slice_)
    if form is not None:
        assert form.rate(form.array(tariff.table), again) == code
        assert again == slice_
    return code


@st.composite
def _steps(draw: st.DrawFn, prices: st.SearchStrategy[int], unit: int) -> tuple[PriceStep, ...]:
    bounds = draw(st.lists(st.integers(1, 60), max_size=3, unique=True))
    return tuple(PriceStep(bound * unit, draw(prices)) for bound in (0, *bounds))


@st.composite
def _windows(draw: st.DrawFn, prices: st.SearchStrategy[int], unit: int) -> tuple[Window, ...]:
    bounds = sorted(draw(st.lists(st.integers(0, 86_400), max_size=4, unique=True)))
    windows = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=False):
        days = draw(st.sets(st.integers(0, 6), min_size=1))
        windows.append(Window(tuple(days), start, end, draw(_steps(prices, unit))))
    return tuple(windows)


@st.composite
def rates(draw: st.DrawFn, *, largest: int, unit: int, label: str = "x") -> Rate:
    """`unit` scales increments and steps; a price for `per` stays below `largest` / per."""
    per = draw(st.sampled_from([1, 3, 60, 1024, 10**6, 1 << 30]))
    top = max(1, largest // per)
    prices = st.integers(0, min(20, top)) | st.integers(0, top - 1)
    sizes = st.integers(1, 20).map(lambda size: size * unit)
    bounds = draw(st.lists(st.integers(1, 60), max_size=2, unique=True))
    amounts = st.just(0) | st.integers(0, 1000) | st.integers(0, largest)
    return Rate(
        label=label,
        per=per,
        steps=draw(_steps(prices, unit)),
        increments=tuple(Increment(bound * unit, draw(sizes)) for bound in (0, *bounds)),
        connection_fee=draw(amounts),
        minimum=draw(amounts),
        windows=draw(_windows(prices, unit)),
    )


@dataclass(frozen=True)
class Case:
    source: TariffSource
    usage: Usage

    def slice(self) -> list[int]:
        usage = self.usage
        return new_slice(
            0,
            service_code(usage.service),
            group=-1 if usage.group is None else usage.group,
            destination=destination(usage.number),
            start=usage.start,
            units=usage.units,
            limit=NO_LIMIT if usage.limit is None else usage.limit,
            buckets=[held(each) for each in usage.buckets],
        )

    def tariff(self) -> Tariff:
        return compile_tariff(self.source, version=1, effective_from=EFFECTIVE)


def held(each: Bucket) -> tuple[int, ...]:
    group = -1 if each.group is None else each.group
    service = service_code(each.service)
    return each.units, each.reserved, service, group, each.starts, each.expires


@st.composite
def cases(draw: st.DrawFn, *, largest: int = 10**7, unit: int = 1) -> Case:
    """A tariff, and usage of at most some hundred increments; with a large `unit` and `largest`,
    at the edge of what 64 bits hold."""
    service = draw(st.sampled_from(["data", "sms"] if unit > 1 else ["data", "voice", "sms"]))
    source = TariffSource(
        plans=(draw(_plans(service, largest, unit)),),
        rate_sheets=(draw(_sheets(largest, unit)),),
        time_zone=draw(st.sampled_from(["UTC", "Europe/Madrid", "Australia/Lord_Howe"])),
    )
    start = draw(STARTS)
    instants = st.integers(start - 300, start + 300)
    groups = st.none() | st.sampled_from([1, 2])
    buckets = draw(
        st.lists(
            st.builds(
                Bucket,
                units=st.integers(0, 200).map(lambda units: units * unit),
                service=st.sampled_from([service, service, "voice"]),
                group=groups,
                starts=st.just(0) | instants,
                expires=st.just(START + 2 * YEAR) | instants,
                reserved=st.just(0) | st.integers(0, 50).map(lambda units: units * unit),
            ),
            max_size=4,
        )
    )
    usage = Usage(
        service=service,
        units=draw(st.integers(0, 400)) * unit + draw(st.integers(0, unit - 1)),
        start=start,
        group=draw(groups),
        number=draw(st.sampled_from(NUMBERS)),
        limit=draw(st.none() | st.integers(-10, 1000) | st.integers(0, 20 * largest)),
        buckets=buckets,
    )
    return Case(source, usage)


@st.composite
def _plans(draw: st.DrawFn, service: str, largest: int, unit: int) -> PlanSource:
    rules = [UsageRule(service, draw(rates(largest=largest, unit=unit)))]
    if draw(st.booleans()):
        rate = draw(rates(largest=largest, unit=unit, label="own"))
        rules.append(UsageRule(service, rate, rating_group=1))
    if draw(st.booleans()):
        rules.append(UsageRule(service, None, "sheet", rating_group=draw(st.none() | st.just(2))))
    return PlanSource("plan", "EUR", tuple(rules[draw(st.integers(0, 1)) :]))


@st.composite
def _sheets(draw: st.DrawFn, largest: int, unit: int) -> RateSheet:
    prefixes = draw(st.lists(st.sampled_from(PREFIXES), max_size=4, unique=True))
    return RateSheet(
        "sheet",
        tuple(
            SheetEntry(prefix, draw(rates(largest=largest, unit=unit, label=prefix)))
            for prefix in prefixes
        ),
    )


huge = cases(largest=1 << 56, unit=1 << 48)


@given(cases() | huge)
def test_both_forms_agree_with_the_oracle(form: compiled.Form, case: Case) -> None:
    tariff = case.tariff()
    slice_ = case.slice()
    code = both(tariff, slice_, form)
    expected = oracle.price(case.source, "plan", case.usage)
    assert OUTCOMES[code] == expected.outcome
    if code >= 0:
        assert tariff.labels[slice_[LABEL]] == expected.label
        assert slice_[CHARGE] == expected.charge
        assert slice_[GRANTED] == expected.granted
        assert slice_[FREE] == expected.free
        assert takes(slice_) == expected.taken


def takes(slice_: Sequence[int]) -> list[int]:
    return [slice_[bucket_offset(i) + TAKEN] for i in range(slice_[kernel.BUCKET_COUNT])]


@given(cases() | huge, st.data())
def test_slicing_changes_nothing(form: compiled.Form, case: Case, data: st.DataObject) -> None:
    tariff = case.tariff()
    whole = case.slice()
    code = both(tariff, whole, form)
    if code < 0:
        return
    cuts = data.draw(st.lists(st.integers(0, case.usage.units), max_size=6), label="cuts")
    bounds = [0, *sorted(cuts), case.usage.units]
    usage = case.usage
    charge = granted = 0
    taken = [0] * len(usage.buckets)
    position = None
    for begin, end in pairwise(bounds):
        buckets = [
            replace(each, units=each.units - took)
            for each, took in zip(usage.buckets, taken, strict=True)
        ]
        limit = None if usage.limit is None else max(usage.limit, 0) - charge
        start = usage.start + (begin if usage.service == "voice" else 0)
        part = replace(usage, units=end - begin, start=start, limit=limit, buckets=buckets)
        slice_ = replace(case, usage=part).slice()
        slice_[POSITION:POSITION_END] = position or slice_[POSITION:POSITION_END]
        last = both(tariff, slice_, form)
        position = slice_[POSITION:POSITION_END]
        charge += slice_[CHARGE]
        granted += slice_[GRANTED]
        taken = [one + more for one, more in zip(taken, takes(slice_), strict=True)]
        if last == SHORT:
            break
    assert charge == whole[CHARGE]
    assert granted == whole[GRANTED]
    assert taken == takes(whole)
    assert last == code


USES = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)
BY_GIGABYTE = st.tuples(st.integers(0, 10**7), st.just(10**9), USES)
BY_LESS = st.tuples(st.integers(0, 500), st.sampled_from([3, 60, 500, 1024, 10**6]), USES)
PARTS = st.lists(BY_GIGABYTE, min_size=1, max_size=4) | st.lists(BY_LESS, min_size=1, max_size=4)


@given(PARTS)
def test_prices_that_follow_each_other_are_rounded_as_a_sum(
    form: compiled.Form, parts: list[tuple[int, int, list[int]]]
) -> None:
    exact, charged, position = Fraction(0), 0, None
    for price, per, uses in parts:
        rate = Rate("x", per, (PriceStep(0, price),), (Increment(0, 1),))
        plan = PlanSource("plan", "EUR", (UsageRule("data", rate),))
        tariff = compile_tariff(TariffSource((plan,)), version=1, effective_from=EFFECTIVE)
        for units in uses:
            slice_ = new_slice(0, 0, start=START, units=units, position=position)
            assert both(tariff, slice_, form) == RATED
            position = slice_[POSITION:POSITION_END]
            charged += slice_[CHARGE]
            exact += Fraction(price * units, per)
    assert charged == floor(exact + Fraction(1, 2))


@given(cases() | huge, st.data())
def test_slicing_changes_nothing_after_another_price(
    form: compiled.Form, case: Case, data: st.DataObject
) -> None:
    """Whatever it left of a micro, though no number can tell it in this price's parts."""
    per = data.draw(st.sampled_from([2, 7, 500, 10**9, (1 << 40) - 1]))
    cost, rest = data.draw(st.tuples(st.integers(0, 9), st.integers(0, per - 1)))
    left = [0, 0, cost + (2 * rest >= per), cost, rest, per, 1]
    tariff, whole = case.tariff(), case.slice()
    whole[POSITION:POSITION_END] = left
    half = whole[:]
    half[kernel.UNITS] = data.draw(st.integers(0, case.usage.units))
    if both(tariff, whole, form) != RATED or both(tariff, half, form) != RATED:
        return
    other = whole[:]
    other[POSITION:POSITION_END] = half[POSITION:POSITION_END]
    other[kernel.UNITS] = whole[kernel.UNITS] - half[kernel.UNITS]
    if case.usage.service == "voice":
        other[kernel.START] += half[kernel.UNITS]
    for index in range(other[kernel.BUCKET_COUNT]):
        other[bucket_offset(index)] -= half[bucket_offset(index) + TAKEN]
    if other[kernel.LIMIT] != NO_LIMIT:
        other[kernel.LIMIT] -= half[CHARGE]
    assert both(tariff, other, form) == RATED
    assert half[CHARGE] + other[CHARGE] == whole[CHARGE]


@given(cases() | huge, st.integers(0, 1000))
def test_more_usage_never_costs_less(case: Case, more: int) -> None:
    tariff = case.tariff()
    less = case.slice()
    if both(tariff, less, None) < 0:
        return
    usage = replace(case.usage, units=case.usage.units + more)
    greater = replace(case, usage=usage).slice()
    both(tariff, greater, None)
    assert greater[CHARGE] >= less[CHARGE]
    assert greater[GRANTED] >= less[GRANTED]
    assert all(one >= other for one, other in zip(takes(greater), takes(less), strict=True))


@given(cases(), st.integers(0, 10**6))
def test_a_grant_is_within_the_limit_and_cannot_be_larger(case: Case, limit: int) -> None:
    tariff = case.tariff()
    usage = replace(case.usage, limit=limit)
    slice_ = replace(case, usage=usage).slice()
    code = both(tariff, slice_, None)
    if code < 0:
        return
    assert slice_[CHARGE] <= limit
    if code == SHORT:
        further = replace(usage, units=slice_[GRANTED] + 1, limit=None)
        unlimited = replace(case, usage=further).slice()
        assert both(tariff, unlimited, None) == RATED
        assert unlimited[CHARGE] > limit


@given(st.lists(cases(), min_size=1, max_size=5), st.integers(1, 3))
@settings(max_examples=examples(25))
def test_bulk_rates_in_order_and_debits_as_it_goes(
    form: compiled.Form, some: list[Case], accounts: int
) -> None:
    """Events of one tariff over shared accounts, compiled, against one call each."""
    tariff = some[0].tariff()
    width = 2 + 4 * (kernel.BUCKET_SIZE + kernel.TERM_SIZE)
    owners = [index % accounts for index in range(len(some))]
    held_by: list[list[list[int]]] = []
    for account in range(accounts):
        first = some[account % len(some)]
        held_by.append([[*held(each), 0] for each in first.usage.buckets])
    flat: list[int] = []
    for buckets in held_by:
        row = [len(buckets), 0, *(number for bucket in buckets for number in bucket)]
        flat += row + [0] * (width - len(row))
    events: list[int] = []
    expected: list[int] = []
    expected_codes: list[int] = []
    for case, owner in zip(some, owners, strict=True):
        slice_ = replace(case, usage=replace(case.usage, buckets=[])).slice()
        events += slice_[: kernel.BUCKET_COUNT]
        slice_[kernel.BUCKET_COUNT :] = [
            len(held_by[owner]),
            0,
            *chain.from_iterable(held_by[owner]),
        ]
        expected_codes.append(kernel.rate(tariff.table, slice_))
        expected += slice_[: kernel.BUCKET_COUNT]
        for bucket, took in zip(held_by[owner], takes(slice_), strict=True):
            bucket[0] -= took
    rows, accounts_array = form.array(events), form.array(flat)
    codes = form.array([0] * len(some))
    work = form.array([0] * (kernel.BUCKETS + width))
    table = form.array(tariff.table)
    form.rate_many(table, rows, form.array(owners), accounts_array, work, width, codes)
    assert rows.tolist() == expected
    assert codes.tolist() == expected_codes
    for account, buckets in enumerate(held_by):
        remaining = [
            int(accounts_array[account * width + 2 + i * kernel.BUCKET_SIZE])
            for i in range(len(buckets))
        ]
        assert remaining == [bucket[0] for bucket in buckets]
