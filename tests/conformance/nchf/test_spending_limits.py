"""A PCF subscribes to policy counters and hears of their changes (TS 29.594)."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import pytest

from tests.conformance.diameter.operator import ACCOUNT, Operator
from tests.conformance.nchf.network import Smf, callbacks, network, run
from tests.conformance.nchf.specification import SPENDING, check
from tests.unit.charging.builders import imsi
from trunkline.charging import CounterStatus, notices, operations, subscriptions
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Reader

SUPI = f"imsi-{imsi(1)}"
NEXT_MONTH = 1_796_083_200


class Counters:
    """One subscriber's policy counters, as something else counts them."""

    def __init__(self, charging: Database, clock: DrivenClock) -> None:
        self.charging = charging
        self.clock = clock
        self.operator = Operator(charging, clock.now())
        self.operator.open(("imsi", imsi(1)), ("msisdn", "46701740601"), money="1")
        self.now = [CounterStatus("fair-use", "normal"), CounterStatus("roaming", "normal")]

    def statuses(self, _r: Reader, _account: int, _now: datetime) -> Sequence[CounterStatus]:
        return self.now

    async def reach(self, status: str) -> None:
        """The first counter gets this status, until the month ends."""
        self.now[0] = CounterStatus("fair-use", status, (("normal", NEXT_MONTH),))
        await asyncio.to_thread(self._watch)

    def _watch(self) -> None:
        with self.charging.transaction() as tx:
            account = subscriptions.bound_account(tx, [("imsi", imsi(1))], self.clock.now())
            subscriptions.watch(tx, account.key, self.now)

    def close(self) -> None:
        """The account."""
        with self.charging.transaction() as tx:
            operations.close_account(tx, ACCOUNT, at=self.clock.now())

    async def settled(self) -> None:
        while await asyncio.to_thread(self._pending):
            await asyncio.sleep(0.005)

    def _pending(self) -> int:
        with self.charging.read() as r:
            return len(notices.due(r, self.clock.now().replace(year=2100), 10, "nchf"))

    def served(self) -> AbstractAsyncContextManager[Smf]:
        """The server, and a PCF that may call it."""
        return network(
            self.operator.attempt, self.clock, database=self.charging, statuses=self.statuses
        )

    async def subscribed(self, pcf: Smf, url: str) -> str:
        answer = await pcf.spending(
            "POST",
            body={
                "supi": SUPI,
                "policyCounterIds": ["fair-use"],
                "notifUri": url,
                "notifId": "n-7",
                "supportedFeatures": "F",
            },
        )
        assert answer.status == 201
        return answer.ref


@pytest.fixture
def counters(charging: Database, clock: DrivenClock) -> Counters:
    return Counters(charging, clock)


def test_a_subscription_and_what_it_is_told(counters: Counters) -> None:
    async def story() -> None:
        async with counters.served() as pcf, callbacks() as told:
            context = {
                "supi": SUPI,
                "gpsi": "msisdn-46701740601",
                "policyCounterIds": ["fair-use"],
                "notifUri": f"{told.url}/pcf/1",
                "notifId": "n-7",
                "expiry": "2027-01-01T00:00:00Z",
                "supportedFeatures": "F",
            }
            check("SpendingLimitContext", context, SPENDING)
            made = await pcf.spending("POST", body=context)
            assert made.status == 201
            assert made.body == {
                "supi": SUPI,
                "notifId": "n-7",
                "statusInfos": {
                    "fair-use": {"policyCounterId": "fair-use", "currentStatus": "normal"}
                },
                "expiry": "2027-01-01T00:00:00.000Z",
                "supportedFeatures": "3",
            }
            await counters.reach("80 %")
            path, body = await told.came.get()
            assert path == "/pcf/1/notify"
            check("SpendingLimitStatus", body, SPENDING)
            assert body["notifId"] == "n-7"
            assert body["statusInfos"]["fair-use"]["currentStatus"] == "80 %"
            [pending] = body["statusInfos"]["fair-use"]["penPolCounterStatuses"]
            assert pending["policyCounterStatus"] == "normal"
            await counters.settled()
            await counters.reach("80 %")
            await counters.settled()
            assert told.came.empty(), "it knows that already"
            del context["policyCounterIds"]
            changed = await pcf.spending("PUT", f"/{made.ref}", context)
            assert changed.status == 200
            assert set(changed.body["statusInfos"]) == {"fair-use", "roaming"}
            ended = await pcf.spending("DELETE", f"/{made.ref}")
            assert (ended.status, ended.raw) == (204, b"")
            assert (await pcf.spending("DELETE", f"/{made.ref}")).status == 404
            await counters.reach("100 %")
            await counters.settled()
            assert told.came.empty()

    run(story)


def test_refusals(counters: Counters) -> None:
    async def story() -> None:
        async with counters.served() as pcf:
            known = {"supi": SUPI, "notifUri": "http://127.0.0.1:9/"}
            for body, cause in (
                ({}, "MANDATORY_IE_MISSING"),
                ({"supi": SUPI}, "MANDATORY_IE_MISSING"),
                ({**known, "notifUri": "nowhere"}, "MANDATORY_IE_INCORRECT"),
                ({**known, "supi": "imsi-123456"}, "USER_UNKNOWN"),
                ({**known, "policyCounterIds": ["other"]}, "UNKNOWN_POLICY_COUNTERS"),
                ({**known, "policyCounterIds": []}, "OPTIONAL_IE_INCORRECT"),
            ):
                answer = await pcf.spending("POST", body=body)
                assert (answer.status, answer.cause) == (400, cause)
            counters.now = []
            answer = await pcf.spending("POST", body=known)
            assert (answer.status, answer.cause) == (400, "NO_AVAILABLE_POLICY_COUNTERS")
            answer = await pcf.spending("PUT", "/sls_nothing", known)
            assert (answer.status, answer.cause) == (404, "SUBSCRIPTION_NOT_FOUND")

    run(story)


def test_a_subscription_that_is_unknown_there_ends(counters: Counters) -> None:
    async def story() -> None:
        async with counters.served() as pcf, callbacks() as told:
            ref = await counters.subscribed(pcf, told.url)
            told.statuses = [404]
            await counters.reach("80 %")
            await told.came.get()
            await counters.settled()
            assert (await pcf.spending("DELETE", f"/{ref}")).status == 404

    run(story)


def test_a_subscriber_who_goes_ends_it(counters: Counters) -> None:
    async def story() -> None:
        async with counters.served() as pcf, callbacks() as told:
            ref = await counters.subscribed(pcf, f"{told.url}/pcf")
            await asyncio.to_thread(counters.close)
            path, body = await told.came.get()
            assert path == "/pcf/terminate"
            check("SubscriptionTerminationInfo", body, SPENDING)
            assert body == {"supi": SUPI, "termCause": "REMOVED_SUBSCRIBER", "notifId": "n-7"}
            await counters.settled()
            assert (await pcf.spending("DELETE", f"/{ref}")).status == 404

    run(story)
