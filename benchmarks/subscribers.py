"""What the benchmarks of the network's edges share: subscribers to charge, the processes that
charge them, and books that must agree.

Provisions subscribers through charging's own operations, starts the real charging and jobs
processes on an fsync'ing database, drives them with a load generator from a process of its own,
64 requests outstanding over 4 connections and then one alone, and holds the generator's books
against charging's journal afterwards: a figure whose books don't agree is not reported.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.harness import ROOT
from benchmarks.load import RATING_GROUP, imsi
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

CHUNK = 500

Answers = dict[str, Any]


def measured(
    url: Callable[[str], str], generator: str, edge: str, *, subscribers: int, seconds: float
) -> tuple[Answers, Answers]:
    """What `generator` (a module) found of the edge whose section of the settings is `edge`: with
    one request outstanding, and with 64."""
    books, charging = url("books"), url("charging")
    schema.upgrade(books, "books")
    schema.upgrade(charging, "charging")
    entity = _legal_entity(books)
    database = Database(charging, metadata=charging_metadata)
    ports = {"charging": 0, "nchf": 0} | {edge: _free_port()}

    def drive(*options: str) -> Answers:
        return _drive(generator, ports[edge], subscribers, seconds * 2 + 120, options)

    try:
        began = time.perf_counter()
        provision(database, entity, subscribers, datetime.now(UTC))
        print(f"   {subscribers:,} accounts in {time.perf_counter() - began:.0f} s", flush=True)
        environment = {
            "TRUNKLINE_DATABASES_BOOKS": books,
            "TRUNKLINE_DATABASES_CHARGING": charging,
            "TRUNKLINE_CHARGING_PORT": str(ports["charging"]),
            "TRUNKLINE_NCHF_PORT": str(ports["nchf"]),
            "TRUNKLINE_CHARGING_METRICS_PORT": str(_free_port()),
            "TRUNKLINE_LOG_LEVEL": "error",
        }
        alone = "--outstanding", "1", "--connections", "1"
        with Supervisor(environment) as supervisor:
            supervisor.start(("charging", "jobs"))
            runs = [
                drive("--seconds", "2"),
                single := drive("--seconds", str(seconds / 2), *alone),
                loaded := drive("--seconds", str(seconds)),
                drive("--requests", "1", *alone),
            ]
        _agree(database, sum(run["used_octets"] for run in runs))
    finally:
        database.close()
    return single, loaded


def _drive(
    generator: str, port: int, subscribers: int, patience: float, options: tuple[str, ...]
) -> Answers:
    """Runs the generator to its end."""
    command = [sys.executable, "-m", generator, "127.0.0.1", str(port)]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--subscribers", str(subscribers), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=patience,
    )
    found: Answers = json.loads(done.stdout or b"{}")
    if done.returncode or found["granted_octets"] != found["used_octets"]:
        raise RuntimeError(f"the load generator failed: {found}")
    return found


_CHARGED = sa.select(sa.func.sum(store.records.c.units)).where(
    store.records.c.kind == RecordKind.USAGE
)


def _agree(database: Database, used: int) -> None:
    """The journal has charged exactly what was reported, and nothing stays reserved."""
    with database.read() as r:
        charged = r.execute(_CHARGED).scalar_one()
        rows = r.execute(sa.select(store.accounts)).all()
    reserved = sum(store.account_of(row).state.holds_anything() for row in rows)
    if charged != used or reserved:
        raise RuntimeError(
            f"books differ: {used} octets reported, {charged} charged, {reserved} reserved"
        )
    print(f"   {charged:,} octets reported and charged, none reserved", flush=True)


def _legal_entity(books: str) -> LegalEntityId:
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
