"""The audit trail tells what was done, and that nobody altered it."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from trunkline.platform import audit
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

WHAT = "customer_1"


@pytest.fixture
def books(books: Database, clock: DrivenClock) -> Database:
    with books.transaction() as tx:
        for n in range(40):
            audit.record(
                tx,
                who="ann",
                verb="change_name",
                what=f"customer_{n % 4}",
                now=clock.now(),
                detail={"z": [n, Decimal("1.50")], "a": "Zoë", "price": Decimal("12.00")},
            )
    return books


def breaks(books: Database) -> list[audit.Break]:
    with books.snapshot() as r:
        return audit.verify(r)


def tamper(books: Database, statement: str) -> None:
    """As one with all rights on the database can."""
    with books.transaction() as tx:
        if books.dialect == "sqlite":
            for verb in ("update", "delete"):
                tx.execute(sa.text(f"DROP TRIGGER audit_trail_no_{verb}"))
        else:
            tx.execute(sa.text("ALTER TABLE audit_trail DISABLE TRIGGER USER"))
        tx.execute(sa.text(statement))


def test_it_tells_what_was_done(books: Database) -> None:
    with books.read() as r:
        entries = audit.about(r, WHAT)
        assert len(audit.latest(r, limit=7)) == 7
    assert [each.detail["z"][0] for each in entries] == list(range(37, 0, -4))
    assert {each.who for each in entries} == {"ann"}
    assert breaks(books) == []


def test_it_refuses_changes(books: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="immutable"), books.transaction() as tx:
        tx.execute(sa.text("UPDATE audit_trail SET who = 'bob'"))


def test_an_altered_entry_shows(books: Database) -> None:
    tamper(books, f"UPDATE audit_trail SET who = 'bob' WHERE what = '{WHAT}' AND sequence = 3")
    assert [(each.sequence, each.reason) for each in breaks(books)] == [
        (3, "the entry was altered")
    ]


def test_a_missing_entry_shows(books: Database) -> None:
    tamper(books, f"DELETE FROM audit_trail WHERE what = '{WHAT}' AND sequence = 3")
    assert [(each.sequence, each.reason) for each in breaks(books)] == [(3, "an entry is missing")]


def test_a_missing_end_shows(books: Database) -> None:
    tamper(books, f"DELETE FROM audit_trail WHERE what = '{WHAT}' AND sequence > 8")
    assert [each.sequence for each in breaks(books)] == [0]
