"""The dispatcher: takes events to those who listen.

One thread with an event loop sends, and asks the database in between, outside of any sending:
what ended meanwhile is recorded, and what may be sent next is claimed, in one transaction. A
listener that is slow or dead costs the others nothing: each has so many deliveries under way and
no more, one that can't be reached has one. Several dispatchers may work on the same books.
"""

import asyncio
import hashlib
import hmac
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import structlog

from trunkline.kernel.time import to_micros
from trunkline.platform import telemetry
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, DatabaseUnavailable
from trunkline.tmf import wire
from trunkline.tmf.hub import queue
from trunkline.tmf.hub.callbacks import Callback, CallbackRefused, CallbackRule, parse, target_of
from trunkline.tmf.hub.events import told
from trunkline.tmf.hub.listeners import parse_query
from trunkline.tmf.hub.queue import Claimed, Outcome
from trunkline.tmf.hub.sender import CONNECT, TOTAL, Declined, Sender, Unreachable

log = structlog.get_logger(__name__)

_SENT = telemetry.counter("events_sent", "Events that a listener took")
_FAILED = telemetry.counter("events_failed", "Attempts to send that failed")

SIGNATURE = "x-trunkline-signature"
"""The header that holds `sha256=` and the HMAC-SHA256 of the body by the listener's secret."""

CONNECTIONS = 256
"""Deliveries that are under way at once, at most."""
PER_LISTENER = 8
"""Connections to one listener at once, at most."""
POLL = 1.0
"""Seconds after which the dispatcher looks by itself, should no commit have woken it."""
GRACE = 2.0
"""Seconds that what is under way has to end when the dispatcher stops."""


class Dispatcher:
    """Sends what is due in `books`, to addresses that `rule` allows; an attempt takes `connect`
    and `total` seconds at most."""

    def __init__(
        self,
        books: Database,
        clock: Clock,
        rule: CallbackRule,
        *,
        connect: float = CONNECT,
        total: float = TOTAL,
    ) -> None:
        self._books = books
        self._clock = clock
        self._rule = rule
        self._limits = {"connect": connect, "total": total}
        self._bell = _Bell()

    def wake(self) -> None:
        """There may be something to send. From any thread."""
        self._bell.ring()

    def drain(self) -> int:
        """Sends all that is due by the clock, until nothing is left; returns how many were
        taken. What failed waits for its next attempt."""
        return asyncio.run(self._work(None))

    def run(self, stop: threading.Event) -> None:
        """Sends events as they fall due, until `stop` is set (and `wake` called, to be heard at
        once). A database that is away is waited for."""
        self._books.on_emit(self.wake)
        asyncio.run(self._work(stop))

    async def _work(self, stop: threading.Event | None) -> int:
        with (
            ThreadPoolExecutor(1, "hub-database") as database,
            ThreadPoolExecutor(32, "hub-resolver") as resolvers,
        ):
            shift = _Shift(self._books, self._clock, Sender(self._rule, resolvers, **self._limits))
            self._bell.hang(asyncio.get_running_loop(), shift.woken)
            try:
                while stop is None or not stop.is_set():
                    if not await shift.look(database) and (stop is None and shift.is_idle):
                        break
                    await shift.wait()
                await shift.end(database)
            finally:
                self._bell.take_down()
                resolvers.shutdown(wait=False, cancel_futures=True)
            return shift.sent


class _Bell:
    """Rung by any thread, heard in an event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hung: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def hang(self, loop: asyncio.AbstractEventLoop, heard: asyncio.Event) -> None:
        with self._lock:
            self._hung = loop, heard

    def take_down(self) -> None:
        with self._lock:
            self._hung = None

    def ring(self) -> None:
        with self._lock:
            if self._hung is not None:
                loop, heard = self._hung
                loop.call_soon_threadsafe(heard.set)


class _Shift:
    """What one event loop has under way."""

    def __init__(self, books: Database, clock: Clock, sender: Sender) -> None:
        self.woken = asyncio.Event()
        self.sent = 0
        self._books = books
        self._clock = clock
        self._sender = sender
        self._ended: list[Outcome] = []
        self._under_way: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._pause = POLL

    @property
    def is_idle(self) -> bool:
        return not self._tasks and not self._ended

    async def look(self, database: ThreadPoolExecutor) -> bool:
        """Records what ended and starts what may be sent; whether there was anything."""
        self.woken.clear()
        ended, self._ended = self._ended, []
        loop = asyncio.get_running_loop()
        try:
            claimed = await loop.run_in_executor(database, self._exchange, ended)
        except DatabaseUnavailable as error:
            log.warning("the dispatcher waits for a database", error=str(error))
            self._ended = ended + self._ended
            self._pause = POLL
            return False
        for each in ended:
            self._under_way[each.delivery.listener] -= 1
            self.sent += each.error is None and not each.released
        self._under_way += Counter()  # without those that have none
        for name in self._gates.keys() - self._under_way.keys():
            del self._gates[name]
        self._start(claimed)
        if ended or claimed:
            self.woken.set()
        return bool(ended or claimed)

    def _exchange(self, ended: list[Outcome]) -> list[Claimed]:
        now = self._clock.now()
        room = CONNECTIONS - self._under_way.total()
        full = [name for name, count in self._under_way.items() if count > queue.AT_ONCE // 2]
        most = max(room // queue.AT_ONCE, 0)
        with self._books.read() as r:
            ids = queue.with_work(r, now, busy=full, most=most) if most else []
            if not ids and not ended:
                due = queue.next_due(r, now)
                self._pause = POLL if due is None else (due - to_micros(now)) / 1_000_000
                return []
        with self._books.transaction() as tx:
            if ended:
                queue.record(tx, ended, now)
            return queue.claim(tx, ids, now, under_way=self._under_way) if ids else []

    def _start(self, claimed: list[Claimed]) -> None:
        until = time.monotonic() + queue.LEASE.total_seconds() - self._sender.total - 1
        for each in claimed:
            self._under_way[each.listener] += 1
            task = asyncio.create_task(self._send_in_turn(each, until))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_in_turn(self, delivery: Claimed, until: float) -> None:
        """Among those to the same listener; not when its lease could run out meanwhile."""
        gate = self._gates.setdefault(delivery.listener, asyncio.Semaphore(PER_LISTENER))
        outcome = Outcome(delivery, released=True)
        try:
            async with gate:
                if time.monotonic() < until:
                    outcome = await self._send(delivery)
        finally:
            self._ended.append(outcome)
            self.woken.set()

    async def _send(self, delivery: Claimed) -> Outcome:
        try:
            callback = parse(delivery.callback)
            body = wire.encode(told(delivery.body, parse_query(delivery.query)))
            headers = {SIGNATURE: signature(delivery.secret, body)} if delivery.secret else {}
            target = target_of(callback, delivery.event_type, exact=delivery.topic is not None)
            await self._sender.post(callback, target, body, headers)
        except (Unreachable, Declined, CallbackRefused) as error:
            _FAILED.inc()
            _tell(delivery, callback, str(error))
            wait = error.fields.get("seconds")
            return Outcome(
                delivery,
                error=str(error)[:2000],
                is_away=isinstance(error, Unreachable),
                wait=wait if isinstance(wait, int) else None,
            )
        except Exception as error:
            # Our own fault: it is told, retried and parked like any other.
            log.exception("event not sent", delivery=delivery.id)
            return Outcome(delivery, error=f"failed here: {error!r}"[:2000])
        _SENT.inc()
        return Outcome(delivery)

    async def wait(self) -> None:
        """Until something ended, fell due or was committed."""
        try:
            async with asyncio.timeout(min(max(self._pause, 0.01), POLL)):
                await self.woken.wait()
        except TimeoutError:
            return

    async def end(self, database: ThreadPoolExecutor) -> None:
        """What is under way may end within `GRACE`; the rest is for the next."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        ended, self._ended = self._ended, []
        if ended:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(database, self._record, ended)

    def _record(self, ended: list[Outcome]) -> None:
        with self._books.transaction() as tx:
            queue.record(tx, ended, self._clock.now())


def _tell(delivery: Claimed, callback: Callback, reason: str) -> None:
    log.warning(
        "event not delivered",
        delivery=delivery.id,
        about=delivery.key,
        listener=delivery.listener,
        host=callback.authority,
        attempts=delivery.attempts + 1,
        error=reason,
    )


def signature(secret: str, body: bytes) -> str:
    """What the header `SIGNATURE` says of this body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
