"""One request over HTTP/2: to an address that was looked at, within a time, and, where it is sent
on, one more.

In the clear with prior knowledge, as network functions have it (TS 29.500, clause 5.2), or over
TLS. Of the answer its status, its Location and what is short of its body are read.
"""

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import urljoin

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from trunkline.kernel.errors import Unavailable
from trunkline.tmf.hub import Callback, CallbackRule, parse_callback, resolve

CONNECT = 2.0
TOTAL = 4.0
"""Seconds for a connection, and for all of it."""
_ADDRESSES = 4
_PIECE = 65_536
_REDIRECTS = (307, 308)
_LARGEST = 1_000_000
"""Octets of an answer that are read; the rest isn't waited for."""

_CONFIG = H2Configuration(client_side=True, header_encoding="utf-8")


class NotReached(Unavailable):
    """Nobody answered, or not in HTTP/2."""

    code = "networkFunctionNotReached"


class Reply(msgspec.Struct, frozen=True):
    status: int
    location: str = ""
    body: bytes = b""


class Poster:
    """`rule` says where may be sent to, `tls` is for https."""

    def __init__(self, rule: CallbackRule, tls: ssl.SSLContext) -> None:
        self._rule = rule
        self._tls = tls

    async def post(self, target: Callback, body: bytes) -> Reply:
        """JSON. Raises as `send` does."""
        return await self.send("POST", target, body)

    async def send(
        self, method: str, target: Callback, body: bytes, kind: str = "application/json"
    ) -> Reply:
        """The answer, or the one that a redirect leads to (TS 29.500, 6.10.9). Raises
        `NotReached`, `CallbackRefused` where `rule` forbids it, and `InvalidCallback` for a
        redirect to no URL."""
        reply = await self._sent(method, target, body, kind)
        if reply.status in _REDIRECTS and reply.location:
            place = urljoin(f"{target.scheme}://{target.authority}{target.path}", reply.location)
            reply = await self._sent(method, parse_callback(place, path="location"), body, kind)
        return reply

    async def _sent(self, method: str, target: Callback, body: bytes, kind: str) -> Reply:
        try:
            async with asyncio.timeout(TOTAL):
                reader, writer = await self._open(target)
                try:
                    return await _exchange(reader, writer, method, target, body, kind)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise NotReached(f"no answer within {TOTAL:g} s") from None
        except (OSError, ProtocolError, ValueError) as error:
            raise NotReached(str(error) or type(error).__name__) from error

    async def _open(self, target: Callback) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        found = await asyncio.to_thread(resolve, target.host, target.port)
        allowed = [each for each in found if self._rule.allows(each)][:_ADDRESSES]
        if not allowed:
            raise self._rule.refusal(target.host)
        return await self._connect(allowed, target)

    async def _connect(
        self, addresses: Sequence[str], target: Callback
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        secure = target.scheme == "https"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT):
                    return await asyncio.open_connection(
                        address,
                        target.port,
                        ssl=self._tls if secure else None,
                        server_hostname=target.host if secure else None,
                    )
            except TimeoutError:
                failure: OSError = OSError(f"no connection within {CONNECT:g} s")
            except OSError as error:
                failure = error
        raise failure


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    target: Callback,
    body: bytes,
    kind: str,
) -> Reply:
    connection = H2Connection(_CONFIG)
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    headers = [
        (":method", method),
        (":scheme", target.scheme),
        (":authority", target.authority),
        (":path", target.at(target.path or "/")),
        ("user-agent", "CHF"),
    ]
    if body:
        headers += [("content-type", kind), ("content-length", str(len(body)))]
    connection.send_headers(stream, headers, end_stream=not body)
    if body:
        connection.send_data(stream, body, end_stream=True)
    writer.write(connection.data_to_send())
    reply = Reply(0)
    found = bytearray()
    while True:
        octets = await reader.read(_PIECE)
        if not octets:
            raise NotReached("the connection was closed without an answer")
        for event in connection.receive_data(octets):
            reply = _read(event) or reply
            if isinstance(event, DataReceived):
                found += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, stream)
            if isinstance(event, StreamEnded) or (len(found) > _LARGEST and reply.status):
                return msgspec.structs.replace(reply, body=bytes(found))
        writer.write(connection.data_to_send())


def _read(event: Event) -> Reply | None:
    """What an event says of the answer. Raises `NotReached` where none will come."""
    if isinstance(event, ResponseReceived):
        told = {str(name): str(value) for name, value in event.headers}
        return Reply(int(told[":status"]), told.get("location", ""))
    if isinstance(event, (StreamReset, ConnectionTerminated)):
        raise NotReached("the request was cut off")
    return None
