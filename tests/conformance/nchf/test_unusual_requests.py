"""What is legal though few network functions send it, and what is none of it; every answer is
held against the specification, and after each story the books of the account agree. Data costs a
cent for each megabyte begun, a message nine."""

from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.diameter.operator import ACCOUNT, Operator
from tests.conformance.nchf.network import SMF, Smf, container, network, run, usage
from tests.unit.charging.builders import MB, compiled, imsi, plan, rule
from trunkline.charging import (
    FinalAction,
    FinalUnit,
    GrantPolicy,
    GrantSize,
    GroupCommit,
    operations,
    store,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

SUPI = f"imsi-{imsi(1)}"
SESSION = {"subscriberIdentifier": SUPI, "chargingId": 4711}
EXHAUSTED = {"triggerType": "QUOTA_EXHAUSTED", "triggerCategory": "IMMEDIATE_REPORT"}
PORTAL = FinalUnit(FinalAction.REDIRECT, "https://top-up.example/")
POLICY = GrantPolicy(data=GrantSize(50 * MB, MB, 1000 * MB, 3600, last=PORTAL))
SMSF = {
    "subscriberIdentifier": SUPI,
    "nfConsumerIdentification": {"nFName": SMF, "nodeFunctionality": "SMSF"},
}
Story = Callable[[Smf], Coroutine[Any, Any, None]]
Tell = Callable[[Story], None]


@pytest.fixture
def operator(charging: Database, clock: DrivenClock) -> Operator:
    found = Operator(charging, clock.now(), POLICY)
    found.open(("imsi", imsi(1)), ("msisdn", "46701740601"), money="1")
    return found


@pytest.fixture
def tell(operator: Operator, clock: DrivenClock) -> Iterator[Tell]:
    """Plays a story against a server of its own."""

    def told(story: Story) -> None:
        async def played() -> None:
            async with network(operator.attempt, clock) as nf:
                await story(nf)

        run(played)

    yield told
    operator.check()


def text(kind: str | None = "IEC", **more: Any) -> dict[str, Any]:
    found = {**SMSF, "oneTimeEvent": True, **more}
    return found if kind is None else {**found, "oneTimeEventType": kind}


def messages(count: int, **more: Any) -> dict[str, Any]:
    return {"ratingGroup": 20, "requestedUnit": {"serviceSpecificUnits": count}, **more}


def sent(count: int) -> dict[str, Any]:
    return {
        "ratingGroup": 20,
        "usedUnitContainer": [container(1, serviceSpecificUnits=count)],
    }


def test_events_without_a_name(operator: Operator, clock: DrivenClock, tell: Tell) -> None:
    """An SMSF that numbers all its messages 0 and says nothing else of them: two are two, and
    one that is sent again is one."""

    async def story(smsf: Smf) -> None:
        for again in (False, True):
            event = text(retransmissionIndicator=True) if again else text()
            assert (await smsf.create(0, **event)).status == 201
        clock.advance(timedelta(seconds=5))
        assert (await smsf.create(0, **text())).status == 201
        assert (await smsf.create(0, messages(1), **text(kind=None))).status == 201

    tell(story)
    assert operator.charges == [(1, 90_000)] * 2


def test_an_event_that_is_told_of_afterwards(
    charging: Database, operator: Operator, clock: DrivenClock, tell: Tell
) -> None:
    """What was delivered is debited though the balance can't pay for it, and though the account
    is barred; what isn't yet is refused."""

    async def story(smsf: Smf) -> None:
        refused = await smsf.create(0, messages(50), **text())
        assert (refused.status, refused.cause) == (403, "QUOTA_LIMIT_REACHED")
        late = await smsf.create(1, sent(12), **text("PEC"))
        assert (late.status, late.units[20]["resultCode"]) == (201, "SUCCESS")
        assert "grantedUnit" not in late.units[20]
        with charging.transaction() as tx:
            operations.bar_account(tx, ACCOUNT, barred=True, now=clock.now())
        refused = await smsf.create(2, messages(1), **text())
        assert (refused.status, refused.cause) == (403, "END_USER_REQUEST_DENIED")
        nothing = await smsf.create(3, **text("PEC"))
        assert nothing.status == 201
        assert "multipleUnitInformation" not in nothing.body

    tell(story)
    assert operator.charges == [(12, 1_080_000), (1, 90_000)]
    assert [each.overrun for each in operator.usage] == [12, 1]
    assert str(operator.balance.money) == "-0.17 EUR"


def test_an_event_with_a_reservation(operator: Operator, clock: DrivenClock, tell: Tell) -> None:
    """ECUR (TS 32.290, 5.3.2.3): a create and a release for each message, numbered alike."""

    async def story(smsf: Smf) -> None:
        for _ in range(2):
            clock.advance(timedelta(seconds=1))
            reserved = await smsf.create(0, messages(1), **SMSF)
            assert reserved.units[20]["grantedUnit"] == {"serviceSpecificUnits": 1}
            assert str(operator.balance.reserved) == "0.09 EUR"
            for _ in range(2):
                assert (await smsf.release(reserved.ref, 1, sent(1))).status == 204

    tell(story)
    assert operator.charges == [(1, 90_000)] * 2


def test_reports_of_every_kind(operator: Operator, tell: Tell) -> None:
    """Quota management suspended, or never there; time where volume counts; a container that is
    empty, a report without any; the largest rating group; requests within a release."""

    async def story(smf: Smf) -> None:
        groups = [usage(group, asks=MB) for group in range(1, 51)]
        begun = await smf.create(10, *groups, **SESSION)
        assert len(begun.units) == 50
        suspended = container(1, "QUOTA_EXHAUSTED", totalVolume=MB)
        offline = container(1, "VOLUME_LIMIT", totalVolume=2 * MB, time=100)
        update = await smf.update(
            begun.ref,
            11,
            usage(1, asks=MB)
            | {
                "usedUnitContainer": [
                    suspended | {"quotaManagementIndicator": "QUOTA_MANAGEMENT_SUSPENDED"}
                ]
            },
            {
                "ratingGroup": 2,
                "usedUnitContainer": [offline | {"quotaManagementIndicator": "OFFLINE_CHARGING"}],
            },
            {"ratingGroup": 3, "usedUnitContainer": [container(1, "VALIDITY_TIME", time=100)]},
            {"ratingGroup": 4, "requestedUnit": {"time": 30}},
            {"ratingGroup": 4_294_967_295, "requestedUnit": {}},
            triggers=[{"triggerType": "QUOTA_THRESHOLD", "triggerCategory": "IMMEDIATE_REPORT"}],
        )
        assert {each["resultCode"] for each in update.body["multipleUnitInformation"]} == {
            "SUCCESS"
        }
        silent = await smf.update(
            begun.ref,
            12,
            triggers=[{"triggerType": "PLMN_CHANGE", "triggerCategory": "DEFERRED_REPORT"}],
        )
        assert (silent.status, "multipleUnitInformation" in silent.body) == (200, False)
        for octets in (2**63, 2**64 - 1):
            refused = await smf.update(begun.ref, 13, usage(1, used=octets))
            assert (refused.status, refused.cause) == (400, "CHARGING_FAILED")
        most = await smf.update(begun.ref, 13, usage(1, asks=2**64 - 1))
        assert 0 < most.units[1]["grantedUnit"]["totalVolume"] < 2**63
        assert (await smf.release(begun.ref, 14, usage(1, asks=MB, used=MB))).status == 204

    tell(story)
    assert sorted(operator.charges) == [(MB, 10_000), (MB, 10_000), (2 * MB, 20_000)]


def test_who_has_nothing_left_is_redirected(operator: Operator, tell: Tell) -> None:
    """At once with the last quota, and without any again, with the time to ask after."""

    async def story(smf: Smf) -> None:
        redirected = {
            "finalUnitAction": "REDIRECT",
            "redirectServer": {
                "redirectAddressType": "URL",
                "redirectServerAddress": "https://top-up.example/",
            },
        }
        sequence = 0
        answer = await smf.create(sequence, usage(1, asks=200 * MB), **SESSION)
        ref = answer.ref
        while "finalUnitIndication" not in answer.units[1]:
            sequence += 1
            granted = answer.units[1]["grantedUnit"]["totalVolume"]
            answer = await smf.update(ref, sequence, usage(1, asks=200 * MB, used=granted))
        assert answer.units[1]["finalUnitIndication"] == redirected
        granted = answer.units[1]["grantedUnit"]["totalVolume"]
        empty = await smf.update(ref, sequence + 1, usage(1, asks=MB, used=granted))
        assert empty.units[1] == {
            "ratingGroup": 1,
            "resultCode": "QUOTA_LIMIT_REACHED",
            "triggers": [EXHAUSTED],
            "validityTime": 3600,
            "finalUnitIndication": redirected,
        }
        assert (await smf.release(ref, sequence + 2)).status == 204

    tell(story)
    assert not operator.balance.money


def test_all_that_a_grant_says(
    charging: Database, operator: Operator, clock: DrivenClock, tell: Tell
) -> None:
    """When it is to come back unused, when more is to be asked for, and when another price holds;
    what was used before that and after it is told apart and priced apart: 3 MB at 0.01, 2 at
    0.02."""
    size = GrantSize(50 * MB, MB, 1000 * MB, 3600, holding=600, threshold=20)
    operator.attempt = GroupCommit(charging, policy=GrantPolicy(data=size)).attempt
    start = clock.now() + timedelta(seconds=60)
    dearer = compiled(plan(rules=(rule("data", "0.02", MB, increment=MB),)), version=2, start=start)
    with charging.transaction() as tx:
        store.insert_tariff(tx, dearer, clock.now())

    async def story(smf: Smf) -> None:
        begun = await smf.create(0, usage(1, asks=10 * MB), **SESSION)
        told = begun.units[1]
        change = start.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert told["grantedUnit"] == {"totalVolume": 10 * MB, "tariffTimeChange": change}
        assert (told["quotaHoldingTime"], told["volumeQuotaThreshold"]) == (600, 2 * MB)
        assert told["validityTime"] == 3600
        assert {each["triggerType"] for each in told["triggers"]} >= {
            "TARIFF_TIME_CHANGE",
            "QUOTA_THRESHOLD",
            "QHT",
        }
        assert operator.balance.reserved.micros >= 200_000, "whenever it is used, it is paid for"
        clock.advance(timedelta(seconds=120))
        used = [
            container(1, "TARIFF_TIME_CHANGE", totalVolume=3 * MB),
            container(2, "FINAL", totalVolume=2 * MB),
        ]
        report = {"ratingGroup": 1, "usedUnitContainer": used}
        assert (await smf.release(begun.ref, 1, report)).status == 204

    tell(story)
    assert operator.charges == [(3 * MB, 30_000), (2 * MB, 40_000)]


def test_who_has_nothing_left_is_restricted(
    charging: Database, operator: Operator, tell: Tell
) -> None:
    rules = ("permit out ip from 192.0.2.1 to any", "walled-garden")
    last = FinalUnit(FinalAction.RESTRICT, filters=rules)
    size = GrantSize(50 * MB, MB, 1000 * MB, 3600, last=last)
    operator.attempt = GroupCommit(charging, policy=GrantPolicy(data=size)).attempt

    async def story(smf: Smf) -> None:
        begun = await smf.create(0, usage(1, asks=100 * MB), **SESSION)
        empty = await smf.update(begun.ref, 1, usage(1, asks=MB, used=100 * MB))
        assert empty.units[1]["finalUnitIndication"] == {
            "finalUnitAction": "RESTRICT_ACCESS",
            "restrictionFilterRuleList": [rules[0]],
            "filterIdList": [rules[1]],
        }
        assert (await smf.release(begun.ref, 2)).status == 204

    tell(story)
    assert [each.overrun for each in operator.usage] == [50 * MB]
