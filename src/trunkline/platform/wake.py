"""How a commit in one process wakes the relay, or another listener, in another.

PostgreSQL has LISTEN and NOTIFY. Beside a SQLite file stands a datagram socket that the relay
listens on and every emitting commit knocks at; those who listen on a channel of their own
(`Tx.knock`) have one each. Both are only for speed: a knock that gets lost costs the
listener's polling interval, nothing else.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import structlog

from trunkline.platform.db import Database
from trunkline.platform.knock import ear_path, socket_path
from trunkline.platform.outbox import CHANNEL, channel_name

log = structlog.get_logger(__name__)

_PATIENCE = 1.0
"""Seconds between a listener's looks at whether it shall stop."""


class _LoopWoken(threading.Event):
    def __init__(self, loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
        super().__init__()
        self._loop = loop
        self._woken = woken

    def set(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to wake
            self._loop.call_soon_threadsafe(self._woken.set)


def waking(woken: asyncio.Event) -> threading.Event:
    """What `listen` sets, for one who waits on the running event loop."""
    return _LoopWoken(asyncio.get_running_loop(), woken)


def listen(
    database: Database, woken: threading.Event, stop: threading.Event, channel: str = ""
) -> threading.Thread:
    """Sets `woken` for every commit that left deliveries in this database, or that knocked on
    `channel`, until `stop`; returns the daemon thread that does so."""
    target = _listen_to_socket if database.dialect == "sqlite" else _listen_to_postgresql
    thread = threading.Thread(
        target=target,
        args=(database, woken, stop, channel),
        name=f"wake-{database.name}",
        daemon=True,
    )
    thread.start()
    return thread


def _listen_to_socket(
    database: Database, woken: threading.Event, stop: threading.Event, channel: str
) -> None:
    assert database.path is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        place = ear_path(database.path, channel) if channel else socket_path(database.path)
        if not _bind(ear, place):
            log.info("another process already listens here; polling", database=database.name)
            return
        ear.settimeout(_PATIENCE)
        while not stop.is_set():
            with suppress(TimeoutError):
                ear.recv(1)
                woken.set()
        place.unlink(missing_ok=True)


def _bind(ear: socket.socket, place: Path) -> bool:
    """Whether this process now listens at `place`. A socket whose owner died is replaced."""
    for _ in range(2):
        try:
            ear.bind(str(place))
        except OSError:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                    probe.connect(str(place))
            except ConnectionRefusedError:
                place.unlink(missing_ok=True)
            except OSError as error:
                log.warning("no socket to be woken at; polling", error=str(error))
                return False
            else:
                return False
        else:
            place.chmod(0o600)
            return True
    return False


def _listen_to_postgresql(
    database: Database, woken: threading.Event, stop: threading.Event, channel: str
) -> None:
    name = channel_name(channel) if channel else CHANNEL
    dsn = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while not stop.is_set():
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"LISTEN {name}")
                while not stop.is_set():
                    for _ in connection.notifies(timeout=_PATIENCE, stop_after=1):
                        woken.set()
        except psycopg.OperationalError as error:
            log.warning("listening was cut off", database=database.name, error=str(error))
            stop.wait(_PATIENCE)
