"""The relay: runs the deliveries that the outboxes hold.

Each delivery takes effect once. Where source and target are one database, the reaction and
the removal of its row are one transaction. Across databases the reaction's transaction leaves
an inbox row in the target; a delivery whose inbox row exists already is only removed.

Deliveries with the same subscriber and key run in the order of their sending, and a later one
waits while an earlier is retried or parked. One that is held back (`not_before`) holds back
nobody until its instant has come.
"""

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog
from prometheus_client import Counter

from trunkline.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    TrunklineError,
    Unavailable,
)
from trunkline.kernel.time import to_micros
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, DatabaseUnavailable, Reader, Tx
from trunkline.platform.deliveries import (
    STATEMENTS,
    Delivery,
    backlog,
    delivery_of,
    parked,
    retry_parked,
)
from trunkline.platform.messages import DatabaseName, Message, Reaction, Routes
from trunkline.platform.outbox import PARKED, PENDING
from trunkline.platform.wake import listen

__all__ = ["Delivery", "Relay", "UnknownSubscriber", "backlog", "parked", "retry_parked"]

log = structlog.get_logger(__name__)

_DELIVERED = Counter("trunkline_deliveries", "Deliveries that took effect", ["subscriber"])
_FAILED = Counter("trunkline_failed_deliveries", "Attempts that failed", ["subscriber"])

BATCH = 256
"""Deliveries that one look at an outbox takes."""
GROUP = 16
"""Deliveries of one subscriber that share a transaction, so that it stays short."""

DELAYS = (1, 5, 30, 120, 600, 3600, 3600, 3600)
"""Seconds before each retry; when they are used up, the delivery is parked."""
DELAYS_OF_REFUSALS = (1, 5, 30)
"""The same for what probably won't change by waiting: only a missing predecessor would."""
LONGEST_DELAY_OF_ABSENCE = 60
"""What fails because something is away is tried until it is back, at least so often."""
JITTER = 0.2
_HOPELESS = (Invalid, NotFound, Conflict, Refused, msgspec.ValidationError)

POLL = 1.0
"""Seconds after which the relay looks by itself, should no commit have woken it."""
INBOX_AGE = timedelta(days=7)
PRUNE_EVERY = timedelta(hours=1)


class UnknownSubscriber(NotFound):
    code = "unknownSubscriber"


class Relay:
    """Runs deliveries of `databases` by `routes`. Several may work on the same databases.
    After `hold` seconds a transaction takes on no more of them. `jitter` gives numbers between
    0 and 1."""

    def __init__(
        self,
        databases: Mapping[DatabaseName, Database] | Mapping[str, Database],
        routes: Routes,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        hold: float = 0.005,
    ) -> None:
        self.hold = hold
        self._databases = {each.name: each for each in databases.values()}
        self._routes = routes
        self._clock = clock
        self._jitter = jitter

    def drain(self, now: datetime | None = None) -> int:
        """Runs all that is due at `now` (the clock's, by default), and what that sends in turn,
        until nothing is left. Returns how many deliveries took effect; those that failed wait
        for their retry."""
        total = 0
        while (passes := self._round(now)) is not None:
            total += sum(each.delivered for each in passes)
        return total

    def _round(self, now: datetime | None = None) -> "list[Pass] | None":
        """One look at each outbox; None when there was nothing to do in any."""
        passes = [self.look(each, now) for each in self._databases.values()]
        return passes if any(each.removed or each.failed for each in passes) else None

    def run(self, stop: threading.Event, woken: threading.Event | None = None) -> None:
        """Runs deliveries as they fall due, until `stop` is set. A database that is away is
        waited for. Commits that leave something set `woken`."""
        woken = woken or threading.Event()
        for each in self._databases.values():
            each.on_emit(woken.set)
        listeners = [listen(each, woken, stop) for each in self._databases.values()]
        prune_at = self._clock.now()
        while not stop.is_set():
            woken.clear()
            try:
                while self._round() is not None and not stop.is_set():
                    pass
                if self._clock.now() >= prune_at:
                    self.prune()
                    prune_at = self._clock.now() + PRUNE_EVERY
                pause = self._until_next()
            except DatabaseUnavailable as error:
                log.warning("the relay waits for a database", error=str(error))
                pause = POLL
            woken.wait(pause)
        for listener in listeners:
            listener.join()

    def _until_next(self) -> float:
        """Seconds until a delivery that is known falls due, at most `POLL`."""
        now = self._clock.now()
        pause = POLL
        for each in self._databases.values():
            with each.read() as r:
                due = r.execute(STATEMENTS[each.name].next_due, {"now": to_micros(now)}).scalar()
            if due is not None:
                pause = min(pause, (due - to_micros(now)) / 1_000_000)
        return pause

    def prune(self) -> int:
        """Forgets inbox rows that are old and whose delivery is gone from its outbox."""
        before = to_micros(self._clock.now() - INBOX_AGE)
        forgotten = 0
        for target in self._databases.values():
            statements = STATEMENTS[target.name]
            for source in self._databases.values():
                which = {"source": source.name, "before": before}
                with target.read() as r:
                    old = list(r.execute(statements.old, which).scalars())
                with source.read() as r:
                    there = r.execute(STATEMENTS[source.name].there, {"ids": old}).scalars()
                    gone = sorted(set(old) - set(there))
                if gone:
                    with target.transaction() as tx:
                        tx.execute(statements.forget, {"source": source.name, "ids": gone})
                forgotten += len(gone)
        return forgotten

    def look(self, source: Database, now: datetime | None = None) -> "Pass":
        """Runs up to `BATCH` due deliveries of one outbox."""
        now = now or self._clock.now()
        with source.alone("relay"):
            with source.read() as r:
                due = {"now": to_micros(now), "limit": BATCH}
                rows = [
                    delivery_of(source.name, row)
                    for row in r.execute(STATEMENTS[source.name].due, due)
                ]
            if rows:
                source.persist()
            by_subscriber: dict[str, list[Delivery]] = {}
            for row in rows:
                by_subscriber.setdefault(row.subscriber, []).append(row)
            the_pass = Pass(self, source, now)
            for deliveries in by_subscriber.values():
                for first in range(0, len(deliveries), GROUP):
                    the_pass.run(deliveries[first : first + GROUP])
        return the_pass

    def reaction(self, delivery: Delivery) -> tuple[Reaction, Database]:
        """Who receives it, and where. Raises `UnknownSubscriber`."""
        reaction = self._routes.reaction(delivery.subscriber)
        if reaction is None:
            raise UnknownSubscriber(f"nothing reacts as {delivery.subscriber}")
        return reaction, self._databases[reaction.database]

    def decode(self, reaction: Reaction, delivery: Delivery) -> Message:
        return self._routes.decode(reaction, delivery.payload)

    def delay(self, error: Exception, attempts: int) -> timedelta | None:
        """How long after its `attempts`-th failure a delivery is tried again; None: never."""
        seconds: float
        if isinstance(error, Unavailable):
            seconds = min(DELAYS[min(attempts, len(DELAYS)) - 1], LONGEST_DELAY_OF_ABSENCE)
        else:
            delays = DELAYS_OF_REFUSALS if isinstance(error, _HOPELESS) else DELAYS
            if attempts > len(delays):
                return None
            seconds = delays[attempts - 1]
        return timedelta(seconds=seconds * (1 + JITTER * self._jitter()))


class Pass:
    """One look at one outbox: what it ran, and which keys it must leave alone from then on."""

    def __init__(self, relay: Relay, source: Database, now: datetime) -> None:
        self.delivered = 0
        self.removed = 0
        self.failed = 0
        self._relay = relay
        self._source = source
        self._statements = STATEMENTS[source.name]
        self._now = now
        self._halted: set[tuple[str, str]] = set()

    def run(self, deliveries: Sequence[Delivery]) -> None:
        """Runs deliveries of one subscriber together, or one by one where that fails."""
        deliveries = [each for each in deliveries if self._may_run(each)]
        if not deliveries:
            return
        subscriber = deliveries[0].subscriber
        try:
            reaction, target = self._relay.reaction(deliveries[0])
            run = self._run_within if target is self._source else self._run_across
            delivered = run(deliveries, reaction, target)
            self.delivered += delivered
            _DELIVERED.labels(subscriber).inc(delivered)
        except Exception as error:
            if len(deliveries) > 1:
                for each in deliveries:
                    self.run([each])
            else:
                self._fail(deliveries[0], error)

    def _may_run(self, delivery: Delivery) -> bool:
        return (delivery.subscriber, delivery.key) not in self._halted

    def _halt(self, delivery: Delivery) -> None:
        self._halted.add((delivery.subscriber, delivery.key))

    def _take(self, tx: Reader, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those that are still to be run and that no other relay is running; none that follows
        one that isn't."""
        statement = self._statements.lock if tx.dialect == "postgresql" else self._statements.take
        params = {"ids": [each.id for each in deliveries], "now": to_micros(self._now)}
        found = set(tx.execute(statement, params).scalars())
        taken = []
        for each in deliveries:
            if each.id not in found:
                self._halt(each)
            elif self._may_run(each):
                taken.append(each)
        return taken

    def _run_within(
        self, deliveries: Sequence[Delivery], reaction: Reaction, target: Database
    ) -> int:
        with target.transaction() as tx:
            done = self._react(tx, reaction, self._take(tx, deliveries))
            self._remove(tx, done)
        return len(done)

    def _run_across(
        self, deliveries: Sequence[Delivery], reaction: Reaction, target: Database
    ) -> int:
        if self._source.dialect == "postgresql":
            with self._source.transaction() as holding:
                done, new = self._run_in_target(self._take(holding, deliveries), reaction, target)
                self._remove(holding, done)
            return new
        # On SQLite `alone` already keeps other relays away; holding its write lock while
        # another database works would keep everybody away.
        with self._source.read() as r:
            taken = self._take(r, deliveries)
        done, new = self._run_in_target(taken, reaction, target)
        with self._source.transaction() as tx:
            self._remove(tx, done)
        return new

    def _run_in_target(
        self, deliveries: Sequence[Delivery], reaction: Reaction, target: Database
    ) -> tuple[list[Delivery], int]:
        """Those that have taken effect by now, and how many of them did just now."""
        if not deliveries:
            return [], 0
        statements = STATEMENTS[target.name]
        with target.transaction() as tx:
            which = {"source": self._source.name, "ids": [each.id for each in deliveries]}
            known = set(tx.execute(statements.received, which).scalars())
            new = self._react(tx, reaction, [each for each in deliveries if each.id not in known])
            if new:
                received_at = to_micros(self._now)
                tx.execute(
                    statements.receive,
                    [
                        {"source": each.source, "delivery": each.id, "received_at": received_at}
                        for each in new
                    ],
                )
        return [*(each for each in deliveries if each.id in known), *new], len(new)

    def _remove(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self.removed += len(deliveries)
            tx.execute(self._statements.remove, {"ids": [each.id for each in deliveries]})

    def _react(self, tx: Tx, reaction: Reaction, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Runs them as far as the time allows that a transaction may last: others wait. Those
        that are run together are few enough."""
        if reaction.together is not None and len(deliveries) > 1:
            messages = [self._relay.decode(reaction, each) for each in deliveries]
            reaction.together(tx, messages, self._now)
            return list(deliveries)
        done: list[Delivery] = []
        if len(deliveries) > 1:
            # Each takes its rows in order, all of them together don't: alone it won't matter.
            tx.give_way()
        started = time.monotonic()
        for each in deliveries:
            if done and time.monotonic() - started > self._relay.hold:
                self._halt(each)
            elif self._may_run(each):
                reaction.run(tx, self._relay.decode(reaction, each), self._now)
                done.append(each)
        return done

    def _fail(self, delivery: Delivery, error: Exception) -> None:
        self.failed += 1
        _FAILED.labels(delivery.subscriber).inc()
        self._halt(delivery)
        attempts = delivery.attempts + 1
        delay = self._relay.delay(error, attempts)
        params = {
            "which": delivery.id,
            "attempts_": attempts,
            "due_at_": to_micros(self._now + (delay or timedelta())),
            "state_": PARKED if delay is None else PENDING,
            "error_": "".join(traceback.format_exception(error))[-4000:],
        }
        with self._source.transaction() as tx:
            tx.execute(self._statements.fail, params)
        log.log(
            logging.ERROR if delay is None else logging.WARNING,
            "delivery parked" if delay is None else "delivery failed",
            source=delivery.source,
            delivery=delivery.id,
            subscriber=delivery.subscriber,
            key=delivery.key,
            attempts=attempts,
            error=str(error),
            code=error.code if isinstance(error, TrunklineError) else type(error).__name__,
        )
