"""How fast the members of one shared pool are charged beside as many strangers.

Half of the accounts have an allowance of their own, half share a pool's, all else alike. Requests
of both halves come in batches of 64, first these, then those, through the group commit itself on
an fsync'ing database, so that nothing but the account differs. The first request of each, with
which a member leases what lasts for sixty, isn't timed. A figure is reported only where the pool,
its leases and what was used come to what the pool was given.
BENCH_FLEET_MEMBERS (50,000) and BENCH_FLEET_REQUESTS (100,000 of each half) change the size.
"""

import gc
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.load import imsi
from benchmarks.places import fresh, postgresql
from trunkline.charging import (
    ChargeRequest,
    ChargingAccountId,
    GroupCommit,
    InstallTariff,
    Kind,
    OpenAccount,
    Result,
    Service,
    UnitRequest,
    operations,
    store,
)
from trunkline.charging.pools.events import JoinPool
from trunkline.charging.pools.operations import join_pool
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import to_micros
from trunkline.ledger import LegalEntityId
from trunkline.platform import schema
from trunkline.platform.db import Database, charging_metadata
from trunkline.rating import (
    BUCKET_SIZE,
    REMAINING,
    Allowance,
    PlanSource,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    compile_tariff,
    compiled,
)

MEMBERS = int(os.environ.get("BENCH_FLEET_MEMBERS", "50000"))
REQUESTS = int(os.environ.get("BENCH_FLEET_REQUESTS", "100000"))
PLACE = BUILD / "bench"
CHUNK = 500
OUTSTANDING = 64
TURN = 50
"""Batches of one half before it is the other's turn."""
GRANT = 1_000_000
OWN = 10**12
POOL = ChargingAccountId("cac_fleet")


@benchmark("fleet")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "fleet-sqlite")
    return _measure(f"sqlite:///{place}/charging.db", "")


@benchmark("fleet.postgresql")
def on_postgresql() -> Figures:
    place = fresh(PLACE / "fleet-postgresql")
    with postgresql(place / "server") as url:
        return _measure(url("charging"), ".postgresql")


def _measure(url: str, suffix: str) -> Figures:
    compiled.load()
    schema.upgrade(url, "charging")
    database = Database(url, metadata=charging_metadata)
    try:
        now = datetime.now(UTC)
        _provision(database, now)
        group = GroupCommit(database)
        halves = _Half(0), _Half(MEMBERS)
        for half in halves:
            half.run(group, now, MEMBERS // OUTSTANDING)
        gc.collect()
        gc.freeze()  # as the charging process does once it is ready
        gc.set_threshold(10_000, 20, 20)
        took = [0.0, 0.0]
        batches = 0
        while batches * OUTSTANDING < REQUESTS:
            for index, half in enumerate(halves):
                took[index] += half.run(group, now, TURN)
            batches += TURN
        _agree(database, sum(half.used for half in halves))
    finally:
        database.close()
    strangers, members = (batches * OUTSTANDING / seconds for seconds in took)
    return {
        f"fleet.strangers{suffix} [requests/s]": strangers,
        f"fleet.members{suffix} [requests/s]": members,
        f"fleet.members_of_strangers{suffix} [%]": 100 * members / strangers,
    }


class _Half:
    """Phones that each go on with a session of their own and use what they were granted."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._chance = random.Random(first)
        self._serials = [-1] * MEMBERS
        self._granted = [0] * MEMBERS
        self._order = self._shuffled()
        self.used = 0

    def _shuffled(self) -> Iterator[int]:
        while True:
            yield from self._chance.sample(range(MEMBERS), MEMBERS)

    def run(self, group: GroupCommit, now: datetime, batches: int) -> float:
        """The seconds that so many batches take."""
        seconds = 0.0
        for _ in range(batches):
            phones = [next(self._order) for _ in range(OUTSTANDING)]
            asked = [self._request(phone, int(now.timestamp())) for phone in phones]
            began = time.perf_counter()
            answers = group.process(asked, now)
            seconds += time.perf_counter() - began
            for phone, answer in zip(phones, answers, strict=True):
                [unit] = answer.units
                assert unit.result is Result.SUCCESS, answer
                self._granted[phone] = unit.granted
        return seconds

    def _request(self, phone: int, epoch: int) -> ChargeRequest:
        self._serials[phone] += 1
        used = self._granted[phone]
        self.used += used
        return ChargeRequest(
            session=f"s{self._first + phone}",
            number=self._serials[phone],
            kind=Kind.UPDATE if self._serials[phone] else Kind.INITIAL,
            identities=(("imsi", imsi(self._first + phone)),),
            at=epoch,
            received=epoch,
            service=Service.DATA,
            units=(UnitRequest(1, None, GRANT, used),),
        )


def _provision(database: Database, now: datetime) -> None:
    start = now - timedelta(hours=1)
    tariff = compile_tariff(_prices(), version=1, effective_from=start)
    with database.transaction() as tx:
        install = InstallTariff(version=1, effective_from=start, body=tariff.encode())
        operations.install_tariff(tx, install, now)
        operations.open_account(tx, _opening(POOL, "pool", (), start))
    for first in range(0, 2 * MEMBERS, CHUNK):
        numbers = range(first, min(first + CHUNK, 2 * MEMBERS))
        with database.transaction() as tx:
            operations.open_accounts(
                tx,
                [
                    _opening(
                        _account(number),
                        "own" if number < MEMBERS else "member",
                        (("imsi", imsi(number)), ("msisdn", f"4670{number:08}")),
                        start,
                    )
                    for number in numbers
                ],
            )
            for number in numbers:
                if number >= MEMBERS:
                    join_pool(tx, JoinPool(account=_account(number), pool=POOL), now)


def _account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number:08}")


def _opening(
    account: ChargingAccountId, plan: str, identities: tuple[tuple[str, str], ...], at: datetime
) -> OpenAccount:
    return OpenAccount(
        account=account,
        billing_account=BillingAccountId(f"bac_{account}"),
        legal_entity=LegalEntityId("le_1"),
        currency="EUR",
        kind=AccountKind.PREPAID,
        plan=plan,
        cycle_day=1,
        time_zone="Europe/Berlin",
        identities=identities,
        opened_at=at,
        shared=not identities,
    )


def _prices() -> TariffSource:
    rate = Rate(label="Data", per=1_000_000, steps=(PriceStep(0, to_micros("0.01")),))
    rules = (UsageRule(service="data", rate=rate),)
    allowances = {"own": OWN, "pool": OWN * MEMBERS, "member": 0}
    return TariffSource(
        plans=tuple(
            PlanSource(
                id=plan,
                currency="EUR",
                rules=rules,
                allowances=(Allowance(plan, plan, "data", units),) if units else (),
            )
            for plan, units in allowances.items()
        )
    )


def _agree(database: Database, used: int) -> None:
    """What was given is with a pool, with an account, or used."""
    left, after = 0, 0
    with database.read() as r:
        while rows := store.accounts_after(r, after, CHUNK):
            after = rows[-1].key
            left += sum(sum(row.state.flat[REMAINING::BUCKET_SIZE]) for row in rows)
    if left + used != 2 * OWN * MEMBERS:
        raise RuntimeError(f"books differ: {left} octets are left, {used} were used")
