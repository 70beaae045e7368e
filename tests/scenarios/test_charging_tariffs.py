"""From the catalogue's prices to what a call costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.price_shop import Shop, offering
from tests.unit.catalog.builders import data_allowance, voice_usage
from trunkline.catalog import (
    create_market,
    import_rate_sheet,
    rate_sheet,
)
from trunkline.charging import ChargingAccountId, balance, records
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

SHEET = [
    "Target Pattern Name,Prefix,Per minute charge,Connection charge,Charge period\n",
    "Sweden,46,0.10,0.02,60\n",
    "Sweden Mobile,467,0.30,0.05,1\n",
]
REAL_SHEET = Path(__file__).parents[3] / "shared" / "data" / "voice-rate-sheet.csv"


@pytest.fixture
def shop(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Shop:
    with books.transaction() as tx:
        create_market(
            tx,
            name="Europe",
            currency="EUR",
            time_zone="Europe/Stockholm",
            country="SE",
            tax_regime="SE",
            now=clock.now(),
        )
        import_rate_sheet(tx, sheet="world", lines=SHEET, currency="EUR", now=clock.now())
    return Shop(books, charging, relay, clock)


def test_a_call_costs_what_the_catalogue_says(shop: Shop) -> None:
    """61 s: two begun minutes at 0.10 and 0.02 to connect; 61 s at 0.30 a minute by the second
    and 0.05; elsewhere two minutes at 0.09."""
    shop.offer(
        offering(
            "talk",
            voice_usage(rateSheet="world", increments=[{"from": 0, "increment": 60}]),
            data_allowance(),
        )
    )
    shop.open("talk")
    assert shop.call("4681234567", 61) == 220_000
    assert shop.call("46701234567", 61) == 355_000
    assert shop.call("4712345678", 61) == 180_000
    with shop.charging.read() as r:
        seen = balance(r, ChargingAccountId("cac_1"), shop.clock.now())
        found = records(r, ChargingAccountId("cac_1"))
    assert [(each.name, each.remaining) for each in seen.buckets] == [("10 GB", 10**10)]
    assert [each.label for each in found if each.charge] == ["Calls", "Sweden Mobile", "Sweden"]


def test_many_changes_in_a_row_compile_once(shop: Shop) -> None:
    shop.offer(*(offering(f"plan{index}", voice_usage(f"calls{index}")) for index in range(20)))
    assert shop.versions() == 1
    shop.offer(offering("one-more", voice_usage("more")))
    assert shop.versions() == 2


def test_old_usage_has_the_price_of_its_time(shop: Shop) -> None:
    shop.offer(offering("talk", voice_usage()))
    shop.open("talk")
    before = shop.clock.now() + timedelta(hours=1)
    shop.clock.set(datetime(2026, 11, 9, 9, tzinfo=UTC))
    shop.offer(offering("talk", voice_usage(price={"unit": "EUR", "value": "0.20"})))
    assert shop.call("4712345678", 60) == 200_000
    assert shop.call("4712345678", 60, at=before) == 90_000


@pytest.mark.skipif(not REAL_SHEET.exists(), reason=f"{REAL_SHEET} is not here")
def test_the_real_sheet_prices_a_call_to_each_of_its_prefixes(shop: Shop) -> None:
    with shop.books.transaction() as tx:
        with REAL_SHEET.open() as lines:
            import_rate_sheet(tx, sheet="world", lines=lines, currency="EUR", now=shop.clock.now())
        sheet = rate_sheet(tx, "world")
    assert len(sheet.entries) == 4743
    shop.offer(offering("talk", voice_usage(rateSheet="world")))
    shop.open("talk")
    for entry in sheet.entries[::400]:
        number = entry.prefix.ljust(15, "0")[:15]
        longest = max(
            (each for each in sheet.entries if number.startswith(each.prefix)),
            key=lambda each: len(each.prefix),
        )
        periods = -(-125 // longest.charge_period)
        expected = longest.connection_charge + longest.price_per_minute.scaled(
            periods * longest.charge_period, 60
        )
        assert shop.call(number, 125) == expected.micros
