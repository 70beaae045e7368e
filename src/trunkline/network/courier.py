"""Carries instructions to the network and its answers back.

No transaction is open while the network is asked: it may be slow. What is under way is leased
for a while, so that after a crash it is tried again, under the same id.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
from trunkline.platform.db import Database
from trunkline.platform.loops import keep_at

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Instructions under way at a time, so that one that is slow holds no other up."""
LEASE = timedelta(minutes=3)
"""Longer than the network may take to answer."""
POLL = 0.2
"""Seconds between looks."""


class Courier:
    """Between the books and one network element."""

    def __init__(self, books: Database, element: NetworkElement, clock: Clock) -> None:
        self._books = books
        self._element = element
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; a database that is away is waited for."""
        under_way: set[Future[None]] = set()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="network") as threads:

            def look() -> float:
                taken = self._taken(self._clock.now(), AT_ONCE - len(under_way))
                under_way.update(threads.submit(self._carry, each) for each in taken)
                if not under_way:
                    return POLL
                done, _ = wait(under_way, POLL, FIRST_COMPLETED)
                under_way.difference_update(done)
                _look_at(done)
                return 0

            keep_at(look, stop, name="network")

    def drain(self, now: datetime | None = None) -> int:
        """Carries what is due, one after another, until nothing is; how many answers that
        were."""
        total = 0
        while found := self._taken(now or self._clock.now(), AT_ONCE):
            total += len(found)
            for each in found:
                self._carry(each, now)
        return total

    def _taken(self, now: datetime, most: int) -> Sequence[Instruction]:
        if most <= 0:
            return ()
        with self._books.read() as r:
            found = store.due(r, now, most)
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
        except Exception as error:
            # It is tried again, and stuck in the end, where somebody sees it.
            log.exception("an answer of the network can't be read", instruction=instruction.id)
            answer = Answer(state=instruction.state, reason=f"can't be read: {error!r}")
        with self._books.transaction() as tx:
            operations.answered(tx, instruction.id, answer, now or self._clock.now())


def _look_at(done: set[Future[None]]) -> None:
    """What couldn't be stored is tried again once its lease is over."""
    for each in done:
        error = each.exception()
        if error is not None:
            log.error("an answer of the network was not stored", exc_info=error)
