"""Accounts that are opened, topped up, moved and closed; and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    GB,
    HUNDRED_MINUTES,
    MB,
    NOON,
    OPENED,
    TEN_GIGABYTES,
    Phone,
    account,
    asks,
    compiled,
    opening,
    plan,
    postpaid,
    request,
    rule,
    tariffs,
)
from trunkline.charging import Kind, Result, Service
from trunkline.charging.account import (
    AccountIsClosed,
    LimitIsShared,
    NotPrepaid,
    PlanHasNoTariff,
    change_plan,
    close,
    opened,
    set_barred,
    top_up,
)
from trunkline.charging.events import MonthlyFee
from trunkline.charging.journal import RecordKind
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.state import NO_FLOOR
from trunkline.charging.terms import Renewal, Share, Terms
from trunkline.customers import AccountKind
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.rating import Allowance

TEN = Money.of("10", "EUR")
NOW = OPENED + timedelta(seconds=NOON - int(OPENED.timestamp()))


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"currency": "euro"}, "currency"),
        ({"time_zone": "Mars/Olympus"}, "timeZone"),
        ({"cycle_day": 32}, "cycleDay"),
        ({"identities": ()}, "identities"),
        ({"kind": AccountKind.POSTPAID, "credit_limit": Money.of("5", "USD")}, "creditLimit"),
    ],
)
def test_an_account_that_cannot_be_opened(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refusal:
        opened(opening(**wrong))
    assert refusal.value.path == path


def test_top_ups_are_for_open_prepaid_accounts_in_their_own_currency() -> None:
    state = account("0")
    top_up(state, TEN, NOW, "p1", [])
    assert state.money == 10_000_000
    with pytest.raises(CurrencyMismatch):
        top_up(state, Money.of("1", "USD"), NOW, "p2", [])
    with pytest.raises(Invalid):
        top_up(state, Money.of("0", "EUR"), NOW, "p3", [])
    with pytest.raises(NotPrepaid):
        top_up(postpaid(), TEN, NOW, "p4", [])
    close(state, NOW)
    with pytest.raises(AccountIsClosed):
        top_up(state, TEN, NOW, "p5", [])
    assert state.money == 10_000_000


def test_a_grant_keeps_its_price_when_the_plan_changes() -> None:
    """10 MB granted at a cent each cost 0.10, though the new plan asks ten cents a megabyte."""
    dear = plan(id_="dear", rules=(rule("data", "0.10", MB, increment=MB),))
    phone = Phone(account("10"), tariffs(compiled(plan(), dear)))
    phone.begin(asks(10 * MB))
    change_plan(phone.state, "dear", NOW, phone.tariffs, phone.journal)
    phone.go_on(asks(10 * MB, used=10 * MB))
    assert phone.state.money == 9_900_000
    assert phone.state.held == 1_000_000
    phone.end(asks(used=10 * MB))
    assert phone.state.money == 8_900_000


@pytest.mark.parametrize("late", [0, 5])
def test_what_an_allowance_was_granted_for_it_pays_whenever_the_plan_changes(late: int) -> None:
    """In the second of the grant, or in one before it, of which charging is told after it."""
    prices = tariffs(compiled(plan(FIVE_GIGABYTES), plan(id_="bare")))
    phone = Phone(account("0"), prices)
    phone.now = int(NOW.timestamp()) + late
    phone.begin(asks(GB))
    change_plan(phone.state, "bare", NOW, prices, phone.journal)
    phone.now += 60
    phone.end(asks(used=GB))
    assert (phone.state.money, phone.journal[-1].overrun) == (0, 0)
    phone.begin(asks(GB), session="s2")
    assert phone.state.session("s2") is not None
    assert phone.reserved() == [0]


def test_minutes_granted_of_an_allowance_cost_nothing_though_the_plan_changes_in_the_call() -> None:
    prices = tariffs(compiled(plan(HUNDRED_MINUTES), plan(id_="bare")))
    phone = Phone(account("0"), prices)
    phone.now = int(NOW.timestamp())
    phone.begin(asks(600), service=Service.VOICE)
    change_plan(phone.state, "bare", NOW, prices, phone.journal)
    phone.now += 600
    phone.end(asks(used=600), service=Service.VOICE)
    assert (phone.state.money, phone.journal[-1].free, phone.journal[-1].overrun) == (0, 600, 0)


def test_an_allowance_whose_first_use_is_told_after_the_change_of_plan_stays_over() -> None:
    day = Allowance("day", "A day", "data", GB, validity=DAY, first_use=True)
    prices = tariffs(compiled(plan(day), plan(id_="bare")))
    phone = Phone(account("10"), prices)
    phone.now = int(NOW.timestamp()) - 60
    phone.begin(asks(MB))
    change_plan(phone.state, "bare", NOW, prices, phone.journal)
    phone.now += 120
    phone.go_on(asks(MB, used=MB))
    phone.end(asks(used=MB))
    used = [each for each in phone.journal if each.kind == RecordKind.USAGE]
    assert [(each.free, each.charge) for each in used] == [(MB, 0), (0, 10_000)]


def test_an_upgrade_earns_no_second_allowance() -> None:
    prices = tariffs(compiled(plan(FIVE_GIGABYTES), plan(TEN_GIGABYTES, id_="more")))
    phone = Phone(account("10"), prices)
    phone.begin(asks(4 * GB))
    phone.end(asks(used=4 * GB))
    change_plan(phone.state, "more", NOW, prices, phone.journal)
    phone.now += 60
    phone.begin(asks(MB), session="s2")
    assert phone.remaining() == [GB, 6 * GB]
    assert phone.reserved() == [0, MB]


def test_going_to_and_fro_between_plans_earns_no_allowance_either() -> None:
    """5 GB used up; by way of a plan with none, and of one with 10, 5 are left in all."""
    prices = tariffs(
        compiled(plan(FIVE_GIGABYTES), plan(TEN_GIGABYTES, id_="more"), plan(id_="none"))
    )
    phone = Phone(account("10"), prices)
    phone.begin(asks(5 * GB))
    phone.end(asks(used=5 * GB))
    left = []
    for number, name in enumerate(("none", "plan", "more", "plan", "more")):
        change_plan(phone.state, name, NOW + timedelta(seconds=number), prices, phone.journal)
        left.append(phone.remaining()[-1])
    assert left == [0, 0, 5 * GB, 0, 5 * GB]


def test_what_was_used_before_a_change_of_plan_costs_what_it_cost_then() -> None:
    """Though files tell of it afterwards: a megabyte at a cent, then at ten cents; a call over the
    change by its parts."""
    plans = [
        plan(id_=name, rules=(rule("data", price, MB, increment=MB), rule("voice", price, 1)))
        for name, price in (("plan", "0.01"), ("dear", "0.10"), ("dearest", "1"))
    ]
    phone = Phone(account("100"), tariffs(compiled(*plans)))
    for later, name in ((100, "dear"), (200, "dearest")):
        change_plan(phone.state, name, NOW + timedelta(seconds=later), phone.tariffs, phone.journal)

    def told(at: int, service: Service, units: int) -> list[int]:
        first = len(phone.journal)
        record = request(Kind.EVENT, 0, asks(used=units), service=service, at=NOON + at)
        assert charge_usage(phone.state, record, phone.tariffs, phone.journal) is Result.SUCCESS
        return [each.charge for each in phone.journal[first:]]

    costs = [told(at, Service.DATA, MB) for at in (0, 99, 100, 199, 200, 1000)]
    assert costs == [[10_000]] * 2 + [[100_000]] * 2 + [[1_000_000]] * 2
    assert told(90, Service.VOICE, 115) == [100_000, 10_000_000, 5_000_000]


def test_a_plan_without_a_tariff_waits_for_one() -> None:
    state = account("10")
    with pytest.raises(PlanHasNoTariff):
        change_plan(state, "unheard of", NOW, tariffs(), [])
    assert state.plan == "plan"


def test_a_closed_account_stays_closed() -> None:
    state = account("10")
    close(state, NOW)
    closed = state.closed
    close(state, NOW + timedelta(days=1))
    assert state.closed == closed
    with pytest.raises(AccountIsClosed):
        set_barred(state, barred=False, now=NOW)
    with pytest.raises(AccountIsClosed):
        change_plan(state, "plan", NOW, tariffs(), [])


def test_a_limit_changes_and_ends() -> None:
    """Beside what a pool has of it, which it then can't do without."""
    state = account(kind=AccountKind.POSTPAID)

    def change(limit: str | None) -> int:
        money = None if limit is None else Money.of(limit, "EUR")
        change_plan(state, state.plan, NOW, tariffs(), [], limit=money)
        return state.floor

    assert change(None) == NO_FLOOR
    assert change("2") == -2_000_000
    assert change("3") == -3_000_000
    assert change(None) == NO_FLOOR
    change("3")
    state.floor -= 500_000
    state.terms = Terms(share=Share(7, "cac_7", money_limit=-1, money_leased=500_000))
    assert change("1") == -1_500_000
    with pytest.raises(LimitIsShared):
        change(None)


def test_a_change_of_plan_before_the_first_fee_leaves_it_a_part() -> None:
    state = account()
    state.terms = Terms(renewal=Renewal(10_000_000, first="actual"))
    change_plan(
        state, state.plan, NOW, tariffs(), [], MonthlyFee(amount=Money.of("20", "EUR"), label="Fee")
    )
    assert state.terms.renewal == Renewal(20_000_000, "Fee", first="actual")
