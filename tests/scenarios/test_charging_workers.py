"""Several who charge at once, and workers that are killed."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import NOW, MakeDatabase
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
from trunkline.charging.journal import RecordKind
from trunkline.charging.operations import open_account, top_up
from trunkline.kernel.money import Money
from trunkline.platform.db import Database

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
    chance = random.Random(20261121)
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


def charge_until_killed(url: str, first: int, answers: int) -> int:
    """The number of the last request that a worker answered before it was killed, some time
    after its first `answers`."""
    answered = first - 1
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.scenarios.charging_worker", url, str(first), "1000000"],
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
