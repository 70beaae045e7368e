"""What real gateways send, built from the fields that their sources name in that order, and what
charging reads there. Open5GS's are replayed from captures (`conformance/diameter`)."""

from tests.unit.diameter.builders import IMSI, NUMBER, request, subscription
from trunkline.charging import NOT_REQUESTED, Kind, Service, UnitRequest
from trunkline.charging.model import Circumstances
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.gy_request import Reading, read

RECEIVED = 1_795_290_000
MB = 1_000_000
NOW = codec.to_time(RECEIVED).to_bytes(4, "big")


def credit_control(*parts: bytes) -> Reading:
    flags = d.REQUEST | d.PROXIABLE
    return read(request(272, d.CREDIT_CONTROL, *parts, flags=flags), RECEIVED)


def told(code: int, data: bytes, *, mandatory: bool = True) -> bytes:
    """One of 3GPP's."""
    return codec.avp(code, data, d.VENDOR_3GPP, mandatory=mandatory)


def magma(kind: int, number: int, *services: bytes) -> Reading:
    """Magma's session proxy (feg v1.8, gy_client.go): what is inserted comes before what is added,
    and its own host last."""
    packet_switched = (
        told(3, b"\0\0\0\0", mandatory=False)
        + told(21, b"\6", mandatory=False)
        + told(12, b"0", mandatory=False)
        + told(10, b"5", mandatory=False)
        + told(846, b"\0\1\xc0\0\2\x0a")
        + told(1227, b"\0\1\x0a\0\0\2")
        + told(1228, b"\0\1\xc0\0\2\x0b")
        + told(847, b"\0\1\xc0\0\2\x0b")
        + told(d.SGSN_MCC_MNC, b"99970", mandatory=False)
        + told(9, b"99970", mandatory=False)
        + codec.text(d.CALLED_STATION_ID, "internet")
        + told(d.USER_LOCATION_INFO, bytes.fromhex("8299f9070001"), mandatory=False)
        + told(2, b"\0\0\0\7", mandatory=False)
    )
    equipment = codec.avp(459, b"\0\0\0\0", mandatory=False) + codec.avp(
        460, b"3520990017614823", mandatory=False
    )
    return credit_control(
        codec.text(d.SESSION_ID, f"feg.magma;1;{IMSI}-4711"),
        *services,
        told(d.SERVICE_INFORMATION, told(d.PS_INFORMATION, packet_switched)),
        codec.avp(d.EVENT_TIMESTAMP, NOW),
        codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        codec.u32(d.CC_REQUEST_TYPE, kind),
        codec.text(d.SERVICE_CONTEXT_ID, "32251@3gpp.org"),
        codec.u32(d.CC_REQUEST_NUMBER, number),
        subscription(d.END_USER_E164, NUMBER),
        subscription(d.END_USER_IMSI, IMSI),
        codec.avp(458, equipment, mandatory=False),
        codec.u32(d.MULTIPLE_SERVICES_INDICATOR, d.SEVERAL_SERVICES),
        codec.text(d.ORIGIN_HOST, "feg.magma"),
        codec.text(d.ORIGIN_REALM, "magma"),
        codec.text(d.DESTINATION_REALM, "localdomain"),
    )


def octets(code: int, uplink: int, downlink: int, *more: bytes) -> bytes:
    return codec.grouped(
        code,
        codec.u64(d.CC_INPUT_OCTETS, uplink),
        codec.u64(d.CC_OUTPUT_OCTETS, downlink),
        codec.u64(d.CC_TOTAL_OCTETS, uplink + downlink),
        *more,
    )


def service(*parts: bytes) -> bytes:
    group = codec.u32(d.RATING_GROUP, 1)
    return codec.grouped(d.MULTIPLE_SERVICES_CREDIT_CONTROL, group, *parts)


def test_magma() -> None:
    asked = octets(d.REQUESTED_SERVICE_UNIT, 0, 0)
    reading = magma(1, 0, service(asked, codec.u32(d.SERVICE_IDENTIFIER, 3)))
    begun = reading.request
    assert reading.by_service
    assert (begun.kind, begun.number, begun.service) == (Kind.INITIAL, 0, Service.DATA)
    assert begun.identities == (("imsi", IMSI), ("msisdn", NUMBER))
    assert begun.units == (UnitRequest(1, 3, requested=0),), "the server decides how much"
    assert begun.where == Circumstances("internet", network="99970")
    assert begun.notify == "gy:feg.magma;magma"

    exhausted = octets(d.USED_SERVICE_UNIT, MB, 4 * MB, told(d.REPORTING_REASON, b"\0\0\0\3"))
    [update] = magma(2, 1, service(asked, exhausted)).request.units
    assert (update.requested, update.used, update.reason) == (0, 5 * MB, 3)

    last = told(d.REPORTING_REASON, b"\0\0\0\2"), octets(d.USED_SERVICE_UNIT, 0, MB)
    [end] = magma(3, 2, service(*last)).request.units
    assert (end.requested, end.used, end.final) == (NOT_REQUESTED, MB, True)


def kamailio(kind: int, number: int, *amounts: bytes, caller: bytes = b"") -> Reading:
    """Kamailio's ims_charging (5.x, ims_ro.c and ccr.c): the host and realm of its settings come
    beside the connection's own, and accounting's AVPs beside credit control's."""
    called = f"tel:+{NUMBER}".encode()
    event = told(823, told(824, b"INVITE"))
    stamps = told(833, told(834, NOW))
    multimedia = (
        event
        + told(829, b"\0\0\0\0")
        + told(862, b"\0\0\0\0")
        + told(830, b"call-1@192.0.2.5")
        + told(831, b"sip:46701740602@ims.mnc070.mcc999.3gppnetwork.org")
        + told(d.CALLED_PARTY_ADDRESS, called)
        + told(
            d.ACCESS_NETWORK_INFORMATION, b"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=99970abcd0012345"
        )
        + stamps
    )
    who = caller or subscription(d.END_USER_E164, f"+{NUMBER}")
    equipment = codec.u32(459, 1) + codec.avp(460, b"00-00-00-00-00-00")
    context = codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL)
    ended = codec.u32(d.TERMINATION_CAUSE, 1) + codec.avp(22, b"\0\0\0\x10", 10, mandatory=False)
    return credit_control(
        codec.text(d.SESSION_ID, "scscf.ims.example;11;22", mandatory=False),
        codec.text(d.ORIGIN_HOST, "scscf.ims.example", mandatory=False),
        codec.text(d.ORIGIN_REALM, "ims.example", mandatory=False),
        codec.text(d.ORIGIN_HOST, "charging.ims.example"),
        codec.text(d.ORIGIN_REALM, "ims.example"),
        codec.text(d.DESTINATION_REALM, "localdomain"),
        codec.u32(480, {1: 2, 2: 3, 3: 4}[kind]),
        codec.u32(485, 0),
        codec.text(d.USER_NAME, f"+{NUMBER}"),
        codec.text(d.SERVICE_CONTEXT_ID, "ext.01.001.8.32260@3gpp.org"),
        told(d.SERVICE_INFORMATION, who + told(d.IMS_INFORMATION, multimedia)),
        codec.grouped(
            d.VENDOR_SPECIFIC_APPLICATION_ID, codec.u32(d.VENDOR_ID, d.VENDOR_3GPP), context
        ),
        codec.u32(d.CC_REQUEST_TYPE, kind),
        codec.u32(d.CC_REQUEST_NUMBER, number),
        codec.avp(d.EVENT_TIMESTAMP, NOW, mandatory=False),
        codec.avp(458, equipment),
        who,
        codec.u32(d.MULTIPLE_SERVICES_INDICATOR, d.SEVERAL_SERVICES),
        codec.grouped(
            d.MULTIPLE_SERVICES_CREDIT_CONTROL,
            *amounts[:1],
            codec.u32(d.SERVICE_IDENTIFIER, 1000),
            codec.u32(d.RATING_GROUP, 100),
            *amounts[1:],
        ),
        ended if kind == 3 else b"",
    )


def test_kamailio() -> None:
    asked = codec.grouped(d.REQUESTED_SERVICE_UNIT, codec.u32(d.CC_TIME, 30))
    used = codec.grouped(d.USED_SERVICE_UNIT, codec.u32(d.CC_TIME, 30))
    begun = kamailio(1, 0, asked).request
    assert (begun.kind, begun.service, begun.called) == (Kind.INITIAL, Service.VOICE, NUMBER)
    assert begun.identities == (("msisdn", NUMBER),)
    assert begun.units == (UnitRequest(100, 1000, requested=30),)
    assert begun.where == Circumstances(network="99970")
    assert begun.notify == "gy:scscf.ims.example;ims.example", "who is connected"
    [update] = kamailio(2, 1, asked, used).request.units
    assert (update.requested, update.used) == (30, 30)
    [end] = kamailio(3, 2, used).request.units
    assert (end.requested, end.used) == (NOT_REQUESTED, 30)
    name = subscription(d.END_USER_SIP_URI, f"sip:+{NUMBER}@ims.mnc070.mcc999.3gppnetwork.org")
    assert kamailio(1, 0, asked, caller=name).request.identities == (("msisdn", NUMBER),)


def ergw(kind: int, number: int, *services: bytes) -> Reading:
    """Travelping's erGW (ergw_aaa_ro.erl): in the order of the command's grammar, and each request
    says by Origin-State-Id which start of the gateway it is."""
    packet_switched = (
        told(2, b"\0\0\0\7", mandatory=False)
        + told(3, b"\0\0\0\0", mandatory=False)
        + told(1227, b"\0\1\x0a\0\0\2")
        + codec.text(d.CALLED_STATION_ID, "internet")
        + told(d.SGSN_MCC_MNC, b"99970", mandatory=False)
        + told(2066, b"\0\0\0\0")
    )
    return credit_control(
        codec.text(d.SESSION_ID, "ergw.example;1;2;3"),
        codec.text(d.ORIGIN_HOST, "ergw.example"),
        codec.text(d.ORIGIN_REALM, "example"),
        codec.text(d.DESTINATION_REALM, "localdomain"),
        codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        codec.text(d.SERVICE_CONTEXT_ID, "14.32251@3gpp.org"),
        codec.u32(d.CC_REQUEST_TYPE, kind),
        codec.u32(d.CC_REQUEST_NUMBER, number),
        codec.u32(d.ORIGIN_STATE_ID, 1_795_000_000),
        codec.avp(d.EVENT_TIMESTAMP, NOW),
        subscription(d.END_USER_IMSI, IMSI),
        subscription(d.END_USER_E164, NUMBER),
        codec.u32(d.MULTIPLE_SERVICES_INDICATOR, d.SEVERAL_SERVICES),
        *services,
        codec.avp(458, codec.u32(459, 0) + codec.avp(460, b"3520990017614823")),
        told(d.SERVICE_INFORMATION, told(d.PS_INFORMATION, packet_switched)),
    )


def test_ergw() -> None:
    asked = codec.grouped(d.REQUESTED_SERVICE_UNIT)
    begun = ergw(1, 0, service(asked)).request
    assert begun.units == (UnitRequest(1, requested=0),)
    assert (begun.boot, begun.notify) == (1_795_000_000, "gy:ergw.example;example")
    assert begun.where == Circumstances("internet", network="99970")
    used = octets(d.USED_SERVICE_UNIT, MB, MB, codec.u32(d.CC_TIME, 60))
    [update] = ergw(2, 1, service(asked, used, told(d.REPORTING_REASON, b"\0\0\0\4"))).request.units
    assert (update.requested, update.used, update.reason) == (0, 2 * MB, 4)
