"""What revenue assurance asks of files: usage of before an account was opened and after it was
closed, clocks that differ at a month's turn, records that come twice by two ways."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import FIVE_GIGABYTES, MB, compiled, plan
from trunkline import usage
from trunkline.app import REACTIONS
from trunkline.charging import ChargingAccountId, CloseAccount, UsageCut, explain, records
from trunkline.charging import usage_lines as billed_lines
from trunkline.charging.months import month_at
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, UNBILLED
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay
from trunkline.usage import UsageState

ONE = ChargingAccountId("cac_1")
CENT = 10_000


@pytest.fixture
def routes() -> Routes:
    return Routes(Ear(set()).among(REACTIONS))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    clock.set(datetime(2026, 11, 10, 12, tzinfo=UTC))
    return Operator(books, charging, relay, clock)


def take(operator: Operator, where: Path, *rows: tuple[str, int, datetime]) -> None:
    """A file of (record id, megabytes, when); of the number of the first account."""
    lines = ["record_id,service,subscriber,start,quantity,unit"]
    lines += [f"{name},data,46700000001,{at.isoformat()},{mb},MB" for name, mb, at in rows]
    path = where / f"{'-'.join(row[0] for row in rows)}.csv"
    path.write_text("\n".join(lines) + "\n")
    usage.import_cdr_file(operator.books, path, now=operator.clock.now())
    operator.relay.drain()


def states(operator: Operator) -> dict[str, tuple[UsageState, str | None]]:
    with operator.books.read() as r:
        return {each.content.record_id: (each.state, each.error) for each in usage.usages(r)}


def all_holds(operator: Operator) -> bool:
    with operator.charging.read() as r:
        return all(explain(r, ONE, each.seq).holds for each in records(r, ONE, limit=100))


@pytest.mark.parametrize("kind", [AccountKind.PREPAID, AccountKind.POSTPAID])
def test_usage_belongs_to_who_had_the_number_when_it_was_used(
    operator: Operator, clock: DrivenClock, tmp_path: Path, kind: AccountKind
) -> None:
    """Before the opening and after the end it is nobody's, and waits; what was used before the end
    and told of after it is charged, to the balance or the last bill."""
    opened = clock.now()
    operator.open(1, kind=kind, opened_at=opened)
    if kind is AccountKind.PREPAID:
        operator.top_up(1, "5", "pay_1")
    clock.advance(timedelta(days=1))
    closed = clock.now()
    operator.tell(CloseAccount(account=ONE, closed_at=closed))
    clock.advance(timedelta(hours=2))
    second = timedelta(seconds=1)
    take(
        operator,
        tmp_path,
        ("before", 1, opened - second),
        ("first", 2, opened),
        ("last", 3, closed - second),
        ("after", 4, closed),
    )
    unknown = (UsageState.REJECTED, "unknownSubscriber")
    rated = (UsageState.RATED, None)
    assert states(operator) == {
        "before": unknown, "first": rated, "last": rated, "after": unknown
    }  # fmt: skip
    if kind is AccountKind.PREPAID:
        assert operator.money(1) == 495 * CENT
        assert operator.ledger(PREPAID) == -495 * CENT
    else:
        assert operator.ledger(UNBILLED) == 5 * CENT
        cut = UsageCut(account=ONE, seq=100, period=month_at(operator.epoch, 1, "UTC"))
        with operator.charging.read() as r:
            assert sum((each.charge for each in billed_lines(r, [cut])), Money.zero("EUR")) == (
                Money.of("0.05", "EUR")
            )
    assert all_holds(operator)
    assert usage.retry_rejected(operator.books, now=clock.now()) == 2
    operator.relay.drain()
    assert states(operator)["after"] == unknown


def test_clocks_that_differ_at_a_months_turn_lose_no_allowance(
    operator: Operator, clock: DrivenClock, tmp_path: Path
) -> None:
    """A record of ten minutes from now begins December; what November had left still pays for what
    is told of it, and nothing is given twice."""
    operator.install(compiled(plan(), plan(FIVE_GIGABYTES, id_="rich"), version=2))
    operator.open(1, plan="rich", kind=AccountKind.POSTPAID)
    clock.set(datetime(2026, 11, 30, 23, 55, tzinfo=UTC))
    now, minute = clock.now(), timedelta(minutes=1)
    take(
        operator, tmp_path, ("november", 3000, now - minute), ("december", 3000, now + 10 * minute)
    )
    take(operator, tmp_path, ("late", 2000, now - 2 * minute), ("over", 1, now - 2 * minute))
    clock.advance(timedelta(hours=1))
    take(operator, tmp_path, ("then", 2000, now + 20 * minute), ("past", 1, now + 20 * minute))
    assert operator.ledger(UNBILLED) == 2 * CENT
    with operator.books.read() as r:
        free = {each.content.record_id: each.free // MB for each in usage.usages(r)}
    assert free == {
        "november": 3000, "december": 3000, "late": 2000, "over": 0, "then": 2000, "past": 0
    }  # fmt: skip
    assert all_holds(operator)


def test_what_comes_by_a_file_and_by_itself_is_charged_once(
    operator: Operator, clock: DrivenClock, tmp_path: Path
) -> None:
    """The same record of a source over TMF635 and in two files."""
    operator.open(1, kind=AccountKind.POSTPAID)
    at = clock.now() - timedelta(minutes=5)
    values = {
        "record_id": "r1", "service": "data", "subscriber": "46700000001",
        "start": at.isoformat(), "quantity": "7", "unit": "MB",
    }  # fmt: skip
    with operator.books.transaction() as tx:
        record = usage.record_of(values, clock.now())
        usage.take_usage(tx, source="cdr", record=record, now=clock.now())
    operator.relay.drain()
    take(operator, tmp_path, ("r1", 7, at))
    take(operator, tmp_path, ("r1", 7, at), ("r2", 1, at))
    assert operator.ledger(UNBILLED) == 8 * CENT
