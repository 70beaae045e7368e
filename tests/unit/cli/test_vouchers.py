"""`trunkline vouchers` and `trunkline dealers`."""

from pathlib import Path

import pytest

from tests.unit.cli.test_answers import Run, run
from trunkline import customers
from trunkline.platform.clock import SystemClock
from trunkline.platform.db import Database, books_metadata

__all__ = ["run"]


def test_from_the_batch_to_the_printer_and_the_dealer(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "phrase").write_text("correct horse battery\n")
    run("dealers", "list")
    assert run("dealers", "list") == (0, "", "There are no dealers\n")
    assert run("vouchers", "list") == (0, "", "There are no batches\n")
    asked = run("vouchers", "make", "Big", "10", "3", "--until", "2090-12-31")[1].split()[0]
    assert run("vouchers", "approve", asked)[0] == 2  # who asked for it
    assert run("vouchers", "decline", asked)[0] == 0
    monkeypatch.setenv("TRUNKLINE_VOUCHERS_FOUR_EYES", "false")
    words = (
        "vouchers",
        "make",
        "Spring",
        "10",
        "3",
        "--until",
        "2090-12-31",
        "--gift",
        "data:1000:7:More",
    )
    code, told, _ = run(*words, "--passphrase-file", "phrase")
    assert (code, told.split()[1:]) == (0, ["4", "to", "6"])
    batch = told.split()[0]
    assert run("vouchers", "export", batch, "cards")[0] == 0
    assert run("vouchers", "export", batch, "again")[0] == 2
    code, told, _ = run("vouchers", "unseal", "cards", "--passphrase-file", "phrase")
    lines = told.splitlines()
    assert (code, lines[0], [line.split(",")[0] for line in lines[1:]]) == (
        0, "serial,code", ["4", "5", "6"]
    )  # fmt: skip
    books = Database(f"sqlite:///{tmp_path}/var/books.db", metadata=books_metadata)
    with books.transaction() as tx:
        role = customers.give_role(
            tx, {"name": "Kiosk", "@type": "Dealer", "status": "active"}, now=SystemClock().now()
        )["id"]
    books.close()
    assert run("dealers", "add", role, "--commission", "5")[:2] == (0, f"{role}\n")
    assert run("vouchers", "sell", batch, "4", "5", "--dealer", role)[0] == 2  # nothing paid in
    assert run("dealers", "pay", role, "50", "b1")[:2] == (0, "Kiosk: 50.00 EUR\n")
    code, told, _ = run("vouchers", "sell", batch, "4", "5", "--dealer", role, "--price", "9")
    assert (code, told.split(": ")[1]) == (0, "2 vouchers for 18.00 EUR\n")
    assert "Kiosk: 32.00 EUR, credit 0.00 EUR, commission 5 %" in run("dealers", "list")[1]
    assert run("vouchers", "stop", batch, "4", "6")[1] == "2 stopped, 1 void\n"
    assert run("vouchers", "resume", batch, "4", "6")[0] == 0
    assert "active" in run("vouchers", "show", "4")[1]
    assert run("vouchers", "take-back", batch, "5", "5")[0] == 0
    assert run("vouchers", "write-off", batch, "4", "4")[0] == 2  # it is good
    assert run("vouchers", "lockouts") == (0, "", "Nobody is refused\n")
    assert run("vouchers", "expire")[1] == "0 expired\n"
    assert "exported, until 2090-12-31: " in run("vouchers", "list")[1]
