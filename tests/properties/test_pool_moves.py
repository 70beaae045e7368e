"""Members go from pool to pool while their sessions go on: units and money stay where they are, go
back to the pool that they are of, or are used."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties.pool_family import MEMBERS, POOL, Family, Step, steps
from tests.unit.charging.builders import MB, account, asks, compiled, plan, request, tariffs
from trunkline.charging import Kind
from trunkline.charging.journal import RecordKind
from trunkline.charging.pools.leasing import Sides, give_back
from trunkline.charging.pools.shares import is_idle, join, part, pool_of, share_in, shares
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import State, decode, encode
from trunkline.charging.terms import Pool, Share, Terms
from trunkline.rating import BUCKET_SIZE, REMAINING, RESERVED, Allowance

OTHER = 8
POOLS = (POOL, OTHER)
UNITS, MONEY = 60 * MB, 3_000_000
PRICES = tariffs(compiled(plan(), plan(Allowance("all", "Shared", "data", UNITS), id_="shared")))


class Request(Step, frozen=True, kw_only=True):
    """Before it, the member `moves` to the other pool."""

    moves: bool


class Town(Family):
    """Two pools of units and money; members without anything of their own."""

    def __init__(self) -> None:
        shares_ = {key: Share(POOL, "cac_9") for key in MEMBERS}
        super().__init__(PRICES, shares_, money="0", pool_has="3")
        other = account("3", plan="shared")
        other.terms = Terms(pool=Pool())
        self.rows[OTHER] = encode(other)
        self.serial = 0
        self.numbers: dict[str, int] = {}

    def play(self, step: Request) -> None:
        self.now += step.later
        if step.returns:
            self.return_all()
        if step.moves:
            self.move(step.member)
        [*open_] = (
            each for each in decode(self.rows[step.member]).sessions if each.until >= self.now
        )
        if open_:
            name, kind = open_[0].id, Kind.TERMINATE if step.ends else Kind.UPDATE
            used = open_[0].quotas[0].granted * step.used // 100
        else:
            self.serial += 1
            name, kind, used = f"s{self.serial}", Kind.INITIAL, 0
        number = self.numbers[name] = self.numbers.get(name, -1) + 1
        message = request(kind, number, asks(step.asked, used=used), session=name, at=self.now)
        self.attempt(step.member, message)

    def move(self, key: int) -> None:
        """As orders have it: out of one, into the other."""
        states = self.states()
        member = states[key]
        present = shares(member)[0]
        target = OTHER if present.pool == POOL else POOL
        present.left = True
        self.take_back(states, key, present)
        share = share_in(member, target)
        if share is None:
            share = Share(target, f"cac_{target}")
            pool_of(states[target]).members += 1
        assert join(member, share)
        self.rows = {each: encode(state) for each, state in states.items()}

    def take_back(self, states: dict[int, State], key: int, share: Share) -> None:
        member, pool = states[key], states[share.pool]
        sides = Sides(f"cac_{key}", f"cac_{share.pool}", [], [])
        empty = give_back(member, share, pool, sides, self.now)
        self.journal += [(key, each) for each in sides.members]
        self.journal += [(share.pool, each) for each in sides.pools]
        if empty and share.left:
            part(member, share)
            pool_of(pool).members -= 1

    def return_all(self) -> None:
        states = self.states()
        for key in MEMBERS:
            give_up_sessions(states[key], self.now)
            if is_idle(states[key], self.now):
                for share in shares(states[key]):
                    self.take_back(states, key, share)
        self.rows = {key: encode(state) for key, state in states.items()}

    def check(self) -> None:
        states = self.states()
        usage = [each for _, each in self.journal if each.kind == RecordKind.USAGE]
        begun = sum(each.units for _, each in self.journal if each.kind == RecordKind.ALLOWANCE)
        there = sum(sum(state.flat[REMAINING::BUCKET_SIZE]) for state in states.values())
        assert there + sum(each.free for each in usage) == begun
        paid = sum(each.charge for each in usage)
        assert sum(state.money for state in states.values()) + paid == 2 * MONEY
        for key in MEMBERS:
            state = states[key]
            assert sum(each.money_leased for each in shares(state)) <= max(state.money, 0)
            for offset in range(0, len(state.flat), BUCKET_SIZE):
                assert 0 <= state.flat[offset + RESERVED] <= state.flat[offset + REMAINING]
            assert len({each.pool for each in shares(state)}) == len(shares(state))
            assert all(each.left for each in shares(state)[1:])
        for key in POOLS:
            held = [share_in(states[each], key) for each in MEMBERS]
            its = pool_of(states[key])
            assert its.members == sum(each is not None for each in held)
            holders = [each for each in held if each is not None]
            assert sum(n for _, n in its.leases) == sum(len(each.leases) for each in holders)
            assert its.money_leases == sum(bool(each.money_until) for each in holders)


@given(steps(Request, moves=st.integers(0, 2).map(lambda n: n == 0)))
@settings(max_examples=examples(100), deadline=None)
def test_who_changes_pools_settles_with_each(history: Sequence[Request]) -> None:
    """In the end all that isn't used is with the pools."""
    town = Town()
    for step in history:
        town.play(step)
        town.check()
    town.now += 100_000
    town.return_all()
    town.check()
    for state in (town.states()[key] for key in MEMBERS):
        assert (state.buckets, max(state.money, 0)) == ([], 0)
        assert len(shares(state)) == 1
