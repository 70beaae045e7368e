"""The loop between the edges and the group commit: one for all edges of a worker.

One thread reads, commits and answers. Requests that arrive while a commit is under way wait
in the sockets' buffers and form the next batch; what an edge brings past the limit it refuses
in its own words, so that an overload costs those who overload, not those who already wait.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from prometheus_client import Histogram

from trunkline.charging.model import ChargeAnswer, ChargeRequest
from trunkline.kernel.errors import Unavailable
from trunkline.platform.clock import Clock
from trunkline.platform.telemetry import REGISTRY, gauge

log = structlog.get_logger(__name__)

Attempt = Callable[[Sequence[ChargeRequest], datetime], Sequence[ChargeAnswer | None]]
"""Charging's group commit (`GroupCommit.attempt`): an answer for each request, in order; None for
one whose account somebody else holds at the moment."""

_HELD_PAUSE = 0.001
"""Seconds until the next try when all that waits is for accounts that others hold..."""
_AWAY_PAUSE = 0.05
"""...and when it is for charging's database."""
_QUICK = 0.0005
"""Seconds: waiting so long for the disk costs less than having another thread do it."""

BATCH = Histogram(
    "trunkline_charging_batch_requests",
    "Requests in one commit",
    buckets=(1, 2, 4, 8, 16, 32, 64, 96, 128),
    registry=REGISTRY,
)
WAITING = gauge("charging_waiting", "Requests that wait for a commit")

T = TypeVar("T", contravariant=True)


class Unanswered(Enum):
    """Why a request gets no answer of charging's."""

    FAILED = "charging failed"
    HELD = "the account is not to be had"
    """Nor charging's database, for as long as the requester may be kept waiting."""


class Batching(msgspec.Struct, frozen=True):
    """`batch` requests at most in one commit; past `waiting` the batcher is full. `patience` is
    for how many seconds a request waits for an account that others hold, or for charging's
    database (a gateway waits 10, RFC 8506's Tx)."""

    batch: int = 128
    waiting: int = 4096
    patience: float = 5.0


class Edge(Protocol[T]):
    """Who asks, and is told. `T` is what it needs to know again whom to answer."""

    def answered(self, answers: Sequence[tuple[T, ChargeAnswer]], seconds: list[float]) -> None:
        """Each request's answer, and how long it took; all of one commit together."""

    def unanswered(self, asked: T, why: Unanswered) -> None: ...


class _Waiting(msgspec.Struct, gc=False):
    """A request that waits for its commit since `arrived`."""

    edge: Edge[Any]
    asked: Any
    request: ChargeRequest
    arrived: float


_Answered = tuple[_Waiting, ChargeAnswer]


class Batcher:
    """Runs on the event loop's thread, where `attempt` runs too. Where `persist` is given, what
    was answered is told once it has returned. While a disk that isn't quick takes one batch, in
    a thread of its own, the next is charged, and no more than that."""

    def __init__(
        self,
        attempt: Attempt,
        clock: Clock,
        settings: Batching | None = None,
        *,
        persist: Callable[[], None] | None = None,
    ) -> None:
        self._attempt = attempt
        self._persist = persist
        self._clock = clock
        self._settings = settings or Batching()
        self._waiting: deque[_Waiting] = deque()
        self._committed: list[_Answered] = []
        self._persisting = False
        self._disk_takes = _QUICK  # seconds, of late
        self._scheduled = False
        self._away = False
        self._idle = asyncio.Event()

    def has_room(self, of_own: int = 0) -> bool:
        """Whether an edge may ask, for a connection that has `of_own` requests waiting: no more
        than there is room for, so that one which brings everything has half of the room, and each
        that floods leaves half of what it finds."""
        return of_own < self._settings.waiting - len(self._waiting)

    def ask(self, edge: Edge[T], asked: T, request: ChargeRequest) -> None:
        """Queues the request; the edge is told how it ended, exactly once. The batch runs after
        all sockets that are readable now have been read."""
        self._waiting.append(_Waiting(edge, asked, request, time.perf_counter()))
        self._schedule()

    async def drained(self) -> None:
        """Returns once nobody waits."""
        if not self._is_idle():
            self._idle.clear()
            await self._idle.wait()

    def _is_idle(self) -> bool:
        return not (self._waiting or self._committed or self._persisting)

    def _schedule(self, pause: float = 0) -> None:
        """Has the next batch run, should anybody wait and the disk not be two behind."""
        if self._is_idle():
            self._idle.set()
        elif self._waiting and not self._scheduled and not (self._persisting and self._committed):
            self._scheduled = True
            loop = asyncio.get_running_loop()
            if pause:
                loop.call_later(pause, self._run)
            else:
                loop.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        size = min(len(waiting), self._settings.batch)
        batch = [waiting.popleft() for _ in range(size)]
        held = self._sort(batch, self._charge([each.request for each in batch]))
        waiting.extendleft(reversed(held))
        BATCH.observe(size)
        WAITING.set(len(waiting))
        self._settle()
        if len(held) < size:
            self._schedule()
        else:
            self._schedule(_AWAY_PAUSE if self._away else _HELD_PAUSE)

    def _settle(self) -> None:
        """Tells what is committed, once the disk has it; unless the disk is at work."""
        if self._persisting:
            return
        answered, self._committed = self._committed, []
        if self._persist is None or not answered:
            self._tell(answered)
        elif self._disk_takes < _QUICK or (len(answered) == 1 and not self._waiting):
            self._persisted(answered, *_timed(self._persist))
        else:
            self._to_disk(answered)

    def _to_disk(self, answered: list[_Answered]) -> None:
        assert self._persist is not None, "somebody waits for a disk"
        self._persisting = True
        disk = asyncio.get_running_loop().run_in_executor(None, _timed, self._persist)
        disk.add_done_callback(lambda done: self._persisted(answered, *done.result()))

    def _persisted(
        self, answered: list[_Answered], failure: Exception | None, seconds: float
    ) -> None:
        self._disk_takes += (seconds - self._disk_takes) / 8
        if failure is None:
            self._persisting = False
            self._tell(answered)
            self._settle()
            self._schedule()
            return
        log.error("charging's disk is away", reason=str(failure))
        self._persisting = True
        patient = {id(each) for each in self._patient([each for each, _ in answered])}
        answered = [each for each in answered if id(each[0]) in patient]
        asyncio.get_running_loop().call_later(_AWAY_PAUSE, self._to_disk, answered)

    def _charge(self, requests: list[ChargeRequest]) -> Sequence[ChargeAnswer | None] | None:
        """The answers, None for those that must be tried again; or None when the batch failed."""
        try:
            answers = self._attempt(requests, self._clock.now())
        except Unavailable as error:
            # It may have been committed all the same: charging knows what it has answered.
            if not self._away:
                log.error("charging is away", reason=error.reason)
            self._away = True
            return [None] * len(requests)
        except Exception:
            # The edges outlive whatever a batch runs into: its requests are refused in their
            # protocols' words, and the network retransmits what charging can recognise.
            log.exception("charging failed", requests=len(requests))
            return None
        if self._away:
            log.info("charging is back")
        self._away = False
        return answers

    def _sort(
        self, batch: list[_Waiting], results: Sequence[ChargeAnswer | None] | None
    ) -> list[_Waiting]:
        """Notes what was answered, tells those who won't be, and returns who waits on."""
        if results is None:
            for each in batch:
                each.edge.unanswered(each.asked, Unanswered.FAILED)
            return []
        held: list[_Waiting] = []
        for each, answer in zip(batch, results, strict=True):
            if answer is None:
                held.append(each)
            else:
                self._committed.append((each, answer))
        return self._patient(held)

    def _patient(self, held: list[_Waiting]) -> list[_Waiting]:
        """Those who can wait on; the others are told."""
        if not held:
            return held
        since = time.perf_counter() - self._settings.patience
        for each in held:
            if each.arrived < since:
                each.edge.unanswered(each.asked, Unanswered.HELD)
        return [each for each in held if each.arrived >= since]

    def _tell(self, answered: list[_Answered]) -> None:
        """Tells the edges, each of all its answers at once."""
        now = time.perf_counter()
        by_edge: dict[Edge[Any], tuple[list[tuple[Any, ChargeAnswer]], list[float]]] = {}
        for each, answer in answered:
            told = by_edge.get(each.edge)
            if told is None:
                told = by_edge[each.edge] = [], []
            told[0].append((each.asked, answer))
            told[1].append(now - each.arrived)
        for edge, (answers, seconds) in by_edge.items():
            edge.answered(answers, seconds)


def _timed(persist: Callable[[], None]) -> tuple[Exception | None, float]:
    """How it failed, if it did, and how long it took."""
    began = time.perf_counter()
    failure = None
    try:
        persist()
    except Exception as error:
        failure = error
    return failure, time.perf_counter() - began
