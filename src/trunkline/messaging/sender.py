"""Who sends: a thread for each channel, in the jobs process.

A channel has one sender at a time, in any process; the system lets go of a killed one's claim.
What is sent is noted as begun before, and as answered after, each in a short transaction;
between them nothing is held.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

import structlog

from trunkline.messaging import sending, store
from trunkline.messaging.incoming import hear
from trunkline.messaging.model import (
    ChannelAway,
    ChannelName,
    DispatchId,
    DispatchState,
    Outcome,
    Outgoing,
    Receipt,
    Throttled,
)
from trunkline.platform.clock import Clock
from trunkline.platform.db import Busy, Database, DatabaseUnavailable
from trunkline.platform.loops import keep_at

log = structlog.get_logger(__name__)

POLL = 1.0
"""Seconds after which a sender looks by itself, should no commit have woken it."""
LONGEST_PAUSE = 60.0
"""Seconds that a sender waits at most for the other side to come back, or to be less busy."""
CLAIM_AGAIN = 5.0
"""Seconds after which another process is asked whether it still sends."""


class Channel(Protocol):
    """A way to people. `batch` are taken at a time; one that `listens` is kept open when there
    is nothing to send."""

    @property
    def name(self) -> ChannelName: ...

    @property
    def batch(self) -> int: ...

    @property
    def listens(self) -> bool: ...

    def open(self) -> None:
        """Does nothing where it is open. Raises `ChannelAway`."""

    def send(self, batch: Sequence[Outgoing]) -> Iterator[tuple[DispatchId, Outcome]]:
        """One outcome for each, in any order, as soon as it is known."""

    def close(self) -> None: ...


class Sender:
    """Sends what is ready on one channel."""

    def __init__(self, books: Database, clock: Clock, channel: Channel) -> None:
        self._books = books
        self._clock = clock
        self._channel = channel
        self._pause = 0.0

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set. A database or another side that is away is waited for."""
        woken = threading.Event()
        self._books.on_emit(woken.set)

        def serve() -> float:
            try:
                with self._books.exclusive(f"messages by {self._channel.name}"):
                    self.recover()
                    self._serve(stop, woken)
            except Busy:
                return CLAIM_AGAIN
            return 0

        keep_at(serve, stop, name=f"messages by {self._channel.name}")
        self._channel.close()

    def recover(self) -> int:
        """Before the first look: what a predecessor left in doubt. Returns how much."""
        with self._books.transaction() as tx:
            now = self._clock.now()
            sending.forget_early_receipts(tx, now)
            return sending.recover(tx, channel=self._channel.name, now=now)

    def look(self) -> int:
        """Sends a batch of what is ready, and returns how many there were. Raises
        `ChannelAway`, with nothing begun."""
        ready = self._is_ready()
        if ready or self._channel.listens:
            self._channel.open()
        if not ready:
            return 0
        with self._books.transaction() as tx:
            batch = sending.begin_sending(
                tx, channel=self._channel.name, limit=self._channel.batch, now=self._clock.now()
            )
        throttled = False
        for dispatch, outcome in self._channel.send(batch):
            with self._books.transaction() as tx:
                sending.note_outcome(tx, dispatch=dispatch, outcome=outcome, now=self._clock.now())
            throttled = throttled or isinstance(outcome, Throttled)
        self._pause = self._longer() if throttled else 0.0
        return max(len(batch), 1)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next look: the other side asked for it."""
        return self._pause

    def _is_ready(self) -> bool:
        with self._books.read() as r:
            return bool(store.at_work(r, self._channel.name, DispatchState.READY, 1))

    def _longer(self) -> float:
        return min(LONGEST_PAUSE, max(1.0, self._pause * 2))

    def _serve(self, stop: threading.Event, woken: threading.Event) -> None:
        while not stop.is_set():
            woken.clear()
            try:
                found = self.look()
            except ChannelAway as error:
                self._pause, found = self._longer(), 0
                log.warning("a channel is away", channel=self._channel.name, error=str(error))
            if self._pause:
                stop.wait(self._pause)
            elif not found:
                woken.wait(POLL)


class Ear:
    """Keeps what a message centre delivers; it is told what couldn't be kept."""

    def __init__(self, books: Database, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    def receipt(self, receipt: Receipt) -> bool:
        try:
            with self._books.transaction() as tx:
                sending.note_receipt(tx, receipt, self._clock.now())
        except DatabaseUnavailable as error:
            log.warning("a receipt has to come again", error=str(error))
            return False
        return True

    def message(self, number: str, text: str) -> bool:
        try:
            with self._books.transaction() as tx:
                hear(tx, number=number, text=text, now=self._clock.now())
        except DatabaseUnavailable as error:
            log.warning("a message has to come again", error=str(error))
            return False
        return True
