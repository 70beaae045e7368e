"""Whatever octets come: an answer each, no crash, no hang, and memory within bounds.

What is broken is broken like the network breaks it (octets lost, doubled, overwritten) and like
somebody who knows the format would: lengths, flags and codes that lie, AVPs put elsewhere.
"""

import asyncio
import random
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.diameter.pcapng import CAPTURES, streams
from tests.unit.diameter.builders import (
    IMSI,
    asked,
    by_direction,
    ccr,
    cer,
    mscc,
    reason,
    subscription,
    used,
)
from tests.unit.diameter.test_circumstances import QCI_9, location, packet_switched, station
from tests.unit.diameter.wire import connected, generous, result_of, run, serving
from trunkline.charging import MOST_REQUESTS, MOST_UNITS, Kind
from trunkline.diameter import PeerSettings, answers, codec, sy
from trunkline.diameter import dictionary as d
from trunkline.diameter.answers import Identity
from trunkline.diameter.codec import HEADER, LARGEST_MESSAGE, Framer, Malformed
from trunkline.diameter.gy import GySettings
from trunkline.diameter.gy_form import MOST_SERVICES, Form, form_of, walked
from trunkline.diameter.gy_request import read
from trunkline.diameter.names import LONGEST_SESSION_ID

US = Identity("ocs.example", "example")
NOW = 1_800_000_000
SUBSCRIBER = subscription(d.END_USER_IMSI, IMSI)

WHOLE = (
    ccr(
        1,
        0,
        subscription(d.END_USER_E164, "46701740601"),
        SUBSCRIBER,
        mscc(asked(), group=1),
        mscc(asked(5), used(7, reason(3)), group=2, service=9),
        packet_switched(station("internet"), location(130, 0x62, 0xF2, 0x10), QCI_9),
        codec.grouped(d.PROXY_INFO, codec.text(d.PROXY_HOST, "dra"), codec.avp(33, b"x")),
    ),
    ccr(2, 7, SUBSCRIBER, mscc(by_direction(3, 4), asked(5)), context="8.32251@3gpp.org"),
    ccr(3, 8, SUBSCRIBER, mscc(used(seconds=60), group=1), context="32260@3gpp.org"),
    ccr(
        4,
        0,
        SUBSCRIBER,
        codec.u32(d.REQUESTED_ACTION, 0),
        codec.grouped(
            d.REQUESTED_SERVICE_UNIT,
            codec.grouped(
                d.CC_MONEY,
                codec.grouped(d.UNIT_VALUE, codec.u64(d.VALUE_DIGITS, 5)),
                codec.u32(d.CURRENCY_CODE, 978),
            ),
        ),
        context="32274@3gpp.org",
    ),
)


@cache
def captured() -> tuple[bytes, ...]:
    """The requests of a real gateway, where the captures are at hand."""
    found: list[bytes] = []
    for file in sorted(CAPTURES.glob("*.pcapng")) if CAPTURES.exists() else ():
        for flow, stream in streams(file.read_bytes()).items():
            if flow.target_port == 3868:
                found += [each for each in Framer().feed(stream) if each[5:8] == b"\0\1\x10"]
    return tuple(found)


def offsets(message: bytes, begin: int = HEADER, end: int | None = None) -> list[int]:
    """Where AVPs begin, those in groups too."""
    found = []
    at, last = begin, len(message) if end is None else end
    while at < last:
        try:
            _, _, _, start, finish = codec.avp_at(message, at, last)
        except Malformed:
            break
        found.append(at)
        if finish - start >= 8 and start != begin:
            found += offsets(message, start, finish)
        at = (finish + 3) & ~3
    return found


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    message = bytearray(draw(st.sampled_from((*WHOLE, *captured()))))
    for _ in range(draw(st.integers(1, 4))):
        places = offsets(bytes(message)) or [HEADER]
        at = draw(st.sampled_from(places))
        how = draw(st.integers(0, 7))
        if how == 0:  # a length that lies
            length = draw(st.one_of(st.integers(0, 40), st.integers(0, 2**24 - 1)))
            message[at + 5 : at + 8] = length.to_bytes(3, "big")
        elif how == 1:  # flags
            message[at + 4 : at + 5] = draw(st.binary(min_size=1, max_size=1))
        elif how == 2:  # another code
            code = draw(st.one_of(st.integers(256, 470), st.integers(0, 2**32 - 1)))
            message[at : at + 4] = code.to_bytes(4, "big")
        elif how == 3:  # anything over anything
            place = draw(st.integers(HEADER, max(len(message) - 1, HEADER)))
            message[place : place + 4] = draw(st.binary(min_size=1, max_size=4))
        elif how == 4:  # cut off
            del message[draw(st.integers(HEADER, len(message))) :]
        elif how == 5:  # an AVP doubled, elsewhere
            other = draw(st.sampled_from(places))
            length = int.from_bytes(message[at + 5 : at + 8], "big")
            message[other:other] = message[at : at + length]
        elif how == 6:  # garbage
            message[at:at] = draw(st.binary(max_size=64))
        else:  # a value at its edges
            data = draw(st.sampled_from((bytes(4), b"\xff" * 4, bytes(8), b"\xff" * 8)))
            message[at + 8 : at + 8 + len(data)] = data
    del message[LARGEST_MESSAGE & ~3 :]
    message += bytes(-len(message) % 4)
    message[1:4] = len(message).to_bytes(3, "big")
    return bytes(message)


def check_refusal(message: bytes, error: Malformed) -> None:
    assert 3000 <= error.result_code < 6000
    answer = answers.refusal(US, message, error.result_code, error.reason, error.failed_avp)
    assert codec.header_of(answer).length == len(answer)
    assert len(answer) % 4 == 0
    assert list(codec.avps(answer)), "our own answer can be read"
    assert answer[12:20] == message[12:20]


@given(broken())
def test_a_request_is_read_or_refused(message: bytes) -> None:
    refused = None
    try:
        reading = read(message, NOW)
    except Malformed as error:
        refused = error
    if refused is not None:
        check_refusal(message, refused)
        return
    request = reading.request
    assert request.kind in Kind
    assert 0 < len(request.session.encode()) <= LONGEST_SESSION_ID
    assert len(request.units) <= MOST_SERVICES
    for unit in request.units:
        assert 0 <= unit.after_change <= unit.used <= MOST_UNITS
        assert -1 <= unit.requested <= MOST_UNITS
    assert 0 <= request.money <= MOST_UNITS
    assert 0 <= request.spent <= MOST_UNITS
    assert read(message, NOW).request == request


@given(broken())
def test_what_is_remembered_of_other_requests_is_what_a_walk_finds(message: bytes) -> None:
    def found(walk: Callable[[bytes], Form], of: bytes) -> object:
        try:
            return walk(of)
        except Malformed as error:
            return error.result_code, error.failed_avp

    for whole in (*WHOLE, *captured()):
        found(form_of, whole)
    assert found(form_of, message) == found(walked, message)


@given(broken())
def test_a_request_of_sy_is_read_or_refused(message: bytes) -> None:
    refused = None
    try:
        sy.read(message)
    except Malformed as error:
        refused = error
    if refused is not None:
        check_refusal(message, refused)


@given(st.lists(broken(), max_size=3), st.randoms(use_true_random=False), st.binary(max_size=60))
def test_however_octets_are_cut_the_same_messages_come(
    messages: list[bytes], chance: random.Random, rest: bytes
) -> None:
    stream = b"".join(messages) + rest
    whole, cut = Framer(), Framer()
    expected = whole.feed(stream)
    found: list[bytes] = []
    at = 0
    while at < len(stream):
        step = chance.randint(1, 50)
        found += cut.feed(stream[at : at + step])
        at += step
    assert found == expected
    assert found[: len(messages)] == messages
    assert [head for head, _ in cut.rejected] == [head for head, _ in whole.rejected]


def test_what_is_too_large_is_not_kept() -> None:
    """16 MB are announced and sent: they are skipped as they come, and the stream goes on."""
    framer = Framer()
    size = 0xFFFFFC
    head = b"\1" + size.to_bytes(3, "big") + ccr()[4:20]
    assert framer.feed(head) == []
    sent = HEADER
    while sent < size:
        chunk = bytes(min(65_536, size - sent))
        assert framer.feed(chunk) == []
        sent += len(chunk)
        assert len(framer._kept) <= LARGEST_MESSAGE
    assert framer.feed(ccr()) == [ccr()]
    assert [error.result_code for _, error in framer.rejected] == [d.INVALID_MESSAGE_LENGTH]


def test_a_peer_that_trickles_delays_nobody() -> None:
    """One sends its request octet by octet; another is served a hundred times meanwhile."""

    async def story() -> None:
        async with (
            serving(generous) as (_, port),
            connected(port) as slow,
            connected(port) as quick,
        ):
            message = ccr()
            for index in range(len(message) - 1):
                slow.send(message[index : index + 1])
                if index < 100:
                    assert result_of(await quick.ask(ccr(hop=index))) == d.SUCCESS
            slow.send(message[-1:])
            assert result_of(await slow.receive()) == d.SUCCESS

    run(story)


def test_a_peer_that_does_not_read_is_not_heard() -> None:
    """It floods and takes no answers: what piles up for it is bounded, and others are served."""
    settings = GySettings("ocs.example", "example", port=0, peer=PeerSettings(watchdog=0.1))

    async def story() -> None:
        async with serving(generous, settings) as (server, port), connected(port) as quick:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(cer())
            answer = await reader.readexactly(4)
            await reader.readexactly(int.from_bytes(answer[1:], "big") - 4)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            flood = b"".join(ccr(session=f"f;{n}", hop=n) for n in range(MOST_REQUESTS))
            for _ in range(200):
                writer.write(flood)
                assert result_of(await quick.ask(ccr())) == d.SUCCESS
                if writer.transport.is_closing():
                    break
            for peer in server.peers.all:
                assert peer.unsent <= 1_000_000
            writer.transport.abort()

    run(story)


def test_answers_to_what_is_broken_are_whole() -> None:
    """A thousand broken requests of all kinds on one connection: an answer each, in its name."""
    chance = random.Random(8506)

    def damaged(hop: int) -> bytes:
        message = bytearray(chance.choice((*WHOLE, *captured())))
        message[12:16] = hop.to_bytes(4, "big")
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(HEADER, len(message))
            message[place] = chance.randrange(256)
        return bytes(message)

    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            for start in range(0, 1000, 100):
                wire.send(*(damaged(hop) for hop in range(start, start + 100)))
                found = [await wire.receive() for _ in range(100)]
                hops = {codec.header_of(each).hop_by_hop for each in found}
                assert hops == set(range(start, start + 100))
                for each in found:
                    assert list(codec.avps(each))
            assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


@pytest.mark.parametrize("size", [0, 4, 16, 19])
def test_a_length_that_no_header_has_ends_the_connection(size: int) -> None:
    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            wire.send(b"\1" + size.to_bytes(3, "big") + ccr()[4:20])
            answer = await wire.receive()
            assert result_of(answer) == d.INVALID_MESSAGE_LENGTH
            assert await wire.ended()

    run(story)
