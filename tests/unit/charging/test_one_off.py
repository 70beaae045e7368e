"""What has no session: events, and records that come later."""

import pytest

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    postpaid,
    request,
    tariffs,
)
from trunkline.charging import MOST_UNITS, Action, ChargeRequest, Kind, Result, Service
from trunkline.charging.journal import RecordKind
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.state import NO_FLOOR, encode
from trunkline.kernel.money import to_micros


def sms(session: str = "e1", **more: object) -> ChargeRequest:
    return request(Kind.EVENT, 0, session=session, service=Service.SMS, called="467", **more)  # type: ignore[arg-type]


def test_a_message_is_paid_when_it_is_sent() -> None:
    phone = Phone(account("0.10"))
    answer = phone.send(sms())
    assert (answer.result, answer.cost, answer.currency) == (Result.SUCCESS, 90_000, "EUR")
    assert phone.state.money == 10_000
    assert phone.send(sms("e2")).result is Result.CREDIT_LIMIT
    assert phone.state.money == 10_000


def test_a_repeated_event_is_charged_once() -> None:
    phone = Phone(account("1"))
    first = phone.send(sms())
    before = encode(phone.state)
    assert phone.send(sms()) == first
    assert encode(phone.state) == before


def test_who_sends_much_is_charged_once_for_each_all_the_same() -> None:
    phone = Phone(account("100"))
    answers = [phone.send(sms(f"e{number}")) for number in range(500)]
    before = encode(phone.state)
    assert [phone.send(sms(f"e{number}")) for number in range(500)] == answers
    assert encode(phone.state) == before


def test_what_ended_is_forgotten_when_no_retransmission_can_come() -> None:
    phone = Phone(account("1"))
    phone.send(sms())
    phone.now += DAY
    phone.begin(asks(MB))
    assert phone.state.done == []


def test_several_units_are_debited_one_by_one() -> None:
    phone = Phone(account("0.02"))
    answer = phone.send(request(Kind.EVENT, 0, asks(MB, group=1), asks(5 * MB, group=2)))
    assert answer.result is Result.SUCCESS
    assert [(each.result, each.granted) for each in answer.units] == [
        (Result.SUCCESS, MB),
        (Result.CREDIT_LIMIT, -1),
    ]
    assert phone.state.money == 10_000


def test_money_is_debited_and_refunded() -> None:
    phone = Phone(account("1"))
    debit = request(Kind.EVENT, 0, session="e1", money=600_000)
    assert phone.send(debit).cost == 600_000
    again = request(Kind.EVENT, 0, session="e2", money=600_000)
    assert phone.send(again).result is Result.CREDIT_LIMIT
    refund = request(Kind.EVENT, 0, session="e3", action=Action.REFUND, money=200_000)
    assert phone.send(refund).cost == -200_000
    assert phone.state.money == 600_000
    assert [(each.kind, each.charge) for each in phone.journal] == [
        (RecordKind.USAGE, 600_000),
        (RecordKind.REFUND, -200_000),
    ]


def test_no_refund_makes_a_balance_that_is_past_reckoning() -> None:
    phone = Phone(account("10"))
    refund = request(Kind.EVENT, 0, session="e1", action=Action.REFUND, money=MOST_UNITS)
    assert phone.send(refund).result is Result.INVALID
    assert (phone.state.money, phone.journal) == (10_000_000, [])


def test_no_usage_makes_a_balance_that_is_past_reckoning() -> None:
    phone = Phone(postpaid())
    results = []
    for number in range(4):
        used = request(
            Kind.EVENT,
            0,
            asks(used=MOST_UNITS // 90_000),
            session=f"e{number}",
            service=Service.SMS,
        )
        results.append(phone.send(used).result)
    assert results == [Result.SUCCESS, Result.SUCCESS, Result.INVALID, Result.INVALID]
    assert phone.state.money >= NO_FLOOR
    assert [each.kind for each in phone.journal[2:]] == [RecordKind.UNRATED] * 2


def test_a_refund_in_units_is_worth_their_price() -> None:
    phone = Phone(account("1"))
    phone.send(sms())
    answer = phone.send(sms("e2", action=Action.REFUND))
    assert answer.cost == -90_000
    assert phone.state.money == 1_000_000


@pytest.mark.parametrize(("money", "enough"), [("0.05", True), ("0.04", False)])
def test_a_balance_is_checked_and_a_price_told_without_charging(money: str, enough: bool) -> None:
    phone = Phone(account(money))
    check = request(Kind.EVENT, 0, asks(5 * MB), action=Action.CHECK_BALANCE)
    assert phone.send(check).enough is enough
    price = request(Kind.EVENT, 0, asks(5 * MB), action=Action.PRICE_ENQUIRY)
    assert phone.send(price).cost == 50_000
    assert phone.journal == []
    assert phone.state.money == to_micros(money)


def test_an_event_without_a_price_fails() -> None:
    phone = Phone(account("1", plan="another"))
    assert phone.send(sms()).result is Result.RATING_FAILED
    assert phone.send(sms("e2", action=Action.PRICE_ENQUIRY)).result is Result.RATING_FAILED
    assert phone.send(sms("e3", action=Action.REFUND)).result is Result.RATING_FAILED
    assert phone.state.money == 1_000_000


def test_what_was_delivered_is_debited_whatever_the_balance() -> None:
    """Three messages at nine cents, told of afterwards: only ten cents were there, and nobody
    was to be granted anything."""
    phone = Phone(account("0.10"))
    phone.state.status = 1
    told = request(Kind.EVENT, 0, asks(used=3), session="e1", service=Service.SMS, called="467")
    answer = phone.send(told)
    assert (answer.result, answer.cost, answer.units[0].granted) == (Result.SUCCESS, 270_000, -1)
    assert phone.state.money == -170_000
    assert [(each.units, each.overrun) for each in phone.journal] == [(3, 3)]
    assert phone.send(told) == answer
    assert phone.state.money == -170_000


def test_only_what_was_delivered_is_noted_without_a_price() -> None:
    phone = Phone(account("1", plan="another"))
    assert phone.send(sms()).result is Result.RATING_FAILED
    assert phone.journal == []
    told = request(Kind.EVENT, 0, asks(used=3), session="e2", service=Service.SMS, called="467")
    assert phone.send(told).result is Result.RATING_FAILED
    assert [(each.kind, each.units) for each in phone.journal] == [(RecordKind.UNRATED, 3)]


def test_a_barred_account_is_refunded_but_not_debited() -> None:
    phone = Phone(account("1"))
    phone.state.status = 1
    assert phone.send(sms()).result is Result.DENIED
    refund = request(Kind.EVENT, 0, session="e3", action=Action.REFUND, money=1)
    assert phone.send(refund).result is Result.SUCCESS


def test_a_called_party_that_is_no_number_is_invalid() -> None:
    phone = Phone(account("1"))
    bad = request(Kind.EVENT, 0, service=Service.SMS, called="sip:anna")
    assert phone.send(bad).result is Result.INVALID
    used = request(Kind.EVENT, 0, asks(used=1), service=Service.SMS, called="anna")
    assert charge_usage(phone.state, used, tariffs(), []) is Result.INVALID


def test_late_usage_finds_the_allowance_of_its_month() -> None:
    """The account is used in December first; a record of November is still free."""
    prices = tariffs(compiled(plan(FIVE_GIGABYTES)))
    phone = Phone(postpaid(), prices)
    phone.now += 30 * DAY
    phone.begin(asks(MB))
    for at in (NOON, NOON - 40 * DAY):
        late = request(Kind.EVENT, 0, asks(used=MB), session="late", at=at)
        assert charge_usage(phone.state, late, prices, phone.journal) is Result.SUCCESS
    november, september = phone.journal[-2:]
    assert (november.charge, november.free) == (0, MB)
    assert november.period == phone.state.period - 1
    assert (september.charge, september.free) == (10_000, 0)
