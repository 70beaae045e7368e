"""`parked`: deliveries inside the house that failed too often."""

from typing import Annotated

import typer

from trunkline.cli.running import echo_all, opened, record_start

group = typer.Typer(help="Deliveries that failed too often.", no_args_is_help=True)


@group.command("list")
def list_parked() -> None:
    """List the deliveries that wait for a person."""
    from trunkline.platform import relay

    with opened() as system:
        lines = []
        for database in (system.books, system.charging):
            with database.read() as r:
                lines += [
                    f"{each.source} {each.id} {each.subscriber} {each.key}: {each.last_error}"
                    for each in relay.parked(r)
                ]
        echo_all(lines, "Nothing is parked")


@group.command("retry")
def retry_parked(
    database: Annotated[str, typer.Argument(help="books or charging.")],
    delivery: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="As `parked list` says.")],
) -> None:
    """Send a parked delivery again."""
    from trunkline.kernel.errors import Invalid
    from trunkline.platform import relay

    with opened() as system:
        found = {"books": system.books, "charging": system.charging}.get(database)
        if found is None:
            raise Invalid(f"{database[:20]!r} is neither books nor charging", path="database")
        with found.transaction() as tx:
            relay.retry_parked(tx, delivery)
        record_start(system, "retry delivery", f"{database} {delivery}")
