"""Several who charge at once, and workers that are killed."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import NOW, MakeDatabase
from tests.effort import dice
from tests.unit.charging.builders import MB, asks, compiled, opening, plan, request
from trunkline.charging import (
    ChargingAccountId,
    GroupCommit,
    Kind,
    Result,
    balance,
    records,
    store,
)
from trunkline.charging.events import JoinPool
from trunkline.charging.journal import RecordKind
from trunkline.charging.operations import open_account, top_up
from trunkline.charging.pools.operations import join_pool
from trunkline.kernel.money import Money
from trunkline.platform.db import OUTBOX, Database
from trunkline.rating import Allowance

AT = int(NOW.timestamp())
ROOT = Path(__file__).parents[2]
FIRST, SECOND = ChargingAccountId("cac_1"), ChargingAccountId("cac_2")


@pytest.fixture
def charging(make_database: MakeDatabase) -> Database:
    database = make_database("charging")
    with database.transaction() as tx:
        store.insert_tariff(tx, compiled(plan()), NOW)
        for number in (1, 2):
            open_account(tx, opening(number))
            top_up(
                tx,
                ChargingAccountId(f"cac_{number}"),
                payment_id=f"p{number}",
                amount=Money.of("100", "EUR"),
                now=NOW,
            )
    return database


def money(database: Database, account: ChargingAccountId) -> int:
    with database.read() as r:
        return balance(r, account, NOW).money.micros


@pytest.mark.postgresql
def test_nobody_waits_behind_a_stranger(
    charging: Database, make_database: MakeDatabase, engine: str
) -> None:
    """While another transaction holds the first account, its requests are left over, in order;
    those of the second are answered."""
    if engine == "sqlite":
        pytest.skip("SQLite has one writer: there is nobody to wait behind")
    network = GroupCommit(charging)
    batch = [
        request(Kind.INITIAL, 0, asks(MB), session="a", subscriber=1, at=AT),
        request(Kind.INITIAL, 0, asks(MB), session="b", subscriber=2, at=AT),
        request(Kind.UPDATE, 1, asks(MB, used=MB), session="a", subscriber=1, at=AT),
        request(Kind.INITIAL, 0, asks(MB), session="c", subscriber=3, at=AT),
    ]
    with make_database("charging").transaction() as stranger:
        assert store.hold(stranger, FIRST) is not None
        first, second, third, fourth = network.attempt(batch, NOW)
        assert first is None
        assert third is None
        assert second is not None
        assert second.result is Result.SUCCESS
        assert fourth is not None
        assert fourth.result is Result.UNKNOWN_SUBSCRIBER
        stuck = network.process([batch[0]], NOW)
        assert [each.result for each in stuck] == [Result.FAILED]
    left = [batch[0], batch[2]]
    assert [each.result for each in network.process(left, NOW)] == [Result.SUCCESS] * 2
    assert money(charging, FIRST) == 99_990_000


def test_workers_share_an_account_without_losing_a_cent(
    charging: Database, make_database: MakeDatabase
) -> None:
    """Two workers and top-ups beside them, all on the same two accounts."""
    rounds = 15
    failures: list[BaseException] = []

    def work(name: str, database: Database) -> None:
        try:
            network = GroupCommit(database)
            for number in range(rounds):
                kind = Kind.UPDATE if number else Kind.INITIAL
                unit = asks(MB, used=MB if number else 0)
                batch = [
                    request(kind, number, unit, session=f"{name}{n}", subscriber=n, at=AT)
                    for n in (1, 2)
                ]
                while batch:
                    answers = network.attempt(batch, NOW)
                    assert all(a is None or a.result is Result.SUCCESS for a in answers)
                    batch = [b for b, a in zip(batch, answers, strict=True) if a is None]
        except BaseException as failure:
            failures.append(failure)

    workers = [
        threading.Thread(target=work, args=(name, make_database("charging"))) for name in "xy"
    ]
    for worker in workers:
        worker.start()
    for payment in range(10):
        with charging.transaction() as tx:
            top_up(tx, FIRST, payment_id=f"more{payment}", amount=Money.of("1", "EUR"), now=NOW)
    for worker in workers:
        worker.join()
    assert failures == []
    used = 2 * (rounds - 1) * 10_000
    assert money(charging, FIRST) == 110_000_000 - used
    assert money(charging, SECOND) == 100_000_000 - used
    with charging.read() as r:
        found = records(r, FIRST, limit=1000)
    assert sorted(each.seq for each in found) == list(range(1, len(found) + 1))


def test_a_killed_worker_loses_nothing_and_charges_nothing_twice(charging: Database) -> None:
    """SIGKILL at random moments; each time the next worker is sent what was not answered."""
    chance = dice(20261121)
    url = charging.url.render_as_string(hide_password=False)
    answered = -1
    for _ in range(6):
        answered = charge_until_killed(url, answered + 1, chance.randint(1, 25))
    network = GroupCommit(charging)
    last = answered + 1
    [answer] = network.process([request(Kind.UPDATE, last, asks(used=MB), at=AT)], NOW)
    assert answer.result is Result.SUCCESS
    with charging.read() as r:
        usage = [each for each in records(r, FIRST, limit=10**6) if each.kind == RecordKind.USAGE]
    assert sorted(each.number for each in usage) == list(range(1, last + 1))
    assert money(charging, FIRST) == 100_000_000 - last * 10_000


def test_two_workers_that_lease_from_one_pool_are_killed(charging: Database) -> None:
    """Two processes at a time, of two members; units are in one place at the end, and each
    request was charged once."""
    pool = ChargingAccountId("cac_9")
    with charging.transaction() as tx:
        shared = Allowance("all", "Shared", "data", 200 * MB)
        store.insert_tariff(tx, compiled(plan(), plan(shared, id_="shared"), version=2), NOW)
        open_account(tx, opening(9, plan="shared", shared=True, identities=()))
        for member in (FIRST, SECOND):
            join_pool(tx, JoinPool(account=member, pool=pool), NOW)
    chance = dice(20261122)
    url = charging.url.render_as_string(hide_password=False)
    answered = {1: -1, 2: -1}

    def work(phone: int, answers: int) -> None:
        answered[phone] = charge_until_killed(url, answered[phone] + 1, answers, phone)

    for _ in range(2):
        killers = [
            threading.Thread(target=work, args=(phone, chance.randint(1, 20))) for phone in (1, 2)
        ]
        for killer in killers:
            killer.start()
        for killer in killers:
            killer.join()
    assert min(answered.values()) >= 1
    network = GroupCommit(charging)
    free = 0
    for phone, account in ((1, FIRST), (2, SECOND)):
        last = answered[phone] + 1
        unit = asks(used=MB)
        end = request(Kind.UPDATE, last, unit, session=f"s{phone}", subscriber=phone, at=AT)
        network.process([end], NOW)
        with charging.read() as r:
            lines = records(r, account, limit=10**6)
        usage = [each for each in lines if each.kind == RecordKind.USAGE]
        assert sorted(each.number for each in usage) == list(range(1, last + 1))
        free += sum(each.free for each in usage)
        spent = sum(each.charge.micros for each in usage)
        assert money(charging, account) == 100_000_000 - spent
    with charging.read() as r:
        there = [
            bucket.remaining
            for each in (FIRST, SECOND, pool)
            for bucket in balance(r, each, NOW).buckets
        ]
    assert sum(there) + free == 200 * MB


def charge_until_killed(url: str, first: int, answers: int, phone: int = 1) -> int:
    """The number of the last request that a worker answered before it was killed, some time
    after its first `answers`."""
    answered = first - 1
    module = "tests.scenarios.charging_worker"
    worker = subprocess.Popen(
        [sys.executable, "-m", module, url, str(first), "1000000", str(phone)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    with worker, worker.stdout:
        for _ in range(answers):
            answered = int(worker.stdout.readline())
        worker.kill()
        for line in worker.stdout:
            if line.endswith("\n"):
                answered = int(line)
    return answered


def test_charging_goes_on_when_nobody_takes_its_messages(
    charging: Database, make_database: MakeDatabase
) -> None:
    """Ten thousand deliveries wait, and whoever reads them takes as long as they like: the
    network is answered all the same."""
    outbox = OUTBOX["charging"][0]
    row = {
        "subscriber": "charging.balance_low",
        "topic": "charging.balance_low",
        "key": "cac_1",
        "payload": "{}",
        "created_at": 0,
        "due_at": 0,
    }
    with charging.transaction() as tx:
        tx.execute(sa.insert(outbox), [row] * 10_000)
    network = GroupCommit(make_database("charging"))
    with charging.read() as slow:
        waiting = slow.execute(sa.select(outbox.c.id).where(outbox.c.key == row["key"]))
        assert waiting.fetchone() is not None
        for number in range(20):
            kind = Kind.UPDATE if number else Kind.INITIAL
            unit = asks(MB, used=MB if number else 0)
            [answer] = network.process([request(kind, number, unit, at=AT)], NOW)
            assert answer.result is Result.SUCCESS
        assert len(waiting.fetchall()) >= 10_000 - 1
    assert money(charging, FIRST) == 100_000_000 - 19 * 10_000
