"""Listening sockets: bound once, handed down, and shared fairly."""

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from trunkline.kernel.errors import Unavailable
from trunkline.platform import listening
from trunkline.platform.listening import Acceptor, bind


class Taken(asyncio.Protocol):
    """A connection, which notes who took it."""

    def __init__(self, process: str, taken: "asyncio.Future[str]") -> None:
        self._process, self._taken = process, taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
        self._taken.set_result(self._process)


@pytest.mark.parametrize("processes", [{"a": 3, "b": 1, "c": 2}, {"b": 0, "a": 50}, {"b": 9}])
def test_whoever_has_the_fewest_connections_takes_the_next(processes: dict[str, int]) -> None:
    async def story() -> None:
        shared = bind("127.0.0.1", 0, "x")
        taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        acceptors = [
            Acceptor(
                shared.dup(),
                lambda process=process: Taken(process, taken),  # type: ignore[misc]
                shared=lambda has=has: has,  # type: ignore[misc]
            )
            for process, has in processes.items()
        ]
        with socket.create_connection(shared.getsockname()):
            assert await taken == "b"
        for acceptor in acceptors:
            await acceptor.close()
        shared.close()

    asyncio.run(story())


def test_what_some_close_stays_open_with_the_others() -> None:
    async def story() -> None:
        shared = bind("127.0.0.1", 0, "x")
        taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        leaving = Acceptor(shared.dup(), asyncio.Protocol)
        staying = Acceptor(shared, lambda: Taken("staying", taken))
        await leaving.close()
        await leaving.close()
        with socket.create_connection(("127.0.0.1", staying.port)):
            assert await taken == "staying"
        await staying.close()

    asyncio.run(story())


def test_an_address_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LEAVING", 0.0)
    with bind("localhost", 0, "nchf") as first:
        address, port = first.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(Unavailable) as refused:
            bind("127.0.0.1", port, "charging")
        assert str(refused.value) == f"charging: 127.0.0.1:{port}: Address already in use"
        with pytest.raises(Unavailable, match="nowhere"):
            bind("nowhere.invalid", port, "charging")


HEIR = """
from trunkline.platform import listening
inherited = listening.inherited()
print(*(f"{name} {each.getsockname()[1]}" for name, each in sorted(inherited.items())))
print(listening.inherited())
"""


def test_sockets_are_handed_down() -> None:
    with bind("127.0.0.1", 0, "charging") as gy, bind("127.0.0.1", 0, "nchf") as nchf:
        sockets = {"gy": gy, "nchf": nchf}
        told = subprocess.run(
            [sys.executable, "-c", HEIR],
            env={**os.environ, listening.SOCKETS: listening.handed_down(sockets)},
            pass_fds=[each.fileno() for each in sockets.values()],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.splitlines() == [
            f"gy {gy.getsockname()[1]} nchf {nchf.getsockname()[1]}",
            "{}",
        ]


def test_an_address_that_is_being_left_is_waited_for() -> None:
    """By processes whose supervisor was killed a moment ago."""
    leaving = bind("127.0.0.1", 0, "x")
    port = leaving.getsockname()[1]
    with ThreadPoolExecutor() as threads:
        coming = threads.submit(bind, "127.0.0.1", port, "x")
        leaving.close()
        assert coming.result(60).getsockname()[1] == port
        coming.result().close()
