"""free5GC's SMF as its source has it (v3.4 to v4.2: chf_service.go, charging_trigger.go): what it
sends, and what it takes from an answer. It doesn't count its requests, asks for nothing as it
begins, names the UPF, and sets only the triggers that it is told."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.diameter.operator import Operator
from tests.conformance.nchf.network import Answer, Smf, callbacks, network, run
from tests.conformance.nchf.specification import check
from tests.unit.charging.builders import MB, imsi
from trunkline.app.nchf import nchf_settings
from trunkline.nchf.registration import profile_of
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.settings import Settings
from trunkline.platform.settings_nchf import NchfSettings

UPF = "0d1e7c1c-5f1c-4c41-8f6c-2b7f3c0c9a11"
ASKED = 5 * MB
"""requestedUnit of its configuration."""


class Free5gc:
    """One PDU session."""

    def __init__(self, smf: Smf, clock: DrivenClock, notify: str) -> None:
        self._smf = smf
        self._clock = clock
        self._notify = notify
        self.ref = ""

    def _body(self, usage: list[Any]) -> dict[str, Any]:
        self._clock.advance(timedelta(microseconds=1))
        triggers = [
            each
            for unit in usage
            for used in unit["usedUnitContainer"]
            for each in used["triggers"]
        ]
        body = {
            "subscriberIdentifier": f"imsi-{imsi(1)}",
            "chargingId": 1,
            "nfConsumerIdentification": {
                "nFName": "SMF",
                "nFIPv4Address": "192.0.2.7",
                "nodeFunctionality": "SMF",
            },
            "invocationTimeStamp": self._now(),
            "invocationSequenceNumber": 0,
            "notifyUri": self._notify,
            "multipleUnitUsage": usage,
            "triggers": triggers,
            "pDUSessionChargingInformation": {
                "chargingId": 1,
                "userInformation": {"servedGPSI": "msisdn-46701740601", "servedPEI": "imei-1" * 2},
                "pduSessionInformation": {
                    "networkSlicingInfo": {"sNSSAI": {"sst": 1, "sd": "010203"}},
                    "pduSessionID": 1,
                    "pduType": "IPV4",
                    "servingNetworkFunctionID": {
                        "servingNetworkFunctionInformation": {"nodeFunctionality": "AMF"}
                    },
                    "dnnId": "internet",
                },
            },
        }
        return {name: value for name, value in body.items() if value != []}

    def _now(self) -> str:
        """As Go writes it, with nanoseconds."""
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f123Z")

    async def begin(self) -> Answer:
        answer = await self._smf.send("", "/chargingdata", self._body([]))
        self.ref = answer.headers["location"].split("/")[-1]
        return answer

    def report(self, trigger: str, uplink: int = 0, downlink: int = 0) -> dict[str, Any]:
        used = {
            "quotaManagementIndicator": "ONLINE_CHARGING",
            "triggers": [{"triggerType": trigger, "triggerCategory": "IMMEDIATE_REPORT"}],
            "triggerTimestamp": self._now(),
            "localSequenceNumber": 0,
            **({"totalVolume": uplink + downlink} if uplink + downlink else {}),
            **({"uplinkVolume": uplink} if uplink else {}),
            **({"downlinkVolume": downlink} if downlink else {}),
        }
        asked = dict.fromkeys(("totalVolume", "downlinkVolume", "uplinkVolume"), ASKED)
        unit = {"ratingGroup": 1, "uPFID": UPF, "requestedUnit": asked, "usedUnitContainer": [used]}
        return self._body([unit])

    async def go_on(self, body: dict[str, Any]) -> Any:
        """What is told of its rating group."""
        path = "/chargingdata/{ChargingDataRef}/update"
        answer = await self._smf.send(f"/{self.ref}/update", path, body)
        assert answer.status == 200, answer.body
        assert answer.body["invocationSequenceNumber"] == 0
        return answer.units[1]

    async def end(self, body: dict[str, Any]) -> int:
        path = "/chargingdata/{ChargingDataRef}/release"
        return (await self._smf.send(f"/{self.ref}/release", path, body)).status


def quota(unit: Any) -> int | None:
    """The volume quota that its SMF sets; None where it leaves that as it was."""
    assert unit["uPFID"] == UPF
    if "QUOTA_EXHAUSTED" not in [each["triggerType"] for each in unit["triggers"]]:
        return None
    volume: int = unit.get("grantedUnit", {}).get("totalVolume", 0)
    return volume


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_session(charging: Database, clock: DrivenClock) -> None:
    """Eight cents, a cent for each megabyte begun: all is used, and none of it twice though each
    report is repeated; the UPF is shut. After a top-up of a euro it goes on, with 1 MB more."""
    operator = Operator(charging, clock.now())
    operator.open(("imsi", imsi(1)), ("msisdn", "46701740601"), money="0.08")

    async def story() -> None:
        async with (
            network(operator.attempt, clock, database=charging) as smf,
            callbacks() as smf_side,
        ):
            session = Free5gc(smf, clock, f"{smf_side.url}/nsmf-callback/notify_urn:uuid:7")
            begun = await session.begin()
            assert begun.status == 201
            assert "multipleUnitInformation" not in begun.body
            granted = quota(await session.go_on(session.report("START_OF_SERVICE_DATA_FLOW")))
            quotas = []
            while granted:
                quotas.append(granted)
                report = session.report("QUOTA_EXHAUSTED", MB, granted - MB)
                told = await session.go_on(report)
                assert await session.go_on(report) == told
                granted = quota(told)
            assert granted == 0, "and not None: the UPF is to stop"
            assert sum(quotas) == 8 * MB
            await asyncio.to_thread(operator.top_up, "1")
            path, notice = await smf_side.came.get()
            assert path == "/nsmf-callback/notify_urn:uuid:7"
            check("ChargingNotifyRequest", notice)
            assert notice["reauthorizationDetails"] == [{"ratingGroup": 1}]
            assert quota(await session.go_on(session.report("FORCED_REAUTHORISATION"))) == ASKED
            assert await session.end(session.report("FINAL", downlink=MB)) == 204

            clock.advance(timedelta(seconds=5))
            restarted = Free5gc(smf, clock, f"{smf_side.url}/nsmf-callback/notify_urn:uuid:8")
            assert (await restarted.begin()).status == 201
            assert restarted.ref == session.ref, "its charging ids begin anew"
            assert quota(await restarted.go_on(restarted.report("START_OF_SERVICE_DATA_FLOW")))
            assert await restarted.end(restarted.report("FINAL", downlink=MB)) == 204

    run(story)
    operator.check()
    assert sum(units for units, _ in operator.charges) == 10 * MB
    assert str(operator.balance.money) == "0.98 EUR"


def test_the_profile_that_it_discovers() -> None:
    """Where the service is it reads from apiPrefix alone."""
    root = "http://192.0.2.10:7777"
    known = NchfSettings(nrf="http://192.0.2.20:8000", url=root, nrf_api_prefix=root)
    registered = nchf_settings(Settings(nchf=known)).nrf
    assert registered is not None
    profile = profile_of(registered)
    check("NFProfile", profile, "TS29510_Nnrf_NFManagement.yaml")
    assert {each["apiPrefix"] for each in profile["nfServices"]} == {root}
