"""Rating on random tariffs with circumstances, holidays, counters, volume prices, flat amounts
and discounts: both forms of the kernel agree with the slow oracle, and slicing changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.properties import oracle
from tests.properties.oracle import BY_TIME, Bucket, Usage
from tests.properties.test_rating import OUTCOMES, STARTS, Case, both, held, takes
from trunkline.rating import (
    ADDED,
    ANYWHERE,
    BUCKET_COUNT,
    CHARGE,
    FREE,
    GRANTED,
    HOLIDAY,
    LABEL,
    NO_LIMIT,
    POSITION,
    POSITION_END,
    RATED,
    SHORT,
    CounterSource,
    Discount,
    Filters,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    Tariff,
    TariffRefused,
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    Zone,
    bucket_offset,
    compiled,
    destination,
    new_slice,
    service_code,
)

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
YEAR = 365 * 86_400
SERVICES = ["data", "voice", "mms", "api-call", "voice-in"]
ZONES = (Zone("eu", ("208", "262")), Zone("far", ("310", "26299")))
NETWORKS = ["", "20801", "26201", "26299", "310410", "23415"]

FILTERS = st.builds(
    Filters,
    service_identifier=st.none() | st.sampled_from([1, 7]),
    zone=st.none() | st.sampled_from(["eu", "far"]),
    dnn=st.none() | st.sampled_from(["ims", "internet"]),
    slice=st.none() | st.sampled_from(["1", "1-0000aa"]),
    qos=st.none() | st.sampled_from([0, 5, 9]),
)
WHERE = st.just(ANYWHERE) | FILTERS
GROUPS = st.none() | st.sampled_from([1, 2])


@pytest.fixture(scope="module")
def form() -> compiled.Form:
    return compiled.load()


@st.composite
def _steps(draw: st.DrawFn, unit: int, largest: int, flat: bool = False) -> tuple[PriceStep, ...]:
    bounds = draw(st.lists(st.integers(1, 120), max_size=3, unique=True))
    prices = st.integers(0, min(20, largest)) | st.integers(0, largest)
    flats = st.just(0) | st.integers(0, 500)
    return tuple(
        PriceStep(bound * unit, draw(prices), draw(flats) if flat else 0) for bound in (0, *bounds)
    )


@st.composite
def _windows(
    draw: st.DrawFn, unit: int, largest: int, flat: bool, holidays: bool
) -> tuple[Window, ...]:
    bounds = sorted(draw(st.lists(st.integers(0, 86_400), max_size=4, unique=True)))
    windows = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=False):
        days = draw(st.sets(st.integers(0, HOLIDAY if holidays else 6), min_size=1))
        windows.append(Window(tuple(days), start, end, draw(_steps(unit, largest, flat))))
    return tuple(windows)


class Shape(StrEnum):
    """What a price may have, so that most of what is drawn compiles."""

    PLAIN = "plain"
    COUNTER = "steps by a counter"
    SPENDING = "steps by what was spent"
    FLATS = "flat amounts"
    FLATS_OF_MONTH = "flat amounts by a counter"
    VOLUME = "volume"
    VOLUME_OF_MONTH = "volume by a counter"


BY_COUNTER = {Shape.FLATS_OF_MONTH, Shape.VOLUME_OF_MONTH}
BY_VOLUME = {Shape.VOLUME, Shape.VOLUME_OF_MONTH}


@st.composite
def rates(
    draw: st.DrawFn, label: str, shape: Shape, near: date, *, unit: int, largest: int
) -> Rate:
    per = draw(st.sampled_from([1, 3, 60, 1000]))
    bounds = draw(st.lists(st.integers(1, 60), max_size=2, unique=True))
    sizes = st.integers(1, 20).map(lambda size: size * unit)
    amounts = st.just(0) | st.integers(0, 1000)
    days = st.integers(-1, 2).map(lambda day: near + timedelta(days=day))
    holidays = tuple(draw(st.lists(days, max_size=2, unique=True)))
    flat = shape not in (Shape.PLAIN, Shape.COUNTER, Shape.SPENDING)
    counter = "own" if shape in BY_COUNTER else None
    if shape is Shape.COUNTER:
        counter = draw(st.sampled_from(["own", "wide"]))
    if shape is Shape.SPENDING:
        counter, per = "spent", draw(st.sampled_from([1, 3, 7]))
    return Rate(
        label=label,
        per=per,
        steps=draw(_steps(unit, largest, flat)),
        increments=tuple(Increment(bound * unit, draw(sizes)) for bound in (0, *bounds)),
        connection_fee=draw(amounts),
        minimum=0 if shape is Shape.VOLUME_OF_MONTH else draw(amounts),
        windows=() if shape in BY_VOLUME else draw(_windows(unit, largest, flat, bool(holidays))),
        holidays=holidays,
        tiers=Tiers.VOLUME if shape in BY_VOLUME else Tiers.GRADUATED,
        counter=counter,
    )


@st.composite
def cases(
    draw: st.DrawFn, *, unit: int = 1, largest: int = 10_000, shape: Shape | None = None
) -> Case:
    service = draw(st.sampled_from([each for each in SERVICES if unit == 1 or each not in BY_TIME]))
    start = draw(STARTS)
    near = datetime.fromtimestamp(start, UTC).date()
    rules: list[UsageRule] = []
    drawn = st.sampled_from(Shape) if shape is None else st.just(shape)
    shapes = draw(st.lists(drawn, min_size=1, max_size=3))
    measures = st.sampled_from([Measure.UNITS, Measure.PAID, Measure.PRICED])
    own = draw(measures)
    by_counter = [each for each in shapes if each in BY_COUNTER][:1]
    if by_counter:
        # Such a price must have its counter for itself.
        own = draw(st.sampled_from([Measure.PAID, Measure.PRICED]))
        others = (Shape.PLAIN, Shape.FLATS, Shape.VOLUME) if own is Measure.PRICED else ()
        shapes = by_counter + [each for each in shapes if each in others]
    for label, shape in zip("abc", shapes, strict=False):
        rate = draw(rates(label, shape, near, unit=unit, largest=largest))
        general = not rules and (bool(by_counter or shape) or draw(st.integers(0, 3)) > 0)
        group, where = (None, ANYWHERE) if general else (draw(GROUPS), draw(WHERE))
        if all((group, where) != (each.rating_group, each.where) for each in rules):
            rules.append(UsageRule(service, rate, None, group, where))
    units = st.integers(0, 150).map(lambda each: each * unit)
    counters = (
        CounterSource("own", own, service),
        CounterSource("wide", draw(measures), service, draw(GROUPS), draw(WHERE)),
        CounterSource("spent", Measure.MONEY, None, None, ANYWHERE if shape else draw(WHERE)),
    )
    discounts = []
    for _ in range(draw(st.integers(0, 2))):
        hundredths = draw(st.sampled_from([100, 1000, 2550, 10_000]))
        if not BY_VOLUME.isdisjoint(shapes):
            discounts.append(Discount(hundredths, draw(st.none() | st.just(service))))
            continue
        counter = draw(st.none() | st.sampled_from(["own", "wide", "spent"]))
        starts = st.integers(0, 3000) if counter == "spent" else units
        if shape is Shape.SPENDING:
            counter, starts = "spent", st.integers(0, 400)
        discounts.append(
            Discount(
                hundredths,
                draw(st.none() | st.just(service)),
                draw(GROUPS),
                draw(WHERE),
                counter,
                draw(starts) if counter else 0,
            )
        )
    plan = PlanSource("plan", "EUR", tuple(rules), (), counters, tuple(discounts))
    zone = draw(st.sampled_from(["UTC", "Europe/Madrid", "Australia/Lord_Howe"]))
    usage = _usage(draw, service, start, unit)
    return Case(TariffSource((plan,), (), zone, ZONES), usage)


def _usage(draw: st.DrawFn, service: str, start: int, unit: int) -> Usage:
    units = st.integers(0, 200).map(lambda each: each * unit)
    return Usage(
        service=service,
        units=draw(st.integers(0, 400)) * unit + draw(st.integers(0, unit - 1)),
        start=start,
        group=draw(GROUPS),
        limit=draw(st.none() | st.integers(-10, 1000) | st.integers(0, 10**6)),
        buckets=draw(
            st.lists(
                st.builds(
                    Bucket,
                    units=units,
                    service=st.just(service),
                    group=GROUPS,
                    starts=st.just(0) | st.integers(start - 300, start + 300),
                    expires=st.just(START + 2 * YEAR),
                ),
                max_size=2,
            )
        ),
        identifier=draw(st.none() | st.sampled_from([1, 7, 8])),
        dnn=draw(st.sampled_from(["", "ims", "internet", "x"])),
        slice=draw(st.sampled_from(["", "1", "1-0000aa"])),
        qos=draw(st.none() | st.sampled_from([0, 5, 9, 255])),
        network=draw(st.sampled_from(NETWORKS)),
        counters={"own": draw(units), "wide": draw(units), "spent": draw(st.integers(0, 999))},
    )


def compiled_tariff(case: Case) -> Tariff:
    """The compiler refuses some of what is drawn here; what it lets through has one meaning."""
    try:
        return case.tariff()
    except TariffRefused:
        assume(False)
        raise


def slice_of(case: Case, tariff: Tariff) -> list[int]:
    usage = case.usage
    return new_slice(
        0,
        service_code(usage.service),
        group=-1 if usage.group is None else usage.group,
        destination=destination(usage.number),
        where=tariff.places.where(
            service_identifier=-1 if usage.identifier is None else usage.identifier,
            dnn=usage.dnn,
            slice_=usage.slice,
            qos=-1 if usage.qos is None else usage.qos,
            network=usage.network,
        ),
        start=usage.start,
        units=usage.units,
        limit=NO_LIMIT if usage.limit is None else usage.limit,
        buckets=[held(each) for each in usage.buckets],
        counters=[usage.counters[each.id] for each in case.source.plans[0].counters],
    )


def added(slice_: list[int]) -> dict[str, int]:
    tail = bucket_offset(slice_[BUCKET_COUNT])
    return dict(zip(("own", "wide", "spent"), slice_[tail + ADDED :: 2], strict=True))


@st.composite
def _spending(draw: st.DrawFn) -> Case:
    """Small amounts and long sessions, so that what is spent passes several bounds on the way."""
    case = draw(cases(largest=20, shape=Shape.SPENDING))
    usage = replace(
        case.usage,
        group=draw(GROUPS),
        limit=draw(st.none() | st.integers(0, 400)),
        buckets=case.usage.buckets[: draw(st.sampled_from([0, 0, 1]))],
        units=draw(st.integers(100, 400)),
    )
    return replace(case, usage=usage)


spending = _spending()
huge = cases(unit=1 << 40, largest=1 << 12)
"""Amounts near 2^62; what was charged before can't be beyond."""


@given(cases() | huge)
def test_both_forms_agree_with_the_oracle(form: compiled.Form, case: Case) -> None:
    agrees_with_the_oracle(form, case)


@given(spending)
def test_what_is_spent_decides_as_the_oracle_says(form: compiled.Form, case: Case) -> None:
    agrees_with_the_oracle(form, case)


def agrees_with_the_oracle(form: compiled.Form, case: Case) -> None:
    tariff = compiled_tariff(case)
    slice_ = slice_of(case, tariff)
    code = both(tariff, slice_, form)
    expected = oracle.price(case.source, "plan", case.usage)
    assert OUTCOMES[code] == expected.outcome
    if code >= 0:
        assert tariff.labels[slice_[LABEL]] == expected.label
        assert slice_[GRANTED] == expected.granted
        assert slice_[CHARGE] == expected.charge
        assert slice_[FREE] == expected.free
        assert takes(slice_) == expected.taken
        assert added(slice_) == expected.added


@given(cases() | spending | huge, st.data())
def test_slicing_changes_nothing(form: compiled.Form, case: Case, data: st.DataObject) -> None:
    """Each slice finds the counters where the one before left them."""
    tariff = compiled_tariff(case)
    whole = slice_of(case, tariff)
    code = both(tariff, whole, form)
    if code < 0:
        return
    usage = case.usage
    cuts = data.draw(st.lists(st.integers(0, usage.units), max_size=5), label="cuts")
    charge = granted = 0
    taken = [0] * len(usage.buckets)
    counters = dict(usage.counters)
    position = None
    for begin, end in pairwise([0, *sorted(cuts), usage.units]):
        buckets = [
            replace(each, units=each.units - took)
            for each, took in zip(usage.buckets, taken, strict=True)
        ]
        part = replace(
            usage,
            units=end - begin,
            start=usage.start + (begin if usage.service in BY_TIME else 0),
            limit=None if usage.limit is None else max(usage.limit, 0) - charge,
            buckets=buckets,
            counters=counters,
        )
        slice_ = slice_of(replace(case, usage=part), tariff)
        slice_[POSITION:POSITION_END] = position or slice_[POSITION:POSITION_END]
        last = both(tariff, slice_, form)
        position = slice_[POSITION:POSITION_END]
        charge += slice_[CHARGE]
        granted += slice_[GRANTED]
        taken = [one + more for one, more in zip(taken, takes(slice_), strict=True)]
        counters = {name: counters[name] + more for name, more in added(slice_).items()}
        if last == SHORT:
            break
    assert (charge, granted, taken, last) == (whole[CHARGE], whole[GRANTED], takes(whole), code)
    assert counters == {name: usage.counters[name] + more for name, more in added(whole).items()}


@given(cases() | spending, st.integers(0, 10**6))
def test_a_grant_is_within_the_limit_and_cannot_be_larger(case: Case, limit: int) -> None:
    """However much of it is used."""
    tariff = compiled_tariff(case)
    usage = replace(case.usage, limit=limit)
    slice_ = slice_of(replace(case, usage=usage), tariff)
    code = both(tariff, slice_, None)
    if code < 0:
        return
    granted = slice_[GRANTED]
    for used in {0, granted // 2, granted - 1, granted}:
        if used >= 0:
            part = replace(case, usage=replace(usage, units=used, limit=None))
            unlimited = slice_of(part, tariff)
            assert both(tariff, unlimited, None) == RATED
            assert unlimited[CHARGE] <= limit
    if code == SHORT:
        part = replace(case, usage=replace(usage, units=granted + 1, limit=None))
        unlimited = slice_of(part, tariff)
        assert both(tariff, unlimited, None) == RATED
        assert unlimited[CHARGE] > limit
