"""Brings what is to be collected to the payment gateway, and its answers back.

No transaction is open while the gateway is asked. What is under way is leased for a while: after
a crash it is asked again under the same key, which a gateway answers with what it did before.
"""

import threading
from datetime import datetime, timedelta

from trunkline.payments import store as payments
from trunkline.payments.automatic import operations, store
from trunkline.payments.automatic.model import (
    Collection,
    Gateway,
    GatewayUnavailable,
    Order,
    Outcome,
)
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.loops import keep_at

AT_ONCE = 20
LEASE = timedelta(minutes=3)
"""Longer than a gateway may take to answer."""
POLL = 2.0
"""Seconds between looks."""


class Collector:
    """Between the books and one gateway."""

    def __init__(self, books: Database, gateway: Gateway, clock: Clock) -> None:
        self._books = books
        self._gateway = gateway
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set."""
        keep_at(lambda: 0 if self._round(None) else POLL, stop, name="collections")

    def drain(self, now: datetime | None = None) -> int:
        """Collects what is due, one after another, until nothing is; how many answers those
        were."""
        total = 0
        while found := self._round(now):
            total += found
        return total

    def _round(self, at: datetime | None) -> int:
        now = at or self._clock.now()
        with self._books.read() as r:
            due = store.due(r, now, AT_ONCE)
        done = 0
        for each in due:
            with self._books.transaction() as tx:
                ours = store.lease(tx, each.id, now, now + LEASE)
            if ours:
                self._collect(each, at)
                done += 1
        return done

    def _collect(self, each: Collection, at: datetime | None) -> None:
        try:
            outcome = self._asked(each)
        except GatewayUnavailable as error:
            with self._books.transaction() as tx:
                now = at or self._clock.now()
                operations.note_absence(tx, each.id, error.reason, now=now)
            return
        with self._books.transaction() as tx:
            operations.note_outcome(tx, each.id, outcome, now=at or self._clock.now())

    def _asked(self, each: Collection) -> Outcome:
        with self._books.read() as r:
            method = payments.find_method(r, each.method)
        if method is None:
            return Outcome(reason="the payment method is gone")
        # One that was asked for before may have been taken: only the gateway knows.
        if method.status != "active" and each.attempts == 0 and not each.leased:
            return Outcome(reason=f"the payment method is {method.status}")
        return self._gateway.collect(
            Order(
                key=each.key,
                collection=each.id,
                billing_account=each.billing_account,
                amount=each.amount,
                method=each.method,
                kind=method.kind.value,
                token=method.token,
            )
        )
