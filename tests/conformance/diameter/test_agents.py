"""A real agent, freeDiameter, between the gateway and the server: what it relays, what it adds, and
what it does when a server dies; and the same program as a peer over TLS."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from tests.conformance.diameter.freediameter import NAME, connect_peer, freediameter, required
from tests.conformance.diameter.operator import ACCOUNT, Operator
from tests.unit.charging.builders import MB
from tests.unit.diameter.builders import GATEWAY, IMSI, asked, ccr, mscc, subscription, used
from tests.unit.diameter.certificates import Authority
from tests.unit.diameter.wire import Wire, connected, result_of, run, serving
from trunkline.charging import Attempt, ChargeAnswer, ChargeRequest, Kind, operations
from trunkline.diameter import GyServer, GySettings, Tls, codec
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
FIRST = GySettings("ocs1.example", "example", port=0, drain=0.2)
SECOND = msgspec.structs.replace(FIRST, origin_host="ocs2.example")
PHONE = subscription(d.END_USER_IMSI, IMSI)


@pytest.fixture(autouse=True)
def _installed() -> None:
    required()


@pytest.fixture
def operator(charging: Database, clock: DrivenClock) -> Operator:
    found = Operator(charging, clock.now())
    found.open(("imsi", IMSI), money="0.10")
    return found


def texts(message: bytes, code: int) -> list[str]:
    return [avp.text() for avp in codec.avps(message) if avp.code == code and not avp.vendor]


def data(kind: int, number: int, *parts: bytes, session: str = "pgw.example;1;1") -> bytes:
    return ccr(kind, number, PHONE, mscc(*parts, group=1), session=session, hop=number + 1)


def accepted(request: bytes) -> bytes:
    """Whatever the server tells."""
    header = codec.header_of(request)
    return codec.message(
        header.command,
        header.application,
        header.hop_by_hop,
        header.end_to_end,
        next(codec.avps(request)).encode(),
        codec.u32(d.RESULT_CODE, d.SUCCESS),
        GATEWAY,
        flags=header.flags & d.PROXIABLE,
    )


def test_a_session_and_what_its_gateway_is_told(
    operator: Operator, charging: Database, clock: DrivenClock, tmp_path: Path
) -> None:
    """Ten cents, a cent for each megabyte: 4 used, the gateway is told of a barring and
    ends with 2 more; a proxy before the agent gets back what it wrote."""
    proxy = codec.grouped(
        d.PROXY_INFO,
        codec.text(d.PROXY_HOST, "proxy.example"),
        codec.avp(d.PROXY_STATE, b"\0\1state"),
    )

    async def story() -> None:
        async with serving(operator.attempt, FIRST, clock, database=charging) as (server, port):
            with freediameter(tmp_path, connect_peer("ocs1.example", port, "No_TLS")) as agent:
                await asyncio.to_thread(agent.open, "ocs1.example")
                [peer] = server.peers.all
                assert (peer.host, peer.relays) == (NAME, True)
                async with connected(agent.port) as wire:
                    await told(wire)

    async def told(wire: Wire) -> None:
        begun = ccr(1, 0, PHONE, mscc(asked(20 * MB), group=1), proxy, hop=77)
        answer = await wire.ask(begun)
        header = codec.header_of(answer)
        assert (header.hop_by_hop, header.end_to_end) == (77, 78)
        assert result_of(answer) == d.SUCCESS
        assert proxy in answer
        assert texts(answer, d.ORIGIN_HOST) == ["ocs1.example"]
        assert result_of(await wire.ask(data(2, 1, asked(20 * MB), used(4 * MB)))) == d.SUCCESS

        await asyncio.to_thread(_bar, charging, clock)
        abort = await wire.receive()
        assert codec.header_of(abort).command == d.ABORT_SESSION
        assert texts(abort, d.SESSION_ID) == ["pgw.example;1;1"]
        assert texts(abort, d.DESTINATION_HOST) == ["pgw.example"]
        assert texts(abort, d.ROUTE_RECORD) == ["ocs1.example"]
        wire.send(accepted(abort))
        assert result_of(await wire.ask(data(3, 2, used(2 * MB)))) == d.SUCCESS

    run(story)
    operator.check()
    assert operator.charges == [(4 * MB, 40_000), (2 * MB, 20_000)]


def _bar(charging: Database, clock: DrivenClock) -> None:
    with charging.transaction() as tx:
        operations.bar_account(tx, ACCOUNT, barred=True, now=clock.now())


def test_what_is_refused_comes_back(operator: Operator, clock: DrivenClock, tmp_path: Path) -> None:
    """With the E bit through the agent as well; and what would go in a circle goes no further. A
    server that stops takes leave of the agent."""
    settings = msgspec.structs.replace(FIRST, realms=frozenset((b"elsewhere.example",)))

    async def story() -> None:
        async with serving(operator.attempt, settings, clock) as (server, port):
            with freediameter(tmp_path, connect_peer("ocs1.example", port, "No_TLS")) as agent:
                await asyncio.to_thread(agent.open, "ocs1.example")
                async with connected(agent.port) as wire:
                    answer = await wire.ask(data(1, 0, asked(MB)))
                    assert answer[4] & d.ERROR
                    assert result_of(answer) == d.REALM_NOT_SERVED
                    circle = codec.text(d.ROUTE_RECORD, NAME)
                    answer = await wire.ask(ccr(1, 0, PHONE, mscc(asked(MB), group=1), circle))
                    assert (answer[4] & d.ERROR, result_of(answer)) == (d.ERROR, d.LOOP_DETECTED)
                await server.stop()
                await asyncio.to_thread(agent.until, "sent a DPR with cause: REBOOTING")

    run(story)


def test_a_gateway_that_started_again_behind_an_agent(
    operator: Operator, clock: DrivenClock, tmp_path: Path
) -> None:
    """What it reserved before is free: ten megabytes in two sessions of which it forgot one."""

    def started(state: int, session: str) -> bytes:
        origin = GATEWAY + codec.u32(d.ORIGIN_STATE_ID, state)
        return ccr(1, 0, PHONE, mscc(asked(8 * MB), group=1), session=session, origin=origin)

    async def story() -> None:
        async with serving(operator.attempt, FIRST, clock) as (_, port):
            with freediameter(tmp_path, connect_peer("ocs1.example", port, "No_TLS")) as agent:
                await asyncio.to_thread(agent.open, "ocs1.example")
                async with connected(agent.port) as wire:
                    for state, session in ((7, "a"), (7, "b"), (8, "c")):
                        answer = await wire.ask(started(state, f"pgw.example;{session}"))
                        assert result_of(answer) == d.SUCCESS

    run(story)
    assert operator.balance.open_sessions == 1


def test_another_server_goes_on(operator: Operator, clock: DrivenClock, tmp_path: Path) -> None:
    """One of two servers of one database loses its connection when it has charged and not yet
    answered: the agent asks the other with the T flag, which answers, and charges nothing."""
    again: list[bool] = []

    def dying(server: list[GyServer]) -> Attempt:
        def attempt(requests: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer | None]:
            answers = operator.attempt(requests, now)
            for each in requests:
                if each.kind is Kind.UPDATE:
                    again.append(each.again)
                    if len(again) == 1:
                        for peer in server[0].peers.all:
                            peer.abort()
            return list(answers)

        return attempt

    async def story() -> None:
        one: list[GyServer] = []
        other: list[GyServer] = []
        async with (
            serving(dying(one), FIRST, clock) as (first, port),
            serving(dying(other), SECOND, clock) as (second, more),
        ):
            one.append(first)
            other.append(second)
            peers = ((FIRST, port), (SECOND, more))
            lines = [connect_peer(each.origin_host, at, "No_TLS") for each, at in peers]
            with freediameter(tmp_path, *lines) as agent:
                for each, _ in peers:
                    await asyncio.to_thread(agent.open, each.origin_host)
                async with connected(agent.port) as wire:
                    assert result_of(await wire.ask(data(1, 0, asked(4 * MB)))) == d.SUCCESS
                    update = await wire.ask(data(2, 1, asked(MB), used(4 * MB)))
                    assert result_of(update) == d.SUCCESS
                    assert result_of(await wire.ask(data(3, 2, used(MB)))) == d.SUCCESS

    run(story)
    assert again == [False, True]
    assert operator.charges == [(4 * MB, 40_000), (MB, 10_000)]
    operator.check()


@pytest.mark.parametrize("inband", [False, True])
def test_over_tls(operator: Operator, clock: DrivenClock, tmp_path: Path, *, inband: bool) -> None:
    """On the port of its own (RFC 6733, 13.1), or begun inside the connection as RFC 3588 had it;
    each shows a certificate of the same authority."""
    authority = Authority(tmp_path, "operators")
    certificate, key = authority.sign("ocs1.example", "ocs1.example")
    tls = Tls(certificate, key, str(authority.certificate))
    settings = msgspec.structs.replace(FIRST, tls=tls, tls_port=0)

    async def story() -> None:
        async with serving(operator.attempt, settings, clock) as (server, plain):
            port, how = (plain, ["TLS_old_method"]) if inband else (server.tls_port, [])
            peer = connect_peer("ocs1.example", port, *how)
            with freediameter(tmp_path, peer, authority=authority) as agent:
                await asyncio.to_thread(agent.open, "ocs1.example")
                async with connected(agent.port) as wire:
                    assert result_of(await wire.ask(data(1, 0, asked(MB)))) == d.SUCCESS
                [connection] = server.peers.all
                assert connection.secured

    run(story)
