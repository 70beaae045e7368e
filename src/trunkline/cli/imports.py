"""`import`: taking in files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.running import (
    check_readable,
    open_file,
    opened,
    parse_day,
    progress_of,
    record,
    record_start,
)

group = typer.Typer(help="Take in a file.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file to take in.")]


@group.command("customers")
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

    since = parse_day(billed_from, "--billed-from") if billed_from else None
    check_readable(file)
    with opened() as system, progress_of("customers") as progress:
        since = since or last_month(system)
        record_start(system, "import customers", str(file), billed_from=str(since))
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
    name_refused(file, report.rejected)


@group.command("rates")
def import_rates(
    file: File,
    sheet: Annotated[str | None, typer.Option(help="The sheet's name (the file's).")] = None,
) -> None:
    """Load a rate sheet of call prices (CSV); it replaces the one of the same name whole."""
    from trunkline.catalog import RateSheetRejected, import_rate_sheet

    with open_file(file) as lines, opened() as system:
        try:
            with system.books.transaction() as tx:
                report = import_rate_sheet(
                    tx,
                    sheet=sheet or file.stem,
                    currency=system.settings.operator.currency,
                    lines=lines,
                    now=system.clock.now(),
                )
                record(tx, "import rates", report.sheet, system.clock.now(), file=str(file))
        except RateSheetRejected as error:
            name_refused(file, error.fields["lines"])
            raise
    what = "in force from now on" if report.changed else "the same as before"
    typer.echo(f"{report.sheet}: {report.entries:,} prefixes, {what}")


@group.command("usage")
def import_usage(
    file: File,
    source: Annotated[
        str, typer.Option(help="Who wrote it; the ids of records, and serials, are its own.")
    ] = "cdr",
    serial: Annotated[
        int | None,
        typer.Option(min=0, max=2**62, help="The file's number among those of its source."),
    ] = None,
) -> None:
    """Take in a file of call, message or data records (CSV): each record is charged once."""
    from trunkline.usage import import_cdr_file

    check_readable(file)
    with opened() as system, progress_of("records") as progress:
        record_start(system, "import usage", str(file))
        report = import_cdr_file(
            system.books,
            file,
            now=system.clock.now(),
            source=source,
            serial=serial,
            progress=progress,
        )
    typer.echo(f"{report.accepted:,} new records, {report.duplicates:,} here already")
    name_refused(file, report.rejected)


@group.command("reach")
def import_reach(
    file: File,
    access: Annotated[
        str, typer.Option(help="The access technology that reaches these areas, as offers name it.")
    ],
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="It reaches them no more; who has it keeps it.")
    ] = False,
) -> None:
    """Say where an access technology reaches (CSV: postcode or place, country)."""
    from trunkline.kernel.errors import Invalid
    from trunkline.ordering import declare_reach, read_areas, withdraw_reach

    with open_file(file) as lines:
        try:
            areas = read_areas(lines.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise Invalid(f"is not UTF-8: {error}", path=str(file)) from None
    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        record(tx, "import reach", access, now, file=str(file), withdrawn=withdraw)
        if withdraw:
            withdraw_reach(tx, access=access, areas=areas)
            typer.echo(f"{access}: withdrawn from {len(areas):,} areas")
        else:
            new = declare_reach(tx, access=access, areas=areas, now=now)
            typer.echo(f"{access}: {len(areas):,} areas, {new:,} new")


def name_refused(file: Path, rejected: Any) -> None:
    """Name each line that was refused, and end with exit code 2 if there was one."""
    for line, column, reason in rejected:
        place = f"line {line}" + (f", {column}" if column else "")
        typer.echo(f"trunkline: {file}: {place}: {reason}", err=True)
    if rejected:
        raise typer.Exit(2)
