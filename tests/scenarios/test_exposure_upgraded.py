"""Exposure that was noted before it had causes and sums: kept, counted, and lifted by a top-up."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from tests.conftest import NOW
from tests.unit.platform.test_schema import NewDatabase
from trunkline import usage
from trunkline.app import METADATA
from trunkline.kernel.money import Money
from trunkline.kernel.time import to_micros
from trunkline.platform import schema
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, with_driver
from trunkline.platform.messages import Routes
from trunkline.usage import BarState, Cause

BEFORE = "books_0028"
_EXPOSURE = sa.text(
    "INSERT INTO usage_exposure (account, exhausted_at, noticed_at, barred_at, restored_at,"
    " currency, beyond) VALUES (:account, :at, :noticed, :barred, :restored, 'EUR', 70000)"
)


def test_what_was_stopped_before_is_stopped_still(
    new_database: NewDatabase,
    clock: DrivenClock,
    routes: Routes,
) -> None:
    """Of three balances one goes on again, one is stopped, and of one no answer is known."""
    url = new_database("upgraded", empty=True)
    schema.upgrade(url, "books", BEFORE)
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # the lines' products don't matter here
            connection.execute(sa.text("SET session_replication_role = replica"))
        for account, state, barred, restored in (
            ("prd_1", "active", 12, 20),
            ("prd_2", "inactive", 12, None),
            ("prd_3", "active", None, None),
        ):
            connection.execute(
                _EXPOSURE,
                {
                    "account": account,
                    "at": _micros(0),
                    "noticed": _micros(10),
                    "barred": _micros(barred),
                    "restored": _micros(restored),
                },
            )
            connection.execute(_service(connection), _line(account, state))
    engine.dispose()
    schema.upgrade(url, "books")
    database = Database(url, metadata=METADATA["books"], routes=routes, clock=clock)
    with database.read() as r:
        [total] = usage.exposed(r)
        [band] = usage.exposed_by_delay(r, clock.now())
        bars = usage.bars_of(r, ["prd_1", "prd_2", "prd_3"])
    database.close()
    assert (total.cause, total.ends, total.unbarred) == (Cause.BALANCE, 3, 1)
    assert total.beyond == Money.of("0.21", "EUR")
    assert (band.within, band.ends, band.longest) == (900, 3, 720)
    assert [(each.product, each.state) for each in bars] == [
        ("prd_2", BarState.BARRED),
        ("prd_3", BarState.REFUSED),
    ]


def _micros(minutes: int | None) -> int | None:
    at: datetime = NOW - timedelta(hours=1)
    return None if minutes is None else to_micros(at + timedelta(minutes=minutes))


def _service(connection: sa.Connection) -> sa.Insert:
    return sa.insert(sa.Table("service", sa.MetaData(), autoload_with=connection))


def _line(product: str, state: str) -> dict[str, object]:
    return {
        "id": f"svc_{product}",
        "name": "Mobile line",
        "category": "CFS",
        "state": state,
        "product_id": product,
        "customer_id": "cus_1",
        "created_at": 0,
        "service_date": 0,
        "characteristics": "{}",
    }
