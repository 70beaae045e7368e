"""One connection to a gateway: the responder's half of the peer state machine (RFC 6733, 5.6)
with its watchdog (RFC 3539, 3.4).

Trunkline listens and never connects: a gateway, or an agent before it, opens the connections,
as many as it likes, each a peer of its own here. Requests go both ways on them.
"""

import asyncio
import ipaddress
import os
import random
import ssl
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec
import structlog

from trunkline.diameter import answers, codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Header, Malformed

log = structlog.get_logger(__name__)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Then = Callable[[bytes], None]
"""What is done with the answer to a request of ours."""

MOST_UNANSWERED = 10_000
"""Requests of ours on one connection; past them the oldest is not waited for any longer."""

_JITTER = 2.0
"""Seconds, up or down, by which watchdogs keep out of step (RFC 3539, 3.4.1)."""


class PeerSettings(msgspec.Struct, frozen=True):
    """Times in seconds. `allowed` names the Origin-Hosts that may connect, `realms` the
    Origin-Realms, `networks` where from; each empty means all."""

    watchdog: float = 30.0
    handshake: float = 10.0
    largest_message: int = codec.LARGEST_MESSAGE
    allowed: frozenset[str] = frozenset()
    realms: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()


class State(StrEnum):
    CONNECTED = "connected"
    """The transport is up, and a CER is awaited."""
    OPEN = "open"
    CLOSING = "closing"
    """A DPR has been sent or answered; requests that still come are answered, none is sent."""
    CLOSED = "closed"


_SERVED = (State.OPEN, State.CLOSING)
_CREDIT_CONTROL_REQUESTS = frozenset(
    bytes((flags,))
    + d.CREDIT_CONTROL_COMMAND.to_bytes(3, "big")
    + d.CREDIT_CONTROL.to_bytes(4, "big")
    for flags in range(256)
    if flags & d.REQUEST and not flags & d.ERROR
)
"""Flags, command and application as they stand in a header's octets 4 to 11."""


class Peer(asyncio.Protocol):
    """Handles the base protocol itself and hands whole requests of the credit-control
    application to `serve(peer, message)`, which answers through `send`, now or later; those of
    `others` by (application, command). What `others` find malformed they may raise."""

    def __init__(
        self,
        identity: answers.Identity,
        settings: PeerSettings,
        *,
        serve: Callable[["Peer", bytes], None],
        opened: Callable[["Peer"], None],
        closed: Callable[["Peer"], None],
        ready: Callable[["Peer"], None] | None = None,
        others: Mapping[tuple[int, int], Callable[["Peer", bytes], None]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """With `tls` a peer that insists may begin it inside the connection."""
        self.state = State.CONNECTED
        self.host = ""
        self.origin = b""
        """`host` as octets."""
        self.boot = 0
        """Its Origin-State-Id, or 0: what its own requests don't tell themselves."""
        self.relays = False
        """Whether it is an agent for whatever applications (RFC 6733, 2.4)."""
        self.waiting = 0
        """Requests of its that charging hasn't answered yet."""
        self.unsupported: set[tuple[str, int]] = set()
        """Hosts, it or those behind it, with the commands that they answered 3001 to."""
        self._identity = identity
        self._settings = settings
        self._serve = serve
        self._opened = opened
        self._closed = closed
        self._ready = ready
        self._others = others or {}
        self._tls = tls
        self._securing: asyncio.Task[None] | None = None
        self._early: list[bytes] | None = None
        self._framer = codec.Framer(settings.largest_message)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._heard = False
        self._unanswered = 0
        self._complained: set[int] = set()
        self._hop = int.from_bytes(os.urandom(4), "big")
        self._awaited: dict[int, Then] = {}

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)
        address = self._address("peername")
        networks = self._settings.networks
        if networks and not any(address in network for network in networks):
            log.warning("diameter connection from elsewhere", address=str(address))
            self.abort()
            return
        self._start_timer(self._settings.handshake, self._no_handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._awaited.clear()
        if self._timer is not None:
            self._timer.cancel()
        log.info("diameter peer gone", peer=self.host, reason=str(exc) if exc else "closed")
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        framer = self._framer
        self._take(framer.feed(data))
        if framer.rejected:
            self._refuse_framing()

    def _take(self, messages: list[bytes]) -> None:
        for message in messages:
            if message[4:12] in _CREDIT_CONTROL_REQUESTS and self.state in _SERVED:
                self._serve(self, message)
            else:
                self._base(message)

    def pause_writing(self) -> None:
        """Its answers pile up unread: hear nothing more from it until they don't."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    # What others may do.

    @property
    def secured(self) -> bool:
        """Whether TLS protects it."""
        return self._transport.get_extra_info("ssl_object") is not None

    @property
    def unsent(self) -> int:
        """Octets that wait to be taken by the other side."""
        return self._transport.get_write_buffer_size()

    def send(self, octets: bytes) -> None:
        """Whole messages; dropped when the connection is gone, as RFC 6733 lets the client
        send its request again elsewhere."""
        if self.state is not State.CLOSED:
            self._transport.write(octets)

    def refuse(self, message: bytes, result_code: int, reason: str, failed: bytes = b"") -> None:
        """Answer a request with an error of the base protocol."""
        self.send(answers.refusal(self._identity, message, result_code, reason, failed))

    def request(
        self,
        command: int,
        application: int,
        *parts: bytes,
        end_to_end: int,
        again: bool = False,
        then: Then,
    ) -> None:
        """Send a request of ours; `then` gets its answer, should one come on this connection.
        `again`: it, or one like it, was sent before under this `end_to_end` (T flag)."""
        self._hop = self._hop + 1 & 0xFFFFFFFF
        flags = d.REQUEST | d.PROXIABLE | (d.RETRANSMITTED if again else 0)
        if len(self._awaited) >= MOST_UNANSWERED:
            del self._awaited[next(iter(self._awaited))]
        self._awaited[self._hop] = then
        self.send(codec.message(command, application, self._hop, end_to_end, *parts, flags=flags))

    def complain(self, result_code: int, reason: str) -> None:
        """Log what this peer got wrong, once for each Result-Code: a broken gateway sends the
        same thousands of times, and the metrics count them."""
        if result_code not in self._complained:
            self._complained.add(result_code)
            log.warning(
                "diameter request refused", peer=self.host, result=result_code, reason=reason
            )

    def disconnect(self) -> None:
        """Ask for the connection's end with a DPR; the peer's DPA closes it."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            cause = codec.u32(d.DISCONNECT_CAUSE, d.DISCONNECT_REBOOTING)
            self._request(d.DISCONNECT_PEER, self._identity.avps, cause)
        elif self.state is State.CONNECTED:
            self.close()

    def close(self) -> None:
        """Close once everything written has gone out."""
        if self.state is not State.CLOSED:
            self.state = State.CLOSING
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self.state is not State.CLOSED:
            self._transport.abort()

    # The base protocol.

    def _base(self, message: bytes) -> None:
        if self._securing is not None and self.state is State.CONNECTED:
            self._hear_early(message)
            return
        header = codec.header_of(message)
        if not header.is_request:
            self._answered(header, message)
            return
        try:
            self._base_request(header, message)
        except Malformed as error:
            self.complain(error.result_code, error.reason)
            self.refuse(message, error.result_code, error.reason, error.failed_avp)

    def _base_request(self, header: Header, message: bytes) -> None:
        if header.flags & d.ERROR:
            raise Malformed(d.INVALID_HDR_BITS, "a request with the E bit")
        if header.application == d.BASE and header.command == d.CAPABILITIES_EXCHANGE:
            self._capabilities(message)
        elif self.state is State.CONNECTED:
            log.warning("diameter request before CER", command=header.command)
            self.close()
        elif header.application == d.BASE and header.command == d.DEVICE_WATCHDOG:
            self._origin(message)
            self._acknowledge(message, codec.u32(d.ORIGIN_STATE_ID, self._identity.state))
        elif header.application == d.BASE and header.command == d.DISCONNECT_PEER:
            self._origin(message)
            cause = self._leave(message)
            log.info("diameter peer leaves", peer=self.host, cause=cause)
            self.state = State.CLOSING
            self._acknowledge(message)
            self._start_timer(self._settings.handshake, self.close)
        elif (header.application, header.command) in self._others:
            self._others[header.application, header.command](self, message)
        elif header.application not in (d.BASE, d.CREDIT_CONTROL, *self._applications()):
            raise Malformed(
                d.APPLICATION_UNSUPPORTED, f"application {header.application} is not served here"
            )
        else:
            raise Malformed(d.COMMAND_UNSUPPORTED, f"command {header.command} is unknown here")

    def _capabilities(self, message: bytes) -> None:
        """CER (RFC 6733, 5.3): also on an open connection, where it only renews."""
        applications: set[int] = set()
        securities: set[int] = set()
        boot = 0
        for avp in codec.avps(message):
            if avp.vendor:
                continue
            if avp.code in (d.AUTH_APPLICATION_ID, d.ACCT_APPLICATION_ID):
                applications.add(avp.u32())
            elif avp.code == d.VENDOR_SPECIFIC_APPLICATION_ID:
                inner = codec.avps(avp.data, 0)
                applications |= {part.u32() for part in inner if part.code != d.VENDOR_ID}
            elif avp.code == d.INBAND_SECURITY_ID:
                securities.add(avp.u32())
            elif avp.code == d.ORIGIN_STATE_ID:
                boot = avp.u32()
        host, realm = self._origin(message)
        result, security = d.SUCCESS, d.NO_INBAND_SECURITY
        renamed = self.host and host.lower() != self.host.lower()
        if renamed or not self._may_connect(host, realm):
            result = d.UNKNOWN_PEER
        elif not applications & {d.CREDIT_CONTROL, d.RELAY, *self._applications()}:
            result = d.NO_COMMON_APPLICATION
        elif securities and security not in securities:
            begins = self.state is State.CONNECTED and not self.secured
            if begins and self._tls and d.INBAND_TLS in securities:
                security = d.INBAND_TLS
            else:
                result = d.NO_COMMON_SECURITY
        parts = answers.capabilities(
            self._identity,
            result,
            self._address("sockname"),
            sorted(self._applications()),
            security,
        )
        self.send(answers.answer_to(message, *parts, error=result == d.UNKNOWN_PEER))
        if result != d.SUCCESS:
            log.warning("diameter peer refused", peer=host, result=result)
            self.close()
            return
        self.host, self.origin, self.boot = host, host.encode(), boot
        self.relays = d.RELAY in applications
        if security == d.INBAND_TLS:
            self._securing = asyncio.create_task(self._secure(realm))
        elif self.state is State.CONNECTED:
            self._open()

    def _open(self) -> None:
        log.info("diameter peer open", peer=self.host)
        self.state = State.OPEN
        self._start_timer(self._watchdog(), self._watch)
        if self._ready is not None:
            self._ready(self)

    async def _secure(self, realm: str) -> None:
        """TLS from here on (RFC 3588, 13.1), as older peers ask for by Inband-Security-Id; what
        their certificate says is known only then, and what they say may come a moment sooner. The
        timer bounds it."""
        assert self._tls is not None
        # Nothing that came in the clear may pass for secured.
        self._framer = codec.Framer(self._settings.largest_message)
        self._early = []
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._tls, server_side=True
            )
        except OSError as error:
            log.warning("diameter peer not secured", peer=self.host, reason=str(error))
            self.abort()
            self.connection_lost(error)
            return
        if transport is None or self.state is not State.CONNECTED:
            # That a connection ends while TLS begins isn't told by the loop.
            self.connection_lost(None)
            return
        self._transport = transport
        if self._may_connect(self.host, realm):
            self._open()
            self._take(self._early)
        else:
            log.warning("diameter peer refused", peer=self.host, result=d.UNKNOWN_PEER)
            self.close()

    def _hear_early(self, message: bytes) -> None:
        """Before TLS it must not be said, and before we have noticed that TLS stands, it waits."""
        if self._early is None:
            log.warning("diameter peer goes on in the clear", peer=self.host)
            self.abort()
        else:
            self._early.append(message)

    def _applications(self) -> set[int]:
        """Those served beside credit control."""
        return {application for application, _ in self._others}

    def _may_connect(self, host: str, realm: str) -> bool:
        """By the settings, and by the certificate where one was shown that names hosts (RFC
        6733, 13.1). Names are compared as DNS does, without regard to case."""
        host, realm = host.lower(), realm.lower()
        settings = self._settings
        if settings.allowed and host not in settings.allowed:
            return False
        if settings.realms and realm not in settings.realms:
            return False
        certificate = self._transport.get_extra_info("peercert") or {}
        names = [
            name.lower() for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"
        ]
        wildcard = f"*.{host.partition('.')[2]}"
        return not names or host in names or wildcard in names

    def _address(self, which: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """The connection's own address ("sockname"), or its other end's ("peername")."""
        name: Any = self._transport.get_extra_info(which)
        address = ipaddress.ip_address(name[0].partition("%")[0])
        return getattr(address, "ipv4_mapped", None) or address

    def _origin(self, message: bytes) -> tuple[str, str]:
        """Origin-Host and Origin-Realm, which must be there."""
        found: dict[int, str] = {}
        for avp in codec.avps(message):
            if avp.code in (d.ORIGIN_HOST, d.ORIGIN_REALM) and not avp.vendor:
                found[avp.code] = avp.text()
        for code in (d.ORIGIN_HOST, d.ORIGIN_REALM):
            if code not in found:
                raise codec.missing(code)
        return found[d.ORIGIN_HOST], found[d.ORIGIN_REALM]

    def _leave(self, message: bytes) -> int:
        """The Disconnect-Cause of a DPR, which must be there (RFC 6733, 5.4.3)."""
        for avp in codec.avps(message):
            if avp.code == d.DISCONNECT_CAUSE and not avp.vendor:
                return avp.u32()
        raise codec.missing(d.DISCONNECT_CAUSE)

    def _acknowledge(self, message: bytes, *more: bytes) -> None:
        result = codec.u32(d.RESULT_CODE, d.SUCCESS)
        self.send(answers.answer_to(message, result, self._identity.avps, *more))

    def _answered(self, header: Header, message: bytes) -> None:
        """To a DWR, any sign of life has already been taken note of; to a DPR, this is the
        end. An answer to nothing is dropped (RFC 6733, 6.2.1)."""
        then = self._awaited.pop(header.hop_by_hop, None)
        if then is not None:
            then(message)
        elif header.command == d.DISCONNECT_PEER and self.state is State.CLOSING:
            self.close()

    def _refuse_framing(self) -> None:
        for head, error in self._framer.rejected:
            if head[0] == 1 and head[4] & d.REQUEST and self.state is not State.CONNECTED:
                self.refuse(head, error.result_code, error.reason)
            self.complain(error.result_code, error.reason)
        self._framer.rejected.clear()
        if self._framer.lost:
            self.close()

    def _request(self, command: int, *parts: bytes) -> None:
        number = int.from_bytes(os.urandom(4), "big")
        self.send(codec.message(command, d.BASE, number, number, *parts, flags=d.REQUEST))

    # Timers.

    def _start_timer(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _no_handshake(self) -> None:
        log.warning("diameter peer sent no CER in time")
        self.close()

    def _watch(self) -> None:
        """Silent for one period: ask. For two more: it is gone (RFC 3539, 3.4.1). A peer that
        is held back by its own unread answers isn't silent of its own will, and is given up
        in the same time."""
        if self._heard:
            self._heard = False
            self._unanswered = 0
        elif self._unanswered == 2:
            log.warning("diameter peer silent", peer=self.host)
            self.abort()
            return
        else:
            if self._unanswered == 0:
                self._request(
                    d.DEVICE_WATCHDOG,
                    self._identity.avps,
                    codec.u32(d.ORIGIN_STATE_ID, self._identity.state),
                )
            self._unanswered += 1
        self._start_timer(self._watchdog(), self._watch)

    def _watchdog(self) -> float:
        period = self._settings.watchdog
        if period <= 3 * _JITTER:
            return period
        return period + random.uniform(-_JITTER, _JITTER)  # noqa: S311 - no secret
