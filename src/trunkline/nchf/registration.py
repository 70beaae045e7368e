"""The CHF's registration at an NRF, so that consumers find it there (Nnrf_NFManagement; TS 29.510,
clauses 5.2.2.2, 5.2.2.3 and 5.2.2.4): a profile, heart-beats, and leave in the end.

The instance's id follows from its address: a process that begins again, or one of several that
share the address, renews the same registration, and the last of them ends it.
"""

import asyncio
import ipaddress
import uuid
from typing import Any

import msgspec
import structlog

from trunkline.kernel.errors import Invalid
from trunkline.nchf import converged, spending
from trunkline.nchf.posting import NotReached, Poster, Reply
from trunkline.platform.db import Database
from trunkline.platform.presence import Presence
from trunkline.tmf.hub import Callback, CallbackRefused, parse_callback

log = structlog.get_logger(__name__)

HEARTBEAT = 10
"""Seconds, where the NRF names no other time."""
_SOONER = 0.8
"""A heart-beat comes after so much of the time that the NRF allows."""
_AGAIN = 5.0
"""Seconds until the next attempt, when the NRF isn't reached or refuses."""
_LONGEST = 3600

_BEAT = b'[{"op":"replace","path":"/nfStatus","value":"REGISTERED"}]'
_SERVICES = (
    ("nchf-convergedcharging", converged.PREFIX, "3.1.6"),
    ("nchf-spendinglimitcontrol", spending.PREFIX, "1.2.0"),
)


class NrfSettings(msgspec.Struct, frozen=True):
    """`root` is the NRF's apiRoot, `address` ours. `plmns` are MCC and MNC; ranges are two numbers
    with "-" between them, or a pattern that begins with "^"; where there are none, all are served.
    `group` is the CHF group that consumers choose by. `prefix` is told as our services' apiPrefix,
    for consumers that read something else there than `address`'s path."""

    root: str
    address: str
    plmns: tuple[str, ...] = ()
    supis: tuple[str, ...] = ()
    gpsis: tuple[str, ...] = ()
    served_plmns: tuple[str, ...] = ()
    group: str = ""
    instance: str = ""
    prefix: str = ""


class Registration:
    """`run` until it is cancelled, then `leave`. Consumers that know us go on while the NRF is
    away: its refusals are logged, and tried again."""

    def __init__(
        self, settings: NrfSettings, poster: Poster, database: Database | None = None
    ) -> None:
        """On one charging `database` the last process that leaves takes leave of the NRF."""
        self._profile = profile_of(settings)
        self._target = nrf_of(settings, self._profile["nfInstanceId"])
        self._poster = poster
        self._presence: Presence | None = None
        if database is not None:
            self._presence = Presence(database, f"nrf {self._profile['nfInstanceId']}")
        self._registered = False
        self._asking = False
        self._refused = ""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(await self._round())

    async def leave(self) -> None:
        """Deregisters, if it may be registered and no other process goes on; an NRF that isn't
        reached finds out by itself."""
        registered, self._registered = self._registered or self._asking, False
        presence = self._presence
        try:
            if registered and (presence is None or await asyncio.to_thread(presence.leave)):
                await self._send("DELETE")
        finally:
            if presence is not None:
                presence.close()

    async def _round(self) -> float:
        """Registers, or shows that we live; returns the seconds until the next time."""
        if self._presence is not None:
            await asyncio.to_thread(self._presence.renew)
        if self._registered:
            reply = await self._send("PATCH", _BEAT, "application/json-patch+json")
            if reply is None or reply.status >= 500:
                return _AGAIN
            if reply.status < 300:
                return _time_in(reply)
            self._registered = False  # 404, as a rule: the NRF has forgotten us
        self._asking = True  # until there is an answer: whoever is stopped meanwhile may be known
        reply = await self._send("PUT", msgspec.json.encode(self._profile))
        self._asking = False
        if reply is None or reply.status not in (200, 201):
            return _AGAIN
        self._registered = True
        log.info("registered at the nrf", instance=self._profile["nfInstanceId"])
        return _time_in(reply)

    async def _send(
        self, method: str, body: bytes = b"", kind: str = "application/json"
    ) -> Reply | None:
        """The answer, one that refuses included; None where there is none. Either is logged when
        it is news."""
        reply, refused = None, ""
        try:
            reply = await self._poster.send(method, self._target, body, kind)
            # Who isn't known there any more begins anew, or has gone already.
            unknown = reply.status == 404 and method != "PUT"
            if not 200 <= reply.status < 300 and not unknown:
                refused = f"status {reply.status}"
        except (NotReached, CallbackRefused, Invalid) as error:
            refused = error.reason
        if refused and refused != self._refused:
            log.warning("the nrf doesn't take it", method=method, reason=refused)
        self._refused = refused
        return reply


def check_registration(settings: NrfSettings) -> None:
    """Raises `Invalid` for what can't be registered."""
    nrf_of(settings, profile_of(settings)["nfInstanceId"])


def nrf_of(settings: NrfSettings, instance: str) -> Callback:
    """Where an instance is registered. Raises `Invalid`."""
    path = f"/nnrf-nfm/v1/nf-instances/{instance}"
    return parse_callback(settings.root.rstrip("/") + path, path="nchf.nrf")


def profile_of(settings: NrfSettings) -> dict[str, Any]:
    """An NFProfile (TS 29.510, 6.1.6.2.2). Raises `Invalid`."""
    address = parse_callback(settings.address, path="nchf.url")
    try:
        instance = str(uuid.UUID(settings.instance)) if settings.instance else _id_of(address)
    except ValueError:
        raise Invalid(f"{settings.instance[:40]!r} is no UUID", path="nchf.nrf_instance") from None
    place = _place(address)
    profile: dict[str, Any] = {
        "nfInstanceId": instance,
        "nfType": "CHF",
        "nfStatus": "REGISTERED",
        "heartBeatTimer": HEARTBEAT,
        **{name: [value] if name.startswith("ip") else value for name, value in place.items()},
    }
    if settings.plmns:
        profile["plmnList"] = [_plmn(each) for each in settings.plmns]
    served = {
        "supiRangeList": [_range(each, "nchf.nrf_supis") for each in settings.supis],
        "gpsiRangeList": [_range(each, "nchf.nrf_gpsis") for each in settings.gpsis],
        "plmnRangeList": [_range(each, "nchf.nrf_served_plmns") for each in settings.served_plmns],
        "groupId": settings.group,
    }
    profile["chfInfo"] = {name: value for name, value in served.items() if value}
    profile["nfServices"] = [
        _service(name, path, version, address, place) for name, path, version in _SERVICES
    ]
    if settings.prefix:
        for service in profile["nfServices"]:
            service["apiPrefix"] = settings.prefix
    return profile


def _service(
    name: str, path: str, version: str, address: Callback, place: dict[str, str]
) -> dict[str, Any]:
    ends = {"ipv4Addresses": "ipv4Address", "ipv6Addresses": "ipv6Address"}
    point = {ends[kind]: value for kind, value in place.items() if kind in ends}
    service: dict[str, Any] = {
        "serviceInstanceId": name,
        "serviceName": name,
        "versions": [{"apiVersionInUri": path.split("/")[2], "apiFullVersion": version}],
        "scheme": address.scheme,
        "nfServiceStatus": "REGISTERED",
        "ipEndPoints": [{**point, "transport": "TCP", "port": address.port}],
    }
    if "fqdn" in place:
        service["fqdn"] = place["fqdn"]
    if prefix := address.path.strip("/"):
        service["apiPrefix"] = f"/{prefix}"
    return service


def _id_of(address: Callback) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{address.scheme}://{address.authority}"))


def _place(address: Callback) -> dict[str, str]:
    try:
        version = ipaddress.ip_address(address.host).version
    except ValueError:
        return {"fqdn": address.host}
    return {f"ipv{version}Addresses": address.host}


def _plmn(text: str) -> dict[str, str]:
    if not (text.isascii() and text.isdigit() and len(text) in (5, 6)):
        raise Invalid(f"{text[:20]!r} is no MCC and MNC", path="nchf.nrf_plmns")
    return {"mcc": text[:3], "mnc": text[3:]}


def _range(text: str, path: str) -> dict[str, str]:
    if text.startswith("^"):
        return {"pattern": text}
    start, _, end = text.partition("-")
    if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        raise Invalid(f"{text[:40]!r} is no range, as 999700000-999709999, or ^pattern", path=path)
    if len(start) != len(end) or start > end:
        raise Invalid(f"{text[:40]!r} ends before it begins", path=path)
    return {"start": start, "end": end}


def _time_in(reply: Reply) -> float:
    """When the next heart-beat is due, by the profile that the NRF answered with."""
    try:
        told = msgspec.json.decode(reply.body, type=_Timer).seconds if reply.body else None
    except msgspec.MsgspecError:
        told = None
    return min(max(told or HEARTBEAT, 1), _LONGEST) * _SOONER


class _Timer(msgspec.Struct):
    seconds: int | None = msgspec.field(name="heartBeatTimer", default=None)
