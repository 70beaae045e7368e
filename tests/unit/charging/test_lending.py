"""What members ask of their pool, on states alone."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.unit.charging.builders import (
    DAY,
    MB,
    NOON,
    account,
    asks,
    compiled,
    plan,
    request,
    tariffs,
)
from trunkline.charging import (
    Action,
    ChargingAccountId,
    Circumstances,
    GrantPolicy,
    Kind,
    Service,
)
from trunkline.charging.account import change_plan
from trunkline.charging.buckets import enter_month
from trunkline.charging.charge import charge
from trunkline.charging.grants import POLICY
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import UnitRequest
from trunkline.charging.pools.leasing import Sides, give_back
from trunkline.charging.pools.lending import Lender
from trunkline.charging.pools.needs import is_covered
from trunkline.charging.pools.shares import pool_of, settle_money, share_of
from trunkline.charging.state import State
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Pool, Share, Terms
from trunkline.customers import BillingAccountId
from trunkline.rating import BUCKET_SIZE, EXPIRES, REMAINING, Allowance, Filters

PRICES = tariffs(compiled(plan(), plan(Allowance("all", "Shared", "data", 400 * MB), id_="shared")))
MEMBER, POOL = 1, 9


def row(key: int, state: State) -> Account:
    return Account(key, ChargingAccountId(f"cac_{key}"), BillingAccountId(f"bac_{key}"), 0, state)


class Pair:
    """A pool of 400 MB, and a member with nothing of its own but a euro."""

    def __init__(self, policy: GrantPolicy = POLICY, prices: Tariffs = PRICES) -> None:
        self.policy, self.prices = policy, prices
        self.pool = row(POOL, account("0", plan="shared"))
        self.pool.state.terms = Terms(pool=Pool(members=1))
        self.member = row(MEMBER, account("1"))
        self.member.state.terms = Terms(share=Share(POOL, "cac_9"))
        self.number, self.now = -1, NOON
        self.journal: list[Record] = []
        """What the member was charged."""

    def ask(self, kind: Kind, *units: UnitRequest, where: Circumstances | None = None) -> None:
        self.number, self.now = self.number + 1, self.now + 10
        message = request(kind, self.number, *units, at=self.now, where=where)
        state = self.member.state
        if not is_covered(state, message, self.policy, self.now):
            lender = Lender({POOL: self.pool}.get, self.prices, self.policy, self.now)
            assert lender.lend(self.member, message, [])
        charge(state, message, self.prices, self.now, self.journal, self.policy)
        settle_money(state)

    def free(self) -> int:
        """Units that the member has leased and not reserved."""
        flat = self.member.state.flat
        return sum(flat[0::7]) - sum(flat[1::7])


def through(upf: str, requested: int, *, used: int = 0) -> UnitRequest:
    return UnitRequest(1, requested=requested, used=used, upf=upf)


def test_a_rating_group_with_grants_of_its_own_size_is_asked_for_as_much() -> None:
    """Where the gateway lets charging decide, group 1 gets 60 MB at a time, others 10."""
    sizes = msgspec.structs.replace(POLICY.data, default=10 * MB)
    policy = msgspec.structs.replace(
        POLICY, data=sizes, groups={1: msgspec.structs.replace(sizes, default=60 * MB)}
    )
    pair = Pair(policy)
    pair.ask(Kind.INITIAL, asks(10 * MB))
    for _ in range(6):
        pair.ask(Kind.UPDATE, asks(10 * MB, used=10 * MB))
    assert pair.free() == 30 * MB
    pair.ask(Kind.UPDATE, asks(0, used=10 * MB))
    state = pair.member.state
    assert state.held == 0, "the pool pays, not the member"
    [session] = state.sessions
    assert session.quotas[0].granted == 60 * MB


def test_each_function_of_a_session_has_its_own_grant_in_what_is_lent() -> None:
    """55 MB are granted to one, 27 to the other, which uses 60 while the first uses none: these
    and twice what both ask for next are ten more than is free with those grants."""
    pair = Pair()
    pair.member.state.money = 0
    pair.ask(Kind.INITIAL, through("a", 60 * MB), through("b", 60 * MB))
    granted = [quota.granted // MB for quota in pair.member.state.sessions[0].quotas]
    assert (granted, pair.free() // MB, pair.pool.state.flat[0]) == ([55, 27], 27, 290 * MB)
    pair.ask(Kind.UPDATE, through("a", 10 * MB), through("b", 20 * MB, used=60 * MB))
    assert pair.pool.state.flat[0] < 290 * MB, "more was asked for"


def test_where_a_phone_is_holds_until_it_is_said_otherwise() -> None:
    """The slice is told once; an update names the network alone."""
    slices = Allowance("all", "Slice", "data", 400 * MB, where=Filters(slice="1-000001"))
    prices = tariffs(compiled(plan(), plan(slices, id_="shared")))
    pair = Pair(prices=prices)
    pair.ask(Kind.INITIAL, asks(10 * MB), where=Circumstances(slice="1-000001"))
    for _ in range(6):
        pair.ask(Kind.UPDATE, asks(10 * MB, used=10 * MB))
    pair.ask(Kind.UPDATE, asks(60 * MB, used=10 * MB), where=Circumstances(network="26201"))
    assert pair.member.state.held == 0, "the pool pays, not the member"


def test_a_pool_to_which_nothing_came_back_calls_nobody_back_anew() -> None:
    pair = Pair()
    pair.ask(Kind.INITIAL, asks(10 * MB))
    member, pool = pair.member.state, pair.pool.state
    its, sides = pool_of(pool), Sides("cac_1", "cac_9", [], [])
    its.asked_back = NOON
    give_back(member, share_of(member), pool, sides, NOON)
    assert (pair.free(), its.asked_back) == (0, 0)
    its.asked_back = NOON
    give_back(member, share_of(member), pool, sides, NOON)
    assert its.asked_back == NOON


def test_who_has_its_fair_part_gets_what_it_misses_beside() -> None:
    """A hundred of 400 MB were leased for ten; the gateway let 105 pass."""
    pair = Pair()
    pair.ask(Kind.INITIAL, asks(10 * MB))
    pair.ask(Kind.UPDATE, asks(used=105 * MB))
    assert pair.member.state.money == 1_000_000, "the pool pays, not the member"
    assert (pair.free(), pair.pool.state.flat[0]) == (0, 295 * MB)


def test_whoever_used_more_than_its_part_still_gets_what_it_asks_for_next() -> None:
    """The gateway lets 25 of a pool's 30 MB pass under a group that had no grant: the pool pays
    all of them, though a fair part is 7, and half of what it has left is granted."""
    prices = tariffs(compiled(plan(), plan(Allowance("all", "S", "data", 30 * MB), id_="shared")))
    pair = Pair(prices=prices)
    pair.member.state.money = 0
    pair.ask(Kind.INITIAL, asks(group=1))
    pair.ask(Kind.UPDATE, asks(0, used=25 * MB, group=2))
    state = pair.member.state
    assert (state.money, state.sessions[0].quotas[-1].granted) == (0, 2_500_000)


MONTH_ENDS = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())


def test_a_lease_holds_no_longer_than_the_pools_month() -> None:
    """So that the next month's limits count all that is used in it."""
    lasting = Allowance("all", "Lasts", "data", 400 * MB, validity=40 * DAY)
    pair = Pair(prices=tariffs(compiled(plan(), plan(lasting, id_="shared"))))
    pair.ask(Kind.INITIAL, asks(10 * MB))
    assert pair.member.state.flat[EXPIRES] == MONTH_ENDS < pair.pool.state.flat[EXPIRES]


def test_what_was_leased_when_the_month_ended_rolls_over_when_it_comes_back() -> None:
    """Ten megabytes, all of them leased and in use; 4 were used, of 6 at most 5 roll over."""
    rolling = Allowance("all", "Shared", "data", 10 * MB, rollover=5 * MB)
    pair = Pair(prices=tariffs(compiled(plan(), plan(rolling, id_="shared"))))
    pair.now = MONTH_ENDS - 600
    pair.ask(Kind.INITIAL, asks(100 * MB))
    member, pool = pair.member.state, pair.pool.state
    assert pool.flat[REMAINING] == 0
    enter_month(pool, MONTH_ENDS, (rolling,), [])
    assert [each.granted for each in pool.buckets] == [10 * MB, 0, 10 * MB]
    pair.now = MONTH_ENDS + 60
    pair.ask(Kind.TERMINATE, asks(used=4 * MB))
    sides = Sides("cac_1", "cac_9", [], [])
    assert give_back(member, share_of(member), pool, sides, pair.now)
    assert pool.flat[REMAINING::BUCKET_SIZE] == [MB, 5 * MB, 10 * MB]
    assert [record.units for record in sides.pools] == [6 * MB, 5 * MB]


def test_money_that_is_left_of_a_month_counts_in_the_next() -> None:
    """A euro a month at most, leased at once; 20 cents of it are used in November, 120 asked for in
    December: the pool pays the 80 that are left and 20 more."""
    pair = Pair(prices=tariffs())
    pair.pool.state.plan, pair.pool.state.money, pair.member.state.money = "plan", 10_000_000, 0
    share = share_of(pair.member.state)
    share.money_limit = 1_000_000
    pair.now = MONTH_ENDS - 100
    pair.ask(Kind.INITIAL, asks(20 * MB))
    pair.ask(Kind.UPDATE, asks(MB, used=20 * MB))
    assert (share.money_leased, pair.member.state.money) == (800_000, 800_000)
    pair.now = MONTH_ENDS
    pair.ask(Kind.UPDATE, asks(MB, used=60 * MB))
    pair.ask(Kind.UPDATE, asks(MB, used=60 * MB))
    assert (pair.pool.state.money, share.money_taken) == (8_800_000, 1_000_000)
    assert pair.member.state.money == -200_000


def test_who_calls_a_service_by_its_urn_is_lent_to_and_a_session_that_is_none_is_not() -> None:
    minutes = Allowance("all", "Shared", "voice", 6000)
    prices = tariffs(compiled(plan(), plan(minutes, id_="shared")))

    def leased(kind: Kind) -> bool:
        pair = Pair(prices=prices)
        call = request(kind, 0, asks(60), service=Service.VOICE, called="urn:service:counseling")
        assert Lender({POOL: pair.pool}.get, prices, POLICY, NOON).lend(pair.member, call, [])
        return bool(share_of(pair.member.state).leases)

    assert leased(Kind.INITIAL)
    assert not leased(Kind.UPDATE), "it will be refused"


def test_what_a_request_releases_is_there_for_it() -> None:
    """Ten megabytes are reserved; used up, and asked for again twice over, they take thirty."""
    pair = Pair()
    pair.ask(Kind.INITIAL, asks(10 * MB))
    flat = pair.member.state.flat
    flat[REMAINING] = 30 * MB

    def covered(kind: Kind, unit: UnitRequest, session: str = "s1") -> bool:
        message = request(kind, 1, unit, session=session, at=pair.now)
        return is_covered(pair.member.state, message, POLICY, pair.now)

    assert covered(Kind.UPDATE, asks(10 * MB, used=10 * MB))
    assert covered(Kind.INITIAL, asks(10 * MB), "s2")
    flat[REMAINING] -= 1
    assert not covered(Kind.UPDATE, asks(10 * MB, used=10 * MB))
    assert not covered(Kind.INITIAL, asks(10 * MB), "s2"), "what others hold isn't"


def test_for_money_that_comes_back_and_for_a_price_nothing_is_lent() -> None:
    pair = Pair(prices=tariffs())
    share_of(pair.member.state).money_limit = -1
    covered = [
        is_covered(
            pair.member.state, request(Kind.EVENT, action=each, money=2_000_000), POLICY, NOON
        )
        for each in (Action.REFUND, Action.PRICE_ENQUIRY, Action.DIRECT_DEBIT)
    ]
    assert covered == [True, True, False]


@pytest.mark.parametrize(("units", "meanwhile"), [(600, 500), (50, 0)])
def test_what_comes_back_to_a_pool_is_its_next_plans(units: int, meanwhile: int) -> None:
    """A hundred MB are leased when the pool changes its plan, 30 of them used; until the rest comes
    back it counts as used."""
    of_pools = [Allowance("all", "Shared", "data", each * MB) for each in (400, units)]
    prices = tariffs(
        compiled(plan(), plan(of_pools[0], id_="shared"), plan(of_pools[1], id_="next"))
    )
    pair = Pair(prices=prices)
    pair.ask(Kind.INITIAL, asks(10 * MB))
    pool, journal = pair.pool.state, list[Record]()
    change_plan(pool, "next", datetime.fromtimestamp(pair.now, UTC), prices, journal)
    assert pool.flat[REMAINING::BUCKET_SIZE] == [300 * MB, meanwhile * MB]
    pair.ask(Kind.TERMINATE, asks(used=30 * MB))
    member = pair.member.state
    give_back(member, share_of(member), pool, Sides("cac_1", "cac_9", [], journal), NOON)
    assert pool.flat[REMAINING::BUCKET_SIZE] == [370 * MB, (units - 30) * MB]
    given = [each.units for each in journal if each.kind == RecordKind.ALLOWANCE]
    assert sum(given) == (units - 30) * MB
