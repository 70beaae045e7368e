"""Messages as gateways send them, from a few words."""

from trunkline.diameter import codec
from trunkline.diameter import dictionary as d

GATEWAY = codec.text(d.ORIGIN_HOST, "pgw.example") + codec.text(d.ORIGIN_REALM, "example")
IMSI = "999700000000001"
NUMBER = "46701740601"


def request(
    command: int, application: int, *parts: bytes, flags: int = d.REQUEST, hop: int = 7
) -> bytes:
    return codec.message(command, application, hop, hop + 1, *parts, flags=flags)


def cer(*applications: int, origin: bytes = GATEWAY) -> bytes:
    return request(
        d.CAPABILITIES_EXCHANGE,
        d.BASE,
        origin,
        codec.avp(d.HOST_IP_ADDRESS, b"\0\1\x7f\0\0\1"),
        codec.u32(d.VENDOR_ID, 0),
        codec.text(d.PRODUCT_NAME, "a gateway", mandatory=False),
        *[codec.u32(d.AUTH_APPLICATION_ID, each) for each in applications or (d.CREDIT_CONTROL,)],
    )


def ccr(
    kind: int = 1,
    number: int = 0,
    *parts: bytes,
    session: str = "pgw.example;1;1",
    context: str = "32251@3gpp.org",
    hop: int = 7,
    flags: int = d.REQUEST | d.PROXIABLE,
    origin: bytes = GATEWAY,
) -> bytes:
    """A request of one subscriber, with `parts` after what every one has."""
    return request(
        d.CREDIT_CONTROL_COMMAND,
        d.CREDIT_CONTROL,
        codec.text(d.SESSION_ID, session),
        origin,
        codec.text(d.DESTINATION_REALM, "example"),
        codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        codec.text(d.SERVICE_CONTEXT_ID, context),
        codec.u32(d.CC_REQUEST_TYPE, kind),
        codec.u32(d.CC_REQUEST_NUMBER, number),
        *(parts or (subscription(d.END_USER_IMSI, IMSI), mscc(asked(1_000_000), group=1))),
        flags=flags,
        hop=hop,
    )


def subscription(kind: int, value: str) -> bytes:
    return codec.grouped(
        d.SUBSCRIPTION_ID,
        codec.u32(d.SUBSCRIPTION_ID_TYPE, kind),
        codec.text(d.SUBSCRIPTION_ID_DATA, value),
    )


def mscc(*parts: bytes, group: int | None = None, service: int | None = None) -> bytes:
    names = b""
    if service is not None:
        names += codec.u32(d.SERVICE_IDENTIFIER, service)
    if group is not None:
        names += codec.u32(d.RATING_GROUP, group)
    return codec.grouped(d.MULTIPLE_SERVICES_CREDIT_CONTROL, *parts, names)


def asked(octets: int | None = None, *, seconds: int | None = None) -> bytes:
    return codec.grouped(d.REQUESTED_SERVICE_UNIT, _units(octets, seconds))


def used(octets: int | None = None, *more: bytes, seconds: int | None = None) -> bytes:
    return codec.grouped(d.USED_SERVICE_UNIT, _units(octets, seconds), *more)


def by_direction(uplink: int, downlink: int) -> bytes:
    return codec.grouped(
        d.USED_SERVICE_UNIT,
        codec.u64(d.CC_INPUT_OCTETS, uplink),
        codec.u64(d.CC_OUTPUT_OCTETS, downlink),
    )


def reason(value: int) -> bytes:
    return codec.avp(d.REPORTING_REASON, value.to_bytes(4, "big"), d.VENDOR_3GPP)


def _units(octets: int | None, seconds: int | None) -> bytes:
    if seconds is not None:
        return codec.u32(d.CC_TIME, seconds)
    return b"" if octets is None else codec.u64(d.CC_TOTAL_OCTETS, octets)
