"""`db`: the databases' schemas."""

from typing import Annotated

import typer

group = typer.Typer(help="The databases' schemas.", no_args_is_help=True)


@group.command("upgrade")
def upgrade() -> None:
    """Bring both databases to this version's schema."""
    from trunkline.app import upgrade_databases
    from trunkline.platform import settings

    upgrade_databases(settings.load(), typer.echo)


@group.command("revise")
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
