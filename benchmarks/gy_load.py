"""A gateway that does nothing but ask: the Gy load generator, a process of its own (`load` has its
command line). Requests are prepared once and patched, so that the generator isn't what gets
measured. A session runs from INITIAL over its UPDATEs to TERMINATION."""

import argparse
import asyncio
import os
import struct
import sys
import time
from typing import cast

from benchmarks.load import ASKED, FIRST_IMSI, RATING_GROUP, Load, Session, main
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d

INITIAL, UPDATE, TERMINATION = 1, 2, 3

_RESULT = struct.pack(">II", d.RESULT_CODE, 0x4000000C)
_OCTETS = struct.pack(">II", d.CC_TOTAL_OCTETS, 0x40000010)
_SESSION = b"S" * 40
_IMSI = b"999700000000000"
_NUMBER = 0x1A2B3C4D
_USED = 0x1A2B3C4D5E6F7081
_u32 = struct.Struct(">I")
_u64 = struct.Struct(">Q")


class Template:
    """A CCR of one type, and where to write what differs."""

    def __init__(self, host: str, kind: int) -> None:
        asked = codec.grouped(d.REQUESTED_SERVICE_UNIT, codec.u64(d.CC_TOTAL_OCTETS, ASKED))
        used = codec.grouped(d.USED_SERVICE_UNIT, codec.u64(d.CC_TOTAL_OCTETS, _USED))
        message = codec.message(
            d.CREDIT_CONTROL_COMMAND,
            d.CREDIT_CONTROL,
            0,
            0,
            codec.avp(d.SESSION_ID, _SESSION),
            *origin(host),
            codec.text(d.DESTINATION_REALM, "trunkline.example"),
            codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
            codec.text(d.SERVICE_CONTEXT_ID, "32251@3gpp.org"),
            codec.u32(d.CC_REQUEST_TYPE, kind),
            codec.u32(d.CC_REQUEST_NUMBER, _NUMBER),
            codec.u32(d.EVENT_TIMESTAMP, int(time.time()) + 2_208_988_800),
            codec.grouped(
                d.SUBSCRIPTION_ID,
                codec.u32(d.SUBSCRIPTION_ID_TYPE, d.END_USER_IMSI),
                codec.avp(d.SUBSCRIPTION_ID_DATA, _IMSI),
            ),
            codec.u32(d.MULTIPLE_SERVICES_INDICATOR, 1),
            codec.grouped(
                d.MULTIPLE_SERVICES_CREDIT_CONTROL,
                b"" if kind == TERMINATION else asked,
                b"" if kind == INITIAL else used,
                codec.u32(d.RATING_GROUP, RATING_GROUP),
            ),
            flags=d.REQUEST | d.PROXIABLE,
        )
        self.octets = bytearray(message)
        self.session = message.index(_SESSION)
        self.imsi = message.index(_IMSI)
        self.number = message.index(_u32.pack(_NUMBER))
        self.used = 0 if kind == INITIAL else message.index(_u64.pack(_USED))


class Connection(asyncio.Protocol):
    def __init__(self, load: Load, host: str) -> None:
        self._load = load
        self._host = host
        self._framer = codec.Framer()
        self._templates = {kind: Template(host, kind) for kind in (1, 2, 3)}
        self._out: list[bytes] = []
        self._waiting: dict[int, Session] = {}
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            codec.message(
                d.CAPABILITIES_EXCHANGE,
                d.BASE,
                1,
                1,
                *origin(self._host),
                codec.avp(d.HOST_IP_ADDRESS, b"\0\1\x7f\0\0\1"),
                codec.u32(d.VENDOR_ID, 0),
                codec.text(d.PRODUCT_NAME, "gy_load", mandatory=False),
                codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
                flags=d.REQUEST,
            )
        )

    def start(self, session: Session) -> None:
        self._load.begin(session)
        self._ask(session)

    def flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        for message in self._framer.feed(data):
            if message[5:8] == b"\x00\x01\x10":
                self._answered(message, now)
            elif message[4] & d.REQUEST:
                self._acknowledge(message)
            elif not self.open.done():
                self.open.set_result(None)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._load.books.note("connection lost")
            self._load.idle.set()
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("closed before its CEA"))

    def close(self) -> None:
        self._transport.close()

    def _ask(self, session: Session) -> None:
        last = self._load.updates + 1
        number = session.number
        template = self._templates[
            INITIAL if number == 0 else TERMINATION if number == last else UPDATE
        ]
        octets = template.octets
        at = template.session
        octets[at : at + 40] = session.name
        at = template.imsi
        octets[at : at + 15] = b"%015d" % (FIRST_IMSI + session.subscriber)
        _u32.pack_into(octets, template.number, number)
        _u32.pack_into(octets, 12, session.slot)
        _u32.pack_into(octets, 16, self._load.books.sent & 0xFFFFFFFF)
        if template.used:
            _u64.pack_into(octets, template.used, session.granted)
        self._out.append(bytes(octets))
        self._waiting[session.slot] = session
        self._load.books.sent += 1
        self._load.flying += 1
        session.sent = time.perf_counter()

    def _answered(self, message: bytes, now: float) -> None:
        load, books = self._load, self._load.books
        session = self._waiting.pop(_u32.unpack_from(message, 12)[0], None)
        if session is None:
            books.note("answer to nothing")
            return
        load.flying -= 1
        books.answered += 1
        books.seconds.append(now - session.sent)
        books.used += session.granted
        at = message.find(_RESULT)
        result = _u32.unpack_from(message, at + 8)[0] if at > 0 else 0
        ended = session.number > load.updates
        session.granted = 0
        if result != d.SUCCESS:
            books.note(f"result {result}")
            ended = True
        elif not ended:
            at = message.find(_OCTETS, at)
            if at > 0:
                session.granted = _u64.unpack_from(message, at + 8)[0]
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

    def _acknowledge(self, message: bytes) -> None:
        header = codec.header_of(message)
        self._transport.write(
            codec.message(
                header.command,
                header.application,
                header.hop_by_hop,
                header.end_to_end,
                codec.u32(d.RESULT_CODE, d.SUCCESS),
                *origin(self._host),
                flags=0,
            )
        )


def origin(host: str) -> tuple[bytes, bytes]:
    return codec.text(d.ORIGIN_HOST, host), codec.text(d.ORIGIN_REALM, "load.example")


async def connect(load: Load, arguments: argparse.Namespace, number: int) -> Connection:
    host = f"gen{os.getpid()}x{number}.load.example"
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(load, host), arguments.host, arguments.port
    )
    await asyncio.wait_for(connection.open, 10)
    return connection


if __name__ == "__main__":
    sys.exit(main("benchmarks.gy_load", connect))
