"""All that the server says in a gateway's and a PCRF's life, judged by Wireshark's dissectors: each
message is read whole, with nothing malformed, nothing unknown and nothing to remark."""

import asyncio
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance.diameter.operator import ACCOUNT, SETTINGS, Operator
from tests.conformance.diameter.test_sy import HELLO, PCRF
from tests.conformance.diameter.test_told import answer
from tests.unit.charging.builders import MB
from tests.unit.diameter.builders import IMSI, asked, ccr, mscc, request, subscription, used
from tests.unit.diameter.wire import Wire, run, serving
from trunkline.charging import (
    CounterStatus,
    FinalAction,
    FinalUnit,
    GrantPolicy,
    GrantSize,
    GroupCommit,
    operations,
)
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

TSHARK = shutil.which("tshark")
PHONE = subscription(d.END_USER_IMSI, IMSI)
STRANGER = subscription(d.END_USER_IMSI, "999709999999999")
PORTAL = FinalUnit(FinalAction.REDIRECT, "https://top-up.example/")
FINAL = struct.pack(">IB", d.FINAL_UNIT_INDICATION, d.MANDATORY)
YOUNGER = "AVP 2907"
"""SN-Request-Type, which came with Release 13: Wireshark 4.0 doesn't know it."""


class Recorded(Wire):
    """Keeps what the other side says."""

    def __init__(self, *ends: asyncio.StreamReader | asyncio.StreamWriter) -> None:
        super().__init__(*ends)  # type: ignore[arg-type]
        self.said: list[bytes] = []

    async def receive(self) -> bytes:
        message = await super().receive()
        self.said.append(message)
        return message


def text(kind: int, session: str, action: int, units: int = 1) -> bytes:
    amount = codec.grouped(d.REQUESTED_SERVICE_UNIT, codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, units))
    action_avp = codec.u32(d.REQUESTED_ACTION, action)
    context = "32274@3gpp.org"
    return ccr(kind, 0, PHONE, amount, action_avp, session=session, context=context)


def money(kind: int, number: int, spent: bool) -> bytes:
    """A euro asked for, and in the end nine cents spent."""

    def sum_of(code: int, cents: int) -> bytes:
        value = codec.avp(d.VALUE_DIGITS, cents.to_bytes(8, "big"))
        exponent = codec.avp(d.EXPONENT, b"\xff\xff\xff\xfe")
        unit = codec.grouped(d.UNIT_VALUE, value, exponent)
        return codec.grouped(code, codec.grouped(d.CC_MONEY, unit, codec.u32(d.CURRENCY_CODE, 978)))

    part = sum_of(d.USED_SERVICE_UNIT, 9) if spent else sum_of(d.REQUESTED_SERVICE_UNIT, 100)
    return ccr(kind, number, PHONE, part, session="pgw.example;money")


def subscribing(session: str, who: bytes) -> bytes:
    return request(
        d.SPENDING_LIMIT,
        d.SY,
        codec.text(d.SESSION_ID, session),
        codec.u32(d.AUTH_APPLICATION_ID, d.SY),
        PCRF,
        codec.text(d.DESTINATION_REALM, "localdomain"),
        codec.avp(d.SL_REQUEST_TYPE, b"\0\0\0\0", d.VENDOR_3GPP),
        who,
        flags=d.REQUEST | d.PROXIABLE,
    )


def capture(messages: Sequence[bytes]) -> bytes:
    """A file of libpcap's with each in an IPv4 packet of its own, from port 3868."""
    octets, sequence = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)], 1
    for message in messages:
        segment = struct.pack(">HHIIBBHHH", 3868, 40_000, sequence, 1, 0x50, 0x18, 65_535, 0, 0)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(message), 0, 0, 64, 6, 0)
        packet = head + b"\x0a\0\0\1\x0a\0\0\2" + segment + message
        octets.append(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
        sequence += len(message)
    return b"".join(octets)


def remarks(place: Path, messages: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """The command of each message, as it is dissected, and what there is to remark."""
    file = place / "said.pcap"
    file.write_bytes(capture(messages))
    fields = ("diameter.cmd.code", "_ws.expert.message", "_ws.malformed")
    found = subprocess.run(
        [
            str(TSHARK),
            "-r",
            file,
            "-T",
            "fields",
            *(part for each in fields for part in ("-e", each)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in found.stdout.splitlines()]
    return [row[0] for row in rows], [each for row in rows for each in row[1:] if each]


def _bar(charging: Database, clock: DrivenClock) -> None:
    with charging.transaction() as tx:
        operations.bar_account(tx, ACCOUNT, barred=True, now=clock.now())


@pytest.mark.skipif(TSHARK is None, reason="there is no tshark here (apt-get install tshark)")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_all_that_is_said(charging: Database, clock: DrivenClock, tmp_path: Path) -> None:
    operator = Operator(charging, clock.now())
    operator.open(("imsi", IMSI), money="2")
    size = GrantSize(50 * MB, MB, 1000 * MB, 3600, last=PORTAL, holding=600, threshold=20)
    attempt = GroupCommit(charging, policy=GrantPolicy(data=size)).attempt
    counters = [CounterStatus("fair-use", "normal", (("reduced", 1_795_300_000),))]
    said: list[bytes] = []

    async def story() -> None:
        async with serving(
            attempt, SETTINGS, clock, database=charging, statuses=lambda *_: counters
        ) as (_, port):
            wire = Recorded(*await asyncio.open_connection("127.0.0.1", port))
            for each in (
                HELLO,
                request(d.DEVICE_WATCHDOG, d.BASE, PCRF),
                ccr(1, 0, PHONE, mscc(asked(80 * MB), group=1, service=7)),
                ccr(2, 1, PHONE, mscc(asked(500 * MB), used(80 * MB), group=1, service=7)),
                *(text(4, f"pgw.example;text{action}", action) for action in range(4)),
                money(1, 0, spent=False),
                money(3, 1, spent=True),
                ccr(1, 0, STRANGER, mscc(asked(MB), group=1), session="pgw.example;who"),
                ccr(2, 4, PHONE, mscc(asked(MB), group=1), session="pgw.example;never"),
                ccr(5, 0, session="pgw.example;kind"),
                ccr(1, 0, PHONE, session="pgw.example;else", context="api@else.example"),
                request(d.ABORT_SESSION, d.CREDIT_CONTROL, PCRF),
                request(272, 16777238, PCRF),
                subscribing("pcrf.example;1;sy", PHONE),
                subscribing("pcrf.example;2;sy", STRANGER),
            ):
                await wire.ask(each)
            number, last = 1, b""
            while FINAL not in last:
                number += 1
                more = mscc(asked(900 * MB), used(10 * MB), group=1, service=7)
                last = await wire.ask(ccr(2, number, PHONE, more))
            await asyncio.to_thread(operator.top_up, "1")
            wire.send(answer(await wire.receive(), d.SUCCESS))
            await asyncio.to_thread(_bar, charging, clock)
            wire.send(answer(await wire.receive(), d.SUCCESS))
            said.extend(wire.said)
            await wire.close()

    run(story)
    commands, found = remarks(tmp_path, said)
    assert commands == [str(codec.header_of(each).command) for each in said]
    assert not [each for each in found if YOUNGER not in each]
    asked_for = {"257", "258", "272", "274", "280", "8388635"}
    assert asked_for <= set(commands)
    damaged = said[2][:26] + b"\xff" + said[2][27:]
    assert remarks(tmp_path, [damaged])[1], "it does find what is wrong"
