"""`keys`, `users` and `reset-secret`: who may do what."""

from typing import Annotated

import typer

from trunkline.cli.running import opened, record

group = typer.Typer(help="API keys, and the tokens that they get.", no_args_is_help=True)
users = typer.Typer(help="People who sign in to the console.", no_args_is_help=True)
commands = typer.Typer()


@group.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for several.")],
    customer: Annotated[
        str | None, typer.Option(help="It reaches this customer's data and no other's.")
    ] = None,
) -> None:
    """Make an API key and print it, once; its id, the client's of OAuth 2, goes to standard
    error."""
    from trunkline import customers
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        binding = None
        if customer is not None:
            found = customers.customer(tx, customers.CustomerId.parse(customer, path="customer"))
            binding = security.Binding(found.id, found.party)
        key = security.create_api_key(tx, name=name, scopes=scope, binding=binding, now=now)
        told = {"customer": customer} if customer else {}
        record(tx, "create key", key.id, now, name=name, scopes=sorted(set(scope)), **told)
    typer.echo(key.id, err=True)
    typer.echo(key.secret)


@group.command("list")
def list_keys() -> None:
    """List the keys that are good: id, name, scopes; their secrets are not kept."""
    from trunkline.platform import security

    with opened() as system, system.books.read() as r:
        for each in security.api_keys(r):
            if each.revoked_at is None:
                whose = f" for {each.binding.customer}" if each.binding else ""
                typer.echo(f"{each.id} {each.name}{whose}: {' '.join(each.scopes)}")


@group.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id, as `keys list` says.")]) -> None:
    """Make a key good for nothing, from the next second on."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        known = security.ApiKeyId.parse(key, path="key")
        security.revoke_api_key(tx, key=known, now=now)
        record(tx, "revoke key", known, now)


@group.command("end-tokens")
def end_tokens() -> None:
    """End all access tokens at once, and sign the next ones with another key, as after a leak."""
    from trunkline.platform import tokens

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        tokens.replace_signing_key(tx, now)
        record(tx, "end tokens", "tokens", now)


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="By which they sign in.")],
    role: Annotated[str, typer.Option(help="A role's id: careAgent, finance, readOnly ...")],
) -> None:
    """Let somebody sign in to the console, and print their secret, once."""
    from trunkline.platform import security

    with opened() as system:
        now = system.clock.now()
        with system.books.transaction() as tx:
            secret = security.add_user(tx, name=name, role=role, by=None, now=now)
            record(tx, "add user", name, now, role=role)
    typer.echo(secret)


@users.command("give")
def give_role(
    name: Annotated[str, typer.Argument(help="A user, or an API key's id.")],
    role: Annotated[str, typer.Option(help="A role's id: careAgent, finance, readOnly ...")],
) -> None:
    """Give somebody a role, from now on; TMF672 takes it away."""
    from trunkline.platform import roles

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        given = roles.give(tx, user=name, role=role, by=None, now=now)
        record(tx, "give role", name, now, role=role, permission=given["id"])
    typer.echo(given["id"])


@users.command("list")
def list_users() -> None:
    """List who may sign in, and what they may do."""
    from trunkline.platform import roles
    from trunkline.platform.users import users as all_users

    with opened() as system, system.books.read() as r:
        now = system.clock.now()
        for each in all_users(r):
            scopes = {*each.scopes, *roles.granted(r, each.name, now)}
            state = " (disabled)" if each.disabled_at else ""
            typer.echo(f"{each.name}{state}: {' '.join(sorted(scopes))}")


@users.command("disable")
def disable_user(name: Annotated[str, typer.Argument(help="Who signs in no more.")]) -> None:
    """Let somebody sign in no more, and end their sessions; never the last administrator."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        security.disable_user(tx, name=name, now=now)
        record(tx, "disable user", name, now)


@users.command("enable")
def enable_user(name: Annotated[str, typer.Argument(help="Who may sign in again.")]) -> None:
    """Let somebody sign in again, with the secret that they had."""
    from trunkline.platform import security

    with opened() as system, system.books.transaction() as tx:
        security.enable_user(tx, name=name)
        record(tx, "enable user", name, system.clock.now())


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
