"""Why was this charged? Each record is run again, and held against what was stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import GB, MB, asks, compiled, plan, request
from trunkline.charging import (
    Action,
    ChargeRequest,
    ChargingAccountId,
    Kind,
    Service,
    TopUp,
    explain,
    record_name,
    records,
    store,
)
from trunkline.charging.explanation import MOVES
from trunkline.charging.journal import RecordKind
from trunkline.charging.model import BucketGrant
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rating import UNITS, Allowance, layout

ACCOUNT = ChargingAccountId("cac_1")


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    operator = Operator(books, charging, relay, clock)
    operator.open(1, plan="rich")
    operator.top_up(1, "1", "pay_1")
    return operator


def use(operator: Operator, used: int) -> None:
    at = operator.epoch
    operator.network.process(
        [
            request(Kind.INITIAL, 0, asks(used), at=at),
            request(Kind.TERMINATE, 1, asks(used=used), at=at),
        ],
        operator.clock.now(),
    )


def tamper(operator: Operator, kind: RecordKind, **values: object) -> int:
    """Changes a stored record behind the journal's back; its number."""
    table = store.records
    where = table.c.kind == int(kind)
    with operator.charging.transaction() as tx:
        if tx.dialect == "sqlite":
            tx.execute(sa.text("DROP TRIGGER charging_record_no_update"))
        else:
            tx.execute(sa.text("DROP TRIGGER charging_record_no_change ON charging_record"))
        row = tx.execute(sa.select(table).where(where)).one()
        tx.execute(sa.update(table).where(where).values(**values))
        return int(row.seq)


def test_usage_by_an_allowance_and_then_by_money(operator: Operator) -> None:
    """5 GB are included; 10 more MB and a bit, each begun, cost a cent."""
    use(operator, 5 * GB + 9 * MB + 1)
    with operator.charging.read() as r:
        line = records(r, ACCOUNT, limit=1)[0]
        found = explain(r, *record_name(line.id))
    assert found.holds
    assert (found.kind, found.service) == (RecordKind.USAGE, Service.DATA)
    assert (found.tariff, found.plan, found.label) == (1, "rich", "Data")
    [bucket] = found.buckets
    assert (bucket.name, bucket.free, bucket.taken) == ("all_data", 5 * GB, 5 * GB)
    assert [(each.first, each.units, each.allowance, int(each.cost)) for each in found.steps] == [
        (0, 5 * GB, 0, 0),
        (5 * GB, 10 * MB, None, 100_000),
    ]
    assert found.before is not None
    assert found.after is not None
    assert (int(found.before.exact), int(found.after.exact), found.after.ahead) == (
        0,
        100_000,
        MB - 1,
    )
    assert (found.balance_before, found.balance_after) == (
        Money.of(1, "EUR"),
        Money.of("0.9", "EUR"),
    )


def test_every_kind_of_record_is_explained(operator: Operator) -> None:
    use(operator, MB)
    operator.network.process(
        [request(Kind.EVENT, 0, session="e", service=Service.SMS, called="467", at=operator.epoch)],
        operator.clock.now(),
    )
    with operator.charging.read() as r:
        found = {line.seq: explain(r, ACCOUNT, line.seq) for line in records(r, ACCOUNT)}
    assert [found[seq].kind for seq in sorted(found)] == [
        RecordKind.TOP_UP,
        RecordKind.ALLOWANCE,
        RecordKind.USAGE,
        RecordKind.USAGE,
    ]
    assert all(each.holds for each in found.values())
    assert found[2].label == "5 GB"
    assert all(each.balance_after.micros + each.stored.micros == each.balance_before.micros
               for each in found.values())  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (RecordKind.USAGE, {"charge": 0}, "charge in micros"),
        (RecordKind.USAGE, {"free": 1}, "units by allowances"),
        (RecordKind.TOP_UP, {"balance": 2_000_000}, "balance after it"),
        (RecordKind.TOP_UP, {"session": "pay_other"}, "no payment pay_other"),
        (RecordKind.ALLOWANCE, {"units": 6 * GB}, "units"),
        (RecordKind.ALLOWANCE, {"session": "all_other"}, "tariff 1 has no allowance all_other"),
    ],
)
def test_what_was_altered_is_said_aloud(
    operator: Operator, kind: RecordKind, values: dict[str, object], said: str
) -> None:
    use(operator, 5 * GB + MB)
    seq = tamper(operator, kind, **values)
    with operator.charging.read() as r:
        found = explain(r, ACCOUNT, seq)
    assert not found.holds
    assert any(each.startswith(said) for each in found.differences), found.differences


def test_altered_evidence_does_not_hold(operator: Operator) -> None:
    use(operator, 5 * GB + MB)
    with operator.charging.read() as r:
        evidence = r.execute(
            sa.select(store.records.c.slice).where(store.records.c.kind == 0)
        ).scalar_one()
    numbers = msgspec.msgpack.decode(evidence, type=list[int])
    numbers[UNITS] += MB
    seq = tamper(operator, RecordKind.USAGE, slice=msgspec.msgpack.encode(numbers))
    with operator.charging.read() as r:
        assert not explain(r, ACCOUNT, seq).holds


def of_before(evidence: bytes, **changed: int) -> bytes:
    """Evidence as it was kept before slices had circumstances, counters and an end mark."""
    today = msgspec.msgpack.decode(evidence, type=list[int])
    for name, value in changed.items():
        today[getattr(layout, name)] = value
    assert today[layout.COUNTER_COUNT] == 0
    old = [
        *today[: layout.WHERE],
        *today[layout.START : layout.PAID],
        today[layout.LABEL],
        today[layout.BUCKET_COUNT],
        *today[layout.BUCKETS : -1],
    ]
    assert len(old) == len(today) - 4
    return msgspec.msgpack.encode(old)


@pytest.mark.parametrize(
    ("changed", "holds"),
    [({}, True), ({"CHARGE": 1}, False), ({"UNITS": 1}, False), ({"POS_RATED": 7}, False)],
)
def test_evidence_of_before_is_run_again_too(
    operator: Operator, changed: dict[str, int], holds: bool
) -> None:
    use(operator, 5 * GB + MB)
    with operator.charging.read() as r:
        evidence = r.execute(
            sa.select(store.records.c.slice).where(store.records.c.kind == 0)
        ).scalar_one()
    seq = tamper(operator, RecordKind.USAGE, slice=of_before(evidence, **changed))
    with operator.charging.read() as r:
        found = explain(r, ACCOUNT, seq)
    assert found.holds is holds, found.differences
    if holds:
        assert (found.recomputed, found.free) == (Money.of("0.01", "EUR"), 5 * GB)
        assert [each.units for each in found.steps] == [5 * GB, MB]


def event(operator: Operator, number: int, **more: Any) -> ChargeRequest:
    return request(
        Kind.EVENT, 0, session=f"event{number}", at=operator.epoch, service=Service.SMS, **more
    )


def test_events_in_money_refunds_and_what_has_no_price(operator: Operator) -> None:
    operator.network.process(
        [
            event(operator, 1, money=300_000),
            event(operator, 2, money=100_000, action=Action.REFUND),
            request(Kind.INITIAL, 0, asks(1), service=Service.MMS, at=operator.epoch, session="m"),
            request(Kind.TERMINATE, 1, asks(used=1), at=operator.epoch, session="m"),
        ],
        operator.clock.now(),
    )
    with operator.charging.read() as r:
        found = [explain(r, ACCOUNT, line.seq) for line in records(r, ACCOUNT)][::-1]
    said = [(each.kind, each.stored.micros, each.holds) for each in found[2:]]
    assert said == [
        (RecordKind.USAGE, 300_000, True),
        (RecordKind.REFUND, -100_000, True),
        (RecordKind.UNRATED, 0, True),
    ]


def test_what_went_over_from_a_larger_allowance_holds(operator: Operator) -> None:
    """2 of 5 GB go over into a month that includes only one."""
    five = Allowance("all", "Data", "data", 5 * GB, rollover=2 * GB)
    one = msgspec.structs.replace(five, units=GB)
    start = datetime(2026, 12, 1, tzinfo=UTC)
    operator.install(compiled(plan(five, id_="rolls"), version=2))
    operator.install(compiled(plan(one, id_="rolls"), version=3, start=start))
    operator.open(2, plan="rolls")
    for month in range(2):
        unit = asks(MB, used=0)
        session, at = f"r{month}", operator.epoch
        first = request(Kind.INITIAL, 0, unit, session=session, subscriber=2, at=at)
        last = request(Kind.TERMINATE, 1, session=session, subscriber=2, at=at)
        operator.network.process([first, last], operator.clock.now())
        operator.clock.advance(timedelta(days=30))
    with operator.charging.read() as r:
        found = [explain(r, ChargingAccountId("cac_2"), seq) for seq in (1, 2, 3)]
    assert [(each.units, each.holds) for each in found] == [
        (5 * GB, True),
        (2 * GB, True),
        (GB, True),
    ]


def test_units_that_came_with_a_top_up_hold(operator: Operator) -> None:
    operator.tell(
        TopUp(
            payment_id="pay_2",
            account=ACCOUNT,
            amount=Money.of("5", "EUR"),
            buckets=(BucketGrant("data", GB, 7, "A week"),),
        )
    )
    with operator.charging.read() as r:
        [given] = [line for line in records(r, ACCOUNT) if line.kind == RecordKind.ALLOWANCE]
        found = explain(r, *record_name(given.id))
    assert (found.holds, found.differences) == (True, ())
    assert (found.why, found.units) == ("given with a top-up", GB)


def test_every_kind_has_its_words() -> None:
    """One that is added without isn't explained by a stand-in."""
    reckoned = {RecordKind.USAGE, RecordKind.ALLOWANCE, RecordKind.UNRATED, RecordKind.PASSED}
    assert reckoned | set(MOVES) == set(RecordKind)


@pytest.mark.parametrize("text", ["", "cac_1", "cac_1/", "cac_1/x", "cac_1/-1", "/3"])
def test_what_names_no_record(text: str) -> None:
    with pytest.raises(Invalid):
        record_name(text)
