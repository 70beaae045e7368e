"""`hub`: who listens to events, and what could not be delivered to them."""

from typing import Annotated

import typer

from trunkline.cli.running import opened, record

group = typer.Typer(help="Events to those who listen.", no_args_is_help=True)
Delivery = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="As `hub parked` says.")]


@group.command("list")
def list_listeners() -> None:
    """List who listens, to what, and who of them can't be reached."""
    from trunkline.kernel.time import format_instant
    from trunkline.tmf import hub

    with opened() as system, system.books.read() as r:
        for each in hub.find_listeners(r):
            away = ""
            if each.failing_since is not None:
                since = format_instant(each.failing_since)
                away = f": away since {since}, {each.last_error}"
            what = f"topic {each.topic}" if each.topic else each.area
            query = f"?{each.query}" if each.query else ""
            typer.echo(f"{each.id} {each.owner} {what}{query} {each.callback}{away}")


@group.command("end")
def end_listener(
    listener: Annotated[str, typer.Argument(help="Its id, as `hub list` says.")],
) -> None:
    """End a listener: it hears nothing more."""
    from trunkline.tmf import hub

    with opened() as system, system.books.transaction() as tx:
        known = hub.ListenerId.parse(listener, path="listener")
        hub.unregister(tx, listener_id=known)
        record(tx, "end listener", known, system.clock.now())


@group.command("parked")
def list_parked(
    after: Annotated[int, typer.Option(min=0, help="Only those after this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
) -> None:
    """List the events that were given up."""
    from trunkline.tmf import hub

    with opened() as system, system.books.read() as r:
        for each in hub.parked(r, after=after, limit=limit):
            what = f"{each.event_type} of {each.about}"
            typer.echo(f"{each.id} {each.listener} {each.callback} {what}: {each.last_error}")


@group.command("resend")
def resend(
    delivery: Annotated[
        int | None, typer.Argument(min=1, max=2**63 - 1, help="As `hub parked` says.")
    ] = None,
    listener: Annotated[str | None, typer.Option(help="All of this listener's.")] = None,
) -> None:
    """Send an event that was given up again, or all of a listener's."""
    from trunkline.kernel.errors import Invalid
    from trunkline.tmf import hub

    if (delivery is None) == (listener is None):
        raise Invalid("one of them is needed", path="delivery or --listener")
    with opened() as system, system.books.transaction() as tx:
        if delivery is not None:
            hub.resend(tx, delivery)
        elif listener is not None:
            typer.echo(f"{hub.resend_all(tx, listener):,} to be sent again")
        record(tx, "resend event", str(delivery or listener), system.clock.now())


@group.command("drop")
def drop(delivery: Delivery) -> None:
    """Let an event go that was given up: later ones of its resource then go on."""
    from trunkline.tmf import hub

    with opened() as system, system.books.transaction() as tx:
        hub.drop(tx, delivery)
        record(tx, "drop event", str(delivery), system.clock.now())
