"""Charging sessions as a network function has them, on both engines."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.conformance.diameter.operator import Operator
from tests.conformance.nchf.network import SETTINGS, container, network, run, usage
from tests.unit.charging.builders import MB, PRICES, imsi, plan, rule
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from trunkline.diameter import dictionary as d
from trunkline.diameter.gy_request import read
from trunkline.nchf import Ways
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.rating import Filters

SUPI = f"imsi-{imsi(1)}"
PDU = {
    "chargingId": 4711,
    "userInformation": {"servedGPSI": "msisdn-46701740601"},
    "pduSessionInformation": {
        "pduSessionID": 5,
        "dnnId": "internet.mnc070.mcc999.gprs",
        "networkSlicingInfo": {"sNSSAI": {"sst": 1, "sd": "0000AA"}},
        "servingCNPlmnId": {"mcc": "999", "mnc": "70"},
        "authorizedQoSInformation": {"5qi": 9},
    },
}


@pytest.fixture
def operator(charging: Database, clock: DrivenClock) -> Operator:
    return Operator(charging, clock.now())


def begun(**more: Any) -> dict[str, Any]:
    return {
        "subscriberIdentifier": SUPI,
        "chargingId": 4711,
        "pDUSessionChargingInformation": PDU,
        **more,
    }


def test_a_session_from_its_beginning_to_its_end(operator: Operator, clock: DrivenClock) -> None:
    operator.open(("imsi", imsi(1)), ("msisdn", "46701740601"), money="1")

    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            first = await smf.create(1, usage(1, asks=2 * MB), usage(2, asks=0), **begun())
            assert first.status == 201
            assert first.body["invocationSequenceNumber"] == 1
            assert first.body["invocationResult"] == {"failureHandling": "TERMINATE"}
            one, two = first.units[1], first.units[2]
            assert (one["resultCode"], one["grantedUnit"]) == ("SUCCESS", {"totalVolume": 2 * MB})
            assert one["validityTime"] == 3600
            assert two["grantedUnit"]["totalVolume"] > 0, "an empty requestedUnit is answered"
            again = await smf.create(1, usage(1, asks=2 * MB), usage(2, asks=0), **begun())
            assert (again.ref, again.raw) == (first.ref, first.raw), "a repeated create"
            clock.advance(timedelta(seconds=60))
            report = usage(1, asks=2 * MB, used=2 * MB)
            second = await smf.update(first.ref, 2, report)
            assert second.status == 200
            repeated = await smf.update(first.ref, 2, report)
            assert repeated.raw == second.raw
            last = await smf.release(first.ref, 3, usage(1, used=MB), usage(2, used=0))
            assert (last.status, last.raw) == (204, b"")
            assert (await smf.release(first.ref, 3, usage(1, used=MB))).status == 204
            gone = await smf.update(first.ref, 4, usage(1, asks=MB))
            assert (gone.status, gone.cause) == (404, "CONTEXT_NOT_FOUND")

    run(story)
    assert operator.charges == [(2 * MB, 20_000), (MB, 10_000)]
    assert operator.balance.reserved.micros == 0


def test_exhaustion(operator: Operator, clock: DrivenClock) -> None:
    """What is left is granted with the word that it is the last; then only this rating group
    has reached its limit; after a top-up it goes on."""
    operator.open(("imsi", imsi(1)), money="0.03")

    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            first = await smf.create(0, usage(1, asks=3 * MB), **begun())
            ref, granted = first.ref, first.units[1]["grantedUnit"]["totalVolume"]
            sequence, total = 0, granted
            while "finalUnitIndication" not in first.units[1]:
                sequence += 1
                first = await smf.update(ref, sequence, usage(1, asks=3 * MB, used=granted))
                granted = first.units[1]["grantedUnit"]["totalVolume"]
                total += granted
            assert total == 3 * MB
            assert first.units[1]["finalUnitIndication"] == {"finalUnitAction": "TERMINATE"}
            report = usage(1, asks=MB, used=granted)
            empty = await smf.update(ref, sequence + 1, report)
            assert empty.status == 200
            assert empty.units[1]["resultCode"] == "QUOTA_LIMIT_REACHED"
            assert "grantedUnit" not in empty.units[1]
            operator.top_up("1")
            more = await smf.update(ref, sequence + 2, usage(1, asks=MB))
            assert more.units[1]["resultCode"] == "SUCCESS"

    run(story)
    assert sum(units for units, _ in operator.charges) == 3 * MB


def test_nobody_and_nothing(operator: Operator, clock: DrivenClock) -> None:
    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            unknown = await smf.create(0, usage(1, asks=MB), **begun())
            assert (unknown.status, unknown.cause) == (404, "USER_UNKNOWN")
            nameless = await smf.create(0, usage(1, asks=MB))
            assert (nameless.status, nameless.cause) == (400, "CHARGING_FAILED")
            for ref in ("d-imsi-999700000000001-000000000000000000000000", "nothing", "%00"):
                gone = await smf.update(ref, 1, usage(1, asks=MB), subscriberIdentifier=SUPI)
                assert gone.status == 404

    run(story)


def test_the_same_session_over_either_edge(operator: Operator, clock: DrivenClock) -> None:
    """What Nchf began goes on over Gy, under the ref as its Session-Id, and the reverse."""
    operator.open(("imsi", imsi(1)), money="10")
    subscriber = subscription(d.END_USER_IMSI, imsi(1))

    def over_gy(kind: int, number: int, session: str, *groups: bytes) -> Any:
        message = ccr(kind, number, subscriber, *groups, session=session)
        [answer] = operator.attempt(
            [read(message, int(clock.now().timestamp())).request], clock.now()
        )
        assert answer is not None
        return answer

    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            ref = (await smf.create(0, usage(1, asks=MB), **begun())).ref
            answer = over_gy(2, 1, ref, mscc(used(MB), asked(MB), group=1))
            assert answer.units[0].granted == MB
            assert (await smf.release(ref, 2, usage(1, used=MB))).status == 204
            session = "pgw.example;1;2"
            over_gy(1, 0, session, mscc(asked(MB), group=1))
            updated = await smf.update(
                session, 1, usage(1, asks=MB, used=MB), subscriberIdentifier=SUPI
            )
            assert updated.units[1]["grantedUnit"] == {"totalVolume": MB}
            assert over_gy(3, 2, session, mscc(used(MB), group=1)).units[0].result == 0

    run(story)
    assert operator.charges == [(MB, 10_000)] * 4


def test_reports_of_many_shapes(operator: Operator, clock: DrivenClock) -> None:
    """Several containers, offline ones among them; directions without a total; one rating group
    told twice; the last report of a rating group gives its quota back."""
    operator.open(("imsi", imsi(1)), money="10")

    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            ref = (await smf.create(0, usage(1, asks=5 * MB), **begun())).ref
            offline = container(3, totalVolume=MB)
            offline["quotaManagementIndicator"] = "OFFLINE_CHARGING"
            answer = await smf.update(
                ref,
                1,
                {
                    "ratingGroup": 1,
                    "uPFID": SMF_UPF,
                    "requestedUnit": {"uplinkVolume": MB, "downlinkVolume": MB},
                    "usedUnitContainer": [
                        container(1, "QUOTA_THRESHOLD", totalVolume=MB),
                        container(2, uplinkVolume=MB, downlinkVolume=MB),
                    ],
                },
                {"ratingGroup": 7, "usedUnitContainer": [offline]},
                usage(1, used=MB),
            )
            assert answer.units[1]["grantedUnit"] == {"totalVolume": 2 * MB}
            assert answer.units[1]["uPFID"] == SMF_UPF
            assert answer.units[7] == {"ratingGroup": 7, "resultCode": "SUCCESS"}
            final = {"ratingGroup": 1, "usedUnitContainer": [container(4, "FINAL", totalVolume=0)]}
            assert (await smf.update(ref, 2, final)).units[1]["resultCode"] == "SUCCESS"
            assert operator.balance.reserved.micros == 0

    run(story)
    assert sorted(operator.charges) == [(MB, 10_000), (4 * MB, 40_000)]


SMF_UPF = "5d3f0a9c-6a52-4f0e-9d3a-0c5b7d1e2f30"


def test_each_upf_has_its_own_quota(operator: Operator, clock: DrivenClock) -> None:
    """One rating group over two UPFs (an uplink classifier, say): each is granted, reports and
    is granted again for itself; the grant that named none goes over to the first."""
    operator.open(("imsi", imsi(1)), money="10")
    first, second = SMF_UPF, "6e4f1bad-7b63-4a1f-8e4b-1d6c8e2f3a41"

    async def story() -> None:
        async with network(operator.attempt, clock) as smf:
            ref = (await smf.create(0, usage(1, asks=5 * MB), **begun())).ref
            both = await smf.update(
                ref,
                1,
                usage(1, asks=4 * MB, used=5 * MB, uPFID=first),
                usage(1, asks=2 * MB, uPFID=second),
            )
            assert granted_by_upf(both.body) == {first: 4 * MB, second: 2 * MB}
            assert operator.balance.reserved.micros == 60_000
            one = await smf.update(ref, 2, usage(1, asks=MB, used=2 * MB, uPFID=second))
            assert granted_by_upf(one.body) == {second: MB}
            assert operator.balance.reserved.micros == 50_000
            ended = await smf.release(
                ref, 3, usage(1, used=3 * MB, uPFID=first), usage(1, used=MB, uPFID=second)
            )
            assert ended.status == 204

    run(story)
    assert sorted(operator.charges) == [(n * MB, n * 10_000) for n in (1, 2, 3, 5)]
    assert not any(each.overrun for each in operator.usage)
    assert not operator.balance.reserved


def granted_by_upf(body: Any) -> dict[str, int]:
    return {
        each["uPFID"]: each["grantedUnit"]["totalVolume"]
        for each in body["multipleUnitInformation"]
    }


def test_services_within_a_rating_group_have_their_own_prices(
    charging: Database, clock: DrivenClock
) -> None:
    """Where settings say so: what a service has used of its rating group's grant is paid at the
    service's price, and is no overrun."""
    music = msgspec.structs.replace(
        rule("data", "0.05", MB, increment=MB, group=1), where=Filters(service_identifier=7)
    )
    operator = Operator(charging, clock.now(), None, plan(rules=(*PRICES, music)))
    operator.open(("imsi", imsi(1)), money="10")
    settings = msgspec.structs.replace(SETTINGS, ways=Ways(by_service=True))

    async def story() -> None:
        async with network(operator.attempt, clock, settings) as smf:
            ref = (await smf.create(0, usage(1, asks=10 * MB), **begun())).ref
            containers = [container(1, totalVolume=3 * MB), container(2, totalVolume=4 * MB)]
            containers[1]["serviceId"] = 7
            report = {**usage(1, asks=10 * MB), "usedUnitContainer": containers}
            answer = await smf.update(ref, 1, report)
            [told] = answer.body["multipleUnitInformation"]
            assert told["grantedUnit"] == {"totalVolume": 10 * MB}
            assert (await smf.release(ref, 2, usage(1, used=MB))).status == 204

    run(story)
    assert sorted(operator.charges) == [(MB, 10_000), (3 * MB, 30_000), (4 * MB, 200_000)]
    assert not any(each.overrun for each in operator.usage)
    assert not operator.balance.reserved


def test_a_nef_pays_for_calls_of_apis(charging: Database, clock: DrivenClock) -> None:
    """A cent for each call: as they come, and told afterwards."""
    calls = rule("api-call", "0.01", 1)
    operator = Operator(charging, clock.now(), None, plan(rules=(*PRICES, calls)))
    operator.open(("msisdn", "46701740601"), money="0.05")
    nef = {
        "nfConsumerIdentification": {"nFName": SMF_UPF, "nodeFunctionality": "NEF"},
        "oneTimeEvent": True,
        "nEFChargingInformation": {
            "externalIndividualIdentifier": "msisdn-46701740601",
            "aPIName": "nnef-trafficinfluence",
            "aPIReference": "http://nef.example/3gpp-traffic-influence/v1/af/subscriptions/7",
        },
    }

    async def story() -> None:
        async with network(operator.attempt, clock) as network_:
            one = {"ratingGroup": 30, "requestedUnit": {"serviceSpecificUnits": 1}}
            called = await network_.create(0, one, oneTimeEventType="IEC", **nef)
            assert (called.status, called.units[30]["resultCode"]) == (201, "SUCCESS")
            told = {"ratingGroup": 30, "usedUnitContainer": [container(1, serviceSpecificUnits=3)]}
            clock.advance(timedelta(seconds=1))
            assert (await network_.create(0, told, oneTimeEventType="PEC", **nef)).status == 201
            clock.advance(timedelta(seconds=1))
            two = {"ratingGroup": 30, "requestedUnit": {"serviceSpecificUnits": 2}}
            refused = await network_.create(0, two, oneTimeEventType="IEC", **nef)
            assert (refused.status, refused.cause) == (403, "QUOTA_LIMIT_REACHED")

    run(story)
    assert operator.charges == [(1, 10_000), (3, 30_000)]


def test_calls_and_messages(operator: Operator, clock: DrivenClock) -> None:
    operator.open(("imsi", imsi(1)), ("msisdn", "46701740601"), money="1")

    async def story() -> None:
        async with network(operator.attempt, clock) as network_:
            call = {
                "subscriberIdentifier": SUPI,
                "nfConsumerIdentification": {"nodeFunctionality": "IMS_Node"},
                "iMSChargingInformation": {
                    "calledPartyAddress": "tel:+46-8-123456",
                    "imsChargingIdentifier": "icid-1",
                },
            }
            begun_ = await network_.create(
                0, {"ratingGroup": 10, "requestedUnit": {"time": 60}}, **call
            )
            assert begun_.units[10]["grantedUnit"] == {"time": 60}
            spoken = {
                "ratingGroup": 10,
                "usedUnitContainer": [container(1, "FINAL", time=30)],
            }
            assert (await network_.release(begun_.ref, 1, spoken)).status == 204
            message = {
                "subscriberIdentifier": "msisdn-46701740601",
                "nfConsumerIdentification": {"nFName": SMF_UPF, "nodeFunctionality": "SMSF"},
                "oneTimeEvent": True,
                "oneTimeEventType": "IEC",
                "sMSChargingInformation": {
                    "recipientInfo": [{"recipientGPSI": "msisdn-46700000000"}],
                    "messageReference": "1",
                },
            }
            one = {"ratingGroup": 20, "requestedUnit": {"serviceSpecificUnits": 1}}
            sent = await network_.create(0, one, **message)
            assert (sent.status, sent.units[20]["resultCode"]) == (201, "SUCCESS")
            assert (await network_.create(0, one, **message)).raw == sent.raw
            message |= {
                "oneTimeEventType": "PEC",
                "sMSChargingInformation": {"messageReference": "2"},
            }
            told = {
                "ratingGroup": 20,
                "usedUnitContainer": [container(1, serviceSpecificUnits=2)],
            }
            assert (await network_.create(0, told, **message)).status == 201
            message["sMSChargingInformation"] = {"messageReference": "3"}
            many = {"ratingGroup": 20, "requestedUnit": {"serviceSpecificUnits": 50}}
            refused = await network_.create(0, many, **message)
            assert (refused.status, refused.cause) == (403, "QUOTA_LIMIT_REACHED")
            # What is received has no price here, and what is forwarded is a call that is made.
            for role, mark in (("TERMINATING", "icid-2"), ("FORWARDING", "icid-3")):
                call["iMSChargingInformation"] = {
                    "calledPartyAddress": "tel:+46-8-123456",
                    "imsChargingIdentifier": mark,
                    "roleOfNode": role,
                }
                begun_ = await network_.create(
                    0, {"ratingGroup": 10, "requestedUnit": {"time": 60}}, **call
                )
                assert begun_.units[10]["grantedUnit"] == {"time": 60}
                assert (await network_.release(begun_.ref, 1, spoken)).status == 204
            message["sMSChargingInformation"] = {
                "messageReference": "4",
                "sMMessageType": "DELIVERY",
                "originatorInfo": {"originatorGPSI": "msisdn-46700000000"},
                "recipientInfo": [{"recipientGPSI": "msisdn-46701740601"}],
            }
            message["oneTimeEventType"] = "IEC"
            del message["subscriberIdentifier"]
            assert (await network_.create(0, many, **message)).status == 201

    run(story)
    assert operator.charges == [(30, 150_000), (1, 90_000), (2, 180_000), (30, 150_000)]
