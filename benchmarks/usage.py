"""Usage records a second, from a line of a file to the answer that charging gave it.

A file of calls, data and messages of 2,000 accounts is taken in, checked and de-duplicated,
sent to charging in batches, charged there, posted to the ledger and answered, on fsync'ing
databases with all reactions in place; one process does everything. Every record must be rated
and the ledger's sum be charging's, or no figure is reported. BENCH_USAGE_RECORDS (20,000)
changes the size.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import ledger, usage
from trunkline.app import System
from trunkline.app.founding import operator
from trunkline.charging import ChargingAccountId, OpenAccount, operations
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.usage import UsageState

RECORDS = int(os.environ.get("BENCH_USAGE_RECORDS", "20000"))
ACCOUNTS = 2_000
CHUNK = 250
PLACE = BUILD / "bench"
FILE = "usage.csv"


@benchmark("usage")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "usage-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", place, "")


@benchmark("usage.postgresql")
def on_postgresql() -> Figures:
    place = fresh(PLACE / "usage-postgresql")
    with postgresql(place / "server") as url:
        return _measure(url, place, ".postgresql")


def _measure(url: Callable[[str], str], place: Path, suffix: str) -> Figures:
    with shop.opened(url) as system:
        now = system.clock.now()
        _open_accounts(system, now - timedelta(days=2))
        _write(place / FILE, now)
        relay = system.relay()
        relay.drain()
        began = time.perf_counter()
        report = usage.import_cdr_file(system.books, place / FILE, now=now)
        read = time.perf_counter()
        relay.drain()
        ended = time.perf_counter()
        _agree(system, report)
    figures = {
        "usage.import_cdr_per_s": RECORDS / (ended - began),
        "usage.read_cdr_per_s": RECORDS / (read - began),
    }
    return {name + suffix: value for name, value in figures.items()}


def _agree(system: System, report: usage.ImportReport) -> None:
    """Each record was charged once, and what was charged is what the ledger has."""
    with system.books.read() as r:
        states = usage.usage_counts(r)
        earned = ledger.balance(r, ledger.USAGE_REVENUE, "EUR")
        rest = sum(row.amount.micros for row in ledger.trial_balance(r))
    if report.accepted != RECORDS or states != {UsageState.RATED: RECORDS}:
        raise RuntimeError(f"not all were charged: {report}, {states}")
    if rest or not earned:
        raise RuntimeError(f"the books differ: {earned} earned, the ledger sums to {rest}")


def _number(account: int) -> str:
    return str(shop.FIRST_NUMBER + account)


def _open_accounts(system: System, at: datetime) -> None:
    with system.books.read() as r:
        entity = operator(r).entity.id
    for first in range(0, ACCOUNTS, CHUNK):
        with system.charging.transaction() as tx:
            operations.open_accounts(
                tx,
                [
                    OpenAccount(
                        account=ChargingAccountId(f"prd_{account:08}"),
                        billing_account=BillingAccountId(f"bac_{account:08}"),
                        legal_entity=entity,
                        currency="EUR",
                        kind=AccountKind.POSTPAID,
                        plan=shop.OFFERING,
                        cycle_day=1,
                        time_zone="Europe/Dublin",
                        identities=(("msisdn", _number(account)),),
                        opened_at=at,
                    )
                    for account in range(first, min(first + CHUNK, ACCOUNTS))
                ],
            )


def _write(file: Path, now: datetime) -> None:
    """Records of the last day, in no account's order."""
    random_ = random.Random(2)
    begin = now - timedelta(days=1)
    with file.open("w") as out:
        out.write("record_id,service,subscriber,called,start,quantity,rating_group\n")
        for record in range(RECORDS):
            start = (begin + timedelta(seconds=random_.randrange(86_000))).isoformat()
            who = _number(random_.randrange(ACCOUNTS))
            dice = random_.random()
            if dice < 0.5:
                rest = f"data,{who},,{start},{random_.randrange(1, 50_000_000)},1"
            elif dice < 0.8:
                rest = f"voice,{who},353861234567,{start},{random_.randrange(1, 600)},"
            else:
                rest = f"sms,{who},353861234567,{start},1,"
            out.write(f"r{record},{rest}\n")
