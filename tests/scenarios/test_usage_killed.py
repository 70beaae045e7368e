"""An import whose process is killed outright, again and again, ends as if nothing had happened."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.effort import dice
from trunkline.charging.events import ChargeUsage
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.usage import UsageState, import_cdr_file, usage_counts, usage_files

RECORDS = 5000
IMPORT = """
import sys
from datetime import datetime
from pathlib import Path
from trunkline.charging.events import ChargeUsage
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata
from trunkline.platform.messages import Reaction, Routes
from trunkline.usage import import_cdr_file

routes = Routes((Reaction("charging.charge_usage", ChargeUsage, print, "charging"),))
now = datetime.fromisoformat(sys.argv[3])
books = Database(sys.argv[1], metadata=books_metadata, routes=routes, clock=DrivenClock(now))
print("ready", flush=True)
import_cdr_file(books, Path(sys.argv[2]), now=now,
                progress=lambda done, total: print(done, flush=True))
"""


@pytest.fixture
def received() -> list[str]:
    """The usage that reached charging."""
    return []


@pytest.fixture
def routes(received: list[str]) -> Routes:
    def receive(_tx: Tx, command: ChargeUsage, _now: datetime) -> None:
        received.extend(event.id for event in command.events)

    return Routes((Reaction("charging.charge_usage", ChargeUsage, receive, "charging"),))


@pytest.mark.slow
def test_killed_at_random_moments(
    books: Database,
    charging: Database,
    routes: Routes,
    received: list[str],
    tmp_path: Path,
    now: datetime,
) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "record_id,service,subscriber,called,start,quantity\n"
        + "".join(
            f"c{i},voice,35387{i:07},44{i},2026-11-01T10:00:00Z,{i + 1}\n" for i in range(RECORDS)
        )
    )
    random = dice(20261102)
    url = books.url.render_as_string(hide_password=False)
    for _ in range(6):
        kill_after(random.randrange(5), [url, str(path), now.isoformat()])
    report = import_cdr_file(books, path, now=now)
    assert report.accepted + report.duplicates == RECORDS
    with books.read() as r:
        assert usage_counts(r) == {UsageState.RECEIVED: RECORDS}
        (file,) = usage_files(r)
    assert (file.accepted, file.duplicates, file.rejected) == (RECORDS, 0, 0)
    relay = Relay({"books": books, "charging": charging}, routes, DrivenClock(now))
    while relay.drain():
        pass
    assert len(received) == len(set(received)) == RECORDS


def kill_after(lines: int, arguments: list[str]) -> None:
    """Starts an import in a process of its own and kills it some time after it has told so many
    chunks, while it is at the next one."""
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
