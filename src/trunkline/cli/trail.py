"""`audit`: who did what."""

from typing import Annotated

import typer

from trunkline.cli.running import opened

group = typer.Typer(help="Who did what: the audit trail.", no_args_is_help=True)


@group.command("list")
def list_trail(
    about: Annotated[str | None, typer.Option(help="Only of this id, or file.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The last so many.")] = 50,
) -> None:
    """List who did what, the latest first."""
    from trunkline.kernel.time import format_instant
    from trunkline.platform import audit

    with opened() as system, system.books.snapshot() as r:
        entries = audit.about(r, about, limit=limit) if about else audit.latest(r, limit=limit)
    for each in entries:
        detail = "" if each.detail is None else f" {each.detail}"
        typer.echo(f"{format_instant(each.at)} {each.who}: {each.verb} {each.what}{detail}")


@group.command("verify")
def verify_trail() -> None:
    """Check that no entry was altered or taken out."""
    from trunkline.platform import audit

    with opened() as system, system.books.snapshot() as r:
        broken = audit.verify(r)
    for each in broken:
        place = f"chain {each.chain}, entry {each.sequence}"
        typer.echo(f"trunkline: audit trail: {place}: {each.reason}", err=True)
    if broken:
        raise typer.Exit(2)
    typer.echo("The audit trail is whole.")
