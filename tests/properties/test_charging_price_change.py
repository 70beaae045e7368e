"""A grant that reaches over a change of price is paid for however its use is split there, and holds
no more than the dearest way of using it costs: every split of it is tried."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import DAY, NOON, account, compiled, plan, request, tariffs
from trunkline.charging import BucketGrant, Kind, Service, UnitRequest
from trunkline.charging.buckets import give
from trunkline.charging.charge import charge
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.state import State, decode, encode
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import (
    BUCKET_SIZE,
    REMAINING,
    Increment,
    PriceStep,
    Rate,
    UsageRule,
    Window,
)

AFTER = 40
"""Seconds until the change."""
SIZE = GrantSize(default=30, smallest=1, largest=60, validity=3600)
POLICY = GrantPolicy(data=SIZE, voice=SIZE, sms=SIZE)
SERVICES = {"data": Service.DATA, "voice": Service.VOICE, "sms": Service.SMS}
INCREMENTS = st.sampled_from([((0, 1),), ((0, 1),), ((0, 7),), ((0, 10),), ((0, 20), (20, 3))])


@st.composite
def _steps(draw: st.DrawFn) -> tuple[PriceStep, ...]:
    price = st.integers(0, 40)
    bounds = draw(st.lists(st.integers(1, 80), max_size=2, unique=True))
    return tuple(PriceStep(bound, draw(price)) for bound in (0, *bounds))


@st.composite
def rates(draw: st.DrawFn, service: str, increments: tuple[tuple[int, int], ...]) -> Rate:
    amounts = st.sampled_from([0, 0, 25, 300])
    windows = []
    if service == "voice" and draw(st.booleans()):
        start = 12 * 3600 + draw(st.integers(0, 60))
        end = start + draw(st.integers(1, 60))
        windows.append(Window(tuple(range(7)), start, end, draw(_steps())))
    return Rate(
        label=service,
        per=draw(st.sampled_from([1, 1, 3, 7])),
        steps=draw(_steps()),
        increments=tuple(Increment(*each) for each in increments),
        connection_fee=draw(amounts),
        minimum=draw(amounts),
        windows=tuple(windows),
    )


@dataclass(frozen=True)
class Case:
    service: str
    before: Rate
    after: Rate
    increments: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
    state: State
    used: int
    wish: int

    def tariffs(self) -> Tariffs:
        then = datetime.fromtimestamp(NOON + AFTER, UTC)
        return tariffs(
            compiled(plan(rules=(UsageRule(self.service, self.before),))),
            compiled(plan(rules=(UsageRule(self.service, self.after),)), version=2, start=then),
        )

    def overlap(self) -> int:
        """Micros that may be held beyond the dearest way of using the grant. The last second
        of a call, and the increment that it begins, isn't used before the change where it lies
        beyond: there the clock decides."""
        dearest = max(each.price for each in prices_of(self.before))
        dearest *= max(size for _, size in self.increments[0])
        most = 2 + (dearest if self.service == "voice" else 0)
        if self.increments[0] == self.increments[1] == ((0, 1),):
            return most
        size = sum(max(each for _, each in sizes) for sizes in self.increments)
        total = sum(each.price for each in prices_of(self.after))
        return most + size * total * (1 + len(self.after.windows))


def prices_of(rate: Rate) -> list[PriceStep]:
    return [*rate.steps, *(each for window in rate.windows for each in window.steps)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    service = draw(st.sampled_from(sorted(SERVICES)))
    first = draw(INCREMENTS)
    second = draw(st.just(first) | INCREMENTS)
    state = account("0.000000")
    state.money = draw(st.integers(0, 1500))
    for number, (units, ends) in enumerate(
        draw(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([20, 40, DAY])), max_size=2))
    ):
        give(state, BucketGrant(service, units, 1, "x"), f"g{number}", NOON, 1, [])
        for index, bucket in enumerate(state.buckets):
            if bucket.allowance == f"g{number}":
                state.flat[index * BUCKET_SIZE + 5] = NOON + ends
                bucket.from_use = draw(st.sampled_from([0, 0, 0, 15, 50]))
    return Case(
        service,
        draw(rates(service, first)),
        draw(rates(service, second)),
        (first, second),
        state,
        draw(st.sampled_from([0, 0, 5, 12])),
        draw(st.integers(1, 60)),
    )


def send(
    state: State, case: Case, prices: Tariffs, number: int, unit: UnitRequest, at: int
) -> None:
    called = "" if case.service == "data" else "467"
    kind = Kind.INITIAL if number == 0 else Kind.UPDATE
    message = request(kind, number, unit, at=at, service=SERVICES[case.service], called=called)
    charge(state, message, prices, at, [], POLICY)


@given(cases())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_used_before_the_change_is_paid_for(case: Case) -> None:
    state, prices = decode(encode(case.state)), case.tariffs()
    send(state, case, prices, 0, UnitRequest(1, requested=case.used or case.wish), NOON)
    if case.used and state.sessions:
        used = min(case.used, state.sessions[0].quotas[0].granted)
        send(state, case, prices, 1, UnitRequest(1, requested=case.wish, used=used), NOON + 10)
    assume(state.sessions and state.sessions[0].quotas[0].change)
    quota = state.sessions[0].quotas[0]
    granted, held = quota.granted, quota.money
    assert 0 < granted <= SIZE.largest
    holds = dict(zip(quota.holds[::2], quota.holds[1::2], strict=True))
    kept = encode(state)
    dearest = 0
    for units in {granted, granted // 2, 1}:
        for before in range(units + 1):
            again = decode(kept)
            report = UnitRequest(1, used=units, after_change=units - before)
            send(again, case, prices, 2, report, NOON + 200)
            cost = state.money - again.money
            assert cost <= held, (units, before)
            dearest = max(dearest, cost)
            for index, bucket in enumerate(state.buckets):
                at = index * BUCKET_SIZE + REMAINING
                assert state.flat[at] - again.flat[at] <= holds.get(bucket.number, 0)
    assert held <= dearest + case.overlap()
