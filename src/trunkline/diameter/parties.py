"""Who pays and who is called, in the forms that gateways name them (RFC 8506, 8.46; TS 32.299)."""

import re
from collections.abc import Iterable

from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import avps

_NAMES = frozenset((d.END_USER_SIP_URI, d.END_USER_NAI, d.END_USER_PRIVATE))
_DERIVED = re.compile(
    rb"(?:sip:)?[0-9]?([0-9]{15})@(?:ims|nai\.epc|nai\.5gc|wlan)"
    rb"\.mnc[0-9]{3}\.mcc[0-9]{3}\.3gppnetwork\.org(?![\w.-])",
    re.IGNORECASE,
)
"""Names that are made of an IMSI (TS 23.003, 13.3, 13.4B, 14.3 and 19.3.2): a digit before it
says how it authenticates."""


def identities(subscribers: Iterable[tuple[int, bytes]]) -> tuple[tuple[str, str], ...]:
    """Of Subscription-Id-Types and -Data: IMSIs before numbers, whatever their order in the
    request: a number may be recycled or ported, a SIM's identity isn't."""
    imsis: list[tuple[str, str]] = []
    numbers: list[tuple[str, str]] = []
    for kind, data in subscribers:
        if kind == d.END_USER_IMSI:
            if data.isdigit() and len(data) <= 15:
                imsis.append(("imsi", data.decode()))
        elif kind in _NAMES and (found := _DERIVED.match(data)):
            imsis.append(("imsi", found[1].decode()))
        elif kind == d.END_USER_E164 or kind == d.END_USER_SIP_URI:
            number = digits(data)
            if number:
                numbers.append(("msisdn", number))
    return tuple(imsis + numbers)


def digits(data: bytes) -> str:
    """The digits of "4670...", "+4670...", "tel:+4670...;...", "sip:+4670...@..."; or nothing
    where there is no number in it."""
    if not data.isdigit():
        data = data.partition(b":")[2] or data
        data = data.partition(b"@")[0].partition(b";")[0].removeprefix(b"+")
        data = data.translate(None, b"-.() ").removeprefix(b"00")
    return data.decode() if data.isdigit() and len(data) <= 15 else ""


_SERVICE = re.compile(rb"urn:service:[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)


def called(data: bytes) -> str:
    """`digits`, or the URN of a service (RFC 5031), as emergency calls in IMS have it."""
    if _SERVICE.fullmatch(data) and len(data) <= 100:
        return data.decode().lower()
    return digits(data)


def called_party(message: bytes, information: tuple[int, int] | None) -> str:
    """The called party in the Service-Information that lies at `information`: IMS-Information's
    Called-Party-Address, or the first Recipient-Address of SMS- or MMS-Information (TS 32.299,
    7.2.33 and 7.2.170); or nothing."""
    if information is None:
        return ""
    for part in avps(message, *information):
        if part.vendor != d.VENDOR_3GPP:
            continue
        if part.code == d.IMS_INFORMATION:
            address = _inside(part.data, d.CALLED_PARTY_ADDRESS)
        elif part.code == d.SMS_INFORMATION:
            address = _inside(part.data, d.RECIPIENT_INFO, d.RECIPIENT_ADDRESS, d.ADDRESS_DATA)
        elif part.code == d.MMS_INFORMATION:
            address = _inside(part.data, d.RECIPIENT_ADDRESS, d.ADDRESS_DATA)
        else:
            continue
        if number := called(address):
            return number
    return ""


def calling_parties(message: bytes, information: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    """Who calls, by the IMS-Information in the Service-Information that lies at `information`
    (Calling-Party-Address, TS 32.299, 7.2.34), in the words of `identities`."""
    addresses = [
        (d.END_USER_SIP_URI, inner.data)
        for part in avps(message, *information)
        if part.code == d.IMS_INFORMATION and part.vendor == d.VENDOR_3GPP
        for inner in avps(part.data, 0)
        if inner.code == d.CALLING_PARTY_ADDRESS and inner.vendor == d.VENDOR_3GPP
    ]
    return identities(addresses)


def _inside(data: bytes, *path: int) -> bytes:
    """The data of the first 3GPP AVP at `path` of nested groups, or nothing."""
    for code in path:
        for part in avps(data, 0):
            if part.code == code and part.vendor == d.VENDOR_3GPP:
                data = part.data
                break
        else:
            return b""
    return data
