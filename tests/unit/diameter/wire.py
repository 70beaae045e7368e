"""A gateway's end of a connection, for tests on a real loopback socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from tests.unit.diameter.builders import cer
from trunkline.charging import (
    Attempt,
    Batcher,
    Batching,
    ChargeAnswer,
    ChargeRequest,
    Result,
    UnitAnswer,
)
from trunkline.diameter import GyServer, GySettings, Statuses, codec
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import Clock, SystemClock
from trunkline.platform.db import Database

SETTINGS = GySettings("ocs.example", "example", port=0)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs it on asyncio's own loop; a minute is enough for any. The charging process's uvloop
    serves the tests that start that process: here its close was once seen to wait for ever, in
    the kernel's io_uring, where no timeout reaches."""

    async def bounded() -> None:
        await asyncio.wait_for(story(), 60)

    asyncio.run(bounded())


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *messages: bytes) -> None:
        self._writer.write(b"".join(messages))

    async def receive(self) -> bytes:
        """The next whole message."""
        head = await self._reader.readexactly(4)
        return head + await self._reader.readexactly(int.from_bytes(head[1:], "big") - 4)

    async def ask(self, message: bytes) -> bytes:
        self.send(message)
        return await self.receive()

    async def ended(self) -> bool:
        """Waits for what is left, which must be nothing but the connection's end."""
        try:
            return await self._reader.read() == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def connected(port: int, first: bytes | None = None) -> AsyncIterator[Wire]:
    """A connection whose capabilities are exchanged."""
    wire = Wire(*await asyncio.open_connection("127.0.0.1", port))
    assert result_of(await wire.ask(first or cer())) == d.SUCCESS
    try:
        yield wire
    finally:
        await wire.close()


@asynccontextmanager
async def serving(
    attempt: Attempt,
    settings: GySettings = SETTINGS,
    clock: Clock | None = None,
    batching: Batching | None = None,
    database: Database | None = None,
    statuses: Statuses | None = None,
) -> AsyncIterator[tuple[GyServer, int]]:
    clock = clock or SystemClock()
    server = GyServer(settings, Batcher(attempt, clock, batching), clock, database, statuses)
    port = await server.start()
    try:
        yield server, port
    finally:
        await server.stop()


def generous(requests: Sequence[ChargeRequest], _now: datetime) -> list[ChargeAnswer]:
    """Grants whatever is asked: the edge's own tests need no prices."""
    return [
        ChargeAnswer(
            Result.SUCCESS,
            tuple(
                UnitAnswer(
                    unit.rating_group, unit.service_identifier, Result.SUCCESS, unit.requested, 60
                )
                for unit in request.units
            ),
        )
        for request in requests
    ]


def result_of(message: bytes) -> int:
    return next(avp.u32() for avp in codec.avps(message) if avp.code == d.RESULT_CODE)


def granted_in(answer: bytes) -> int:
    """Octets, of the first rating group that is granted any; else 0."""
    for avp in codec.avps(answer):
        if avp.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL:
            for part in codec.avps(avp.data, 0):
                if part.code == d.GRANTED_SERVICE_UNIT:
                    return int.from_bytes(part.data[8:16], "big")
    return 0
