"""`templates`: what customers are told, and when they are not."""

from datetime import time
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.running import opened, record

group = typer.Typer(help="What customers are told, in which words.", no_args_is_help=True)

_PARTS = ("subject", "text", "sms")


@group.command("list")
def list_templates() -> None:
    """List the templates: their purpose, their languages, the variables that they are given."""
    from trunkline import messaging

    with opened() as system, system.books.read() as r:
        for key, each in sorted(messaging.declarations(r).items()):
            languages = " ".join(sorted(messaging.wordings(r, key)))
            variables = " ".join(f"{{{name}}}" for name in each.variables)
            typer.echo(f"{key} ({each.purpose}; {languages}): {variables}")


@group.command("show")
def show_template(
    key: Annotated[str, typer.Argument(help="As `templates list` says.")],
    language: Annotated[str, typer.Argument(help="As en, or de-AT.")] = "en",
) -> None:
    """Print a template as the TOML that `templates save` takes."""
    from trunkline import messaging

    with opened() as system, system.books.read() as r:
        wording = messaging.wordings(r, key).get(language)
        if wording is None:
            raise messaging.UnknownTemplate(f"{key[:60]} has no words in {language[:20]}")
        for part in _PARTS:
            said = getattr(wording, part)
            if said is not None:
                typer.echo(f"{part} = {_toml(said)}")


@group.command("save")
def save_template(
    key: Annotated[str, typer.Argument(help="As `templates list` says.")],
    language: Annotated[str, typer.Argument(help="As en, or de-AT.")],
    file: Annotated[Path, typer.Argument(help="TOML with subject and text, sms, or all three.")],
) -> None:
    """Give a template new words; those before are kept. A placeholder that isn't among its
    variables is refused."""
    import tomllib

    from trunkline import messaging

    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise messaging.InvalidTemplate(f"is no TOML: {error}", path=str(file)) from None
    for name, value in said.items():
        if name not in _PARTS or not isinstance(value, str):
            raise messaging.InvalidTemplate("only subject, text and sms are texts", path=name)
    with opened() as system, system.books.transaction() as tx:
        now = system.clock.now()
        saved = messaging.save_template(tx, key=key, language=language, now=now, **said)
        record(tx, "save template", f"{key} {saved.language}", now, version=saved.version)
    typer.echo(f"{key} {saved.language}: version {saved.version}")


@group.command("quiet")
def set_quiet_hours(
    market: Annotated[str, typer.Argument(help="Its name.")],
    starts: Annotated[str, typer.Argument(help="As 21:00.")],
    ends: Annotated[str, typer.Argument(help="As 08:00; the same as the start is never.")],
) -> None:
    """Say when nothing is sent in a market that can wait."""
    from trunkline import catalog, messaging

    hours = []
    for name, text in (("starts", starts), ("ends", ends)):
        try:
            hours.append(time.fromisoformat(text))
        except ValueError:
            raise messaging.InvalidMessage(f"{text[:20]!r} is no time", path=name) from None
    with opened() as system, system.books.transaction() as tx:
        found = catalog.market_named(tx, market)
        if found is None:
            raise catalog.UnknownMarket(f"there is no market {market[:60]!r}", path="market")
        quiet = messaging.QuietHours(*hours)
        messaging.set_quiet_hours(tx, market=found.id, quiet=quiet)
        record(tx, "set quiet hours", found.id, system.clock.now(), starts=starts, ends=ends)


def _toml(text: str) -> str:
    import msgspec

    return msgspec.json.encode(text).decode()
