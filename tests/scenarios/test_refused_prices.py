"""One offering whose prices can't be compiled: all others' go on, it keeps those that it had, and
it is told of until it is mended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.scenarios.price_shop import Shop, offering
from tests.unit.catalog.builders import voice_usage
from tests.unit.platform.test_schema import NewDatabase
from trunkline.app import METADATA
from trunkline.catalog import import_rate_sheet
from trunkline.charging import measure_refused, refused_plans
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.published import (
    Published,
    keep_published,
    last_published,
    publications,
)
from trunkline.kernel.time import format_instant
from trunkline.platform import schema, telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, with_driver
from trunkline.platform.deliveries import backlog
from trunkline.platform.relay import Relay
from trunkline.rating import CHARGE, RATED, VOICE, new_slice

EU = {"name": "EU", "networks": ["208", "262"]}
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Shop:
    return Shop(books, charging, relay, clock)


def price(price_id: str, cents: int, **more: Any) -> dict[str, Any]:
    return voice_usage(price_id, price={"unit": "EUR", "value": f"0.{cents:02}"}, **more)


def until(instant: datetime) -> dict[str, Any]:
    return {"validFor": {"endDateTime": format_instant(instant)}}


def since(instant: datetime) -> dict[str, Any]:
    return {"validFor": {"startDateTime": format_instant(instant)}}


def minute(shop: Shop, plan: str, *, at: datetime | None = None, network: str = "") -> int | None:
    """Cents that a minute costs; None where the plan has no price for it."""
    instant = int((at or shop.clock.now()).timestamp())
    with shop.charging.read() as r:
        in_force = installed_tariffs(r).at(instant)
    assert in_force is not None
    found = in_force.plan(plan)
    if found is None:
        return None
    where = found.places.where(network=network)
    slice_ = new_slice(found.index, VOICE, start=instant, units=60, where=where)
    return slice_[CHARGE] // 10_000 if in_force.rate(slice_) == RATED else None


def refused(shop: Shop) -> dict[str, bool]:
    """Those that are, and whether older prices hold in their place; nothing is parked."""
    with shop.books.read() as r:
        assert backlog(r, shop.clock.now())[:3] == (0, 0, 0)
        return {each.plan: each.has_prices for each in refused_plans(r)}


def test_what_is_refused_of_one_offering_leaves_the_others_alone(shop: Shop) -> None:
    """A zone by its name alone, which nobody says the networks of: the new offering has no
    prices, the one that had some keeps them, others change theirs."""
    shop.offer(offering("one", price("p1", 1)), offering("two", price("p2", 2)))
    shop.clock.advance(timedelta(hours=1))
    with capture_logs() as said:
        shop.offer(
            offering("new", price("bad", 9, zone="Atlantis")),
            offering("two", price("p2", 3, zone="Atlantis")),
            offering("one", price("p1", 4)),
        )
    told = {each["plan"]: each["path"] for each in said if each["event"] == "prices refused"}
    assert told == {
        "new": "plan new, usage rule 1, zone",
        "two": "plan two, usage rule 1, zone",
    }
    assert refused(shop) == {"new": False, "two": True}
    assert [minute(shop, each) for each in ("one", "two", "new")] == [4, 2, None]
    with shop.books.read() as r:
        measure_refused(r)
    assert "trunkline_tariff_refused_plans 2.0" in telemetry.metrics({}, NEW_YEAR).decode()

    began = shop.clock.now()
    shop.clock.advance(timedelta(hours=1))
    with capture_logs() as said:
        shop.offer(offering("one", price("p1", 5)), offering("two", price("p2", 3)))
    assert [each["plan"] for each in said if each["event"] == "prices refused"] == []
    assert refused(shop) == {"new": False}
    with shop.books.read() as r:
        assert [each.since for each in refused_plans(r)] == [began]
    assert [minute(shop, each) for each in ("one", "two")] == [5, 3]

    shop.clock.advance(timedelta(hours=1))
    shop.offer(
        offering("map", price("atlantis", 7, zone={"name": "Atlantis", "networks": ["999"]}))
    )
    assert refused(shop) == {}
    assert minute(shop, "new", network="99901") == 9
    assert minute(shop, "two", at=began) == 2


def test_who_took_a_zone_away_from_others_leaves_them_as_they_were(shop: Shop) -> None:
    """`tourist` has the zone by its name alone. `home`, which said its networks, says none any
    more; then another offering says others."""
    shop.offer(
        offering("home", price("eu", 1, zone=EU)), offering("tourist", price("t", 2, zone="EU"))
    )
    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("home", price("eu", 3)))
    assert refused(shop) == {"tourist": True}
    assert minute(shop, "home") == 3
    assert [minute(shop, "tourist", network=each) for each in ("20801", "31001")] == [2, None]

    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("map", price("m", 4, zone={"name": "Europe", "networks": ["262"]})))
    assert refused(shop) == {"map": False, "tourist": True}
    assert minute(shop, "tourist", network="26201") == 2

    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("tourist", price("t", 5, zone="Europe")))
    assert refused(shop) == {}
    assert [minute(shop, "tourist", network=each) for each in ("20801", "26201")] == [None, 5]


def test_of_two_that_contradict_each_other_the_one_that_changed_is_refused(shop: Shop) -> None:
    shop.offer(offering("z", price("eu", 1, zone=EU)))
    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("a", price("france", 2, zone={"name": "France", "networks": ["208"]})))
    assert refused(shop) == {"a": False}
    assert minute(shop, "z", network="20801") == 1


def test_what_is_refused_from_an_instant_on_keeps_what_holds_before_it(shop: Shop) -> None:
    shop.offer(
        offering(
            "one", price("p", 1, **until(NEW_YEAR)), price("q", 2, zone="X", **since(NEW_YEAR))
        ),
        offering("two", price("r", 3, **until(NEW_YEAR)), price("s", 4, **since(NEW_YEAR))),
    )
    with shop.books.read() as r:
        [found] = refused_plans(r)
    assert found.path.startswith("from 2027-01-01T00:00:00")
    assert [minute(shop, "one"), minute(shop, "one", at=NEW_YEAR)] == [1, 1]
    assert [minute(shop, "two"), minute(shop, "two", at=NEW_YEAR)] == [3, 4]


def test_what_was_announced_before_holds_while_its_offering_is_refused(shop: Shop) -> None:
    """In November two cents are announced for the new year. What takes their place is refused, in
    January too, and another offering changes meanwhile."""
    now_, later = price("p", 1, **until(NEW_YEAR)), price("q", 2, **since(NEW_YEAR))
    shop.offer(offering("one", now_, later), offering("two", price("r", 3)))
    shop.clock.advance(timedelta(hours=1))
    wrong = price("bad", 9, zone="X")
    shop.offer(offering("one", wrong), offering("two", price("r", 4)))
    assert [minute(shop, "one"), minute(shop, "one", at=NEW_YEAR)] == [1, 2]
    shop.clock.set(NEW_YEAR + timedelta(days=1))
    shop.offer(offering("two", price("r", 5)))
    assert refused(shop) == {"one": True}
    assert [minute(shop, "one"), minute(shop, "two")] == [2, 5]


def test_an_announced_price_that_is_made_a_wrong_one_stays_as_it_was_announced(shop: Shop) -> None:
    """Unless what holds before it has changed as well: then that holds on."""
    first, later = price("p", 1, **until(NEW_YEAR)), price("q", 2, **since(NEW_YEAR))
    autumn = datetime(2026, 12, 1, tzinfo=UTC)
    other = price("r", 3, **until(autumn)), price("s", 4, **since(autumn))
    shop.offer(offering("one", first, later), offering("two", *other))
    wrong = price("q", 3, zone="X", **since(NEW_YEAR))
    for cents, then in ((1, 2), (4, 4)):
        shop.clock.advance(timedelta(hours=1))
        shop.offer(offering("one", price("p", cents, **until(NEW_YEAR)), wrong))
        assert refused(shop) == {"one": True}
        assert [minute(shop, "one"), minute(shop, "one", at=NEW_YEAR)] == [cents, then]


def test_a_refused_offering_keeps_its_sheet_as_it_was(shop: Shop) -> None:
    def sheet(cost: str) -> None:
        lines = [
            "Target Pattern Name,Prefix,Per minute charge,Connection charge,Charge period\n",
            f"Sweden,46,{cost},0,60\n",
        ]
        with shop.books.transaction() as tx:
            import_rate_sheet(tx, sheet="w", lines=lines, currency="EUR", now=shop.clock.now())

    sheet("0.10")
    one = price("p", 1, rateSheet="w")
    shop.offer(offering("one", one), offering("two", price("q", 2, rateSheet="w")))
    shop.open("one")
    assert shop.call("46701234567", 60) == 100_000
    for cost in ("0.30", "0.40"):
        shop.clock.advance(timedelta(hours=1))
        sheet(cost)
        shop.offer(offering("one", one | {"zone": "X"}))
        assert refused(shop) == {"one": True}
        assert shop.call("46701234567", 60) == 100_000
    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("one", one))
    assert shop.call("46701234567", 60) == 400_000


def test_that_an_earlier_release_has_published_is_known(
    new_database: NewDatabase, clock: DrivenClock
) -> None:
    url = new_database("before", empty=True)
    schema.upgrade(url, "books", "books_0033")
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO charging_tariff_request (id, requested) VALUES (1, 7)")
        )
    engine.dispose()
    schema.upgrade(url, "books")
    books = Database(url, metadata=METADATA["books"], clock=clock)
    with books.read() as r:
        assert last_published(r) == Published(known=False)
        assert refused_plans(r) == ()
    books.close()


def test_what_an_earlier_release_has_published_is_not_lost(shop: Shop) -> None:
    """What is in force of a refused offering isn't known: nothing is published until it is
    mended."""
    shop.offer(offering("one", price("p", 1)))
    with shop.books.transaction() as tx:
        keep_published(tx, Published(known=False), ())
    shop.clock.advance(timedelta(hours=1))
    shop.offer(offering("one", price("p", 2, zone="X")), offering("two", price("q", 3)))
    assert [minute(shop, "one"), minute(shop, "two")] == [1, None]
    shop.offer(offering("one", price("p", 4)))
    assert [minute(shop, "one"), minute(shop, "two")] == [4, 3]
    with shop.books.read() as r:
        assert r.execute(sa.select(publications.c.id)).scalars().all() == [1]
