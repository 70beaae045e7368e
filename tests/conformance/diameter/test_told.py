"""What gateways are told about open sessions: Re-Auth-Request after a top-up, Abort-Session-Request
after a barring (RFC 6733, 8.3 and 8.5), over whichever connection leads there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from diameter.message import Message

from tests.conformance.diameter.operator import ACCOUNT, SETTINGS, Operator
from tests.unit.charging.builders import MB
from tests.unit.diameter.builders import IMSI, asked, ccr, cer, mscc, subscription, used
from tests.unit.diameter.wire import Wire, connected, granted_in, result_of, run, serving
from trunkline.charging import operations
from trunkline.charging.notices import NoticeKind, due, note
from trunkline.charging.store import hold
from trunkline.diameter import codec, telling
from trunkline.diameter import dictionary as d
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

PHONE = subscription(d.END_USER_IMSI, IMSI)
AGENT = codec.text(d.ORIGIN_HOST, "dra.example") + codec.text(d.ORIGIN_REALM, "example")
NEIGHBOUR = codec.text(d.ORIGIN_HOST, "smsc.example") + codec.text(d.ORIGIN_REALM, "example")


class Network:
    """The server over charging's database, and one subscriber with ten cents, ten megabytes."""

    def __init__(self, charging: Database, clock: DrivenClock) -> None:
        self.charging = charging
        self.clock = clock
        self.operator = Operator(charging, clock.now())
        self.operator.open(("imsi", IMSI), money="0.10")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        attempt = self.operator.attempt
        async with serving(attempt, SETTINGS, self.clock, database=self.charging) as (_, port):
            yield port

    async def top_up(self, payment: str = "pay_2") -> None:
        await asyncio.to_thread(self._top_up, payment)

    def _top_up(self, payment: str) -> None:
        with self.charging.transaction() as tx:
            operations.top_up(
                tx, ACCOUNT, payment_id=payment, amount=Money.of("1", "EUR"), now=self.clock.now()
            )

    def note(self, count: int, host: str, kind: NoticeKind = NoticeKind.REAUTHORISE) -> None:
        """So many notices for this gateway."""
        with self.charging.transaction() as tx:
            account = hold(tx, ACCOUNT)
            assert account is not None
            sessions = [(f"{host};{number}", f"gy:{host};example") for number in range(count)]
            note(tx, account.key, sessions, kind)

    async def bar(self) -> None:
        await asyncio.to_thread(self._bar)

    def _bar(self) -> None:
        with self.charging.transaction() as tx:
            operations.bar_account(tx, ACCOUNT, barred=True, now=self.clock.now())

    async def settled(self) -> None:
        """Returns once nothing is left to be told."""
        while await asyncio.to_thread(self._pending):
            await asyncio.sleep(0.005)

    def _pending(self) -> int:
        with self.charging.read() as r:
            return len(due(r, self.clock.now().replace(year=2100), 10, "gy"))


@pytest.fixture
def network(charging: Database, clock: DrivenClock) -> Network:
    return Network(charging, clock)


def asking(number: int, amount: int, report: int | None = None) -> bytes:
    parts = [asked(amount)] + ([used(report)] if report is not None else [])
    return ccr(2 if number else 1, number, PHONE, mscc(*parts, group=1))


async def exhaust(wire: Wire) -> None:
    """All ten megabytes are granted, and told to be the last."""
    answer = await wire.ask(asking(0, 10 * MB))
    for number in (1, 2, 3, 4):
        granted = granted_in(answer)
        answer = await wire.ask(asking(number, 10 * MB, granted))
    assert result_of(answer) == d.SUCCESS


def answer(request: bytes, result: int, *, error: bool = False) -> bytes:
    header = codec.header_of(request)
    return codec.message(
        header.command,
        header.application,
        header.hop_by_hop,
        header.end_to_end,
        next(codec.avps(request)).encode(),
        codec.u32(d.RESULT_CODE, result),
        AGENT,
        flags=d.ERROR if error else 0,
    )


def command_of(message: bytes) -> int:
    return codec.header_of(message).command


def test_after_a_top_up_the_gateway_is_told_to_ask_again(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await exhaust(wire)
            await network.top_up()
            request = await wire.receive()
            header = codec.header_of(request)
            assert (header.command, header.application) == (d.RE_AUTH, d.CREDIT_CONTROL)
            assert header.flags == d.REQUEST | d.PROXIABLE
            told = Message.from_bytes(request)
            assert told.session_id == "pgw.example;1;1"
            assert (told.destination_host, told.destination_realm) == (b"pgw.example", b"example")
            assert (told.origin_host, told.origin_realm) == (b"ocs.localdomain", b"localdomain")
            assert (told.auth_application_id, told.re_auth_request_type) == (4, 0)
            wire.send(answer(request, d.LIMITED_SUCCESS))
            await network.settled()
            again = await wire.ask(asking(9, 10 * MB, 0))
            assert granted_in(again) == 10 * MB

    run(story)


def test_after_a_barring_the_session_is_aborted(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await wire.ask(asking(0, MB))
            await network.bar()
            request = await wire.receive()
            assert command_of(request) == d.ABORT_SESSION
            assert Message.from_bytes(request).auth_application_id == d.CREDIT_CONTROL
            wire.send(answer(request, d.SUCCESS))
            await network.settled()
            ended = await wire.ask(ccr(3, 1, PHONE, mscc(used(MB), group=1)))
            assert result_of(ended) == d.SUCCESS

    run(story)
    assert network.operator.charges == [(MB, 10_000)]


def test_who_can_not_be_aborted_is_told_to_ask_again(network: Network) -> None:
    """Open-source gateways know RAR only: what they ask for then is refused."""

    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await wire.ask(asking(0, MB))
            await network.bar()
            abort = await wire.receive()
            wire.send(answer(abort, d.COMMAND_UNSUPPORTED, error=True))
            instead = await wire.receive()
            assert command_of(instead) == d.RE_AUTH
            wire.send(answer(instead, d.SUCCESS))
            await network.settled()

    run(story)


def test_what_one_behind_an_agent_does_not_know_the_others_are_told(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port, connected(port, cer(d.RELAY, origin=AGENT)) as agent:
            await asyncio.to_thread(network.note, 1, "old.example", NoticeKind.ABORT)
            agent.send(answer(await agent.receive(), d.COMMAND_UNSUPPORTED, error=True))
            agent.send(answer(await agent.receive(), d.COMMAND_UNSUPPORTED, error=True))
            await network.settled()
            await asyncio.to_thread(network.note, 1, "new.example", NoticeKind.ABORT)
            request = await agent.receive()
            assert command_of(request) == d.ABORT_SESSION
            agent.send(answer(request, d.SUCCESS))
            await network.settled()

    run(story)


def test_a_session_that_the_gateway_lost_is_released(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await exhaust(wire)
            assert network.operator.balance.open_sessions == 1
            await network.top_up()
            wire.send(answer(await wire.receive(), d.UNKNOWN_SESSION_ID))
            await network.settled()

    run(story)
    assert network.operator.balance.open_sessions == 0
    assert not network.operator.balance.reserved


def test_any_of_the_gateway_s_connections_is_told(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port:
            async with connected(port) as wire:
                await exhaust(wire)
            async with connected(port, cer(origin=NEIGHBOUR)), connected(port) as other:
                await network.top_up()
                request = await other.receive()
                assert command_of(request) == d.RE_AUTH
                other.send(answer(request, d.SUCCESS))
                await network.settled()

    run(story)


def test_through_an_agent(network: Network) -> None:
    async def story() -> None:
        async with (
            network.serving() as port,
            connected(port, cer(origin=NEIGHBOUR)),
            connected(port, cer(origin=AGENT)) as agent,
        ):
            await exhaust(agent)
            await network.top_up()
            request = await agent.receive()
            assert Message.from_bytes(request).destination_host == b"pgw.example"
            agent.send(answer(request, d.SUCCESS))
            await network.settled()

    run(story)


def test_what_stays_unanswered_is_told_again_to_whom_comes(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Tx timer is in charging's notices; the repetition has the T flag and its End-to-End
    Identifier, and a relay serves as well as the gateway."""
    monkeypatch.setattr(telling, "POLL", 0.01)

    async def story() -> None:
        async with network.serving() as port:
            async with connected(port) as wire:
                await exhaust(wire)
                await network.top_up()
                first = codec.header_of(await wire.receive())
            network.clock.set(network.clock.now().replace(hour=10))
            async with connected(port, cer(d.RELAY, origin=AGENT)) as relay:
                request = await relay.receive()
                again = codec.header_of(request)
                assert again.flags == d.REQUEST | d.PROXIABLE | d.RETRANSMITTED
                assert again.end_to_end == first.end_to_end
                relay.send(answer(request, d.TOO_BUSY, error=True))
                assert await asyncio.to_thread(network._pending) == 1

    run(story)


def test_a_gateway_that_comes_back_is_told_what_it_missed(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port:
            async with connected(port) as wire:
                await exhaust(wire)
            await network.top_up()
            async with connected(port) as wire:
                request = await wire.receive()
                assert command_of(request) == d.RE_AUTH
                wire.send(answer(request, d.SUCCESS))
                await network.settled()

    run(story)


def test_those_who_are_away_keep_nobody_waiting(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More notices than are told at a time are for a gateway that another process may have."""
    monkeypatch.setattr(telling, "GRACE", 3600.0)

    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await exhaust(wire)
            await asyncio.to_thread(network.note, telling.AT_ONCE + 1, "gone.example")
            await network.top_up()
            request = await wire.receive()
            assert Message.from_bytes(request).session_id == "pgw.example;1;1"
            wire.send(answer(request, d.SUCCESS))

    run(story)


def test_answers_that_say_nothing_are_no_answers(network: Network) -> None:
    async def story() -> None:
        async with network.serving() as port, connected(port) as wire:
            await exhaust(wire)
            await network.top_up()
            header = codec.header_of(await wire.receive())
            identifiers = header.hop_by_hop, header.end_to_end
            wire.send(codec.message(d.RE_AUTH, 4, *identifiers, b"\0\0\1\x0c@\0\0\5", flags=0))
            assert result_of(await wire.ask(asking(9, MB))) == d.SUCCESS
            assert await asyncio.to_thread(network._pending) == 1

    run(story)
