"""Data abroad past its limit, as files tell of it: charged up to the limit, and not a cent more in
balances, bills or the ledger; what was waived is seen, and can be explained."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, asks, request
from trunkline import usage
from trunkline.app import REACTIONS
from trunkline.charging import (
    SERVER_DECIDES,
    ChargingAccountId,
    Circumstances,
    ConsentToRoam,
    Explanation,
    GrantPolicy,
    GroupCommit,
    Kind,
    RecordKind,
    RoamingPolicy,
    Rules,
    UsageCut,
    explain,
    keep_policy,
    records,
    usage_lines,
)
from trunkline.charging.months import month_at
from trunkline.cli.charging import lines_of
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.ledger import PREPAID, UNBILLED, USAGE_REVENUE
from trunkline.platform import telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay

POLICY = GrantPolicy(rules=Rules(roaming=RoamingPolicy(home=("272",), limit=1_000_000)))
"""A euro, that is 100 MB."""
SPAIN = Circumstances(network="21407")
INSTEAD = {
    "charging.roaming_spent",
    "charging.arrived_abroad",
    "charging.consented_to_roam",
}
PREPAID_ONE, POSTPAID_ONE, HYBRID_ONE = 1, 2, 3
CENT = 10_000


@pytest.fixture
def ear() -> Ear:
    return Ear(INSTEAD)


@pytest.fixture
def routes(ear: Ear) -> Routes:
    return Routes(ear.among(REACTIONS))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    keep_policy(charging, POLICY)
    operator = Operator(books, charging, relay, clock)
    operator.network = GroupCommit(charging, policy=POLICY)
    operator.open(PREPAID_ONE)
    operator.open(POSTPAID_ONE, kind=AccountKind.POSTPAID)
    operator.open(HYBRID_ONE, kind=AccountKind.HYBRID, credit_limit=Money.of("5", "EUR"))
    operator.top_up(PREPAID_ONE, "10", "pay_1")
    operator.top_up(HYBRID_ONE, "0.30", "pay_3")
    return operator


def account(number: int) -> ChargingAccountId:
    return ChargingAccountId(f"cac_{number}")


def send_file(operator: Operator, where: Path, *lines: tuple[int, int]) -> None:
    """Of each (who, megabytes) in Spain."""
    at = operator.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = ["record_id,service,subscriber,start,quantity,unit,network"]
    name = hashlib.sha256(repr((lines, at)).encode()).hexdigest()[:12]
    rows += [
        f"{name}-{index},data,4670{who:07},{at},{megabytes},MB,21407"
        for index, (who, megabytes) in enumerate(lines)
    ]
    path = where / f"{name}.csv"
    path.write_text("\n".join(rows) + "\n")
    usage.import_cdr_file(operator.books, path, now=operator.clock.now())
    operator.relay.drain()


def ask(operator: Operator, kind: Kind, number: int, requested: int, used: int = 0) -> int:
    """What the gateway is granted, in megabytes."""
    unit = asks(requested, used=used * MB)
    message = request(kind, number, unit, subscriber=POSTPAID_ONE, at=operator.epoch, where=SPAIN)
    [outcome] = operator.network.process([message], operator.clock.now())
    return outcome.units[0].granted // MB


def explained(operator: Operator, number: int) -> list[Explanation]:
    with operator.charging.read() as r:
        journal = records(r, account(number), limit=100)
        return [explain(r, account(number), each.seq) for each in reversed(journal)]


def billed(operator: Operator, number: int) -> int:
    """What the month's bill takes, in cents."""
    month = month_at(operator.epoch, 1, "UTC")
    with operator.charging.read() as r:
        cuts = [UsageCut(account=account(number), seq=1000, period=month)]
        return sum(each.charge.micros for each in usage_lines(r, cuts)) // CENT


def test_what_is_past_the_limit_is_paid_by_nobody(
    operator: Operator, clock: DrivenClock, ear: Ear, tmp_path: Path
) -> None:
    everybody = (PREPAID_ONE, POSTPAID_ONE, HYBRID_ONE)
    send_file(operator, tmp_path, *((who, 70) for who in everybody))
    send_file(operator, tmp_path, *((who, megabytes) for megabytes in (50, 5) for who in everybody))
    assert [operator.money(who) for who in everybody] == [900 * CENT, -100 * CENT, 0]
    assert [billed(operator, who) for who in (POSTPAID_ONE, HYBRID_ONE)] == [100, 70]
    assert operator.ledger(PREPAID) == -900 * CENT
    assert operator.ledger(UNBILLED) == 170 * CENT
    assert operator.ledger(USAGE_REVENUE) == -300 * CENT

    for who in everybody:
        found = explained(operator, who)
        assert all(each.holds for each in found), [each.differences for each in found]
        parts = [
            (each.stored.micros // CENT, each.waived.micros // CENT)
            for each in found
            if each.kind is RecordKind.USAGE and each.waived is not None
        ]
        assert parts == [(30, 20), (0, 5)]
        said = [" ".join(lines_of(each)) for each in found if each.waived is not None]
        assert all("not charged: roamingLimit" in each for each in said)
        assert (
            sum("that is 0.50 EUR" in each and "charged    0.30 EUR" in each for each in said) == 1
        )
    told = [each for each in ear.told if each.topic == "charging.roaming_spent"]
    assert len(told) == len(everybody)

    with operator.books.read() as r:
        [total] = usage.waived(r)
        assert usage.waived_lately(r, clock.now()) == [total]
        assert usage.waived_lately(r, clock.now() + timedelta(days=32)) == []
        rated = usage.usages(r)
        usage.measure_exposure(r, clock.now())
    assert (total.waiver, total.records, total.amount) == (
        "roamingLimit",
        6,
        Money.of("0.75", "EUR"),
    )
    assert [each.waived for each in rated if each.content.quantity == 70 * MB] == [None] * 3
    assert {str(each.waived) for each in rated if each.waived} == {"0.20 EUR", "0.05 EUR"}
    metrics = telemetry.metrics({}, clock.now()).decode()
    assert 'trunkline_usage_waived_micros{currency="EUR",reason="roamingLimit"} 750000.0' in metrics
    assert 'trunkline_usage_waived_records{currency="EUR",reason="roamingLimit"} 6.0' in metrics


def test_files_and_the_network_share_the_limit(
    operator: Operator, clock: DrivenClock, tmp_path: Path
) -> None:
    """What an open session has reserved of it no file takes. With consent nothing is waived, but
    what was used before it."""
    granted = ask(operator, Kind.INITIAL, 0, 60 * MB)
    assert granted == 50
    send_file(operator, tmp_path, (POSTPAID_ONE, 60))
    assert operator.money(POSTPAID_ONE) == -50 * CENT
    assert ask(operator, Kind.TERMINATE, 1, -1, used=granted) <= 0
    assert operator.money(POSTPAID_ONE) == -100 * CENT
    send_file(operator, tmp_path, (POSTPAID_ONE, 7))
    assert operator.money(POSTPAID_ONE) == -100 * CENT

    clock.advance(timedelta(hours=1))
    operator.tell(ConsentToRoam(account=account(POSTPAID_ONE), given=True))
    send_file(operator, tmp_path, (POSTPAID_ONE, 9))
    assert operator.money(POSTPAID_ONE) == -109 * CENT
    assert ask(operator, Kind.INITIAL, 0, SERVER_DECIDES) > 0
    assert all(each.holds for each in explained(operator, POSTPAID_ONE))
    with operator.books.read() as r:
        [total] = usage.waived(r)
    assert (total.records, total.amount) == (2, Money.of("0.17", "EUR"))


def test_where_the_law_is_another_all_of_it_is_charged(operator: Operator, tmp_path: Path) -> None:
    charging = RoamingPolicy(home=("272",), limit=1_000_000, waives=False)
    keep_policy(operator.charging, GrantPolicy(rules=Rules(roaming=charging)))
    send_file(operator, tmp_path, (POSTPAID_ONE, 170))
    assert operator.money(POSTPAID_ONE) == -170 * CENT
    with operator.books.read() as r:
        assert usage.waived(r) == []
