"""A light MVNO: balances follow files. What a file takes to its end the host is to stop: the
services of a balance, or data abroad. What was used until it did is measured, and a host that
refuses is seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.ear import Ear
from tests.locks import both
from tests.scenarios.charging_operator import Operator
from tests.scenarios.light_operator import INSTEAD, Host, sell_line
from tests.unit.charging.builders import MB, imsi
from trunkline import customers, inventory, network, usage
from trunkline.app import REACTIONS
from trunkline.charging import (
    ChargeUsage,
    ChargingAccountId,
    Circumstances,
    ConsentToRoam,
    GrantPolicy,
    RoamingPolicy,
    Rules,
    Service,
    UsageEvent,
    keep_policy,
    release_lost_sessions,
)
from trunkline.charging.events import ActOnBalance, BalanceVerb
from trunkline.charging.policy.events import BalanceStands
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.inventory import ProductId, ProductStatus, ServiceState
from trunkline.kernel.money import Money
from trunkline.network import Courier
from trunkline.platform import telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.tmf import documents
from trunkline.usage import Bar, BarState, Cause
from trunkline.usage.exposure.reactions import on_balance_stands

PRODUCT = ProductId("cac_1")
ACCOUNT = ChargingAccountId("cac_1")
PAYER = BillingAccountId("acc_1")
SPAIN = Circumstances(network="21407")
POLICY = GrantPolicy(rules=Rules(roaming=RoamingPolicy(home=("272",), limit=1_000_000)))


@pytest.fixture
def routes() -> Routes:
    return Routes((*Ear(INSTEAD).among(REACTIONS), *network.CONNECTED, *usage.EXPOSURE))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def settle(
    operator: Operator, books: Database, host: Host, clock: DrivenClock
) -> Callable[..., None]:
    """Some time passes, and the host is told what is due."""
    courier = Courier(books, host, clock)

    def settle(**passed: float) -> None:
        clock.advance(timedelta(**passed))
        operator.relay.drain()
        courier.drain()
        operator.relay.drain()

    return settle


@pytest.fixture
def terms() -> dict[str, Any]:
    """What the line's account is, where it isn't prepaid."""
    return {}


@pytest.fixture
def operator(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock, terms: dict[str, Any]
) -> Operator:
    keep_policy(charging, POLICY)
    books.elsewhere = frozenset({"party", "customer"})
    operator = Operator(books, charging, relay, clock)
    operator.open(1, **terms)
    operator.top_up(1, "0.20", "pay_1")
    sell_line(operator, 1)
    return operator


def send_file(operator: Operator, batch: str, *messages: timedelta) -> None:
    """Messages at nine cents, sent so long ago."""
    now = operator.clock.now()
    operator.tell(
        ChargeUsage(
            batch_id=batch,
            events=tuple(
                UsageEvent(
                    id=f"{batch}-{index}",
                    identities=(("imsi", imsi(1)),),
                    service=Service.SMS,
                    at=now - ago,
                    units=1,
                    called="467",
                )
                for index, ago in enumerate(messages)
            ),
        )
    )


def go_abroad(operator: Operator, batch: str, megabytes: int, ago: timedelta) -> None:
    """Data in Spain at a cent a megabyte."""
    event = UsageEvent(
        id=batch,
        identities=(("imsi", imsi(1)),),
        service=Service.DATA,
        at=operator.clock.now() - ago,
        units=megabytes * MB,
        where=SPAIN,
    )
    operator.tell(ChargeUsage(batch_id=batch, events=(event,)))


def exposure(operator: Operator) -> usage.Exposure:
    with operator.books.read() as r:
        [found] = usage.latest_exposures(r)
    return found


def bars(operator: Operator) -> list[Bar]:
    with operator.books.read() as r:
        return usage.bars_of(r, [PRODUCT])


def line(operator: Operator) -> inventory.Service:
    with operator.books.read() as r:
        [found] = inventory.services_of(r, [PRODUCT])
    return found


def tickets(operator: Operator) -> list[dict[str, Any]]:
    with operator.books.read() as r:
        ids = r.execute(sa.select(customers.TICKETS.table.c.id)).scalars().all()
        return documents.find(r, customers.TICKETS, list(ids))


MINUTES = tuple(timedelta(minutes=each) for each in (30, 20, 10))


def test_what_is_used_until_the_host_stops_it_is_measured(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """0.20 pays for two messages. A third takes the balance to -0.07, a fourth, which a later
    file tells of, to -0.16; the host stops the service twelve minutes after the third."""
    send_file(operator, "one", *MINUTES)
    found = exposure(operator)
    assert (found.account, found.cause) == (ACCOUNT, Cause.BALANCE)
    assert found.reached_at == clock.now() - timedelta(minutes=10)
    assert (found.barred_at, found.seconds) == (None, None)
    assert found.beyond == Money.of("0.07", "EUR")
    with operator.books.read() as r:
        [total] = usage.exposed(r)
    assert (total.ends, total.unbarred) == (1, 1)

    settle(minutes=2)
    assert host.told == ["suspend"]
    assert exposure(operator).seconds == 12 * 60
    with operator.books.read() as r:
        [band] = usage.exposed_by_delay(r, clock.now())
        usage.measure_exposure(r, clock.now())
    assert (band.within, band.ends, band.unbarred, band.longest) == (900, 1, 0, 720)
    told = telemetry.metrics({}, clock.now()).decode()
    for said in (
        'trunkline_exposure_ends{cause="balance",currency="EUR",state="open"} 0.0',
        'trunkline_exposure_beyond_micros{cause="balance",currency="EUR"} 70000.0',
        'trunkline_exposure_late_ends{cause="balance",seconds="900"} 1.0',
        'trunkline_exposure_longest_seconds{cause="balance"} 720.0',
        'trunkline_bars{cause="balance",state="refused"} 0.0',
    ):
        assert said in told

    send_file(operator, "two", timedelta(minutes=5))
    found = exposure(operator)
    assert (found.beyond, found.seconds) == (Money.of("0.16", "EUR"), 12 * 60)
    settle()
    assert host.told == ["suspend"]

    operator.top_up(1, "0.10", "pay_2")
    settle()
    assert host.told == ["suspend"]
    operator.top_up(1, "1", "pay_3")
    settle()
    assert host.told == ["suspend", "resume"]
    assert exposure(operator).restored_at == clock.now()
    with operator.books.read() as r:
        [total] = usage.exposed(r)
    assert line(operator).state is ServiceState.ACTIVE
    assert (total.unbarred, total.beyond) == (0, Money.of("0.16", "EUR"))
    assert bars(operator) == []


def test_a_balance_that_lasts_is_no_exposure(operator: Operator) -> None:
    send_file(operator, "one", timedelta(minutes=1), timedelta(minutes=1))
    with operator.books.read() as r:
        assert usage.exposed(r) == []


def test_a_host_that_refuses_is_seen_asked_again_and_believed_only_when_it_has_done_it(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """Refused at first: the line is on, usage goes on and is charged, a person has a ticket. A
    quarter of an hour later the host does it."""
    host.refuses = "unknown subscriber"
    send_file(operator, "one", *MINUTES)
    settle()
    [bar] = bars(operator)
    assert (bar.state, bar.reason, bar.attempts) == (BarState.REFUSED, "unknown subscriber", 1)
    assert (line(operator).state, exposure(operator).is_open) == (ServiceState.ACTIVE, True)
    [ticket] = tickets(operator)
    assert ticket["id"] == bar.ticket
    assert (ticket["name"], ticket["status"]) == (
        "The network doesn't stop the service",
        "acknowledged",
    )
    assert "unknown subscriber" in ticket["description"]
    with operator.books.read() as r:
        usage.measure_exposure(r, clock.now())
        assert usage.bars(r) == [bar]
    told = telemetry.metrics({}, clock.now()).decode()
    assert 'trunkline_bars{cause="balance",state="refused"} 1.0' in told

    send_file(operator, "two", timedelta(minutes=5))
    assert exposure(operator).beyond == Money.of("0.16", "EUR")
    settle(minutes=14)
    assert host.told == ["suspend"]
    host.refuses = ""
    settle(minutes=1)
    assert host.told == ["suspend", "suspend"]
    [bar] = bars(operator)
    assert (bar.state, bar.reason, bar.ticket) == (BarState.BARRED, None, None)
    assert exposure(operator).seconds == (10 + 15) * 60
    assert tickets(operator)[0]["status"] == "resolved"


def test_after_the_last_try_a_person_asks_again(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    host.refuses = "no"
    send_file(operator, "one", *MINUTES)
    for passed in (0, 1, 6, 24, 48):
        settle(hours=passed)
    assert host.told == ["suspend"] * 5
    settle(days=9)
    assert host.told == ["suspend"] * 5
    assert len(tickets(operator)) == 1
    service, host.refuses = line(operator).id, ""
    with operator.books.transaction() as tx:
        usage.retry_bar(tx, service, Cause.BALANCE, now=clock.now())
    settle()
    [bar] = bars(operator)
    assert bar.state is BarState.BARRED
    with operator.books.transaction() as tx:
        with pytest.raises(usage.NothingRefused):
            usage.retry_bar(tx, service, Cause.BALANCE, now=clock.now())
        with pytest.raises(usage.UnknownBar):
            usage.retry_bar(tx, service, Cause.ROAMING, now=clock.now())


def test_a_top_up_that_overtakes_the_host_ends_with_a_line_that_works(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    send_file(operator, "one", *MINUTES)
    operator.top_up(1, "5", "pay_2")
    settle()
    settle()
    assert host.told == ["suspend", "resume"]
    assert line(operator).state is ServiceState.ACTIVE
    assert bars(operator) == []


def test_a_host_that_gave_no_answer_may_have_stopped_it_and_is_asked_to_let_it_go_on(
    operator: Operator, host: Host, settle: Callable[..., None]
) -> None:
    host.away = True
    send_file(operator, "one", *MINUTES)
    for _ in range(8):
        settle(minutes=10)
    [bar] = bars(operator)
    assert (bar.state, bar.reason) == (BarState.REFUSED, "can't be reached")
    assert exposure(operator).is_open
    host.away = False
    operator.top_up(1, "5", "pay_2")
    settle()
    assert host.told == ["resume"]
    assert (line(operator).state, bars(operator)) == (ServiceState.ACTIVE, [])
    assert tickets(operator)[0]["status"] == "resolved"


def test_money_that_people_add_lifts_it_and_an_order_that_rests_it_is_left_alone(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    send_file(operator, "one", *MINUTES)
    settle()
    credit = ActOnBalance(
        action="bac_x", verb=BalanceVerb.ADJUST, account=ACCOUNT, amount=Money.of("1", "EUR")
    )
    operator.tell(credit)
    settle()
    assert host.told == ["suspend", "resume"]
    send_file(operator, "two", *MINUTES * 4)
    settle()
    with operator.books.transaction() as tx:
        inventory.change_product_status(
            tx, product=PRODUCT, status=ProductStatus.SUSPENDED, now=clock.now()
        )
    operator.top_up(1, "5", "pay_2")
    settle()
    assert host.told == ["suspend", "resume", "suspend"]
    assert (line(operator).state, bars(operator)) == (ServiceState.INACTIVE, [])


@pytest.mark.parametrize(
    "terms", [{"kind": AccountKind.HYBRID, "credit_limit": Money.of("0.15", "EUR")}]
)
def test_a_hybrid_line_is_stopped_at_its_limit_until_another_month(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """Whether a job begins the month, or a file that tells of a month's first message."""
    send_file(operator, "one", *MINUTES)
    settle()
    assert host.told == []
    send_file(operator, "two", timedelta(minutes=5))
    settle()
    assert host.told == ["suspend"]
    assert exposure(operator).beyond == Money.of("0.01", "EUR")

    clock.set(datetime(2026, 12, 1, 1, tzinfo=UTC))
    assert release_lost_sessions(operator.charging, clock.now()) == 1
    settle()
    assert host.told[1:] == ["resume"]
    send_file(operator, "three", timedelta(minutes=9), timedelta(minutes=6))
    settle()
    assert host.told[2:] == ["suspend"]

    clock.set(datetime(2027, 1, 1, 1, tzinfo=UTC))
    send_file(operator, "four", timedelta(minutes=1))
    settle()
    assert (host.told[3:], bars(operator)) == (["resume"], [])


def test_a_line_that_rested_when_its_balance_ended_is_stopped_once_it_is_used_again(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    def bring(state: ServiceState) -> None:
        with operator.books.transaction() as tx:
            inventory.change_service_state(
                tx, service=line(operator).id, state=state, now=clock.now()
            )

    bring(ServiceState.INACTIVE)
    send_file(operator, "one", *MINUTES)
    settle()
    assert (host.told, exposure(operator).is_open) == ([], False)
    bring(ServiceState.ACTIVE)
    send_file(operator, "two", timedelta(minutes=1))
    settle()
    assert host.told == ["suspend"]


def test_data_abroad_is_switched_off_at_the_host_until_consent(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """A euro at most. 120 MB cost 1.20; the file comes ten minutes after, the host answers in
    two. Calls go on: the service is active all the while."""
    operator.top_up(1, "10", "pay_2")
    go_abroad(operator, "one", 120, timedelta(minutes=10))
    found = exposure(operator)
    assert (found.cause, found.beyond) == (Cause.ROAMING, Money.of("0.20", "EUR"))
    settle(minutes=2)
    assert host.told == ["barred"]
    assert exposure(operator).seconds == 12 * 60
    assert line(operator).characteristics == {"imsi": imsi(1), "dataRoaming": "barred"}
    assert line(operator).state is ServiceState.ACTIVE
    go_abroad(operator, "late", 5, timedelta(minutes=11))
    assert exposure(operator).beyond == Money.of("0.25", "EUR")
    settle()
    assert host.told == ["barred"]

    operator.tell(ConsentToRoam(account=ACCOUNT, given=True))
    settle()
    assert host.told == ["barred", "allowed"]
    assert (bars(operator), exposure(operator).restored_at) == ([], clock.now())
    go_abroad(operator, "two", 50, timedelta(minutes=1))
    settle(minutes=1)
    assert host.told == ["barred", "allowed"]
    operator.tell(ConsentToRoam(account=ACCOUNT, given=False))
    settle()
    assert host.told == ["barred", "allowed", "barred"]


def test_another_month_lets_data_abroad_go_on_or_a_person_hears_of_it(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    """The host refuses to let it go on at the month's turn: the bar is kept, and told."""
    operator.top_up(1, "10", "pay_2")
    go_abroad(operator, "one", 100, timedelta(minutes=10))
    settle()
    settle(days=27)
    assert host.told == ["barred"]
    host.refuses = "not now"
    settle(days=2)
    assert host.told == ["barred", "allowed"]
    [bar] = bars(operator)
    assert (bar.state, bar.wanted, bar.reason) == (BarState.KEPT, False, "not now")
    assert [each["name"] for each in tickets(operator)] == [
        "The network doesn't let data abroad go on"
    ]
    host.refuses = ""
    settle(minutes=15)
    assert (bars(operator), host.told) == ([], ["barred", "allowed", "allowed"])
    assert line(operator).characteristics["dataRoaming"] == "allowed"
    go_abroad(operator, "december", 101, timedelta(minutes=1))
    settle()
    assert host.told[-1] == "barred"


def test_a_line_that_ends_leaves_nothing_to_stop(
    operator: Operator, clock: DrivenClock, host: Host, settle: Callable[..., None]
) -> None:
    host.refuses = "no"
    send_file(operator, "one", *MINUTES)
    settle()
    with operator.books.transaction() as tx:
        inventory.change_service_state(
            tx, service=line(operator).id, state=ServiceState.TERMINATED, now=clock.now()
        )
    settle()
    assert (bars(operator), exposure(operator).is_open) == ([], False)
    assert tickets(operator)[0]["status"] == "resolved"


def test_what_ends_again_as_it_goes_on_is_another_end(operator: Operator, now: datetime) -> None:
    """Both are told at the same moment: neither takes back what the other notes."""

    def spent(tx: Tx, micros: int) -> None:
        beyond, at = Money(micros, "EUR"), now + timedelta(microseconds=micros)
        on_balance_stands(tx, BalanceStands(account=ACCOUNT, exhausted_at=at, beyond=beyond), now)

    with operator.books.transaction() as tx:
        spent(tx, 1)
    credit = BalanceStands(account=ACCOUNT)
    together = both(
        operator.books, lambda tx: on_balance_stands(tx, credit, now), lambda tx: spent(tx, 2)
    )
    assert together is None
    with operator.books.read() as r:
        ends = {each.beyond.micros: each.is_open for each in usage.latest_exposures(r)}
        [total] = usage.exposed(r)
    assert (ends, total.unbarred) == ({1: False, 2: True}, 1)


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """What is asked of it meanwhile."""
    said: list[str] = []

    def hear(_c: object, _u: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = database.engine
    sa.event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        sa.event.remove(engine, "before_cursor_execute", hear)


def test_what_is_told_of_exposure_reads_days_not_balances(
    operator: Operator, clock: DrivenClock
) -> None:
    """However many ends there were in a day, their sums are a row for each delay."""
    for place in range(5):
        clock.advance(timedelta(minutes=1))
        send_file(operator, f"{place}", *(MINUTES[2],) * 5)
        operator.top_up(1, "0.45", f"again_{place}")
    with operator.books.read() as r, statements_of(operator.books) as said:
        usage.measure_exposure(r, clock.now())
        [total] = usage.exposed(r)
    assert (total.ends, total.beyond) == (5, Money.of("1.25", "EUR"))
    assert not [each for each in said if "usage_exposure" in each]
    with operator.books.read() as r:
        count = r.execute(sa.text("SELECT count(*) FROM usage_exposed")).scalar_one()
    assert count == 1
