"""The Gy and Ro server: gateways on one side, charging's batcher on the other.

What comes while the batcher has no room for the connection is told to come back (3004). What
charging wants told to a gateway about a session goes out over the gateway's own connections, or its
agents' (`telling`).
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

import msgspec
import structlog

from trunkline.charging import Batcher, ChargeAnswer, Unanswered
from trunkline.diameter import answers, meters
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.gy_answer import RESULT_CODES, CreditAnswers, result_of
from trunkline.diameter.gy_request import Reading, read
from trunkline.diameter.peer import Peer, PeerSettings
from trunkline.diameter.peers import Peers
from trunkline.diameter.services import NO_SERVICES, Services
from trunkline.diameter.sy import Statuses, Sy
from trunkline.diameter.telling import Teller
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.listening import Acceptor, Sockets, bind

log = structlog.get_logger(__name__)


class Tls(msgspec.Struct, frozen=True):
    """Files in PEM form (RFC 6733, 13.1). With `authorities` a peer must show a certificate that
    one of them signed; where that names hosts, its Origin-Host must be one of them."""

    certificate: str
    key: str
    authorities: str = ""

    def context(self) -> ssl.SSLContext:
        """Raises `OSError` and `ssl.SSLError` for files that can't be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.certificate, self.key)
        if self.authorities:
            context.load_verify_locations(self.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class GySettings(msgspec.Struct, frozen=True):
    """`port` and `tls_port` 0 take a free one. `drain` is for how many seconds a stop waits for
    gateways to agree. An Event-Timestamp further than `event_time_tolerance` seconds from our own
    clock is not believed. `failure_handling` is Credit-Control-Failure-Handling (RFC 8506, 8.14):
    what gateways are told to do with a session while they get no answer. `shared`: other
    processes serve on the same sockets."""

    origin_host: str
    origin_realm: str
    host: str = "127.0.0.1"
    port: int = 3868
    connections: int = 1000
    drain: float = 3.0
    event_time_tolerance: int = 86_400
    services: Services = NO_SERVICES
    failure_handling: int = 0
    realms: frozenset[bytes] = frozenset()
    peer: PeerSettings = PeerSettings()
    tls: Tls | None = None
    tls_port: int = 5868
    shared: bool = False


class Asked(msgspec.Struct, gc=False):
    """Whom to answer."""

    peer: Peer
    reading: Reading


class GyServer:
    """`start`, then `stop`, both on the event loop's thread, where the batcher runs too."""

    def __init__(
        self,
        settings: GySettings,
        batcher: Batcher,
        clock: Clock,
        database: Database | None = None,
        statuses: Statuses | None = None,
    ) -> None:
        """`database` is charging's, for what gateways are told; without it they are told
        nothing. With `statuses`, too, Sy is served."""
        self._settings = settings
        self._batcher = batcher
        self._clock = clock
        self._identity = answers.Identity(settings.origin_host, settings.origin_realm)
        self._host = settings.origin_host.lower().encode()
        self._answers = CreditAnswers(
            self._identity, settings.failure_handling, settings.services.groups
        )
        self.peers = Peers()
        self._stopping = False
        self._acceptors: list[Acceptor] = []
        self._nobody = asyncio.Event()
        self._teller: Teller | None = None
        self._sy: Sy | None = None
        if database is not None:
            self._teller = Teller(database, clock, self._identity, self.peers, statuses)
            if statuses is not None:
                self._sy = Sy(database, clock, self._identity, self.peers, statuses)
        self._telling: asyncio.Task[None] | None = None
        self._tls: ssl.SSLContext | None = None
        self.tls_port = 0

    async def start(self, sockets: Sockets | None = None) -> int:
        """Listen, on "gy" and "gy_tls" of these where they are given; returns the port."""
        settings, given = self._settings, sockets or {}
        if settings.tls is not None:
            self._tls = settings.tls.context()
        port = self._listen(given.get("gy") or bind(settings.host, settings.port, "charging"))
        log.info("gy listening", host=settings.host, port=port)
        if self._tls is not None:
            secure = given.get("gy_tls") or bind(
                settings.host, settings.tls_port, "diameter.tls_port"
            )
            self.tls_port = self._listen(secure, self._tls)
            log.info("gy listening with tls", host=settings.host, port=self.tls_port)
        if self._teller is not None:
            self._telling = asyncio.create_task(self._teller.run())
        return port

    def _listen(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> int:
        acceptor = Acceptor(
            listening,
            self._new_peer,
            tls=tls,
            handshake=self._settings.peer.handshake,
            shared=(lambda: len(self.peers.all)) if self._settings.shared else None,
        )
        self._acceptors.append(acceptor)
        return acceptor.port

    async def stop(self) -> None:
        """Take no more connections or requests, answer those that wait, take leave of each
        gateway with a DPR, close."""
        self._stopping = True
        for acceptor in self._acceptors:
            await acceptor.close()
        if self._teller is not None and self._telling is not None:
            self._teller.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._telling, self._settings.drain)
        await self._batcher.drained()
        if self.peers.all:
            self._nobody.clear()
            for peer in tuple(self.peers.all):
                peer.disconnect()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nobody.wait(), self._settings.drain)
            for peer in tuple(self.peers.all):
                peer.abort()
        if self._sy is not None:
            await self._sy.close()

    def _new_peer(self) -> Peer:
        return Peer(
            self._identity,
            self._settings.peer,
            serve=self._receive,
            opened=self._peer_opened,
            closed=self._peer_closed,
            ready=self._peer_ready,
            others=None if self._sy is None else self._sy.handlers,
            tls=self._tls,
        )

    def _peer_opened(self, peer: Peer) -> None:
        self.peers.add(peer)
        count = len(self.peers.all)
        meters.PEERS.set(count)
        if count > self._settings.connections or self._stopping:
            log.warning("diameter connection refused", open=count)
            peer.abort()

    def _peer_ready(self, peer: Peer) -> None:
        self.peers.opened(peer)
        if self._teller is not None:
            self._teller.wake()

    def _peer_closed(self, peer: Peer) -> None:
        self.peers.remove(peer)
        meters.PEERS.set(len(self.peers.all))
        if not self.peers.all:
            self._nobody.set()

    def _receive(self, peer: Peer, message: bytes) -> None:
        if self._stopping or not self._batcher.has_room(peer.waiting):
            peer.refuse(message, d.TOO_BUSY, "too busy")
            meters.REQUESTS.labels("any", d.TOO_BUSY).inc()
            return
        now = self._clock.now()
        try:
            reading = read(
                message,
                int(now.timestamp()),
                self._settings.event_time_tolerance,
                self._settings.services,
            )
            self._check_way(reading)
        except Malformed as error:
            peer.refuse(message, error.result_code, error.reason, error.failed_avp)
            meters.REQUESTS.labels("any", error.result_code).inc()
            peer.complain(error.result_code, error.reason)
            return
        except Exception:
            # A defect of ours costs the request that shows it, not the connection.
            log.exception("gy request failed", peer=peer.host)
            peer.refuse(message, d.UNABLE_TO_COMPLY, "the request can't be read")
            meters.REQUESTS.labels("any", d.UNABLE_TO_COMPLY).inc()
            return
        if reading.origin != peer.origin:
            self.peers.learn(reading.origin, peer)
        elif not reading.request.boot:
            reading.request.boot = peer.boot
        for oddity in reading.oddities:
            meters.ODDITIES.labels(oddity).inc()
        peer.waiting += 1
        self._batcher.ask(self, Asked(peer, reading), reading.request)

    def _check_way(self, reading: Reading) -> None:
        """Whether the request came to where it was to go (RFC 6733, 6.1.3 and 6.1.4). Raises
        `Malformed`."""
        if reading.route and self._host in {each.lower() for each in reading.route}:
            raise Malformed(d.LOOP_DETECTED, "this node has sent the request on before")
        realms = self._settings.realms
        if realms and reading.realm.lower() not in realms:
            raise Malformed(d.REALM_NOT_SERVED, "this Destination-Realm is not served here")

    def answered(self, answers: Sequence[tuple[Asked, ChargeAnswer]], seconds: list[float]) -> None:
        """Sends the answers, those of one peer together."""
        by_peer: dict[Peer, list[bytes]] = {}
        for asked, answer in answers:
            by_peer.setdefault(asked.peer, []).append(self._encoded(asked.reading, answer))
        for each in seconds:
            meters.SECONDS.observe(each)
        for peer, octets in by_peer.items():
            peer.waiting -= len(octets)
            peer.send(b"".join(octets))

    def unanswered(self, asked: Asked, why: Unanswered) -> None:
        """Refuses the request as RFC 6733 wants it: the gateway comes back, or goes on."""
        asked.peer.waiting -= 1
        result = d.TOO_BUSY if why is Unanswered.HELD else d.UNABLE_TO_COMPLY
        asked.peer.refuse(asked.reading.message, result, why.value)
        _count(asked.reading, result)

    def _encoded(self, reading: Reading, answer: ChargeAnswer) -> bytes:
        try:
            result = result_of(reading, answer)
            octets = self._answers.encode(reading, answer, result)
        except Exception:
            # What can't be said to one gateway must not keep the others' answers back.
            log.exception("gy answer failed", session=reading.request.session)
            _count(reading, d.UNABLE_TO_COMPLY)
            return answers.refusal(
                self._identity, reading.message, d.UNABLE_TO_COMPLY, "the answer can't be written"
            )
        _count(reading, RESULT_CODES[result])
        return octets


_counters: dict[tuple[int, int], Callable[[], None]] = {}


def _count(reading: Reading, result: int) -> None:
    key = reading.request.kind, result
    increment = _counters.get(key)
    if increment is None:
        name = reading.request.kind.name.lower()
        increment = _counters[key] = meters.REQUESTS.labels(name, result).inc
    increment()


async def serve(
    settings: GySettings,
    batcher: Batcher,
    clock: Clock,
    *,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    database: Database | None = None,
    statuses: Statuses | None = None,
    sockets: Sockets | None = None,
) -> None:
    """Serve until `stop` is set; `ready` is called with the port once it listens."""
    server = GyServer(settings, batcher, clock, database, statuses)
    ready(await server.start(sockets))
    try:
        await stop.wait()
    finally:
        await server.stop()
