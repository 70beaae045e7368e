"""The `trunkline` command. Every subcommand is a thin call into the house; imports stand inside
the commands so that `--help` answers at once.

Exit codes: 0 done; 1 something needed is away; 2 the input or the settings are at fault, with a
line on standard error that names the place; 130 stopped by Ctrl-C.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn

import typer

from trunkline.kernel.errors import TrunklineError, Unavailable

if TYPE_CHECKING:
    from trunkline.app import System
    from trunkline.platform.db import Tx

app = typer.Typer(
    name="trunkline",
    help="The open telecom BSS: everything between a network and its revenue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
imports = typer.Typer(help="Take in a file.", no_args_is_help=True)
databases = typer.Typer(help="The databases' schemas.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
parked = typer.Typer(help="Deliveries that failed too often.", no_args_is_help=True)
trail = typer.Typer(help="Who did what: the audit trail.", no_args_is_help=True)
app.add_typer(imports, name="import")
app.add_typer(databases, name="db")
app.add_typer(keys, name="keys")
app.add_typer(parked, name="parked")
app.add_typer(trail, name="audit")


class ProcessKind(StrEnum):
    EDGE = "edge"
    CHARGING = "charging"
    JOBS = "jobs"


File = Annotated[Path, typer.Argument(help="The file to take in.")]


def main() -> None:
    """The entry point: errors become one line and an exit code, never a traceback."""
    os.umask(0o077)  # whatever is written here holds customers' data
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        said, context = error.format_message(), getattr(error, "ctx", None)
        if said:  # without arguments the help was shown, which is all there is to say
            _fail(f"{said} ({context.command_path} --help)" if context else said, error.exit_code)
        sys.exit(error.exit_code)
    except Unavailable as error:
        _fail(error, 1)
    except TrunklineError as error:
        _fail(error, 2)
    except OSError as error:
        # A folder that can't be written, a disk that is full.
        if error.filename is None:
            raise
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}", 2)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: object, code: int) -> NoReturn:
    sys.stderr.write(f"trunkline: {' '.join(str(error).split())}\n")
    sys.exit(code)


@contextmanager
def _system() -> Iterator["System"]:
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
        _found(system)
        system.settle()
        yield system
        system.settle()
    finally:
        system.close()


def _found(system: "System") -> None:
    """Create the operator where there is none, and say so."""
    from trunkline.app.founding import found
    from trunkline.platform.security import ADMINISTRATOR

    secret = found(system)
    if secret:
        name = system.settings.operator.name
        typer.echo(f"Created {name}. Sign in as {ADMINISTRATOR} with {secret}", err=True)


def _record(tx: "Tx", verb: str, what: str, now: datetime, **detail: object) -> None:
    """In the audit trail: the operating system's user did this."""
    from trunkline.platform import audit

    who = audit.operating_system_user()
    audit.record(tx, who=who, verb=verb, what=what, detail=detail or None, now=now)


def _record_start(system: "System", verb: str, what: str, **detail: object) -> None:
    """The same of what writes in many transactions, before the first."""
    with system.books.transaction() as tx:
        _record(tx, verb, what, system.clock.now(), **detail)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; the callback takes (done, of how many)."""
    from rich.console import Console

    from trunkline.app.progress import progress_bars

    with progress_bars(Console(stderr=True)) as bar:
        yield bar(title)


def _open(file: Path) -> BinaryIO:
    """The file's bytes; `Invalid` where it can't be opened."""
    from trunkline.kernel.errors import Invalid

    try:
        return file.open("rb")
    except OSError as error:
        raise Invalid(error.strerror or str(error), path=str(file)) from None


def _check_readable(file: Path) -> None:
    """Before anything is changed for its sake."""
    if not file.is_fifo():  # which is read once
        _open(file).close()


@app.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over: the data is deleted.")
    ] = False,
    customers: Annotated[int, typer.Option(min=1, max=20_000, help="How many sign up.")] = 500,
    serve: Annotated[bool, typer.Option(help="Go on serving when the month is over.")] = True,
) -> None:
    """Live a month of an invented operator's life, then go on serving."""
    from trunkline.demo.run import run_demo

    run_demo(fresh=fresh, customers=customers, serve=serve)


@app.command()
def serve() -> None:
    """Serve the operator of trunkline.toml: edge, charging and jobs, until Ctrl-C."""
    from trunkline.app import open_system, upgrade_databases
    from trunkline.platform import settings, telemetry
    from trunkline.supervisor import Supervisor

    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    upgrade_databases(loaded)
    system = open_system(loaded)
    try:
        _found(system)
    finally:
        system.close()
    with Supervisor({}) as supervisor:
        supervisor.start()
        typer.echo(f"Serving on http://{loaded.http.host}:{loaded.http.port}/console")
        supervisor.run()


@app.command(hidden=True)
def process(kind: ProcessKind) -> None:
    """One process of those that `serve` keeps alive."""
    from trunkline.app import processes
    from trunkline.platform import settings, telemetry
    from trunkline.supervisor import end_with_supervisor, say_ready

    end_with_supervisor()
    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    run = {
        ProcessKind.EDGE: processes.run_edge,
        ProcessKind.CHARGING: processes.run_charging,
        ProcessKind.JOBS: processes.run_jobs,
    }[kind]
    run(loaded, say_ready)


@app.command()
def bill(
    through: Annotated[
        str | None, typer.Option(help="Bill periods that end by this day (YYYY-MM-DD; today).")
    ] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the run's invoices here.")] = None,
) -> None:
    """Bill every account whose period is over."""
    from trunkline.app.billing import bill_through, write_pdfs

    day = _day(through, "--through") if through else None
    if pdf is not None:
        pdf.mkdir(parents=True, exist_ok=True)
    with _system() as system:
        _record_start(system, "bill", through or "today")
        with _progress("billing") as progress:
            report = bill_through(system, day, progress)
        typer.echo(report.summary)
        if pdf is not None:
            with _progress("invoices") as progress:
                count = write_pdfs(system, report.run, pdf, progress)
            typer.echo(f"{count:,} invoices in {pdf}")
        if report.failed:
            typer.echo(f"{report.failed:,} accounts set aside: see their reasons in the console")
            raise typer.Exit(1)


def _day(text: str, option: str) -> date:
    from trunkline.kernel.errors import Invalid

    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:40]!r} is not a day (YYYY-MM-DD)", path=option) from None
    if not 1970 <= day.year < 2200:
        raise Invalid(f"{day} is no day to bill by", path=option)
    return day


@imports.command("customers")
def import_customers(
    file: File,
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="Take no row if any is refused.")
    ] = False,
    billed_from: Annotated[
        str | None,
        typer.Option(help="A day of the first month to bill here (YYYY-MM-DD; last month)."),
    ] = None,
) -> None:
    """Take on an existing customer base (CSV)."""
    from trunkline.app.founding import last_month
    from trunkline.migration import import_customers as take_on

    since = _day(billed_from, "--billed-from") if billed_from else None
    _check_readable(file)
    with _system() as system, _progress("customers") as progress:
        since = since or last_month(system)
        _record_start(system, "import customers", str(file), billed_from=str(since))
        report = take_on(
            system.books,
            file,
            now=system.clock.now(),
            billed_from=since,
            progress=progress,
            all_or_nothing=all_or_nothing,
        )
    for remark in (*report.notices, *report.changed):
        typer.echo(f"{file}: {remark}")
    typer.echo(f"{report.imported:,} taken on, {report.unchanged:,} here already")
    if report.imported:
        typer.echo(f"Billed here from {since:%B %Y} on (--billed-from says another month)")
    _refuse(file, report.rejected)


@imports.command("rates")
def import_rates(
    file: File,
    sheet: Annotated[str | None, typer.Option(help="The sheet's name (the file's).")] = None,
) -> None:
    """Load a rate sheet of call prices (CSV); it replaces the one of the same name whole."""
    from trunkline.catalog import RateSheetRejected, import_rate_sheet

    with _open(file) as lines, _system() as system:
        try:
            with system.books.transaction() as tx:
                report = import_rate_sheet(
                    tx,
                    sheet=sheet or file.stem,
                    currency=system.settings.operator.currency,
                    lines=lines,
                    now=system.clock.now(),
                )
                _record(tx, "import rates", report.sheet, system.clock.now(), file=str(file))
        except RateSheetRejected as error:
            _refuse(file, error.fields["lines"])
            raise
    what = "in force from now on" if report.changed else "the same as before"
    typer.echo(f"{report.sheet}: {report.entries:,} prefixes, {what}")


@imports.command("usage")
def import_usage(file: File) -> None:
    """Take in a file of call, message or data records (CSV): each record is charged once."""
    from trunkline.usage import import_cdr_file

    _check_readable(file)
    with _system() as system, _progress("records") as progress:
        _record_start(system, "import usage", str(file))
        report = import_cdr_file(system.books, file, now=system.clock.now(), progress=progress)
    typer.echo(f"{report.accepted:,} new records, {report.duplicates:,} here already")
    _refuse(file, report.rejected)


def _refuse(file: Path, rejected: Any) -> None:
    """Name each line that was refused, and end with exit code 2 if there was one."""
    for line, column, reason in rejected:
        place = f"line {line}" + (f", {column}" if column else "")
        typer.echo(f"trunkline: {file}: {place}: {reason}", err=True)
    if rejected:
        raise typer.Exit(2)


@databases.command("upgrade")
def upgrade() -> None:
    """Bring both databases to this version's schema."""
    from trunkline.app import upgrade_databases
    from trunkline.platform import settings

    upgrade_databases(settings.load(), typer.echo)


@databases.command("revise")
def revise(
    which: Annotated[str, typer.Argument(help="books or charging.")],
    message: Annotated[str, typer.Argument(help="What changes, in a few words.")],
) -> None:
    """Write the migration to what the tables in the stores say now: for developers."""
    import tempfile

    from trunkline.app import METADATA
    from trunkline.kernel.errors import Invalid
    from trunkline.platform import schema

    metadata = METADATA.get(which)
    if metadata is None:
        raise Invalid(f"{which[:20]!r} is neither books nor charging", path="which")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/database"
        schema.upgrade(url, metadata.info["database"])
        typer.echo(schema.revise(url, metadata.info["database"], metadata, message))


@app.command("settings")
def show_settings() -> None:
    """Print a settings file with every key, its default and what it means."""
    from trunkline.platform import settings

    typer.echo(settings.default_toml())


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for several.")],
) -> None:
    """Make an API key and print it, once."""
    from trunkline.platform import security

    with _system() as system, system.books.transaction() as tx:
        now = system.clock.now()
        key = security.create_api_key(tx, name=name, scopes=scope, now=now)
        _record(tx, "create key", key.id, now, name=name, scopes=sorted(set(scope)))
    typer.echo(key.secret)


@keys.command("list")
def list_keys() -> None:
    """List the keys that are good: id, name, scopes; their secrets are not kept."""
    from trunkline.platform import security

    with _system() as system, system.books.read() as r:
        for each in security.api_keys(r):
            if each.revoked_at is None:
                typer.echo(f"{each.id} {each.name}: {' '.join(each.scopes)}")


@keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id, as `keys list` says.")]) -> None:
    """Make a key good for nothing, from the next second on."""
    from trunkline.platform import security

    with _system() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = security.ApiKeyId.parse(key, path="key")
        security.revoke_api_key(tx, key=known, now=now)
        _record(tx, "revoke key", known, now)


@app.command("reset-secret")
def reset_secret(
    user: Annotated[str, typer.Argument(help="Who signs in to the console.")],
) -> None:
    """Give a user of the console a new secret, print it, once, and end their sessions."""
    from trunkline.platform import security

    with _system() as system, system.books.transaction() as tx:
        secret = security.reset_secret(tx, name=user)
        _record(tx, "reset secret", user, system.clock.now())
    typer.echo(secret)


@trail.command("list")
def list_trail(
    about: Annotated[str | None, typer.Option(help="Only of this id, or file.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The last so many.")] = 50,
) -> None:
    """List who did what, the latest first."""
    from trunkline.kernel.time import format_instant
    from trunkline.platform import audit

    with _system() as system, system.books.snapshot() as r:
        entries = audit.about(r, about, limit=limit) if about else audit.latest(r, limit=limit)
    for each in entries:
        detail = "" if each.detail is None else f" {each.detail}"
        typer.echo(f"{format_instant(each.at)} {each.who}: {each.verb} {each.what}{detail}")


@trail.command("verify")
def verify_trail() -> None:
    """Check that no entry was altered or taken out."""
    from trunkline.platform import audit

    with _system() as system, system.books.snapshot() as r:
        broken = audit.verify(r)
    for each in broken:
        place = f"chain {each.chain}, entry {each.sequence}"
        typer.echo(f"trunkline: audit trail: {place}: {each.reason}", err=True)
    if broken:
        raise typer.Exit(2)
    typer.echo("The audit trail is whole.")


@parked.command("list")
def list_parked() -> None:
    """List the deliveries that wait for a person."""
    from trunkline.platform import relay

    with _system() as system:
        for database in (system.books, system.charging):
            with database.read() as r:
                for each in relay.parked(r):
                    typer.echo(
                        f"{each.source} {each.id} {each.subscriber} {each.key}: {each.last_error}"
                    )


@parked.command("retry")
def retry_parked(
    database: Annotated[str, typer.Argument(help="books or charging.")],
    delivery: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="As `parked list` says.")],
) -> None:
    """Send a parked delivery again."""
    from trunkline.kernel.errors import Invalid
    from trunkline.platform import relay

    with _system() as system:
        found = {"books": system.books, "charging": system.charging}.get(database)
        if found is None:
            raise Invalid(f"{database[:20]!r} is neither books nor charging", path="database")
        with found.transaction() as tx:
            relay.retry_parked(tx, delivery)
        _record_start(system, "retry delivery", f"{database} {delivery}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Run the benchmarks of a source checkout; their figures go to build/bench.json."""
    import runpy

    from trunkline.kernel.errors import NotFound

    if not Path("benchmarks/__main__.py").exists():
        raise NotFound("there is no benchmarks/ here: run this in a source checkout")
    sys.path.insert(0, "")
    sys.argv = ["benchmarks", *context.args]
    runpy.run_module("benchmarks", run_name="__main__")


if __name__ == "__main__":
    main()
