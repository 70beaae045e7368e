"""The Gy and Ro server: gateways on one side, charging's group commit on the other.

One thread reads, commits and answers. Requests that arrive while a commit is under way wait
in the sockets' buffers and form the next batch; what waits past the limit is told to come
back (3004), so that an overload costs those who overload, not those who already wait.
"""

import asyncio
import contextlib
import gc
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog
import uvloop

from trunkline.charging import ChargeAnswer, ChargeRequest
from trunkline.diameter import answers, meters
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.gy_answer import RESULT_CODES, CreditAnswers
from trunkline.diameter.gy_request import Reading, read
from trunkline.diameter.peer import Peer, PeerSettings
from trunkline.kernel.errors import Unavailable
from trunkline.platform.clock import Clock

log = structlog.get_logger(__name__)

Attempt = Callable[[Sequence[ChargeRequest], datetime], Sequence[ChargeAnswer | None]]
"""Charging's group commit (`GroupCommit.attempt`): an answer for each request, in order, once
all are durable; None for one whose account somebody else holds at the moment."""

_HELD_PAUSE = 0.001
"""Seconds until the next try when all that waits is for accounts that others hold..."""
_AWAY_PAUSE = 0.05
"""...and when it is for charging's database."""


class GySettings(msgspec.Struct, frozen=True):
    """`port` 0 takes a free one. Times are in seconds: `patience` is how long a request waits
    for an account that others hold, or for charging's database, before it is told to come back
    (a gateway waits 10, RFC 8506's Tx); `drain` how long a stop waits for gateways to agree.
    An Event-Timestamp further than `event_time_tolerance` from our own clock is not believed."""

    origin_host: str
    origin_realm: str
    host: str = "127.0.0.1"
    port: int = 3868
    batch: int = 128
    waiting: int = 4096
    connections: int = 1000
    patience: float = 5.0
    drain: float = 3.0
    event_time_tolerance: int = 86_400
    peer: PeerSettings = PeerSettings()


class Waiting(NamedTuple):
    """A request that waits for its commit since `arrived`."""

    peer: Peer
    reading: Reading
    arrived: float


class GyServer:
    """`start`, then `stop`, both on the event loop's thread, where `attempt` runs too."""

    def __init__(self, settings: GySettings, attempt: Attempt, clock: Clock) -> None:
        self._settings = settings
        self._attempt = attempt
        self._clock = clock
        self._identity = answers.Identity(
            settings.origin_host, settings.origin_realm, state=int(clock.now().timestamp())
        )
        self._answers = CreditAnswers(self._identity)
        self._waiting: deque[Waiting] = deque()
        self._peers: set[Peer] = set()
        self._scheduled = False
        self._stopping = False
        self._away = False
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()
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
        if self._waiting:
            self._empty.clear()
            await self._empty.wait()
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
        if self._stopping or len(self._waiting) >= self._settings.waiting:
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
        self._waiting.append(Waiting(peer, reading, time.perf_counter()))
        self._schedule()

    def _schedule(self) -> None:
        """The batch runs after all sockets that are readable now have been read."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        size = min(len(waiting), self._settings.batch)
        batch = [waiting.popleft() for _ in range(size)]
        held = self._answer(batch, self._charge([each.reading.request for each in batch]))
        waiting.extendleft(reversed(held))
        meters.BATCH.observe(size)
        meters.WAITING.set(len(waiting))
        if not waiting:
            self._empty.set()
        elif len(held) < size:
            self._schedule()
        else:
            self._scheduled = True
            pause = _AWAY_PAUSE if self._away else _HELD_PAUSE
            asyncio.get_running_loop().call_later(pause, self._run)

    def _charge(self, requests: list[ChargeRequest]) -> Sequence[ChargeAnswer | None] | int:
        """The answers, None for those that must be tried again; or the Result-Code that all of
        them are owed."""
        try:
            answers = self._attempt(requests, self._clock.now())
        except Unavailable as error:
            # It may have been committed all the same: charging knows what it has answered.
            if not self._away:
                log.error("charging is away", reason=error.reason)
            self._away = True
            return [None] * len(requests)
        except Exception:
            # The edge outlives whatever a batch runs into: its requests are refused as
            # RFC 6733 wants it, and the gateways retransmit what charging can recognise.
            log.exception("charging failed", requests=len(requests))
            return d.UNABLE_TO_COMPLY
        if self._away:
            log.info("charging is back")
        self._away = False
        return answers

    def _answer(
        self, batch: list[Waiting], results: Sequence[ChargeAnswer | None] | int
    ) -> list[Waiting]:
        """Sends the answers, those of one peer together; returns who waits on."""
        if isinstance(results, int):
            for each in batch:
                self._refuse(each, results, "charging failed")
            return []
        now = time.perf_counter()
        held: list[Waiting] = []
        by_peer: dict[Peer, list[bytes]] = {}
        for each, answer in zip(batch, results, strict=True):
            waited = now - each.arrived
            if answer is not None:
                by_peer.setdefault(each.peer, []).append(self._encoded(each.reading, answer))
                meters.SECONDS.observe(waited)
            elif waited < self._settings.patience:
                held.append(each)
            else:
                self._refuse(each, d.TOO_BUSY, "the account is not to be had")
        for peer, octets in by_peer.items():
            peer.send(b"".join(octets))
        return held

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

    def _refuse(self, waiting: Waiting, result: int, reason: str) -> None:
        waiting.peer.refuse(waiting.reading.message, result, reason)
        _count(waiting.reading, result)


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
    attempt: Attempt,
    clock: Clock,
    *,
    ready: Callable[[int], None],
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set; `ready` is called with the port once it listens."""
    server = GyServer(settings, attempt, clock)
    ready(await server.start())
    try:
        await stop.wait()
    finally:
        await server.stop()


def run_gateway_edge(
    settings: GySettings, attempt: Attempt, clock: Clock, *, ready: Callable[[int], None]
) -> None:
    """The charging process's main loop: serve until SIGTERM or SIGINT, on this thread."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # What is loaded now stays: no collection needs to walk it between two commits.
        gc.collect()
        gc.freeze()
        await serve(settings, attempt, clock, ready=ready, stop=stop)

    uvloop.run(main())
