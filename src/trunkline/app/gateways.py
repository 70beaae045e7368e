"""The charging process's event loop: the network's edges over one batcher, on one thread."""

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from datetime import datetime

import uvloop

from trunkline import diameter, nchf
from trunkline.app import System
from trunkline.app.gy import gy_settings
from trunkline.app.nchf import nchf_settings
from trunkline.app.policy import grant_policy
from trunkline.charging import Batcher, Batching, CounterStatus, GroupCommit, statuses_of
from trunkline.platform.db import Reader
from trunkline.platform.listening import Sockets


def run_edges(system: System, sockets: Sockets, ready: Callable[[], None]) -> None:
    """Serve the network on these (`listening.of_charging`) until SIGTERM or SIGINT, on this
    thread. They are closed in the end."""
    uvloop.run(_main(system, sockets, ready))


async def _main(system: System, sockets: Sockets, ready: Callable[[], None]) -> None:
    known = system.settings.charging
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    charging = system.charging
    policy = grant_policy(system.settings)
    commit = GroupCommit(charging, policy=policy, persisted=False)
    batcher = Batcher(
        commit.attempt,
        system.clock,
        Batching(batch=known.batch),
        persist=charging.persist if charging.dialect == "sqlite" else None,
    )

    def statuses(r: Reader, account: int, now: datetime) -> Sequence[CounterStatus]:
        return statuses_of(r, account, policy.rules, now)

    gy = gy_settings(system.settings)
    chf = nchf_settings(system.settings)
    # What is loaded now stays: no collection needs to walk it between two commits.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
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
                statuses=statuses,
                sockets=sockets,
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
                statuses=statuses,
                listening=sockets["nchf"],
            )
        )
