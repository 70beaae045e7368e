"""How accounts stand to policies, over HTTP: counters, consent to data abroad, and what the host
hasn't stopped."""

from typing import Any

import pytest

from tests.conformance.tmf.conftest import MakeClient
from tests.unit.charging.builders import MB, asks, compiled, opening, request
from trunkline.charging import (
    Circumstances,
    GrantPolicy,
    GroupCommit,
    Kind,
    RoamingPolicy,
    Rules,
    keep_policy,
)
from trunkline.charging.operations import open_account
from trunkline.charging.store import insert_tariff
from trunkline.customers import AccountKind
from trunkline.inventory import ProductId, ServiceId
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.usage import Bar, BarState, Cause
from trunkline.usage.exposure.store import put_bar

BASE = "/trunkline/charging/v1"
POLICY = GrantPolicy(rules=Rules(roaming=RoamingPolicy(home=("272",), limit=1_000_000)))


@pytest.fixture
def abroad(charging: Database, clock: DrivenClock) -> Database:
    """A postpaid account that has used 85 MB in Spain, a cent each, of a euro."""
    now = clock.now()
    keep_policy(charging, POLICY)
    with charging.transaction() as tx:
        insert_tariff(tx, compiled(), now)
        open_account(tx, opening(kind=AccountKind.POSTPAID))
    at, where = int(now.timestamp()), Circumstances(network="21407")
    GroupCommit(charging, policy=POLICY).process(
        [
            request(Kind.INITIAL, 0, asks(MB), at=at, where=where),
            request(Kind.TERMINATE, 1, asks(used=85 * MB), at=at, where=where),
        ],
        now,
    )
    return charging


def test_counters_are_told_with_what_follows(abroad: Database, make_client: MakeClient) -> None:
    client = make_client("charging:read")
    told: Any = client.get(f"{BASE}/account/cac_1/policyCounter").body
    assert told == [
        {
            "counter": "roaming",
            "status": "warned",
            "amount": 850_000,
            "limit": 1_000_000,
            "percent": 85,
            "pending": [{"status": "normal", "activeFrom": "2026-12-01T00:00:00.000Z"}],
        }
    ]
    assert client.get(f"{BASE}/account/cac_9/policyCounter").status == 404


def test_consent_is_given_seen_and_withdrawn(
    abroad: Database, make_client: MakeClient, relay: Relay
) -> None:
    client = make_client("charging:read", "charging:write")
    path = f"{BASE}/account/cac_1/roamingConsent"
    for given in (True, False):
        assert client.post(path, {"given": given}).status == 202
        relay.drain()
        assert client.get(path).body == {"given": given, "until": "2026-12-01T00:00:00.000Z"}
    assert client.get(f"{BASE}/account/cac_9/roamingConsent").status == 404


def test_what_the_host_refused_is_listed(
    abroad: Database, books: Database, make_client: MakeClient, clock: DrivenClock
) -> None:
    client = make_client("charging:read", "charging:write")
    bar = Bar(
        service=ServiceId("svc_1"),
        cause=Cause.ROAMING,
        product=ProductId("cac_1"),
        state=BarState.ASKED,
        asked_at=clock.now(),
    )
    with books.transaction() as tx:
        put_bar(tx, bar)
    [told] = client.get(f"{BASE}/bar").body
    assert (told["service"], told["cause"], told["state"]) == ("svc_1", "roaming", "asked")
    assert client.post(f"{BASE}/bar/svc_1/roaming/retry", {}).status == 409
    assert client.post(f"{BASE}/bar/svc_1/balance/retry", {}).status == 404
    assert client.post(f"{BASE}/bar/svc_1/whim/retry", {}).status == 404
