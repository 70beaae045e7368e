"""The HTTP/2 server: granian, on the event loop of the charging process.

granian's own threads read and write HTTP/2; the application runs on the loop's thread, where
the batcher runs, so that what arrives while a commit is under way forms the next batch.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP2Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server
from joserfc.jwk import KeySet

from trunkline.charging import Batcher
from trunkline.nchf.callers import Callers
from trunkline.nchf.converged import Charging, Converged
from trunkline.nchf.front import PATIENCE, Application, Service
from trunkline.nchf.notifier import Notifier
from trunkline.nchf.posting import Poster
from trunkline.nchf.reading import Ways
from trunkline.nchf.registration import NrfSettings, Registration, profile_of
from trunkline.nchf.spending import Spending, Statuses
from trunkline.platform.addresses import Network
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.listening import BACKLOG, bind
from trunkline.tmf.hub import CallbackRule

log = structlog.get_logger(__name__)


_STREAMS = 1000
"""Requests of one connection at a time."""
_HEADERS = 64 * 1024
_PING = 30_000
"""Milliseconds after which a silent connection is asked whether it lives; without an answer it is
closed 20 s later."""
_LOOK_EVERY = 0.01
_LOOKS = 50
_ANYWHERE = CallbackRule(allow_private=True)
"""The operator says where its NRF is."""
_INTERNET = (socket.AF_INET, socket.AF_INET6)


class NchfSettings(msgspec.Struct, frozen=True):
    """`port` 0 takes a free one. With `certificate` and `key` it is TLS; with `authority`, too,
    clients must show a certificate that it signed. `networks` may call. `root` begins the
    addresses that answers name, where a proxy stands before us. `token_keys` are the NRF's,
    where callers must show its tokens. `drain` is for how many seconds a stop waits for clients
    to leave, `patience` for how many a request's body is waited for. `notify` says which addresses
    are notified, `nrf` where to register."""

    host: str = "127.0.0.1"
    port: int = 7777
    certificate: str = ""
    key: str = ""
    authority: str = ""
    networks: tuple[Network, ...] = ()
    root: str = ""
    failure_handling: str = "TERMINATE"
    ways: Ways = Ways()
    token_keys: KeySet | None = None
    drain: float = 3.0
    patience: float = PATIENCE
    notify: CallbackRule = CallbackRule()
    nrf: NrfSettings | None = None


class _Server(Server):
    """On a socket that listens already, and that other processes may share."""

    def __init__(self, listening: socket.socket, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._listening = listening

    def _init_shared_socket(self) -> None:
        descriptor = self._listening.detach()  # it is granian's to close
        self._shd: Any = SocketHolder(descriptor, False, BACKLOG)  # type: ignore[call-arg]


def create_app(
    settings: NchfSettings, batcher: Batcher, clock: Clock, spending: Spending | None = None
) -> Application:
    """The RSGI application; `batcher` runs on the loop that serves it."""
    charging = Charging(
        batcher,
        clock,
        failure_handling=settings.failure_handling,
        ways=settings.ways,
    )
    instance = profile_of(settings.nrf)["nfInstanceId"] if settings.nrf else ""
    callers = Callers(settings.networks, settings.token_keys, clock, instance)
    services: list[Service] = [Converged(charging, settings.root)]
    if spending is not None:
        services.append(spending)
    return Application(services, callers, patience=settings.patience)


async def serve(
    settings: NchfSettings,
    batcher: Batcher,
    clock: Clock,
    *,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    database: Database | None = None,
    statuses: Statuses | None = None,
    listening: socket.socket | None = None,
) -> None:
    """Serve until `stop` is set, then answer what waits; `ready` is called with the port once
    it listens, on `listening` where it is given. With charging's `database` network functions
    are told what is noted there; with `statuses`, too, Nchf_SpendingLimitControl is served."""
    listening = listening or bind(settings.host, settings.port, "nchf")
    port = listening.getsockname()[1]
    before = _threads()
    secure = bool(settings.certificate)
    spending = None
    if database is not None and statuses is not None:
        spending = Spending(database, clock, statuses, settings.root)
    server = _Server(
        listening,
        create_app(settings, batcher, clock, spending),
        address=settings.host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.auto,
        http2_settings=HTTP2Settings(
            max_concurrent_streams=_STREAMS, max_headers_size=_HEADERS, keep_alive_interval=_PING
        ),
        websockets=False,
        backpressure=1_000_000,
        log_enabled=False,
        log_level=LogLevels.error,
        ssl_cert=Path(settings.certificate) if secure else None,
        ssl_key=Path(settings.key) if secure else None,
        ssl_ca=Path(settings.authority) if settings.authority else None,
        ssl_client_verify=bool(settings.authority),
    )
    serving = asyncio.ensure_future(server.serve())
    try:
        log.info("nchf listening", host=settings.host, port=port, tls=secure)
        ready(port)
        async with _speaking_up(settings, database, clock, statuses):
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait((stopped, serving), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
        await batcher.drained()
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        # It says goodbye (GOAWAY) and waits for as long as clients hold on.
        await asyncio.wait((serving,), timeout=settings.drain)
        while not serving.done():
            _cut(port)
            await asyncio.wait((serving,), timeout=_LOOK_EVERY)
        await serving
        if spending is not None:
            spending.close()
        await _threads_ended(_threads() - before)


@asynccontextmanager
async def _speaking_up(
    settings: NchfSettings, database: Database | None, clock: Clock, statuses: Statuses | None
) -> AsyncIterator[None]:
    """What the network is told without asking: of sessions and counters, and of ourselves."""
    tasks: list[asyncio.Task[None]] = []
    registration = None
    if database is not None:
        poster = Poster(settings.notify, _tls(settings))
        tasks.append(asyncio.create_task(Notifier(database, clock, poster, statuses).run()))
    if settings.nrf is not None:
        registration = Registration(settings.nrf, Poster(_ANYWHERE, _tls(settings)), database)
        tasks.append(asyncio.create_task(registration.run()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if registration is not None:
            await registration.leave()


def _cut(port: int) -> None:
    """Ends the connections that were taken at this port."""
    for each in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(each.name))) as taken:
            if (
                taken.family in _INTERNET
                and taken.getsockname()[1] == port
                and not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            ):
                taken.shutdown(socket.SHUT_RDWR)


def _threads() -> set[str]:
    """Of this process, granian's among them, which Python doesn't know."""
    tasks = Path("/proc/self/task")
    return {each.name for each in tasks.iterdir()} if tasks.exists() else set()


async def _threads_ended(begun: set[str]) -> None:
    """granian says that it has stopped a moment before its threads are gone: one that still
    runs while the interpreter ends would abort the process."""
    for _ in range(_LOOKS):
        if not begun & _threads():
            return
        await asyncio.sleep(_LOOK_EVERY)


def _tls(settings: NchfSettings) -> ssl.SSLContext:
    """How network functions are checked that we call: by the operator's own authority, if it
    has one, and we show them our certificate."""
    context = ssl.create_default_context(cafile=settings.authority or None)
    if settings.certificate:
        context.load_cert_chain(settings.certificate, settings.key)
    context.set_alpn_protocols(["h2"])
    return context
