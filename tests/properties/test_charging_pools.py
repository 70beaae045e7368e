"""A pool's units and money are in one place at any time, whatever its members do, whoever is
killed before a commit, and whatever is sent again."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties.pool_family import MEMBERS, POOL, Family, Step, steps
from tests.unit.charging.builders import (
    MB,
    OPENED,
    asks,
    compiled,
    plan,
    request,
    tariffs,
)
from trunkline.charging import (
    ChargeAnswer,
    Circumstances,
    Kind,
    Result,
)
from trunkline.charging.journal import RecordKind
from trunkline.charging.pools.shares import pool_of, share_of
from trunkline.charging.state import Bucket, State, decode
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Share
from trunkline.rating import (
    BUCKET_GROUP,
    BUCKET_SIZE,
    EXPIRES,
    REMAINING,
    RESERVED,
    STARTS,
    Allowance,
    Filters,
    TariffSource,
    Zone,
    compile_tariff,
)

UNITS = 400 * MB
MONEY = 5_000_000
LIMIT = 150 * MB
PRICES = tariffs(compiled(plan(), plan(Allowance("all", "Shared", "data", UNITS), id_="shared")))


class Happening(Step, frozen=True, kw_only=True):
    """`killed` is before the commit, `again` sends the request twice."""

    killed: bool
    again: bool
    group: int = 1
    where: Circumstances | None = None


def happenings(**further: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Happening]]:
    return steps(
        Happening,
        killed=st.integers(0, 4).map(lambda n: n == 0),
        again=st.booleans(),
        **further,
    )


class Phones(Family):
    """Each with one session at a time; the first has a limit."""

    def __init__(self, prices: Tariffs = PRICES, money: str = "0.03", pool_has: str = "5") -> None:
        shares = {key: Share(POOL, "cac_9", ((0, LIMIT),) if key == 1 else ()) for key in MEMBERS}
        super().__init__(prices, shares, money=money, pool_has=pool_has)
        self.numbers: dict[str, int] = {}
        self.serial = 0
        self.names: dict[int, str] = {}

    def play(self, step: Happening) -> ChargeAnswer | None:
        self.now += step.later
        if step.returns:
            self.return_leases()
        name = self.names.get(step.member)
        open_ = None if name is None else decode(self.rows[step.member]).session(name)
        if open_ is None or open_.until < self.now:
            self.serial += 1
            name = self.names[step.member] = f"s{self.serial}"
            kind, used = Kind.INITIAL, 0
        else:
            kind = Kind.TERMINATE if step.ends else Kind.UPDATE
            used = sum(quota.granted for quota in open_.quotas) * step.used // 100
        assert name is not None
        number = self.numbers[name] = self.numbers.get(name, -1) + 1
        unit = asks(step.asked, used=used, group=step.group)
        message = request(kind, number, unit, session=name, at=self.now, where=step.where)
        if step.killed:
            self.attempt(step.member, message, commit=False)
        answer = self.attempt(step.member, message)
        if step.again:
            before = dict(self.rows)
            assert self.attempt(step.member, message) == answer
            assert self.rows == before
        return answer

    def check(self) -> None:
        states = self.states()
        pool = states[POOL]
        usage = [(key, record) for key, record in self.journal if record.kind == RecordKind.USAGE]
        free = sum(record.free for _, record in usage)
        there = sum(sum(state.flat[REMAINING::BUCKET_SIZE]) for state in states.values())
        if pool.buckets:
            assert there + free == UNITS
        paid = sum(record.charge for _, record in usage)
        assert sum(state.money for state in states.values()) + paid == MONEY + 30_000 * len(MEMBERS)
        for key, state in states.items():
            flat = state.flat
            for offset in range(0, len(flat), BUCKET_SIZE):
                assert 0 <= flat[offset + RESERVED] <= flat[offset + REMAINING]
            mine = [record for owner, record in self.journal if owner == key]
            assert [record.seq for record in mine] == list(range(1, state.seq + 1))
        assert pool.money >= 0
        held = [share_of(states[key]) for key in MEMBERS]
        assert sum(count for _, count in pool_of(pool).leases) == sum(
            len(share.leases) for share in held
        )
        assert pool_of(pool).money_leases == sum(bool(share.money_until) for share in held)
        first = sum(record.free for key, record in usage if key == 1)
        idle = sum(states[1].flat[REMAINING::BUCKET_SIZE])
        assert first + idle <= LIMIT


@given(happenings())
@settings(max_examples=examples(150), deadline=None)
def test_a_pools_units_and_money_are_in_one_place(history: Sequence[Happening]) -> None:
    family = Phones()
    for step in history:
        family.play(step)
        family.check()
    family.now += 100_000
    for key in MEMBERS:
        name = family.names.get(key)
        if name is not None:
            last = request(Kind.TERMINATE, 1000, session=name, at=family.now)
            family.attempt(key, last)
    family.return_leases()
    family.check()
    for key, state in family.states().items():
        if key != POOL:
            assert state.buckets == []
            assert share_of(state).money_leased == 0


HOME, FAR = "26201", "310410"
wheres = st.builds(
    Circumstances,
    dnn=st.sampled_from(["", "internet", "ims"]),
    slice=st.sampled_from(["", "1-000001"]),
    network=st.sampled_from(["", HOME, FAR]),
)
allowances = st.lists(
    st.builds(
        Allowance,
        id=st.just("all"),
        name=st.just("Shared"),
        service=st.just("data"),
        units=st.sampled_from([MB, 30 * MB, 400 * MB]),
        rating_group=st.sampled_from([None, 1, 2]),
        where=st.builds(
            Filters,
            zone=st.sampled_from([None, None, "abroad"]),
            dnn=st.sampled_from([None, None, "IMS"]),
            slice=st.sampled_from([None, None, "1-000001"]),
        ),
        validity=st.sampled_from([0, 5000]),
        first_use=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def _for(bucket: Bucket, group: int, step: Happening, told: Happening) -> bool:
    """Whether `step` may use it where the phone was `told` to be: by the words of the offer, and
    by nothing of charging's."""
    where, asked = told.where or Circumstances(), bucket.where or Filters()
    return (
        group in (-1, step.group)
        and asked.zone in (None, "abroad" if where.network == FAR else "home")
        and asked.dnn in (None, where.dnn.upper())
        and asked.slice in (None, where.slice)
    )


@given(allowances, happenings(group=st.sampled_from([1, 2]), where=wheres))
@settings(max_examples=examples(150), deadline=None)
def test_a_member_is_lent_what_it_can_use_and_nothing_else(
    shared: list[Allowance], history: Sequence[Happening]
) -> None:
    """Members have no money, nor has their pool. Whoever is refused could have had nothing: not of
    the pool, but what was refused within seconds; whoever is lent something asked for usage that
    it is for, where it was used last or is to be used next."""
    offered = [
        msgspec.structs.replace(
            each, id=f"all_{index}", validity=each.validity or 5000 * each.first_use
        )
        for index, each in enumerate(shared)
    ]
    source = TariffSource(
        plans=(plan(), plan(*offered, id_="shared")),
        zones=(Zone("abroad", ("310",)), Zone("home", ("262",))),
    )
    prices = tariffs(compile_tariff(source, version=1, effective_from=OPENED))
    family = Phones(prices, money="0", pool_has="0")
    last: dict[int, Happening] = {}
    for step in history:
        now = step
        if step.returns:
            family.now += step.later
            family.return_leases()
            now = msgspec.structs.replace(step, returns=False, later=0)
        before = family.states()
        answer = family.play(now)
        assert answer is not None
        earlier = last.get(step.member)
        told = step if earlier is None else _told(earlier, step)
        _check_lent(before, family, step, (step, told, earlier or step))
        _check_units(family)
        if answer.units[0].result is Result.CREDIT_LIMIT:
            _check_refused(family, step)
        last[step.member] = step if step.ends else told


def _told(earlier: Happening, step: Happening) -> Happening:
    """Of where the phone is, what isn't said again is as it was."""
    before, said = earlier.where or Circumstances(), step.where or Circumstances()
    where = Circumstances(
        said.dnn or before.dnn, said.slice or before.slice, network=said.network or before.network
    )
    return msgspec.structs.replace(step, where=where)


def _check_lent(
    before: dict[int, State], family: Phones, step: Happening, told: Sequence[Happening]
) -> None:
    after = family.states()
    buckets = {each.number: each for each in after[POOL].buckets}
    place_of = {each.number: index for index, each in enumerate(after[POOL].buckets)}
    for key in MEMBERS:
        had = {each.number: each.granted for each in before[key].buckets}
        for lease in share_of(after[key]).leases:
            [place] = [
                i for i, each in enumerate(after[key].buckets) if each.number == lease.bucket
            ]
            its, mine = place_of[lease.of] * BUCKET_SIZE, place * BUCKET_SIZE
            for what in (STARTS, EXPIRES, BUCKET_GROUP):
                assert after[key].flat[mine + what] == after[POOL].flat[its + what]
            if after[key].buckets[place].granted <= had.get(lease.bucket, 0):
                continue
            assert key == step.member
            group = after[POOL].flat[its + BUCKET_GROUP]
            assert any(_for(buckets[lease.of], group, step, each) for each in told)
            assert after[POOL].flat[its + EXPIRES] > family.now - 10_000


def _check_units(family: Phones) -> None:
    states = family.states()
    granted = sum(
        record.units for _, record in family.journal if record.kind == RecordKind.ALLOWANCE
    )
    used = sum(record.free for _, record in family.journal if record.kind == RecordKind.USAGE)
    assert (
        sum(sum(state.flat[REMAINING::BUCKET_SIZE]) for state in states.values()) + used == granted
    )
    assert sum(state.money for state in states.values()) == -sum(
        record.charge for _, record in family.journal if record.kind == RecordKind.USAGE
    )


def _check_refused(family: Phones, step: Happening) -> None:
    states = family.states()
    pool, share = states[POOL], share_of(states[step.member])
    if share.vain:
        return
    for place, bucket in enumerate(pool.buckets):
        offset = place * BUCKET_SIZE
        holds = pool.flat[offset + STARTS] <= family.now < pool.flat[offset + EXPIRES]
        if holds and _for(bucket, pool.flat[offset + BUCKET_GROUP], step, step):
            limited = step.member == 1 and sum(units for _, units in share.taken) == LIMIT
            assert limited or pool.flat[offset + REMAINING] == 0
