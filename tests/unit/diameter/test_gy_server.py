"""Batches, overload, failures and leave-taking of the Gy server."""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime

import msgspec
import pytest

from tests.unit.diameter.builders import GATEWAY, ccr
from tests.unit.diameter.wire import SETTINGS, Wire, connected, generous, result_of, run, serving
from trunkline.charging import Batcher, Batching, ChargeAnswer, ChargeRequest
from trunkline.diameter import GySettings, codec, serve
from trunkline.diameter import dictionary as d
from trunkline.kernel.errors import Unavailable
from trunkline.platform.clock import SystemClock


def requests(count: int) -> list[bytes]:
    return [ccr(session=f"pgw.example;{n}", hop=n) for n in range(count)]


def test_what_arrives_together_is_committed_together_and_answered_in_kind() -> None:
    batches: list[int] = []

    def process(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        batches.append(len(batch))
        return generous(batch, now)

    async def story() -> None:
        async with (
            serving(process) as (_, port),
            connected(port) as one,
            connected(port) as other,
        ):
            for wire, sent in ((one, requests(200)), (other, requests(3))):
                wire.send(*sent)
                for message in sent:
                    answer = await wire.receive()
                    assert answer[12:20] == message[12:20]
                    assert next(codec.avps(answer)) == next(codec.avps(message)), "Session-Id"

    run(story)
    assert sum(batches) == 203
    assert max(batches) <= Batching().batch
    assert len(batches) < 203 / 2


def test_what_went_astray_is_sent_back() -> None:
    """A loop always; another realm where the settings name those that are served."""
    settings = msgspec.structs.replace(SETTINGS, realms=frozenset((b"example", b"mvno.example")))
    through = ccr(1, 0, codec.text(d.ROUTE_RECORD, "dra.example"))
    looped = ccr(
        1, 0, *(codec.text(d.ROUTE_RECORD, each) for each in ("dra.example", "OCS.example"))
    )
    elsewhere = ccr().replace(
        codec.text(d.DESTINATION_REALM, "example"), codec.text(d.DESTINATION_REALM, "EXAMPLF")
    )

    async def story() -> None:
        for known, realm in ((SETTINGS, d.SUCCESS), (settings, d.REALM_NOT_SERVED)):
            async with serving(generous, known) as (_, port), connected(port) as wire:
                assert result_of(await wire.ask(through)) == d.SUCCESS
                answer = await wire.ask(looped)
                assert result_of(answer) == d.LOOP_DETECTED
                assert answer[4] & d.ERROR
                assert result_of(await wire.ask(elsewhere)) == realm
                assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


def test_what_waits_past_the_limit_is_told_to_come_back() -> None:
    batching = Batching(waiting=10)

    async def story() -> None:
        async with serving(generous, batching=batching) as (_, port), connected(port) as wire:
            wire.send(*requests(50))
            answers = [await wire.receive() for _ in range(50)]
            results = [result_of(answer) for answer in answers]
            assert set(results) == {d.SUCCESS, d.TOO_BUSY}
            assert all(
                bool(answer[4] & d.ERROR) == (result == d.TOO_BUSY)
                for answer, result in zip(answers, results, strict=True)
            )
            assert {codec.header_of(answer).hop_by_hop for answer in answers} == set(range(50))

    run(story)


def test_floods_leave_room_for_the_others() -> None:
    """While nothing can be committed, each has half of what it finds free."""
    held = [True]

    def attempt(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer | None]:
        return [None] * len(batch) if held else [*generous(batch, now)]

    async def refused(wire: Wire) -> int:
        """Of twenty; the watchdog's answer says that all have been heard."""
        watchdog = codec.message(d.DEVICE_WATCHDOG, d.BASE, 1, 1, GATEWAY, flags=d.REQUEST)
        wire.send(*requests(20), watchdog)
        many = 0
        while result_of(await wire.receive()) == d.TOO_BUSY:
            many += 1
        return many

    async def story() -> None:
        async with AsyncExitStack() as open_ones:
            _, port = await open_ones.enter_async_context(
                serving(attempt, batching=Batching(waiting=32))
            )
            floods = [await open_ones.enter_async_context(connected(port)) for _ in range(4)]
            waiting = [20 - await refused(each) for each in floods]
            assert waiting == [16, 8, 4, 2]
            other = await open_ones.enter_async_context(connected(port))
            other.send(ccr())
            held.clear()
            assert result_of(await other.receive()) == d.SUCCESS
            for wire, many in zip(floods, waiting, strict=True):
                for _ in range(many):
                    assert result_of(await wire.receive()) == d.SUCCESS

    run(story)


def test_a_batch_that_fails_is_refused_and_the_next_one_served() -> None:
    fail = [RuntimeError("a defect")]

    def attempt(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        if fail:
            raise fail.pop()
        return generous(batch, now)

    async def story() -> None:
        async with serving(attempt) as (_, port), connected(port) as wire:
            assert result_of(await wire.ask(ccr())) == d.UNABLE_TO_COMPLY
            assert result_of(await wire.ask(ccr())) == d.SUCCESS

    run(story)


def test_an_answer_that_can_not_be_written_costs_only_itself() -> None:
    def attempt(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        answers = generous(batch, now)
        for request, answer in zip(batch, answers, strict=True):
            if request.session == "pgw.example;1":
                answer.units[0].granted = 2**64
        return answers

    async def story() -> None:
        async with serving(attempt) as (_, port), connected(port) as wire:
            wire.send(*requests(3))
            results = [result_of(await wire.receive()) for _ in range(3)]
            assert results == [d.SUCCESS, d.UNABLE_TO_COMPLY, d.SUCCESS]

    run(story)


@pytest.mark.parametrize(("patience", "result"), [(60.0, d.SUCCESS), (0.0, d.TOO_BUSY)])
def test_a_database_that_is_away_is_waited_for_within_patience(
    patience: float, result: int
) -> None:
    batching = Batching(patience=patience)
    fail = [Unavailable("no database"), Unavailable("no database")]

    def attempt(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        if fail:
            raise fail.pop()
        return generous(batch, now)

    async def story() -> None:
        async with serving(attempt, batching=batching) as (_, port), connected(port) as wire:
            assert result_of(await wire.ask(ccr())) == result

    run(story)


def test_a_held_account_delays_only_its_own_requests() -> None:
    seen: list[str] = []

    def attempt(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer | None]:
        seen.extend(each.session for each in batch)
        tries = seen.count("pgw.example;1")
        return [
            None if each.session == "pgw.example;1" and tries < 3 else answer
            for each, answer in zip(batch, generous(batch, now), strict=True)
        ]

    async def story() -> None:
        async with serving(attempt) as (_, port), connected(port) as wire:
            wire.send(*requests(3))
            hops = [codec.header_of(await wire.receive()).hop_by_hop for _ in range(3)]
            assert hops == [0, 2, 1]

    run(story)


def test_an_account_that_stays_held_is_told_so() -> None:
    batching = Batching(patience=0.0)

    async def story() -> None:
        async with (
            serving(lambda batch, _now: [None] * len(batch), batching=batching) as (_, port),
            connected(port) as wire,
        ):
            assert result_of(await wire.ask(ccr())) == d.TOO_BUSY

    run(story)


def test_stopping_answers_what_waits_and_takes_leave() -> None:
    async def story() -> None:
        stop = asyncio.Event()
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def process(batch: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
            stop.set()
            return generous(batch, now)

        served = asyncio.create_task(
            serve(
                SETTINGS,
                Batcher(process, SystemClock()),
                SystemClock(),
                ready=port.set_result,
                stop=stop,
            )
        )
        async with connected(await port) as wire:
            wire.send(*requests(300))
            answers = [await wire.receive() for _ in range(300)]
            assert {result_of(answer) for answer in answers} <= {d.SUCCESS, d.TOO_BUSY}
            leave = codec.header_of(await wire.receive())
            assert (leave.command, leave.flags) == (d.DISCONNECT_PEER, d.REQUEST)
            wire.send(
                codec.message(d.DISCONNECT_PEER, 0, leave.hop_by_hop, leave.end_to_end, flags=0)
            )
            assert await wire.ended()
        await served

    run(story)


def test_stopping_does_not_wait_for_gateways_that_do_not_agree() -> None:
    settings = GySettings("ocs.example", "example", port=0, drain=0.01)

    async def story() -> None:
        async with serving(generous, settings) as (server, port), connected(port) as wire:
            await server.stop()
            assert codec.header_of(await wire.receive()).command == d.DISCONNECT_PEER
            assert await wire.ended()

    run(story)


def test_connections_have_a_limit() -> None:
    settings = GySettings("ocs.example", "example", port=0, connections=1)

    async def story() -> None:
        async with serving(generous, settings) as (_, port), connected(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    run(story)
