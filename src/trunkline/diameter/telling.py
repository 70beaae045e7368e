"""Requests of ours: what charging wants told to gateways goes out and is struck out when it was
answered (Re-Auth-Request and Abort-Session-Request, RFC 6733, 8.3 and 8.5; RFC 8506, 5.5;
Spending-Status-Notification-Request, TS 29.219, 4.5.2).

Charging's notices are durable. Before each attempt the next one is set down, so that a process
that dies, a connection that breaks or a gateway that stays silent costs a delay only; several
processes share the notices, and each tells those that it has a connection for first.
"""

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from trunkline.charging import (
    Notice,
    NoticeKind,
    UnknownSubscription,
    notices,
    subscriptions,
)
from trunkline.diameter import answers, codec, meters
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.names import told_to
from trunkline.diameter.peer import Peer
from trunkline.diameter.peers import Peers
from trunkline.diameter.sy import EDGE as SY_EDGE
from trunkline.diameter.sy import Statuses, reports
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.time import to_micros
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Tx
from trunkline.platform.wake import listen, waking

log = structlog.get_logger(__name__)

AT_ONCE = 64
"""Notices that are told at a time."""
LOOKED_AT = 1000
"""Of each edge: those of gateways that another process has, or nobody, keep no others back."""
POLL = 5.0
"""Seconds after which a look is due, should no commit have woken us."""
FOR_TERMINATION = timedelta(days=1)
"""In which a PCRF that was asked to end its Sy session can do so."""
GRACE = 1.0
"""Seconds for which another process may have the connection that this one lacks."""


class _Told(msgspec.Struct, frozen=True):
    """A notice whose attempt is to be made; for a status, what is told to whom."""

    notice: Notice
    news: subscriptions.News | None = None
    """Of a subscription. Where the account is closed its Sy session is to be ended (TS 29.219,
    4.5.4)."""


class Teller:
    """Tells the notices of the edges "gy" and "sy" to `peers`. `run` returns after `stop`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        identity: answers.Identity,
        peers: Peers,
        statuses: Statuses | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._identity = identity
        self._peers = peers
        self._statuses = statuses
        self._woken = asyncio.Event()
        self._stopping = False
        self._seen: dict[int, float] = {}
        self._answered: list[_Told] = []
        self._unknown: list[Notice] = []

    def wake(self) -> None:
        """Look again: a gateway has come."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is under way, and no more."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        stop = threading.Event()
        listen(self._database, waking(self._woken), stop, notices.CHANNEL)
        try:
            while not self._stopping:
                self._woken.clear()
                try:
                    pause = await self._round()
                except Unavailable as error:
                    log.warning("telling gateways waits for charging", reason=error.reason)
                    pause = POLL
                if not self._stopping:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), pause)
        finally:
            stop.set()

    async def _round(self) -> float:
        """Strikes out what was answered, tells what is due; returns the seconds until more is."""
        answered, self._answered = self._answered, []
        unknown, self._unknown = self._unknown, []
        if answered or unknown:
            await asyncio.to_thread(self._strike_out, answered, unknown)
        found, pause = await asyncio.to_thread(self._look)
        ours = list(itertools.islice(filter(self._is_ours, found), AT_ONCE))
        attempts = await asyncio.to_thread(self._attempt, ours) if ours else []
        for each in attempts:
            self._tell(each)
        if len(ours) == AT_ONCE and attempts:
            return 0.0
        return min(pause, GRACE) if len(ours) < len(found) else pause

    def _strike_out(self, answered: Sequence[_Told], unknown: Sequence[Notice]) -> None:
        for each in unknown:
            if each.kind is NoticeKind.STATUS:
                self._unsubscribe(each)
            else:
                notices.end_unknown_session(self._database, each)
        if answered:
            with self._database.transaction() as tx:
                notices.done(tx, [each.notice.id for each in answered])
                for told in answered:
                    if (news := told.news) is None:
                        continue
                    if news.ends:
                        # The PCRF ends the session itself now; one that doesn't is forgotten.
                        until = self._clock.now() + FOR_TERMINATION
                        subscriptions.expire(tx, news.subscription.id, until)
                    else:
                        subscriptions.note_told(tx, news.subscription, news.statuses)

    def _unsubscribe(self, notice: Notice) -> None:
        with self._database.transaction() as tx:
            notices.done(tx, [notice.id])
            with contextlib.suppress(UnknownSubscription):
                subscriptions.unsubscribe(tx, notice.session)

    def _look(self) -> tuple[list[Notice], float]:
        now = self._clock.now()
        with self._database.read() as r:
            found = [each for edge in _EDGES for each in notices.due(r, now, LOOKED_AT, edge)]
            instants = [] if found else [notices.next_due(r, edge) for edge in _EDGES]
        following = min((each for each in instants if each is not None), default=None)
        if following is None:
            return found, POLL
        return found, min(max((following - to_micros(now)) / 1_000_000, 0.01), POLL)

    def _is_ours(self, notice: Notice) -> bool:
        """Whether it can be told here, or nobody else has done so for a while."""
        if self._peers.to(told_to(notice.word)[0]) is not None:
            self._seen.pop(notice.id, None)
            return True
        now = time.monotonic()
        if len(self._seen) > 100 * AT_ONCE:
            self._seen.clear()
        if now - self._seen.setdefault(notice.id, now) < GRACE:
            return False
        del self._seen[notice.id]
        return True

    def _attempt(self, found: Sequence[Notice]) -> list[_Told]:
        now = self._clock.now()
        with self._database.transaction() as tx:
            made = [each for each in found if notices.retry(tx, each, now)]
            told = [self._prepared(tx, each, now) for each in made]
        return [each for each in told if each is not None]

    def _prepared(self, tx: Tx, notice: Notice, now: datetime) -> _Told | None:
        """None where there is nothing to tell any longer."""
        if notice.kind is not NoticeKind.STATUS:
            return _Told(notice)
        if self._statuses is None:
            return None
        news = subscriptions.news_of(tx, notice, self._statuses, now)
        return None if news is None else _Told(notice, news)

    def _tell(self, told: _Told) -> None:
        notice, news = told.notice, told.news
        host, realm = told_to(notice.word)
        peer = self._peers.to(host)
        if peer is None:
            meters.TOLD.labels(notice.kind.name.lower(), "unreachable").inc()
            return
        command = _COMMANDS[notice.kind]
        if notice.kind is NoticeKind.ABORT and (host, command) in peer.unsupported:
            command = d.RE_AUTH
        if (host, command) in peer.unsupported:
            self._settle(told, d.COMMAND_UNSUPPORTED, command, peer)
            return
        application = d.SY if notice.kind is NoticeKind.STATUS else d.CREDIT_CONTROL
        peer.request(
            command,
            application,
            codec.text(d.SESSION_ID, notice.session),
            self._identity.avps,
            codec.text(d.DESTINATION_REALM, realm),
            codec.text(d.DESTINATION_HOST, host),
            codec.u32(d.AUTH_APPLICATION_ID, application),
            codec.u32(d.RE_AUTH_REQUEST_TYPE, d.AUTHORIZE_ONLY) if command == d.RE_AUTH else b"",
            b"" if news is None else reports(news.statuses),
            _ABORT_SY_SESSION if news is not None and news.ends else b"",
            codec.u32(d.ORIGIN_STATE_ID, self._identity.state),
            end_to_end=notice.id & 0xFFFFFFFF,
            again=notice.attempts > 0,
            then=lambda answer: self._settle(told, result_code(answer), command, peer),
        )

    def _settle(self, told: _Told, result: int, command: int, peer: Peer) -> None:
        """What an answer means. Who is too busy or can't deliver it is asked again when the next
        attempt is due; who doesn't know how to end a session is asked to ask again, and then
        gets nothing; anything else would be answered the same way every time."""
        notice = told.notice
        host, _ = told_to(notice.word)
        meters.TOLD.labels(notice.kind.name.lower(), result).inc()
        if result == d.UNKNOWN_SESSION_ID:
            self._unknown.append(notice)
        elif result in _UNSUPPORTED and (host, command) not in peer.unsupported:
            peer.unsupported.add((host, command))
            self._tell(told)
            return
        elif result in _TRY_AGAIN:
            return
        else:
            if result // 1000 != 2:
                log.warning(
                    "a gateway refuses what it is told",
                    peer=host,
                    command=command,
                    result=result,
                    session=notice.session,
                )
            self._answered.append(told)
        self._woken.set()


_EDGES = ("gy", SY_EDGE)
_ABORT_SY_SESSION = codec.avp(d.SN_REQUEST_TYPE, b"\0\0\0\2", d.VENDOR_3GPP, mandatory=False)
"""Its bit 1 (TS 29.219, 5.3.7); the M bit must not be set (table 5.3.0.1)."""
_COMMANDS: Mapping[NoticeKind, int] = {
    NoticeKind.REAUTHORISE: d.RE_AUTH,
    NoticeKind.ABORT: d.ABORT_SESSION,
    NoticeKind.STATUS: d.SPENDING_STATUS_NOTIFICATION,
}
_UNSUPPORTED = (d.COMMAND_UNSUPPORTED, d.APPLICATION_UNSUPPORTED)
_TRY_AGAIN = (0, d.UNABLE_TO_DELIVER, d.REALM_NOT_SERVED, d.TOO_BUSY, d.LOOP_DETECTED)


def result_code(answer: bytes) -> int:
    """The Result-Code, or that of an Experimental-Result; 0 where neither can be read."""
    try:
        for avp in codec.avps(answer):
            if avp.vendor:
                continue
            if avp.code == d.RESULT_CODE:
                return avp.u32()
            if avp.code == d.EXPERIMENTAL_RESULT:
                for part in codec.avps(avp.data, 0):
                    if part.code == d.EXPERIMENTAL_RESULT_CODE:
                        return part.u32()
    except Malformed:
        return 0
    return 0
