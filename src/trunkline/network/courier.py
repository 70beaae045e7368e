"""Carries instructions to the network and its answers back.

No transaction is open while the network is asked: it may be slow. What is under way is leased
for a while, so that after a crash it is tried again, under the same id.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from trunkline.network import operations, store
from trunkline.network.model import (
    Answer,
    Instruction,
    InstructionState,
    NetworkElement,
    NetworkUnavailable,
)
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, DatabaseUnavailable

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Instructions under way at a time, so that one that is slow holds no other up."""
LEASE = timedelta(minutes=3)
"""Longer than the network may take to answer."""
POLL = 0.2
PAUSE = 2.0
"""Seconds: between looks, and where the books are away."""


class Courier:
    """Between the books and one network element."""

    def __init__(self, books: Database, element: NetworkElement, clock: Clock) -> None:
        self._books = books
        self._element = element
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; a database that is away is waited for."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="network") as threads:
            while not stop.is_set():
                try:
                    pause = 0.0 if self._round(threads, self._clock.now()) else POLL
                except DatabaseUnavailable as error:
                    log.warning("the courier waits for the books", error=str(error))
                    pause = PAUSE
                stop.wait(pause)

    def drain(self, now: datetime | None = None) -> int:
        """Carries what is due, one after another, until nothing is; how many answers that
        were."""
        total = 0
        while found := self._taken(now or self._clock.now()):
            total += len(found)
            for each in found:
                self._carry(each, now)
        return total

    def _round(self, threads: ThreadPoolExecutor, now: datetime) -> bool:
        found = self._taken(now)
        list(threads.map(self._carry, found))
        return bool(found)

    def _taken(self, now: datetime) -> Sequence[Instruction]:
        with self._books.read() as r:
            found = store.due(r, now, AT_ONCE)
        if not found:
            return ()
        with self._books.transaction() as tx:
            return [each for each in found if store.lease(tx, each.id, now, now + LEASE)]

    def _carry(self, instruction: Instruction, now: datetime | None = None) -> None:
        working = instruction.state is InstructionState.WORKING
        try:
            answer = (self._element.ask if working else self._element.carry_out)(instruction)
        except NetworkUnavailable as error:
            answer = Answer(state=instruction.state, reason=error.reason)
        with self._books.transaction() as tx:
            operations.answered(tx, instruction.id, answer, now or self._clock.now())
