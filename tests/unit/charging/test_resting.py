"""Members whose terms rest while they have what they need of their pool."""

from collections.abc import Callable

import pytest

from tests.unit.charging.builders import MB, NOON, account
from trunkline.charging import hot
from trunkline.charging.pools.resting import rests_until
from trunkline.charging.pools.shares import share_of
from trunkline.charging.state import (
    Resting,
    State,
    StateUnreadable,
    Status,
    decode,
    decode_resting,
    encode,
    encode_resting,
)
from trunkline.charging.store import Account
from trunkline.charging.terms import Lease, Life, Share, Terms

LEASES = Lease(1, 4, NOON + 60), Lease(2, 5, NOON + 30)


def member() -> State:
    state = account("0")
    state.terms = Terms(share=Share(9, "cac_9", leases=LEASES, taken=((0, 79 * MB),)))
    return state


def test_a_member_rests_until_something_of_it_may_go_back() -> None:
    state = member()
    assert rests_until(state) == NOON + 30
    share_of(state).leases = ()
    assert rests_until(state) == 0
    assert rests_until(account("1")) is None


def test_what_limits_allow_rests_until_a_part_of_them_that_is_told() -> None:
    state = member()
    share_of(state).limits = ((0, 100 * MB), (1, 60))
    assert rests_until(state) is not None
    share_of(state).taken = ((0, 80 * MB),)
    assert rests_until(state) is None
    share_of(state).limits, share_of(state).money_limit = (), 10
    assert rests_until(state) is not None
    share_of(state).money_taken = 8
    assert rests_until(state) is None


def closed(state: State) -> None:
    state.status = Status.CLOSED


def left(state: State) -> None:
    share_of(state).left = True


def paused(state: State) -> None:
    share_of(state).paused = True


def with_money(state: State) -> None:
    share_of(state).money_leased = share_of(state).money_until = 1


def with_credit_to_come(state: State) -> None:
    share_of(state).money_until = 1


def with_validity(state: State) -> None:
    state.terms = Terms(share=share_of(state), life=Life())


def with_a_former_pool(state: State) -> None:
    state.terms = Terms(share=share_of(state), former=(Share(8, "cac_8"),))


@pytest.mark.parametrize(
    "alter",
    [closed, left, paused, with_money, with_credit_to_come, with_validity, with_a_former_pool],
)
def test_whose_terms_say_more_does_not_rest(alter: Callable[[State], None]) -> None:
    state = member()
    alter(state)
    assert rests_until(state) is None


def rests(row: Account) -> bool:
    return row.resting is not None and row.state.terms is None


def test_resting_terms_are_the_same_when_they_wake() -> None:
    state = member()
    kept = encode_resting(state, NOON)
    assert state == member(), "encoding changes nothing"
    assert decode(kept) == state
    resting = decode_resting(kept)
    assert isinstance(resting, Resting)
    assert (resting.until, resting.state.terms) == (NOON, None)

    row = hot.account_of((1, "cac_1", "bac_1", 3, kept, None))
    assert rests(row)
    row.state.money = 7
    assert decode(encode(row.resting)).money == 7
    hot.rouse(row)
    assert not rests(row)
    assert row.state.terms == state.terms


def test_a_state_from_before_terms_rested_has_them_awake() -> None:
    state = member()
    assert decode_resting(encode(state)) == state
    row = hot.account_of((1, "cac_1", "bac_1", 3, encode(state), None))
    assert not rests(row)
    assert row.state == state


@pytest.mark.parametrize(
    "data", [b"", b"\x93", b"\x93\x01\x00\xc4\x00", encode(Resting(member(), 0, b"\x01"))]
)
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(StateUnreadable):
        decode(data)
