"""The ChargingDataRef: the name of a charging session, which is its id in charging, too.

It is made of what a repeated create has in common with the first, so that both get the same
one and no table is needed; and it names the subscriber, so that an update need not. A ref that
isn't made like this is the name of a session that another edge opened: a Session-Id.
"""

import hashlib
import re
from functools import lru_cache

import msgspec

from trunkline.charging import Identity, Service, service_of
from trunkline.nchf.documents import ChargingData
from trunkline.rating import service_code

LONGEST = 512

API_CALLS = service_code("api-call")
"""What a NEF charges for, in the unit that it counts (TS 32.254)."""
_LETTERS = {int(Service.DATA): "d", int(Service.VOICE): "v", int(Service.SMS): "s", API_CALLS: "a"}
_SERVICES = {letter: service for service, letter in _LETTERS.items()}
_REF = re.compile(
    r"([a-z]|x[0-9a-f]{1,16})((?:-(?:imsi|msisdn)-[0-9]{1,15}){0,2})-[0-9a-f]{24}", re.ASCII
)
_IDENTITY = re.compile(r"(imsi|msisdn)-([0-9]+)", re.ASCII)
_NAMELESS = (None,) * 7


class Named(msgspec.Struct, frozen=True, gc=False):
    """Who and what a ref is about."""

    service: int
    identities: tuple[Identity, ...]


def ref_of(data: ChargingData, service: int, identities: tuple[Identity, ...]) -> str:
    """The ref of the session, or the event, that this create begins: of the same consumer,
    subscriber, charging id, session start and sequence number always the same one. Where the
    consumer gives it no id at all, of the same instant."""
    consumer, pdu, ims, sms = data.consumer, data.pdu, data.ims, data.sms
    session = None if pdu is None else pdu.session
    ids = (
        data.charging_id,
        None if pdu is None else pdu.charging_id,
        None if pdu is None else pdu.smf_charging_id,
        None if session is None else session.started,
        None if ims is None else ims.charging_id,
        None if ims is None else ims.session,
        None if sms is None else sms.message,
    )
    parts = (
        consumer.name or consumer.fqdn or consumer.ipv4 or consumer.ipv6,
        consumer.functionality,
        data.subscriber,
        identities,
        ids,
        data.sequence,
        None if session is None else session.id,
        data.one_time,
        # Or else every message of an SMSF that counts from 0 would repeat the last one.
        data.stamp if ids == _NAMELESS else None,
    )
    mark = hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=12).hexdigest()
    who = "".join(f"-{kind}-{value}" for kind, value in identities[:2])
    return f"{_LETTERS.get(service) or f'x{service:x}'}{who}-{mark}"


@lru_cache(maxsize=65_536)
def named(ref: str) -> Named | None:
    """What the ref says; None for one that isn't ours."""
    match = _REF.fullmatch(ref)
    if match is None:
        return None
    what = match[1]
    code = int(what[1:], 16) if len(what) > 1 else _SERVICES.get(what)
    if code is None:
        return None
    found = _IDENTITY.findall(match[2])
    return Named(service_of(code), tuple((kind, value) for kind, value in found))
