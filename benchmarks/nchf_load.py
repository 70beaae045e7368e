"""A network function that does nothing but ask: the Nchf load generator, a process of its own
(`load` has its command line). HTTP/2 in the clear with prior knowledge, by frames that are prepared
once and patched, so that the generator isn't what gets measured; what comes back is read by an
HPACK decoder that shares no code with the server. A session runs from its create over its updates
to its release."""

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from typing import cast

from hpack import Decoder

from benchmarks.load import ASKED, RATING_GROUP, Load, Session, imsi, main

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
COLLECTION = b"/nchf-convergedcharging/v3/chargingdata"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 6, 7, 8, 9,
)  # fmt: skip
END_STREAM, END_HEADERS = 1, 4
_OK = b"\x88"
_NO_CONTENT = b"\x89"
_GRANTED = b'"totalVolume":'
_REFUSED = b'"resultCode":"SUCCESS"'
LAST_STREAM = 2**31 - 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )


def literal(index: int, value: bytes) -> bytes:
    """A header field without indexing, its name from HPACK's static table."""
    name = bytes((index,)) if index < 15 else bytes((15, index - 15))
    return name + _length(len(value)) + value


def _length(length: int) -> bytes:
    if length < 127:
        return bytes((length,))
    rest, octets = length - 127, b"\x7f"
    while rest >= 128:
        octets += bytes((rest % 128 + 128,))
        rest //= 128
    return octets + bytes((rest,))


_JSON = literal(31, b"application/json")


class Connection(asyncio.Protocol):
    def __init__(self, load: Load, authority: str) -> None:
        self._load = load
        self._head = b"\x83\x86" + literal(1, authority.encode())
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._begin = (
            '{"subscriberIdentifier":"imsi-%s","chargingId":%d,'
            '"nfConsumerIdentification":{"nFName":"0b1d3c5e-7f90-4a1b-8c2d-%012x",'
            '"nodeFunctionality":"SMF"},"invocationTimeStamp":"' + stamp + '",'
            '"invocationSequenceNumber":%d,"pDUSessionChargingInformation":{"chargingId":%d,'
            '"pduSessionInformation":{"pduSessionID":1,"dnnId":"internet","networkSlicingInfo":'
            '{"sNSSAI":{"sst":1,"sd":"000001"}},"servingCNPlmnId":{"mcc":"999","mnc":"70"}}},'
            f'"multipleUnitUsage":[{{"ratingGroup":{RATING_GROUP},'
            f'"requestedUnit":{{"totalVolume":{ASKED}}}'
        )
        self._report = (
            ',"usedUnitContainer":[{"localSequenceNumber":%d,"quotaManagementIndicator":'
            '"ONLINE_CHARGING","triggers":[{"triggerType":"QUOTA_EXHAUSTED","triggerCategory":'
            '"IMMEDIATE_REPORT"}],"totalVolume":%d,"uplinkVolume":0,"downlinkVolume":%d}]'
        )
        self._stream = 1
        self._out: list[bytes] = []
        self._buffer = bytearray()
        self._decoder = Decoder()
        self._waiting: dict[int, Session] = {}
        self._heads: dict[int, bytes] = {}
        self._bodies: dict[int, bytes] = {}
        self._refs: dict[int, bytes] = {}
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        no_table = b"\x00\x01" + (0).to_bytes(4, "big")
        window = b"\x00\x04" + LAST_STREAM.to_bytes(4, "big")
        self._transport.write(
            PREFACE
            + frame(SETTINGS, 0, 0, no_table + window)
            + frame(WINDOW_UPDATE, 0, 0, (LAST_STREAM - 65_535).to_bytes(4, "big"))
        )

    def start(self, session: Session) -> None:
        self._load.begin(session)
        self._refs.pop(session.slot, None)
        self._ask(session)

    def flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._waiting:
            self._load.books.note("connection lost")
            self._load.idle.set()

    def close(self) -> None:
        self._transport.close()

    def _ask(self, session: Session) -> None:
        load, number = self._load, session.number
        charging_id = load.books.sessions & 0xFFFFFFFF
        body = self._begin % (
            imsi(session.subscriber), charging_id, os.getpid() << 16 | session.slot, number,
            charging_id,
        )  # fmt: skip
        path = COLLECTION
        if number:
            path = self._refs[session.slot] + (
                b"/release" if number == load.updates + 1 else b"/update"
            )
            body += self._report % (number, session.granted, session.granted)
        stream, self._stream = self._stream, self._stream + 2
        octets = (body + "}]}").encode()
        head = self._head + literal(4, path) + _JSON + literal(28, b"%d" % len(octets))
        self._out.append(frame(HEADERS, END_HEADERS, stream, head))
        self._out.append(frame(DATA, END_STREAM, stream, octets))
        self._waiting[stream] = session
        load.books.sent += 1
        load.flying += 1
        session.sent = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        while end - at >= 9:
            size = int.from_bytes(buffer[at : at + 3], "big")
            if end - at < 9 + size:
                break
            self._frame(
                buffer[at + 3],
                buffer[at + 4],
                int.from_bytes(buffer[at + 5 : at + 9], "big"),
                bytes(buffer[at + 9 : at + 9 + size]),
                now,
            )
            at += 9 + size
        del buffer[:at]
        self.flush()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        if kind == HEADERS:
            if not flags & END_HEADERS or flags & 0x28:
                self._load.books.note("a head that isn't read here")
            self._heads[stream] = payload
        elif kind == DATA:
            self._bodies[stream] = self._bodies.get(stream, b"") + payload
        elif kind == SETTINGS and not flags & 1:
            self._out.append(frame(SETTINGS, 1, 0))
        elif kind == PING and not flags & 1:
            self._out.append(frame(PING, 1, 0, payload))
        elif kind in (RST_STREAM, GOAWAY):
            self._load.books.note("cut off")
            self._load.idle.set()
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self._answered(stream, now)

    def _answered(self, stream: int, now: float) -> None:
        load, books = self._load, self._load.books
        head, body = self._heads.pop(stream), self._bodies.pop(stream, b"")
        session = self._waiting.pop(stream)
        load.flying -= 1
        books.answered += 1
        books.seconds.append(now - session.sent)
        books.used += session.granted
        ended = session.number > load.updates
        session.granted = 0
        if not self._is_right(session, head, ended=ended):
            ended = True
        elif not ended:
            at = body.find(_GRANTED)
            if at > 0 and _REFUSED in body:
                digits = body[at + len(_GRANTED) : body.index(b"}", at)]
                session.granted = int(digits)
                books.granted += session.granted
            else:
                books.note("nothing granted")
        session.number += 1
        if not ended:
            self._ask(session)
        elif load.may_begin():
            self.start(session)
        elif not load.flying:
            load.idle.set()

    def _is_right(self, session: Session, head: bytes, *, ended: bool) -> bool:
        """200 for an update, 204 for a release, 201 and its Location for a create. The dynamic
        table is off, so that a block's first octet tells a status of the static one."""
        if session.number:
            expected = _NO_CONTENT if ended else _OK
            if head[:1] == expected:
                return True
        fields = dict(self._decoder.decode(head, raw=True))
        status = fields.get(b":status", b"").decode()
        if status == ("204" if ended else "200" if session.number else "201"):
            if not session.number:
                location = fields[b"location"]
                self._refs[session.slot] = location[location.index(b"/nchf-") :]
            return True
        self._load.books.note(f"status {status}")
        return False


async def connect(load: Load, arguments: argparse.Namespace, _number: int) -> Connection:
    authority = f"{arguments.host}:{arguments.port}"
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(load, authority), arguments.host, arguments.port
    )
    return connection


if __name__ == "__main__":
    sys.exit(main("benchmarks.nchf_load", connect))
