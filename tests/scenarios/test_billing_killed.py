"""A bill run whose process is killed outright, again and again, ends as if nothing had
happened."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.effort import dice
from tests.scenarios.billing_town import at, eur, found_town, give_product, move_in, recurring
from trunkline.billing import BillRunState, bill_runs, invoiced, run_bills, search_invoices
from trunkline.ledger import RECURRING_REVENUE, balance, trial_balance
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes

NOV = at("2026-11-01")
DEC = at("2026-12-01")
ACCOUNTS = 300
KILLS = 6
RUN = """
import sys
from datetime import datetime
from trunkline.billing import run_bills
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata, charging_metadata

through = datetime.fromisoformat(sys.argv[3])
clock = DrivenClock(through)
books = Database(sys.argv[1], metadata=books_metadata, clock=clock)
charging = Database(sys.argv[2], metadata=charging_metadata, clock=clock)
print("ready", flush=True)
run_bills(books, charging, through=through, now=through, chunk=5,
          progress=lambda done, total: print(done, flush=True))
"""


@pytest.fixture
def routes() -> Routes:
    return Routes()


@pytest.mark.slow
def test_killed_at_random_moments(books: Database, charging: Database) -> None:
    with books.transaction() as tx:
        found_town(tx, NOV)
        for number in range(ACCOUNTS):
            account = move_in(tx, f"Customer {number}", NOV)
            give_product(tx, account, [recurring("Plan", "10")], NOV)
    urls = [each.url.render_as_string(hide_password=False) for each in (books, charging)]
    random = dice(20261201)
    for _ in range(KILLS):
        kill_after(random.randrange(8), [*urls, DEC.isoformat()])
    with books.read() as r:
        (standing,) = invoiced(r)
    assert 0 < standing[0] < ACCOUNTS

    run_bills(books, charging, through=DEC, now=DEC)
    with books.read() as r:
        assert invoiced(r) == [(ACCOUNTS, eur(str(12 * ACCOUNTS)))]
        numbers = sorted(each.number for each in search_invoices(r, limit=2 * ACCOUNTS))
        assert numbers == [f"TOWN-{number:06}" for number in range(1, ACCOUNTS + 1)]
        assert len({each.account for each in search_invoices(r, limit=2 * ACCOUNTS)}) == ACCOUNTS
        assert balance(r, RECURRING_REVENUE, "EUR") == eur(str(-10 * ACCOUNTS))
        assert sum(row.amount.micros for row in trial_balance(r)) == 0
        states = Counter(run.state for run in bill_runs(r))
        assert states[BillRunState.COMPLETED] == 1
        # One that was killed before its first chunk was no run yet.
        assert states.total() - 1 == states[BillRunState.RUNNING] <= KILLS
        assert sum(run.invoices for run in bill_runs(r)) == ACCOUNTS


def kill_after(chunks: int, arguments: list[str]) -> None:
    """Starts a run in a process of its own and kills it after it has told so many
    chunks, while it is at the next one."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(chunks):
            process.stdout.readline()
        process.kill()
