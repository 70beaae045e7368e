"""What network functions are told of their sessions: POSTs to the `notifyUri`, in HTTP/2."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.conformance.diameter.operator import ACCOUNT, Operator
from tests.conformance.nchf.network import SETTINGS, Smf, callbacks, network, run, usage
from tests.conformance.nchf.specification import check
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import MB, imsi
from trunkline.charging import notices, operations
from trunkline.charging.store import hold
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.tmf.hub import CallbackRule

SUPI = f"imsi-{imsi(1)}"


class Story:
    """One subscriber with three cents, three megabytes; `charging` is written by others."""

    def __init__(self, charging: Database, clock: DrivenClock) -> None:
        self.charging = charging
        self.clock = clock
        self.operator = Operator(charging, clock.now())
        self.operator.open(("imsi", imsi(1)), money="0.03")

    async def exhausted(self, smf: Smf, notify: str, *others: Any) -> str:
        """The ref of a session that has had the last, or beside `others` gets no more."""
        answer = await smf.create(
            0, usage(1, asks=3 * MB), *others, subscriberIdentifier=SUPI, notifyUri=notify
        )
        ref, sequence = answer.ref, 0
        while "grantedUnit" in (told := answer.units[1]) and "finalUnitIndication" not in told:
            sequence += 1
            granted = told["grantedUnit"]["totalVolume"]
            answer = await smf.update(ref, sequence, usage(1, asks=3 * MB, used=granted))
        return ref

    async def top_up(self) -> None:
        await asyncio.to_thread(self.operator.top_up, "1")

    async def settled(self) -> None:
        """Returns once nothing is left to be told."""
        while await asyncio.to_thread(self._pending):
            await asyncio.sleep(0.005)

    async def tried(self, times: int) -> None:
        """Returns once the notice was tried so often."""
        while await asyncio.to_thread(self._attempts) < times:
            await asyncio.sleep(0.005)

    async def pass_time(self) -> None:
        """Until the next attempt is due, whichever it is."""
        self.clock.advance(timedelta(seconds=max(notices.DELAYS)))
        await asyncio.to_thread(self._knock)

    def _knock(self) -> None:
        with self.charging.transaction() as tx:
            tx.knock(notices.CHANNEL)

    def _attempts(self) -> int:
        with self.charging.read() as r:
            found = notices.due(r, self.clock.now().replace(year=2100), 10, "nchf")
        return found[0].attempts if found else 0

    def _pending(self) -> int:
        with self.charging.read() as r:
            return len(notices.due(r, self.clock.now().replace(year=2100), 10, "nchf"))


@pytest.fixture
def story(charging: Database, clock: DrivenClock) -> Story:
    return Story(charging, clock)


def check_notice(body: Any, kind: str) -> None:
    check("ChargingNotifyRequest", body)
    assert body["notificationType"] == kind


def test_after_a_top_up_it_is_to_ask_again(story: Story) -> None:
    async def told() -> None:
        async with (
            network(story.operator.attempt, story.clock, database=story.charging) as smf,
            callbacks() as smf_side,
        ):
            ref = await story.exhausted(smf, f"{smf_side.url}/notify/7?x=1")
            await story.top_up()
            path, body = await smf_side.came.get()
            assert path == "/notify/7"
            check_notice(body, "REAUTHORIZATION")
            await story.settled()
            assert (await smf.update(ref, 9, usage(1, asks=MB))).units[1]["resultCode"] == "SUCCESS"
            await asyncio.to_thread(_bar, story)
            path, body = await smf_side.came.get()
            check_notice(body, "ABORT_CHARGING")
            await story.settled()
            assert (await smf.release(ref, 10)).status == 204

    run(told)


def _bar(story: Story) -> None:
    with story.charging.transaction() as tx:
        operations.bar_account(tx, ACCOUNT, barred=True, now=story.clock.now())


def test_after_a_change_of_plan_all_groups_are_asked_again_about(story: Story) -> None:
    """Not only the one that has come to its end."""

    def change() -> None:
        with story.charging.transaction() as tx:
            held = hold(tx, ACCOUNT)
            assert held is not None
            notices.tell(tx, held, notices.NoticeKind.REAUTHORISE, everyone=True)

    async def told() -> None:
        attempt = story.operator.attempt
        async with (
            network(attempt, story.clock, database=story.charging) as smf,
            callbacks() as smf_side,
        ):
            await story.exhausted(smf, f"{smf_side.url}/notify", usage(2, asks=MB))
            await asyncio.to_thread(change)
            _, notice = await smf_side.came.get()
            groups = [each["ratingGroup"] for each in notice["reauthorizationDetails"]]
            assert groups == [1, 2]
            await story.settled()

    run(told)


def test_of_several_processes_one_notifies(story: Story, make_database: MakeDatabase) -> None:
    async def told() -> None:
        attempt, clock = story.operator.attempt, story.clock
        async with (
            network(attempt, clock, database=story.charging) as smf,
            network(attempt, clock, database=make_database("charging")),
            callbacks() as smf_side,
        ):
            await story.exhausted(smf, f"{smf_side.url}/notify")
            await story.top_up()
            await smf_side.came.get()
            await story.settled()
            await asyncio.to_thread(_bar, story)
            _, body = await smf_side.came.get()
            check_notice(body, "ABORT_CHARGING")
            await story.settled()
            assert smf_side.came.empty()

    run(told)


def test_redirects_are_followed_once(story: Story) -> None:
    async def told() -> None:
        async with (
            network(story.operator.attempt, story.clock, database=story.charging) as smf,
            callbacks() as old,
            callbacks() as new,
        ):
            await story.exhausted(smf, f"{old.url}/notify")
            old.statuses, old.location = [308], f"{new.url}/moved"
            await story.top_up()
            assert (await old.came.get())[0] == "/notify"
            assert (await new.came.get())[0] == "/moved"
            await story.settled()

    run(told)


def test_a_session_that_is_unknown_there_is_released(story: Story) -> None:
    async def told() -> None:
        async with (
            network(story.operator.attempt, story.clock, database=story.charging) as smf,
            callbacks() as smf_side,
        ):
            await story.exhausted(smf, f"{smf_side.url}/notify")
            smf_side.statuses = [404]
            await story.top_up()
            await smf_side.came.get()
            await story.settled()

    run(told)
    assert story.operator.balance.open_sessions == 0


def test_who_is_busy_or_away_is_told_later(story: Story) -> None:
    async def told() -> None:
        async with network(story.operator.attempt, story.clock, database=story.charging) as smf:
            async with callbacks() as smf_side:
                await story.exhausted(smf, f"{smf_side.url}/notify")
                smf_side.statuses = [503]
                await story.top_up()
                await smf_side.came.get()
            await story.tried(1)
            await story.pass_time()
            await story.tried(2)
            async with callbacks(int(smf_side.url.rpartition(":")[2])) as back:
                await story.pass_time()
                check_notice((await back.came.get())[1], "REAUTHORIZATION")
                await story.settled()

    run(told)


def test_addresses_that_settings_forbid_are_never_sent_to(story: Story) -> None:
    settings = msgspec.structs.replace(SETTINGS, notify=CallbackRule())

    async def told() -> None:
        async with (
            network(story.operator.attempt, story.clock, settings, database=story.charging) as smf,
            callbacks() as forbidden,
        ):
            await story.exhausted(smf, f"{forbidden.url}/notify")
            await story.top_up()
            await story.tried(1)
            await story.pass_time()
            await story.tried(2)
            assert forbidden.came.empty()

    run(told)
