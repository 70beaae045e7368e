"""HTTP/2 as clients of all kinds write it (RFC 9113), h2c with prior knowledge: each is served."""

import asyncio
import json
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, HeadersFrame

from tests.conformance.nchf.network import CHARGING, SETTINGS, network, run
from tests.unit.nchf.calls import generous, request
from trunkline.platform.clock import SystemClock

BODY = json.dumps(request()).encode()
Headers = list[tuple[str, str]]


class Client:
    """One connection, one request, on the stream that is the next."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.stream = 1
        self.headers: Headers = [
            (":authority", "chf.example:7777"),
            (":method", "POST"),
            (":path", CHARGING),
            (":scheme", "http"),
            ("content-type", "application/json"),
        ]

    def begin(self, **settings: int) -> None:
        initial = {SettingCodes[name.upper()]: value for name, value in settings.items()}
        self.h2.local_settings = Settings(client=True, initial_values=initial)
        self.h2.initiate_connection()

    def ask(self, **ends: bool) -> None:
        self.h2.send_headers(self.stream, self.headers)
        self.h2.send_data(self.stream, BODY, **(ends or {"end_stream": True}))


def go(client: Client) -> None:
    """Go's net/http2: large windows, and a gzipped answer would do."""
    client.begin(enable_push=0, initial_window_size=4 << 20, max_header_list_size=10 << 20)
    client.h2.increment_flow_control_window(1 << 30)
    client.headers += [
        ("content-length", str(len(BODY))),
        ("accept-encoding", "gzip"),
        ("user-agent", "OpenAPI-Generator/1.0.0/go"),
    ]
    client.ask()


def nghttp2(client: Client) -> None:
    """Its tools build a tree of priorities of streams that never begin."""
    client.begin()
    for stream, weight in ((3, 201), (5, 101), (7, 1), (9, 1), (11, 1)):
        client.h2.prioritize(stream, weight=weight)
    client.stream = 13
    client.h2.send_headers(13, client.headers, priority_weight=16, priority_depends_on=11)
    client.h2.send_data(13, BODY, end_stream=True)


def nothing_kept(client: Client) -> None:
    """No header compression by table, and an answer in pieces of eight octets."""
    client.begin(header_table_size=0, initial_window_size=8)
    client.ask()


def continued(client: Client) -> None:
    """Headers in pieces."""
    client.begin()
    client.writer.write(client.h2.data_to_send())
    octets = bytes(Encoder().encode(client.headers))
    at = len(octets) // 3
    client.h2.send_headers(1, client.headers)
    client.h2.data_to_send()
    client.writer.write(
        HeadersFrame(1, octets[:at]).serialize()
        + ContinuationFrame(1, octets[at : 2 * at]).serialize()
        + ContinuationFrame(1, octets[2 * at :], flags=["END_HEADERS"]).serialize()
    )
    client.h2.send_data(1, BODY, end_stream=True)


def padded_with_trailers(client: Client) -> None:
    client.begin()
    client.h2.send_headers(1, client.headers)
    for at in range(0, len(BODY), 40):
        client.h2.send_data(1, BODY[at : at + 40], pad_length=7)
    client.h2.send_headers(1, [("x-checksum", "1")], end_stream=True)


def an_sbi_consumer(client: Client) -> None:
    """TS 29.500, 5.2.3.2: what is for proxies and priorities is read past. Whoever expects 100
    (Continue) gets none, and goes on without (RFC 9110, 10.1.1)."""
    client.begin()
    client.headers += [
        ("3gpp-sbi-message-priority", "10"),
        ("3gpp-sbi-target-apiroot", "http://chf.example:7777"),
        ("3gpp-sbi-max-rsp-time", "5000"),
        ("3gpp-sbi-correlation-info", "imsi-999700000000001"),
        ("accept", "application/json, application/problem+json"),
        ("expect", "100-continue"),
    ]
    client.headers[4] = ("content-type", "Application/JSON; charset=utf-8")
    client.ask()


@pytest.mark.parametrize(
    "habit", [go, nghttp2, nothing_kept, continued, padded_with_trailers, an_sbi_consumer]
)
def test_each_is_served(habit: Callable[[Client], None]) -> None:
    async def story() -> None:
        async with network(generous, SystemClock(), SETTINGS) as smf:
            reader, writer = await asyncio.open_connection("127.0.0.1", smf.port)
            client = Client(writer)
            habit(client)
            writer.write(client.h2.data_to_send())
            status, body = await answered(client, reader)
            writer.transport.abort()
            assert status == "201"
            assert (
                json.loads(body)["invocationSequenceNumber"]
                == request()["invocationSequenceNumber"]
            )

    run(story)


async def answered(client: Client, reader: asyncio.StreamReader) -> tuple[str, bytes]:
    status, body = "", b""
    while True:
        for event in client.h2.receive_data(await reader.read(65_536)):
            if isinstance(event, ResponseReceived):
                status = next(str(value) for name, value in event.headers if str(name) == ":status")
            elif isinstance(event, DataReceived):
                body += event.data
                client.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                return status, body
        client.writer.write(client.h2.data_to_send())
