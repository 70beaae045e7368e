"""What charging wants told to network functions goes out, and is struck out when it was taken:
POSTs to their `notifyUri` (TS 32.291, clause 6.1.5).

Charging's notices are durable. Before each attempt the next one is set down, so that a process
that dies or a network function that stays silent costs a delay only.
"""

import asyncio
import contextlib
import threading
from collections.abc import Sequence

import structlog

from trunkline.charging import Notice, NoticeKind, notices
from trunkline.kernel.errors import Invalid, Unavailable
from trunkline.kernel.time import to_micros
from trunkline.nchf import meters
from trunkline.nchf.posting import NotReached, Poster
from trunkline.nchf.reading import EDGE
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.wake import listen, waking
from trunkline.tmf.hub import Callback, CallbackRefused, parse_callback

log = structlog.get_logger(__name__)

AT_ONCE = 64
"""Notices that one look takes..."""
UNDER_WAY = 256
"""...and that may wait for their answers at a time."""
POLL = 5.0
"""Seconds after which a look is due, should no commit have woken us."""

BODIES = {
    NoticeKind.REAUTHORISE: b'{"notificationType":"REAUTHORIZATION"}',
    NoticeKind.ABORT: b'{"notificationType":"ABORT_CHARGING"}',
}
_REDIRECTS = (307, 308)
_BUSY = (408, 425, 429)


class Notifier:
    """Tells the notices of this edge. `run` until it is cancelled."""

    def __init__(self, database: Database, clock: Clock, poster: Poster) -> None:
        self._database = database
        self._clock = clock
        self._poster = poster
        self._woken = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        stop = threading.Event()
        listen(self._database, waking(self._woken), stop, notices.CHANNEL)
        try:
            while True:
                self._woken.clear()
                try:
                    pause = await self._round()
                except Unavailable as error:
                    log.warning("notifying waits for charging", reason=error.reason)
                    pause = POLL
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause)
        finally:
            stop.set()
            for task in self._under_way:
                task.cancel()

    async def _round(self) -> float:
        """Tells what is due; returns the seconds until more is."""
        room = min(AT_ONCE, UNDER_WAY - len(self._under_way))
        if not room:
            return POLL  # whoever ends wakes us
        found, pause = await asyncio.to_thread(self._look, room)
        attempts = await asyncio.to_thread(self._attempt, found) if found else []
        for each in attempts:
            task = asyncio.create_task(self._tell(each))
            self._under_way.add(task)
            task.add_done_callback(self._told)
        return 0.0 if len(found) == room and attempts else pause

    def _told(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._woken.set()
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("a notice failed", exc_info=failure)

    def _look(self, room: int) -> tuple[list[Notice], float]:
        now = self._clock.now()
        with self._database.read() as r:
            found = notices.due(r, now, room, EDGE)
            following = None if found else notices.next_due(r, EDGE)
        if following is None:
            return found, POLL
        return found, min(max((following - to_micros(now)) / 1_000_000, 0.01), POLL)

    def _attempt(self, found: Sequence[Notice]) -> list[Notice]:
        now = self._clock.now()
        with self._database.transaction() as tx:
            return [each for each in found if notices.retry(tx, each, now)]

    async def _tell(self, notice: Notice) -> None:
        uri = notice.word.partition(":")[2]
        try:
            target = parse_callback(uri)
            status = await self._post(target, BODIES[notice.kind])
        except (NotReached, CallbackRefused, Invalid) as error:
            log.warning("a network function isn't reached", to=uri, reason=error.reason)
            meters.NOTICES.labels(notice.kind.name.lower(), "unreached").inc()
            return
        meters.NOTICES.labels(notice.kind.name.lower(), str(status)).inc()
        if status >= 500 or status in _BUSY:
            return
        if status == 404:
            await asyncio.to_thread(notices.end_unknown_session, self._database, notice)
            return
        if not 200 <= status < 300:
            log.warning(
                "a network function refuses what it is told",
                to=uri,
                status=status,
                session=notice.session,
            )
        await asyncio.to_thread(self._strike_out, notice)

    async def _post(self, target: Callback, body: bytes) -> int:
        """The status of the answer, of the one that a redirect leads to if there is one."""
        reply = await self._poster.post(target, body)
        if reply.status in _REDIRECTS and reply.location.startswith(("http://", "https://")):
            reply = await self._poster.post(parse_callback(reply.location), body)
        return reply.status

    def _strike_out(self, notice: Notice) -> None:
        with self._database.transaction() as tx:
            notices.done(tx, [notice.id])
