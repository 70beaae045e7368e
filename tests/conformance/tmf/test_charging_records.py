"""Charging's records, explained over HTTP and by the command."""

from typing import Any

import pytest

from tests.conformance.tmf.conftest import MakeClient
from tests.unit.charging.builders import FIVE_GIGABYTES, GB, MB, asks, compiled, opening, plan
from tests.unit.charging.builders import request as asked
from trunkline.charging import ChargingAccountId, GroupCommit, Kind, explain, store
from trunkline.charging.operations import open_account, top_up
from trunkline.cli.charging import lines_of
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

PATH = "/trunkline/charging/v1/record/cac_1"


@pytest.fixture
def charged(charging: Database, clock: DrivenClock) -> Database:
    """An account with 5 GB and a euro, of which ten cents were used."""
    now = clock.now()
    with charging.transaction() as tx:
        store.insert_tariff(tx, compiled(plan(FIVE_GIGABYTES)), now)
        open_account(tx, opening())
        top_up(
            tx,
            ChargingAccountId("cac_1"),
            payment_id="pay_1",
            amount=Money.of(1, "EUR"),
            now=now,
        )
    at = int(now.timestamp())
    used = 5 * GB + 10 * MB
    GroupCommit(charging).process(
        [
            asked(Kind.INITIAL, 0, asks(used), at=at),
            asked(Kind.TERMINATE, 1, asks(used=used), at=at),
        ],
        now,
    )
    return charging


def test_a_record_is_explained(charged: Database, make_client: MakeClient) -> None:
    client = make_client("charging:read")
    answer = client.get(f"{PATH}/3/explanation")
    assert answer.status == 200
    told: Any = answer.body
    assert told["holds"]
    assert (told["kind"], told["service"], told["rule"]) == ("usage", "data", "Data")
    assert told["charge"] == told["recomputed"] == {"unit": "EUR", "value": 0.1}
    assert [each["units"] for each in told["steps"]] == [5 * GB, 10 * MB]
    assert told["allowances"][0]["id"] == "all_data"
    assert told["balanceBefore"]["value"] - told["balanceAfter"]["value"] == pytest.approx(0.1)


def test_what_is_no_record(charged: Database, make_client: MakeClient) -> None:
    client = make_client("charging:read")
    assert client.get(f"{PATH}/99/explanation").status == 404
    assert client.get(f"{PATH}/x/explanation").status == 400
    assert client.get("/trunkline/charging/v1/record/cac_9/1/explanation").status == 404


def test_it_needs_its_scope(charged: Database, make_client: MakeClient) -> None:
    assert make_client("tmf654:read").get(f"{PATH}/3/explanation").status == 403


def test_the_command_tells_the_same(charged: Database) -> None:
    with charged.read() as r:
        lines = lines_of(explain(r, ChargingAccountId("cac_1"), 3))
    text = "\n".join(lines)
    assert "5,010,000,000, 5,000,000,000 by allowances" in text
    assert "10,000,000 units from unit 5,000,000,000: 0.1 EUR" in text
    assert "1.00 EUR before, 0.90 EUR after" in text
    assert lines[-1].endswith("holds")


def test_consent_to_data_abroad_is_kept_and_audited(
    charged: Database, books: Database, relay: Relay, make_client: MakeClient
) -> None:
    client = make_client("charging:write")
    path = "/trunkline/charging/v1/account/{}/roamingConsent"
    assert client.post(path.format("cac_9"), {"given": True}).status == 404
    assert client.post(path.format("cac_1"), {"given": "yes"}).status == 400
    for given in (True, False):
        assert client.post(path.format("cac_1"), {"given": given}).status == 202
        relay.drain()
        with charged.read() as r:
            found = store.account(r, "cac_1")
        assert found is not None
        assert bool(found.state.roams_on) is given
