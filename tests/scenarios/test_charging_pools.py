"""Families and fleets that share a pool, on real databases."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.conftest import MakeDatabase
from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    GB,
    MB,
    TEN_GIGABYTES,
    asks,
    compiled,
    plan,
    request,
)
from trunkline.charging import (
    NOT_REQUESTED,
    Action,
    Balance,
    BarAccount,
    BucketGrant,
    ChargeAnswer,
    ChargingAccountId,
    CloseAccount,
    GroupCommit,
    Kind,
    Result,
    Service,
    TopUp,
    UnbarAccount,
    balance,
    hot,
    notices,
    records,
    release_lost_sessions,
    store,
)
from trunkline.charging.events import UsageEvent
from trunkline.charging.mediated import charge_usage
from trunkline.charging.pools import operations as pools
from trunkline.charging.pools import store as pool_store
from trunkline.charging.pools.events import (
    JoinPool,
    LeavePool,
    LimitReached,
    MemberReached,
    PoolReached,
    PoolRefilled,
    UnitLimit,
)
from trunkline.charging.pools.store import who_waits
from trunkline.charging.reactions import REACTIONS as CHARGING
from trunkline.charging.store import Account
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, UNBILLED
from trunkline.ledger.reactions import REACTIONS as LEDGER
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.rating import REMAINING

POOL = ChargingAccountId("cac_9")


@pytest.fixture
def ear() -> Ear:
    return Ear({"charging.limit_reached", "charging.member_reached", "charging.pool_reached"})


@pytest.fixture
def routes(ear: Ear) -> Routes:
    return Routes((*ear.among(CHARGING), *LEDGER))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    """Three phones without anything of their own, and a pool of ten gigabytes that has no
    money."""
    found = Operator(books, charging, relay, clock)
    found.install(
        compiled(
            plan(),
            plan(FIVE_GIGABYTES, id_="rich"),
            plan(TEN_GIGABYTES, id_="shared"),
            version=2,
        )
    )
    found.open(9, plan="shared", shared=True, identities=())
    for number in (1, 2, 3):
        found.open(number)
        found.tell(JoinPool(account=account(number), pool=POOL))
    return found


def account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number}")


def seen(operator: Operator, number: int) -> Balance:
    with operator.charging.read() as r:
        return balance(r, account(number), operator.clock.now())


def left(operator: Operator) -> int:
    """Of the pool, wherever it is."""
    return sum(
        bucket.remaining for number in (1, 2, 3, 9) for bucket in seen(operator, number).buckets
    )


def keys(operator: Operator, *numbers: int) -> list[int]:
    """The accounts' rows."""
    with operator.charging.read() as r:
        found = {
            each.id: each.key for each in store.accounts_by_ids(r, list(map(account, numbers)))
        }
    return [found[account(number)] for number in numbers]


def free(operator: Operator, phone: int) -> int:
    """What allowances covered, by the journal."""
    with operator.charging.read() as r:
        return sum(line.free for line in records(r, account(phone), limit=500))


def ask(
    operator: Operator, kind: Kind, serial: int, asked: int, *, used: int = 0, phone: int = 1
) -> ChargeAnswer:
    unit = asks(asked, used=used)
    message = request(kind, serial, unit, session=f"s{phone}", subscriber=phone, at=operator.epoch)
    [answer] = operator.network.process([message], operator.clock.now())
    operator.relay.drain()
    return answer


def test_members_use_the_pool_through_their_leases(operator: Operator) -> None:
    """100 MB at a time: the first lease is good for many, so that the pool is left alone."""
    assert ask(operator, Kind.INITIAL, 0, 100 * MB).units[0].granted == 100 * MB
    [shared] = seen(operator, 1).buckets
    assert shared.shared
    assert shared.remaining == 10 * GB // 4
    before = seen(operator, 9).seq
    for serial in range(1, 11):
        answer = ask(operator, Kind.UPDATE, serial, 100 * MB, used=100 * MB)
        assert answer.units[0].granted == 100 * MB
    assert seen(operator, 9).seq == before, "the pool's row was not touched"
    ask(operator, Kind.TERMINATE, 11, -1, used=100 * MB)
    assert left(operator) == 10 * GB - 1100 * MB
    assert seen(operator, 1).money.micros == 0


def test_what_lies_idle_goes_back(operator: Operator) -> None:
    for phone in (1, 2):
        ask(operator, Kind.INITIAL, 0, 100 * MB, phone=phone)
    ask(operator, Kind.TERMINATE, 1, -1, used=50 * MB)
    operator.clock.advance(timedelta(hours=1, minutes=30))
    release_lost_sessions(operator.charging, operator.clock.now())
    assert seen(operator, 1).buckets == ()
    [busy] = seen(operator, 2).buckets
    assert (busy.remaining, busy.reserved) == (100 * MB, 100 * MB)
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 150 * MB
    assert left(operator) == 10 * GB - 50 * MB


def test_the_last_of_a_pool_is_found_with_those_who_do_not_use_it(
    operator: Operator, ear: Ear
) -> None:
    """The first leaves its lease idle; the second uses all else, is refused, and gets the rest
    once that was called back."""
    ask(operator, Kind.INITIAL, 0, 500 * MB)
    ask(operator, Kind.TERMINATE, 1, -1)
    idle = seen(operator, 1).buckets[0].remaining
    assert idle > GB
    serial = refused = 0
    granted = ask(operator, Kind.INITIAL, 0, 2 * GB, phone=2).units[0].granted
    while granted > 0 or refused < 2:
        serial += 1
        operator.clock.advance(timedelta(seconds=10))
        answer = ask(operator, Kind.UPDATE, serial, 2 * GB, used=max(granted, 0), phone=2)
        granted = answer.units[0].granted
        refused += answer.units[0].result is Result.CREDIT_LIMIT
        assert left(operator) + free(operator, 2) == 10 * GB
        assert serial < 200
    assert left(operator) == 0
    assert [(each.account, each.percent) for each in ear.told if isinstance(each, PoolReached)] == [
        (POOL, 80),
        (POOL, 100),
    ]


def test_a_member_takes_no_more_than_its_limit_in_a_month(operator: Operator, ear: Ear) -> None:
    """At 80 and at 100 percent it is told, and so is who owns the pool."""
    operator.tell(
        JoinPool(account=account(1), pool=POOL, limits=(UnitLimit(Service.DATA, 150 * MB),))
    )
    assert ask(operator, Kind.INITIAL, 0, 100 * MB).units[0].granted > 0
    serial = 0
    granted = 1
    while granted > 0:
        serial += 1
        open_ = seen(operator, 1).buckets[0].reserved
        operator.clock.advance(timedelta(seconds=10))
        granted = ask(operator, Kind.UPDATE, serial, 100 * MB, used=open_).units[0].granted
    assert free(operator, 1) == 150 * MB
    mine = [each for each in ear.told if isinstance(each, LimitReached)]
    assert [(each.percent, each.units) for each in mine] == [(80, 150 * MB), (100, 150 * MB)]
    theirs = [each for each in ear.told if isinstance(each, MemberReached)]
    assert [(each.reached, each.owner) for each in theirs] == [(each, "bac_9") for each in mine]
    operator.clock.advance(timedelta(days=31))
    assert ask(operator, Kind.INITIAL, 0, 100 * MB).units[0].granted > 0, "another month"


def test_own_allowances_go_first(operator: Operator) -> None:
    """Be they its plan's, or units that it bought when it had leased some already."""
    operator.open(4, plan="rich")
    operator.tell(JoinPool(account=account(4), pool=POOL))
    ask(operator, Kind.INITIAL, 0, 100 * MB, phone=4)
    [own] = seen(operator, 4).buckets
    assert not own.shared
    ask(operator, Kind.EVENT, 1, 5 * GB, phone=4)
    ask(operator, Kind.EVENT, 2, 100 * MB, phone=4)
    bought = BucketGrant(service="data", units=GB, days=60, name="A gigabyte")
    operator.tell(
        TopUp(payment_id="p4", account=account(4), amount=Money.of("1", "EUR"), buckets=(bought,))
    )
    ask(operator, Kind.EVENT, 3, 300 * MB, phone=4)
    assert [(each.name, each.shared) for each in seen(operator, 4).buckets][-2:] == [
        ("A gigabyte", False),
        ("10 GB", True),
    ]
    assert seen(operator, 4).buckets[-2].remaining < GB


def test_who_asks_about_its_balance_hears_what_its_pool_would_pay(operator: Operator) -> None:
    """In units and in money; nothing moves by that, and what a limit doesn't let is too much."""
    operator.open(8, shared=True, identities=())
    operator.top_up(8, "10", "p8")
    operator.open(5)
    limit = Money.of("8", "EUR")
    operator.tell(JoinPool(account=account(5), pool=account(8), money=True, money_limit=limit))
    before = [seen(operator, number) for number in (1, 5, 8, 9)]

    def enough(phone: int, units: int = 0, cents: int = 0) -> bool | None:
        message = request(
            Kind.EVENT,
            0,
            *([asks(units)] if units else []),
            session=f"enquiry{phone}",
            subscriber=phone,
            at=operator.epoch,
            action=Action.CHECK_BALANCE,
            money=cents * 10_000,
        )
        [answer] = operator.network.process([message], operator.clock.now())
        return answer.enough

    assert [enough(1, 9 * GB), enough(1, 11 * GB), enough(1, cents=1)] == [True, False, False]
    assert [enough(5, 90 * MB), enough(5, 900 * MB)] == [True, False]
    assert [enough(5, cents=90), enough(5, cents=900)] == [True, False]
    assert [seen(operator, number) for number in (1, 5, 8, 9)] == before


def test_what_the_last_request_of_a_session_overtook_is_its_pools_to_pay(
    operator: Operator,
) -> None:
    ask(operator, Kind.INITIAL, 0, 10 * MB)
    ask(operator, Kind.TERMINATE, 2, -1, used=10 * MB)
    answer = ask(operator, Kind.UPDATE, 1, 10 * MB, used=2 * GB)
    assert answer.units[0].granted == NOT_REQUESTED
    assert free(operator, 1) == 2 * GB + 10 * MB
    assert left(operator) == 8 * GB - 10 * MB


def test_a_wallet_is_shared_too(operator: Operator) -> None:
    """Ten euros in the pool, a cent a megabyte; the ledger's balances are those of all."""
    operator.open(8, shared=True, identities=())
    operator.top_up(8, "10", "p8")
    operator.open(5)
    operator.tell(
        JoinPool(account=account(5), pool=account(8), money=True, money_limit=Money.of("8", "EUR"))
    )
    operator.top_up(5, "0.50", "p5")
    assert ask(operator, Kind.INITIAL, 0, 100 * MB, phone=5).units[0].granted == 100 * MB
    ask(operator, Kind.TERMINATE, 1, -1, used=100 * MB, phone=5)
    after = seen(operator, 5)
    assert after.shared_money == after.money, "its own fifty cents went first"
    assert after.money + seen(operator, 8).money == Money.of("9.50", "EUR")
    operator.top_up(5, "1", "p6")
    operator.tell(LeavePool(account=account(5), pool=account(8)))
    assert seen(operator, 5).money == Money.of("1", "EUR"), "what is its own stays"
    assert seen(operator, 8).money == Money.of("9.50", "EUR")
    operator.post_earnings()
    assert operator.ledger(PREPAID) == -10_500_000


def test_what_goes_back_to_a_pool_is_told_once(operator: Operator) -> None:
    """Two and a half euros of the pool's lift the balance above its threshold of two."""
    operator.open(8, shared=True, identities=())
    operator.top_up(8, "10", "p8")
    operator.open(5, low_balance=(Money.of("2", "EUR"),))

    def below() -> int:
        with operator.charging.read() as r:
            found = store.account(r, account(5))
        assert found is not None
        assert found.state.terms is not None
        assert found.state.terms.watch is not None
        return found.state.terms.watch.below

    operator.tell(JoinPool(account=account(5), pool=account(8), money=True))
    ask(operator, Kind.INITIAL, 0, 100 * MB, phone=5)
    ask(operator, Kind.TERMINATE, 1, -1, used=10 * MB, phone=5)
    assert below() == 0
    operator.tell(LeavePool(account=account(5), pool=account(8)))
    assert seen(operator, 5).money.micros == 0
    assert below() == 1, "kept with the account, so that no later request tells it again"


def test_who_closes_gives_back_what_it_leased(operator: Operator) -> None:
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    operator.tell(CloseAccount(account=account(1), closed_at=operator.clock.now()))
    assert left(operator) == 10 * GB
    operator.clock.advance(timedelta(hours=3))
    release_lost_sessions(operator.charging, operator.clock.now())
    release_lost_sessions(operator.charging, operator.clock.now())
    assert seen(operator, 9).buckets[0].remaining == 10 * GB
    assert seen(operator, 9).members == 2


@pytest.mark.postgresql
def test_who_closes_is_held_together_with_its_pool(
    operator: Operator,
    make_database: MakeDatabase,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both in the order of their keys: were the member held first, two might wait for ever."""
    if engine == "sqlite":
        pytest.skip("SQLite has one writer")
    other, hold = make_database("charging"), pools.hold_with_pools
    free: list[bool] = []

    def look_first(tx: Tx, member: int) -> dict[int, Account]:
        with other.transaction() as stranger:
            free.append(hot.take_one(stranger, member) is not None)
        return hold(tx, member)

    monkeypatch.setattr(pools, "hold_with_pools", look_first)
    operator.tell(CloseAccount(account=account(1), closed_at=operator.clock.now()))
    assert free == [True]


def test_records_of_a_member_use_the_pool(operator: Operator) -> None:
    event = UsageEvent(
        id="r1",
        identities=(("msisdn", "46700000001"),),
        service=Service.DATA,
        at=operator.clock.now(),
        units=300 * MB,
    )
    with operator.charging.transaction() as tx:
        [result] = charge_usage(tx, [event], operator.clock.now())
    assert result.free == 300 * MB
    assert left(operator) == 10 * GB - 300 * MB


@pytest.mark.postgresql
def test_a_pool_that_is_held_leaves_only_its_members_over(
    operator: Operator, make_database: MakeDatabase, engine: str
) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite has one writer")
    operator.open(4, plan="rich")
    network = GroupCommit(make_database("charging"))
    batch = [
        request(Kind.INITIAL, 0, asks(MB), session="a", subscriber=1, at=operator.epoch),
        request(Kind.INITIAL, 0, asks(MB), session="b", subscriber=4, at=operator.epoch),
        request(Kind.UPDATE, 1, asks(MB, used=MB), session="a", subscriber=1, at=operator.epoch),
    ]
    with operator.charging.transaction() as stranger:
        assert store.hold(stranger, POOL) is not None
        first, second, third = network.attempt(batch, operator.clock.now())
        assert (first, third) == (None, None)
        assert second is not None
        assert second.units[0].granted == MB
    again = network.process([batch[0], batch[2]], operator.clock.now())
    assert [each.units[0].granted for each in again] == [MB, MB]
    assert left(operator) == 10 * GB - MB


def test_who_leaves_keeps_what_is_in_use_until_it_ends(operator: Operator) -> None:
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    operator.tell(LeavePool(account=account(1), pool=POOL))
    with operator.charging.read() as r:
        found = store.account(r, account(1))
    assert found is not None
    assert found.state.flat[REMAINING] == 100 * MB
    ask(operator, Kind.TERMINATE, 1, -1, used=60 * MB)
    release_lost_sessions(operator.charging, operator.clock.now())
    assert left(operator) == 10 * GB - 60 * MB
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 60 * MB
    assert ask(operator, Kind.INITIAL, 2, 100 * MB).units[0].result is Result.CREDIT_LIMIT


def test_who_joins_another_pool_settles_with_the_former_one_when_its_session_ends(
    operator: Operator,
) -> None:
    """100 MB of the old pool are in use, all else goes back at once; what is asked for next comes
    of the new pool, and what wasn't used of the old one's goes back to it."""
    operator.open(8, plan="shared", shared=True, identities=())
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    operator.tell(LeavePool(account=account(1), pool=POOL))
    operator.tell(JoinPool(account=account(1), pool=account(8)))
    assert seen(operator, 1).pool == account(8)
    [former] = seen(operator, 1).buckets
    assert (former.remaining, former.reserved, former.shared) == (100 * MB, 100 * MB, True)
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 100 * MB
    assert ask(operator, Kind.UPDATE, 1, 50 * MB, used=60 * MB).units[0].granted == 50 * MB
    assert (seen(operator, 9).members, seen(operator, 8).members) == (3, 1)
    ask(operator, Kind.TERMINATE, 2, -1, used=50 * MB)
    release_lost_sessions(operator.charging, operator.clock.now())
    assert (seen(operator, 9).members, seen(operator, 8).members) == (2, 1)
    both = 60 * MB + 50 * MB
    of_nine = 10 * GB - seen(operator, 9).buckets[0].remaining
    operator.tell(LeavePool(account=account(1), pool=account(8)))
    of_eight = 10 * GB - seen(operator, 8).buckets[0].remaining
    assert (of_nine, of_eight) == (100 * MB, both - 100 * MB), "the former one's went first"
    assert (seen(operator, 8).members, seen(operator, 1).pool) == (0, None)


def test_a_pool_that_closes_lets_its_members_go(operator: Operator) -> None:
    """What no grant holds comes back at once; who holds something asks again, uses it up, and is in
    another pool meanwhile."""
    ask(operator, Kind.INITIAL, 0, MB, phone=2)
    message = request(Kind.INITIAL, 0, asks(100 * MB), session="s1", at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:1")
    operator.network.process([message], operator.clock.now())
    operator.tell(CloseAccount(account=POOL, closed_at=operator.clock.now()))
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 101 * MB
    assert (seen(operator, 9).members, waiting(operator)) == (2, ["s1"])
    operator.open(8, plan="shared", shared=True, identities=())
    operator.tell(JoinPool(account=account(3), pool=account(8)))
    ask(operator, Kind.TERMINATE, 1, -1, used=60 * MB)
    ask(operator, Kind.TERMINATE, 1, -1, used=0, phone=2)
    release_lost_sessions(operator.charging, operator.clock.now())
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 60 * MB
    assert (seen(operator, 9).members, seen(operator, 8).members) == (0, 1)
    assert seen(operator, 1).pool is None


def test_money_of_a_former_pool_pays_for_what_it_was_reserved_for(operator: Operator) -> None:
    """A cent a megabyte: a euro is reserved of the first pool's; 60 cents of it are used."""
    for number in (7, 8):
        operator.open(number, shared=True, identities=())
        operator.top_up(number, "10", f"p{number}")
    operator.open(5)
    operator.tell(JoinPool(account=account(5), pool=account(7), money=True))
    ask(operator, Kind.INITIAL, 0, 100 * MB, phone=5)
    operator.tell(LeavePool(account=account(5), pool=account(7)))
    assert seen(operator, 7).money == Money.of("9", "EUR")
    operator.tell(JoinPool(account=account(5), pool=account(8), money=True))
    ask(operator, Kind.UPDATE, 1, 100 * MB, used=60 * MB, phone=5)
    ask(operator, Kind.TERMINATE, 2, -1, phone=5)
    release_lost_sessions(operator.charging, operator.clock.now())
    assert seen(operator, 7).money == Money.of("9.40", "EUR")
    assert seen(operator, 5).money + seen(operator, 8).money == Money.of("10", "EUR")


def test_an_owner_pauses_a_member_and_lets_it_go_on(operator: Operator) -> None:
    """What its session holds it may use; all else goes back at once, and nothing more comes."""
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    operator.tell(JoinPool(account=account(1), pool=POOL, paused=True))
    assert seen(operator, 9).buckets[0].remaining == 10 * GB - 100 * MB
    refused = ask(operator, Kind.UPDATE, 1, 100 * MB, used=100 * MB)
    assert refused.units[0].result is Result.CREDIT_LIMIT
    message = request(Kind.UPDATE, 2, asks(100 * MB), session="s1", at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:1")
    operator.network.process([message], operator.clock.now())
    operator.tell(JoinPool(account=account(1), pool=POOL))
    assert waiting(operator) == ["s1"]
    assert ask(operator, Kind.UPDATE, 3, 100 * MB).units[0].granted == 100 * MB
    assert left(operator) == 10 * GB - 100 * MB


def test_who_was_refused_by_a_pool_joins_it_once_it_has_left_its_own(operator: Operator) -> None:
    operator.open(8, plan="shared", shared=True, identities=())
    operator.tell(JoinPool(account=account(1), pool=account(8)))
    [pool] = keys(operator, 8)
    with operator.charging.read() as r:
        assert pool_store.members_after(r, pool, 0, 10) == []
    assert seen(operator, 1).pool == POOL
    operator.tell(LeavePool(account=account(1), pool=POOL))
    operator.tell(JoinPool(account=account(1), pool=account(8)))
    assert (seen(operator, 8).members, seen(operator, 1).pool) == (1, account(8))


def test_who_goes_back_to_a_pool_is_its_member_again(operator: Operator) -> None:
    operator.open(8, plan="shared", shared=True, identities=())
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    for pool, other in ((POOL, account(8)), (account(8), POOL)):
        operator.tell(LeavePool(account=account(1), pool=pool))
        operator.tell(JoinPool(account=account(1), pool=other))
    assert (seen(operator, 9).members, seen(operator, 8).members) == (3, 0)
    ask(operator, Kind.TERMINATE, 1, -1, used=100 * MB)
    assert left(operator) == 10 * GB - 100 * MB


@pytest.mark.postgresql
def test_who_has_some_of_a_held_pool_goes_on(
    operator: Operator, make_database: MakeDatabase, engine: str
) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite has one writer")
    ask(operator, Kind.INITIAL, 0, 100 * MB)
    network = GroupCommit(make_database("charging"))
    message = request(
        Kind.UPDATE, 1, asks(100 * MB, used=100 * MB), session="s1", at=operator.epoch
    )
    with operator.charging.transaction() as stranger:
        assert store.hold(stranger, POOL) is not None
        [answer] = network.attempt([message], operator.clock.now())
        assert answer is not None
        assert answer.units[0].granted == 100 * MB


def waiting(operator: Operator) -> list[str]:
    """The sessions whose gateway is to ask again."""
    with operator.charging.read() as r:
        return sorted(each.session for each in notices.due(r, operator.clock.now(), 10, "gy"))


def test_who_waits_for_a_pool_is_told_of_a_refill(operator: Operator) -> None:
    """A euro in the pool: 5 uses all of it, 6 gets nothing, 7 asks for nothing."""
    operator.open(8, shared=True, identities=())
    operator.top_up(8, "1", "p8")
    for phone in (5, 6, 7):
        operator.open(phone)
        operator.tell(JoinPool(account=account(phone), pool=account(8), money=True))
    ask(operator, Kind.EVENT, 0, 100 * MB, phone=5)
    message = request(Kind.INITIAL, 0, asks(10 * MB), session="s6", subscriber=6, at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:6")
    [refused] = operator.network.process([message], operator.clock.now())
    assert refused.units[0].result is Result.CREDIT_LIMIT
    operator.relay.drain()
    assert waiting(operator) == []
    operator.top_up(8, "10", "p9")
    assert waiting(operator) == ["s6"]
    assert ask(operator, Kind.UPDATE, 1, 10 * MB, phone=6).units[0].granted == 10 * MB
    with operator.charging.read() as r:
        pool = store.account(r, account(8))
        assert pool is not None
        assert who_waits(r, pool.key, 0, 10) == [], "told once"


def test_who_was_refused_a_message_before_the_refill_is_not_told_that_there_is_nothing(
    operator: Operator,
) -> None:
    """An event that is refused doesn't wait for the pool; the session a second later asks anew."""
    operator.open(8, shared=True, identities=())
    operator.open(6)
    operator.tell(JoinPool(account=account(6), pool=account(8), money=True))
    ask(operator, Kind.EVENT, 0, 10 * MB, phone=6)
    operator.top_up(8, "10", "p8")
    operator.clock.advance(timedelta(seconds=1))
    assert ask(operator, Kind.INITIAL, 1, 10 * MB, phone=6).units[0].granted == 10 * MB


def test_who_is_charged_in_money_waits_too(operator: Operator) -> None:
    operator.open(8, shared=True, identities=())
    operator.open(6)
    operator.tell(JoinPool(account=account(6), pool=account(8), money=True))
    message = request(
        Kind.INITIAL, 0, session="s6", subscriber=6, at=operator.epoch, money=1_000_000
    )
    message = msgspec.structs.replace(message, notify="gy:6")
    operator.network.process([message], operator.clock.now())
    operator.top_up(8, "10", "p8")
    assert waiting(operator) == ["s6"]


def test_who_waits_for_a_pool_waits_on_when_its_former_one_has_more(operator: Operator) -> None:
    """Two sessions hold all of 8, a third is refused; in 7, too. What 8 gets is nothing to 7."""
    for pool in (7, 8):
        operator.open(pool, shared=True, identities=())
    operator.top_up(8, "0.02", "p8")
    operator.open(6)

    def send(session: str, kind: Kind, serial: int) -> Result:
        operator.clock.advance(timedelta(seconds=10))
        unit = asks(10 * MB)
        message = request(kind, serial, unit, session=session, subscriber=6, at=operator.epoch)
        message = msgspec.structs.replace(message, notify="gy:6")
        [answer] = operator.network.process([message], operator.clock.now())
        operator.relay.drain()
        return answer.units[0].result

    operator.tell(JoinPool(account=account(6), pool=account(8), money=True))
    begun = [send(session, Kind.INITIAL, 0) for session in ("a", "b", "c")]
    assert begun == [Result.SUCCESS, Result.SUCCESS, Result.CREDIT_LIMIT]
    operator.tell(LeavePool(account=account(6), pool=account(8)))
    operator.tell(JoinPool(account=account(6), pool=account(7), money=True))
    assert [send("c", Kind.UPDATE, serial) for serial in (1, 2)] == 2 * [Result.CREDIT_LIMIT]
    operator.top_up(8, "1", "p9")
    assert send("c", Kind.UPDATE, 3) is Result.CREDIT_LIMIT
    [member, pool] = keys(operator, 6, 7)
    with operator.charging.read() as r:
        assert who_waits(r, pool, 0, 10) == [member]
    operator.top_up(7, "1", "p7")
    assert send("c", Kind.UPDATE, 4) is Result.SUCCESS


def test_who_waits_for_a_barred_pool_is_told_when_it_is_not_any_more(operator: Operator) -> None:
    operator.tell(BarAccount(account=POOL))
    message = request(Kind.INITIAL, 0, asks(10 * MB), session="s1", at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:1")
    [refused] = operator.network.process([message], operator.clock.now())
    assert refused.units[0].result is Result.CREDIT_LIMIT
    operator.tell(UnbarAccount(account=POOL))
    assert waiting(operator) == ["s1"]


def test_one_refill_tells_everybody_once(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each transaction tells one of three, and who was told waits again at once."""
    members, [pool] = keys(operator, 1, 2, 3), keys(operator, 9)
    told: list[int] = []

    def wait_again(_tx: Tx, _pool: int, which: Iterable[int]) -> None:
        told.extend(which)
        assert len(told) <= len(members)

    monkeypatch.setattr(pools, "CHUNK", 1)
    monkeypatch.setattr(pool_store, "wait_no_more", wait_again)
    with operator.charging.transaction() as tx:
        pool_store.wait(tx, [(pool, each) for each in members])
        tx.emit(PoolRefilled(pool=pool))
    operator.relay.drain()
    assert told == members


def test_what_comes_back_to_a_pool_is_told_too(operator: Operator) -> None:
    """5 has all of the pool's euro for a grant of half of it; 6 has the other half at once."""
    operator.open(8, shared=True, identities=())
    operator.top_up(8, "1", "p8")
    for phone in (5, 6):
        operator.open(phone)
        operator.tell(JoinPool(account=account(phone), pool=account(8), money=True))
    assert ask(operator, Kind.INITIAL, 0, 100 * MB, phone=5).units[0].granted == 50 * MB
    message = request(Kind.INITIAL, 0, asks(10 * MB), session="s6", subscriber=6, at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:6")
    operator.network.process([message], operator.clock.now())
    operator.relay.drain()
    assert waiting(operator) == ["s6"]
    assert ask(operator, Kind.UPDATE, 1, 10 * MB, phone=6).units[0].granted == 10 * MB


def due(operator: Operator) -> list[int]:
    """The rows that something may have to be done to by now."""
    with operator.charging.read() as r:
        return [key for _, key in store.accounts_due(r, operator.epoch, (0, 0), 10)]


def test_only_who_is_due_is_looked_at(operator: Operator) -> None:
    """An hour's grants: their session is given up after two, a lease may go back after one. What
    is in use by then goes back when its session has ended."""
    release_lost_sessions(operator.charging, operator.clock.now())
    assert due(operator) == []
    for phone in (1, 2):
        ask(operator, Kind.INITIAL, 0, 100 * MB, phone=phone)
    operator.clock.advance(timedelta(minutes=59))
    for phone in (1, 2):
        ask(operator, Kind.UPDATE, 1, 100 * MB, phone=phone)
    assert due(operator) == []
    operator.clock.advance(timedelta(minutes=2))
    first, second = keys(operator, 1, 2)
    assert sorted(due(operator)) == sorted([first, second])
    assert release_lost_sessions(operator.charging, operator.clock.now()) == 2
    assert due(operator) == []
    ask(operator, Kind.TERMINATE, 2, -1, phone=2)
    assert due(operator) == [second], "its lease is idle"
    assert release_lost_sessions(operator.charging, operator.clock.now()) == 1
    assert due(operator) == []
    operator.clock.advance(timedelta(hours=2))
    assert due(operator) == [first], "its session is lost"
    assert release_lost_sessions(operator.charging, operator.clock.now()) == 1
    assert left(operator) == seen(operator, 9).buckets[0].remaining == 10 * GB


def test_employees_share_a_companys_credit(operator: Operator) -> None:
    """A hundred euros a month for all, thirty for each, a cent a megabyte; what was used is billed
    to who used it, and the next month has all of it again."""
    postpaid = {"kind": AccountKind.POSTPAID}
    operator.open(8, shared=True, identities=(), credit_limit=Money.of("100", "EUR"), **postpaid)
    for phone in (5, 6):
        operator.open(phone, credit_limit=Money.of("0", "EUR"), **postpaid)
        operator.tell(
            JoinPool(
                account=account(phone),
                pool=account(8),
                money=True,
                money_limit=Money.of("30", "EUR"),
            )
        )

    def spend(phone: int, session: str) -> int:
        """All that it gets; in euros."""
        granted, serial = 0, -1
        before = seen(operator, phone).money
        while granted >= 0:
            serial += 1
            operator.clock.advance(timedelta(seconds=10))
            kind = Kind.UPDATE if serial else Kind.INITIAL
            unit = asks(500 * MB, used=max(granted, 0))
            message = request(
                kind, serial, unit, session=session, subscriber=phone, at=operator.epoch
            )
            [answer] = operator.network.process([message], operator.clock.now())
            operator.relay.drain()
            granted = answer.units[0].granted
            assert headroom() == 100_000_000
        return (before - seen(operator, phone).money).micros // 1_000_000

    def headroom() -> int:
        """All limits together."""
        with operator.charging.read() as r:
            found = [store.account(r, account(number)) for number in (5, 6, 8)]
        return -sum(each.state.floor for each in found if each is not None)

    assert [spend(phone, f"a{phone}") for phone in (5, 6)] == [30, 30]
    assert seen(operator, 8).credit_limit == Money.of("100", "EUR")
    assert seen(operator, 5).credit_limit == Money.of("0", "EUR")
    assert seen(operator, 5).shared_money == Money.of("0", "EUR"), "all of it is used"
    operator.clock.advance(timedelta(days=31))
    release_lost_sessions(operator.charging, operator.clock.now())
    assert spend(5, "b5") == 30, "of another month"
    operator.post_earnings()
    assert operator.ledger(UNBILLED) == 90_000_000


def test_who_waits_for_credit_is_told_when_the_month_begins(operator: Operator) -> None:
    """A euro a month of a company's, all of it used in the month's last quarter of an hour."""
    postpaid = {"kind": AccountKind.POSTPAID}
    euro, nothing = Money.of("1", "EUR"), Money.of("0", "EUR")
    operator.open(8, shared=True, identities=(), credit_limit=Money.of("100", "EUR"), **postpaid)
    operator.open(5, credit_limit=nothing, **postpaid)
    operator.tell(JoinPool(account=account(5), pool=account(8), money=True, money_limit=euro))
    operator.clock.advance(datetime(2026, 11, 30, 23, 45, tzinfo=UTC) - operator.clock.now())
    ask(operator, Kind.EVENT, 0, 100 * MB, phone=5)
    message = request(Kind.INITIAL, 0, asks(10 * MB), session="s6", subscriber=5, at=operator.epoch)
    message = msgspec.structs.replace(message, notify="gy:5")
    [refused] = operator.network.process([message], operator.clock.now())
    assert refused.units[0].result is Result.CREDIT_LIMIT
    operator.clock.advance(timedelta(minutes=30))
    release_lost_sessions(operator.charging, operator.clock.now())
    assert waiting(operator) == ["s6"]
