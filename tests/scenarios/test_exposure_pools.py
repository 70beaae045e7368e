"""A light MVNO's families and companies: what neither a pool nor a member pays for is stopped at
the host, service by service, until something pays again; what was used meanwhile is measured."""

import random
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import pytest

from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.scenarios.light_operator import INSTEAD, Host, sell_line
from tests.unit.charging.builders import MB, asks, compiled, imsi, plan, request
from trunkline import network, usage
from trunkline.app import REACTIONS
from trunkline.charging import (
    BucketGrant,
    ChargeUsage,
    ChargingAccountId,
    Circumstances,
    GrantPolicy,
    Kind,
    RoamingPolicy,
    Rules,
    Service,
    TopUp,
    UsageEvent,
    hot,
    keep_policy,
    release_lost_sessions,
    store,
)
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import Record
from trunkline.charging.pools import exhaustion
from trunkline.charging.pools.events import JoinPool, LeavePool, UnitLimit
from trunkline.charging.sessions import called_number
from trunkline.charging.store import Account
from trunkline.charging.terms import Spent
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.network import Courier
from trunkline.platform import telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.rating import Allowance, Filters
from trunkline.usage import Cause
from trunkline.usage.exposure.model import POOLS

POOL = ChargingAccountId("cac_9")
POOR = (1, 2)
RICH = 3
TOLD = INSTEAD | {"charging.limit_reached", "charging.member_reached", "charging.pool_reached"}


@pytest.fixture
def routes() -> Routes:
    return Routes((*Ear(TOLD).among(REACTIONS), *network.CONNECTED, *usage.EXPOSURE))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    """A pool of 400 MB a month and 10 minutes, and no money; two members who have nothing of
    their own, and one with money."""
    books.elsewhere = frozenset({"party", "customer"})
    operator = Operator(books, charging, relay, clock)
    shared = plan(
        Allowance("all_data", "Data", "data", 400 * MB),
        Allowance("all_calls", "Calls", "voice", 600),
        id_="shared",
    )
    operator.install(compiled(plan(), shared, version=2))
    operator.open(9, plan="shared", shared=True, identities=())
    for number in (*POOR, RICH):
        operator.open(number)
        operator.tell(JoinPool(account=account(number), pool=POOL))
        sell_line(operator, number)
    operator.top_up(RICH, "5", "pay_rich")
    return operator


@pytest.fixture
def settle(
    operator: Operator, books: Database, host: Host, clock: DrivenClock
) -> Callable[..., None]:
    """Some time passes, jobs run, and the host is told what is due."""
    courier = Courier(books, host, clock)

    def settle(**passed: float) -> None:
        clock.advance(timedelta(**passed))
        release_lost_sessions(operator.charging, clock.now())
        operator.relay.drain()
        courier.drain()
        operator.relay.drain()

    return settle


def account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number}")


def use(
    operator: Operator,
    number: int,
    amount: int,
    service: Service = Service.DATA,
    where: Circumstances | None = None,
) -> None:
    """A file tells of it ten minutes later."""
    at = operator.clock.now() - timedelta(minutes=10)
    name = f"{number}-{amount}-{service}-{at:%d%H%M%S}"
    event = UsageEvent(
        id=name,
        identities=(("imsi", imsi(number)),),
        service=service,
        at=at,
        units=amount,
        called="" if service is Service.DATA else "467",
        where=where,
    )
    operator.tell(ChargeUsage(batch_id=name, events=(event,)))


def exposures(operator: Operator) -> dict[tuple[str, Cause], usage.Exposure]:
    with operator.books.read() as r:
        latest = usage.latest_exposures(r)
    return {(each.account, each.cause): each for each in reversed(latest)}


def refill(operator: Operator, megabytes: int, payment: str) -> None:
    grant = BucketGrant("data", megabytes * MB, 30, "More data")
    money = Money.of("0.01", "EUR")
    operator.tell(TopUp(payment_id=payment, account=POOL, amount=money, buckets=(grant,)))


def test_an_empty_pool_stops_that_service_of_all_who_have_nothing_else(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """To the last byte, by one member's file: the other is stopped, too. Calls go on, and so does
    who has money."""
    settle(minutes=10)
    use(operator, 1, 400 * MB)
    settle(minutes=2)
    assert host.told == ["data barred"] * 2
    found = exposures(operator)
    assert set(found) == {("cac_1", Cause.POOL_DATA), ("cac_2", Cause.POOL_DATA)}
    assert [each.beyond.micros for each in found.values()] == [0, 0]
    assert {each.seconds for each in found.values()} == {12 * 60}

    use(operator, 1, 10 * MB)
    use(operator, RICH, 10 * MB)
    use(operator, 2, 60, Service.VOICE)
    settle()
    assert host.told == ["data barred"] * 2
    assert exposures(operator)["cac_1", Cause.POOL_DATA].beyond == Money.of("0.10", "EUR")
    with operator.books.read() as r:
        [total] = usage.exposed(r)
        usage.measure_exposure(r, clock.now())
    assert (total.cause, total.ends, total.unbarred) == (Cause.POOL_DATA, 2, 0)
    metrics = telemetry.metrics({}, clock.now()).decode()
    assert 'trunkline_exposure_beyond_micros{cause="poolData",currency="EUR"} 100000.0' in metrics

    operator.top_up(9, "1", "pay_pool")
    settle()
    assert host.told == ["data barred"] * 2
    refill(operator, 100, "pay_data")
    settle()
    assert host.told[2:] == ["data allowed"] * 2
    settle(minutes=11)
    use(operator, 2, 100 * MB)
    settle()
    assert host.told[4:] == ["data barred"] * 2
    settle(days=29)
    assert host.told[6:] == ["data allowed"] * 2
    with operator.books.read() as r:
        assert usage.latest_exposures(r)[0].restored_at == clock.now()


def test_a_members_own_limit_stops_it_alone_until_it_is_raised(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    limit = UnitLimit(Service.DATA, 50 * MB)
    operator.tell(JoinPool(account=account(1), pool=POOL, limits=(limit,)))
    use(operator, 1, 60 * MB)
    settle()
    assert host.told == ["data barred"]
    assert exposures(operator)["cac_1", Cause.POOL_DATA].beyond == Money.of("0.10", "EUR")
    operator.tell(JoinPool(account=account(1), pool=POOL, limits=()))
    settle()
    assert host.told == ["data barred", "data allowed"]


@pytest.mark.parametrize("way", ["money", "leaves"])
def test_who_gets_money_or_leaves_goes_on(
    operator: Operator, host: Host, settle: Callable[..., None], way: str
) -> None:
    use(operator, 1, 390 * MB)
    settle()
    assert host.told == []
    use(operator, 2, 11 * MB)
    settle()
    assert host.told == ["data barred"] * 2
    if way == "money":
        operator.top_up(1, "1", "pay_1")
    else:
        operator.tell(LeavePool(account=account(1), pool=POOL))
    settle()
    assert host.told[2:] == ["data allowed"]


def test_what_is_left_for_other_use_of_a_service_keeps_it_open_to_the_others(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    """The host can't stop a part of a service: who used all of one kind is stopped, and the others
    once the other kind is used up, too."""
    kinds = plan(
        Allowance("all_web", "Data", "data", 400 * MB, where=Filters(dnn="web")),
        Allowance("all_work", "Work", "data", 100 * MB, where=Filters(dnn="work")),
        id_="kinds",
    )
    operator.install(compiled(plan(), kinds, version=3, start=operator.clock.now()))
    operator.open(8, plan="kinds", shared=True, identities=())
    for number in (11, 12):
        operator.open(number)
        operator.tell(JoinPool(account=account(number), pool=account(8)))
        sell_line(operator, number)
    settle(minutes=20)
    web, work = Circumstances(dnn="web"), Circumstances(dnn="work")
    use(operator, 12, 100 * MB, where=web)
    use(operator, 11, 100 * MB, where=work)
    settle()
    assert set(exposures(operator)) == {("cac_11", Cause.POOL_DATA)}
    use(operator, 11, 300 * MB, where=web)
    settle()
    assert set(exposures(operator)) == {(f"cac_{each}", Cause.POOL_DATA) for each in (11, 12)}
    assert host.told == ["data barred"] * 2


def test_who_is_in_another_pool_is_not_stopped_for_what_its_former_one_lacks(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    """2 still uses what it was granted of the first one."""
    operator.open(8, plan="shared", shared=True, identities=())
    begun = request(Kind.INITIAL, 0, asks(50 * MB), subscriber=2, at=operator.epoch)
    [answer] = operator.network.process([begun], operator.clock.now())
    assert answer.units[0].granted == 50 * MB
    operator.tell(LeavePool(account=account(2), pool=POOL))
    operator.tell(JoinPool(account=account(2), pool=account(8)))
    settle(minutes=10)
    use(operator, 1, 400 * MB)
    settle()
    assert set(exposures(operator)) == {("cac_1", Cause.POOL_DATA)}
    assert host.told == ["data barred"]


def test_calls_and_data_are_stopped_and_go_on_each_for_itself(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    """Both asked for before the host has answered: neither takes the other back."""
    use(operator, 1, 401 * MB)
    use(operator, 1, 601, Service.VOICE)
    settle()
    assert sorted(host.told) == sorted(["data barred"] * 2 + ["voice barred"] * 2)
    assert list(host.characteristics.values()) == [{"data": "barred", "voice": "barred"}] * 2
    refill(operator, 50, "pay_data")
    settle()
    assert list(host.characteristics.values()) == [{"data": "allowed", "voice": "barred"}] * 2
    use(operator, 1, 1, Service.SMS)
    settle()
    assert host.told[-1] == "suspend"


def test_a_wallet_that_is_shared_ends_for_all_who_share_it(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    for number in POOR:
        operator.tell(JoinPool(account=account(number), pool=POOL, money=True))
    operator.top_up(9, "1", "pay_pool")
    use(operator, 1, 450 * MB)
    settle(hours=2)
    assert host.told == []
    use(operator, 2, 60 * MB)
    settle()
    assert host.told == ["data barred"] * 2
    assert exposures(operator)["cac_2", Cause.POOL_DATA].beyond == Money.of("0.10", "EUR")
    operator.top_up(9, "1", "pay_pool_2")
    settle()
    assert host.told[2:] == ["data allowed"] * 2


def test_a_companys_credit_ends_and_begins_anew_with_the_month(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    for company, limit, shared in ((19, "1", True), (11, "0", False), (12, "0", False)):
        operator.open(
            company,
            kind=AccountKind.POSTPAID,
            credit_limit=Money.of(limit, "EUR"),
            shared=shared,
        )
    for number in (11, 12):
        pool = ChargingAccountId("cac_19")
        operator.tell(JoinPool(account=account(number), pool=pool, money=True))
        sell_line(operator, number)
    use(operator, 11, 90 * MB)
    settle()
    assert host.told == []
    use(operator, 11, 30 * MB)
    settle()
    assert host.told == ["data barred"] * 2
    assert exposures(operator)["cac_11", Cause.POOL_DATA].beyond == Money.of("0.20", "EUR")
    settle(days=30)
    assert host.told[2:] == ["data allowed"] * 2


def test_a_large_pool_is_looked_at_a_few_members_at_a_time(
    operator: Operator, host: Host, settle: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhaustion, "CHUNK", 2)
    monkeypatch.setattr(exhaustion, "LOOKED_AT", 3)
    sizes: list[int] = []
    written = hot.write

    def count(tx: Tx, held: Collection[Account], records: Sequence[tuple[int, Record]]) -> None:
        sizes.append(len(held))
        written(tx, held, records)

    monkeypatch.setattr(hot, "write", count)
    for number in range(20, 27):
        operator.open(number)
        operator.tell(JoinPool(account=account(number), pool=POOL))
        sell_line(operator, number)
    sizes.clear()
    use(operator, 1, 400 * MB)
    settle()
    assert host.told == ["data barred"] * 9
    assert max(sizes) == 2
    use(operator, 1, 2 * MB)
    sizes.clear()
    settle()
    assert sizes == []
    refill(operator, 1000, "pay_data")
    settle()
    assert host.told[9:] == ["data allowed"] * 9


def test_what_is_waived_abroad_is_leased_of_nobody(operator: Operator, charging: Database) -> None:
    """Past a euro, data abroad isn't charged: the pool's wallet keeps the rest."""
    roaming = RoamingPolicy(home=("272",), limit=1_000_000)
    keep_policy(charging, GrantPolicy(rules=Rules(roaming=roaming)))
    abroad = Circumstances(network="21407")
    bare = plan(Allowance("all_calls", "Calls", "voice", 600), id_="wallet")
    operator.install(compiled(plan(), bare, version=3, start=operator.clock.now()))
    operator.open(29, plan="wallet", shared=True, identities=())
    operator.open(21)
    operator.tell(JoinPool(account=account(21), pool=account(29), money=True))
    operator.top_up(29, "9", "pay_wallet")
    operator.clock.advance(timedelta(hours=1))
    use(operator, 21, 300 * MB, where=abroad)
    left = operator.money(29)
    assert left + operator.money(21) == 8_000_000
    use(operator, 21, 800 * MB, where=abroad)
    assert (operator.money(29), operator.money(21)) == (left, 8_000_000 - left)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_nobody_is_stopped_for_whom_anything_pays(
    operator: Operator, host: Host, settle: Callable[..., None], seed: int
) -> None:
    """And whoever used what nothing pays for more of is stopped."""
    chance, seen = random.Random(seed), 0
    for step in range(20):
        who = chance.choice((*POOR, RICH))
        what = chance.choice(("use", "use", "use", "use", "refill", "money", "leave", "month"))
        service = chance.choice((Service.DATA, Service.VOICE))
        if what == "use":
            amount = chance.randint(1, 300) * (MB if service is Service.DATA else 1)
            use(operator, who, amount, service)
        elif what == "refill":
            refill(operator, chance.randint(1, 200), f"pay_{step}")
        elif what == "money":
            operator.top_up(who, "0.50", f"pay_{step}")
        elif what == "leave":
            operator.tell(LeavePool(account=account(who), pool=POOL))
            operator.tell(JoinPool(account=account(who), pool=POOL))
        settle(days=12 if what == "month" else 0, minutes=11)
        settle()
        stopped = {each for each, found in exposures(operator).items() if not found.restored_at}
        seen += len(stopped)
        for member in (*POOR, RICH):
            for kind in (Service.DATA, Service.VOICE):
                is_stopped = (f"cac_{member}", POOLS[kind]) in stopped
                if is_stopped or (member, kind, what) == (who, service, "use"):
                    assert pays(operator, member, kind) != is_stopped, (step, what, member, kind)
    assert seen


def pays(operator: Operator, number: int, service: Service) -> bool:
    called = 0 if service is Service.DATA else called_number("467")
    of = Spent(service, destination=called)
    now = operator.epoch
    with operator.charging.read() as r:
        member, pool = store.account(r, account(number)), store.account(r, POOL)
        assert member is not None
        assert pool is not None
        known = installed_tariffs(r)
        return exhaustion.pays(member.state, pool.state, of, known, now, [])
