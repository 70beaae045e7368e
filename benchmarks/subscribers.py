"""What the benchmarks of the network's edges share: subscribers to charge, the processes that
charge them, and books that must agree.

Provisions subscribers through charging's own store, starts the real charging and jobs
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
from trunkline.charging import (
    ChargingAccountId,
    InstallTariff,
    OpenAccount,
    account,
    operations,
    store,
)
from trunkline.charging.journal import RecordKind
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money
from trunkline.kernel.money import to_micros as millionths
from trunkline.kernel.time import to_micros
from trunkline.ledger import LegalEntityId, create_legal_entity
from trunkline.platform import schema
from trunkline.platform.db import Database, Tx, books_metadata, charging_metadata
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

CHUNK = 2000
MONEY = Money.of(100, "EUR")

Answers = dict[str, Any]


def measured(
    url: Callable[[str], str], generator: str, edge: str, *, subscribers: int, seconds: float
) -> tuple[Answers, Answers]:
    """What `generator` (a module) found of the edge whose section of the settings is `edge`: with
    one request outstanding, and with 64."""
    books, charging = url("books"), url("charging")
    schema.upgrade(books, "books")
    schema.upgrade(charging, "charging")
    entity = legal_entity(books)
    database = Database(charging, metadata=charging_metadata)
    ports = {"charging": 0, "nchf": 0} | {edge: free_port()}

    def drive(*options: str) -> Answers:
        options = "--subscribers", str(subscribers), *options
        return finished(begin(generator, ports[edge], *options), seconds * 2 + 120)

    try:
        began = time.perf_counter()
        provision(database, entity, range(subscribers), datetime.now(UTC))
        print(f"   {subscribers:,} accounts in {time.perf_counter() - began:.0f} s", flush=True)
        environment = {
            "TRUNKLINE_DATABASES_BOOKS": books,
            "TRUNKLINE_DATABASES_CHARGING": charging,
            "TRUNKLINE_CHARGING_PORT": str(ports["charging"]),
            "TRUNKLINE_NCHF_PORT": str(ports["nchf"]),
            "TRUNKLINE_CHARGING_METRICS_PORT": str(free_port()),
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
        agree(database, sum(run["used_octets"] for run in runs))
    finally:
        database.close()
    return single, loaded


def begin(generator: str, port: int, *options: str) -> subprocess.Popen[bytes]:
    """A load generator (a module) at this port of ours."""
    command = [sys.executable, "-m", generator, "127.0.0.1", str(port), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603 - our own


def finished(generator: subprocess.Popen[bytes], patience: float) -> Answers:
    """What it found, once it has ended; it reports all that it was granted."""
    with generator:
        try:
            said, _ = generator.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            generator.kill()
            raise
    found: Answers = json.loads(said or b"{}")
    if generator.returncode or found["granted_octets"] != found["used_octets"]:
        raise RuntimeError(f"the load generator failed: {found}")
    return found


_CHARGED = sa.select(sa.func.sum(store.records.c.units)).where(
    store.records.c.kind == RecordKind.USAGE
)


def agree(database: Database, used: int) -> None:
    """The journal has charged exactly what was reported, and nothing stays reserved."""
    with database.read() as r:
        charged = r.execute(_CHARGED).scalar_one()
        reserved = after = 0
        while accounts := store.accounts_after(r, after, CHUNK):
            after = accounts[-1].key
            reserved += sum(each.state.holds_anything() for each in accounts)
    if charged != used or reserved:
        raise RuntimeError(
            f"books differ: {used} octets reported, {charged} charged, {reserved} reserved"
        )
    print(f"   {charged:,} octets reported and charged, none reserved", flush=True)


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


def provision(database: Database, entity: LegalEntityId, numbers: range, now: datetime) -> None:
    """Prepaid accounts with 2 MB to use up first and 100 units of money after it, whose
    subscribers have these numbers."""
    start = now - timedelta(days=1)
    tariff = compile_tariff(_prices(), version=1, effective_from=start)
    with database.transaction() as tx:
        install = InstallTariff(version=1, effective_from=start, body=tariff.encode())
        operations.install_tariff(tx, install, now)
    for first in range(0, len(numbers), CHUNK):
        openings = [_opening(entity, number, start) for number in numbers[first : first + CHUNK]]
        with database.transaction() as tx:
            _open(tx, openings)


def _open(tx: Tx, openings: list[OpenAccount]) -> None:
    """As charging's operations do, but for looking whether anybody has these accounts, and for
    a payment each."""
    states = [account.opened(each) for each in openings]
    for state in states:
        state.money = MONEY.micros
    keys = store.insert_accounts(
        tx,
        (
            (each.account, each.billing_account, state)
            for each, state in zip(openings, states, strict=True)
        ),
    )
    store.bind(
        tx,
        [
            store.Binding(*identity, to_micros(each.opened_at), store.FOREVER, keys[each.account])
            for each in openings
            for identity in each.identities
        ],
    )


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
        steps=(PriceStep(0, millionths("0.01")),),
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


def free_port(in_a_row: int = 1) -> int:
    """A port that is free, the first of so many."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            try:
                for number in range(1, in_a_row):
                    socket.create_server(("127.0.0.1", port + number)).close()
            except OSError:
                continue
        return port
