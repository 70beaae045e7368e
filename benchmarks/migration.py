"""Customers of another system taken on a second.

A synthetic file with the columns of a customer base: each row becomes a party, a customer, an
account with its payment method, its products and, mostly, an agreement, on an fsync'ing
database with all reactions in place. The base must come in whole and at its own prices, or no
figure is reported. BENCH_MIGRATION_CUSTOMERS (3,000) changes the size.
"""

import csv
import os
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from benchmarks import shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import migration
from trunkline.app import System
from trunkline.inventory import store
from trunkline.migration.rows import ADD_ONS, COLUMNS

CUSTOMERS = int(os.environ.get("BENCH_MIGRATION_CUSTOMERS", "3000"))
PLACE = BUILD / "bench"
FILE = "customers.csv"


@benchmark("migration")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "migration-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", place, "")


@benchmark("migration.postgresql")
def on_postgresql() -> Figures:
    place = fresh(PLACE / "migration-postgresql")
    with postgresql(place / "server") as url:
        return _measure(url, place, ".postgresql")


def _measure(url: Callable[[str], str], place: Path, suffix: str) -> Figures:
    monthly = _write(place / FILE)
    with shop.opened(url) as system:
        began = time.perf_counter()
        report = migration.import_customers(system.books, place / FILE, now=system.clock.now())
        ended = time.perf_counter()
        _agree(system, report, monthly)
    return {f"migration.customers_per_s{suffix}": CUSTOMERS / (ended - began)}


_PRICES = sa.select(sa.func.sum(store.product_price.c.amount_micros))
_ALTERATIONS = sa.select(sa.func.sum(store.price_alteration.c.amount_micros))


def _agree(system: System, report: migration.Report, monthly: Decimal) -> None:
    """All came in, and pay together what the file says."""
    with system.books.read() as r:
        micros = sum(r.execute(each).scalar_one() for each in (_PRICES, _ALTERATIONS))
    if report.imported != CUSTOMERS or Decimal(int(micros)).scaleb(-6) != monthly:
        raise RuntimeError(f"{report.imported} came in, at {micros} micros instead of {monthly}")


def _write(file: Path) -> Decimal:
    """The customers; returns what they pay together in a month."""
    random_ = random.Random(2)
    total = Decimal()
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        for number in range(CUSTOMERS):
            row, monthly = _row(random_, number)
            writer.writerow(row)
            total += monthly
    return total


def _row(random_: random.Random, number: int) -> tuple[dict[str, object], Decimal]:
    def chance() -> str:
        return random_.choice(("Yes", "No"))

    internet = random_.choice(("DSL", "Fiber optic", "No"))
    phone = "Yes" if internet == "No" else chance()
    lines = chance() if phone == "Yes" else "No phone service"
    add_ons = {name: "No internet service" if internet == "No" else chance() for name in ADD_ONS}
    tenure, monthly = random_.randrange(1, 72), Decimal(random_.randrange(2000, 12000)) / 100
    row: dict[str, object] = {
        "customerID": f"{number:04}-BENCH",
        "gender": random_.choice(("Female", "Male")),
        "SeniorCitizen": random_.choice("01"),
        "Partner": chance(),
        "Dependents": chance(),
        "tenure": tenure,
        "PhoneService": phone,
        "MultipleLines": lines,
        "InternetService": internet,
        **add_ons,
        "Contract": random_.choice(("Month-to-month", "One year", "Two year")),
        "PaperlessBilling": chance(),
        "PaymentMethod": random_.choice(("Mailed check", "Credit card (automatic)")),
        "MonthlyCharges": monthly,
        "TotalCharges": monthly * tenure,
        "Churn": "No",
    }
    return row, monthly
