"""The charging process's event loop: the network's edges over one batcher, on one thread."""

import asyncio
import gc
import signal
from collections.abc import Callable

import uvloop

from trunkline import diameter, nchf
from trunkline.app import System
from trunkline.app.gy import gy_settings
from trunkline.app.nchf import nchf_settings
from trunkline.charging import Batcher, Batching, GrantPolicy, GrantSize, GroupCommit
from trunkline.platform.settings import ChargingSettings


def run_edges(system: System, ready: Callable[[], None]) -> None:
    """Serve the network until SIGTERM or SIGINT, on this thread."""
    uvloop.run(_main(system, ready))


async def _main(system: System, ready: Callable[[], None]) -> None:
    known = system.settings.charging
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    charging = system.charging
    commit = GroupCommit(charging, policy=_policy(known), persisted=False)
    batcher = Batcher(
        commit.attempt,
        system.clock,
        Batching(batch=known.batch),
        persist=charging.persist if charging.dialect == "sqlite" else None,
    )
    gy = gy_settings(system.settings)
    chf = nchf_settings(system.settings)
    # What is loaded now stays: no collection needs to walk it between two commits.
    gc.collect()
    gc.freeze()
    left = {"gy", "nchf"}

    def listening(edge: str) -> None:
        left.discard(edge)
        if not left:
            ready()

    async with asyncio.TaskGroup() as edges:
        edges.create_task(
            diameter.serve(
                gy,
                batcher,
                system.clock,
                ready=lambda _port: listening("gy"),
                stop=stop,
                database=system.charging,
            )
        )
        edges.create_task(
            nchf.serve(
                chf,
                batcher,
                system.clock,
                ready=lambda _port: listening("nchf"),
                stop=stop,
                database=system.charging,
            )
        )


def _policy(settings: ChargingSettings) -> GrantPolicy:
    default = GrantPolicy()

    def sized(size: GrantSize, amount: int) -> GrantSize:
        return GrantSize(
            amount, min(size.smallest, amount), max(size.largest, amount), settings.validity_seconds
        )

    return GrantPolicy(
        data=sized(default.data, settings.grant_bytes),
        voice=sized(default.voice, settings.grant_seconds),
        sms=sized(default.sms, settings.grant_messages),
    )
