"""Sy: a PCRF subscribes to the statuses of a subscriber's policy counters (TS 29.219).

Spending-Limit-Request and Session-Termination-Request are answered on a thread of their own, in
the order of their arrival; Spending-Status-Notification-Requests go out by `telling`.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog

from trunkline.charging import (
    CounterStatus,
    Identity,
    NobodyBound,
    Subscription,
    UnknownSubscription,
    subscriptions,
)
from trunkline.diameter import answers, codec, meters
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import HEADER, Avp, Malformed, avp_at, missing
from trunkline.diameter.gy_form import MOST_SUBSCRIPTIONS
from trunkline.diameter.names import notify_word, session_id, told_to
from trunkline.diameter.parties import identities
from trunkline.diameter.peer import Peer
from trunkline.diameter.peers import Peers
from trunkline.kernel.errors import Unavailable
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database

log = structlog.get_logger(__name__)

EDGE = "sy"
MOST_COUNTERS = 100
"""In one request."""
MOST_WAITING = 1000
"""Requests that wait for their answer."""

Statuses = subscriptions.Statuses

_INITIAL, _INTERMEDIATE = 0, 1


class Sy:
    """`handlers` are for the peers; `close` once no peer is left."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        identity: answers.Identity,
        peers: Peers,
        statuses: Statuses,
    ) -> None:
        """`peers` learn by which agents PCRFs are reached."""
        self._database = database
        self._clock = clock
        self._identity = identity
        self._peers = peers
        self._statuses = statuses
        self._thread = ThreadPoolExecutor(1, "sy")
        self._waiting = 0
        self.handlers = {
            (d.SY, d.SPENDING_LIMIT): self._limit,
            (d.SY, d.SESSION_TERMINATION): self._terminate,
        }

    async def close(self) -> None:
        """What is under way ends; what waits is forgotten with its connection."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _limit(self, peer: Peer, message: bytes) -> None:
        asked = read(message)
        origin = told_to(asked.word)[0].encode()
        if origin != peer.origin:
            self._peers.learn(origin, peer)
        self._later(peer, message, "limit", lambda: self._subscribed(asked))

    def _terminate(self, peer: Peer, message: bytes) -> None:
        session = _session_of(message)
        self._later(peer, message, "termination", lambda: self._ended(session))

    def _later(self, peer: Peer, message: bytes, name: str, work: Callable[[], bytes]) -> None:
        """Answers with what `work` returns: the AVPs after the identity's."""
        if self._waiting >= MOST_WAITING:
            peer.refuse(message, d.TOO_BUSY, "too busy")
            return
        self._waiting += 1
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._done, message, name, work)
        done.add_done_callback(lambda future: self._answer(peer, future))

    def _answer(self, peer: Peer, done: "asyncio.Future[bytes]") -> None:
        self._waiting -= 1
        if not done.cancelled():
            peer.send(done.result())

    def _done(self, message: bytes, name: str, work: Callable[[], bytes]) -> bytes:
        try:
            parts = work()
        except Malformed as error:
            return self._refused(message, name, error.result_code, error.reason, error.failed_avp)
        except Unavailable as error:
            return self._refused(message, name, d.TOO_BUSY, error.reason)
        except Exception:
            log.exception("sy request failed")
            return self._refused(message, name, d.UNABLE_TO_COMPLY, "the request failed")
        meters.SY.labels(name, "answered").inc()
        echo = answers.echo_of(message)
        return answers.answer_to(
            message,
            echo.session,
            codec.u32(d.AUTH_APPLICATION_ID, d.SY),
            self._identity.avps,
            parts,
            echo.proxies,
        )

    def _refused(
        self, message: bytes, name: str, result: int, reason: str, failed: bytes = b""
    ) -> bytes:
        meters.SY.labels(name, result).inc()
        return answers.refusal(self._identity, message, result, reason, failed)

    def _subscribed(self, asked: "Asked") -> bytes:
        now = self._clock.now()
        with self._database.transaction() as tx:
            try:
                account = (
                    subscriptions.bound_account(tx, asked.identities, now).key
                    if asked.initial
                    else subscriptions.subscription(tx, asked.session).account
                )
            except NobodyBound as error:
                raise Malformed(d.USER_UNKNOWN, error.reason) from None
            except UnknownSubscription as error:
                raise Malformed(d.UNKNOWN_SESSION_ID, error.reason) from None
            subscriptions.hold(tx, account)
            found = self._statuses(tx, account, now)
            known = {each.counter for each in found}
            if not known:
                return _experimental(d.NO_AVAILABLE_POLICY_COUNTERS)
            strange = [each for each in asked.counters if each not in known]
            if strange:
                failed = b"".join(_text(d.POLICY_COUNTER_IDENTIFIER, each) for each in strange)
                return _experimental(d.UNKNOWN_POLICY_COUNTERS) + answers.failed(failed)
            wanted = Subscription(asked.session, account, asked.word, asked.counters)
            told = wanted.report(found)
            known_now = {each.counter: each.status for each in told}
            subscriptions.subscribe(tx, msgspec.structs.replace(wanted, told=known_now))
        return codec.u32(d.RESULT_CODE, d.SUCCESS) + reports(told)

    def _ended(self, session: str) -> bytes:
        with self._database.transaction() as tx:
            try:
                subscriptions.unsubscribe(tx, session)
            except UnknownSubscription as error:
                raise Malformed(d.UNKNOWN_SESSION_ID, error.reason) from None
        return codec.u32(d.RESULT_CODE, d.SUCCESS)


class Asked:
    """What a Spending-Limit-Request asks for."""

    __slots__ = ("counters", "identities", "initial", "session", "word")

    def __init__(
        self,
        session: str,
        word: str,
        identities: tuple[Identity, ...],
        counters: tuple[str, ...],
        *,
        initial: bool,
    ) -> None:
        self.session = session
        self.word = word
        self.identities = identities
        self.counters = counters
        self.initial = initial


def read(message: bytes) -> Asked:
    """Raises `Malformed`."""
    found: dict[int, Avp] = {}
    subscribers: list[tuple[int, bytes]] = []
    counters: list[str] = []
    at, end = HEADER, len(message)
    while at < end:
        code, flags, vendor, start, finish = avp_at(message, at, end)
        avp = Avp(code, message[start:finish], vendor, flags)
        if vendor == d.VENDOR_3GPP:
            if code == d.POLICY_COUNTER_IDENTIFIER:
                counters.append(avp.text())
            elif code == d.SL_REQUEST_TYPE:
                found[code] = avp
        elif vendor or code not in d.UNDERSTOOD:
            if flags & d.MANDATORY:
                raise Malformed(d.AVP_UNSUPPORTED, f"AVP {code} is unknown", avp.encode())
        elif code == d.SUBSCRIPTION_ID:
            subscribers.append(_subscriber(avp.data))
        else:
            found.setdefault(code, avp)
        at = (finish + 3) & ~3
    for code in (d.SESSION_ID, d.ORIGIN_HOST, d.ORIGIN_REALM):
        if code not in found:
            raise missing(code)
    if d.SL_REQUEST_TYPE not in found:
        raise missing(d.SL_REQUEST_TYPE, d.VENDOR_3GPP)
    kind = found[d.SL_REQUEST_TYPE]
    if kind.u32() not in (_INITIAL, _INTERMEDIATE):
        raise Malformed(d.INVALID_AVP_VALUE, "no such SL-Request-Type", kind.encode())
    initial = kind.u32() == _INITIAL
    if initial and not subscribers:
        raise missing(d.SUBSCRIPTION_ID)
    if len(subscribers) > MOST_SUBSCRIPTIONS or len(counters) > MOST_COUNTERS:
        raise Malformed(d.AVP_OCCURS_TOO_MANY_TIMES, "too many subscribers or counters")
    return Asked(
        session_id(found[d.SESSION_ID].data),
        notify_word(found[d.ORIGIN_HOST].data, found[d.ORIGIN_REALM].data, EDGE),
        identities(subscribers),
        tuple(dict.fromkeys(counters)),
        initial=initial,
    )


def _subscriber(data: bytes) -> tuple[int, bytes]:
    """Subscription-Id-Type, or -1, and -Data."""
    kind, name = -1, b""
    for avp in codec.avps(data, 0):
        if avp.code == d.SUBSCRIPTION_ID_TYPE and not avp.vendor:
            kind = avp.u32()
        elif avp.code == d.SUBSCRIPTION_ID_DATA and not avp.vendor:
            name = avp.data
    return kind, name


def _session_of(message: bytes) -> str:
    for avp in codec.avps(message):
        if avp.code == d.SESSION_ID and not avp.vendor:
            return session_id(avp.data)
    raise missing(d.SESSION_ID)


def reports(statuses: Iterable[CounterStatus]) -> bytes:
    """Policy-Counter-Status-Reports (TS 29.219, 5.3.4)."""
    return b"".join(
        _group(
            d.POLICY_COUNTER_STATUS_REPORT,
            _text(d.POLICY_COUNTER_IDENTIFIER, each.counter),
            _text(d.POLICY_COUNTER_STATUS, each.status),
            *(
                _group(
                    d.PENDING_POLICY_COUNTER_INFORMATION,
                    _text(d.POLICY_COUNTER_STATUS, status),
                    codec.avp(
                        d.PENDING_POLICY_COUNTER_CHANGE_TIME,
                        codec.to_time(epoch).to_bytes(4, "big"),
                        d.VENDOR_3GPP,
                    ),
                )
                for status, epoch in each.pending
            ),
        )
        for each in statuses
    )


def _experimental(code: int) -> bytes:
    return codec.grouped(
        d.EXPERIMENTAL_RESULT,
        codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
        codec.u32(d.EXPERIMENTAL_RESULT_CODE, code),
    )


def _group(code: int, *parts: bytes) -> bytes:
    return codec.avp(code, b"".join(parts), d.VENDOR_3GPP)


def _text(code: int, text: str) -> bytes:
    return codec.avp(code, text.encode(), d.VENDOR_3GPP)
