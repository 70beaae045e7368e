"""Whatever people do to prepaid balances, no money comes or goes but by adjustments."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import account, asks, compiled, plan, request, rule
from tests.unit.charging.builders import tariffs as installed
from trunkline.charging import Kind
from trunkline.charging.actions import deciding
from trunkline.charging.charge import charge
from trunkline.charging.journal import Record
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import State, decode, encode
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.money import Money

START = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Step(msgspec.Struct, frozen=True):
    """`of` and `to` are accounts; `micros` may be more than there is; `later` in seconds."""

    verb: str
    of: int
    to: int
    micros: int
    action: int
    later: int


STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(["adjust", "transfer", "reserve", "release", "use"]),
        of=st.integers(0, 2),
        to=st.integers(0, 2),
        micros=st.integers(-5_000_000, 20_000_000),
        action=st.integers(0, 3),
        later=st.sampled_from([0, 1, 60, 3600, 100_000]),
    ),
    max_size=25,
)


def do(states: list[State], records: list[list[Record]], step: Step, at: datetime) -> int:
    """Does the step, as an operation would: what is refused changes nothing. Returns by how much
    the sum of balances is meant to change."""
    state, amount = states[step.of], Money(step.micros, "EUR")
    name = f"bal_{step.action}"
    if step.verb == "adjust":
        deciding.adjust(state, amount, at, name, records[step.of])
        return amount.micros
    if step.verb == "transfer" and step.of != step.to and step.micros > 0:
        given_, taken = records[step.of], records[step.to]
        deciding.transfer(state, states[step.to], amount, at, name, (given_, taken))
    elif step.verb == "reserve" and step.micros > 0:
        if state.session(f"reservation:{name}") is None:
            deciding.reserve(state, amount, at + timedelta(hours=1), at, name)
    elif step.verb == "release":
        deciding.release(state, name)
    return 0


@settings(max_examples=examples(100))
@given(STEPS)
def test_money_is_conserved_and_never_below_what_is_held(steps: list[Step]) -> None:
    """Network usage goes on in between: it takes what it charges, and no more than is free."""
    prices = installed(compiled(plan(rules=(rule("data", "1.00", 1_000_000),))))
    states = [account(str(10 * index)) for index in range(3)]
    records: list[list[Record]] = [[] for _ in states]
    total, at, number = sum(state.money for state in states), START, 0
    for step in steps:
        at += timedelta(seconds=step.later)
        for state in states:
            give_up_sessions(state, int(at.timestamp()))
        before = [encode(state) for state in states]
        if step.verb == "use":
            number += 1
            asked = request(
                Kind.INITIAL,
                0,
                asks(abs(step.micros)),
                session=f"s{number}",
                at=int(at.timestamp()),
            )
            charge(states[step.of], asked, prices, int(at.timestamp()), records[step.of])
        else:
            try:
                total += do(states, records, step, at)
            except TrunklineError:
                assert [encode(state) for state in states] == before
        assert sum(state.money for state in states) == total
        for state, own in zip(states, records, strict=True):
            assert 0 <= state.held <= state.money
            held = sum(quota.money for each in state.sessions for quota in each.quotas)
            assert state.held == held
            assert not own or own[-1].balance == state.money
            assert decode(encode(state)) == state


def test_the_journal_tells_each_side() -> None:
    giver, taker = account("5"), account("0")
    records: tuple[list[Record], list[Record]] = ([], [])
    deciding.transfer(giver, taker, Money(3_000_000, "EUR"), START, "bal_1", records)
    assert [(each[0].charge, each[0].balance, each[0].session) for each in records] == [
        (3_000_000, 2_000_000, "bal_1"),
        (-3_000_000, 3_000_000, "bal_1"),
    ]
