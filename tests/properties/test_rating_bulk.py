"""Bulk and online say the same: the events of some accounts in one order, with allowances that are
for something, go first or later, and hold from their first use on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import NOON, account, plan, tariffs
from trunkline.charging import Circumstances
from trunkline.charging.buckets import enter_month
from trunkline.charging.debit import Turn, debit
from trunkline.charging.state import State
from trunkline.customers import AccountKind
from trunkline.rating import (
    ANYWHERE,
    BUCKET_COUNT,
    BUCKET_SIZE,
    CHARGE,
    DATA,
    FREE,
    Allowance,
    Filters,
    Increment,
    PriceStep,
    Rate,
    Tariff,
    TariffSource,
    UsageRule,
    Zone,
    compile_tariff,
    new_slice,
)
from trunkline.rating import compiled as machine
from trunkline.rating.kernel import BUCKETS, TERM_SIZE

ZONES = (Zone("eu", ("208", "262")), Zone("far", ("310",)))
HOUR = 3600

WHERE = st.just(ANYWHERE) | st.builds(
    Filters,
    service_identifier=st.none() | st.just(7),
    zone=st.none() | st.sampled_from(["eu", "far"]),
    dnn=st.none() | st.just("ims"),
    slice=st.none() | st.just("1"),
    qos=st.none() | st.just(5),
)


@st.composite
def allowances(draw: st.DrawFn) -> tuple[Allowance, ...]:
    found = []
    for index in range(draw(st.integers(1, 4))):
        first_use = draw(st.booleans())
        found.append(
            Allowance(
                f"all_{index}",
                f"Allowance {index}",
                "data",
                draw(st.integers(1, 200)),
                draw(st.none() | st.just(1)),
                draw(st.integers(0, 2)),
                draw(WHERE),
                validity=draw(st.integers(1, 4)) * HOUR if first_use else 0,
                first_use=first_use,
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Event:
    owner: int
    at: int
    units: int
    group: int | None
    identifier: int | None
    where: Circumstances


EVENTS = st.builds(
    Event,
    owner=st.integers(0, 1),
    at=st.integers(NOON, NOON + 12 * HOUR),
    units=st.integers(0, 120),
    group=st.none() | st.sampled_from([1, 2]),
    identifier=st.none() | st.sampled_from([7, 8]),
    where=st.builds(
        Circumstances,
        network=st.sampled_from(["", "20801", "310410"]),
        dnn=st.sampled_from(["", "ims", "internet"]),
        slice=st.sampled_from(["", "1"]),
        qos=st.sampled_from([-1, 5, 9]),
    ),
)


@pytest.fixture(scope="module")
def form() -> machine.Form:
    return machine.load()


def priced(including: tuple[Allowance, ...]) -> Tariff:
    rate = Rate("Data", 1, (PriceStep(0, 30), PriceStep(100, 20)), (Increment(0, 7),))
    source = TariffSource((plan(*including, rules=(UsageRule("data", rate),)),), zones=ZONES)
    return compile_tariff(source, version=1, effective_from=datetime(2026, 11, 1, tzinfo=UTC))


def row(state: State, tariff: Tariff) -> list[int]:
    """The account as bulk keeps it."""
    terms = []
    for bucket in state.buckets:
        terms += [*tariff.places.filtered(bucket.where or ANYWHERE), bucket.from_use]
    return [len(state.buckets), 0, *state.flat, *terms]


@given(allowances(), st.lists(EVENTS, max_size=12))
@settings(max_examples=examples(50))
def test_bulk_says_what_online_says(
    form: machine.Form, including: tuple[Allowance, ...], events: list[Event]
) -> None:
    tariff = priced(including)
    installed = tariffs(tariff)
    states = [account(kind=AccountKind.POSTPAID) for _ in range(2)]
    for state in states:
        enter_month(state, NOON, tariff.plan("plan").allowances, [])
    rows = [row(state, tariff) for state in states]
    width = len(rows[0])
    asked = [
        new_slice(
            0,
            DATA,
            group=-1 if each.group is None else each.group,
            where=tariff.places.where(
                service_identifier=-1 if each.identifier is None else each.identifier,
                dnn=each.where.dnn,
                slice_=each.where.slice,
                qos=each.where.qos,
                network=each.where.network,
            ),
            start=each.at,
            units=each.units,
        )[:BUCKET_COUNT]
        for each in events
    ]
    rated, held = form.array(list(chain(*asked))), form.array(list(chain(*rows)))
    form.rate_many(
        form.array(tariff.table),
        rated,
        form.array([each.owner for each in events]),
        held,
        form.array([0] * (BUCKETS + width)),
        width,
        form.array([0] * len(events)),
    )
    told = []
    for each in events:
        turn = Turn(
            states[each.owner],
            [],
            installed.at(each.at),
            at=each.at,
            service=DATA,
            destination=0,
            session="s",
            number=0,
            where=each.where,
        )
        quota = turn.quota(each.group, each.identifier)
        debit(turn, quota, each.units, turn.in_force, turn.plan)
        told.append((turn.records[-1].charge, turn.records[-1].free))
    assert [
        (int(rated[at + CHARGE]), int(rated[at + FREE]))
        for at in range(0, len(rated), BUCKET_COUNT)
    ] == told
    for index, state in enumerate(states):
        kept = held[index * width : (index + 1) * width].tolist()
        assert kept == row(state, tariff), "what is left, and how long it holds"
    assert len(states[0].flat) == len(including) * BUCKET_SIZE
    assert width == 2 + len(including) * (BUCKET_SIZE + TERM_SIZE)
