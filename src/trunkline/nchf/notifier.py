"""What charging wants told to network functions goes out, and is struck out when it was taken:
POSTs to the `notifyUri` of a session (TS 32.291, clause 6.1.5) or the `notifUri` of a
subscription to policy counters (TS 29.594, clause 5.5).

Charging's notices are durable. Before each attempt the next one is set down, so that a process
that dies or a network function that stays silent costs a delay only.
"""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from trunkline.charging import (
    Notice,
    NoticeKind,
    UnknownSubscription,
    notices,
    subscriptions,
)
from trunkline.kernel.errors import Invalid, Unavailable
from trunkline.kernel.time import to_micros
from trunkline.nchf import meters
from trunkline.nchf.posting import NotReached, Poster
from trunkline.nchf.reading import EDGE
from trunkline.nchf.spending import Statuses, end_of, status_of
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Tx
from trunkline.platform.wake import listen, waking
from trunkline.tmf.hub import CallbackRefused, parse_callback

log = structlog.get_logger(__name__)

AT_ONCE = 64
"""Notices that one look takes..."""
UNDER_WAY = 256
"""...and that may wait for their answers at a time."""
POLL = 5.0
"""Seconds after which a look is due, should no commit have woken us."""

_ABORT = b'{"notificationType":"ABORT_CHARGING"}'
_BUSY = (408, 425, 429)


class _Told(msgspec.Struct, frozen=True):
    """What is told to whom, and of a subscription what it will know then."""

    notice: Notice
    uri: str
    body: bytes
    news: subscriptions.News | None = None


class Notifier:
    """Tells the notices of this edge. `run` until it is cancelled."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        poster: Poster,
        statuses: Statuses | None = None,
    ) -> None:
        self._database = database
        self._statuses = statuses
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

    def _attempt(self, found: Sequence[Notice]) -> list[_Told]:
        now = self._clock.now()
        with self._database.transaction() as tx:
            ours = [each for each in found if notices.retry(tx, each, now)]
            told = [self._prepared(tx, each, now) for each in ours]
        return [each for each in told if each is not None]

    def _prepared(self, tx: Tx, notice: Notice, now: datetime) -> _Told | None:
        """None where there is nothing to tell any longer."""
        uri = notice.word.partition(":")[2]
        if notice.kind is NoticeKind.ABORT:
            return _Told(notice, uri, _ABORT)
        if notice.kind is NoticeKind.REAUTHORISE:
            return _Told(notice, uri, _reauthorization(notices.rating_groups(tx, notice)))
        if self._statuses is None:
            return None
        news = subscriptions.news_of(tx, notice, self._statuses, now)
        if news is None:
            return None
        if news.ends:
            return _Told(notice, f"{uri}/terminate", end_of(news.subscription), news)
        body = msgspec.json.encode(status_of(news.subscription, news.statuses))
        return _Told(notice, f"{uri}/notify", body, news)

    async def _tell(self, told: _Told) -> None:
        notice = told.notice
        kind = notice.kind.name.lower()
        try:
            status = (await self._poster.post(parse_callback(told.uri), told.body)).status
        except (NotReached, CallbackRefused, Invalid) as error:
            log.warning("a network function isn't reached", to=told.uri, reason=error.reason)
            meters.NOTICES.labels(kind, "unreached").inc()
            return
        meters.NOTICES.labels(kind, str(status)).inc()
        if status >= 500 or status in _BUSY:
            return
        if not 200 <= status < 300:
            log.warning(
                "a network function refuses what it is told",
                to=told.uri,
                status=status,
                session=notice.session,
            )
        await asyncio.to_thread(self._strike_out, told, status)

    def _strike_out(self, told: _Told, status: int) -> None:
        """A session or subscription that is unknown there ends here as well."""
        news = told.news
        if status == 404 and news is None:
            notices.end_unknown_session(self._database, told.notice)
            return
        with self._database.transaction() as tx:
            notices.done(tx, [told.notice.id])
            if news is None:
                return
            if news.ends or status == 404:
                with contextlib.suppress(UnknownSubscription):
                    subscriptions.unsubscribe(tx, news.subscription.id)
            else:
                subscriptions.note_told(tx, news.subscription, news.statuses)


def _reauthorization(groups: list[int]) -> bytes:
    """A ChargingNotifyRequest (TS 32.291, 6.1.6.2.2.1). It names the rating groups, though none
    means all: free5GC's SMF asks again for those that are named."""
    document: dict[str, Any] = {"notificationType": "REAUTHORIZATION"}
    if groups:
        document["reauthorizationDetails"] = [{"ratingGroup": each} for each in groups]
    return msgspec.json.encode(document)
