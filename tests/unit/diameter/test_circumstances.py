"""Over what and where: what a request's Service-Information tells (TS 32.299; TS 29.061)."""

import pytest

from tests.unit.diameter.builders import IMSI, NUMBER, asked, ccr, mscc, subscription
from trunkline.charging import Circumstances
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.gy_request import read

SUBSCRIBER = subscription(d.END_USER_IMSI, IMSI)
UNITS = mscc(asked(1), group=1)


def threegpp(code: int, *parts: bytes) -> bytes:
    return codec.avp(code, b"".join(parts), d.VENDOR_3GPP)


def packet_switched(*parts: bytes) -> bytes:
    return threegpp(d.SERVICE_INFORMATION, threegpp(d.PS_INFORMATION, *parts))


def told(*parts: bytes, kind: int = 1, context: str = "32251@3gpp.org") -> Circumstances | None:
    message = ccr(kind, 0, SUBSCRIBER, UNITS, *parts, context=context)
    return read(message, 1_800_000_000).request.where


def station(name: str) -> bytes:
    return codec.text(d.CALLED_STATION_ID, name)


def location(*octets: int) -> bytes:
    return threegpp(d.USER_LOCATION_INFO, bytes(octets))


QCI_9 = threegpp(d.QOS_INFORMATION, threegpp(d.QOS_CLASS_IDENTIFIER, (9).to_bytes(4, "big")))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), None),
        ((packet_switched(),), None),
        ((packet_switched(station("Internet")),), Circumstances(dnn="internet")),
        (
            (packet_switched(station("ims.mnc070.mcc999.gprs")),),
            Circumstances(dnn="ims"),
        ),
        ((station("internet"),), Circumstances(dnn="internet")),
        ((station("46701740601"),), None),
        ((packet_switched(station("a\0b")),), None),
        ((packet_switched(codec.avp(d.CALLED_STATION_ID, b"\xff")),), None),
        ((packet_switched(QCI_9),), Circumstances(qos=9)),
        ((packet_switched(threegpp(d.SGSN_MCC_MNC, b"26201")),), Circumstances(network="26201")),
        ((packet_switched(threegpp(d.SGSN_MCC_MNC, b"310410")),), Circumstances(network="310410")),
        ((packet_switched(threegpp(d.SGSN_MCC_MNC, b"262")),), None),
        # TAI and ECGI; CGI of a three-digit network; a type without any.
        (
            (packet_switched(location(130, 0x62, 0xF2, 0x10, 0, 1, 0x62, 0xF2, 0x10, 0, 0, 0, 1)),),
            Circumstances(network="26201"),
        ),
        (
            (packet_switched(location(0, 0x13, 0x00, 0x14, 0, 1, 0, 1)),),
            Circumstances(network="310410"),
        ),
        ((packet_switched(location(64, 0x62, 0xF2, 0x10)),), None),
        ((packet_switched(location(0, 0xFF, 0xFF, 0xFF)),), None),
        ((packet_switched(location(0, 0x62)),), None),
        (
            (
                packet_switched(
                    location(130, 0x99, 0xF9, 0x07),
                    threegpp(d.SGSN_MCC_MNC, b"20801"),
                    station("internet"),
                    QCI_9,
                ),
            ),
            Circumstances(dnn="internet", qos=9, network="20801"),
        ),
    ],
)
def test_packet_switched(parts: tuple[bytes, ...], expected: Circumstances | None) -> None:
    assert told(*parts) == expected


def ims(*parts: bytes) -> bytes:
    return threegpp(d.SERVICE_INFORMATION, threegpp(d.IMS_INFORMATION, *parts))


def access(header: str) -> bytes:
    return threegpp(d.ACCESS_NETWORK_INFORMATION, header.encode())


VISITED_HOME = threegpp(d.IMS_VISITED_NETWORK_IDENTIFIER, b"ims.mnc070.mcc999.3gppnetwork.org")
ABROAD = access("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=262011A2B0000C01;network-provided")
WIFI = access("IEEE-802.11;i-wlan-node-id=00112233aabb;country=SE")


@pytest.mark.parametrize(
    ("parts", "network"),
    [
        ((ABROAD,), "26201"),
        ((VISITED_HOME, ABROAD), "26201"),
        ((VISITED_HOME,), "99970"),
        ((VISITED_HOME, WIFI), "99970"),
        ((WIFI,), ""),
        ((access("3GPP-GERAN;cgi-3gpp=310410"), ABROAD), "26201"),
        # What the network says goes before what the terminal says, wherever it stands.
        ((access('3GPP-NR-FDD;utran-cell-id-3gpp="20801000001123456789"'), ABROAD), "26201"),
    ],
)
def test_the_cell_of_a_call(parts: tuple[bytes, ...], network: str) -> None:
    found = told(ims(*parts), context="32260@3gpp.org")
    assert (found.network if found else "") == network


def test_the_packet_core_knows_better_than_ims() -> None:
    packet = threegpp(d.PS_INFORMATION, threegpp(d.SGSN_MCC_MNC, b"20801"))
    multimedia = threegpp(d.IMS_INFORMATION, ABROAD)
    for parts in ((packet, multimedia), (multimedia, packet)):
        found = told(threegpp(d.SERVICE_INFORMATION, *parts), context="32260@3gpp.org")
        assert found == Circumstances(network="20801")


@pytest.mark.parametrize(("flag", "known"), [(0, True), (1, False)])
def test_an_imsi_that_was_not_authenticated_names_nobody(flag: int, known: bool) -> None:
    number = subscription(d.END_USER_E164, NUMBER)
    claimed = threegpp(d.IMSI_UNAUTHENTICATED_FLAG, flag.to_bytes(4, "big"))
    message = ccr(1, 0, SUBSCRIBER, number, UNITS, packet_switched(claimed))
    imsis = (("imsi", IMSI),) if known else ()
    assert read(message, 1_800_000_000).request.identities == (*imsis, ("msisdn", NUMBER))


@pytest.mark.parametrize(
    ("domain", "network"),
    [
        ("ims.mnc015.mcc234.3gppnetwork.org", "23415"),
        ("ims.mnc410.mcc310.3gppnetwork.org", "310410"),
        ("ims.mnc012.mcc311.3gppnetwork.org", "311012"),
        ("visited.example", ""),
    ],
)
def test_the_network_that_a_caller_visits(domain: str, network: str) -> None:
    information = threegpp(
        d.SERVICE_INFORMATION,
        threegpp(d.IMS_INFORMATION, threegpp(d.IMS_VISITED_NETWORK_IDENTIFIER, domain.encode())),
    )
    found = told(information, context="32260@3gpp.org")
    assert (found.network if found else "") == network


def test_a_termination_tells_nothing_new() -> None:
    assert told(packet_switched(station("internet")), kind=3) is None


def test_what_can_not_be_read_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        told(packet_switched(b"\0\0\0\x1e\x40\0\0\xff"))
    assert refused.value.result_code == d.INVALID_AVP_LENGTH
