"""The Gy and Ro server: gateways on one side, charging's batcher on the other.

What comes while the batcher is full is told to come back (3004).
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from trunkline.charging import Batcher, ChargeAnswer, Unanswered
from trunkline.diameter import answers, meters
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.gy_answer import RESULT_CODES, CreditAnswers
from trunkline.diameter.gy_request import Reading, read
from trunkline.diameter.peer import Peer, PeerSettings
from trunkline.platform.clock import Clock

log = structlog.get_logger(__name__)


class GySettings(msgspec.Struct, frozen=True):
    """`port` 0 takes a free one. `drain` is for how many seconds a stop waits for gateways to
    agree. An Event-Timestamp further than `event_time_tolerance` seconds from our own clock is
    not believed."""

    origin_host: str
    origin_realm: str
    host: str = "127.0.0.1"
    port: int = 3868
    connections: int = 1000
    drain: float = 3.0
    event_time_tolerance: int = 86_400
    peer: PeerSettings = PeerSettings()


class Asked(NamedTuple):
    """Whom to answer."""

    peer: Peer
    reading: Reading


class GyServer:
    """`start`, then `stop`, both on the event loop's thread, where the batcher runs too."""

    def __init__(self, settings: GySettings, batcher: Batcher, clock: Clock) -> None:
        self._settings = settings
        self._batcher = batcher
        self._clock = clock
        self._identity = answers.Identity(
            settings.origin_host, settings.origin_realm, state=int(clock.now().timestamp())
        )
        self._answers = CreditAnswers(self._identity)
        self._peers: set[Peer] = set()
        self._stopping = False
        self._server: asyncio.Server | None = None
        self._nobody = asyncio.Event()

    async def start(self) -> int:
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._new_peer, self._settings.host, self._settings.port
        )
        port: int = self._server.sockets[0].getsockname()[1]
        log.info("gy listening", host=self._settings.host, port=port)
        return port

    async def stop(self) -> None:
        """Take no more connections or requests, answer those that wait, take leave of each
        gateway with a DPR, close."""
        self._stopping = True
        assert self._server is not None, "stop follows start"
        self._server.close()
        await self._batcher.drained()
        if self._peers:
            self._nobody.clear()
            for peer in tuple(self._peers):
                peer.disconnect()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nobody.wait(), self._settings.drain)
            for peer in tuple(self._peers):
                peer.abort()
        await self._server.wait_closed()

    def _new_peer(self) -> Peer:
        return Peer(
            self._identity,
            self._settings.peer,
            serve=self._receive,
            opened=self._peer_opened,
            closed=self._peer_closed,
        )

    def _peer_opened(self, peer: Peer) -> None:
        self._peers.add(peer)
        meters.PEERS.set(len(self._peers))
        if len(self._peers) > self._settings.connections or self._stopping:
            log.warning("diameter connection refused", open=len(self._peers))
            peer.abort()

    def _peer_closed(self, peer: Peer) -> None:
        self._peers.discard(peer)
        meters.PEERS.set(len(self._peers))
        if not self._peers:
            self._nobody.set()

    def _receive(self, peer: Peer, message: bytes) -> None:
        if self._stopping or self._batcher.is_full:
            peer.refuse(message, d.TOO_BUSY, "too busy")
            meters.REQUESTS.labels("any", d.TOO_BUSY).inc()
            return
        now = self._clock.now()
        try:
            reading = read(message, int(now.timestamp()), self._settings.event_time_tolerance)
        except Malformed as error:
            peer.refuse(message, error.result_code, error.reason, error.failed_avp)
            meters.REQUESTS.labels("any", error.result_code).inc()
            peer.complain(error.result_code, error.reason)
            return
        for oddity in reading.oddities:
            meters.ODDITIES.labels(oddity).inc()
        self._batcher.ask(self, Asked(peer, reading), reading.request)

    def answered(self, answers: Sequence[tuple[Asked, ChargeAnswer]], seconds: list[float]) -> None:
        """Sends the answers, those of one peer together."""
        by_peer: dict[Peer, list[bytes]] = {}
        for asked, answer in answers:
            by_peer.setdefault(asked.peer, []).append(self._encoded(asked.reading, answer))
        for each in seconds:
            meters.SECONDS.observe(each)
        for peer, octets in by_peer.items():
            peer.send(b"".join(octets))

    def unanswered(self, asked: Asked, why: Unanswered) -> None:
        """Refuses the request as RFC 6733 wants it: the gateway comes back, or goes on."""
        result = d.TOO_BUSY if why is Unanswered.HELD else d.UNABLE_TO_COMPLY
        asked.peer.refuse(asked.reading.message, result, why.value)
        _count(asked.reading, result)

    def _encoded(self, reading: Reading, answer: ChargeAnswer) -> bytes:
        try:
            octets = self._answers.encode(reading, answer)
        except Exception:
            # What can't be said to one gateway must not keep the others' answers back.
            log.exception("gy answer failed", session=reading.request.session)
            _count(reading, d.UNABLE_TO_COMPLY)
            return answers.refusal(
                self._identity, reading.message, d.UNABLE_TO_COMPLY, "the answer can't be written"
            )
        _count(reading, RESULT_CODES[answer.result])
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
) -> None:
    """Serve until `stop` is set; `ready` is called with the port once it listens."""
    server = GyServer(settings, batcher, clock)
    ready(await server.start())
    try:
        await stop.wait()
    finally:
        await server.stop()
