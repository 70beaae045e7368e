"""Charging on its database: opened, topped up, used by the network and by records, and held
against the ledger."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.locks import both
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    GB,
    MB,
    OPENED,
    TEN_GIGABYTES,
    asks,
    compiled,
    imsi,
    opening,
    plan,
    request,
    rule,
)
from trunkline.charging import (
    Action,
    BarAccount,
    ChangePlan,
    ChargeAnswer,
    ChargeRequest,
    ChargeUsage,
    ChargingAccountId,
    CloseAccount,
    Kind,
    Result,
    Service,
    Status,
    TopUp,
    UnbarAccount,
    UnitRequest,
    UnknownChargingAccount,
    UnknownRecord,
    UsageCut,
    UsageEvent,
    account_of,
    balance,
    billing_month,
    charging_accounts,
    daily_usage,
    explain,
    identities,
    records,
    release_lost_sessions,
    store,
    usage_lines,
)
from trunkline.charging.account import IdentityTaken
from trunkline.charging.charge import charge
from trunkline.charging.events import UsageCharged
from trunkline.charging.journal import RecordKind
from trunkline.charging.operations import open_account
from trunkline.charging.state import State
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import (
    PREPAID,
    UNBILLED,
    USAGE_REVENUE,
    LegalEntityId,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, DatabaseUnavailable, Tx
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay

HEARD: list[UsageCharged] = []


def _hear(_tx: Tx, message: UsageCharged, _now: datetime) -> None:
    HEARD.append(message)


@pytest.fixture
def routes() -> Routes:
    from tests.conftest import ALL_REACTIONS

    HEARD.clear()
    listening = Reaction("test.hear", on=UsageCharged, run=_hear, database="books")
    own = [each for each in ALL_REACTIONS if each.name.startswith(("charging.", "ledger."))]
    return Routes([*own, listening])


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    return Operator(books, charging, relay, clock)


def test_a_prepaid_month_and_its_ledger(operator: Operator) -> None:
    """10.00 paid; 30 MB at a cent: 9.70 stay, as charging and the ledger both say."""
    operator.open(1)
    operator.top_up(1, "10", "pay_1")
    now = operator.clock.now()
    at = operator.epoch
    [first] = operator.network.process([request(Kind.INITIAL, 0, asks(20 * MB), at=at)], now)
    assert first.units[0].granted == 20 * MB
    answers = operator.network.process(
        [
            request(Kind.UPDATE, 1, asks(20 * MB, used=20 * MB), at=at),
            request(Kind.TERMINATE, 2, asks(used=10 * MB), at=at),
            request(Kind.INITIAL, 0, asks(MB), subscriber=77, at=at),
        ],
        now,
    )
    assert [each.result for each in answers] == [
        Result.SUCCESS,
        Result.SUCCESS,
        Result.UNKNOWN_SUBSCRIBER,
    ]
    operator.post_earnings()
    assert operator.money(1) == 9_700_000
    assert operator.ledger(PREPAID) == -9_700_000
    assert operator.ledger(USAGE_REVENUE) == -300_000


def test_a_payment_is_credited_once(operator: Operator) -> None:
    operator.open(1)
    command = TopUp(
        payment_id="pay_1", account=ChargingAccountId("cac_1"), amount=Money.of("5", "EUR")
    )
    operator.tell(command, command)
    assert operator.money(1) == 5_000_000


def test_records_are_charged_on_the_account_of_their_time(operator: Operator) -> None:
    """The number moves from one subscriber to another; each pays for the calls of its time."""
    first = operator.open(1, kind=AccountKind.POSTPAID)
    noon = operator.clock.now()
    operator.tell(CloseAccount(account=first.account, closed_at=noon))
    operator.open(
        2,
        kind=AccountKind.POSTPAID,
        identities=(("msisdn", "46700000001"),),
        opened_at=noon,
    )

    def call(id_: str, at: datetime, number: str = "46700000001") -> UsageEvent:
        return UsageEvent(
            id=id_,
            identities=(("msisdn", number),),
            service=Service.VOICE,
            at=at,
            units=61,
            called="46709999999",
        )

    operator.tell(
        ChargeUsage(
            batch_id="b1",
            events=(
                call("late", noon - timedelta(hours=2)),
                call("new", noon + timedelta(minutes=1)),
                call("nobody", noon, "4799999999"),
            ),
        )
    )
    assert operator.money(1) == operator.money(2) == -250_000
    [charged] = HEARD
    assert [(each.id, each.account, each.error) for each in charged.results] == [
        ("late", "cac_1", None),
        ("new", "cac_2", None),
        ("nobody", None, "unknownSubscriber"),
    ]
    assert charged.results[0].charge == Money(250_000, "EUR")
    assert charged.results[0].label == "Voice"
    assert charged.results[0].record == "cac_1/1"
    operator.relay.drain()
    assert operator.ledger(UNBILLED) == 500_000


def test_a_number_that_is_anothers_by_now_still_reports_for_whose_session_it_is(
    operator: Operator,
) -> None:
    """A session that only the number tells of: its first owner is charged for what it reports, and
    nothing stays reserved there; who has the number now begins sessions of its own."""

    def send(kind: Kind, number: int, *units: UnitRequest, session: str) -> Result:
        operator.clock.advance(timedelta(minutes=1))
        message = request(kind, number, *units, session=session, at=operator.epoch)
        message.identities = (("msisdn", "46700000001"),)
        [answer] = operator.network.process([message], operator.clock.now())
        return answer.result

    first = operator.open(1)
    operator.top_up(1, "5", "pay_1")
    assert send(Kind.INITIAL, 0, asks(10 * MB), session="old") is Result.SUCCESS
    operator.tell(CloseAccount(account=first.account, closed_at=operator.clock.now()))
    moved = operator.clock.now()
    operator.open(2, identities=(("msisdn", "46700000001"),), opened_at=moved)
    operator.top_up(2, "5", "pay_2")
    assert send(Kind.INITIAL, 0, asks(10 * MB), session="new") is Result.SUCCESS
    assert send(Kind.TERMINATE, 1, asks(used=10 * MB), session="old") is Result.SUCCESS
    assert send(Kind.UPDATE, 1, asks(MB, used=MB), session="new") is Result.SUCCESS
    assert send(Kind.UPDATE, 1, asks(MB), session="nobody's") is Result.UNKNOWN_SESSION
    assert (operator.money(1), operator.money(2)) == (4_900_000, 4_990_000)
    with operator.charging.read() as r:
        assert not balance(r, first.account, operator.clock.now()).reserved


def test_an_event_that_was_kept_back_for_hours_is_charged_once(operator: Operator) -> None:
    """The gateway heard no answer, and sends it again once it is connected again; the phone has
    used data since. A debit and a refund change nothing; what never came is charged now."""
    operator.open(1)
    operator.top_up(1, "5", "pay_1")
    first = operator.epoch

    def send(session: str, *, again: bool = False, **more: Any) -> ChargeAnswer:
        units = more.pop("units", ())
        message = request(Kind.EVENT, 0, *units, session=session, at=first, **more)
        message.again = again
        [answer] = operator.network.process([message], operator.clock.now())
        return answer

    message: dict[str, Any] = {"service": Service.SMS, "called": "4670"}
    refund: dict[str, Any] = {"action": Action.REFUND, "money": 20_000}
    sent = send("m1", units=(asks(1),), **message)
    credited = send("r1", **refund)
    operator.clock.advance(timedelta(hours=2))
    begin, end = (
        request(kind, number, asks(), session="data", at=operator.epoch)
        for number, kind in enumerate((Kind.INITIAL, Kind.TERMINATE))
    )
    operator.network.process([begin, end], operator.clock.now())
    assert send("m1", again=True, units=(asks(1),), **message) == sent
    assert send("r1", again=True, **refund) == credited
    assert operator.money(1) == 5_000_000 - 90_000 + 20_000
    assert send("m2", again=True, units=(asks(1),), **message).cost == 90_000
    assert operator.money(1) == 5_000_000 - 90_000 + 20_000 - 90_000


def test_a_delivery_without_a_price_is_noted_once_however_late_it_comes_again(
    operator: Operator,
) -> None:
    operator.open(1)
    first = operator.epoch

    def told() -> ChargeAnswer:
        unit = asks(used=3)
        message = request(Kind.EVENT, 0, unit, session="m", at=first, service=Service.MMS)
        message.again = True
        [answer] = operator.network.process([message], operator.clock.now())
        return answer

    answer = told()
    assert answer.result is answer.units[0].result is Result.RATING_FAILED
    operator.clock.advance(timedelta(hours=2))
    again = told()
    assert (again.result, again.units) == (answer.result, answer.units)
    with operator.charging.read() as r:
        assert [line.kind for line in records(r, ChargingAccountId("cac_1"), limit=9)] == [
            RecordKind.UNRATED
        ]


def test_a_database_that_can_only_be_read_is_away(operator: Operator) -> None:
    """A disk that is full, a server that is a replica by now: whoever asks comes back later."""
    operator.open(1)
    on_postgresql = operator.charging.dialect == "postgresql"
    with operator.charging.engine.connect() as connection:
        connection.exec_driver_sql(
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
            if on_postgresql
            else "PRAGMA query_only = on"
        )
        connection.commit()
    message = request(Kind.INITIAL, 0, asks(MB), at=operator.epoch)
    with pytest.raises(DatabaseUnavailable):
        operator.network.attempt([message], operator.clock.now())
    with pytest.raises(DatabaseUnavailable), operator.charging.transaction() as tx:
        tx.execute(sa.update(store.accounts).values(version=0))


def test_an_account_is_opened_once_and_its_number_is_its_own(operator: Operator) -> None:
    operator.open(1)
    operator.open(1)
    operator.open(2, identities=(("imsi", imsi(1)),))
    with operator.charging.read() as r:
        assert store.account(r, "cac_1") is not None
        assert store.account(r, "cac_2") is None


def test_of_two_accounts_that_want_a_number_at_once_one_has_it(operator: Operator) -> None:
    number = (("msisdn", "46709999999"),)
    first = opening(11, identities=number)
    later = opening(12, identities=number, opened_at=OPENED + timedelta(minutes=1))
    database = operator.charging
    taken = both(database, lambda tx: open_account(tx, first), lambda tx: open_account(tx, later))
    assert isinstance(taken, IdentityTaken)
    again = both(database, lambda tx: open_account(tx, first), lambda tx: open_account(tx, first))
    assert again is None


def test_an_allowance_that_runs_out_goes_on_in_money(operator: Operator) -> None:
    operator.open(1, plan="rich")
    operator.top_up(1, "1", "pay_1")
    now, at = operator.clock.now(), operator.epoch
    requests = [
        request(Kind.INITIAL, 0, asks(5 * GB), at=at),
        request(Kind.TERMINATE, 1, asks(used=5 * GB + 10 * MB), at=at),
    ]
    operator.network.process(requests, now)
    assert operator.money(1) == 900_000


def test_the_journal_is_never_altered(operator: Operator) -> None:
    operator.open(1)
    operator.top_up(1, "1", "pay_1")
    for statement in (sa.update(store.records).values(charge=0), sa.delete(store.records)):
        with (
            pytest.raises(sa.exc.DatabaseError, match="immutable"),
            operator.charging.transaction() as tx,
        ):
            tx.execute(statement)


def test_one_that_fails_takes_no_other_along(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.open(1)
    operator.open(2)
    operator.top_up(1, "1", "p1")
    operator.top_up(2, "1", "p2")
    real: Callable[..., ChargeAnswer] = charge

    def failing(state: State, message: ChargeRequest, *rest: Any) -> ChargeAnswer:
        answer = real(state, message, *rest)
        if message.session == "bad":
            raise ZeroDivisionError("a bug in the middle of a decision")
        return answer

    monkeypatch.setattr("trunkline.charging.batch.charge", failing)
    at = operator.epoch
    answers = operator.network.process(
        [
            request(Kind.INITIAL, 0, asks(MB), session="a", subscriber=1, at=at),
            request(Kind.INITIAL, 0, asks(MB), session="bad", subscriber=1, at=at),
            request(Kind.INITIAL, 0, asks(MB), session="b", subscriber=2, at=at),
        ],
        operator.clock.now(),
    )
    assert [each.result for each in answers] == [
        Result.SUCCESS,
        Result.FAILED,
        Result.SUCCESS,
    ]
    with operator.charging.read() as r:
        found = store.account(r, "cac_1")
    assert found is not None
    assert [each.id for each in found.state.sessions] == ["a"]
    assert found.state.held == 10_000


def test_entity_ids_are_kept(operator: Operator) -> None:
    operator.open(1)
    with operator.charging.read() as r:
        found = store.account(r, "cac_1")
    assert found is not None
    assert LegalEntityId(found.state.entity) == operator.entity
    assert found.state.opened == int(OPENED.timestamp())


def test_every_record_is_billed_once(operator: Operator) -> None:
    """November is billed early in December, while December's usage has begun; a record of
    November that comes later stands on the next bill, and nothing stands on two."""
    operator.open(1, kind=AccountKind.POSTPAID, plan="plan")
    account = ChargingAccountId("cac_1")
    november = billing_month(operator.clock.now(), cycle_day=1, time_zone="UTC")
    serial = itertools.count()

    def calls(*instants: datetime, units: int = 60) -> None:
        events = [
            UsageEvent(
                id=f"call{next(serial)}",
                identities=(("msisdn", "46700000001"),),
                service=Service.VOICE,
                at=at,
                units=units,
                called="46709999999",
            )
            for at in instants
        ]
        operator.tell(ChargeUsage(batch_id=f"b{next(serial)}", events=tuple(events)))

    def cut() -> int:
        with operator.charging.read() as r:
            [[found]] = charging_accounts(r, [BillingAccountId("bac_1")]).values()
        assert found.kind is AccountKind.POSTPAID
        return found.seq

    def lines(cut: UsageCut) -> list[tuple[str, int, int]]:
        with operator.charging.read() as r:
            found = usage_lines(r, [cut])
        return [(each.label, each.events, each.charge.micros) for each in found]

    first, second = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    operator.clock.set(datetime(2026, 12, 5, tzinfo=UTC))
    calls(first, second, first)
    first_cut = cut()
    calls(first, second)
    bill = UsageCut(account, first_cut, november)
    assert lines(bill) == [("Voice", 2, 300_000)]
    operator.clock.set(datetime(2027, 1, 5, tzinfo=UTC))
    calls(second)
    next_bill = UsageCut(account, cut(), november + 1, first_cut, november)
    assert lines(next_bill) == [("Voice", 4, 600_000)]
    last = UsageCut(account, cut(), november + 2, next_bill.seq, next_bill.period)
    assert lines(last) == []


def test_what_people_see_of_an_account(operator: Operator) -> None:
    operator.open(1, plan="rich")
    operator.top_up(1, "3", "pay_1")
    account = ChargingAccountId("cac_1")
    now, at = operator.clock.now(), operator.epoch
    operator.network.process(
        [
            request(Kind.INITIAL, 0, asks(100 * MB), at=at),
            request(Kind.UPDATE, 1, asks(200 * MB, used=100 * MB), at=at),
        ],
        now,
    )
    with operator.charging.read() as r:
        seen = balance(r, account, now)
        assert seen.money == Money(3_000_000, "EUR")
        assert seen.open_sessions == 1
        assert [(each.name, each.remaining, each.reserved) for each in seen.buckets] == [
            ("5 GB", 5 * GB - 100 * MB, 200 * MB)
        ]
        [usage, allowance, top_up] = records(r, account)
        assert (usage.label, usage.units, usage.free) == ("Data", 100 * MB, 100 * MB)
        assert usage.charge == Money(0, "EUR")
        assert (allowance.units, top_up.charge) == (5 * GB, Money(-3_000_000, "EUR"))
        assert records(r, account, limit=1) == [usage]
        assert records(r, account, before=(usage.period, usage.seq)) == [allowance, top_up]
        [day] = daily_usage(r, account, since=now - timedelta(days=30))
        assert (day.units, day.events, day.service) == (100 * MB, 1, Service.DATA)
        assert day.day == at // 86_400
        assert account_of(r, ("imsi", imsi(1)), now) == account
        assert account_of(r, ("imsi", imsi(1)), OPENED - timedelta(days=1)) is None
        assert [each.kind for each in identities(r, account)] == ["imsi", "msisdn"]
        later = balance(r, account, now + timedelta(days=40))
        assert [each.remaining for each in later.buckets] == [5 * GB]
        with pytest.raises(UnknownChargingAccount):
            balance(r, ChargingAccountId("cac_none"), now)


def test_a_charge_is_explained_by_running_it_again(operator: Operator) -> None:
    operator.open(1, plan="rich")
    operator.top_up(1, "1", "pay_1")
    now, at = operator.clock.now(), operator.epoch
    operator.network.process(
        [
            request(Kind.INITIAL, 0, asks(5 * GB), at=at),
            request(Kind.TERMINATE, 1, asks(used=5 * GB + 10 * MB), at=at),
        ],
        now,
    )
    account = ChargingAccountId("cac_1")
    with operator.charging.read() as r:
        usage = records(r, account, limit=1)[0]
        found = explain(r, account, usage.seq)
        assert found.holds
        assert found.stored == found.recomputed == Money(100_000, "EUR")
        assert [(each.free, each.taken) for each in found.buckets] == [(5 * GB, 5 * GB)]
        assert found.differences == ()
        top_up = explain(r, account, 1)
        assert top_up.holds
        assert (top_up.balance_before, top_up.balance_after) == (
            Money(0, "EUR"),
            Money.of(1, "EUR"),
        )
        with pytest.raises(UnknownRecord):
            explain(r, account, 99)


def test_a_lost_session_is_released_though_nobody_touches_its_account(
    operator: Operator,
) -> None:
    operator.open(1)
    operator.top_up(1, "1", "pay_1")
    now = operator.clock.now()
    account = ChargingAccountId("cac_1")
    operator.network.process([request(Kind.INITIAL, 0, asks(MB), at=operator.epoch)], now)
    assert release_lost_sessions(operator.charging, now + timedelta(hours=2)) == 0
    assert release_lost_sessions(operator.charging, now + timedelta(hours=3)) == 1
    with operator.charging.read() as r:
        seen = balance(r, account, now)
    assert (seen.reserved.micros, seen.open_sessions) == (0, 0)


def test_plans_bars_and_closing(operator: Operator) -> None:
    """1 GB used of the old plan's 5 counts against the new plan's; barred, nothing is granted;
    closed, the last report of an open session still counts."""
    operator.install(
        compiled(
            plan(FIVE_GIGABYTES, id_="rich"),
            plan(TEN_GIGABYTES, id_="richer"),
            version=2,
        )
    )
    account = operator.open(1, plan="rich").account
    operator.top_up(1, "1", "pay_1")
    now, at = operator.clock.now(), operator.epoch

    def send(kind: Kind, number: int, *units: UnitRequest, session: str = "s1") -> ChargeAnswer:
        message = request(kind, number, *units, session=session, at=at)
        return operator.network.process([message], operator.clock.now())[0]

    send(Kind.INITIAL, 0, asks(GB))
    send(Kind.UPDATE, 1, asks(used=GB))
    operator.tell(ChangePlan(account=account, plan="richer", changed_at=now))
    with operator.charging.read() as r:
        assert [each.remaining for each in balance(r, account, now).buckets] == [9 * GB]
    assert send(Kind.UPDATE, 2, asks(GB)).units[0].granted == GB
    operator.tell(BarAccount(account=account))
    assert send(Kind.UPDATE, 3, asks(GB, used=MB)).units[0].result is Result.DENIED
    operator.tell(UnbarAccount(account=account))
    assert send(Kind.UPDATE, 4, asks(GB)).units[0].granted == GB
    operator.tell(CloseAccount(account=account, closed_at=now))
    assert send(Kind.INITIAL, 0, asks(GB), session="s2").result is Result.UNKNOWN_SUBSCRIBER
    assert send(Kind.TERMINATE, 5, asks(used=GB)).result is Result.SUCCESS
    with operator.charging.read() as r:
        seen = balance(r, account, now)
    assert [each.remaining for each in seen.buckets] == [8 * GB - MB]
    assert seen.status is Status.CLOSED
    assert seen.money == Money(1_000_000, "EUR")


def test_a_new_tariff_is_seen_by_a_running_worker(operator: Operator) -> None:
    operator.open(1)
    operator.top_up(1, "1", "pay_1")

    def megabyte(session: str) -> int:
        before = operator.money(1)
        at = operator.epoch
        operator.network.process(
            [
                request(Kind.INITIAL, 0, asks(MB), session=session, at=at),
                request(Kind.TERMINATE, 1, asks(used=MB), session=session, at=at),
            ],
            operator.clock.now(),
        )
        return before - operator.money(1)

    assert megabyte("before") == 10_000
    dear = plan(rules=(rule("data", "0.05", MB, increment=MB),))
    operator.install(compiled(dear, version=2, start=operator.clock.now()))
    assert megabyte("after") == 50_000


def test_a_number_moves_within_one_second(operator: Operator) -> None:
    number = ("msisdn", "46700000001")
    first = operator.open(1, identities=(number,)).account
    half_past = operator.clock.now() + timedelta(milliseconds=500)
    operator.tell(CloseAccount(account=first, closed_at=half_past))
    operator.open(2, identities=(number,), opened_at=half_past + timedelta(milliseconds=100))
    with operator.charging.read() as r:
        assert account_of(r, number, half_past - timedelta(milliseconds=1)) == "cac_1"
        assert account_of(r, number, half_past) == "cac_2"
