"""Requests of a real SMF, byte for byte, to the real server and charging."""

from datetime import UTC, datetime

import pytest
from diameter.message import Message

from tests.conformance.diameter.operator import SETTINGS, Operator
from tests.conformance.diameter.pcapng import CAPTURES, streams
from tests.unit.diameter.wire import connected, result_of, run, serving
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

GX = 16777238


def conversation(name: str) -> tuple[list[bytes], list[bytes]]:
    """What the capture's gateway sent to port 3868, and what came back, as messages."""
    file = CAPTURES / name
    if not file.exists():
        pytest.skip(f"{file} is not there")
    sent: list[bytes] = []
    received: list[bytes] = []
    for flow, stream in streams(file.read_bytes()).items():
        if 3868 in (flow.target_port, flow.source_port):
            side = sent if flow.target_port == 3868 else received
            side.extend(codec.Framer().feed(stream))
    return sent, received


def of(messages: list[bytes], command: int, application: int) -> list[bytes]:
    headers = ((codec.header_of(each), each) for each in messages)
    return [m for h, m in headers if (h.command, h.application) == (command, application)]


def session_of(message: bytes) -> str:
    return next(avp.text() for avp in codec.avps(message) if avp.code == d.SESSION_ID)


def shape(message: bytes) -> list[tuple[int, list[int]]]:
    """The codes of an answer, and those inside its MSCCs; but for what the other server has left
    to the gateway's own settings."""
    return [
        (
            avp.code,
            [part.code for part in codec.avps(avp.data, 0) if part.code != d.VALIDITY_TIME]
            if avp.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL
            else [],
        )
        for avp in codec.avps(message)
        if avp.code not in (d.CREDIT_CONTROL_FAILURE_HANDLING, d.CC_SESSION_FAILOVER)
    ]


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock(datetime(2026, 11, 21, 19, 53, 47, tzinfo=UTC))


@pytest.fixture
def operator(charging: Database, clock: DrivenClock) -> Operator:
    return Operator(charging, clock.now())


def test_the_captured_session_is_answered_and_charged_once(
    operator: Operator, clock: DrivenClock
) -> None:
    """10.00, and a cent for each megabyte begun. The gateway was granted five megabytes by
    another server, and reports 5,000,704 and then 5,000,896 octets: 10,001,600 are 11 begun
    megabytes. Its second renewal comes three times, once with the T flag."""
    sent, received = conversation("gy-open5gs-smf.pcapng")
    opening, _ = conversation("gy-open5gs-smf-unknown-user.pcapng")
    hello, *_ = of(opening, d.CAPABILITIES_EXCHANGE, d.BASE)
    initial, first, second = of(sent, d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL)
    operator.open(("imsi", "001010000000013"), ("msisdn", "46700000003"), money="10")
    again = second[:4] + bytes([second[4] | d.RETRANSMITTED]) + second[5:]

    async def story() -> None:
        async with (
            serving(operator.attempt, SETTINGS, clock) as (_, port),
            connected(port, hello) as wire,
        ):
            answers = [await wire.ask(each) for each in (initial, first, second)]
            assert await wire.ask(second) == answers[2]
            assert await wire.ask(again) == answers[2]
        captured = of(received, d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL)
        for ours, theirs in zip(answers, captured, strict=True):
            assert ours[4:20] == theirs[4:20]
            assert shape(ours) == shape(theirs)
            assert granted(ours) == 1_000_000
            assert Message.from_bytes(ours).result_code == d.SUCCESS

    run(story)
    assert operator.charges == [(5_000_704, 60_000), (5_000_896, 50_000)]
    assert str(operator.balance.money) == "9.89 EUR"
    assert str(operator.balance.reserved) == "0.01 EUR", "the open grant"


def granted(answer: bytes) -> int:
    (service,) = (a for a in codec.avps(answer) if a.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL)
    (unit,) = (a for a in codec.avps(service.data, 0) if a.code == d.GRANTED_SERVICE_UNIT)
    (octets,) = (a for a in codec.avps(unit.data, 0) if a.code == d.CC_TOTAL_OCTETS)
    return int.from_bytes(octets.data, "big")


def test_the_known_and_the_unknown_subscriber(operator: Operator, clock: DrivenClock) -> None:
    """The other capture: a known subscriber's session from INITIAL to TERMINATION, 3,077,184
    octets or four megabytes begun, nothing reserved after it; then an unknown subscriber's
    INITIAL. Its Gx requests are not for this server."""
    sent, _ = conversation("gy-open5gs-smf-unknown-user.pcapng")
    hello, *_ = of(sent, d.CAPABILITIES_EXCHANGE, d.BASE)
    *known, unknown = of(sent, d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL)
    policy = of(sent, d.CREDIT_CONTROL_COMMAND, GX)
    assert (len(known), len(policy)) == (2, 3)
    operator.open(("imsi", "001010000000001"), money="1")

    async def story() -> None:
        async with (
            serving(operator.attempt, SETTINGS, clock) as (_, port),
            connected(port, hello) as wire,
        ):
            for request in known:
                assert result_of(await wire.ask(request)) == d.SUCCESS
            answer = await wire.ask(unknown)
            assert result_of(answer) == d.USER_UNKNOWN
            assert session_of(answer) == session_of(unknown)
            for request in policy:
                answer = await wire.ask(request)
                assert result_of(answer) == d.APPLICATION_UNSUPPORTED
                assert answer[4] & d.ERROR

    run(story)
    assert operator.charges == [(3_077_184, 40_000)]
    assert str(operator.balance.money) == "0.96 EUR"
    assert operator.balance.open_sessions == 0
    assert not operator.balance.reserved
