"""The charging process's event loop: the network's edges over one batcher, on one thread."""

import asyncio
import gc
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trunkline import diameter, nchf
from trunkline.app import System
from trunkline.app.gy import gy_settings
from trunkline.app.policy import grant_policy
from trunkline.charging import Batcher, Batching, GroupCommit
from trunkline.kernel.errors import Invalid
from trunkline.platform.addresses import parse_networks
from trunkline.platform.settings import Settings


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
    commit = GroupCommit(charging, policy=grant_policy(system.settings), persisted=False)
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
            nchf.serve(chf, batcher, system.clock, ready=lambda _port: listening("nchf"), stop=stop)
        )


def nchf_settings(settings: Settings) -> nchf.NchfSettings:
    """Raises `Invalid` for files that can't be read and networks that are none."""
    known = settings.nchf
    if bool(known.certificate) != bool(known.key):
        raise Invalid("a certificate and its key go together", path="nchf.certificate")
    if known.client_authority and not known.certificate:
        raise Invalid("clients show certificates over TLS only", path="nchf.client_authority")
    for name in ("certificate", "key", "client_authority"):
        path = getattr(known, name)
        if path and not Path(path).is_file():
            raise Invalid(f"there is no file {path}", path=f"nchf.{name}")
    return nchf.NchfSettings(
        host=known.host,
        port=known.port,
        certificate=known.certificate,
        key=known.key,
        authority=known.client_authority,
        networks=parse_networks(known.allow_networks, "nchf.allow_networks"),
        root=known.url,
        failure_handling=known.failure_handling,
        event_time_tolerance=settings.charging.event_time_tolerance_seconds,
        token_keys=_token_keys(known.token_keys) if known.token_keys else None,
    )


def _token_keys(path: str) -> KeySet:
    try:
        return KeySet.import_key_set(msgspec.json.decode(Path(path).read_bytes()))
    except (OSError, JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as fault:
        raise Invalid(f"{path} holds no JWKS: {fault}", path="nchf.token_keys") from None
