"""Charging on its database: opened, topped up, used by the network and by records, and held
against the ledger."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    GB,
    MB,
    OPENED,
    asks,
    compiled,
    imsi,
    opening,
    plan,
    request,
)
from trunkline.charging import (
    ChargeUsage,
    ChargingAccountId,
    CloseAccount,
    GroupCommit,
    InstallTariff,
    Kind,
    OpenAccount,
    Result,
    Service,
    TopUp,
    UsageEvent,
    store,
)
from trunkline.charging.events import UsageCharged
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.ledger import (
    CASH,
    PREPAID,
    UNBILLED,
    USAGE_REVENUE,
    Entry,
    LegalEntityId,
    Posting,
    create_legal_entity,
    post,
    trial_balance,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.rating import Tariff

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


class Operator:
    """Both databases and their relay, with one legal entity."""

    def __init__(self, books: Database, charging: Database, relay: Relay, clock: DrivenClock):
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        self.network = GroupCommit(charging)
        with books.transaction() as tx:
            self.entity = create_legal_entity(
                tx,
                name="Fjord Mobile",
                country="SE",
                currency="EUR",
                tax_number="SE1",
                invoice_prefix="F",
                now=clock.now(),
            )
        self.install(compiled(plan(FIVE_GIGABYTES, id_="rich"), plan()))

    def tell(self, *messages: Message) -> None:
        with self.books.transaction() as tx:
            for message in messages:
                tx.emit(message)
        self.relay.drain()

    def install(self, tariff: Tariff) -> None:
        self.tell(
            InstallTariff(
                version=tariff.version,
                effective_from=tariff.effective_from,
                body=tariff.encode(),
            )
        )

    def open(self, number: int, **changed: object) -> OpenAccount:
        command = opening(number, legal_entity=self.entity, **changed)
        self.tell(command)
        return command

    def top_up(self, number: int, amount: str, payment: str) -> None:
        """As payments does: the money into the books, the command to charging."""
        money = Money.of(amount, "EUR")
        with self.books.transaction() as tx:
            post(
                tx,
                Entry(
                    self.entity,
                    "topUp",
                    payment,
                    (Posting(CASH, money), Posting(PREPAID, -money)),
                    "Top-up",
                    self.clock.now(),
                ),
                self.clock.now(),
            )
            tx.emit(
                TopUp(payment_id=payment, account=ChargingAccountId(f"cac_{number}"), amount=money)
            )
        self.relay.drain()

    def ledger(self, account: str) -> int:
        with self.books.read() as r:
            found = [each for each in trial_balance(r) if each.account == account]
        return sum(each.amount.micros for each in found)

    def money(self, number: int) -> int:
        with self.charging.read() as r:
            found = store.account(r, f"cac_{number}")
        assert found is not None
        return found.state.money

    @property
    def epoch(self) -> int:
        return int(self.clock.now().timestamp())


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
    operator.relay.drain()
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


def test_an_account_is_opened_once_and_its_number_is_its_own(operator: Operator) -> None:
    operator.open(1)
    operator.open(1)
    operator.open(2, identities=(("imsi", imsi(1)),))
    with operator.charging.read() as r:
        assert store.account(r, "cac_1") is not None
        assert store.account(r, "cac_2") is None


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
    from trunkline.charging import batch

    operator.open(1)
    operator.open(2)
    operator.top_up(1, "1", "p1")
    operator.top_up(2, "1", "p2")
    real = batch.charge

    def failing(state, message, *rest):  # type: ignore[no-untyped-def]
        answer = real(state, message, *rest)
        if message.session == "bad":
            raise ZeroDivisionError("a bug in the middle of a decision")
        return answer

    monkeypatch.setattr(batch, "charge", failing)
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
