"""Charging goes on when other parts are busy: each of them stands still in the midst of its work
until the network has been answered, so that one that charging waited for would wait for ever."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import ALL_REACTIONS, NOW, MakeDatabase
from tests.scenarios.billing_town import (
    ENTITY,
    at,
    eur,
    found_town,
    give_product,
    move_in,
    recurring,
)
from tests.unit.charging.builders import MB, asks, compiled, opening, plan, request
from trunkline import billing
from trunkline.charging import ChargingAccountId, GroupCommit, Kind, Result, balance, store
from trunkline.charging.events import AccountOpened
from trunkline.charging.operations import open_account, top_up
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay

FIRST = ChargingAccountId("cac_1")
REQUESTS = 20


class Pause:
    """Where others stand still."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._over = threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        assert self._over.wait(60), "charging waits for those who wait for it"

    @contextmanager
    def inside(self, work: Callable[[], object]) -> Iterator[None]:
        """While `work`, in a thread of its own, stands still here; then it ends."""
        failures: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert self._reached.wait(60)
            yield
        finally:
            self._over.set()
            thread.join()
        assert failures == []


@pytest.fixture
def charging(make_database: MakeDatabase) -> Database:
    database = make_database("charging")
    with database.transaction() as tx:
        store.insert_tariff(tx, compiled(plan()), NOW)
        open_account(tx, opening(1, legal_entity=ENTITY))
        top_up(tx, FIRST, payment_id="p1", amount=Money.of("100", "EUR"), now=NOW)
    return database


def charge(database: Database) -> None:
    """A session of the first account, a megabyte at a time."""
    network = GroupCommit(database)
    moment = int(NOW.timestamp())
    for number in range(REQUESTS):
        kind = Kind.UPDATE if number else Kind.INITIAL
        unit = asks(MB, used=MB if number else 0)
        [answer] = network.process([request(kind, number, unit, at=moment)], NOW)
        assert answer.result is Result.SUCCESS
    with database.read() as r:
        money = balance(r, FIRST, NOW).money.micros
    assert money == 100_000_000 - (REQUESTS - 1) * 10_000


def test_while_a_bill_run_writes(
    books: Database, charging: Database, make_database: MakeDatabase, clock: DrivenClock
) -> None:
    """The run has read charging's journal and stands in the transaction that writes its bills."""
    november, december = at("2026-11-01"), at("2026-12-01")
    with books.transaction() as tx:
        found_town(tx, november)
        account = move_in(tx, "Anna", november)
        give_product(tx, account, [recurring("Plan", "10")], november)
    pause = Pause()
    ours = make_database("charging")
    begin = books.transaction

    @contextmanager
    def transaction(**how: Any) -> Iterator[Tx]:
        with begin(**how) as tx:
            yield tx
            if billing.invoices_of(tx, account):
                pause()

    books.transaction = transaction  # type: ignore[method-assign]
    clock.set(december)
    with pause.inside(lambda: billing.run_bills(books, charging, through=december, now=december)):
        charge(ours)
    with books.read() as r:
        assert billing.invoiced(r) == [(1, eur("12"))]


def test_while_somebody_reads_charging_s_journal(
    charging: Database, make_database: MakeDatabase
) -> None:
    """As bill runs, exports and pages do: from a snapshot that they keep."""
    pause = Pause()

    def read() -> None:
        with charging.snapshot() as r:
            before = balance(r, FIRST, NOW)
            pause()
            assert balance(r, FIRST, NOW) == before

    with pause.inside(read):
        charge(make_database("charging"))


def test_while_one_that_listens_to_charging_is_slow(
    books: Database, make_database: MakeDatabase, clock: DrivenClock
) -> None:
    """A reaction to what charging tells takes as long as it likes."""
    pause = Pause()

    def react(_tx: Tx, _message: AccountOpened, _now: datetime) -> None:
        pause()

    slow = Reaction("test.slow", AccountOpened, react, "books")
    routes = Routes((*(each for each in ALL_REACTIONS if each.on is not AccountOpened), slow))
    charging = make_database("charging", routes)
    with charging.transaction() as tx:
        store.insert_tariff(tx, compiled(plan()), NOW)
        open_account(tx, opening(1))
        top_up(tx, FIRST, payment_id="p1", amount=Money.of("100", "EUR"), now=NOW)
    relay = Relay({"books": books, "charging": charging}, routes, clock)
    with pause.inside(relay.drain):
        charge(make_database("charging", routes))
