"""`usage`: files that came in, and what of them could not be charged."""

from typing import Annotated

import typer

from trunkline.cli.running import echo_all, opened, record_start

group = typer.Typer(help="Usage in files, and what of it waits.", no_args_is_help=True)
_MOST = 50


@group.command()
def files() -> None:
    """The files that came in last, with what became of their lines; and those that are missing
    between numbered ones."""
    from trunkline import usage

    with opened() as system, system.books.read() as r:
        lines = []
        for gap in usage.missing_files(r, limit=_MOST):
            which = f"{gap.first}" if gap.first == gap.last else f"{gap.first} to {gap.last}"
            lines.append(f"MISSING  {gap.source}  {which}")
        for each in usage.usage_files(r, limit=_MOST):
            number = "" if each.serial is None else f" {each.serial}"
            ended = "" if each.finished_at else ", not ended: import it again"
            lines.append(
                f"{each.started_at:%Y-%m-%d %H:%M}  {each.source}{number}  {each.name}  "
                f"{each.accepted:,} "
                f"taken, {each.duplicates:,} here already, {each.rejected:,} refused{ended}"
            )
        echo_all(lines, "No file came in")


@group.command()
def rejected(
    error: Annotated[str | None, typer.Option(help="Only these: unknownSubscriber, ...")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Send them to charging again.")] = False,
) -> None:
    """Records that charging rejected: how many by error, and the first of them. Mend what was
    wrong (an account, a price), then try them again."""
    from trunkline import usage

    with opened() as system:
        with system.books.read() as r:
            counts = usage.rejection_counts(r)
            found = usage.rejected_usages(r, error=error, limit=_MOST)
        for name, count in sorted(counts.items()):
            if error in (None, name):
                typer.echo(f"{name}: {count:,}")
        for each in found:
            content = each.content
            place = "" if each.line is None else f"  line {each.line}"
            typer.echo(
                f"{content.start:%Y-%m-%d %H:%M:%S}  {each.source} {content.record_id}"
                f"  {content.subscriber}  {each.error}{place}"
            )
        if not found:
            typer.echo("Nothing waits")
        if retry and found:
            record_start(system, "retry usage", error or "all")
            sent = usage.retry_rejected(system.books, now=system.clock.now(), error=error)
            typer.echo(f"{sent:,} sent to charging again")
