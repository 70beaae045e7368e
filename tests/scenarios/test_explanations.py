"""Why was this charged? Each record is run again, and held against what was stored."""

import base64
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    GB,
    MB,
    NOON,
    TEN_GIGABYTES,
    asks,
    compiled,
    plan,
    request,
)
from trunkline.charging import (
    Action,
    ChangePlan,
    ChargeRequest,
    ChargingAccountId,
    InstallTariff,
    Kind,
    Service,
    TopUp,
    explain,
    record_name,
    records,
    store,
)
from trunkline.charging.explanation import MOVES, Explanation
from trunkline.charging.journal import RecordKind
from trunkline.charging.model import BucketGrant
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rating import UNITS, Allowance

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


TARIFF_OF_BEFORE = base64.b64decode(
    "lgEH1v9q5oEAkaREYXRhkYSiaWSkcmljaKVpbmRleACoY3VycmVuY3mjRVVSqmFsbG93YW5jZXORhqJpZKhhbGxf"
    "ZGF0YaRuYW1lpDUgR0Knc2VydmljZaRkYXRhpXVuaXRzzwAAAAEqBfIArHJhdGluZ19ncm91cMCocHJpb3JpdHlk"
    "xCd4nGNkgABBBuyAEY2fgkM84DAqn5lI81jQxP9DAUyeA0oDAEe4CZU="
)
"""As an installation stored it before tariffs knew circumstances: 5 GB, then a micro for 3 bytes,
by the hundred, and 0.05 to connect."""
EVIDENCE_OF_BEFORE = (
    base64.b64decode(
        "3AAhAAABAM5q6czAzwAAAAEqBfKWz0AAAAAAAAAAzwAAAAEqBfKWMs3Dk83DkgIDAc3Dk88AAAABKgXyls8A"
        "AAABKgXyAAABzwAAAAEqBfIAAAD/zmrmgQDOaw4OAM8AAAABKgXyAAAAAAAAAAA="
    ),
    base64.b64decode(
        "3AAhAAABAM5q6czAzQEEz0AAAAAAAAAAzwAAAAEqBfOaWs3D983D9gIDAWTNAQQAAAEAAAD/zmrmgQDOaw4O"
        "AADPAAAAASoF8pYyzcOTzcOSAgMB"
    ),
)
"""And what it kept of a session that used 5 GB and 150 bytes, then 260 more."""
OF_BEFORE = (
    {"kind": 3, "balance": 1_000_000, "units": 5 * GB, "session": "all_data", "number": 1},
    {
        "kind": 0,
        "balance": 949_933,
        "charge": 50_067,
        "units": 5 * GB + 150,
        "free": 5 * GB,
        "tariff": 7,
        "label": 0,
        "session": "s1",
        "slice": EVIDENCE_OF_BEFORE[0],
    },
    {
        "kind": 0,
        "balance": 949_833,
        "charge": 100,
        "units": 260,
        "tariff": 7,
        "label": 0,
        "session": "s1",
        "slice": EVIDENCE_OF_BEFORE[1],
    },
)
"""Its rows of the journal, but for what is the same in all of them."""


def stored_before(operator: Operator, **changed: object) -> list[Explanation]:
    """Those rows under another account, the last of them changed; each of them explained."""
    operator.tell(
        InstallTariff(
            version=7, effective_from=datetime(2026, 11, 1, tzinfo=UTC), body=TARIFF_OF_BEFORE
        )
    )
    operator.open(2, plan="rich")
    operator.top_up(2, "1", "pay_2")
    account = ChargingAccountId("cac_2")
    alike = {"at": NOON, "period": 24_322, "charge": 0, "free": 0, "overrun": 0, "service": 0}
    alike |= {"rating_group": 1, "service_identifier": -1, "tariff": 0, "label": -1, "number": 1}
    rows: list[dict[str, Any]] = [dict(alike) | each for each in OF_BEFORE]
    rows[-1] |= changed
    with operator.charging.transaction() as tx:
        found = store.account(tx, account)
        assert found is not None
        for seq, row in enumerate(rows, 2):
            tx.execute(sa.insert(store.records).values(account=found.key, seq=seq, **row))
    with operator.charging.read() as r:
        return [explain(r, account, seq) for seq in range(1, len(rows) + 2)]


def test_evidence_of_before_is_run_again_too(operator: Operator) -> None:
    """By the tariff of before: 200 bytes are 66 2/3 micros, 300 more make it 166 2/3."""
    *_, first, last = found = stored_before(operator)
    assert [each.differences for each in found] == [()] * 4
    assert [each.units for each in first.steps] == [5 * GB, 200]
    assert (first.recomputed.micros, last.recomputed.micros) == (50_067, 100)
    assert last.before is not None
    assert last.after is not None
    assert last.before == first.after
    assert last.before.exact == 50_066 + Fraction(2, 3)
    assert (last.after.exact, last.after.ahead) == (50_166 + Fraction(2, 3), 90)


@pytest.mark.parametrize("place", [5, 7, 14])
def test_altered_evidence_of_before_does_not_hold(operator: Operator, place: int) -> None:
    """The units, the position, and the charge, where they stood then."""
    numbers = msgspec.msgpack.decode(EVIDENCE_OF_BEFORE[1], type=list[int])
    numbers[place] += 100
    *before, last = stored_before(operator, slice=msgspec.msgpack.encode(numbers))
    assert all(each.holds for each in before)
    assert not last.holds


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


def test_an_allowance_is_known_among_those_of_its_month(operator: Operator) -> None:
    """The plan includes another one from December on."""
    start = datetime(2026, 12, 1, tzinfo=UTC)
    operator.install(compiled(plan(TEN_GIGABYTES, id_="rich"), version=2, start=start))
    use(operator, MB)
    operator.clock.advance(timedelta(days=30))
    for kind, number, unit in ((Kind.INITIAL, 0, asks(MB)), (Kind.TERMINATE, 1, asks(used=MB))):
        message = request(kind, number, unit, session="december", at=operator.epoch)
        operator.network.process([message], operator.clock.now())
    with operator.charging.read() as r:
        used = [line for line in records(r, ACCOUNT, limit=9) if line.kind == RecordKind.USAGE]
        found = [explain(r, *record_name(line.id)) for line in used]
    assert [[bucket.name for bucket in each.buckets] for each in found] == [
        ["all_more"],
        ["all_data"],
    ]


def test_what_is_used_of_the_plan_before_counts_as_used_of_the_next(operator: Operator) -> None:
    """100 MB are granted of 5 GB and reported under a plan with 10 GB; their report is explained
    by the allowance that they were granted of."""
    operator.install(
        compiled(plan(FIVE_GIGABYTES, id_="rich"), plan(TEN_GIGABYTES, id_="more"), version=2)
    )
    first = request(Kind.INITIAL, 0, asks(100 * MB), at=operator.epoch)
    operator.network.process([first], operator.clock.now())
    operator.clock.advance(timedelta(minutes=1))
    operator.tell(ChangePlan(account=ACCOUNT, plan="more", changed_at=operator.clock.now()))
    last = request(Kind.TERMINATE, 1, asks(used=100 * MB), at=operator.epoch)
    operator.network.process([last], operator.clock.now())
    with operator.charging.read() as r:
        lines = [line for line in records(r, ACCOUNT) if line.kind != RecordKind.TOP_UP]
        found = [explain(r, *record_name(line.id)) for line in reversed(lines)]
    assert [(each.units, each.holds) for each in found] == [
        (5 * GB, True),
        (10 * GB, True),
        (-100 * MB, True),
        (100 * MB, True),
    ]
    [used] = found[-1].buckets
    assert (used.free, used.taken) == (5 * GB, 100 * MB)


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
    reckoned = {
        RecordKind.USAGE,
        RecordKind.ALLOWANCE,
        RecordKind.UNRATED,
        RecordKind.PASSED,
        RecordKind.WAIVED,
    }
    assert reckoned | set(MOVES) == set(RecordKind)


@pytest.mark.parametrize("text", ["", "cac_1", "cac_1/", "cac_1/x", "cac_1/-1", "/3"])
def test_what_names_no_record(text: str) -> None:
    with pytest.raises(Invalid):
        record_name(text)
