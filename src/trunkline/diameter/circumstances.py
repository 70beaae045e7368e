"""Where and over what a service is used, as a request's Service-Information tells it (TS 32.299,
7.2.158 PS-Information and 7.2.77 IMS-Information; TS 29.061, 16.4.7)."""

import re
from functools import lru_cache

from trunkline.charging import Circumstances, network_of_access
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import avp_at, pair_at, u32_in, wrong_length

_OPERATOR = re.compile(r"\.mnc\d{3}\.mcc\d{3}\.gprs$")
_HOME_NETWORK = re.compile(rb"mnc(\d{3})\.mcc(\d{3})\.")
_PLMN_AT_THE_HEAD = frozenset((0, 1, 2, 128, 129, 130, 135, 136, 137))
"""Geographic Location Types of User-Location-Info that begin with an MCC and MNC."""

_WANTED = frozenset(
    (d.SGSN_MCC_MNC, d.USER_LOCATION_INFO, d.QOS_INFORMATION, d.IMSI_UNAUTHENTICATED_FLAG)
)


def circumstances(
    message: bytes, information: tuple[int, int] | None, station: tuple[int, int] | None
) -> tuple[Circumstances | None, bool, bool]:
    """From the Service-Information, and the command's own Called-Station-Id, that lie there;
    None where they tell nothing. Whether the IMSI is only claimed, as in emergencies without
    authentication; and whether it is a call that who pays receives. The serving network is the
    packet core's, or else the cell's that IMS was told of, or else the one whose IMS is visited:
    over a home-routed bearer that is home's, wherever the caller is. Raises `Malformed`."""
    name = b"" if station is None else message[station[0] : station[1]]
    network, qos, claimed, received = b"", -1, False, False
    if information is not None:
        at, end = information
        while at < end:
            code, _, vendor, start, finish = avp_at(message, at, end)
            if vendor == d.VENDOR_3GPP:
                if code == d.PS_INFORMATION:
                    inner, told, qos, claimed = _packet_switched(message, start, finish)
                    name, network = inner or name, told or network
                elif code == d.IMS_INFORMATION:
                    cell, received = _multimedia(message, start, finish)
                    network = network or cell
            at = (finish + 3) & ~3
    if not name and not network and qos < 0:
        return None, claimed, received
    return _told(name, network, qos), claimed, received


def _packet_switched(message: bytes, at: int, end: int) -> tuple[bytes, bytes, int, bool]:
    """APN, serving network, QCI, and whether the IMSI is unauthenticated."""
    # The codec's walk without its calls: a gateway tells dozens of AVPs here, and few matter.
    name = network = location = b""
    qos, claimed = -1, False
    while at < end:
        if at + 8 > end:
            avp_at(message, at, end)
        code, word = pair_at(message, at)
        finish = at + (word & 0xFFFFFF)
        if word < 0x80000000:
            if finish < at + 8 or finish > end:
                raise wrong_length(code, 0)
            if code == d.CALLED_STATION_ID:
                name = message[at + 8 : finish]
        elif code in _WANTED:
            _, _, vendor, start, finish = avp_at(message, at, end)
            if vendor != d.VENDOR_3GPP:
                pass
            elif code == d.SGSN_MCC_MNC:
                network = message[start:finish]
            elif code == d.QOS_INFORMATION:
                qos = _class(message, start, finish)
            elif code == d.IMSI_UNAUTHENTICATED_FLAG:
                claimed = u32_in(message, start, finish, code, vendor) == d.UNAUTHENTICATED
            elif finish - start >= 4:
                location = message[start : start + 4]
        elif finish < at + 12 or finish > end:
            raise wrong_length(code, 0)
        at = (finish + 3) & ~3
    return name, network or location, qos, claimed


def _class(message: bytes, at: int, end: int) -> int:
    while at < end:
        code, _, vendor, start, finish = avp_at(message, at, end)
        if code == d.QOS_CLASS_IDENTIFIER and vendor == d.VENDOR_3GPP:
            return u32_in(message, start, finish, code, vendor)
        at = (finish + 3) & ~3
    return -1


def _multimedia(message: bytes, at: int, end: int) -> tuple[bytes, bool]:
    """The network that IMS-Information tells, and whether the call is charged to who receives it
    (Role-Of-Node, TS 32.299, 7.2)."""
    access: list[bytes] = []
    visited, received = b"", False
    while at < end:
        code, _, vendor, start, finish = avp_at(message, at, end)
        if vendor != d.VENDOR_3GPP:
            pass
        elif code == d.ACCESS_NETWORK_INFORMATION:
            access.append(message[start:finish])
        elif code == d.IMS_VISITED_NETWORK_IDENTIFIER:
            visited = visited or message[start:finish]
        elif code == d.ROLE_OF_NODE:
            received = u32_in(message, start, finish, code, vendor) == d.TERMINATING_ROLE
        at = (finish + 3) & ~3
    cell = network_of_access(b",".join(access).decode("latin-1")) if access else ""
    return cell.encode() or visited, received


@lru_cache(maxsize=4096)
def _told(name: bytes, network: bytes, qos: int) -> Circumstances | None:
    told = Circumstances(dnn=_apn(name), qos=qos, network=_network(network))
    return None if told == Circumstances() else told


def _apn(name: bytes) -> str:
    """In lower case, without the operator's part (TS 23.003, 9.1); a telephone number is none."""
    if not name.isascii() or name.lstrip(b"+").isdigit():
        return ""
    text = name.decode().lower()
    return _OPERATOR.sub("", text) if text.isprintable() else ""


def _network(told: bytes) -> str:
    """MCC and MNC of digits, of the head of a User-Location-Info (TS 29.274, 8.21), or of a home
    network's domain (TS 23.003, 13.2); nothing where there are none."""
    if told.isdigit():
        return told.decode() if len(told) in (5, 6) else ""
    if len(told) == 4 and told[0] in _PLMN_AT_THE_HEAD:
        first, second, third = told[1:]
        digits = [first & 15, first >> 4, second & 15, third & 15, third >> 4]
        if second >> 4 != 15:
            digits.append(second >> 4)
        return "".join(map(str, digits)) if max(digits) < 10 else ""
    if found := _HOME_NETWORK.search(told.lower()):
        code, country = found[1].decode(), found[2].decode()
        # Two digits are written with a zero before them, but where all codes have three.
        short = code[0] == "0" and country not in _THREE_DIGITS
        return country + (code[1:] if short else code)
    return ""


_THREE_DIGITS = frozenset(
    map(
        str,
        (302, *range(310, 317), 334, 338, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360, 365,
         366, 376, 708, 722, 732),
    )
)  # fmt: skip
"""Countries whose network codes have three digits (ITU-T E.212)."""
