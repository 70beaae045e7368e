"""One day's usage, asked for over the network and told of in files: by the same rules, it leaves
the same balances, counters, records and messages."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    MB,
    PRICES,
    asks,
    compiled,
    imsi,
    request,
)
from trunkline.app import REACTIONS
from trunkline.charging import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    BarAccount,
    ChargeUsage,
    ChargingAccountId,
    Circumstances,
    CounterPolicy,
    GrantPolicy,
    GroupCommit,
    Kind,
    Passing,
    RecordKind,
    RoamingPolicy,
    Rules,
    Service,
    Subscription,
    Threshold,
    UsageEvent,
    keep_policy,
    records,
    store,
    subscriptions,
)
from trunkline.charging.notices import due
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.rating import CounterSource, Measure, PlanSource

SPAIN = Circumstances(network="21407")
HOME = Circumstances(network="27201")
POLICY = GrantPolicy(
    rules=Rules(
        passing=Passing.of(
            emergency=("112",),
            care=("1850",),
            top_up=("1740",),
            freephone=("3531800",),
            groups=(9,),
        ),
        counters=(
            CounterPolicy("fair", 200 * MB, (Threshold(80, "nearly"), Threshold(100, "exceeded"))),
        ),
        roaming=RoamingPolicy(home=("272",), limit=1_000_000),
    )
)
TOLD = {
    "charging.threshold_reached",
    "charging.roaming_spent",
    "charging.arrived_abroad",
    "charging.balance_low",
    "charging.status_changed",
}
"""The reactions that tell people, by name."""


class Used(NamedTuple):
    service: Service
    units: int
    called: str = ""
    group: int | None = None
    where: Circumstances | None = None


DAY = (
    Used(Service.VOICE, 125, "46701234567"),
    Used(Service.VOICE, 600, "112"),
    Used(Service.VOICE, 60, "3531800123"),
    Used(Service.SMS, 1, "1850"),
    Used(Service.SMS, 1, "46701234567"),
    Used(Service.DATA, 90 * MB, group=1, where=HOME),
    Used(Service.DATA, 500 * MB, group=9, where=HOME),
    Used(Service.DATA, 79 * MB, group=1, where=SPAIN),
    Used(Service.VOICE, 61, "34911", where=SPAIN),
    Used(Service.DATA, MB, group=1, where=SPAIN),
    Used(Service.DATA, 20 * MB, group=1, where=SPAIN),
    Used(Service.SMS, 1, "34911", where=SPAIN),
    Used(Service.DATA, 10 * MB, group=1, where=HOME),
)


@pytest.fixture
def ear() -> Ear:
    return Ear(TOLD)


@pytest.fixture
def routes(ear: Ear) -> Routes:
    return Routes(ear.among(REACTIONS))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    keep_policy(charging, POLICY)
    operator = Operator(books, charging, relay, clock)
    operator.network = GroupCommit(charging, policy=POLICY)
    counting = CounterSource("fair", Measure.UNITS, "data")
    fair = PlanSource("fair", "EUR", PRICES, (FIVE_GIGABYTES,), counters=(counting,))
    bare = PlanSource("bare", "EUR", PRICES, counters=(counting,))
    operator.install(compiled(fair, bare, version=2, start=clock.now()))
    return operator


def over_the_network(operator: Operator, number: int, day: Sequence[Used]) -> None:
    """Each use is a session, or an event."""
    for index, used in enumerate(day):
        kinds = (Kind.EVENT,) if used.service is Service.SMS else (Kind.INITIAL, Kind.TERMINATE)
        for step, kind in enumerate(kinds):
            unit = asks(
                used.units
                if kind is Kind.EVENT
                else SERVER_DECIDES
                if step == 0
                else NOT_REQUESTED,
                used=used.units if kind is Kind.TERMINATE else 0,
                group=used.group,
            )
            message = request(
                kind,
                step,
                unit,
                session=f"use-{index}",
                subscriber=number,
                at=operator.epoch,
                service=used.service,
                called=used.called,
                where=used.where,
            )
            operator.network.process([message], operator.clock.now())
    operator.post_earnings()


def as_a_file(operator: Operator, number: int, day: Sequence[Used]) -> None:
    operator.tell(
        ChargeUsage(
            batch_id="ubt_1",
            events=tuple(
                UsageEvent(
                    id=f"use-{index}",
                    identities=(("imsi", imsi(number)),),
                    service=used.service,
                    at=operator.clock.now(),
                    units=used.units,
                    called=used.called,
                    rating_group=used.group,
                    where=used.where,
                )
                for index, used in enumerate(day)
            ),
        )
    )


def subscribe(operator: Operator, number: int) -> None:
    """A PCF that has heard of everything as it is."""
    with operator.charging.transaction() as tx:
        account = store.account(tx, f"cac_{number}")
        assert account is not None
        told = {"fair": "normal", "roaming": "normal"}
        subscriptions.subscribe(
            tx, Subscription(f"sub_{number}", account.key, "nchf:pcf", (), told)
        )


def came_to(operator: Operator, ear: Ear, number: int) -> dict[str, object]:
    """All that a day has left behind, but for whose it is."""
    account = ChargingAccountId(f"cac_{number}")
    with operator.charging.read() as r:
        found = store.account(r, account)
        assert found is not None
        journal = records(r, account, limit=100)
        heard = any(
            each.session == f"sub_{number}" for each in due(r, operator.clock.now(), 10, "nchf")
        )
    state = found.state
    messages = []
    for each in ear.told:
        fields = msgspec.structs.asdict(each)
        if fields.pop("account") == account:
            del fields["billing_account"]
            messages.append((each.topic, fields))
    return {
        "money": (state.money, state.held),
        "status": state.status,
        "buckets": state.flat,
        "counters": [(each.id, each.amount, each.told) for each in state.counters],
        "abroad": state.abroad,
        "journal": [
            (each.kind, each.service, each.units, each.free, each.charge, each.balance, each.label)
            for each in sorted(journal, key=lambda each: each.seq)
        ],
        "messages": messages,
        "heard": heard,
    }


def both(operator: Operator, ear: Ear, day: Sequence[Used]) -> dict[str, Any]:
    """One day of two who are alike: the first over the network, the second as a file."""
    for number, way in ((1, over_the_network), (2, as_a_file)):
        subscribe(operator, number)
        way(operator, number, day)
    network, file = (came_to(operator, ear, number) for number in (1, 2))
    assert file == network
    return file


def topics(found: dict[str, Any]) -> list[str]:
    return [topic.removeprefix("charging.") for topic, _ in found["messages"]]


@pytest.mark.parametrize("plan", ["bare", "fair"])
def test_a_postpaid_day_comes_to_the_same(operator: Operator, ear: Ear, plan: str) -> None:
    for number in (1, 2):
        operator.open(number, kind=AccountKind.POSTPAID, plan=plan)
    found = both(operator, ear, DAY)
    passed = [line for line in found["journal"] if line[0] is RecordKind.PASSED]
    assert len(passed) == 4
    welcomed, thresholds = (
        topics(found).count("arrived_abroad"),
        topics(found).count("threshold_reached"),
    )
    assert (welcomed, thresholds) == (1, 2)
    spent = [fields["percent"] for _, fields in found["messages"] if "cut_off" in fields]
    assert spent == ([80, 100] if plan == "bare" else [])
    assert found["heard"]


def test_a_prepaid_day_comes_to_the_same(operator: Operator, ear: Ear) -> None:
    """It takes the balance below what somebody wants to be told of."""
    for number in (1, 2):
        operator.open(number, plan="bare", pre_active=True, low_balance=(Money.of("1.80", "EUR"),))
        operator.top_up(number, "2", f"pay_{number}")
    ear.told.clear()
    found = both(operator, ear, DAY[:7])
    assert topics(found) == ["balance_low"]


def test_at_zero_and_barred_the_same_passes(operator: Operator, ear: Ear) -> None:
    for number in (1, 2):
        operator.open(number, plan="bare")
        operator.tell(BarAccount(account=ChargingAccountId(f"cac_{number}")))
    ear.told.clear()
    free = [used for used in DAY if used.called in ("112", "1850", "3531800123") or used.group == 9]
    found = both(operator, ear, free)
    assert [line[6] for line in found["journal"]] == [
        "emergency", "freephone", "care", "zero rated"
    ]  # fmt: skip
    assert found["money"] == (0, 0)


def test_the_first_use_activates(operator: Operator, ear: Ear) -> None:
    for number in (1, 2):
        operator.open(number, plan="fair", pre_active=True)
    found = both(operator, ear, [Used(Service.DATA, MB, group=1)])
    assert topics(found) == ["account_status_changed"]
    assert found["status"] == 0
