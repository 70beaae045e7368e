"""A person goes abroad: welcomed, warned, cut off, and going on by consent. And a counter whose
status the network's policy hears of."""

import msgspec
import pytest

from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, asks, opening, plan, request
from trunkline.charging import (
    ChangePlan,
    ChargeAnswer,
    ChargingAccountId,
    Circumstances,
    ConsentedToRoam,
    ConsentToRoam,
    CounterPolicy,
    GrantPolicy,
    GroupCommit,
    Kind,
    Pass,
    Passing,
    Result,
    RoamingPolicy,
    Rules,
    Service,
    Threshold,
    UnitRequest,
    explain,
    keep_policy,
    records,
    roaming_consent,
    statuses_of,
    store,
    subscriptions,
)
from trunkline.charging.journal import RecordKind
from trunkline.charging.notices import due
from trunkline.charging.policy.events import ArrivedAbroad, RoamingSpent
from trunkline.charging.reactions import REACTIONS as CHARGING
from trunkline.charging.subscriptions import Subscription
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.ledger.reactions import REACTIONS as LEDGER
from trunkline.messaging.incoming import hear
from trunkline.messaging.templates import shipped_declarations
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.rating import CounterSource, Measure, TariffSource, Zone, compile_tariff

ACCOUNT = ChargingAccountId("cac_1")
SPAIN = Circumstances(network="21407")
RULES = Rules(
    passing=Passing.of(care=("1850",)),
    roaming=RoamingPolicy(home=("272",), limit=1_000_000, words=("ROAM",)),
)


@pytest.fixture
def ear() -> Ear:
    return Ear({"charging.roaming_spent", "charging.arrived_abroad", "charging.consented_to_roam"})


@pytest.fixture
def routes(ear: Ear) -> Routes:
    return Routes((*ear.among(CHARGING), *LEDGER))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    operator = Operator(books, charging, relay, clock)
    operator.network = GroupCommit(charging, policy=GrantPolicy(rules=RULES))
    operator.open(1, kind=AccountKind.POSTPAID)
    return operator


def send(
    operator: Operator, kind: Kind, number: int, *units: UnitRequest, session: str = "s1"
) -> ChargeAnswer:
    message = request(kind, number, *units, session=session, at=operator.epoch, where=SPAIN)
    message.notify = f"gy:{session}"
    [answer] = operator.network.process([message], operator.clock.now())
    operator.relay.drain()
    return answer


def test_welcomed_warned_cut_off_and_going_on_by_consent(operator: Operator, ear: Ear) -> None:
    """A cent a megabyte and a euro at most: 100 MB."""
    send(operator, Kind.INITIAL, 0, asks(40 * MB))
    [welcome] = ear.told
    assert isinstance(welcome, ArrivedAbroad)
    assert (welcome.network, welcome.zone) == ("21407", "214")
    assert (welcome.megabyte, welcome.minute, welcome.message) == (
        Money.of("0.01", "EUR"),
        Money.of("0.15", "EUR"),
        Money.of("0.09", "EUR"),
    )
    send(operator, Kind.UPDATE, 1, asks(40 * MB, used=80 * MB))
    answer = send(operator, Kind.UPDATE, 2, asks(40 * MB, used=20 * MB))
    assert answer.units[0].result is Result.CREDIT_LIMIT
    spent = [each for each in ear.told if isinstance(each, RoamingSpent)]
    assert [(each.percent, each.cut_off) for each in spent] == [(80, False), (100, True)]
    assert spent[0].spent == Money.of("0.80", "EUR")
    with operator.charging.read() as r:
        assert due(r, operator.clock.now(), 10, "gy") == []
    operator.tell(ConsentToRoam(account=ACCOUNT, given=True))
    with operator.charging.read() as r:
        [notice] = due(r, operator.clock.now(), 10, "gy")
        assert notice.session == "s1"
    assert send(operator, Kind.UPDATE, 3, asks(40 * MB)).units[0].granted == 40 * MB
    operator.tell(ConsentToRoam(account=ACCOUNT, given=False))
    answer = send(operator, Kind.UPDATE, 4, asks(40 * MB, used=40 * MB))
    assert answer.units[0].result is Result.CREDIT_LIMIT
    assert len([each for each in ear.told if not isinstance(each, ConsentedToRoam)]) == 3


def test_who_answers_by_text_message_goes_on(operator: Operator, ear: Ear) -> None:
    """Cut off at a euro, they send ROAM to the operator's number; another word, and somebody
    else's number, mean nothing."""
    keep_policy(operator.charging, GrantPolicy(rules=RULES))
    send(operator, Kind.INITIAL, 0, asks(40 * MB))
    answer = send(operator, Kind.UPDATE, 1, asks(40 * MB, used=100 * MB))
    assert answer.units[0].result is Result.CREDIT_LIMIT
    [cut_off] = [each for each in ear.told if isinstance(each, RoamingSpent)]
    assert (cut_off.cut_off, cut_off.word) == (True, "ROAM")
    for number, text, goes_on in (
        ("+46700000009", "roam", False),
        ("+46700000001", "thanks", False),
        ("+46700000001", " roam! and thanks", True),
    ):
        with operator.books.transaction() as tx:
            hear(tx, number=number, text=text, now=operator.clock.now())
        operator.relay.drain()
        with operator.charging.read() as r:
            consent = roaming_consent(r, ACCOUNT, operator.clock.now())
        assert consent.given is goes_on
    assert isinstance(ear.told[-1], ConsentedToRoam)
    answer = send(operator, Kind.UPDATE, 2, asks(40 * MB))
    assert answer.units[0].granted == 40 * MB


def test_who_subscribed_hears_of_the_status(operator: Operator) -> None:
    now = operator.clock.now()
    with operator.charging.transaction() as tx:
        key = subscriptions.bound_account(tx, opening().identities, now).key
        subscriptions.subscribe(tx, Subscription("sub1", key, "sy:pcrf", ("roaming",)))
        [status] = statuses_of(tx, key, RULES, now)
        assert (status.counter, status.status, status.pending) == ("roaming", "normal", ())
        subscriptions.note_told(tx, subscriptions.subscription(tx, "sub1"), [status])
    send(operator, Kind.INITIAL, 0, asks(90 * MB))
    send(operator, Kind.UPDATE, 1, asks(used=90 * MB))
    with operator.charging.read() as r:
        [notice] = due(r, now, 10, "sy")
        assert notice.session == "sub1"
        [status] = statuses_of(r, key, RULES, now)
    assert status.status == "warned"
    [(after, at)] = status.pending
    assert after == "normal"
    assert at > operator.epoch


def test_who_changes_the_plan_is_measured_by_its_limits_and_the_network_hears_of_it(
    operator: Operator, clock: DrivenClock
) -> None:
    """150 of 100 MB are exceeded; of the other plan's 400 they are nothing yet. Back again, they
    are told once more, as they are with the next usage."""
    policies = (
        CounterPolicy("fair", 100 * MB, (Threshold(80, "nearly"), Threshold(100, "over"))),
        CounterPolicy("fair", 400 * MB, (Threshold(100, "over"),), plan="large"),
    )
    policy = GrantPolicy(rules=Rules(counters=policies))
    keep_policy(operator.charging, policy)
    operator.network = GroupCommit(operator.charging, policy=policy)
    counter = CounterSource("fair", Measure.UNITS, "data")
    plans = (plan(), plan(id_="large"))
    counting = tuple(msgspec.structs.replace(each, counters=(counter,)) for each in plans)
    operator.install(
        compile_tariff(TariffSource(plans=counting), version=9, effective_from=clock.now())
    )
    now = clock.now()
    send(operator, Kind.INITIAL, 0, asks(MB))
    send(operator, Kind.TERMINATE, 1, asks(used=150 * MB))
    with operator.charging.transaction() as tx:
        key = subscriptions.bound_account(tx, opening().identities, now).key
        subscriptions.subscribe(tx, Subscription("sub1", key, "sy:pcrf", ("fair",)))
        [status] = statuses_of(tx, key, policy.rules, now)
        assert status.status == "over"
        subscriptions.note_told(tx, subscriptions.subscription(tx, "sub1"), [status])
    for wanted, told in (("large", "normal"), ("plan", "over")):
        operator.tell(ChangePlan(account=ACCOUNT, plan=wanted, changed_at=now))
        with operator.charging.transaction() as tx:
            [notice] = due(tx, now, 10, "sy")
            assert notice.session == "sub1"
            [status] = statuses_of(tx, key, policy.rules, now)
            assert status.status == told
            subscriptions.note_told(tx, subscriptions.subscription(tx, "sub1"), [status])
            found = store.hold(tx, ACCOUNT)
            assert found is not None
            assert [each.told for each in found.state.counters] == [0]


def test_a_message_to_care_passes_and_is_explained(operator: Operator) -> None:
    operator.open(2)
    message = request(
        Kind.EVENT, 0, subscriber=2, service=Service.SMS, called="1850", at=operator.epoch
    )
    [answer] = operator.network.process([message], operator.clock.now())
    assert (answer.result, answer.cost) == (Result.SUCCESS, 0)
    with operator.charging.read() as r:
        [line] = records(r, ChargingAccountId("cac_2"), limit=1)
        found = explain(r, ChargingAccountId("cac_2"), line.seq)
    assert (found.kind, found.label, found.holds) == (RecordKind.PASSED, "care", True)
    assert Pass.CARE.name.lower() == found.label


def test_what_the_law_wants_told_is_told_at_night_too() -> None:
    shipped = shipped_declarations()
    for each in ("roaming.warning", "roaming.limit", "roaming.welcome"):
        assert shipped[each].purpose == "urgent"


def test_where_somebody_arrives_is_told_by_the_name_of_its_zone(
    operator: Operator, ear: Ear
) -> None:
    source = TariffSource(plans=(plan(),), zones=(Zone("Iberia", ("214", "268")),))
    operator.install(compile_tariff(source, version=9, effective_from=operator.clock.now()))
    send(operator, Kind.INITIAL, 0, asks(MB))
    [welcome] = ear.told
    assert isinstance(welcome, ArrivedAbroad)
    assert welcome.zone == "Iberia"
