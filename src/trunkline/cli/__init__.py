"""The `trunkline` command. Every subcommand is a thin call into the house; imports stand inside
the commands so that `--help` answers at once.

Exit codes: 0 done; 1 something needed is away; 2 the input or the settings are at fault, with a
line on standard error that names the place; 130 stopped by Ctrl-C.
"""

import os
import sys
from typing import NoReturn

import typer

from trunkline.cli import (
    access,
    billing,
    charging,
    databases,
    events,
    imports,
    parked,
    parties,
    serving,
    templates,
    trail,
    usage,
    vouchers,
)
from trunkline.kernel.errors import TrunklineError, Unavailable

app = typer.Typer(
    name="trunkline",
    help="The open telecom BSS: everything between a network and its revenue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (serving, billing):
    app.registered_commands += group.commands.registered_commands
app.add_typer(imports.group, name="import")
app.add_typer(charging.group, name="charging")
app.add_typer(databases.group, name="db")
app.add_typer(access.group, name="keys")
app.add_typer(access.users, name="users")
app.add_typer(parked.group, name="parked")
app.add_typer(usage.group, name="usage")
app.add_typer(parties.group, name="parties")
app.add_typer(templates.group, name="templates")
app.add_typer(events.group, name="hub")
app.add_typer(trail.group, name="audit")
app.add_typer(vouchers.group, name="vouchers")
app.add_typer(vouchers.dealers, name="dealers")
app.registered_commands += access.commands.registered_commands
app.registered_commands += serving.last.registered_commands


def main() -> None:
    """The entry point: errors become one line and an exit code, never a traceback."""
    os.umask(0o077)  # whatever is written here holds customers' data
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        said, context = error.format_message(), getattr(error, "ctx", None)
        if said:  # without arguments the help was shown, which is all there is to say
            _fail(f"{said} ({context.command_path} --help)" if context else said, error.exit_code)
        sys.exit(error.exit_code)
    except Unavailable as error:
        _fail(error, 1)
    except TrunklineError as error:
        _fail(error, 2)
    except OSError as error:
        # A folder that can't be written, a disk that is full.
        if error.filename is None:
            raise
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}", 2)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: object, code: int) -> NoReturn:
    sys.stderr.write(f"trunkline: {' '.join(str(error).split())}\n")
    sys.exit(code)
