"""Running it: `demo`, `serve` and its processes, `settings`, `bench`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.running import ensure_operator

commands = typer.Typer()
last = typer.Typer()


class ProcessKind(StrEnum):
    EDGE = "edge"
    CHARGING = "charging"
    JOBS = "jobs"


@commands.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over: the data is deleted.")
    ] = False,
    customers: Annotated[int, typer.Option(min=1, max=20_000, help="How many sign up.")] = 500,
    serve: Annotated[bool, typer.Option(help="Go on serving when the month is over.")] = True,
) -> None:
    """Live a month of an invented operator's life, then go on serving."""
    from trunkline.demo.run import run_demo

    run_demo(fresh=fresh, customers=customers, serve=serve)


@commands.command()
def serve() -> None:
    """Serve the operator of trunkline.toml: edge, charging and jobs, until Ctrl-C."""
    from trunkline.app import open_system, upgrade_databases
    from trunkline.platform import settings, telemetry
    from trunkline.supervisor import Supervisor

    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    upgrade_databases(loaded)
    system = open_system(loaded)
    try:
        ensure_operator(system)
    finally:
        system.close()
    with Supervisor({}) as supervisor:
        supervisor.start()
        typer.echo(f"Serving on http://{loaded.http.host}:{loaded.http.port}/console")
        supervisor.run()


@commands.command(hidden=True)
def process(kind: ProcessKind) -> None:
    """One process of those that `serve` keeps alive."""
    from trunkline.app import processes
    from trunkline.platform import settings, telemetry
    from trunkline.supervisor import end_with_supervisor, say_ready

    end_with_supervisor()
    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    run = {
        ProcessKind.EDGE: processes.run_edge,
        ProcessKind.CHARGING: processes.run_charging,
        ProcessKind.JOBS: processes.run_jobs,
    }[kind]
    run(loaded, say_ready)


@last.command("settings")
def show_settings() -> None:
    """Print a settings file with every key, its default and what it means."""
    from trunkline.platform import settings

    typer.echo(settings.default_toml())


@last.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Run the benchmarks of a source checkout; their figures go to build/bench.json."""
    import runpy

    from trunkline.kernel.errors import NotFound

    if not Path("benchmarks/__main__.py").exists():
        raise NotFound("there is no benchmarks/ here: run this in a source checkout")
    sys.path.insert(0, "")
    sys.argv = ["benchmarks", *context.args]
    runpy.run_module("benchmarks", run_name="__main__")
