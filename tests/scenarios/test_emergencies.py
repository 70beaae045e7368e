"""Emergency calls as both edges hear of them: by numbers of the operator's list and by the URNs of
RFC 5031; of subscribers at zero, barred, closed, unknown, and of a phone without a SIM."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import imsi
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from tests.unit.nchf.calls import request as chf_request
from trunkline.app.policy import grant_policy
from trunkline.charging import (
    BarAccount,
    ChargeRequest,
    ChargingAccountId,
    CloseAccount,
    GroupCommit,
    Kind,
    RecordKind,
    Result,
    Service,
    UsageEvent,
    keep_policy,
    latest_emergencies,
    records,
)
from trunkline.charging.mediated import charge_usage
from trunkline.charging.policy.emergencies import KEPT, forget_emergencies
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.gy_request import read
from trunkline.nchf.reading import Ways, continued, created, decoded
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.platform.settings import Settings
from trunkline.platform.settings_policy import PolicySettings

POLICY = grant_policy(Settings(policy=PolicySettings(emergency_numbers=("112", "911"))))

URI = Callable[[str], str]
FORMS: dict[str, str] = {
    "112": "tel:112",
    "911": "sip:911@ims.mnc070.mcc999.3gppnetwork.org;user=phone",
    "bare": "112",
    "sos": "urn:service:sos",
    "police": "URN:service:sos.police",
}


def over_ro(uri: str, epoch: int, who: str | None, kind: Kind, number: int) -> ChargeRequest:
    address = codec.avp(d.CALLED_PARTY_ADDRESS, uri.encode(), d.VENDOR_3GPP)
    ims = codec.avp(d.IMS_INFORMATION, address, d.VENDOR_3GPP)
    told = codec.avp(d.SERVICE_INFORMATION, ims, d.VENDOR_3GPP)
    units = {
        Kind.INITIAL: mscc(asked(seconds=60)),
        Kind.UPDATE: mscc(used(seconds=60), asked(seconds=60)),
        Kind.TERMINATE: mscc(used(seconds=20)),
    }
    parts = [units[kind]]
    if who is not None:
        parts.append(subscription(d.END_USER_IMSI, who))
    if kind is Kind.INITIAL:
        parts.append(told)
    message = ccr(kind, number, *parts, context="32260@3gpp.org", session="cscf.example;1;9")
    return read(message, epoch).request


def over_nchf(uri: str, epoch: int, who: str | None, kind: Kind, number: int) -> ChargeRequest:
    usage: dict[str, Any] = {"ratingGroup": 1}
    if kind is not Kind.INITIAL:
        seconds = 60 if kind is Kind.UPDATE else 20
        usage["usedUnitContainer"] = [{"localSequenceNumber": number, "time": seconds}]
    if kind is not Kind.TERMINATE:
        usage["requestedUnit"] = {"time": 60}
    body = chf_request(
        nfConsumerIdentification={"nodeFunctionality": "IMS_Node"},
        invocationSequenceNumber=number,
        multipleUnitUsage=[usage],
        iMSChargingInformation={"calledPartyAddress": uri, "userSessionID": "call-1"},
    )
    if who is None:
        del body["subscriberIdentifier"]
    else:
        body["subscriberIdentifier"] = f"imsi-{who}"
    begun = created(decoded(msgspec.json.encode(body)), epoch, Ways()).request
    if kind is Kind.INITIAL:
        return begun
    ref = created(
        decoded(msgspec.json.encode(body | {"invocationSequenceNumber": 0})), epoch, Ways()
    ).request.session
    del body["iMSChargingInformation"]
    return continued(decoded(msgspec.json.encode(body)), ref, kind, epoch, Ways()).request


EDGES = {"ro": over_ro, "nchf": over_nchf}


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    keep_policy(charging, POLICY)
    operator = Operator(books, charging, relay, clock)
    operator.network = GroupCommit(charging, policy=POLICY)
    return operator


def call(operator: Operator, edge: str, uri: str, who: str | None) -> list[tuple[Result, int]]:
    """A call of 80 seconds; what each of its three requests was answered and granted."""
    heard = []
    for number, kind in enumerate((Kind.INITIAL, Kind.UPDATE, Kind.TERMINATE)):
        message = EDGES[edge](uri, operator.epoch, who, kind, number)
        [answer] = operator.network.process([message], operator.clock.now())
        again, *_ = operator.network.process([message], operator.clock.now())
        assert again == answer
        heard.append((answer.result, answer.units[0].granted if answer.units else -1))
    return heard


PASSED = [(Result.SUCCESS, 60), (Result.SUCCESS, 60), (Result.SUCCESS, -1)]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("form", FORMS)
def test_of_a_subscriber_at_zero_and_barred(operator: Operator, edge: str, form: str) -> None:
    operator.open(1)
    operator.tell(BarAccount(account=ChargingAccountId("cac_1")))
    assert call(operator, edge, FORMS[form], imsi(1)) == PASSED
    with operator.charging.read() as r:
        found = records(r, ChargingAccountId("cac_1"), limit=5)
        assert latest_emergencies(r) == []
    assert [(each.kind, each.units, each.label) for each in reversed(found)] == [
        (RecordKind.PASSED, 60, "emergency"),
        (RecordKind.PASSED, 20, "emergency"),
    ]
    assert operator.money(1) == 0


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("who", [imsi(7), None])
def test_of_nobody_that_is_known(operator: Operator, edge: str, who: str | None) -> None:
    for form in ("112", "police"):
        assert call(operator, edge, FORMS[form], who) == PASSED
        with operator.charging.read() as r:
            kept = latest_emergencies(r)
        assert [(each.number, each.kind, each.units) for each in kept] == [
            (0, Kind.INITIAL, 0),
            (1, Kind.UPDATE, 60),
            (2, Kind.TERMINATE, 20),
        ]
        assert {each.identities for each in kept} == {(("imsi", who),) if who else ()}
        with operator.charging.transaction() as tx:
            assert forget_emergencies(tx, operator.clock.now()) == 0
            assert forget_emergencies(tx, operator.clock.now() + 2 * KEPT) == 3


@pytest.mark.parametrize("edge", EDGES)
def test_of_one_who_has_gone(operator: Operator, clock: DrivenClock, edge: str) -> None:
    operator.open(1)
    operator.tell(CloseAccount(account=ChargingAccountId("cac_1"), closed_at=clock.now()))
    assert call(operator, edge, FORMS["sos"], imsi(1)) == PASSED
    with operator.charging.read() as r:
        assert {each.called for each in latest_emergencies(r)} == {"urn:service:sos"}


@pytest.mark.parametrize("edge", EDGES)
def test_other_calls_of_nobody_do_not_pass(operator: Operator, edge: str) -> None:
    for uri in ("tel:+46701234567", "urn:service:sosgame", "urn:service:counseling", "tel:1120"):
        message = EDGES[edge](uri, operator.epoch, imsi(7), Kind.INITIAL, 0)
        [answer] = operator.network.process([message], operator.clock.now())
        assert answer.result is Result.UNKNOWN_SUBSCRIBER
    with operator.charging.read() as r:
        assert latest_emergencies(r) == []


def test_told_of_in_a_file(operator: Operator) -> None:
    """Nobody's own emergency is no error that somebody has to look into."""
    operator.open(1)
    now = operator.clock.now()
    events = [
        UsageEvent(
            id=f"{number}-{called}",
            identities=(("imsi", imsi(number)),),
            service=Service.VOICE,
            at=now,
            units=60,
            called=called,
        )
        for number in (1, 7)
        for called in ("112", "urn:service:sos.fire")
    ]
    with operator.charging.transaction() as tx:
        found = charge_usage(tx, events, now)
    assert [(each.label, each.error) for each in found] == [("emergency", None)] * 4
    assert [each.account for each in found] == ["cac_1", "cac_1", None, None]
