"""`trunkline demo`: the month, chapter by chapter, the table at its end, and serving on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from trunkline import billing
from trunkline.app import System, open_system, upgrade_databases
from trunkline.app.billing import bill_through, write_pdfs
from trunkline.app.founding import found, operator
from trunkline.app.progress import Tell, progress_bars
from trunkline.demo import chapters
from trunkline.demo.diary import Diary
from trunkline.demo.summary import print_summary
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import zone
from trunkline.platform import settings, telemetry
from trunkline.platform.clock import DrivenClock, SystemClock
from trunkline.platform.security import ADMINISTRATOR
from trunkline.platform.settings import Settings
from trunkline.supervisor import KINDS, Supervisor

FOLDER = Path("var/demo")
DEFAULTS = {
    "TRUNKLINE_OPERATOR_NAME": "Skerry Mobile Limited",
    "TRUNKLINE_OPERATOR_BRAND": "Skerry Mobile",
    "TRUNKLINE_OPERATOR_COUNTRY": "IE",
    "TRUNKLINE_OPERATOR_CURRENCY": "EUR",
    "TRUNKLINE_OPERATOR_TIME_ZONE": "Europe/Dublin",
    "TRUNKLINE_OPERATOR_TAX_NUMBER": "IE0000000XX",
    "TRUNKLINE_OPERATOR_ADDRESS": "1 Lighthouse Terrace,Skerries,Co. Dublin",
    "TRUNKLINE_OPERATOR_INVOICE_PREFIX": "SKY",
    "TRUNKLINE_DATABASES_BOOKS": f"sqlite:///{FOLDER}/books.db",
    "TRUNKLINE_DATABASES_CHARGING": f"sqlite:///{FOLDER}/charging.db",
    "TRUNKLINE_CHARGING_GRANT_BYTES": "500000000",
    # The gateway tells of the month that is lived, not of the minute in which it is.
    "TRUNKLINE_CHARGING_EVENT_TIME_TOLERANCE_SECONDS": "4000000",
    "TRUNKLINE_LOG_LEVEL": "warning",
}
"""The demonstration's operator; the environment overrides each of them."""


def run_demo(*, fresh: bool, customers: int, serve: bool) -> None:
    """Live the month as far as it was not lived yet, print what came of it, and serve on."""
    environment = {**DEFAULTS, **os.environ}
    loaded = settings.load(environment=environment)
    telemetry.configure_logs(loaded.log)
    if fresh and FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console()
    with Supervisor(DEFAULTS | _own(environment)) as supervisor:
        diary = _live(loaded, customers, supervisor, console)
        system = open_system(loaded)
        try:
            print_summary(system, diary, console)
        finally:
            system.close()
        if serve:
            supervisor.start([kind for kind in KINDS if not supervisor.runs(kind)])
            _say_where(loaded, diary, console)
            supervisor.run()
            console.print("Stopped.")


def _own(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name in DEFAULTS}


def _live(loaded: Settings, customers: int, supervisor: Supervisor, console: Console) -> Diary:
    file = FOLDER / "diary.json"
    upgrade_databases(loaded)
    diary = Diary.read(file)
    if diary is None:
        diary = Diary.begin(
            now=SystemClock().now(), zone=zone(loaded.operator.time_zone), customers=customers
        )
    elif diary.customers != customers and "signed up" in diary.chapters:
        console.print(f"Going on with the {diary.customers} customers of before (FRESH=1 anew).")
    # In the month's chapters the clock is driven: nothing waits for the wall's.
    system = open_system(loaded, DrivenClock(diary.start))
    try:
        secret = found(system)
        diary.administrator = secret or diary.administrator
        diary.write(file)
        with system.books.read() as r:
            if operator(r).brand.name != loaded.operator.brand:
                raise Invalid("these books are another operator's", path=str(FOLDER))
        with progress_bars(console) as bar:
            for name, chapter in _chapters(system, diary, supervisor, bar):
                if name not in diary.chapters:
                    chapter()
                    diary.chapters.append(name)
                    diary.write(file)
    finally:
        system.close()
    return diary


def _chapters(
    system: System, diary: Diary, supervisor: Supervisor, bar: Callable[[str], Tell]
) -> list[tuple[str, Callable[[], None]]]:
    month, count = diary.month, diary.customers

    def browsed() -> None:
        supervisor.start(["charging"])
        phones = chapters.subscribers(system, count)
        outcome = chapters.browse(system, phones, month, bar("Browsing over Diameter Gy"))
        diary.requests = outcome.requests
        system.settle(month.end)

    def called() -> None:
        phones = chapters.subscribers(system, count)
        chapters.call(system, phones, month, FOLDER / "cdr", bar("Calls and messages, CDR files"))

    def billed() -> None:
        _clock(system).set(month.end)
        bill_through(system, None, bar("Bill run"))
        system.settle(month.end)

    def printed() -> None:
        with system.books.read() as r:
            runs = billing.bill_runs(r)
        tell = bar("Invoices as PDF")
        for run in runs:
            write_pdfs(system, run.id, FOLDER / "invoices", tell)

    return [
        ("stocked up", lambda: chapters.stock_up(system, diary.start, count)),
        ("signed up", lambda: chapters.sign_up(system, month, count, bar("Sign-ups and orders"))),
        ("browsed", browsed),
        ("called", called),
        ("billed", billed),
        ("printed", printed),
        ("paid", lambda: chapters.pay(system, SystemClock().now(), bar("Payments"))),
    ]


def _clock(system: System) -> DrivenClock:
    assert isinstance(system.clock, DrivenClock)
    return system.clock


def _say_where(loaded: Settings, diary: Diary, console: Console) -> None:
    root = f"http://{loaded.http.host}:{loaded.http.port}"
    console.print()
    console.print(f"Console        {root}/console")
    console.print(f"  sign in as   {ADMINISTRATOR}  {diary.administrator}")
    console.print(f"API            {root}/tmf-api/")
    console.print(f"API documents  {root}/docs")
    console.print(f"Gy             {loaded.charging.host}:{loaded.charging.port}")
    console.print(f"Nchf           http://{loaded.nchf.host}:{loaded.nchf.port}/")
    console.print(f"Invoices       {FOLDER}/invoices")
    console.print("Ctrl-C stops everything.")
