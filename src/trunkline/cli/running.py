"""What commands share: an open system, the audit trail, progress, files."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

if TYPE_CHECKING:
    from trunkline.app import System
    from trunkline.platform.db import Tx


@contextmanager
def opened() -> Iterator["System"]:
    """The system of the settings. Empty databases are made ready, with a new operator in them;
    those of another version are left alone: `WrongSchema`. What is due in the outboxes is
    delivered before and after: a command doesn't need the jobs process beside it."""
    from trunkline.app import check_databases, is_empty, open_system, upgrade_databases
    from trunkline.platform import settings, telemetry

    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    if is_empty(loaded):
        upgrade_databases(loaded)
    check_databases(loaded)
    system = open_system(loaded)
    try:
        ensure_operator(system)
        system.settle()
        yield system
        system.settle()
    finally:
        system.close()


def ensure_operator(system: "System") -> None:
    """Create the operator where there is none, and say so."""
    from trunkline.app.founding import found
    from trunkline.platform.security import ADMINISTRATOR

    secret = found(system)
    if secret:
        name = system.settings.operator.name
        typer.echo(f"Created {name}. Sign in as {ADMINISTRATOR} with {secret}", err=True)


def record(tx: "Tx", verb: str, what: str, now: datetime, **detail: object) -> None:
    """In the audit trail: the operating system's user did this."""
    from trunkline.platform import audit

    who = audit.operating_system_user()
    audit.record(tx, who=who, verb=verb, what=what, detail=detail or None, now=now)


def record_start(system: "System", verb: str, what: str, **detail: object) -> None:
    """The same of what writes in many transactions, before the first."""
    with system.books.transaction() as tx:
        record(tx, verb, what, system.clock.now(), **detail)


def echo_all(lines: Iterable[str], otherwise: str) -> None:
    """A list on standard output; where it is empty, that on standard error alone, so that who reads
    the list reads nothing."""
    empty = True
    for line in lines:
        typer.echo(line)
        empty = False
    if empty:
        typer.echo(otherwise, err=True)


@contextmanager
def progress_of(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; the callback takes (done, of how many)."""
    from rich.console import Console

    from trunkline.app.progress import progress_bars

    with progress_bars(Console(stderr=True)) as bar:
        yield bar(title)


def open_file(file: Path) -> BinaryIO:
    """The file's bytes; `Invalid` where it can't be opened."""
    from trunkline.kernel.errors import Invalid

    try:
        return file.open("rb")
    except OSError as error:
        raise Invalid(error.strerror or str(error), path=str(file)) from None


def check_readable(file: Path) -> None:
    """Before anything is changed for its sake."""
    if not file.is_fifo():  # which is read once
        open_file(file).close()


def parse_day(text: str, option: str) -> date:
    from trunkline.kernel.errors import Invalid

    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:40]!r} is not a day (YYYY-MM-DD)", path=option) from None
    if not 1970 <= day.year < 2200:
        raise Invalid(f"{day} is no day to bill by", path=option)
    return day
