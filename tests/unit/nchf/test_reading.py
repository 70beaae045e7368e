"""What a ChargingDataRequest says in charging's terms."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.unit.nchf.calls import request
from trunkline.charging import MOST_UNITS, Circumstances, Kind, Service
from trunkline.nchf.problems import Problem
from trunkline.nchf.reading import Reading, Ways, continued, created, decoded
from trunkline.nchf.references import named

NOON = 1_793_620_800


def read(**more: Any) -> Reading:
    return created(decoded(msgspec.json.encode(request(**more))), NOON, Ways())


@pytest.mark.parametrize("octets", [MOST_UNITS + 1, 2**63 - 1, 2**64 - 1])
def test_a_wish_is_for_as_much_as_there_is(octets: int) -> None:
    """What was used beyond that is refused, and what an event asks for, which is all or nothing."""
    wish = {"ratingGroup": 1, "requestedUnit": {"totalVolume": octets}}
    assert read(multipleUnitUsage=[wish]).request.units[0].requested == MOST_UNITS
    use = {"ratingGroup": 1, "usedUnitContainer": [container(totalVolume=octets)]}
    with pytest.raises(Problem, match="an amount that no network delivers"):
        read(multipleUnitUsage=[use])
    with pytest.raises(Problem, match="an amount that no network delivers"):
        read(multipleUnitUsage=[wish], oneTimeEvent=True, oneTimeEventType="IEC")


@pytest.mark.parametrize(
    ("text", "identities"),
    [
        ("imsi-999700000000001", (("imsi", "999700000000001"),)),
        ("msisdn-46701740601", (("msisdn", "46701740601"),)),
        ("999700000000001", (("imsi", "999700000000001"),)),
        ("+46701740601", (("msisdn", "46701740601"),)),
        ("nai-someone@example", ()),
        ("imsi-" + "9" * 16, ()),
    ],
)
def test_who_is_charged(text: str, identities: tuple[tuple[str, str], ...]) -> None:
    assert read(subscriberIdentifier=text).request.identities == identities


def test_imsis_come_before_numbers() -> None:
    pdu = {"userInformation": {"servedGPSI": "msisdn-46701740601"}}
    found = read(subscriberIdentifier="imsi-99970", pDUSessionChargingInformation=pdu)
    assert found.request.identities == (("imsi", "99970"), ("msisdn", "46701740601"))


def test_where_a_session_is() -> None:
    session = {
        "pduSessionID": 1,
        "dnnId": "Internet.mnc070.mcc999.gprs",
        "networkSlicingInfo": {"sNSSAI": {"sst": 1, "sd": "0000AA"}},
        "servingCNPlmnId": {"mcc": "999", "mnc": "70"},
        "subscribedQoSInformation": {"5qi": 9, "arp": {}},
    }
    found = read(pDUSessionChargingInformation={"pduSessionInformation": session})
    assert found.request.where == Circumstances("internet", "1-0000aa", 9, "99970")


@pytest.mark.parametrize(
    ("location", "network"),
    [
        ({"nrLocation": {"tai": {"plmnId": {"mcc": "262", "mnc": "01"}}}}, "26201"),
        ({"eutraLocation": {"tai": {"plmnId": {"mcc": "310", "mnc": "410"}}}}, "310410"),
        ({"n3gaLocation": {"n3gppTai": {"plmnId": {"mcc": "262", "mnc": "01"}}}}, "26201"),
        ({"utraLocation": {"sai": {"plmnId": {"mcc": "208", "mnc": "01"}}}}, "20801"),
        ({"geraLocation": {"cgi": {"plmnId": {"mcc": "208", "mnc": "01"}}}}, "20801"),
        ({"n3gaLocation": {"ueIpv4Addr": "192.0.2.1"}}, ""),
    ],
)
def test_where_a_call_and_a_message_are(location: dict[str, Any], network: str) -> None:
    called = {"calledPartyAddress": "tel:+4670", "userLocationInfo": location}
    for more in (
        {"iMSChargingInformation": called},
        {"sMSChargingInformation": {"userLocationinfo": location}},
    ):
        found = read(**more).request.where
        assert (found.network if found else "") == network


def test_the_cell_that_ims_was_told_of() -> None:
    cells = [
        "IEEE-802.11;i-wlan-node-id=aabbccddeeff",
        "3GPP-NR-FDD;utran-cell-id-3gpp=26201a1b2c3001234567;network-provided",
    ]
    call = {"calledPartyAddress": "tel:+4670", "accessNetworkInformation": cells}
    assert read(iMSChargingInformation=call).request.where == Circumstances(network="26201")


def test_an_imsi_that_was_not_authenticated_names_nobody() -> None:
    user = {"servedGPSI": "msisdn-46701740601", "unauthenticatedFlag": True}
    found = read(pDUSessionChargingInformation={"userInformation": user})
    assert found.request.identities == (("msisdn", "46701740601"),)


@pytest.mark.parametrize(
    ("address", "digits"),
    [
        ("tel:+46-8-123456", "468123456"),
        ("sip:+46701740601;user=phone@ims.example", "46701740601"),
        ("0046701740601", "46701740601"),
        ("sip:alice@example", ""),
        ("urn:service:sos", "urn:service:sos"),
        ("URN:Service:SOS.police", "urn:service:sos.police"),
        ("urn:service:", ""),
    ],
)
def test_who_is_called(address: str, digits: str) -> None:
    found = read(iMSChargingInformation={"calledPartyAddress": address})
    assert (found.request.service, found.request.called) == (Service.VOICE, digits)


@pytest.mark.parametrize(
    ("role", "service", "called"),
    [
        ("ORIGINATING", Service.VOICE, "46701740602"),
        ("TERMINATING", Service.VOICE_IN, ""),
        ("FORWARDING", Service.VOICE, "46701740602"),
    ],
)
def test_the_direction_of_a_call(role: str, service: Service, called: str) -> None:
    call = {"calledPartyAddress": "tel:+46701740602", "roleOfNode": role}
    begun = read(iMSChargingInformation=call).request
    assert (begun.service, begun.called) == (service, called)
    known = named(begun.session)
    assert known is not None
    assert known.service == service, "updates need not say it again"


def test_who_receives_a_message_is_charged_for_it() -> None:
    sms = {
        "originatorInfo": {"originatorSUPI": "imsi-999700000000002"},
        "recipientInfo": [{"recipientSUPI": "imsi-999700000000001", "recipientGPSI": "msisdn-467"}],
    }
    sent = read(subscriberIdentifier=None, sMSChargingInformation=sms).request
    assert (sent.service, sent.called) == (Service.SMS, "467")
    assert sent.identities == (("imsi", "999700000000002"),)
    delivered = sms | {"sMMessageType": "DELIVERY"}
    came = read(subscriberIdentifier=None, sMSChargingInformation=delivered).request
    assert (came.service, came.called) == (Service.SMS_IN, "")
    assert came.identities == (("imsi", "999700000000001"), ("msisdn", "467"))


def container(*triggers: str, **amounts: int) -> dict[str, Any]:
    told = [{"triggerType": each, "triggerCategory": "IMMEDIATE_REPORT"} for each in triggers]
    return {"localSequenceNumber": 1, "triggers": told, **amounts}


def test_what_was_used_after_a_tariff_change() -> None:
    [unit] = read(
        multipleUnitUsage=[
            {
                "ratingGroup": 1,
                "usedUnitContainer": [
                    container("TARIFF_TIME_CHANGE", totalVolume=10),
                    container("QUOTA_EXHAUSTED", uplinkVolume=2, downlinkVolume=3),
                ],
            }
        ]
    ).request.units
    assert (unit.used, unit.after_change, unit.reason, unit.final) == (15, 5, 3, False)


def test_the_last_report_of_a_rating_group() -> None:
    usage = {"ratingGroup": 1, "usedUnitContainer": [container("FINAL", totalVolume=1)]}
    assert read(multipleUnitUsage=[usage]).request.units[0].final
    asks = usage | {"requestedUnit": {}}
    assert not read(multipleUnitUsage=[asks]).request.units[0].final


@pytest.mark.parametrize("told", [True, False])
def test_whether_it_may_have_been_sent_before(told: bool) -> None:
    assert read(retransmissionIndicator=told).request.again is told
    assert not read().request.again


def test_a_ref_tells_who_and_what() -> None:
    found = read(subscriberIdentifier="imsi-99970").request
    again = read(subscriberIdentifier="imsi-99970").request
    other = read(subscriberIdentifier="imsi-99970", invocationSequenceNumber=2).request
    assert found.session == again.session != other.session
    known = named(found.session)
    assert known is not None
    assert (known.service, known.identities) == (Service.DATA, (("imsi", "99970"),))
    nameless = request()
    del nameless["subscriberIdentifier"]
    data = decoded(msgspec.json.encode(nameless))
    update = continued(data, found.session, Kind.UPDATE, NOON, Ways()).request
    assert update.identities == (("imsi", "99970"),)


@pytest.mark.parametrize(
    ("named_by", "same"),
    [
        ({}, False),
        ({"chargingId": 7}, True),
        ({"sMSChargingInformation": {"messageReference": "7"}}, True),
        ({"iMSChargingInformation": {"imsChargingIdentifier": "7"}}, True),
        ({"pDUSessionChargingInformation": {"chargingId": 7}}, True),
    ],
)
def test_what_has_no_id_is_known_again_by_its_instant(named_by: dict[str, Any], same: bool) -> None:
    """Two messages of an SMSF that numbers each of them 1 are two."""
    about = {"subscriberIdentifier": "imsi-99970", "oneTimeEvent": True, **named_by}
    first = read(**about).request.session
    assert read(**about).request.session == first
    later = read(**about, invocationTimeStamp="2026-11-02T12:00:05Z").request.session
    assert (later == first) is same


def test_a_clock_that_is_off_is_not_believed() -> None:
    assert read(invocationTimeStamp="2020-01-01T00:00:00Z").request.at == NOON
    assert read(invocationTimeStamp="2026-11-02T11:59:00+00:00").request.at == NOON - 60


def test_a_leap_second_is_the_second_after_it() -> None:
    """RFC 3339, 5.6; the answer repeats what was understood."""
    new_year = int(datetime(2017, 1, 1, tzinfo=UTC).timestamp())
    for text in ("2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00"):
        body = msgspec.json.encode(request(invocationTimeStamp=text))
        assert created(decoded(body), new_year, Ways()).request.at == new_year
    for text in ("2016-12-31T22:59:60Z", "2016-12-31T23:59:61Z"):
        with pytest.raises(Problem):
            decoded(msgspec.json.encode(request(invocationTimeStamp=text)))


def test_of_several_kinds_the_order_of_the_settings_decides() -> None:
    names = ["nSMChargingInformation", "registrationChargingInformation"]
    both: dict[str, Any] = {name: {} for name in names}
    for first, second in (names, reversed(names)):
        ways = Ways(information={first: 71, second: 72})
        found = created(decoded(msgspec.json.encode(request(**both))), NOON, ways)
        assert found.request.service == 71


def test_services_of_a_group_are_told_apart_where_settings_say_so() -> None:
    containers = [
        {"localSequenceNumber": number, "serviceId": service, "totalVolume": number}
        for number, service in enumerate((7, None, 8, 7), 1)
    ]
    body = request(
        multipleUnitUsage=[{"ratingGroup": 1, "requestedUnit": {}, "usedUnitContainer": containers}]
    )
    data = decoded(msgspec.json.encode(body))
    [unit] = created(data, NOON, Ways()).request.units
    assert (unit.service_identifier, unit.requested, unit.used) == (None, 0, 10)
    apart = created(data, NOON, Ways(by_service=True)).request.units
    assert [(each.service_identifier, each.requested, each.used) for each in apart] == [
        (None, 0, 2),
        (7, -1, 5),
        (8, -1, 3),
    ]
    assert {each.rating_group for each in apart} == {1}
    many = [{"localSequenceNumber": n, "serviceId": n} for n in range(101)]
    body["multipleUnitUsage"][0]["usedUnitContainer"] = many
    with pytest.raises(Problem):
        created(decoded(msgspec.json.encode(body)), NOON, Ways(by_service=True))
