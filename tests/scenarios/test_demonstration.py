"""The demonstration's month, lived by a few through the real command: it adds up, and living
it again changes nothing."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.test_processes import PATIENCE
from tests.served import free_port

pytestmark = pytest.mark.slow


def live(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "trunkline.cli", "demo", "--no-serve", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "TRUNKLINE_CHARGING_PORT": str(free_port()),
            "TRUNKLINE_CHARGING_METRICS_PORT": str(free_port()),
            "TRUNKLINE_NCHF_PORT": "0",
            "COLUMNS": "120",
        },
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "parked" not in ended.stderr
    return ended.stdout


def figures(folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """The ledger's balances by account, and how many rows the tables hold."""
    with sqlite3.connect(folder / "var/demo/books.db") as books:
        accounts = dict(
            books.execute("SELECT account, sum(amount_micros) FROM posting GROUP BY account")
        )
        counts = {
            table: books.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("customer", "product_order", "invoice", "payment", "usage", "outbox")
        }
    with sqlite3.connect(folder / "var/demo/charging.db") as charging:
        counts["record"] = charging.execute("SELECT count(*) FROM charging_record").fetchone()[0]
        counts["to deliver"] = charging.execute("SELECT count(*) FROM outbox").fetchone()[0]
    return accounts, counts


def test_a_small_month_adds_up_and_is_lived_once(tmp_path):
    told = live(tmp_path, "--customers", "60")
    assert "Customers" in told
    lived = figures(tmp_path)
    accounts, counts = lived
    assert sum(accounts.values()) == 0
    assert accounts.get("1110", 0) == 0, "all usage of the month is billed"
    assert accounts["4200"] < 0, "there was usage that cost something"
    assert counts["customer"] == counts["product_order"] == counts["invoice"] == 60
    assert counts["usage"] > 100
    assert counts["outbox"] == counts["to deliver"] == 0
    assert len(list((tmp_path / "var/demo/invoices").glob("*.pdf"))) == 60

    live(tmp_path)
    assert figures(tmp_path) == lived
