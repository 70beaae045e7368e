"""`parties`: what is known of a person, told and forgotten."""

from typing import Annotated

import msgspec
import typer

from trunkline.cli.running import opened, record

group = typer.Typer(help="What is known of a person or an organization.", no_args_is_help=True)

_Party = Annotated[str, typer.Argument(help="The id of an individual or an organization.")]


@group.command("export")
def export(party: _Party) -> None:
    """Print all that is known of them, and what they were told, as JSON."""
    from trunkline import messaging
    from trunkline.customers import PartyId

    with opened() as system, system.books.transaction() as tx:
        found = messaging.export_personal_data(tx, PartyId.parse(party, path="party"))
        record(tx, "export personal data", party, system.clock.now())
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


@group.command("erase")
def erase(party: _Party) -> None:
    """Forget who they are: names, addresses, ways to pay, what was written and said. Orders,
    invoices and the ledger stay. Refused while one of their customers isn't closed, or still has
    an open order or a product in service."""
    from trunkline import ordering
    from trunkline.customers import PartyId

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        ordering.erase_personal_data(tx, party=PartyId.parse(party, path="party"), now=now)
        record(tx, "erase personal data", party, now)
    typer.echo(f"{party} is forgotten")
