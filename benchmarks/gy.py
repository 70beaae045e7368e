"""Credit-control requests answered a second, each durable before its answer.

Provisions subscribers through charging's own operations, starts the real charging and jobs
processes on an fsync'ing database, drives them with `gy_load` from a process of its own, and
holds the generator's books against charging's journal afterwards: a figure whose books don't
agree is not reported. BENCH_GY_SUBSCRIBERS (100,000) and BENCH_GY_SECONDS (10) change the size.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.gy_load import RATING_GROUP, imsi
from benchmarks.harness import BUILD, ROOT, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline.charging import ChargingAccountId, InstallTariff, OpenAccount, operations, store
from trunkline.charging.journal import RecordKind
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money, to_micros
from trunkline.ledger import LegalEntityId, create_legal_entity
from trunkline.platform import schema
from trunkline.platform.db import Database, books_metadata, charging_metadata
from trunkline.rating import (
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    compile_tariff,
)
from trunkline.supervisor import Supervisor

SUBSCRIBERS = int(os.environ.get("BENCH_GY_SUBSCRIBERS", "100000"))
SECONDS = float(os.environ.get("BENCH_GY_SECONDS", "10"))
CHUNK = 500
PLACE = BUILD / "bench"

Answers = dict[str, Any]


@benchmark("gy")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "gy-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("gy.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "gy-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    books, charging = url("books"), url("charging")
    schema.upgrade(books, "books")
    schema.upgrade(charging, "charging")
    entity = legal_entity(books)
    database = Database(charging, metadata=charging_metadata)
    try:
        began = time.perf_counter()
        provision(database, entity, SUBSCRIBERS, datetime.now(UTC))
        print(f"   {SUBSCRIBERS:,} accounts in {time.perf_counter() - began:.0f} s", flush=True)
        port = _free_port()
        environment = {
            "TRUNKLINE_DATABASES_BOOKS": books,
            "TRUNKLINE_DATABASES_CHARGING": charging,
            "TRUNKLINE_CHARGING_PORT": str(port),
            "TRUNKLINE_CHARGING_METRICS_PORT": str(_free_port()),
            "TRUNKLINE_NCHF_PORT": "0",
            "TRUNKLINE_LOG_LEVEL": "error",
        }
        with Supervisor(environment) as supervisor:
            supervisor.start(("charging", "jobs"))
            many = "--outstanding", "64", "--connections", "4"
            _drive(port, "--seconds", "2", *many)
            single = _drive(port, "--seconds", str(SECONDS / 2), "--outstanding", "1")
            loaded = _drive(port, "--seconds", str(SECONDS), *many)
            _drive(port, "--requests", "1", "--outstanding", "1")
        _agree(database)
    finally:
        database.close()
    figures = {
        "gy.ccr_per_s": loaded["ccr_per_s"],
        "gy.p50_ms": loaded["p50_ms"],
        "gy.p99_ms": loaded["p99_ms"],
        "gy.single_p50_ms": single["p50_ms"],
        "gy.single_ccr_per_s": single["ccr_per_s"],
    }
    return {name + suffix: value for name, value in figures.items()}


_used = 0


def _drive(port: int, *options: str) -> Answers:
    """Runs the generator to its end and adds to the books what it used."""
    global _used
    command = [sys.executable, "-m", "benchmarks.gy_load", "127.0.0.1", str(port)]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--subscribers", str(SUBSCRIBERS), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=SECONDS * 2 + 120,
    )
    found: Answers = json.loads(done.stdout or b"{}")
    if done.returncode or found["granted_octets"] != found["used_octets"]:
        raise RuntimeError(f"the load generator failed: {found}")
    _used += found["used_octets"]
    return found


_CHARGED = sa.select(sa.func.sum(store.records.c.units)).where(
    store.records.c.kind == RecordKind.USAGE
)


def _agree(database: Database) -> None:
    """The journal has charged exactly what was reported, and nothing stays reserved."""
    global _used
    with database.read() as r:
        charged = r.execute(_CHARGED).scalar_one()
        rows = r.execute(sa.select(store.accounts)).all()
    reserved = sum(store.account_of(row).state.holds_anything() for row in rows)
    if charged != _used or reserved:
        raise RuntimeError(
            f"books differ: {_used} octets reported, {charged} charged, {reserved} reserved"
        )
    print(f"   {charged:,} octets reported and charged, none reserved", flush=True)
    _used = 0


def legal_entity(books: str) -> LegalEntityId:
    database = Database(books, metadata=books_metadata)
    with database.transaction() as tx:
        entity = create_legal_entity(
            tx,
            name="Benchmark",
            country="DE",
            currency="EUR",
            tax_number="DE1",
            invoice_prefix="B",
            now=datetime.now(UTC),
        )
    database.close()
    return entity


def provision(database: Database, entity: LegalEntityId, subscribers: int, now: datetime) -> None:
    """Prepaid accounts with 2 MB to use up first and 100 units of money after it."""
    start = now - timedelta(days=1)
    tariff = compile_tariff(_prices(), version=1, effective_from=start)
    with database.transaction() as tx:
        install = InstallTariff(version=1, effective_from=start, body=tariff.encode())
        operations.install_tariff(tx, install, now)
    amount = Money.of(100, "EUR")
    for first in range(0, subscribers, CHUNK):
        numbers = range(first, min(first + CHUNK, subscribers))
        with database.transaction() as tx:
            operations.open_accounts(tx, [_opening(entity, number, start) for number in numbers])
            for number in numbers:
                payment = f"pay_{number}"
                operations.top_up(tx, _account(number), payment_id=payment, amount=amount, now=now)


def _account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number:08}")


def _opening(entity: LegalEntityId, number: int, at: datetime) -> OpenAccount:
    return OpenAccount(
        account=_account(number),
        billing_account=BillingAccountId(f"bac_{number:08}"),
        legal_entity=entity,
        currency="EUR",
        kind=AccountKind.PREPAID,
        plan="plan",
        cycle_day=1,
        time_zone="Europe/Berlin",
        identities=(("imsi", imsi(number)), ("msisdn", f"4670{number:08}")),
        opened_at=at,
    )


def _prices() -> TariffSource:
    rate = Rate(
        label="Data",
        per=1_000_000,
        steps=(PriceStep(0, to_micros("0.01")),),
        increments=(Increment(0, 1000),),
        connection_fee=0,
    )
    plan = PlanSource(
        id="plan",
        currency="EUR",
        rules=(UsageRule(service="data", rate=rate, rating_group=RATING_GROUP),),
        allowances=(Allowance("start", "2 MB", "data", 2_000_000),),
    )
    return TariffSource(plans=(plan,))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
