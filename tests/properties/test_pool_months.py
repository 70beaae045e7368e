"""Over the ends of months, with several rating groups and sessions at once: no member gets more of
its pool in a month than it may, a pool gives no more than it has; what comes back rolls over."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties.pool_family import MEMBERS, POOL, Family
from tests.unit.charging.builders import MB, asks, compiled, plan, request, tariffs
from trunkline.charging import Kind
from trunkline.charging.buckets import enter_month
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.months import epoch_bounds, month_at
from trunkline.charging.pools.shares import share_of
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import decode, encode
from trunkline.charging.terms import Share
from trunkline.rating import BUCKET_SIZE, REMAINING, RESERVED, Allowance

UNITS, ROLLOVER, GROUP_UNITS, LASTING = 60 * MB, 40 * MB, 50 * MB, 60 * MB
LIMIT, MONEY_LIMIT = 70 * MB, 400_000
MONEY = 3_000_000
"""The third group has nothing but money."""
SHARED = (
    Allowance("all_2", "Of group 2", "data", GROUP_UNITS, rating_group=2),
    Allowance("all_old", "Lasts", "data", LASTING, rating_group=1, validity=40 * 86_400),
    Allowance("all_1", "Shared", "data", UNITS, rating_group=1, rollover=ROLLOVER),
)
GIVEN = {"all_2": GROUP_UNITS, "all_old": LASTING, "all_1": UNITS}
PRICES = tariffs(compiled(plan(), plan(*SHARED, id_="shared")))
MONTH_ENDS = 600


class Step(msgspec.Struct, frozen=True):
    """`used` is in percent of the open grants, group by group."""

    member: int
    session: str
    asked: Sequence[tuple[int, int]]
    used: int
    ends: bool
    later: int
    jumps: bool
    """To ten minutes before the month's end."""
    returns: bool


steps = st.lists(
    st.builds(
        Step,
        member=st.sampled_from(MEMBERS),
        session=st.sampled_from("ab"),
        asked=st.lists(
            st.tuples(
                st.sampled_from([1, 2, 3]), st.sampled_from([0, 1, 7 * MB, 40 * MB, 300 * MB])
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda each: each[0],
        ),
        used=st.integers(0, 130),
        ends=st.integers(0, 5).map(lambda n: n == 0),
        later=st.sampled_from([0, 1, 10, 1000, 4000, 86_400]),
        jumps=st.integers(0, 3).map(lambda n: n == 0),
        returns=st.booleans(),
    ),
    max_size=30,
)


class Months(Family):
    """Members without anything of their own, each with a limit of units and of money."""

    def __init__(self) -> None:
        shares = {key: Share(POOL, "cac_9", ((0, LIMIT),), MONEY_LIMIT) for key in MEMBERS}
        super().__init__(PRICES, shares, money="0", pool_has="3")
        self.serial = 0
        self.numbers: dict[str, int] = {}
        self.month = 0, 0
        """Its bounds, and what members had leased of money when it began."""
        self.carried: dict[int, int] = {}

    def enter(self) -> None:
        if not self.month[0] <= self.now < self.month[1]:
            month = month_at(self.now, 1, "UTC")
            self.month = epoch_bounds(month, 1, "UTC")
            self.carried = {key: self.unspent(key) for key in MEMBERS}

    def unspent(self, key: int) -> int:
        return max(decode(self.rows[key]).money, 0)

    def play(self, step: Step) -> None:
        self.now += step.later
        if step.jumps:
            ends = decode(self.rows[POOL]).ends
            self.now = max(self.now, ends - MONTH_ENDS)
        self.enter()
        if step.returns:
            self.work()
        prefix = f"{step.member}{step.session}"
        state = decode(self.rows[step.member])
        open_ = next(
            (
                each
                for each in state.sessions
                if each.id.startswith(prefix) and each.until >= self.now
            ),
            None,
        )
        if open_ is None:
            self.serial += 1
            name, kind, granted = f"{prefix}{self.serial}", Kind.INITIAL, {}
        else:
            name, kind = open_.id, Kind.TERMINATE if step.ends else Kind.UPDATE
            granted = {each.rating_group: each.granted for each in open_.quotas}
        number = self.numbers[name] = self.numbers.get(name, -1) + 1
        units = [
            asks(units, used=granted.get(group, 0) * step.used // 100, group=group)
            for group, units in step.asked
        ]
        self.attempt(step.member, request(kind, number, *units, session=name, at=self.now))

    def work(self) -> None:
        """What the job does: to sessions that were lost, to a month that begins, to leases."""
        states = self.states()
        records: list[Record] = []
        for state in states.values():
            give_up_sessions(state, self.now)
        plan_ = PRICES.at(self.now)
        assert plan_ is not None
        shared = plan_.plan("shared")
        assert shared is not None
        enter_month(states[POOL], self.now, shared.allowances, records)
        self.journal += [(POOL, each) for each in records]
        self.rows = {key: encode(state) for key, state in states.items()}
        self.return_leases()

    def check(self) -> None:
        self.check_units()
        self.check_members()
        self.check_rollover()

    def of_kind(self, kind: RecordKind) -> list[tuple[int, Record]]:
        return [each for each in self.journal if each[1].kind == kind]

    def check_units(self) -> None:
        """Given once are what the pool's months have: what rolls over isn't given anew."""
        states = self.states()
        begun = {(each.session, each.period) for _, each in self.of_kind(RecordKind.ALLOWANCE)}
        given_ = sum(GIVEN[allowance] for allowance, _ in begun)
        used = sum(each.free for _, each in self.of_kind(RecordKind.USAGE))
        gone = sum(each.units for _, each in self.of_kind(RecordKind.EXPIRED) if each.service >= 0)
        there = sum(sum(state.flat[REMAINING::BUCKET_SIZE]) for state in states.values())
        assert there + used + gone == given_
        for state in states.values():
            assert min(state.flat[REMAINING::BUCKET_SIZE], default=0) >= 0
            assert min(state.flat[RESERVED::BUCKET_SIZE], default=0) >= 0
        paid = sum(each.charge for _, each in self.of_kind(RecordKind.USAGE))
        assert sum(state.money for state in states.values()) + paid == MONEY
        assert states[POOL].money >= 0

    def check_members(self) -> None:
        """By what the pool's months hold, what the member has of it still and what it used."""
        states = self.states()
        periods = {
            each.number: (each.session, each.period)
            for _, each in self.of_kind(RecordKind.ALLOWANCE)
        }
        net: Counter[tuple[str, int]] = Counter()
        for owner, each in self.of_kind(RecordKind.LEASE):
            if owner == POOL and each.service >= 0:
                allowance, period = periods[each.number]
                if allowance != "all_old":
                    net[each.session, period] -= each.units
        for leased in net.values():
            assert leased <= LIMIT
        for key in MEMBERS:
            share = share_of(states[key])
            assert all(0 <= units <= LIMIT for _, units in share.taken)
            came = sum(
                -each.charge
                for owner, each in self.of_kind(RecordKind.LEASE)
                if owner == key and each.at >= self.month[0]
            )
            assert self.carried[key] + came - self.unspent(key) <= MONEY_LIMIT

    def check_rollover(self) -> None:
        """All that came back, up to the most: what is left in the month before is what it may not
        keep."""
        pool = self.states()[POOL]
        fresh = {
            each.number
            for _, each in self.of_kind(RecordKind.ALLOWANCE)
            if each.session == "all_1" and each.units == UNITS
        }
        for place, bucket in enumerate(pool.buckets):
            if bucket.number not in fresh or bucket.period != pool.period - 1:
                continue
            if pool.period not in pool.renewed or bucket.granted == 0:
                continue
            left = pool.flat[place * BUCKET_SIZE + REMAINING]
            assert left == 0 or _rolled(self, pool.period) == ROLLOVER


def _rolled(family: Months, period: int) -> int:
    """Beyond what each month has."""
    units = sum(
        each.units
        for _, each in family.of_kind(RecordKind.ALLOWANCE)
        if each.session == "all_1" and each.period == period
    )
    return units - UNITS


@given(steps)
@settings(max_examples=examples(150), deadline=None)
def test_a_months_limits_hold_and_what_comes_back_rolls_over(history: Sequence[Step]) -> None:
    family = Months()
    for step in history:
        family.play(step)
        family.check()
