"""The peer state machine, watchdog and refusals, over a real socket."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest

from tests.unit.diameter.builders import GATEWAY, ccr, cer, request
from tests.unit.diameter.wire import SETTINGS, Wire, connected, generous, result_of, run, serving
from trunkline.charging import ChargeAnswer, ChargeRequest
from trunkline.diameter import GySettings, PeerSettings, codec
from trunkline.diameter import dictionary as d

DWR = request(d.DEVICE_WATCHDOG, d.BASE, GATEWAY)
DPR = request(d.DISCONNECT_PEER, d.BASE, GATEWAY, codec.u32(d.DISCONNECT_CAUSE, 0))


async def dial(port: int) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.1", port))


def codes(message: bytes) -> list[int]:
    return [avp.code for avp in codec.avps(message)]


def test_capabilities() -> None:
    async def story() -> None:
        async with serving(generous) as (_, port):
            wire = await dial(port)
            answer = await wire.ask(cer())
            header = codec.header_of(answer)
            assert (header.flags, header.command) == (0, d.CAPABILITIES_EXCHANGE)
            assert (header.hop_by_hop, header.end_to_end) == (7, 8)
            avps = {avp.code: avp for avp in codec.avps(answer)}
            assert avps[d.ORIGIN_HOST].data == b"ocs.example"
            assert avps[d.HOST_IP_ADDRESS].data == b"\0\1\x7f\0\0\1"
            assert avps[d.AUTH_APPLICATION_ID].u32() == d.CREDIT_CONTROL
            assert not avps[d.PRODUCT_NAME].flags & d.MANDATORY
            advertised = [
                avp.u32() for avp in codec.avps(answer) if avp.code == d.AUTH_APPLICATION_ID
            ]
            assert advertised == [d.CREDIT_CONTROL], "nothing that isn't served"
            await wire.close()

    run(story)


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (cer(16777238), d.NO_COMMON_APPLICATION),
        (cer(origin=b""), d.MISSING_AVP),
        (cer(origin=GATEWAY + codec.u32(d.INBAND_SECURITY_ID, 1)), d.NO_COMMON_SECURITY),
        (cer(origin=GATEWAY + codec.avp(d.INBAND_SECURITY_ID, b"")), d.INVALID_AVP_LENGTH),
    ],
)
def test_capabilities_that_are_refused(message: bytes, result: int) -> None:
    async def story() -> None:
        async with serving(generous) as (_, port):
            wire = await dial(port)
            assert result_of(await wire.ask(message)) == result
            await wire.close()

    run(story)


def test_a_relay_and_a_gateway_of_many_applications_may_connect() -> None:
    async def story() -> None:
        async with serving(generous) as (_, port):
            many = codec.grouped(
                d.VENDOR_SPECIFIC_APPLICATION_ID,
                codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
                codec.u32(d.AUTH_APPLICATION_ID, 16777238),
            )
            async with (
                connected(port, cer(d.RELAY)),
                connected(port, cer(d.CREDIT_CONTROL, origin=GATEWAY + many)),
            ):
                pass

    run(story)


def test_only_known_peers_where_they_are_named() -> None:
    settings = GySettings(
        "ocs.example", "example", port=0, peer=PeerSettings(allowed=frozenset(("dra.example",)))
    )

    async def story() -> None:
        async with serving(generous, settings) as (_, port):
            wire = await dial(port)
            answer = await wire.ask(cer())
            assert result_of(answer) == d.UNKNOWN_PEER
            assert answer[4] & d.ERROR
            assert await wire.ended()
            await wire.close()

    run(story)


@pytest.mark.parametrize("message", [ccr(), DWR, b"GET / HTTP/1.1\r\n\r\n" + bytes(40)])
def test_who_does_not_begin_with_capabilities_is_dropped(message: bytes) -> None:
    async def story() -> None:
        async with serving(generous) as (_, port):
            wire = await dial(port)
            wire.send(message)
            assert await wire.ended()
            await wire.close()

    run(story)


def test_a_silent_caller_is_dropped() -> None:
    settings = GySettings("ocs.example", "example", port=0, peer=PeerSettings(handshake=0.01))

    async def story() -> None:
        async with serving(generous, settings) as (_, port):
            wire = await dial(port)
            assert await wire.ended()
            await wire.close()

    run(story)


def test_the_peers_watchdog_and_its_leave() -> None:
    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            answer = await wire.ask(DWR)
            assert result_of(answer) == d.SUCCESS
            states = [each.u32() for each in codec.avps(answer) if each.code == d.ORIGIN_STATE_ID]
            assert states == [0], "no session ends with a process of ours (RFC 6733, 8.16)"
            answer = await wire.ask(DPR)
            assert codec.header_of(answer).command == d.DISCONNECT_PEER
            assert result_of(answer) == d.SUCCESS

    run(story)


QUICK = GySettings("ocs.example", "example", port=0, peer=PeerSettings(watchdog=0.01))


def test_our_watchdog_asks_and_gives_up() -> None:
    async def story() -> None:
        async with serving(generous, QUICK) as (_, port), connected(port) as wire:
            asked = codec.header_of(await wire.receive())
            assert (asked.command, asked.flags) == (d.DEVICE_WATCHDOG, d.REQUEST)
            assert await wire.ended(), "nothing came back"

    run(story)


def test_our_watchdog_is_content_with_an_answer() -> None:
    settings = GySettings("ocs.example", "example", port=0, peer=PeerSettings(watchdog=0.2))

    async def story() -> None:
        async with serving(generous, settings) as (_, port), connected(port) as wire:
            for _ in range(2):
                asked = codec.header_of(await wire.receive())
                wire.send(
                    codec.message(
                        d.DEVICE_WATCHDOG,
                        d.BASE,
                        asked.hop_by_hop,
                        asked.end_to_end,
                        codec.u32(d.RESULT_CODE, d.SUCCESS),
                        GATEWAY,
                        flags=0,
                    )
                )

    run(story)


@pytest.mark.parametrize(
    ("message", "result", "error"),
    [
        (request(999, d.BASE, GATEWAY), d.COMMAND_UNSUPPORTED, True),
        (request(274, d.CREDIT_CONTROL, GATEWAY), d.COMMAND_UNSUPPORTED, True),
        (request(272, 16777238, GATEWAY), d.APPLICATION_UNSUPPORTED, True),
        (ccr(flags=d.REQUEST | d.ERROR), d.INVALID_HDR_BITS, True),
        (request(d.DEVICE_WATCHDOG, d.BASE), d.MISSING_AVP, False),
        (request(d.DISCONNECT_PEER, d.BASE, GATEWAY), d.MISSING_AVP, False),
        (ccr(5), d.INVALID_AVP_VALUE, False),
        (b"\1\0\0\x16" + ccr()[4:20] + b"\0\0", d.INVALID_MESSAGE_LENGTH, False),
    ],
)
def test_a_bad_request_costs_only_itself(message: bytes, result: int, error: bool) -> None:
    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            answer = await wire.ask(message)
            assert result_of(answer) == result
            assert bool(answer[4] & d.ERROR) is error
            assert not answer[4] & d.REQUEST
            assert answer[5:20] == message[5:20]
            assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


def test_damaged_requests_get_an_answer_each() -> None:
    """500 requests, each with a few octets of its body overwritten at random: all are answered,
    in their own names, and a whole one after them is served."""
    chance = random.Random(6733)

    def damaged(hop: int) -> bytes:
        message = bytearray(ccr(hop=hop))
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(20, len(message))] = chance.randrange(256)
        return bytes(message)

    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            wire.send(*(damaged(hop) for hop in range(500)))
            answers = [await wire.receive() for _ in range(500)]
            assert {codec.header_of(each).hop_by_hop for each in answers} == set(range(500))
            results = {result_of(each) for each in answers}
            assert {d.SUCCESS, d.INVALID_AVP_LENGTH, d.AVP_UNSUPPORTED} < results
            assert all(2000 < each < 6000 for each in results)
            assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


def test_answers_to_nothing_are_dropped() -> None:
    stray = codec.message(d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL, 5, 5, flags=0)

    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            wire.send(stray)
            assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


def test_capabilities_may_be_renewed_but_not_by_another() -> None:
    other = codec.text(d.ORIGIN_HOST, "other.example") + codec.text(d.ORIGIN_REALM, "example")

    async def story() -> None:
        async with serving(generous) as (_, port), connected(port) as wire:
            assert result_of(await wire.ask(cer())) == d.SUCCESS
            assert result_of(await wire.ask(ccr())) == d.SUCCESS
            assert result_of(await wire.ask(cer(origin=other))) == d.UNKNOWN_PEER
            assert await wire.ended()

    run(story)


def test_a_gateway_of_several_addresses_and_connections() -> None:
    """IPv6 among them, and served over it; charging is told by which start of the gateway."""
    boots: list[int] = []

    def noted(requests: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        boots.extend(each.boot for each in requests)
        return generous(requests, now)

    settings = msgspec.structs.replace(SETTINGS, host="::1")
    addresses = [b"\0\1\x7f\0\0\1", b"\0\2" + bytes(15) + b"\1"]

    def first(state: int) -> bytes:
        return request(
            d.CAPABILITIES_EXCHANGE,
            d.BASE,
            GATEWAY,
            *(codec.avp(d.HOST_IP_ADDRESS, each) for each in addresses),
            codec.u32(d.VENDOR_ID, 0),
            codec.text(d.PRODUCT_NAME, "a gateway", mandatory=False),
            codec.u32(d.ORIGIN_STATE_ID, state),
            codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        )

    async def story() -> None:
        async with serving(noted, settings) as (_, port):
            before = Wire(*await asyncio.open_connection("::1", port))
            after = Wire(*await asyncio.open_connection("::1", port))
            answer = await before.ask(first(7))
            told = [each.data for each in codec.avps(answer) if each.code == d.HOST_IP_ADDRESS]
            assert told == addresses[1:]
            assert result_of(await after.ask(first(8))) == d.SUCCESS
            for wire in (before, after):
                assert result_of(await wire.ask(ccr())) == d.SUCCESS
                await wire.close()
            assert boots == [7, 8]

    run(story)


def test_a_request_tells_through_an_agent_that_its_gateway_started_again() -> None:
    """An agent's own Origin-State-Id says nothing of who is behind it (RFC 6733, 8.16)."""
    boots: list[int] = []

    def noted(requests: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        boots.extend(each.boot for each in requests)
        return generous(requests, now)

    agent = codec.text(d.ORIGIN_HOST, "dra.example") + codec.text(d.ORIGIN_REALM, "example")

    async def story() -> None:
        first = cer(d.RELAY, origin=agent + codec.u32(d.ORIGIN_STATE_ID, 99))
        async with serving(noted) as (_, port), connected(port, first) as wire:
            for origin in (GATEWAY, GATEWAY + codec.u32(d.ORIGIN_STATE_ID, 8), agent):
                assert result_of(await wire.ask(ccr(origin=origin))) == d.SUCCESS
            assert boots == [0, 8, 99]

    run(story)
