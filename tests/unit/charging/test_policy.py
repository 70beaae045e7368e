"""What the operator rules: what always passes, how quota is cut, how a session ends, and what
happens where the price changes inside a quota."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.charging.builders import (
    FIVE_GIGABYTES,
    GB,
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    postpaid,
    request,
    rule,
    tariffs,
)
from trunkline.charging import (
    Action,
    FinalAction,
    FinalUnit,
    GrantPolicy,
    GrantSize,
    Kind,
    Pass,
    Passing,
    Result,
    Rules,
    Service,
    Status,
    UnitRequest,
)
from trunkline.charging.journal import RecordKind
from trunkline.charging.state import encode

PASSING = Passing.of(
    emergency=("112",), freephone=("3531800",), care=("1850",), top_up=("1740",), groups=(77,)
)
POLICY = GrantPolicy(rules=Rules(passing=PASSING))
PORTAL = FinalUnit(FinalAction.REDIRECT, "https://top-up.example/")


@pytest.mark.parametrize(
    "called", ["112", "+112", "3531800123456", "003531800123456", "1850", "1740"]
)
@pytest.mark.parametrize(
    "status", [Status.ACTIVE, Status.BARRED, Status.PRE_ACTIVE, Status.ONE_WAY, Status.EXPIRED]
)
@pytest.mark.parametrize("plan_", ["plan", "no such plan"])
def test_such_numbers_are_granted_whatever_the_account(
    called: str, status: Status, plan_: str
) -> None:
    phone = Phone(account("0", plan=plan_), policy=POLICY)
    phone.state.status = status
    voice: dict[str, Any] = {"service": Service.VOICE, "called": called}
    answer = phone.begin(asks(600, group=None), **voice)
    assert (answer.result, answer.units[0].granted) == (Result.SUCCESS, 600)
    answer = phone.go_on(asks(600, used=600, group=None), **voice)
    assert (answer.units[0].granted, answer.units[0].final) == (600, False)
    phone.end(asks(used=60, group=None), **voice)
    assert (phone.state.money, phone.state.held) == (0, 0)
    assert [(each.kind, each.units, each.charge) for each in phone.journal] == [
        (RecordKind.PASSED, 600, 0),
        (RecordKind.PASSED, 60, 0),
    ]


def test_other_numbers_are_not() -> None:
    phone = Phone(account("0"), policy=POLICY)
    for called in ("1120", "353180", "00353180", "46701", ""):
        answer = phone.begin(asks(60), service=Service.VOICE, called=called, session=called or "-")
        assert answer.units[0].result is Result.CREDIT_LIMIT


def test_free_data_passes_beside_data_that_does_not() -> None:
    phone = Phone(account("0"), policy=POLICY)
    phone.state.status = Status.BARRED
    answer = phone.begin(asks(MB, group=77), asks(MB, group=1))
    assert [each.result for each in answer.units] == [Result.SUCCESS, Result.DENIED]
    phone.end(asks(used=MB, group=77))
    assert [(each.kind, each.label) for each in phone.journal] == [
        (RecordKind.PASSED, Pass.ZERO_RATED)
    ]


def test_a_message_to_care_is_sent_without_money_once() -> None:
    phone = Phone(account("0"), policy=POLICY)
    message = request(Kind.EVENT, 0, service=Service.SMS, called="1850")
    first = phone.send(message)
    before = encode(phone.state)
    assert phone.send(message) == first
    assert encode(phone.state) == before
    assert [each.kind for each in phone.journal] == [RecordKind.PASSED]
    other = request(Kind.EVENT, 0, service=Service.SMS, called="46701", session="o")
    assert phone.send(other).result is Result.CREDIT_LIMIT
    asked = request(
        Kind.EVENT, 1, service=Service.SMS, called="112", session="c", action=Action.CHECK_BALANCE
    )
    assert phone.send(asked).enough


def test_each_rating_group_is_cut_as_it_is_ruled() -> None:
    small = GrantSize(2 * MB, MB, 3 * MB, 60, holding=30, threshold=25)
    phone = Phone(account("10"), policy=GrantPolicy(groups={5: small}))
    answer = phone.begin(asks(0, group=5), asks(0, group=6), asks(100 * MB, group=7))
    five, six, seven = answer.units
    assert (five.granted, five.validity, five.holding, five.threshold) == (2 * MB, 60, 30, MB // 2)
    assert (six.granted, six.validity, six.holding, six.threshold) == (50 * MB, 3600, 0, 0)
    assert seven.granted == 100 * MB
    assert phone.state.sessions[0].until == phone.now + 2 * 3600


def test_a_session_of_short_quotas_is_given_up_soon() -> None:
    policy = GrantPolicy(groups={5: GrantSize(MB, MB, MB, 60)})
    phone = Phone(account("10"), policy=policy)
    phone.begin(asks(0, group=5))
    phone.now += 121
    assert phone.go_on(asks(0, group=5)).result is Result.UNKNOWN_SESSION
    assert phone.state.held == 0


@pytest.mark.parametrize(
    "last", [PORTAL, FinalUnit(FinalAction.RESTRICT, filters=("portal-only",))]
)
def test_the_last_grant_says_how_it_goes_on(last: FinalUnit) -> None:
    size = GrantSize(50 * MB, MB, GB, 3600, threshold=20, last=last)
    phone = Phone(account("0.01"), policy=GrantPolicy(data=size))
    unit = phone.begin(asks(0)).units[0]
    assert (unit.granted, unit.final, unit.last, unit.threshold) == (MB, True, last, 0)
    unit = phone.go_on(asks(0, used=MB)).units[0]
    assert (unit.result, unit.final, unit.last) == (Result.CREDIT_LIMIT, True, last)
    assert unit.validity == 3600
    phone.state.money += 1_000_000
    unit = phone.go_on(asks(0)).units[0]
    assert (unit.result, unit.final, unit.last) == (Result.SUCCESS, False, None)


def test_what_ends_without_more_says_nothing_of_it() -> None:
    phone = Phone(account("0"))
    unit = phone.begin(asks(0)).units[0]
    assert (unit.result, unit.final, unit.last) == (Result.CREDIT_LIMIT, False, None)


LATER = NOON + 600


def changing(price: str, **more: Any) -> Phone:
    """A cent a megabyte until ten minutes past noon, then `price`."""
    rules = (rule("data", price, MB, increment=MB), rule("voice", price, 1))
    before = (rule("data", "0.01", MB, increment=MB), rule("voice", "0.01", 1))
    return Phone(
        account(**more),
        tariffs(
            compiled(plan(rules=before)),
            compiled(plan(rules=rules), version=2, start=datetime.fromtimestamp(LATER, UTC)),
        ),
    )


def test_a_quota_announces_the_change_and_is_paid_for_either_way() -> None:
    phone = changing("0.03", money="10")
    unit = phone.begin(asks(10 * MB)).units[0]
    assert (unit.granted, unit.tariff_change) == (10 * MB, LATER)
    assert phone.state.held == 300_000
    phone.now = LATER + 60
    phone.end(UnitRequest(rating_group=1, used=10 * MB, after_change=4 * MB))
    assert phone.state.money == 10_000_000 - 60_000 - 120_000
    assert [(each.tariff, each.units) for each in phone.journal] == [(1, 6 * MB), (2, 4 * MB)]
    assert phone.state.held == 0


def test_no_change_is_announced_that_lies_beyond_the_quota() -> None:
    phone = changing("0.03", money="10")
    phone.policy = GrantPolicy(data=GrantSize(MB, MB, GB, 300))
    assert phone.begin(asks(MB)).units[0].tariff_change == 0
    phone.now = LATER
    assert phone.go_on(asks(MB, used=MB)).units[0].tariff_change == 0


def test_a_dearer_price_to_come_makes_the_quota_smaller() -> None:
    """Half of 0.20 pays for ten MB now, and for three of them at 3 cents each."""
    phone = changing("0.03", money="0.20")
    unit = phone.begin(asks(10 * MB)).units[0]
    assert unit.granted == 3 * MB
    phone.now = LATER
    phone.end(UnitRequest(rating_group=1, used=unit.granted, after_change=unit.granted))
    assert phone.state.money >= 0


def test_a_call_is_split_by_the_clock_where_the_price_changes() -> None:
    phone = changing("0.03", money="100")
    phone.now = LATER - 60
    phone.begin(asks(600, group=None), service=Service.VOICE, called="467")
    phone.now = LATER + 40
    phone.end(asks(used=100, group=None), service=Service.VOICE)
    assert [(each.tariff, each.units, each.charge) for each in phone.journal] == [
        (1, 60, 600_000),
        (2, 40, 1_200_000),
    ]


def test_an_impossible_split_is_refused() -> None:
    phone = Phone(account("1"))
    phone.begin(asks(MB))
    unit = UnitRequest(rating_group=1, used=MB, after_change=2 * MB)
    assert phone.go_on(unit).result is Result.INVALID


def test_an_allowance_is_reserved_once_across_a_change() -> None:
    phone = Phone(
        account("0"),
        tariffs(
            compiled(plan(FIVE_GIGABYTES)),
            compiled(plan(FIVE_GIGABYTES), version=2, start=datetime.fromtimestamp(LATER, UTC)),
        ),
    )
    assert phone.begin(asks(GB)).units[0].granted == GB
    assert phone.reserved() == [GB]


def test_without_a_limit_a_change_takes_nothing_away() -> None:
    phone = changing("0.03", money="0")
    phone.state.floor = postpaid().floor
    assert phone.begin(asks(GB)).units[0].granted == GB
