"""A pool that changes its plan while its members hold, use and give back what they leased."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import MB, asks, compiled, plan, tariffs
from tests.unit.charging.test_lending import Pair
from trunkline.charging import Kind
from trunkline.charging.account import change_plan
from trunkline.charging.buckets import made_way
from trunkline.charging.journal import RecordKind
from trunkline.charging.pools.leasing import Sides, give_back
from trunkline.charging.pools.shares import share_of
from trunkline.rating import BUCKET_SIZE, REMAINING, Allowance

PLANS = {"shared": 400 * MB, "small": 150 * MB, "large": 900 * MB, "bare": 0}
PRICES = tariffs(
    compiled(
        plan(),
        *(
            plan(*([Allowance(name, name, "data", units)] if units else []), id_=name)
            for name, units in PLANS.items()
        ),
    )
)

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([5, 20, 60]), st.sampled_from([0, 33, 100, 150])),
        st.sampled_from(list(PLANS)),
        st.just("back"),
    ),
    max_size=25,
)


@given(steps)
@settings(max_examples=examples(60), deadline=None)
def test_a_pool_has_what_its_plan_includes_less_what_members_used(
    history: Sequence[tuple[int, int] | str],
) -> None:
    """Wherever it is: with the pool, leased, or used; of whichever plan it was leased. What was
    used beyond the plan that came after is owed, and counts when leases come back."""
    pair = Pair(prices=PRICES)
    member, pool = pair.member.state, pair.pool.state
    member.money = 1_000_000_000
    pair.ask(Kind.INITIAL, asks(10 * MB))
    for step in history:
        if isinstance(step, tuple):
            used = member.sessions[0].quotas[0].granted * step[1] // 100
            pair.ask(Kind.UPDATE, asks(step[0] * MB, used=used))
        elif step == "back":
            sides = Sides("cac_1", "cac_9", [], [])
            give_back(member, share_of(member), pool, sides, pair.now)
        else:
            change_plan(pool, step, datetime.fromtimestamp(pair.now, UTC), PRICES, [])
        left = sum(member.flat[REMAINING::BUCKET_SIZE])
        for place, bucket in enumerate(pool.buckets):
            remaining = pool.flat[place * BUCKET_SIZE + REMAINING]
            assert 0 <= remaining <= bucket.granted
            left += -bucket.rollover if made_way(bucket) else remaining
        free = sum(each.free for each in pair.journal if each.kind == RecordKind.USAGE)
        assert left == PLANS[pool.plan] - free
