"""A pool's units and money are in one place at any time, whatever its members do, whoever is
killed before a commit, and whatever is sent again."""

from collections.abc import Sequence
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import MB, NOON, account, asks, compiled, plan, request, tariffs
from trunkline.charging import ChargeAnswer, ChargingAccountId, GroupCommit, Kind
from trunkline.charging.batch import Befalling
from trunkline.charging.hot import Taken
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.pools.leasing import Ids, give_back, is_idle, pool_of, share_of
from trunkline.charging.state import State, decode, encode
from trunkline.charging.store import Account
from trunkline.charging.terms import Pool, Share, Terms
from trunkline.customers import BillingAccountId
from trunkline.platform.db import Database, Tx
from trunkline.rating import BUCKET_SIZE, REMAINING, RESERVED, Allowance

POOL, MEMBERS = 9, (1, 2, 3)
UNITS = 400 * MB
MONEY = 5_000_000
LIMIT = 150 * MB
PRICES = tariffs(compiled(plan(), plan(Allowance("all", "Shared", "data", UNITS), id_="shared")))


class Step(msgspec.Struct, frozen=True):
    """What happens next. `used` is in percent of the open grant; `killed` is before the commit,
    `again` sends the request twice, `returns` has the job look first."""

    member: int
    asked: int
    used: int
    ends: bool
    later: int
    killed: bool
    again: bool
    returns: bool


steps = st.lists(
    st.builds(
        Step,
        member=st.sampled_from(MEMBERS),
        asked=st.sampled_from([0, 1, 7 * MB, 40 * MB, 300 * MB]),
        used=st.integers(0, 130),
        ends=st.integers(0, 4).map(lambda n: n == 0),
        later=st.sampled_from([0, 1, 10, 1000, 4000]),
        killed=st.integers(0, 4).map(lambda n: n == 0),
        again=st.booleans(),
        returns=st.booleans(),
    ),
    max_size=30,
)


class Family:
    """Rows as a database would keep them: what isn't committed never was."""

    def __init__(self) -> None:
        pool = account("5", plan="shared")
        pool.terms = Terms(pool=Pool(members=len(MEMBERS)))
        rows = {POOL: pool}
        for key in MEMBERS:
            member = account("0.03", plan="plan")
            limits = [(0, LIMIT)] if key == 1 else []
            member.terms = Terms(share=Share(POOL, "cac_9", limits))
            rows[key] = member
        self.rows = {key: encode(state) for key, state in rows.items()}
        self.journal: list[tuple[int, Record]] = []
        self.group = GroupCommit(cast(Database, None))
        self.group.tariffs = PRICES
        self.numbers: dict[str, int] = {}
        self.serial = 0
        self.names: dict[int, str] = {}
        self.now = NOON

    def states(self) -> dict[int, State]:
        return {key: decode(row) for key, row in self.rows.items()}

    def play(self, step: Step) -> None:
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
        message = request(kind, number, asks(step.asked, used=used), session=name, at=self.now)
        if step.killed:
            self.attempt(step.member, message, commit=False)
        answer = self.attempt(step.member, message)
        if step.again:
            before = dict(self.rows)
            assert self.attempt(step.member, message) == answer
            assert self.rows == before

    def attempt(self, member: int, message: object, *, commit: bool = True) -> ChargeAnswer | None:
        accounts = {key: _row(key, state) for key, state in self.states().items()}
        around = Befalling(self.group, cast(Tx, None), Taken({}, {}, 0), accounts, self.now)
        records: list[Record] = []
        written: list[tuple[int, Record]] = []
        answer = around.answer(accounts[member], message, records, written)  # type: ignore[arg-type]
        if commit:
            self.rows = {key: encode(each.state) for key, each in accounts.items()}
            self.journal += [*written, *((member, record) for record in records)]
        return answer

    def return_leases(self) -> None:
        states = self.states()
        for key in MEMBERS:
            if is_idle(states[key], self.now):
                records: tuple[list[Record], list[Record]] = ([], [])
                ids = Ids(f"cac_{key}", "cac_9")
                give_back(states[key], states[POOL], self.now, ids, records)
                self.journal += [(key, each) for each in records[0]]
                self.journal += [(POOL, each) for each in records[1]]
        self.rows = {key: encode(state) for key, state in states.items()}

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


def _row(key: int, state: State) -> Account:
    return Account(key, ChargingAccountId(f"cac_{key}"), BillingAccountId("bac_1"), 0, state)


@given(steps)
@settings(max_examples=examples(150), deadline=None)
def test_a_pools_units_and_money_are_in_one_place(history: Sequence[Step]) -> None:
    family = Family()
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
