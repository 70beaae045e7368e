"""Listening sockets that several processes take connections from.

Who starts the processes binds them once and hands them down, so that a process that was killed
keeps nobody from connecting: what comes meanwhile waits in the socket's queue, for its
successor or for those beside it.
"""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping

import structlog

from trunkline.kernel.errors import Unavailable
from trunkline.platform.settings import Settings

log = structlog.get_logger(__name__)

SOCKETS = "TRUNKLINE_SOCKETS"
"""The environment's variable: "gy=5,nchf=6", names and descriptors of what was handed down."""

BACKLOG = 1024
LEAVING = 5.0
"""Seconds that processes have to let go of an address whose supervisor was killed."""
_LOOK_EVERY = 0.05
_HESITATION = 0.01
"""Seconds for each open connection, by which a process lets others go first..."""
_LONGEST = 0.1
"""...and at most."""
_PAUSE = 1.0
"""Seconds after which connections are taken again when there were no descriptors left."""

Sockets = Mapping[str, socket.socket]


class CannotListen(Unavailable):
    """`path` is the setting and the address."""

    code = "cannotListen"


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens; port 0 takes a free one. A name with several addresses is the
    first of IPv4's. Raises `CannotListen` where the address stays somebody else's, or is none of
    this machine's."""
    patient_until = time.monotonic() + LEAVING
    while True:
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > patient_until:
                reason = error.strerror or str(error)
                raise CannotListen(reason, path=f"{setting}: {host}:{port}") from None
        time.sleep(_LOOK_EVERY)


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is taken from it inherits this (Linux, tcp(7)): answers don't wait for
        # acknowledgements, whoever takes the connection.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def of_charging(settings: Settings) -> dict[str, socket.socket]:
    """What the charging processes listen on. Raises `CannotListen`."""
    charging, diameter, nchf = settings.charging, settings.diameter, settings.nchf
    places = {"gy": ("charging", charging.host, charging.port)}
    if diameter.certificate:
        places["gy_tls"] = "diameter.tls_port", charging.host, diameter.tls_port
    places["nchf"] = "nchf", nchf.host, nchf.port
    bound: dict[str, socket.socket] = {}
    try:
        for name, (setting, host, port) in places.items():
            bound[name] = bind(host, port, setting)
    except CannotListen:
        close(bound)
        raise
    return bound


def inherited() -> dict[str, socket.socket]:
    """What was handed down to this process."""
    said = os.environ.pop(SOCKETS, "")
    pairs = (each.partition("=") for each in said.split(",") if each)
    return {name: socket.socket(fileno=int(number)) for name, _, number in pairs}


def handed_down(sockets: Sockets) -> str:
    """What `SOCKETS` says of these, in a process that gets their descriptors."""
    return ",".join(f"{name}={each.fileno()}" for name, each in sockets.items())


def close(sockets: Sockets) -> None:
    for each in sockets.values():
        each.close()


class Acceptor:
    """Takes connections off a listening socket, on the running event loop, until it is closed.

    Where it is `shared` by processes each takes the share that falls to it: one that has many
    connections already hesitates longer before it takes the next, so that whoever has the
    fewest, and isn't busy, is the first.
    """

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None = None,
        handshake: float | None = None,
        shared: Callable[[], int] | None = None,
    ) -> None:
        """`shared` tells how many connections this process has, where others have some too.
        `handshake` is TLS's, in seconds."""
        self._listening = listening
        self._protocol = protocol
        self._tls = tls
        self._handshake = handshake
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}
        self._wait()

    @property
    def port(self) -> int:
        number: int = self._listening.getsockname()[1]
        return number

    async def close(self) -> None:
        """Takes no more; the socket is closed here, and stays open with others. Once more is
        nothing."""
        if self._listening.fileno() < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        beginning = dict(self._beginning)
        for task in beginning:
            task.cancel()
        if beginning:
            await asyncio.wait(beginning)
        for taken in beginning.values():
            taken.close()

    def _wait(self) -> None:
        self._loop.add_reader(self._listening, self._come)

    def _come(self) -> None:
        """Somebody has come."""
        self._loop.remove_reader(self._listening)
        has = self._shared() if self._shared is not None else 0
        self._timer = self._loop.call_later(min(has * _HESITATION, _LONGEST), self._take)

    def _take(self) -> None:
        try:
            taken, _ = self._listening.accept()
        except (BlockingIOError, ConnectionError):
            self._wait()  # another process was quicker, or whoever came is gone again
            return
        except OSError as error:
            log.warning("a connection can't be taken", reason=str(error))
            self._timer = self._loop.call_later(_PAUSE, self._wait)
            return
        self._wait()
        taken.setblocking(False)
        task = self._loop.create_task(self._begin(taken))
        self._beginning[task] = taken
        task.add_done_callback(self._beginning.pop)

    async def _begin(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol,
                taken,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake if self._tls else None,
            )
        except OSError as error:
            log.info("a connection was not begun", reason=str(error) or type(error).__name__)
