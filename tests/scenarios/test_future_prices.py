"""Prices that the catalogue announces: from their instant on, for open sessions and late records
alike, and to be taken back until then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.price_shop import Shop, offering
from tests.unit.catalog.builders import one_time, recurring, voice_usage
from tests.unit.charging.builders import MB, request
from trunkline import catalog, ordering
from trunkline.catalog import DocumentKind, OfferingId, patch_document
from trunkline.charging import (
    ChargeAnswer,
    ChargingAccountId,
    GroupCommit,
    Kind,
    RecordKind,
    Service,
    UnitRequest,
    explain,
    records,
    store,
)
from trunkline.charging.operations import top_up
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.kernel.time import format_instant
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rating import CHARGE, kernel, new_slice
from trunkline.rating.layout import BUCKET_COUNT

TODAY = datetime(2026, 11, 2, tzinfo=UTC)
NOON = TODAY + timedelta(hours=12)
ACCOUNT = ChargingAccountId("cac_1")


def data(price_id: str, value: str, **validity: datetime) -> dict[str, Any]:
    """So much a megabyte, by the megabyte."""
    return {
        "@type": "UsagePrice",
        "id": price_id,
        "name": f"Data {price_id}",
        "service": "data",
        "price": {"unit": "EUR", "value": value},
        "unitOfMeasure": {"amount": 1, "units": "MB"},
        "increments": [{"from": 0, "increment": MB}],
        **valid_for(**validity),
    }


def valid_for(start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    period = {
        name: format_instant(each)
        for name, each in (("startDateTime", start), ("endDateTime", end))
        if each is not None
    }
    return {"validFor": period} if period else {}


class Network(Shop):
    """The shop, with a gateway's sessions."""

    def __init__(
        self, books: Database, charging: Database, relay: Relay, clock: DrivenClock
    ) -> None:
        super().__init__(books, charging, relay, clock)
        self.worker = GroupCommit(charging)
        self.number = -1

    def at(self, hour: int, minute: int = 0) -> None:
        self.clock.set(TODAY + timedelta(hours=hour, minutes=minute))

    def send(self, kind: Kind, *units: UnitRequest, **more: Any) -> ChargeAnswer:
        self.number += 1
        now = self.clock.now()
        message = request(kind, self.number, *units, at=int(now.timestamp()), **more)
        [answer] = self.worker.process([message], now)
        return answer

    def paid(self) -> list[int]:
        """What each of the account's records of usage cost, in micros, the oldest first."""
        with self.charging.read() as r:
            found = records(r, ACCOUNT, limit=100)
        return [each.charge.micros for each in found if each.kind is RecordKind.USAGE][::-1]

    def money(self) -> tuple[int, int]:
        """The balance and what is reserved of it."""
        with self.charging.read() as r:
            account = store.account(r, ACCOUNT)
        assert account is not None
        return account.state.money, account.state.held

    def change(self, price_id: str, patch: dict[str, Any]) -> None:
        now = self.clock.now()
        with self.books.transaction() as tx:
            patch_document(tx, kind=DocumentKind.PRICE, document_id=price_id, patch=patch, now=now)
        self.relay.drain()


@pytest.fixture
def network(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Network:
    return Network(books, charging, relay, clock)


def announced(network: Network) -> None:
    """At nine: a cent a megabyte until noon, two cents from then on; ten euros prepaid."""
    network.offer(
        offering("surf", data("now", "0.01", end=NOON), data("later", "0.02", start=NOON))
    )
    network.open("surf", AccountKind.PREPAID)
    with network.charging.transaction() as tx:
        top_up(tx, ACCOUNT, payment_id="p", amount=Money.of(10, "EUR"), now=network.clock.now())


def test_an_open_session_pays_the_new_price_from_its_instant_on(network: Network) -> None:
    announced(network)
    assert network.versions() == 2
    network.at(11, 30)
    [unit] = network.send(Kind.INITIAL, UnitRequest(1, requested=100 * MB)).units
    assert unit.granted == 100 * MB
    assert unit.tariff_change == int(NOON.timestamp())
    # All of it may be used after noon, at 0.02.
    assert network.money() == (10_000_000, 2_000_000)

    network.at(12, 15)
    [unit] = network.send(
        Kind.UPDATE,
        UnitRequest(1, requested=100 * MB, used=100 * MB, after_change=40 * MB),
    ).units
    # 60 MB at 0.01 and 40 MB at 0.02; then 100 MB at 0.02.
    assert network.paid() == [600_000, 800_000]
    assert network.money() == (8_600_000, 2_000_000)
    assert unit.tariff_change == 0

    network.at(12, 30)
    network.send(Kind.TERMINATE, UnitRequest(1, used=10 * MB, final=True))
    assert network.paid() == [600_000, 800_000, 200_000]
    assert network.money() == (8_400_000, 0)
    with network.charging.read() as r:
        found = [each for each in records(r, ACCOUNT) if each.kind is RecordKind.USAGE]
        said = [explain(r, ACCOUNT, each.seq) for each in found]
    assert [(each.holds, each.label) for each in said[::-1]] == [
        (True, "Data now"), (True, "Data later"), (True, "Data later"),
    ]  # fmt: skip


def test_late_records_cost_what_their_time_cost(network: Network) -> None:
    """Online and in bulk: 5 MB a second before noon are five cents, at noon ten."""
    announced(network)
    network.at(18)
    second = timedelta(seconds=1)
    assert network.tell(Service.DATA, 5 * MB, NOON - second) == 50_000
    assert network.tell(Service.DATA, 5 * MB, NOON) == 100_000

    charged = []
    for instant in (NOON - second, NOON):
        with network.charging.read() as r:
            schedule = network.worker.tariffs
            schedule.set(store.tariff_versions(r))
            version = schedule.version_at(int(instant.timestamp()))
            assert version is not None
            tariff = store.tariff(r, version)
        event = new_slice(
            tariff.plan("surf").index, Service.DATA, start=int(instant.timestamp()), units=5 * MB
        )[:BUCKET_COUNT]
        kernel.rate_many(tariff.table, event, [0], [0, 0], [0] * 64, 2, [0])
        charged.append(event[CHARGE])
    assert charged == [50_000, 100_000]


def test_a_late_call_over_the_instant_is_split_there(network: Network) -> None:
    """Six cents a minute until noon, twelve from then on; ten to connect, once. A call of 90 s that
    begins a minute before noon: 0.10 + 60 s at 0.001 + 30 s at 0.002 = 0.22."""
    fee = {"connectionFee": {"unit": "EUR", "value": "0.10"}}
    six, twelve = ({"price": {"unit": "EUR", "value": value}} for value in ("0.06", "0.12"))
    network.offer(
        offering(
            "talk",
            voice_usage("now", **six, **fee, **valid_for(end=NOON)),
            voice_usage("later", **twelve, **fee, **valid_for(start=NOON)),
        )
    )
    network.open("talk")
    network.at(18)
    before = NOON - timedelta(minutes=1)
    assert network.call("4712345678", 90, at=before) == 220_000
    assert network.paid() == [160_000, 60_000]
    with network.charging.read() as r:
        assert all(explain(r, ACCOUNT, each.seq).holds for each in records(r, ACCOUNT))
    # Up to noon, and from noon on: one price each.
    assert network.call("4712345678", 60, at=before) == 160_000
    assert network.call("4712345678", 60, at=NOON) == 220_000


def test_what_was_announced_can_be_taken_back_until_it_holds(network: Network) -> None:
    announced(network)
    network.at(10)
    network.change("later", {"price": {"unit": "EUR", "value": "0.03"}})
    network.at(10, 30)
    # The change is put off to one o'clock, and is to four cents.
    one = NOON + timedelta(hours=1)
    network.change("later", {"price": {"unit": "EUR", "value": "0.04"}, **valid_for(start=one)})
    network.change("now", valid_for(end=one))
    network.at(14)
    costs = {
        hour: network.tell(Service.DATA, MB, TODAY + timedelta(hours=hour, minutes=30))
        for hour in (11, 12, 13)
    }
    assert costs == {11: 10_000, 12: 10_000, 13: 40_000}
    # It has been in force: what the catalogue says now, it says of the time to come.
    network.change("later", {"price": {"unit": "EUR", "value": "0.07"}})
    late = TODAY + timedelta(hours=13, minutes=40)
    assert network.tell(Service.DATA, MB, late) == 40_000
    assert network.tell(Service.DATA, MB, network.clock.now()) == 70_000


def test_a_price_that_ends_leaves_no_price(network: Network) -> None:
    network.offer(
        offering("surf", data("now", "0.01", end=NOON), voice_usage("calls")),
    )
    network.open("surf")
    assert network.versions() == 2
    network.at(13)
    assert network.tell(Service.DATA, MB, NOON - timedelta(hours=1)) == 10_000
    assert network.tell(Service.DATA, MB, NOON) == 0
    with network.charging.read() as r:
        assert records(r, ACCOUNT, limit=1)[0].label == ""


def test_two_prices_of_one_usage_may_follow_each_other_but_not_meet(network: Network) -> None:
    overlapping = (data("now", "0.01"), data("later", "0.02", start=NOON))
    with pytest.raises(catalog.InvalidDocument, match="at the same time"):
        network.offer(offering("surf", *overlapping))


def test_what_is_sold_has_the_price_of_its_day(books: Database, network: Network) -> None:
    """A monthly fee of 10 until noon and 12 from then on, and a fee of 5 that began at noon."""
    network.offer(
        offering(
            "surf",
            recurring("old", "10", **valid_for(end=NOON)),
            recurring("new", "12", **valid_for(start=NOON)),
            {**one_time("activation", "5"), **valid_for(start=NOON)},
        )
    )
    with books.read() as r:
        sold = catalog.offering(r, OfferingId("surf"))
    before = ordering.prices(sold, NOON - timedelta(seconds=1))
    after = ordering.prices(sold, NOON)
    assert [each.amount for each in before] == [Money.of(10, "EUR")]
    assert [each.amount for each in after] == [Money.of(12, "EUR"), Money.of(5, "EUR")]
