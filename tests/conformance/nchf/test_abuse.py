"""What HTTP/2 lets a client do to a server: it costs the client its connection or its request, and
nobody else anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, ResponseReceived, StreamReset
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
)

from tests.conformance.nchf.network import CHARGING, SETTINGS, Smf, network, run
from tests.unit.nchf.calls import generous, request
from trunkline.platform.clock import SystemClock

BODY = json.dumps(request()).encode()
REFUSED_STREAM, ENHANCE_YOUR_CALM = 7, 11
GONE = (ConnectionError, asyncio.IncompleteReadError)


class Connection:
    """One that keeps to no rules, once it is open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        writer.write(self._h2.data_to_send())

    async def send(self, *frames: Frame) -> None:
        self._writer.write(b"".join(each.serialize() for each in frames))
        await self._writer.drain()

    def ask(self, length: int) -> int:
        """Begins a request whose body is to have so many octets; returns its stream."""
        stream = self._h2.get_next_available_stream_id()
        headers = [(":method", "POST"), *headers_of(length)]
        self._h2.send_headers(stream, headers)
        self._writer.write(self._h2.data_to_send())
        return stream

    async def until(self, done: Callable[[list[Event]], object]) -> list[Event]:
        """What came, up to the event that was waited for or the connection's end."""
        found: list[Event] = []
        with suppress(*GONE):
            while not done(found):
                octets = await self._reader.read(65_536)
                if not octets:
                    break
                found += self._h2.receive_data(octets)
                self._writer.write(self._h2.data_to_send())
        return found

    async def ended(self) -> bool:
        with suppress(*GONE):
            while await self._reader.read(65_536):
                pass
        return True


def headers_of(length: int) -> list[tuple[str, str]]:
    return [
        (":scheme", "http"),
        (":authority", "chf.example"),
        (":path", CHARGING),
        ("content-type", "application/json"),
        ("content-length", str(length)),
    ]


def block(*more: tuple[str, str]) -> bytes:
    encoder = Encoder()
    encoder.header_table_size = 0
    return bytes(encoder.encode([(":method", "POST"), *headers_of(len(BODY)), *more]))


@asynccontextmanager
async def abused(patience: float = 10.0) -> AsyncIterator[tuple[Connection, Smf]]:
    """A connection to abuse, and somebody else who is served before it and after it."""
    settings = msgspec.structs.replace(SETTINGS, patience=patience)
    async with network(generous, SystemClock(), settings) as smf:
        await served(smf)
        port = smf.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield Connection(reader, writer), smf
        finally:
            writer.transport.abort()
        await served(smf)


async def served(smf: Smf) -> None:
    assert (await smf.create(0, subscriberIdentifier="imsi-999700000000001")).status == 201


async def resets(abuser: Connection) -> None:
    """Requests that are taken back as soon as they are sent (CVE-2023-44487)."""
    for number in range(50_000):
        stream = 2 * number + 1
        await abuser.send(
            HeadersFrame(stream, block(), flags=["END_HEADERS"]),
            DataFrame(stream, BODY, flags=["END_STREAM"]),
            RstStreamFrame(stream, error_code=8),
        )


async def endless_headers(abuser: Connection) -> None:
    """Headers that never end (CVE-2024-27316)."""
    await abuser.send(HeadersFrame(1, block()))
    more = bytes(Encoder().encode([("x", "y" * 200)]))
    while True:
        await abuser.send(*(ContinuationFrame(1, more) for _ in range(100)))


@pytest.mark.parametrize("abuse", [resets, endless_headers])
def test_it_costs_the_connection(abuse: Callable[[Connection], Awaitable[None]]) -> None:
    async def story() -> None:
        async with abused() as (abuser, _):
            with pytest.raises(ConnectionError):
                await abuse(abuser)

    run(story)


def test_headers_that_are_too_large() -> None:
    async def story() -> None:
        async with abused() as (abuser, _):
            octets = block(*((f"x-{number}", "y" * 1000) for number in range(300)))
            parts = [octets[at : at + 16_000] for at in range(0, len(octets), 16_000)]
            await abuser.send(
                HeadersFrame(1, parts[0]),
                *(ContinuationFrame(1, each) for each in parts[1:-1]),
                ContinuationFrame(1, parts[-1], flags=["END_HEADERS"]),
            )
            assert await abuser.ended()

    run(story)


def test_it_says_goodbye() -> None:
    """A connection that is open when it stops gets a GOAWAY (RFC 9113, 6.8)."""

    async def story() -> None:
        async with network(generous, SystemClock(), SETTINGS) as smf:
            reader, writer = await asyncio.open_connection("127.0.0.1", smf.port)
            client = Connection(reader, writer)
            client.ask(0)
            await client.until(answers)
        octets = await reader.read()
        writer.transport.abort()
        kinds = []
        while octets:
            frame, length = Frame.parse_frame_header(memoryview(octets[:9]))
            kinds.append(type(frame))
            octets = octets[9 + length :]
        assert GoAwayFrame in kinds

    run(story)


def test_bodies_that_do_not_come() -> None:
    """Each is given up by itself; past a thousand at a time none is begun."""

    async def story() -> None:
        async with abused(patience=0.2) as (abuser, smf):
            for _ in range(1100):
                abuser.ask(len(BODY))
            await served(smf)
            came = await abuser.until(lambda found: len(answers(found)) + len(cut(found)) >= 1100)
            assert not [each for each in came if isinstance(each, ConnectionTerminated)]
            assert {status_of(each) for each in answers(came)} == {"408"}
            assert len(answers(came)) >= 1000

    run(story)


def answers(events: list[Event]) -> list[ResponseReceived]:
    return [each for each in events if isinstance(each, ResponseReceived)]


def status_of(answer: ResponseReceived) -> str:
    return next(str(value) for name, value in answer.headers if str(name) == ":status")


def cut(events: list[Event]) -> list[StreamReset]:
    return [
        each
        for each in events
        if isinstance(each, StreamReset) and each.error_code == REFUSED_STREAM
    ]
