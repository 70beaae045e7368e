"""Answers that are the same for every application: who we are, what was wrong, what is sent
back as it came (RFC 6733, 6.2 and 7)."""

import ipaddress
from collections.abc import Sequence

import msgspec

from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed


class Identity(msgspec.Struct, frozen=True):
    """How this node presents itself: all its processes, before and after a restart. `state` is
    Origin-State-Id, and says nothing: sessions are in the database, and none ends with a process
    (RFC 6733, 8.16)."""

    host: str
    realm: str
    product: str = "Trunkline"
    state: int = 0

    @property
    def avps(self) -> bytes:
        """Origin-Host and Origin-Realm."""
        return codec.text(d.ORIGIN_HOST, self.host) + codec.text(d.ORIGIN_REALM, self.realm)


class Echo(msgspec.Struct, gc=False):
    """What an answer repeats of its request, each as the octets it came in; empty where the
    request lacks it or stops being readable before it."""

    session: bytes = b""
    request_type: bytes = b""
    request_number: bytes = b""
    proxies: bytes = b""


def echo_of(message: bytes) -> Echo:
    """Never raises: a malformed message is answered with what can be read of it."""
    echo = Echo()
    proxies: list[bytes] = []
    at, end = codec.HEADER, len(message)
    while at < end:
        try:
            code, _, vendor, begin, finish = codec.avp_at(message, at, end)
        except Malformed:
            break
        following = (finish + 3) & ~3
        raw = message[at:following]
        if vendor:
            pass
        elif code == d.SESSION_ID:
            echo.session = echo.session or raw
        elif code == d.PROXY_INFO:
            proxies.append(raw)
        elif finish - begin == 4 and code == d.CC_REQUEST_TYPE:
            echo.request_type = raw
        elif finish - begin == 4 and code == d.CC_REQUEST_NUMBER:
            echo.request_number = raw
        at = following
    echo.proxies = b"".join(proxies)
    return echo


def answer_to(request: bytes, *parts: bytes, error: bool = False) -> bytes:
    """A message that answers `request`: its command, application, Hop-by-Hop and End-to-End
    identifiers, and its P bit."""
    body = b"".join(parts)
    flags = request[4] & d.PROXIABLE | (d.ERROR if error else 0)
    return b"%b%c%b%b" % (
        (0x01000000 | len(body) + codec.HEADER).to_bytes(4, "big"),
        flags,
        request[5:20],
        body,
    )


def refusal(
    identity: Identity, request: bytes, result_code: int, reason: str, failed_avp: bytes = b""
) -> bytes:
    """The answer to a request that no application took: protocol errors (3xxx) with the E
    bit, permanent failures with their Failed-AVP."""
    echo = echo_of(request)
    application = int.from_bytes(request[8:12], "big")
    protocol_error = 3000 <= result_code < 4000
    return answer_to(
        request,
        echo.session,
        codec.u32(d.RESULT_CODE, result_code),
        identity.avps,
        codec.u32(d.AUTH_APPLICATION_ID, application) + echo.request_type + echo.request_number
        if application != d.BASE and not protocol_error
        else b"",
        codec.text(d.ERROR_MESSAGE, reason, mandatory=False),
        failed(failed_avp),
        echo.proxies,
        error=protocol_error,
    )


def failed(octets: bytes) -> bytes:
    """Failed-AVP around one AVP, padded or not; nothing around nothing."""
    return codec.grouped(d.FAILED_AVP, octets + bytes(-len(octets) % 4)) if octets else b""


def capabilities(
    identity: Identity,
    result_code: int,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    applications: Sequence[int] = (),
    security: int = d.NO_INBAND_SECURITY,
) -> tuple[bytes, ...]:
    """The AVPs of a CEA (RFC 6733, 5.3.2). What is offered is credit control, also under
    Vendor-Specific-Application-Id, where some gateways look for it, and 3GPP's `applications`:
    nothing that isn't served, for gateways send what is offered."""
    return (
        codec.u32(d.RESULT_CODE, result_code),
        identity.avps,
        codec.avp(d.HOST_IP_ADDRESS, _address(address)),
        codec.u32(d.VENDOR_ID, 0),
        codec.text(d.PRODUCT_NAME, identity.product, mandatory=False),
        codec.u32(d.ORIGIN_STATE_ID, identity.state),
        codec.u32(d.SUPPORTED_VENDOR_ID, d.VENDOR_3GPP),
        codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        codec.u32(d.INBAND_SECURITY_ID, security),
        *(
            codec.grouped(
                d.VENDOR_SPECIFIC_APPLICATION_ID,
                codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
                codec.u32(d.AUTH_APPLICATION_ID, application),
            )
            for application in (d.CREDIT_CONTROL, *applications)
        ),
    )


def _address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """An Address (RFC 6733, 4.3.1): the family, 1 for IPv4 and 2 for IPv6, then the octets."""
    return (1 if address.version == 4 else 2).to_bytes(2, "big") + address.packed
