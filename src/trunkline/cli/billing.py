"""`bill`."""

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.running import opened, parse_day, progress_of, record_start

commands = typer.Typer()


@commands.command()
def bill(
    through: Annotated[
        str | None, typer.Option(help="Bill periods that end by this day (YYYY-MM-DD; today).")
    ] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the run's invoices here.")] = None,
) -> None:
    """Bill every account whose period is over."""
    from trunkline.app.billing import bill_through, write_pdfs

    day = parse_day(through, "--through") if through else None
    if pdf is not None:
        pdf.mkdir(parents=True, exist_ok=True)
    with opened() as system:
        record_start(system, "bill", through or "today")
        with progress_of("billing") as progress:
            report = bill_through(system, day, progress)
        typer.echo(report.summary)
        if pdf is not None:
            with progress_of("invoices") as progress:
                count = write_pdfs(system, report.run, pdf, progress)
            typer.echo(f"{count:,} invoices in {pdf}")
        if report.failed:
            typer.echo(f"{report.failed:,} accounts set aside: see their reasons in the console")
            raise typer.Exit(1)
