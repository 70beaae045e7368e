"""Sy (TS 29.219): a PCRF subscribes to policy counters, hears of their changes, and leaves.

The PCRF is python-diameter's codec on our wire: what it writes we read, and the other way round.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec
import pytest
from diameter.message import Message
from diameter.message.avp.grouped import SubscriptionId
from diameter.message.commands import SpendingLimitRequest
from diameter.message.commands.session_termination import SessionTerminationRequest

from tests.conformance.diameter.operator import SETTINGS, Operator
from tests.conformance.diameter.test_told import answer
from tests.unit.charging.builders import MB, plan
from tests.unit.diameter.builders import IMSI, asked, ccr, cer, mscc, subscription, used
from tests.unit.diameter.wire import Wire, connected, result_of, run, serving
from trunkline.charging import (
    CounterPolicy,
    CounterStatus,
    GrantPolicy,
    Rules,
    Threshold,
    UnknownSubscription,
    hot,
    statuses_of,
    store,
    subscriptions,
)
from trunkline.charging.notices import due
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Reader
from trunkline.rating import CounterSource, Measure

PCRF = codec.text(d.ORIGIN_HOST, "pcrf.example") + codec.text(d.ORIGIN_REALM, "example")
HELLO = cer(
    origin=PCRF
    + codec.grouped(
        d.VENDOR_SPECIFIC_APPLICATION_ID,
        codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
        codec.u32(d.AUTH_APPLICATION_ID, d.SY),
    )
)
SESSION = "pcrf.example;1;sy"


class Network:
    """One subscriber, whose counters a test sets."""

    def __init__(self, charging: Database, clock: DrivenClock) -> None:
        self.charging = charging
        self.clock = clock
        self.operator = Operator(charging, clock.now())
        self.operator.open(("imsi", IMSI), money="1")
        self.statuses = [CounterStatus("fair-use", "normal"), CounterStatus("roaming", "normal")]

    def all(self, _r: Reader, _account: int, _now: datetime) -> Sequence[CounterStatus]:
        return self.statuses

    @asynccontextmanager
    async def connected(self, *others: bytes) -> AsyncIterator[Wire]:
        """Who says the last of these hellos, after the others have said theirs."""
        served = serving(
            self.operator.attempt,
            SETTINGS,
            self.clock,
            database=self.charging,
            statuses=self.all,
        )
        async with served as (_, port), contextlib.AsyncExitStack() as stack:
            for hello in others or (HELLO,):
                wire = await stack.enter_async_context(connected(port, hello))
            yield wire

    async def change(self, *statuses: CounterStatus) -> None:
        self.statuses = list(statuses)
        await asyncio.to_thread(self._watch)

    def _watch(self) -> None:
        with self.charging.transaction() as tx:
            account = subscriptions.bound_account(tx, [("imsi", IMSI)], self.clock.now())
            subscriptions.watch(tx, account.key, self.statuses)

    def close(self, account: int, closed: bool) -> None:
        """As `CloseAccount` does, but that the IMSI stays."""
        with self.charging.transaction() as tx:
            [held] = store.accounts_by_ids(tx, [store.account_id(tx, account)])
            held.state.closed = 1 if closed else 0
            hot.write(tx, [held], [])
            if closed:
                subscriptions.tell_of_end(tx, account)

    async def settled(self) -> None:
        while await asyncio.to_thread(self._pending):
            await asyncio.sleep(0.005)

    def _pending(self) -> int:
        with self.charging.read() as r:
            return len(due(r, self.clock.now().replace(year=2100), 10, "sy"))

    def known(self) -> subscriptions.Subscription | None:
        with self.charging.read() as r:
            try:
                return subscriptions.subscription(r, SESSION)
            except UnknownSubscription:
                return None


@pytest.fixture
def network(charging: Database, clock: DrivenClock) -> Network:
    return Network(charging, clock)


def limit(kind: int = 0, *counters: str, imsi: str | None = IMSI) -> bytes:
    request = SpendingLimitRequest()
    request.header.hop_by_hop_identifier = 7
    request.header.end_to_end_identifier = 8
    request.header.application_id = d.SY
    request.session_id = SESSION
    request.auth_application_id = d.SY
    request.origin_host = b"pcrf.example"
    request.origin_realm = b"example"
    request.destination_realm = b"localdomain"
    request.sl_request_type = kind
    if imsi is not None:
        request.subscription_id = [
            SubscriptionId(subscription_id_type=1, subscription_id_data=imsi)
        ]
    request.policy_counter_identifier = list(counters)
    return bytes(request.as_bytes())


def termination() -> bytes:
    request = SessionTerminationRequest()
    request.header.application_id = d.SY
    request.session_id = SESSION
    request.auth_application_id = d.SY
    request.origin_host = b"pcrf.example"
    request.origin_realm = b"example"
    request.destination_realm = b"localdomain"
    request.termination_cause = 1
    return bytes(request.as_bytes())


def reported(message: bytes) -> dict[str, str]:
    found = Message.from_bytes(message)
    return {
        each.policy_counter_identifier: each.policy_counter_status
        for each in found.policy_counter_status_report
    }


def experimental(message: bytes) -> int:
    found = Message.from_bytes(message)
    return int(found.experimental_result.experimental_result_code)


def test_subscribe_hear_and_leave(network: Network) -> None:
    async def story() -> None:
        async with network.connected() as wire:
            first = await wire.ask(limit())
            assert result_of(first) == d.SUCCESS
            assert Message.from_bytes(first).auth_application_id == d.SY
            assert reported(first) == {"fair-use": "normal", "roaming": "normal"}

            await network.change(
                CounterStatus("fair-use", "80%"), CounterStatus("roaming", "normal")
            )
            told = await wire.receive()
            header = codec.header_of(told)
            assert (header.command, header.application) == (d.SPENDING_STATUS_NOTIFICATION, d.SY)
            assert Message.from_bytes(told).destination_host == b"pcrf.example"
            assert reported(told) == {"fair-use": "80%"}, "what has changed"
            wire.send(answer(told, d.SUCCESS))
            await network.settled()

            again = await wire.ask(limit(1, "roaming"))
            assert reported(again) == {"roaming": "normal"}
            await network.change(CounterStatus("fair-use", "over"), network.statuses[1])
            assert not await asyncio.to_thread(network._pending), "it wants to hear of one only"

            assert result_of(await wire.ask(termination())) == d.SUCCESS
            assert network.known() is None
            assert result_of(await wire.ask(termination())) == d.UNKNOWN_SESSION_ID

    run(story)


def test_the_session_of_a_closed_account_is_ended(network: Network) -> None:
    """The PCRF is asked to end it (SN-Request-Type), and does; one that doesn't is forgotten."""

    async def story() -> None:
        async with network.connected() as wire:
            for leaves in (True, False):
                assert result_of(await wire.ask(limit())) == d.SUCCESS
                known = network.known()
                assert known is not None
                assert known.expires_at is None
                await asyncio.to_thread(network.close, known.account, True)
                told = await wire.receive()
                assert codec.header_of(told).command == d.SPENDING_STATUS_NOTIFICATION
                [ends] = [avp for avp in codec.avps(told) if avp.code == d.SN_REQUEST_TYPE]
                assert (ends.u32(), ends.vendor, ends.flags & d.MANDATORY) == (2, 10415, 0)
                assert reported(told) == {}
                wire.send(answer(told, d.SUCCESS))
                await network.settled()
                if leaves:
                    assert result_of(await wire.ask(termination())) == d.SUCCESS
                    assert network.known() is None
                    await asyncio.to_thread(network.close, known.account, False)
            forgotten = network.clock.now() + timedelta(days=2)
            with network.charging.transaction() as tx:
                assert subscriptions.forget_expired(tx, network.clock.now()) == 0
                assert subscriptions.forget_expired(tx, forgotten) == 1

    run(story)


def test_pending_statuses(network: Network) -> None:
    network.statuses = [CounterStatus("fair-use", "over", (("normal", 1_800_000_000),))]

    async def story() -> None:
        async with network.connected() as wire:
            message = await wire.ask(limit())
            [report] = [
                avp for avp in codec.avps(message) if avp.code == d.POLICY_COUNTER_STATUS_REPORT
            ]
            parts = {part.code: part.data for part in codec.avps(report.data, 0)}
            pending = {
                part.code: part.data
                for part in codec.avps(parts[d.PENDING_POLICY_COUNTER_INFORMATION], 0)
            }
            assert pending[d.POLICY_COUNTER_STATUS] == b"normal"
            epoch = int.from_bytes(pending[d.PENDING_POLICY_COUNTER_CHANGE_TIME], "big")
            assert epoch == 1_800_000_000 + 2_208_988_800

    run(story)


def test_who_lost_the_session_hears_no_more(network: Network) -> None:
    async def story() -> None:
        async with network.connected() as wire:
            await wire.ask(limit())
            await network.change(CounterStatus("fair-use", "80%"))
            wire.send(answer(await wire.receive(), d.UNKNOWN_SESSION_ID))
            await network.settled()
            assert network.known() is None

    run(story)


def test_refusals(network: Network) -> None:
    async def story() -> None:
        async with network.connected() as wire:
            assert result_of(await wire.ask(limit(imsi="001010000000009"))) == d.USER_UNKNOWN
            assert result_of(await wire.ask(limit(1))) == d.UNKNOWN_SESSION_ID
            assert result_of(await wire.ask(limit(2))) == d.INVALID_AVP_VALUE
            assert result_of(await wire.ask(limit(imsi=None))) == d.MISSING_AVP
            unknown = await wire.ask(limit(0, "fair-use", "unheard of"))
            assert experimental(unknown) == d.UNKNOWN_POLICY_COUNTERS
            [failed] = [avp for avp in codec.avps(unknown) if avp.code == d.FAILED_AVP]
            assert b"unheard of" in failed.data
            network.statuses = []
            assert experimental(await wire.ask(limit())) == d.NO_AVAILABLE_POLICY_COUNTERS
            assert network.known() is None
            broken = bytearray(limit())
            broken[5:8] = (999).to_bytes(3, "big")
            assert result_of(await wire.ask(bytes(broken))) == d.COMMAND_UNSUPPORTED

    run(story)


def test_a_pcrf_is_told_through_the_agent_that_it_asks_by(network: Network) -> None:
    """Which is none for everything, and not the only agent that is connected."""
    offers = codec.grouped(
        d.VENDOR_SPECIFIC_APPLICATION_ID,
        codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
        codec.u32(d.AUTH_APPLICATION_ID, d.SY),
    )
    realm = codec.text(d.ORIGIN_REALM, "example")
    relay = cer(d.RELAY, origin=codec.text(d.ORIGIN_HOST, "relay.example") + realm)
    proxy = cer(origin=codec.text(d.ORIGIN_HOST, "proxy.example") + realm + offers)

    async def story() -> None:
        async with network.connected(relay, proxy) as agent:
            assert reported(await agent.ask(limit())) == {"fair-use": "normal", "roaming": "normal"}
            await network.change(CounterStatus("fair-use", "over"))
            told = await agent.receive()
            assert Message.from_bytes(told).destination_host == b"pcrf.example"
            assert reported(told) == {"fair-use": "over"}
            agent.send(answer(told, d.SUCCESS))
            await network.settled()

    run(story)


def test_usage_that_reaches_a_threshold_is_told(charging: Database, clock: DrivenClock) -> None:
    """Ten megabytes a month are fair; the gateway reports eight over Gy, and the PCRF hears of it
    over Sy; then two more."""
    fair = CounterPolicy("fair-use", 10 * MB, (Threshold(80, "nearly"), Threshold(100, "over")))
    rules = Rules(counters=(fair,))
    counting = CounterSource("fair-use", Measure.UNITS, "data")
    counted = msgspec.structs.replace(plan(), counters=(counting,))
    operator = Operator(charging, clock.now(), GrantPolicy(rules=rules), counted)
    operator.open(("imsi", IMSI), money="1")

    def statuses(r: Reader, account: int, now: datetime) -> Sequence[CounterStatus]:
        return statuses_of(r, account, rules, now)

    def report(number: int, used_: int) -> bytes:
        parts = mscc(used(used_), asked(MB), group=1)
        return ccr(2, number, subscription(d.END_USER_IMSI, IMSI), parts)

    async def story() -> None:
        served = serving(operator.attempt, SETTINGS, clock, database=charging, statuses=statuses)
        async with (
            served as (_, port),
            connected(port, HELLO) as pcrf,
            connected(port) as gateway,
        ):
            assert reported(await pcrf.ask(limit())) == {"fair-use": "normal"}
            opening = ccr(1, 0, subscription(d.END_USER_IMSI, IMSI), mscc(asked(MB), group=1))
            assert result_of(await gateway.ask(opening)) == d.SUCCESS
            for number, megabytes, status in ((1, 8, "nearly"), (2, 1, ""), (3, 1, "over")):
                answered = await gateway.ask(report(number, megabytes * MB))
                assert result_of(answered) == d.SUCCESS
                if status:
                    told = await pcrf.receive()
                    assert reported(told) == {"fair-use": status}
                    pcrf.send(answer(told, d.SUCCESS))
            again = await pcrf.ask(limit(1))
            assert reported(again) == {"fair-use": "over"}

    run(story)
