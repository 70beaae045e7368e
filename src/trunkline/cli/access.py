"""`keys` and `reset-secret`: who may do what."""

from typing import Annotated

import typer

from trunkline.cli.running import opened, record

group = typer.Typer(help="API keys.", no_args_is_help=True)
commands = typer.Typer()


@group.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for several.")],
) -> None:
    """Make an API key and print it, once."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        key = security.create_api_key(tx, name=name, scopes=scope, now=now)
        record(tx, "create key", key.id, now, name=name, scopes=sorted(set(scope)))
    typer.echo(key.secret)


@group.command("list")
def list_keys() -> None:
    """List the keys that are good: id, name, scopes; their secrets are not kept."""
    from trunkline.platform import security

    with opened() as system, system.books.read() as r:
        for each in security.api_keys(r):
            if each.revoked_at is None:
                typer.echo(f"{each.id} {each.name}: {' '.join(each.scopes)}")


@group.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id, as `keys list` says.")]) -> None:
    """Make a key good for nothing, from the next second on."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = security.ApiKeyId.parse(key, path="key")
        security.revoke_api_key(tx, key=known, now=now)
        record(tx, "revoke key", known, now)


@commands.command("reset-secret")
def reset_secret(
    user: Annotated[str, typer.Argument(help="Who signs in to the console.")],
) -> None:
    """Give a user of the console a new secret, print it, once, and end their sessions."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        secret = security.reset_secret(tx, name=user)
        record(tx, "reset secret", user, system.clock.now())
    typer.echo(secret)
